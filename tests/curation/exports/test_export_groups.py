"""From the database to formats that need more than pairs: groups of a prompt, and judges' reasoned answers."""

from __future__ import annotations

import json

import pytest
from django.test.utils import CaptureQueriesContext

from curation.actions import criteria, judgements, raters
from curation.actions.export_rows import Options
from curation.actions.export_source import source_of
from curation.actions.judgements import Act, Link, NewComparison, NewScore, Subject, ranking
from curation.exports.readback import read_back
from curation.exports.writing import write_export
from curation.models import JudgementLink, Rater, RaterStanding, Sample
from tests import factories
from tests.curation.exports import frozen
from tests.curation.exports.test_exporting import rows_of

pytestmark = pytest.mark.django_db


def exported(version):
    return source_of(version, place="here", options=Options())


def judge(name: str = "judge") -> Rater:
    return raters.machine(kind=Rater.Kind.MODEL, name=name, identity={"version": 1})


def answers(of, number: int) -> list[Sample]:
    """The samples of the project's prompt of that number, in order."""
    prompt = of.prompts.order_by("pk")[number]
    return list(prompt.samples.order_by("pk"))


def act_of(rater: Rater, left: Sample, right: Sample, outcome: str, criterion: int, **more) -> Act:
    verdict = {"reasoning": more.pop("reasoning", "the left one is longer"), "preferences": {"overall": {}}}
    if chances := more.pop("chances", None):
        verdict["detail"] = {"distribution": {"overall": chances}}
    return Act(
        rater.pk,
        "compare",
        comparisons=[
            NewComparison(Subject(left.pk, left.prompt_id), Subject(right.pk, right.prompt_id), criterion, outcome)
        ],
        presentation={"order": [left.pk, right.pk], "swapped": False, "repeat": 0},
        payload={"reply": "<think>…</think> 1", "call": 1, "verdict": verdict, **more.pop("payload", {})},
        client_key=more.pop("key", ""),
        **more,
    )


def test_a_group_holds_the_candidates_of_a_prompt_and_what_was_said_of_them(tmp_path):
    version = frozen.freeze(frozen.project("text", prompts=5, samples=3))
    made = exported(version)

    found = [group for split in made.context.splits for group in made.groups(split)]

    assert len(found) == 5
    for group in found:
        assert len(group.candidates) >= 2
        assert {candidate.subject.prompt.id for candidate in group.candidates} == {group.prompt.id}
        assert [one.outcome for one in group.opinions] == ["right"]
    alone = {candidate.subject.key for split in made.context.splits for candidate in made.candidates(split)}
    assert {candidate.subject.key for group in found for candidate in group.candidates} == alone


def test_groups_cost_the_same_queries_however_many_there_are(tmp_path):
    from django.db import connection

    counts = []
    for prompts in (3, 9):
        made = exported(frozen.freeze(frozen.project("text", prompts=prompts, samples=2)))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert sum(1 for split in made.context.splits for _group in made.groups(split)) == prompts
        counts.append(len(asked) / len(made.context.splits))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["groups", "best-of", "trl-kto", "reward-model", "reward-vectors", "rewardbench2"])
def test_a_frozen_version_comes_back_from_every_format_of_words(name, tmp_path):
    made = exported(frozen.freeze(frozen.project("text")))

    write_export(made, [name], tmp_path / "out")

    assert [str(finding) for finding in read_back(tmp_path / "out", made).findings] == []


def test_rewards_are_the_numbers_the_recipe_read(tmp_path):
    of = frozen.project("text")
    noise = criteria.ensure(project=of, key="noise")
    other = raters.machine(kind=Rater.Kind.RULE, name="meter", identity={"version": 1})
    everyone = Sample.objects.filter(project=of)
    scores = [NewScore(Subject(one.pk, one.prompt_id), noise.pk, value=7.0) for one in everyone]
    judgements.record(project=of, acts=[Act(other.pk, "pass", scores=scores)])

    write_export(exported(frozen.freeze(of)), ["groups"], tmp_path / "out")

    found = rows_of(tmp_path / "out", "groups")
    assert {row["reward_name"].partition("@")[0] for row in found} == {"quality/sharpness"}
    assert all(not row["has_equal_rewards"] for row in found)


# -- answers of judges -------------------------------------------------------------------------------------------------


def test_judges_answers_come_with_their_order_what_people_said_and_who_doubts_them(tmp_path):
    of = frozen.project("text", prompts=3, samples=2)
    overall = factories.overall(of).pk
    doubted, sure = judge("judge"), judge("other")
    pairs = [answers(of, number) for number in range(3)]
    # People said that the second sample is better (frozen.project); a judge that saw them the other way round agrees.
    acts = [
        act_of(doubted, pairs[0][1], pairs[0][0], "left", overall, chances={"1": 0.9, "2": 0.1}),
        act_of(doubted, pairs[1][0], pairs[1][1], "left", overall),
        act_of(sure, pairs[2][0], pairs[2][1], "right", overall),
    ]
    recorded = judgements.record(project=of, acts=acts)
    listener = Act(judge("ear").pk, "listen", links=[Link(recorded[2].pk, JudgementLink.Kind.CONTRADICTS)])
    judgements.record(project=of, acts=[listener])
    made = exported(frozen.freeze(of))

    found = {trace.prompt.text: trace for split in made.context.splits for trace in made.traces(split)}

    first, second, third = (found[pair[0].prompt.text] for pair in pairs)
    assert [subject.sample.text for subject in first.subjects] == [pairs[0][1].text, pairs[0][0].text]
    assert (first.outcomes, first.known) == ({"overall": "left"}, {"overall": "left"})
    assert first.distribution == {"overall": {"1": 0.9, "2": 0.1}}
    assert (second.outcomes, second.known) == ({"overall": "left"}, {"overall": "right"})
    assert (third.contradicted, first.contradicted) == (1, 0)
    assert first.rater.id.startswith("judge@")
    write_export(made, ["judge-traces"], tmp_path / "out")
    stages = {name: len(rows_of(tmp_path / "out", f"judge-{name}")) for name in ("sft", "rl", "held-out")}
    assert stages == {"sft": 1, "rl": 1, "held-out": 1}
    assert "Ada" not in json.dumps(rows_of(tmp_path / "out", "judge-sft"), default=str)
    assert read_back(tmp_path / "out", made).is_clean


