"""Ensembles over real rows: what they say, what it rests on, and how it follows when their members change."""

from __future__ import annotations

import statistics

import pytest
from django.utils import timezone

from curation.actions import criteria, deriving, ensembles, jobs, judgements, raters
from curation.actions.judgements import Act, Link, NewScore, PassScore, Subject
from curation.errors import Refused
from curation.models import (
    Comparison,
    CriterionVersion,
    Job,
    Judgement,
    JudgementLink,
    JudgingContext,
    Rater,
    RaterMember,
    Score,
)
from curation.models.ensemble_frames import EVERYTHING
from curation.rewards.plan import parse_ensemble
from curation.tasks import build_version
from tests.curation.rewards.scene import Scene, counts, panel


@pytest.fixture
def scene(db) -> Scene:
    return Scene()


# -- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.capability("C7")
def test_an_ensemble_lists_its_members_and_keeps_their_spread(scene):
    scene.scores("ann", [0.1, 0.5, 0.9, 0.2, 0.2, 0.2])
    scene.scores("bob", [0.3, 0.5, 0.1, 0.2, 0.4, 0.8])
    ensemble = scene.make(panel("ann", "bob").replace("{rater: ann,", "{rater: ann, weight: 3,"))

    result = scene.run(ensemble)

    assert {(row.member.name, row.weight) for row in ensemble.members.all()} == {("ann", 3.0), ("bob", 1.0)}
    assert ensemble.kind == "ensemble"
    assert ensemble.identity["rule"] == "mean"
    ann, bob = [0.1, 0.5, 0.9, 0.2, 0.2, 0.2], [0.3, 0.5, 0.1, 0.2, 0.4, 0.8]
    for sample, one, other in zip(scene.samples, ann, bob, strict=True):
        value, spread = scene.said(ensemble)[sample.pk]
        assert value == pytest.approx((3 * one + other) / 4)
        assert spread == pytest.approx(statistics.pstdev([one, one, one, other]), abs=1e-12)
    (act,) = Judgement.objects.filter(rater=ensemble)
    assert act.payload == {
        "members": ["ann · quality", "bob · quality"],
        "values": [list(pair) for pair in zip(ann, bob, strict=True)],
    }
    assert counts(result) == (6, 0, 0, 0, 0)
    assert result["correlations"][0][1] == pytest.approx(statistics.correlation(ann, bob))
    assert result["members"] == ["ann · quality", "bob · quality"]
    assert 1 <= result["effective_opinions"] <= 2


def test_another_rule_or_weight_is_another_rater_and_the_same_plan_the_same(scene):
    scene.scores("ann", [0.1])
    scene.scores("bob", [0.3])
    first = scene.make(panel("ann", "bob"))

    assert scene.make(panel("ann", "bob", extra="missing: drop")) == first
    others = [
        panel("ann", "bob", rule="median"),
        panel("ann", "bob", extra="missing: renormalise"),
        panel("ann", "bob").replace("{rater: ann,", "{rater: ann, weight: 2,"),
        panel("ann", "bob").replace("{rater: ann,", "{rater: ann, transform: [{clip: {low: 0.2}}],"),
        panel("ann", "bob", extra="criterion: other"),
    ]
    made = {scene.make(text).pk for text in others[:3] + others[4:]}
    assert first.pk not in made
    assert len(made) == 4
    with pytest.raises(Refused, match=r"line 6: .*transforms that end on one scale"):
        scene.make(others[3])
    assert ensembles.plan_of(first) == parse_ensemble(panel("ann", "bob", extra="criterion: quality"))


def test_the_worst_case_of_what_is_better_low(scene):
    noise = criteria.Wording("Noise", scale="interval", low=0.0, high=9.0, unit="grey levels", higher_is_better=False)
    scene.criterion("noise", noise)
    scene.scores("ann", [1.0, 5.0], "noise")
    scene.scores("bob", [2.0, 3.0], "noise")
    ensemble = scene.make(panel("ann", "bob", rule="worst", what="scores: noise"))

    scene.run(ensemble)

    assert [scene.said(ensemble)[sample.pk][0] for sample in scene.samples[:2]] == [2.0, 5.0]


