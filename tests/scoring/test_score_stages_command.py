"""`score --then … --keep …`: later stages from a terminal, followed to the end."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from config.celery import app
from curation.models import Job, Project, Score, State
from scoring import workers
from scoring.actions import staging
from tests import factories
from tests.scoring.job_helpers import texts
from tests.scoring.test_jobs_commands import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project("letters", task="text")


@pytest.fixture
def nobody_answers(monkeypatch) -> None:
    monkeypatch.setattr(workers, "answering", lambda timeout_seconds=1.0: {})


@pytest.fixture(autouse=True)
def empty_queue():
    yield
    app.control.purge()


def test_later_stages_are_kept_with_the_first_job(project: Project, nobody_answers) -> None:
    run(
        "score",
        "letters",
        scorer=["text_rules"],
        then=["exact_match, technical", "clipscore"],
        keep=["text_rules.text_words:best=2, at_least=3,most=10", "technical.technical_sharpness:at_most=9.5"],
        set=["clipscore.prefix="],
    )

    second, third = Job.objects.get().params[staging.STAGE]["later"]
    assert (second["scorer"], second["criterion"], sorted(second["scorers"])) == (
        "text_rules", "text_words", ["exact_match", "technical"],
    )  # fmt: skip
    assert (second["best_of_prompt"], second["at_least"], second["most"], second["at_most"]) == (2, 3.0, 10, None)
    assert (third["at_most"], third["scorers"]) == (9.5, {"clipscore": {"prefix": ""}})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"then": ["technical"]}, "Each --then needs a --keep"),
        ({"keep": ["text_rules.text_words:best=1"]}, "Each --then needs a --keep"),
        ({"then": ["technical"], "keep": ["text_words:best=1"]}, r"is not NAME\.CRITERION:BAR"),
        ({"then": ["technical"], "keep": ["text_rules.text_words:finest=1"]}, "“finest=1” is no bar"),
        ({"then": ["technical"], "keep": ["text_rules.text_words:best=two"]}, "“two” is not a number for best"),
        ({"then": ["technical"], "keep": ["ocr.ocr_exact:best=1"]}, "which the stage before does not run"),
        ({"then": ["technical"], "keep": ["text_rules.beauty:best=1"]}, "gives no “beauty”"),
        ({"then": ["taste"], "keep": ["text_rules.text_words:best=1"]}, "no scorer “taste”"),
        ({"then": [","], "keep": ["text_rules.text_words:best=1"]}, "names no scorer"),
    ],
)
def test_a_stage_that_cannot_be_is_refused_and_nothing_starts(project: Project, nobody_answers, options, words) -> None:
    with pytest.raises(CommandError, match=words):
        run("score", "letters", scorer=["text_rules"], **options)

    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_wait_follows_the_whole_series(worker_environment, monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", worker_environment["DATABASE_URL"])
    project = factories.project("letters", task="text")
    texts(project, "one two", "three")
    texts(project, "four", "five six seven")
    app.control.purge()

    out, _err = run(
        "score",
        "letters",
        scorer=["text_rules"],
        then=["exact_match"],
        keep=["text_rules.text_words:best=1"],
        wait=True,
    )

    second, first = Job.objects.all()
    assert (first.state, second.state, second.total) == (State.DONE, State.DONE, 2)
    assert "text_rules: 4 of 4 scored" in out
    assert "Stage 2: exact_match" in out
    assert out.index("text_rules: 4 of 4") < out.index("Stage 2") < out.index("exact_match: 0 of 2 scored · 2 not")
    assert set(Score.objects.values_list("rater__name", flat=True)) == {"text_rules"}