def test_what_a_judge_looked_at_leaves_with_its_answer_and_without_the_picture(tmp_path):
    of = frozen.project("text", prompts=2, samples=2)
    overall = factories.overall(of).pk
    first, second = answers(of, 0), answers(of, 1)
    entries = [
        {
            "call": 7,
            "words": "The end?",
            "tool": "crop",
            "arguments": {"video": 1, "second": 1.5, "box": [0, 0, 500, 500]},
            "place": "Video 1",
            "box": [0, 0, 32, 24],
            "time_us": 1_500_000,
            "told": "Video 1 at 1.500 seconds",
            "picture": {"sha256": "a" * 64, "width": 32, "height": 24},
        },
        {
            "call": 8,
            "words": "",
            "tool": "",
            "arguments": {},
            "told": "That call could not be carried out",
            "fault": "x",
        },
    ]
    looking = act_of(judge(), first[1], first[0], "left", overall, payload={"trace": entries})
    judgements.record(project=of, acts=[looking, act_of(judge(), second[1], second[0], "left", overall)])
    made = exported(frozen.freeze(of))

    write_export(made, ["judge-traces"], tmp_path / "out")

    looks = {tuple(row["sample_ids"]): row["looks"] for row in rows_of(tmp_path / "out", "judge-sft")}
    (with_looks,) = [found for found in looks.values() if found]
    assert len(looks) == 2
    assert with_looks == [
        {
            "words": "The end?",
            "tool": "crop",
            "arguments": '{"box": [0, 0, 500, 500], "second": 1.5, "video": 1}',
            "place": "Video 1",
            "box": [0, 0, 32, 24],
            "seconds": 1.5,
            "told": "Video 1 at 1.500 seconds",
            "sha256": "a" * 64,
        },
        {
            "words": "",
            "tool": "",
            "arguments": "{}",
            "place": "",
            "box": [],
            "seconds": None,
            "told": "That call could not be carried out",
            "sha256": "",
        },
    ]
    assert read_back(tmp_path / "out", made).is_clean


def test_what_people_in_quarantine_said_is_no_answer_and_retracted_answers_are_gone():
    of = frozen.project("text", prompts=2, samples=2)
    overall = factories.overall(of).pk
    first, second = answers(of, 0), answers(of, 1)
    recorded = judgements.record(
        project=of,
        acts=[
            act_of(judge(), first[0], first[1], "left", overall),
            act_of(judge(), second[0], second[1], "left", overall),
        ],
    )
    person = Rater.objects.get(name="Ada Lovelace")
    earliest = person.judgements.order_by("at").first().at
    RaterStanding.objects.create(
        project=of, rater=person, state=RaterStanding.State.QUARANTINED, since=earliest, reason="asleep"
    )
    judgements.retract(judgements=recorded[1:], reason="retracted", by=None)
    made = exported(frozen.freeze(of))

    found = [trace for split in made.context.splits for trace in made.traces(split)]

    assert [(trace.prompt.text, dict(trace.known)) for trace in found] == [(first[0].prompt.text, {})]


def test_rankings_and_scores_of_judges_are_traces_too():
    of = frozen.project("text", prompts=1, samples=3)
    quality = criteria.ensure(project=of, key="quality").pk
    rows = answers(of, 0)
    subjects = [Subject(row.pk, row.prompt_id) for row in (rows[2], rows[0], rows[1])]
    listed = Act(
        judge().pk,
        "rank",
        comparisons=ranking(subjects, [1, 3, 2], quality),
        presentation={"order": [subject.sample_id for subject in subjects]},
        payload={"reply": "1 3 2", "verdict": {"reasoning": "r", "ranks": {"quality": [1, 3, 2]}}},
    )
    scored = Act(
        judge().pk,
        "rate",
        scores=[NewScore(subjects[0], quality, value=4.0)],
        payload={"reply": "4", "verdict": {"reasoning": "good", "scores": {"quality": {"value": 4.0}}}},
    )
    judgements.record(project=of, acts=[listed, scored])
    made = exported(frozen.freeze(of))

    found = {trace.mode: trace for split in made.context.splits for trace in made.traces(split)}

    assert found["points"].scores == {"quality": 4.0}
    assert [subject.sample.text for subject in found["list"].subjects] == [rows[2].text, rows[0].text, rows[1].text]
    assert found["list"].ranks == {"quality": (1.0, 3.0, 2.0)}