def test_scorers_on_different_scales_need_transforms(scene):
    scene.criterion("points", criteria.Wording("Points", scale="interval", low=1.0, high=5.0, unit="points"))
    scene.scores("ann", [0.25, 0.5])
    scene.scores("bob", [5.0, 1.0], "points")
    mixed = panel("ann", "bob").replace("bob, scores: quality", "bob, scores: points")

    with pytest.raises(Refused, match=r"line 6: “ann” is measured in quality \(0 to 1\) and “bob” in points"):
        scene.make(mixed)
    cured = mixed.replace("points}", "points, transform: [{bounded: {low: 1, high: 5}}]}")
    with pytest.raises(Refused, match="Name the criterion"):
        scene.make(cured)
    ensemble = scene.make(cured + "criterion: mix\n")
    scene.run(ensemble)

    assert [scene.said(ensemble)[sample.pk][0] for sample in scene.samples[:2]] == [0.625, 0.25]
    made = CriterionVersion.objects.get(criterion__project=scene.project, criterion__key="mix")
    assert (made.low, made.high, made.higher_is_better) == (0.0, 1.0, True)
    (act,) = Judgement.objects.filter(rater=ensemble)
    assert act.payload["values"] == [[0.25, 5.0], [0.5, 1.0]]
    assert act.payload["counted"] == [[0.25, 1.0], [0.5, 0.0]]


def test_a_reference_set_is_measured_once_and_is_part_of_the_identity(scene):
    scene.scores("ann", [0.0, 1.0, 0.0, 1.0])
    scene.scores("bob", [0.0, 0.5, 0.0, 0.5])
    text = panel("ann", "bob", extra="criterion: z").replace("quality}", "quality, transform: [{zscore: {over: all}}]}")
    first = scene.make(text)
    scene.act("ann", scene.samples[4], 0.9)

    second = scene.make(text)

    assert first != second
    assert first.identity["spoken"][0]["transform"] == [{"zscore": {"over": "all", "mean": 0.5, "deviation": 0.5}}]
    scene.run(first)
    assert scene.said(first)[scene.samples[1].pk] == (1.0, 0.0)


def test_repeats_of_one_judge_are_opinions(scene):
    first, second = scene.samples[:2]
    for value in (0.2, 0.4, 0.9, 0.0):
        scene.act("ann", first, value)
    scene.act("ann", second, 0.5)
    text = "ensemble: 1\nname: thrice\nrule: median\nrepeats: {rater: ann, scores: quality, times: 3}\n"
    ensemble = scene.make(text)

    result = scene.run(ensemble)

    value, spread = scene.said(ensemble)[first.pk]
    assert (value, spread) == (0.4, pytest.approx(statistics.pstdev([0.2, 0.4, 0.9])))
    assert second.pk not in scene.said(ensemble)
    assert counts(result) == (1, 0, 0, 0, 1)
    assert result["silent"] == [0, 1, 1]
    assert RaterMember.objects.get(ensemble=ensemble).member.name == "ann"


def test_missing_members_are_left_out_or_share_their_weight(scene):
    scene.scores("ann", [0.2, 0.4])
    scene.scores("bob", [0.4])
    scene.scores("cem", [0.9])
    strict, lenient = panel("ann", "bob", "cem"), panel("ann", "bob", "cem", extra="missing: renormalise\nleast: 2")

    drop, share = scene.run(scene.make(strict)), scene.run(scene.make(lenient))

    assert counts(drop) == counts(share) == (1, 0, 0, 0, 1)
    scene.act("bob", scene.samples[1], 0.6)
    ensemble = scene.make(lenient)
    scene.run(ensemble)
    assert scene.said(ensemble)[scene.samples[1].pk][0] == 0.5


def test_what_does_not_count_is_not_read(scene):
    principle = JudgingContext.objects.create(project=scene.project, kind="principle", name="safety", text="t")
    template = JudgingContext.objects.create(project=scene.project, kind="template", name="words", text="t")
    first, second, third = scene.samples[:3]
    for judge in ("ann", "bob"):
        scene.act(judge, first, 0.5, context_id=template.pk)
        scene.act(judge, second, 0.9, context_id=principle.pk)
        scene.act(judge, second, 0.1)
        scene.act(judge, third, 0.3, purpose="gold")
        scene.act(judge, third, 0.3, prompt=scene.groups[1][0].prompt)
    ensemble = scene.make(panel("ann", "bob"))

    scene.run(ensemble)

    rows = Score.objects.living().filter(rater=ensemble).order_by("pk")
    assert {(row.sample_id, row.context_id, row.value) for row in rows} == {
        (first.pk, None, 0.5),
        (second.pk, principle.pk, 0.9),
        (second.pk, None, 0.1),
    }


