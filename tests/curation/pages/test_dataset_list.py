"""The list of datasets: a page of names, the newest versions of each, and all versions of one on request."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from curation.models import Dataset, DatasetVersion, Project, Recipe
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project("boats")


@pytest.fixture
def reader(client, project):
    client.force_login(factories.member(project, "viewer"))
    return client


def _dataset(project: Project, name: str, versions: int) -> Dataset:
    """A dataset with frozen versions 1 to `versions`, and one more that is still being built."""
    recipe, _made = Recipe.objects.get_or_create(project=project, name="plain", number=1, digest="0" * 64)
    dataset = Dataset.objects.create(project=project, name=name)
    counts = {"pairs": 5, "samples": 10, "pairs_by_split": {"train": 5}, "pairs_by_basis": {"people": 5}}
    frozen = {"frozen_at": timezone.now(), "digest": "0" * 64, "pairs_name": "p", "evidence_name": "e"}
    for number in range(1, versions + 1):
        DatasetVersion.objects.create(
            dataset=dataset, number=number, recipe=recipe, seed=1, pair_count=5, manifest={"counts": counts}, **frozen
        )
    DatasetVersion.objects.create(dataset=dataset, number=versions + 1, recipe=recipe, seed=1)
    return dataset


def _labels(client, query: str = "") -> tuple[list[str], str]:
    html = client.get(reverse("datasets", args=["boats"]) + query).content.decode()
    return re.findall(r">([a-z0-9-]+@\d+)</a>", html), html


def test_the_newest_versions_of_a_dataset_are_listed_and_the_older_counted(reader, project) -> None:
    _dataset(project, "many", 9)
    _dataset(project, "one", 1)

    labels, html = _labels(reader)

    assert labels == ["many@9", "many@8", "many@7", "many@6", "many@5", "many@4", "one@1"]
    assert "and 3 older versions" in html
    assert "train 5" in html


def test_all_versions_of_one_dataset_are_listed_on_request_in_pages(reader, project) -> None:
    _dataset(project, "many", 63)
    _dataset(project, "other", 1)

    first, html = _labels(reader, "?dataset=many")
    following = re.search(r'rel="next" href="(\?[^"]+)"', html)[1].replace("&amp;", "&")
    rest, _html = _labels(reader, following)

    assert [*first, *rest] == [f"many@{number}" for number in range(63, 0, -1)]


def test_datasets_come_in_pages_by_name(reader, project) -> None:
    for number in range(14):
        _dataset(project, f"set-{number:02}", 1)

    first, html = _labels(reader)
    following = re.search(r'rel="next" href="(\?[^"]+)"', html)[1]
    rest, _html = _labels(reader, following)

    assert [*first, *rest] == [f"set-{number:02}@1" for number in range(14)]


def test_a_dataset_of_another_project_is_not_here(reader) -> None:
    _dataset(factories.project("elsewhere"), "theirs", 2)

    assert _labels(reader)[0] == []
    assert reader.get(reverse("datasets", args=["boats"]) + "?dataset=theirs").status_code == 404


def test_the_list_costs_the_same_queries_for_two_and_for_ten(reader, project) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            _labels(reader)
        return len(captured)

    _dataset(project, "first", 2)
    few = cost()
    for number in range(9):
        _dataset(project, f"set-{number}", 10)

    assert cost() == few
