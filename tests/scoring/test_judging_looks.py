"""Judges that look closer, over real HTTP: what is shown and kept, told and counted, paid for and taken up again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image

from curation.errors import Unavailable
from curation.models import Asset, Comparison, Job, Judgement, Project, State
from scoring.actions import parts, starting
from scoring.actions.judging import benches, estimates, looks, working
from scoring.actions.judging.budgets import Limits
from scoring.actions.judging.starting import resume, start_judging, start_trial
from scoring.judges import library
from scoring.judges.base import Passing
from scoring.models import Judge, JudgeCall, Look, Spending
from tests import factories
from tests.scoring.job_helpers import fall_silent
from tests.scoring.judges.server import Rules, Server, serving
from tests.scoring.judging_helpers import judge, work_through
from tests.scoring.looking_judges import (
    CORNER,
    PIXELS,
    bytes_of,
    call,
    corner_of,
    flawed,
    pair,
    saying_in_turn,
    searching,
)
from tests.scoring.making import filmed

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(settings, tmp_path) -> Iterator[Server]:
    with serving(Rules(says=searching)) as server:
        settings.ENDPOINTS_FILE = tmp_path / "endpoints.yaml"
        settings.ENDPOINTS_FILE.write_text(server.endpoints_text(requests_at_once=4, price_prompt=2.0))
        benches.forget()
        yield server
    benches.forget()


@pytest.fixture
def project() -> Project:
    return factories.project()


def looker(project: Project, name: str = "looker", template: str = "image-pair-look", **fields) -> Judge:
    return judge(project, name, template, endpoint="eye", model="eye-1", **fields)


def start(project: Project, **options) -> Job:
    asked = options.pop("judge", None) or looker(project)
    return start_judging(project=project, judge=asked, by=None, **options)


def run(project: Project, **options) -> Job:
    return work_through(start(project, **options))


def come_back(job: Job) -> None:
    """Parts that were put back are due."""
    job.chunks.update(heartbeat_at=timezone.now() - timedelta(seconds=1))


def better(project: Project) -> set[tuple[str, str]]:
    """Whose corner won, by the order in which they were shown."""
    rows = Comparison.objects.living().filter(judgement__project=project).select_related("left_sample", "right_sample")
    return {
        (f"{row.left_sample.generator}-{row.right_sample.generator}", row.outcome)
        for row in rows.select_related("left_sample__generator", "right_sample__generator")
    }


# -- what is shown and kept -------------------------------------------------------------------------------------------


def test_a_judge_is_shown_what_it_asks_for_and_judges_by_it_in_both_orders(project, served) -> None:
    pair(project)

    job = run(project)

    assert (job.state, job.done, job.failed) == (State.DONE, 2, 0)
    assert better(project) == {("painter-0-painter-1", "left"), ("painter-1-painter-0", "right")}
    assert len(served.requests) == 6
    last = max((seen for seen in served.requests), key=lambda seen: seen.turns)
    assert [len(seen.pictures) for seen in sorted(served.requests, key=lambda seen: seen.turns)] == [2, 2, 3, 3, 4, 4]
    assert [message["role"] for message in last.body["messages"]] == ["system", *(["user", "assistant"] * 2), "user"]
    assert {picture.size for picture in last.pictures[-2:]} == {(100, 100)}


def test_the_judgement_keeps_the_trace_and_every_picture_under_its_digest(project, served) -> None:
    light, dark = pair(project)
    run(project)

    said = Judgement.objects.get(presentation__order=[light.pk, dark.pk])

    first, second = said.payload["trace"]
    expected = flawed(220, seed=light.pk).crop(PIXELS)
    asset = Asset.objects.get(sha256=first["picture"]["sha256"])
    content = default_storage.open(asset.storage_name).read()
    assert hashlib.sha256(content).hexdigest() == asset.sha256
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), np.asarray(expected))
    assert (first["tool"], first["arguments"]) == ("crop", {"image": 1, "box": CORNER})
    assert (first["place"], first["box"], first["words"]) == ("Image 1", list(PIXELS), "Let me see the corner of 1.")
    assert first["of"] == light.media.get().asset.renditions.get().sha256
    assert second["place"] == "Image 2"
    assert first["at"] < second["at"] < said.at.isoformat()
    assert said.payload["reply"].startswith("The corners have 220 and 40.")


def test_time_and_cost_of_a_judgement_are_those_of_all_its_turns(project, served) -> None:
    pair(project)
    job = run(project)

    for said in Judgement.objects.all():
        calls = JudgeCall.objects.filter(pk__in=[*(one["call"] for one in said.payload["trace"]), said.payload["call"]])
        assert calls.count() == 3
        assert said.seconds == pytest.approx(sum(one.seconds for one in calls))
        assert said.payload["cost"] == pytest.approx(float(sum(one.cost for one in calls)))
    spent = Spending.objects.get(job=job)
    assert spent.requests == 6
    assert spent.cost == sum((one.cost for one in JudgeCall.objects.all()), Decimal(0))


def test_reasons_hold_what_was_said_before_every_call(project, served) -> None:
    pair(project)
    run(project)

    reasons = Judgement.objects.first().payload["verdict"]["reasoning"]

    assert reasons.startswith("Let me see the corner of 1.\n\nLet me see the corner of 2.\n\nThe corners have ")
    assert "Verdict" not in reasons
    assert "```" not in reasons


def test_a_picture_is_cut_from_the_original_and_not_from_what_was_sent(project, served) -> None:
    pair(project)

    run(project, judge=looker(project, settings={"pictures": {"longest_side": 80}}))

    last = max(served.requests, key=lambda seen: seen.turns)
    assert [picture.size for picture in last.pictures] == [(80, 40), (80, 40), (100, 100), (100, 100)]


def test_moments_of_videos_are_picked(project, served, tmp_path) -> None:
    prompt = factories.prompt(project)
    for place, late in enumerate((230, 20)):
        frames = [Image.new("RGB", (64, 48), (level,) * 3) for level in [120] * 5 + [late]]
        content = filmed(frames, tmp_path).path.read_bytes()
        sample = factories.sample(prompt, f"painter-{place}")
        factories.place(sample, factories.stored(content, f"film-{place}.webm"))
    served.rules.says = lambda seen: (
        f"The end of {seen.turns + 1}?\n{call('frame', video=seen.turns + 1, second=0.7)}"
        if seen.turns < 2
        else searching(seen).replace("Image", "Video")
    )

    job = run(project, judge=looker(project, template="video-pair-look"))

    assert (job.done, job.failed) == (2, 0)
    assert better(project) == {("painter-0-painter-1", "left"), ("painter-1-painter-0", "right")}
    first, second = Judgement.objects.first().payload["trace"]
    assert (first["tool"], first["place"], second["place"]) == ("frame", "Video 1", "Video 2")
    assert "box" not in first
    assert first["time_us"] == pytest.approx(625_000, abs=2000)
    assert first["told"].startswith("Video 1 at 0.625 seconds, the whole frame: 64 × 48")


# -- calls that come to nothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (call(image=1, box=[600, 0, 500, 500]), "the box is empty"),
        (call(image=1, box=[600, 0, 1500, 500]), "not a number from 0 to 1000"),
        (call(image=3, box=CORNER), "not a whole number from 1 to 2"),
        (call("paint"), "there is no tool “paint”"),
        ("```tool\n{crop}\n```", "is no JSON"),
        (f"Verdict: Image 1\n{call(image=1, box=CORNER)}", "holds a verdict and a call"),
        ('```tool\n{"tool": "crop", "image": "\\u0000\\ud800", "box": [0, 0, 9, 9]}\n```', "not a whole number"),
    ],
)
def test_a_call_that_cannot_be_carried_out_is_told_and_the_judge_may_go_on(project, served, reply, told) -> None:
    pair(project)
    served.rules.says = saying_in_turn(reply, "I see.\nVerdict: Image 2")

    job = run(project)

    assert (job.done, job.failed) == (2, 0)
    second = next(seen for seen in served.requests if seen.turns == 1)
    assert second.body["messages"][-1]["content"][0]["text"].startswith("That call could not be carried out: ")
    assert told in second.body["messages"][-1]["content"][0]["text"]
    assert "There may be 5 more calls." in second.text
    (entry,) = Judgement.objects.first().payload["trace"]
    assert told in entry["fault"]
    assert "picture" not in entry
    assert Asset.objects.count() == 2


def test_a_judge_that_never_judges_is_a_counted_failure_and_no_verdict(project, served) -> None:
    pair(project)
    served.rules.says = lambda seen: corner_of(1)

    job = run(project)

    assert (job.state, job.done, job.failed) == (State.DONE, 0, 2)
    assert len(served.requests) == 14, "six calls and one too many, in both orders"
    assert Judgement.objects.count() == 0
    assert "used its tools 6 times, which is all it may" in job.failures.first().reason
    faults = [one.fault for one in JudgeCall.objects.exclude(fault="")]
    assert len(faults) == 2
    last = [seen.text.splitlines()[-1] for seen in served.requests if seen.turns == 6]
    assert last == ["There are no more calls. Give your verdict now, in the form asked for."] * 2


def test_calls_that_come_to_nothing_count_against_the_limit(project, served) -> None:
    pair(project)
    served.rules.says = lambda seen: call(image=9, box=CORNER)

    job = run(project)

    assert (job.done, job.failed, len(served.requests)) == (0, 2, 14)


def test_what_failed_is_asked_anew_from_the_beginning(project, served) -> None:
    pair(project)
    served.rules.says = saying_in_turn(corner_of(1), "I like them all.")
    job = run(project)
    assert (job.done, job.failed, len(served.requests)) == (0, 2, 4)

    served.rules.says = searching
    starting.retry_failed(job=job, by=None)
    job = work_through(Job.objects.get(pk=job.pk))

    assert (job.state, job.done, job.failed) == (State.DONE, 2, 0)
    assert len(served.requests) == 10
    assert JudgeCall.objects.filter(is_current=False).count() == 4, "the receipts stay"


def test_pixels_have_a_limit_over_the_whole_answer(project, served) -> None:
    pair(project)
    found = looks_template(pixels=15_000)
    served.rules.says = saying_in_turn(corner_of(1), corner_of(2), "Enough.\nVerdict: Tie")
    asked = looker(project)

    trial = work_through(start_trial(project=project, judge=asked, document=found, by=None))

    entries = trial.result["trial"][0]["trace"]
    assert "picture" in entries[0]
    assert "100 × 100 pixels, and of all that you may be shown 5,000 are left" in entries[1]["fault"]


def looks_template(**limits) -> dict:
    document = library.to_plain(library.builtin()["image-pair-look"])
    return {**document, "name": "own", "tools": {**document["tools"], **limits}}


# -- paid once --------------------------------------------------------------------------------------------------------


def test_a_budget_counts_every_turn_and_a_larger_one_goes_on_where_it_stopped(project, served) -> None:
    for _prompt in range(3):
        pair(project)

    job = work_through(start(project, limits=Limits(requests=7)))
    assert (job.state, len(served.requests), JudgeCall.objects.count()) == (State.FAILED, 7, 7)
    stopped = job.done

    resume(job=job, limits=Limits(), by=None)
    job = work_through(job)

    assert stopped < 6
    assert (job.state, job.done, job.failed) == (State.DONE, 6, 0)
    assert len(served.requests) == 18, "no turn was paid for twice"
    assert len({seen.digest for seen in served.requests}) == 18


def test_another_judge_with_the_same_model_is_answered_from_what_is_kept(project, served) -> None:
    pair(project)
    run(project)

    job = run(project, judge=looker(project, "second"))

    assert (job.done, len(served.requests), job.result["from_cache"]) == (2, 6, 6)
    traces = [said.payload["trace"] for said in Judgement.objects.order_by("rater", "client_key")]
    assert traces[0] == traces[2]
    assert Look.objects.count() == 4


def test_what_a_dead_worker_was_answered_in_the_middle_of_a_conversation_is_not_paid_again(
    project, served, monkeypatch
) -> None:
    for _prompt in range(3):
        pair(project)
    job = start(project)
    working.step(job.pk)
    job.refresh_from_db()
    dying = parts.claim_next(job, "dying")
    real = looks.kept
    carried_out = []

    def kept_and_killed(**keywords):
        carried_out.append(real(**keywords))
        if len(carried_out) == 5:
            raise KeyboardInterrupt
        return carried_out[-1]

    monkeypatch.setattr(looks, "kept", kept_and_killed)
    with pytest.raises(KeyboardInterrupt):
        parts.work(dying, "dying", working.STEPS)
    monkeypatch.undo()
    paid = len(served.requests)
    assert paid == JudgeCall.objects.count() < 18

    fall_silent(job)
    job = work_through(job)

    assert (job.state, job.done, job.failed) == (State.DONE, 6, 0)
    assert len(served.requests) == 18
    assert (Look.objects.count(), Judgement.objects.count()) == (12, 6)


def test_a_reply_whose_look_was_not_carried_out_is_not_paid_again(project, served, monkeypatch) -> None:
    pair(project)
    job = start(project)
    working.step(job.pk)
    job.refresh_from_db()
    dying = parts.claim_next(job, "dying")
    monkeypatch.setattr(looks, "kept", lambda **keywords: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        parts.work(dying, "dying", working.STEPS)
    monkeypatch.undo()
    assert Look.objects.count() == 0

    fall_silent(job)
    job = work_through(job)

    assert (job.done, len(served.requests), Look.objects.count()) == (2, 6, 4)


def test_samples_with_the_same_content_are_looked_at_once(project, served) -> None:
    prompt = factories.prompt(project)
    for place, corner in enumerate((220, 40, 220, 40)):
        sample = factories.sample(prompt, f"painter-{place}")
        factories.place(sample, factories.stored(bytes_of(flawed(corner)), "same.png"))

    job = run(project)

    assert (job.done, len(served.requests), Look.objects.count()) == (4, 6, 4)


# -- what is nobody's fault -------------------------------------------------------------------------------------------


def test_a_storage_that_cannot_be_written_puts_the_part_back_and_blames_no_sample(project, served, monkeypatch) -> None:
    pair(project)

    def full(content: bytes) -> int:
        raise Unavailable("The media folder is full.")

    monkeypatch.setattr(looks, "_stored", full)
    job = start(project)
    working.step(job.pk)
    working.step(job.pk)
    job.refresh_from_db()
    assert (job.state, job.failed, Look.objects.count()) == (State.RUNNING, 0, 0)
    assert "full" in job.chunks.get().error
    monkeypatch.undo()

    come_back(job)
    job = work_through(job)

    assert (job.state, job.done, job.failed) == (State.DONE, 2, 0)
    assert len(served.requests) == 6


def test_a_file_that_went_missing_is_the_samples_failure(project, served, monkeypatch) -> None:
    pair(project)
    monkeypatch.setattr(looks.looking, "read_picture", lambda path: (_ for _ in ()).throw(ValueError("it is gone")))

    job = run(project)

    assert (job.done, job.failed) == (0, 2)
    assert job.failures.first().reason == "it is gone"
    assert len(served.requests) == 2
    monkeypatch.undo()

    starting.retry_failed(job=job, by=None)
    job = work_through(Job.objects.get(pk=job.pk))

    assert (job.done, len(served.requests)) == (2, 6), "the reply stands; only the look was missing"


def test_a_backend_that_is_away_between_two_turns_puts_the_part_back(project, served, monkeypatch) -> None:
    pair(project)
    job = start(project)
    working.step(job.pk)
    backend = benches.bench(Judge.objects.get(), job).backend
    real, asked = backend.ask, []

    def away(question):
        asked.append(question)
        if question.turns:
            raise Passing("the model is away")
        return real(question)

    monkeypatch.setattr(backend, "ask", away)
    working.step(job.pk)
    job.refresh_from_db()
    assert (job.failed, JudgeCall.objects.count(), Look.objects.count()) == (0, 2, 2)
    monkeypatch.undo()

    come_back(job)
    job = work_through(job)

    assert (job.state, job.done, len(served.requests)) == (State.DONE, 2, 6)


# -- rules of the database and what is said beforehand ----------------------------------------------------------------


def test_a_look_is_written_once(project, served) -> None:
    pair(project)
    run(project)

    with pytest.raises(IntegrityError, match="is evidence and does not change"), transaction.atomic():
        Look.objects.update(words="another")


@pytest.mark.parametrize("changes", [{"told": ""}, {"fault": "no"}, {"asset": None}, {"tool": ""}, {"digest": "x"}])
def test_the_database_refuses_looks_that_cannot_be(project, served, changes) -> None:
    pair(project)
    run(project)
    look = Look.objects.select_related("call", "asset").first()
    other = JudgeCall.objects.filter(look=None).first()
    fields = {
        name: getattr(look, name)
        for name in ("tool", "arguments", "place", "digest", "box", "time_us", "asset", "told", "fault")
    }

    with pytest.raises(IntegrityError), transaction.atomic():
        Look.objects.create(call=other, **{**fields, **changes})


def test_an_estimate_knows_that_an_answer_takes_several_calls(project, served) -> None:
    pair(project)
    asked = looker(project)
    run(project, judge=asked)
    mean = JudgeCall.objects.all()
    tokens = sum(one.prompt_tokens + one.answer_tokens for one in mean)
    pair(project)

    found = estimates.estimate(project=project, judge=asked)

    assert found.calls == 2
    assert found.tokens == pytest.approx(tokens)
    assert found.cost == pytest.approx(float(sum(one.cost for one in mean)))
