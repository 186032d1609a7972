"""The lists of prompts and samples: search, facets, sorting by any score, histogram, and their cost."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation.actions import judgements
from curation.actions.judgements import Act, NewFlag, PassScore
from curation.models import Sample, score_columns
from tests import factories
from tests.curation.pages.scene import Scene, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> Scene:
    return scene()


@pytest.fixture
def reader(client, boats):
    client.force_login(factories.member(boats.project, "viewer"))
    return client


def _shown(client, made: Scene, query: str = "", name: str = "samples") -> list[int]:
    """Ids of the samples (or prompts) on the page, in order."""
    answer = client.get(reverse(name, args=[made.project.slug]) + query)
    assert answer.status_code == 200, answer.content.decode()
    html = answer.content.decode()
    if name == "samples":
        return [int(pk) for pk in re.findall(r'id="sample-(\d+)"', html)]
    return [int(pk) for pk in re.findall(r'class="prompt-text[^"]*" href="/projects/[^/]+/prompts/(\d+)/"', html)]


def _column(made: Scene) -> str:
    return f"{made.scorer.pk}.{made.sharpness.pk}"


def test_samples_come_newest_first_and_turn_round(reader, boats) -> None:
    ids = [sample.pk for sample in boats.samples]

    assert _shown(reader, boats) == ids[::-1]
    assert _shown(reader, boats, "?order=up") == ids


def test_samples_sort_by_a_score_both_ways(reader, boats) -> None:
    ids = [sample.pk for sample in boats.samples]  # scored 0, 10, 20, ...

    assert _shown(reader, boats, f"?sort={_column(boats)}") == ids[::-1]
    assert _shown(reader, boats, f"?sort={_column(boats)}&order=up") == ids


def test_bounds_of_a_score_hold_the_samples_between_them(reader, boats) -> None:
    ids = [sample.pk for sample in boats.samples]

    assert _shown(reader, boats, f"?sort={_column(boats)}&order=up&low=20&high=40") == ids[2:5]


def test_the_histogram_counts_every_living_score_and_its_bars_know_their_bounds(reader, boats) -> None:
    address = reverse("samples", args=[boats.project.slug]) + f"?sort={_column(boats)}"

    html = reader.get(f"{address}&part=histogram").content.decode()

    [column] = [c for c in score_columns.of_project(boats.project) if c.key == _column(boats)]
    histogram = score_columns.histogram(column)
    assert histogram is not None
    assert (histogram.low, histogram.high, histogram.total) == (0.0, 70.0, 8)
    assert html.count('class="bin bin-in"') == len(histogram.counts) == 40
    assert 'data-low="0.0"' in html
    assert 'data-high="70.0"' in html
    assert f'hx-get="{address}&amp;part=histogram"' in reader.get(address).content.decode()


def test_scores_of_another_occasion_or_prompt_do_not_double_a_sample(reader, boats) -> None:
    other = factories.prompt(boats.project, "a green boat")
    judgements.record_pass(
        project=boats.project,
        rater=boats.scorer,
        job=None,
        scores=[PassScore(boats.samples[0].pk, other.pk, boats.sharpness.pk, 99.0)],
    )

    shown = _shown(reader, boats, f"?sort={_column(boats)}")

    assert len(shown) == len(set(shown)) == 8


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("?round=1", [7, 6, 5, 4]),
        ("?kind=real", []),
        ("?media=present", [7, 6, 5, 4, 3, 2, 1, 0]),
        ("?media=absent", []),
        ("?tag=boats", [7, 6, 5, 4, 3, 2, 1, 0]),
        ("?tag=cars", []),
        ("?scored=none", []),
        ("?scored=any", [7, 6, 5, 4, 3, 2, 1, 0]),
        ("?q=quiet+lak", [7, 6, 5, 4, 3, 2, 1, 0]),
        ("?q=quiet+sea", []),
        ("?q=boats-1-s3", [3]),
        ("?flagged=broken", [2]),
        ("?flagged=unsafe", []),
        ("?flagged=any&round=0", [2]),
    ],
)
def test_facets_and_search_narrow_the_samples(reader, boats, query, places) -> None:
    judgements.record(
        project=boats.project,
        acts=[Act(boats.person.pk, "flag", flags=[NewFlag(boats.samples[2].pk, "broken")])],
    )

    assert _shown(reader, boats, query) == [boats.samples[place].pk for place in places]


def test_samples_narrow_by_generator_and_by_scorer(reader, boats) -> None:
    maker = boats.samples[1].generator
    made_by = [sample.pk for sample in boats.samples if sample.generator_id == maker.pk]
    extra = factories.sample(boats.prompt)

    assert sorted(_shown(reader, boats, f"?generator={maker.pk}")) == made_by
    assert extra.pk not in _shown(reader, boats, f"?scored={boats.scorer.pk}")
    assert _shown(reader, boats, "?scored=none") == [extra.pk]


def test_answers_in_words_are_found_by_their_words(reader, boats) -> None:
    answer = factories.sample(boats.prompt, text="Eine Möwe sitzt auf dem Mast.")

    assert _shown(reader, boats, "?q=möwe+mast") == [answer.pk]


def test_words_with_operators_of_the_search_language_are_only_words(reader, boats) -> None:
    for words in ("a'b", "boat & !lake", "<->", ":*", "\\", "%_"):
        assert reader.get(reverse("samples", args=[boats.project.slug]), {"q": words}).status_code == 200
        assert reader.get(reverse("prompts", args=[boats.project.slug]), {"q": words}).status_code == 200


@pytest.mark.parametrize(
    "query", ["?sort=1.2.3", "?sort=9999.1", "?low=abc&sort=", "?round=x", "?after=zz", "?high=nan"]
)
def test_an_address_that_was_tampered_with_is_refused_in_words(reader, boats, query) -> None:
    answer = reader.get(reverse("samples", args=[boats.project.slug]) + query)

    assert answer.status_code == 400
    assert "That cannot be done" in answer.content.decode()


def test_pages_of_a_sorted_list_hold_every_sample_once(reader, boats) -> None:
    more = [factories.sample(boats.prompt) for _ in range(70)]
    judgements.record_pass(
        project=boats.project,
        rater=boats.scorer,
        job=None,
        scores=[PassScore(s.pk, s.prompt_id, boats.sharpness.pk, n % 5) for n, s in enumerate(more)],
    )
    samples, query = reverse("samples", args=[boats.project.slug]), f"?sort={_column(boats)}"

    seen: list[int] = []
    while query:
        html = reader.get(samples + query).content.decode()
        seen += [int(pk) for pk in re.findall(r'id="sample-(\d+)"', html)]
        following = re.search(r'rel="next" href="(\?[^"]+)"', html)
        query = following[1].replace("&amp;", "&") if following else ""

    assert sorted(seen) == sorted(Sample.objects.values_list("pk", flat=True))
    assert len(seen) == len(set(seen)) == 78


def test_prompts_are_found_by_beginnings_of_words_and_by_key(reader, boats) -> None:
    other = factories.prompt(boats.project, "a wooden house in the snow", key="house-1", tags=["houses"])

    assert _shown(reader, boats, "?q=wood+sno", "prompts") == [other.pk]
    assert _shown(reader, boats, "?q=house-1", "prompts") == [other.pk]
    assert _shown(reader, boats, "?tag=houses", "prompts") == [other.pk]
    assert _shown(reader, boats, "?samples=none", "prompts") == [other.pk]
    assert _shown(reader, boats, "?samples=some", "prompts") == [boats.prompt.pk]
    assert _shown(reader, boats, "?judged=yes", "prompts") == [boats.prompt.pk]
    assert _shown(reader, boats, "?judged=no", "prompts") == [other.pk]


@pytest.mark.parametrize(("name", "query"), [("prompts", ""), ("samples", ""), ("samples", "sorted"), ("project", "")])
def test_lists_cost_the_same_queries_for_two_rows_and_for_twenty(
    client, name, query, django_assert_num_queries
) -> None:
    few, many = scene(2, slug="few"), scene(20, slug="many")
    for number in range(20):
        factories.place(factories.sample(factories.prompt(many.project, f"prompt {number}")))
    factories.sample(factories.prompt(few.project, "another"))
    client.force_login(factories.user("boss", is_superuser=True))

    def address(made: Scene) -> str:
        return reverse(name, args=[made.project.slug]) + (f"?sort={_column(made)}" if query else "")

    client.get(address(few))
    with django_assert_num_queries(_count(client, address(few))):
        client.get(address(many))


def _count(client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    assert len(captured) < 25
    return len(captured)


def test_empty_lists_say_what_to_do(client) -> None:
    project = factories.project("empty")
    client.force_login(factories.member(project, "curator"))

    assert "No prompts yet" in client.get(reverse("prompts", args=["empty"])).content.decode()
    assert "No samples yet" in client.get(reverse("samples", args=["empty"])).content.decode()
    assert "No sample like that" in client.get(reverse("samples", args=["empty"]) + "?q=x").content.decode()
    assert "Nothing here yet" in client.get(reverse("project", args=["empty"])).content.decode()