def test_a_contrast_prompt_is_read_and_cited(scene):
    other = scene.groups[1][0].prompt
    first = scene.samples[0]
    acts = [scene.act(judge, first, value, prompt=prompt)
            for judge, pair in (("ann", (0.9, 0.4)), ("bob", (0.7, 0.4)))
            for prompt, value in zip((first.prompt, other), pair, strict=True)]  # fmt: skip
    text = panel("ann", "bob", extra="criterion: gain").replace("quality}", "quality, transform: [contrast]}")
    ensemble = scene.make(text)

    scene.run(ensemble)

    assert scene.said(ensemble)[first.pk] == (pytest.approx(0.4), pytest.approx(0.1))
    sources = JudgementLink.objects.filter(judgement__rater=ensemble, kind="derived-from")
    assert set(sources.values_list("source_id", flat=True)) == {act.pk for act in acts}


# -- votes ------------------------------------------------------------------------------------------------------------


def test_votes_in_both_orders_are_one_voice_a_judge(scene):
    a, b, c = scene.groups[0]
    scene.vote("ann", a, b, "left")
    scene.vote("ann", b, a, "right")
    scene.vote("bob", b, a, "right")
    scene.vote("cem", a, b, "right")
    scene.vote("ann", a, c, "left")
    scene.vote("ann", c, a, "left")  # a flip: a tie
    scene.vote("bob", c, a, "tie")
    scene.vote("cem", a, c, "both-bad")
    ensemble = scene.make(panel("ann", "bob", "cem", rule="vote", what="votes: better"))

    result = scene.run(ensemble)

    rows = {(row.left_sample_id, row.right_sample_id): row for row in Comparison.objects.filter(rater=ensemble)}
    assert (rows[a.pk, b.pk].outcome, rows[a.pk, b.pk].confidence) == ("left", pytest.approx(2 / 3))
    assert (rows[a.pk, c.pk].outcome, rows[a.pk, c.pk].confidence) == ("tie", pytest.approx(2 / 3))
    acts = Judgement.objects.filter(rater=ensemble).order_by("pk")
    assert [act.payload["values"] for act in acts] == [[[1.0, 1.0, 0.0]], [[0.5, 0.5, -1.0]]]
    assert counts(result) == (2, 0, 0, 0, 0)
    assert result["common_subjects"] == 1  # both bad is on no side


# -- how it follows ---------------------------------------------------------------------------------------------------


def test_a_retraction_travels_to_what_was_derived_and_to_nothing_else(scene):
    acts = [[scene.act(judge, sample, 0.5) for sample in scene.samples] for judge in ("ann", "bob")]
    ensemble = scene.make(panel("ann", "bob"))
    scene.run(ensemble)

    judgements.retract(judgements=[acts[0][2]], reason="retracted", by=None)

    fallen = Judgement.objects.get(rater=ensemble, retracted_at__isnull=False)
    assert fallen.retraction == "member-retracted"
    assert set(scene.said(ensemble)) == {sample.pk for sample in scene.samples} - {scene.samples[2].pk}
    assert counts(scene.run(ensemble)) == (0, 5, 0, 0, 1)


def test_running_it_again_writes_only_what_is_missing(scene):
    scene.scores("ann", [0.1, 0.2, 0.3])
    scene.scores("bob", [0.1, 0.2, 0.3])
    ensemble = scene.make(panel("ann", "bob"))
    scene.run(ensemble)
    before = list(Judgement.objects.filter(rater=ensemble).values_list("pk", flat=True))

    assert counts(scene.run(ensemble)) == (0, 3, 0, 0, 0)
    for judge in ("ann", "bob"):
        scene.act(judge, scene.samples[3], 0.7)
    assert counts(scene.run(ensemble)) == (1, 3, 0, 0, 0)

    assert Judgement.objects.filter(pk__in=before, retracted_at=None).count() == len(before)
    assert len(scene.said(ensemble)) == 4


