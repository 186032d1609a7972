"""The catalogue and the page of one scorer: how they are found, what they tell, and a word on a machine."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from curation.actions import judgements, raters
from curation.actions.judgements import Act, NewComparison, Subject
from curation.identity import digest
from curation.models import Job, Project, Rater, RaterStanding, Sample
from scoring import cards, resident, tasks
from scoring.actions.starting import start_scoring
from scoring.catalogue import CATALOGUE
from scoring.models import Canary
from scoring.scorers.base import Needs, Published, Setting
from tests import factories
from tests.scoring import fakes
from tests.scoring.job_helpers import texts, work_through
from tests.scoring.page_helpers import ROLES, count_queries, visitors

pytestmark = pytest.mark.django_db

WEIGHTED = fakes.facts(
    "weighted",
    kind="model",
    queue="gpu",
    family="Letters",
    weights_licence="MIT",
    needs=Needs(media=frozenset({"image"}), roles=("reference",)),
    settings=(Setting("source", "someone/letters@" + "0" * 40, "Where the weights are."),),
    published=(Published("cat.png", "a cat", "weighted_value", 3.25, 0.01, "its paper"),),
)


@pytest.fixture(autouse=True)
def fake_scorers(monkeypatch):
    for name, facts in {**fakes.FAKES, "weighted": WEIGHTED}.items():
        monkeypatch.setitem(CATALOGUE, name, facts)
    monkeypatch.setattr(tasks, "ring", lambda job: True)
    resident.forget()
    yield
    resident.forget()


@pytest.fixture
def project() -> Project:
    return factories.project("letters", task="text")


@pytest.fixture
def sign_in(project: Project) -> Callable[[str], Client]:
    return visitors(project)


def page(name: str, *args: object) -> str:
    return reverse(name, args=["letters", *args])


def scored(project: Project, *words: str, scorer: str = "length") -> Rater:
    texts(project, *(words or ("a", "bb")))
    (job,) = start_scoring(project=project, scorers={scorer: {}}, by=None)
    work_through(job)
    return Rater.objects.get(name=scorer, identity__version="1")


# -- the catalogue ----------------------------------------------------------------------------------------------------


def listed(client: Client, **params: str) -> set[str]:
    html = client.get(page("scorers"), params).content.decode()
    return {name for name in CATALOGUE if f'id="scorer-{name}"' in html}


def test_every_scorer_has_a_card_that_leads_to_its_page(project: Project, sign_in) -> None:
    client = sign_in("viewer")

    assert listed(client) == set(CATALOGUE)
    for name in CATALOGUE:
        assert client.get(page("scorer", name)).status_code == 200, name


@pytest.mark.parametrize(
    ("params", "inside", "outside"),
    [
        ({"judges": "text"}, {"length", "exact_match"}, {"clipscore", "ocr"}),
        ({"judges": "video"}, {"clipscore", "technical"}, {"ocr", "length"}),
        ({"reference": "yes"}, {"weighted"}, {"ocr", "length"}),
        ({"queue": "gpu"}, {"heavy", "weighted"}, {"length"}),
        ({"licence": "no weights"}, {"length"}, {"weighted"}),
        ({"state": "fetch"}, {"weighted", "clipscore"}, {"length", "technical", "ict", "aesthetic25"}),
        ({"state": "name"}, {"ict", "aesthetic25", "skywork_vl"}, {"clipscore", "yes_token", "technical"}),
        ({"q": "VOWELS"}, {"vowels"}, {"length"}),
        ({"q": "hessel captions"}, {"clipscore"}, {"ocr"}),
        ({"judges": "text", "queue": "gpu"}, {"heavy"}, {"length", "weighted"}),
    ],
)
def test_the_list_narrows(project: Project, sign_in, params, inside: set[str], outside: set[str]) -> None:
    found = listed(sign_in("viewer"), **params)

    assert inside <= found
    assert not outside & found


def test_a_search_without_a_match_says_what_to_do(project: Project, sign_in) -> None:
    html = sign_in("viewer").get(page("scorers"), {"q": "zzz"}).content.decode()

    assert "No scorer like that" in html


def test_a_scorer_whose_last_job_failed_says_so_on_card_and_page(project: Project, sign_in) -> None:
    texts(project, "a")
    (job,) = start_scoring(project=project, scorers={"heavy": {}}, by=None)
    work_through(job)
    client = sign_in("viewer")

    assert listed(client, state="trouble") == {"heavy"}
    assert "The weights of “heavy” are not here" in client.get(page("scorer", "heavy")).content.decode()


def test_weights_that_a_worker_has_loaded_are_told_from_those_nobody_has(project: Project, sign_in) -> None:
    client = sign_in("viewer")
    before = client.get(page("scorer", "weighted")).content.decode()
    factories.rater(name="weighted", kind="model", identity={"scorer": "weighted", "version": "1"})
    after = client.get(page("scorer", "weighted")).content.decode()

    assert "No worker has loaded its weights yet" in before
    assert "A worker of this installation has loaded its weights" in after


# -- one scorer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_a_scorers_page_opens_to_those_who_may_view(project: Project, sign_in, role: str, status: int) -> None:
    assert sign_in(role).get(page("scorer", "length")).status_code == status


def test_a_scorer_that_does_not_exist_is_not_found(project: Project, sign_in) -> None:
    assert sign_in("viewer").get(page("scorer", "nothing")).status_code == 404


def test_the_page_says_formula_range_needs_licences_and_settings(project: Project, sign_in) -> None:
    html = sign_in("viewer").get(page("scorer", "weighted")).content.decode()

    for words in (
        "Code points of the text.", "0 to 1,000 (code points)", "higher is better", "in the role “reference”",
        "Apache-2.0", "MIT", "someone/letters@", "together, alone",
    ):  # fmt: skip
        assert words in html, words


def test_a_generator_of_its_own_family_is_named_as_not_independent(project: Project, sign_in) -> None:
    client = sign_in("viewer")
    before = client.get(page("scorer", "weighted")).content.decode()
    factories.generator(project, "scribe", family="letters")
    after = client.get(page("scorer", "weighted")).content.decode()

    assert "no generator of this project shares it" in before
    assert "not independent here" in after
    assert "Of the same family as scribe" in after


def test_two_versions_are_two_raters_told_apart_by_the_part_that_differs(
    project: Project, sign_in, monkeypatch
) -> None:
    scored(project)
    monkeypatch.setitem(CATALOGUE, "length", fakes.facts("length", version="2"))
    resident.forget()
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    work_through(job)

    html = sign_in("viewer").get(page("scorer", "length")).content.decode()

    assert "Differs from the newest in" in html
    assert "<strong>version</strong>" in html
    assert html.index(f"rater {Rater.objects.get(identity__version='2').pk}") < html.index(
        f"rater {Rater.objects.get(identity__version='1').pk}"
    )


def test_raters_of_other_projects_are_not_told_of(project: Project, sign_in) -> None:
    scored(factories.project(task="text"))

    assert "It has not spoken in this project yet" in sign_in("viewer").get(page("scorer", "length")).content.decode()


def test_parity_is_told_row_by_row_or_as_not_compared(project: Project, sign_in, monkeypatch, tmp_path) -> None:
    row = {"scorer": "weighted", "oracle": "transformers", "size": "full", "difference": 2e-6, "tolerance": 1e-5}
    file = tmp_path / "parity.json"
    client = sign_in("viewer")
    monkeypatch.setattr(cards, "PARITY", file)
    before = client.get(page("scorer", "weighted")).content.decode()
    file.write_text(json.dumps({"measured": {"date": "2026-01-02"}, "rows": [{**row, "passed": True, "numbers": 8}]}))
    after = client.get(page("scorer", "weighted")).content.decode()

    assert "Not compared yet." in before
    assert "transformers" in after
    assert "2e-06" in after
    assert "2026-01-02" in after
    assert ">same<" in after


def test_canaries_show_drift_and_the_difference_of_a_short_precision(project: Project, sign_in) -> None:
    rater = factories.rater(name="weighted", kind="model", identity={"scorer": "weighted", "version": "1"})
    rater.judgements.create(project=project, act="pass", at=timezone.now())
    precision = {"largest": 0.021, "worst": "weighted_value of canary 3", "same_order": 1.0}
    Canary.objects.create(rater=rater, host="atlas", values={}, is_first=True, precision=precision)
    Canary.objects.create(
        rater=rater, host="boreas", values={}, drift=0.5, has_drifted=True, worst="weighted_value of canary 2"
    )

    html = sign_in("viewer").get(page("scorer", "weighted")).content.decode()

    assert "drifted</span> weighted_value of canary 2" in html
    assert "boreas" in html
    assert "0.021 deviations at most (weighted_value of canary 3)" in html


def test_published_values_say_how_they_are_checked_until_they_were(
    project: Project, sign_in, settings, tmp_path
) -> None:
    settings.DATA_DIR = tmp_path
    client = sign_in("viewer")
    before = client.get(page("scorer", "weighted")).content.decode()
    found = {
        "scorer": "weighted", "digest": "0" * 64, "identity": {}, "at": "2026-01-02T03:04:05+00:00",
        "compared": [{"sample": "cat.png", "prompt": "a cat", "criterion": "weighted_value", "stated": 3.25,
                      "tolerance": 0.01, "source": "its paper", "measured": 3.9, "problem": ""}],
    }  # fmt: skip
    (tmp_path / "checks" / "weighted").mkdir(parents=True)
    (tmp_path / "checks" / "weighted" / f"{'0' * 64}.json").write_text(json.dumps(found))
    after = client.get(page("scorer", "weighted")).content.decode()

    assert "python manage.py scorers check weighted" in before
    assert "3.9" in after
    assert ">wrong<" in after


def test_agreement_with_people_comes_as_a_part_with_its_interval(project: Project, sign_in) -> None:
    rater = scored(project, "a", "bbbb")
    short, long = project.samples.order_by("pk")
    for number in range(2):
        prompt = factories.prompt(project)
        pair = [factories.sample(prompt, text=text) for text in ("a" * (number + 1), "b" * 9)]
        _vote(project, *pair)
    _vote(project, short, long)
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    work_through(job)

    html = sign_in("viewer").get(page("scorer", "length"), {"part": "accuracy"}).content.decode()

    assert f"rater {rater.pk}" in html
    assert "100 % of single votes" in html
    assert "3 votes on 3 prompts" in html


def _vote(project: Project, worse: Sample, better: Sample) -> None:
    """Somebody finds the second one better."""
    rater = project.raters.filter(name="Ann").first() or factories.rater(project, "Ann")
    sides = [Subject(sample.pk, sample.prompt_id) for sample in (worse, better)]
    said = NewComparison(*sides, factories.overall(project).pk, "right")
    judgements.record(project=project, acts=[Act(rater_id=rater.pk, act="compare", comparisons=[said])])


def test_queries_of_a_scorers_page_do_not_grow_with_its_raters(project: Project, sign_in) -> None:
    client = sign_in("viewer")
    _several(project, 2)
    few = count_queries(client, page("scorer", "length"))
    _several(project, 18)

    assert count_queries(client, page("scorer", "length")) == few


def _several(project: Project, count: int) -> None:
    for number in range(count):
        identity = {"scorer": "length", "version": f"{Rater.objects.count()}-{number}"}
        rater = factories.rater(name="length", kind="rule", identity=identity, identity_digest=digest(identity))
        rater.judgements.create(project=project, act="pass", at=timezone.now())
        Canary.objects.create(rater=rater, host="atlas", values={}, is_first=True)


# -- the word on a machine --------------------------------------------------------------------------------------------


def test_a_machine_is_put_in_quarantine_from_a_day_on_and_trusted_again(project: Project, sign_in) -> None:
    rater = scored(project)
    client = sign_in("curator")
    form = {"state": "quarantined", "since": "2026-01-02", "reason": "its numbers moved"}

    response = client.post(page("machine_standing", rater.pk), form)
    html = client.get(response.url).content.decode()
    first = RaterStanding.objects.get()
    client.post(page("machine_standing", rater.pk), {"state": "trusted", "reason": "mended"})

    assert response.url == page("scorer", "length")
    assert "quarantined" in html
    assert (first.state, first.since.date().isoformat(), first.reason, first.set_by is not None) == (
        "quarantined", "2026-01-02", "its numbers moved", True,
    )  # fmt: skip
    assert Rater.objects.with_standing_in(project).get(pk=rater.pk).standing == "trusted"


def test_a_word_without_a_reason_changes_nothing(project: Project, sign_in) -> None:
    rater = scored(project)

    sign_in("curator").post(page("machine_standing", rater.pk), {"state": "quarantined", "reason": ""})

    assert not RaterStanding.objects.exists()


def test_people_are_not_judged_on_this_page(project: Project, sign_in) -> None:
    person = raters.for_user(factories.member(project, "annotator"))

    response = sign_in("admin").post(page("machine_standing", person.pk), {"state": "quarantined", "reason": "x"})

    assert response.status_code == 404


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("annotator", 403), ("stranger", 404)])
def test_only_curators_and_admins_have_a_word(project: Project, sign_in, role: str, status: int) -> None:
    rater = scored(project)

    response = sign_in(role).post(page("machine_standing", rater.pk), {"state": "quarantined", "reason": "x"})

    assert response.status_code == status
    assert not RaterStanding.objects.exists()


def test_the_last_job_of_a_rater_is_one_click_away(project: Project, sign_in) -> None:
    scored(project)

    html = sign_in("viewer").get(page("scorer", "length")).content.decode()

    assert page("job", Job.objects.get().pk) in html