def test_a_superseded_member_leads_to_a_superseding_opinion(scene):
    first = scene.act("ann", scene.samples[0], 0.2)
    scene.act("bob", scene.samples[0], 0.4)
    ensemble = scene.make(panel("ann", "bob"))
    scene.run(ensemble)
    (old,) = Judgement.objects.filter(rater=ensemble)
    subject = Subject(scene.samples[0].pk, scene.samples[0].prompt_id)
    act = Act(rater_id=first.rater_id, act="rate", scores=[NewScore(subject, scene.criterion("quality").pk, 0.8)])

    judgements.supersede(project=scene.project, old=first, act=act, by=None)
    result = scene.run(ensemble)

    (new,) = Judgement.objects.filter(rater=ensemble, retracted_at=None)
    assert scene.said(ensemble) == {scene.samples[0].pk: (pytest.approx(0.6), pytest.approx(0.2))}
    assert JudgementLink.objects.get(judgement=new, kind="supersedes").source == old
    assert counts(result) == (1, 0, 0, 0, 0)
    assert counts(scene.run(ensemble)) == (0, 1, 0, 0, 0)


def test_one_more_answer_of_a_member_replaces_the_opinion(scene):
    scene.act("ann", scene.samples[0], 0.2)
    scene.act("bob", scene.samples[0], 0.4)
    ensemble = scene.make(panel("ann", "bob"))
    scene.run(ensemble)
    old = Judgement.objects.get(rater=ensemble)

    scene.act("ann", scene.samples[0], 0.6)
    result = scene.run(ensemble)

    old.refresh_from_db()
    assert old.retraction == "superseded"
    assert scene.said(ensemble)[scene.samples[0].pk][0] == pytest.approx(0.4)
    assert counts(result) == (1, 0, 1, 0, 0)
    assert JudgementLink.objects.get(source=old, kind="supersedes").judgement.rater == ensemble


def test_a_transform_that_looks_at_the_prompt_follows_its_other_samples(scene):
    for judge in ("ann", "bob"):
        for sample, value in zip(scene.samples, (0.1, 0.2), strict=False):
            scene.act(judge, sample, value)
        scene.act(judge, scene.samples[3], 0.9)  # another prompt
    text = panel("ann", "bob", extra="criterion: place").replace("quality}", "quality, transform: [percentile]}")
    ensemble = scene.make(text)
    scene.run(ensemble)
    elsewhere = Score.objects.get(rater=ensemble, sample=scene.samples[3])

    for judge in ("ann", "bob"):
        scene.act(judge, scene.samples[2], 0.15)
    result = scene.run(ensemble)

    found = [scene.said(ensemble)[sample.pk][0] for sample in scene.samples[:3]]
    assert found == [pytest.approx(1 / 6), pytest.approx(5 / 6), pytest.approx(1 / 2)]
    assert counts(result) == (3, 1, 1, 0, 0)
    elsewhere.refresh_from_db()
    assert not elsewhere.is_retracted


def test_a_quarantined_member_takes_the_opinion_with_it_at_the_next_run(scene):
    scene.scores("ann", [0.2])
    scene.scores("bob", [0.4])
    ensemble = scene.make(panel("ann", "bob"))
    scene.run(ensemble)
    since = timezone.now() - timezone.timedelta(hours=1)
    raters.set_standing(
        project=scene.project, rater=scene.judge("ann"), state="quarantined", since=since, reason="drift", by=None
    )

    result = scene.run(ensemble)

    assert counts(result) == (0, 0, 0, 1, 1)
    assert not scene.said(ensemble)
    raters.set_standing(
        project=scene.project, rater=scene.judge("ann"), state="trusted", since=since, reason="mended", by=None
    )
    assert counts(scene.run(ensemble)) == (1, 0, 0, 0, 0)


def test_a_contradicted_answer_is_no_opinion(scene):
    doubted = scene.act("ann", scene.samples[0], 0.2)
    scene.act("bob", scene.samples[0], 0.4)
    listener = Act(
        rater_id=scene.judge("ear").pk, act="listen", links=[Link(doubted.pk, JudgementLink.Kind.CONTRADICTS)]
    )
    judgements.record(project=scene.project, acts=[listener])

    assert counts(scene.run(scene.make(panel("ann", "bob")))) == (0, 0, 0, 0, 1)


def test_statements_on_the_same_acts_are_one_judgement(scene):
    """Passes of 4 and 2 samples against one pass of 6: two derived judgements, linked to both of their passes."""
    scene.scores("ann", [0.1, 0.2, 0.3, 0.4])
    said = [PassScore(s.pk, s.prompt_id, scene.criterion("quality").pk, 0.5) for s in scene.samples[4:]]
    judgements.record_pass(project=scene.project, rater=scene.judge("ann"), scores=said, job=None)
    scene.scores("bob", [0.5] * 6)
    ensemble = scene.make(panel("ann", "bob"))
    scene.run(ensemble)

    acts = Judgement.objects.filter(rater=ensemble)
    assert sorted(act.scores.count() for act in acts) == [2, 4]
    assert all(act.links.filter(kind="derived-from").count() == 2 for act in acts)


def test_a_member_retracted_between_reading_and_writing_is_read_again(scene, monkeypatch):
    act = scene.act("ann", scene.samples[0], 0.2)
    for judge, sample in (("bob", 0), ("ann", 1), ("bob", 1)):
        scene.act(judge, scene.samples[sample], 0.4)
    ensemble = scene.make(panel("ann", "bob"))
    look, looks = deriving.look, []

    def late(*args):
        found = look(*args)
        if not looks:
            judgements.retract(judgements=[act], reason="retracted", by=None)
        looks.append(found)
        return found

    monkeypatch.setattr(deriving, "look", late)
    result = scene.run(ensemble)

    assert len(looks) == 2
    assert counts(result) == (1, 0, 0, 0, 1)
    assert set(scene.said(ensemble)) == {scene.samples[1].pk}


# -- looking, and the job ---------------------------------------------------------------------------------------------


def test_a_preview_says_what_would_come_and_writes_nothing(scene):
    scene.scores("ann", [0.1, 0.5, 0.9])
    scene.scores("bob", [0.3, 0.5])
    plan = parse_ensemble(panel("ann", "bob", extra="criterion: never"))

    found = ensembles.preview(project=scene.project, plan=plan)

    assert (found.subjects, found.incomplete, found.silent) == (2, 1, (0, 1))
    assert found.mean_spread == pytest.approx(0.05)
    assert not Rater.objects.filter(kind="ensemble").exists()
    assert not CriterionVersion.objects.filter(criterion__key="never").exists()


def test_a_job_is_ordered_once_and_done_once(scene):
    scene.scores("ann", [0.1])
    scene.scores("bob", [0.3])
    ensemble = scene.make(panel("ann", "bob"))
    job = ensembles.order(project=scene.project, rater=ensemble, by=None)

    assert ensembles.order(project=scene.project, rater=ensemble, by=None) == job
    assert ensembles.is_asked_for(job.pk)
    assert ensembles.run_job(job_id=job.pk) is not None
    assert ensembles.run_job(job_id=job.pk) is None
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == ("done", 1, 1)
    assert ensembles.last_run(scene.project, ensemble) == job
    assert Judgement.objects.get(rater=ensemble).job == job


def test_a_cancelled_job_stops_between_windows(scene, monkeypatch):
    scene.scores("ann", [0.1])
    scene.scores("bob", [0.3])
    job = ensembles.order(project=scene.project, rater=scene.make(panel("ann", "bob")), by=None)
    derive = deriving.derive

    def cancelled_meanwhile(*args):
        found = derive(*args)
        jobs.cancel(job=job, by=None)
        return found

    def check(pulse):
        if Job.objects.get(pk=job.pk).cancel_requested:
            raise jobs.Lost

    monkeypatch.setattr(deriving, "derive", cancelled_meanwhile)
    monkeypatch.setattr(jobs.Pulse, "check", check)
    monkeypatch.setattr(ensembles.ensemble_frames, "windows", lambda project: [EVERYTHING] * 2)
    assert ensembles.run_job(job_id=job.pk) is None

    job.refresh_from_db()
    assert job.state == "cancelled"
    assert job.done == 1


def test_a_worker_of_builds_lets_an_ensemble_speak(scene):
    scene.scores("ann", [0.1])
    scene.scores("bob", [0.3])
    ensemble = scene.make(panel("ann", "bob"))
    job = ensembles.order(project=scene.project, rater=ensemble, by=None)

    build_version(job_id=job.pk)

    assert scene.said(ensemble)[scene.samples[0].pk][0] == pytest.approx(0.2)
