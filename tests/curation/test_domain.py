"""The domain model thought through: each case here once had to be possible, and stay right, in the database."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from curation.actions import criteria, judgements, raters
from curation.actions.criteria import Place, Wording
from curation.actions.judgements import Act, Link, NewComparison, NewMark, NewNote, NewScore, PassScore, Subject
from curation.errors import Refused
from curation.models import (
    Comparison,
    CriterionVersion,
    Judgement,
    JudgementLink,
    JudgingContext,
    Mark,
    Rater,
    RaterStanding,
    Sample,
    Score,
)
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def overall(project):
    return factories.overall(project)


def subject(sample: Sample) -> Subject:
    return Subject(sample.pk, sample.prompt_id)


def compare(left: Sample, right: Sample, criterion, outcome="left", **fields) -> NewComparison:
    return NewComparison(subject(left), subject(right), criterion.pk, outcome, **fields)


def two_samples(project):
    prompt = factories.prompt(project)
    return factories.sample(prompt), factories.sample(prompt)


def test_a_ranking_of_nine_with_ties_is_one_act_of_thirty_six_comparisons(project, overall):
    prompt = factories.prompt(project)
    samples = [factories.sample(prompt) for _ in range(9)]
    # Ranks need not be dense: 1, 1 | 2, 2, 2 | 5 | 7, 7 | 9 has 1 + 3 + 1 = 5 ties among 36 pairs.
    ranks = [1, 1, 2, 2, 2, 5, 7, 7, 9]
    implied = judgements.ranking([subject(s) for s in samples], ranks, overall.pk)

    (act,) = judgements.record(
        project=project,
        acts=[Act(factories.rater(project).pk, "rank", comparisons=implied, payload={"ranks": ranks})],
    )

    rows = Comparison.objects.filter(judgement=act)
    assert rows.count() == 36
    assert rows.filter(outcome="tie").count() == 5
    assert rows.filter(outcome="left").count() == 31
    assert not rows.filter(is_implied=False).exists()
    assert Judgement.objects.count() == 1


def test_a_two_level_set_in_two_versions_pools_a_mere_rewording_and_parts_a_new_meaning(project):
    levels = [{"value": 0, "label": "bad"}, {"value": 1, "label": "good"}]
    first = {
        key: criteria.add_version(project=project, key=key, wording=Wording(key, scale="ordinal", levels=levels))
        for key in ("fidelity", "hands", "faces")
    }
    old = criteria.add_set(
        project=project,
        name="Checklist",
        places=[Place(first["fidelity"], children=[Place(first["hands"], 2.0), Place(first["faces"])])],
    )
    hands = criteria.add_version(
        project=project,
        key="hands",
        wording=Wording("Are hands right?", scale="ordinal", levels=levels),
        same_meaning=True,
    )
    faces = criteria.add_version(
        project=project, key="faces", wording=Wording("Faces and bodies", scale="ordinal", levels=levels)
    )
    new = criteria.add_set(
        project=project,
        name="Checklist",
        places=[Place(first["fidelity"], children=[Place(hands, 2.0), Place(faces)])],
    )

    assert (old.number, new.number) == (1, 2)
    assert [item.parent_id is None for item in old.items.all()] == [True, False, False]
    assert set(CriterionVersion.objects.meaning_same_as(first["hands"])) == {first["hands"], hands}
    assert set(CriterionVersion.objects.meaning_same_as(faces)) == {faces}
    assert {item.criterion_version for item in old.items.all()} == set(first.values())


def test_a_rewording_that_turns_the_scale_round_is_refused(project):
    criteria.add_version(project=project, key="noise", wording=Wording("Noise"))

    with pytest.raises(Refused, match="keeps its scale"):
        criteria.add_version(
            project=project, key="noise", wording=Wording("Grain", higher_is_better=False), same_meaning=True
        )


def test_a_retraction_follows_links_and_takes_the_evidence_along(project, overall):
    left, right = two_samples(project)
    judge = factories.rater(kind="model")
    mixed = raters.ensemble(name="both orders", members=[judge, factories.rater(kind="model")])
    asked, swapped, unrelated = judgements.record(
        project=project,
        acts=[
            Act(judge.pk, "compare", comparisons=[compare(left, right, overall)]),
            Act(judge.pk, "compare", comparisons=[compare(right, left, overall, "right")]),
            Act(factories.rater(project).pk, "compare", comparisons=[compare(left, right, overall)]),
        ],
    )
    (derived,) = judgements.record(
        project=project,
        acts=[
            Act(
                mixed.pk,
                "compare",
                comparisons=[compare(left, right, overall)],
                links=[Link(asked.pk, "derived-from"), Link(swapped.pk, "derived-from")],
            )
        ],
    )
    (twice,) = judgements.record(
        project=project,
        acts=[
            Act(
                mixed.pk,
                "compare",
                comparisons=[compare(right, left, overall)],
                links=[Link(derived.pk, "derived-from")],
            )
        ],
    )

    count = judgements.retract(judgements=[swapped], reason="retracted", by=None)

    assert count == 3
    assert set(Judgement.objects.living()) == {asked, unrelated}
    assert set(Comparison.objects.filter(is_retracted=True).values_list("judgement_id", flat=True)) == {
        swapped.pk,
        derived.pk,
        twice.pk,
    }
    derived.refresh_from_db()
    assert derived.retraction == "member-retracted"


def test_a_judge_is_asked_in_both_orders_k_times_under_two_principles(project, overall):
    left, right = two_samples(project)
    judge = factories.rater(kind="model")
    principles = [
        JudgingContext.objects.create(project=project, kind="principle", name=name, text=name)
        for name in ("beauty", "truth")
    ]
    acts = [
        Act(judge.pk, "compare", context_id=principle.pk, comparisons=[compare(*pair, overall, outcome)])
        for principle, outcome in zip(principles, ("left", "right"), strict=True)
        for _repeat in range(3)
        for pair in ((left, right), (right, left))
    ]

    judgements.record(project=project, acts=acts)

    rows = Comparison.objects.filter(pair_low=left.pk, pair_high=right.pk)
    assert rows.count() == 12
    for principle in principles:
        for side in (left, right):
            occasions = rows.filter(context=principle, left_sample=side).values_list("occasion", flat=True)
            assert sorted(occasions) == [0, 1, 2]


def test_the_same_statement_on_the_same_occasion_cannot_stand_twice(project, overall):
    left, right = two_samples(project)
    judge = factories.rater(kind="model")
    said = Act(judge.pk, "compare", comparisons=[compare(left, right, overall, occasion=0)])
    judgements.record(project=project, acts=[said])

    with pytest.raises(IntegrityError), transaction.atomic():
        judgements.record(project=project, acts=[said])


def test_an_ensemble_lists_its_members_and_cannot_hold_itself():
    one, other = factories.rater(kind="model"), factories.rater(kind="rule")
    mixed = raters.ensemble(name="mean of two", members=[one, other], weights=[2.0, 1.0])

    assert {(m.member, m.weight) for m in mixed.members.all()} == {(one, 2.0), (other, 1.0)}
    assert raters.ensemble(name="mean of two", members=[other, one], weights=[1.0, 2.0]) == mixed
    assert raters.ensemble(name="mean of two", members=[one, other]) != mixed
    with pytest.raises(IntegrityError), transaction.atomic():
        mixed.members.create(member=mixed)


def test_one_sample_is_judged_under_two_prompts(project, overall):
    own, contrast = factories.prompt(project, "a red cube"), factories.prompt(project, "a blue cube")
    sample = factories.sample(own)
    clip = factories.rater(kind="model")

    written = judgements.record_pass(
        project=project,
        rater=clip,
        job=None,
        scores=[
            PassScore(sample.pk, own.pk, overall.pk, 0.31),
            PassScore(sample.pk, contrast.pk, overall.pk, 0.12),
        ],
    )
    judgements.record(
        project=project,
        acts=[
            Act(
                clip.pk,
                "compare",
                comparisons=[
                    NewComparison(Subject(sample.pk, own.pk), Subject(sample.pk, contrast.pk), overall.pk, "left")
                ],
            )
        ],
    )

    assert written == 2
    assert sorted(sample.scores.values_list("prompt__text", "value")) == [("a blue cube", 0.12), ("a red cube", 0.31)]
    assert Comparison.objects.get().pair_low == Comparison.objects.get().pair_high == sample.pk


def test_twenty_text_answers_to_one_image_are_twenty_samples(project, overall):
    prompt = factories.prompt(project, "What is in the picture?")
    factories.place(prompt, role="source")
    answers = [factories.sample(prompt, text=f"answer {n}") for n in range(20)]

    implied = judgements.ranking([subject(a) for a in answers], list(range(20)), overall.pk)
    judgements.record(project=project, acts=[Act(factories.rater(project).pk, "rank", comparisons=implied)])

    assert prompt.samples.filter(media_state="none").count() == 20
    assert Comparison.objects.count() == 190


def test_an_edit_keeps_its_source_and_mask_apart(project):
    prompt = factories.prompt(project, "Add a green bowl")
    source = factories.place(prompt, role="source")
    mask = factories.place(prompt, role="mask")

    assert [(m.role, m.position) for m in prompt.media.all()] == [("mask", 0), ("source", 0)]
    assert source.address != mask.address
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.place(prompt, role="mask")


def test_an_interval_on_a_video_is_kept_half_open_in_microseconds(project, overall):
    sample = factories.sample(factories.prompt(project))
    video = factories.asset(kind="video", mime="video/mp4", duration_us=4_000_000, fps=24.0, frames=96)
    factories.place(sample, video)
    flicker = NewMark(
        subject(sample), "media", "interval", media_index=0, start=1_000_000, end=1_500_000, error_type="flicker"
    )

    judgements.record(project=project, acts=[Act(factories.rater(project).pk, "mark", marks=[flicker])])

    mark = Mark.objects.get()
    assert (mark.start, mark.end, mark.error_type) == (1_000_000, 1_500_000, "flicker")
    empty = NewMark(subject(sample), "media", "interval", media_index=0, start=5, end=5)
    with pytest.raises(IntegrityError), transaction.atomic():
        judgements.record(project=project, acts=[Act(factories.rater(project).pk, "mark", marks=[empty])])


def test_a_hidden_mirrored_repeat_stands_beside_the_first_and_is_no_label(project, overall):
    left, right = two_samples(project)
    person = factories.rater(project)
    judgements.record(
        project=project,
        acts=[
            Act(person.pk, "compare", comparisons=[compare(left, right, overall)], presentation={"seed": 7}),
            Act(person.pk, "compare", purpose="repeat", comparisons=[compare(right, left, overall, "right")]),
        ],
    )

    assert Comparison.objects.filter(pair_low=left.pk).count() == 2
    assert Comparison.objects.counted().count() == 1


def test_a_rater_quarantined_from_tuesday_keeps_what_was_said_on_monday(project, overall):
    left, right = two_samples(project)
    person = factories.rater(project)
    monday, tuesday, wednesday = (datetime(2026, 11, day, 9, tzinfo=UTC) for day in (16, 17, 18))
    early, late = judgements.record(
        project=project,
        acts=[
            Act(person.pk, "compare", at=moment, comparisons=[compare(left, right, overall)])
            for moment in (monday, wednesday)
        ],
    )

    raters.set_standing(project=project, rater=person, state="quarantined", since=tuesday, reason="gold", by=None)
    assert set(Judgement.objects.outside_quarantine()) == {early}

    raters.set_standing(project=project, rater=person, state="trusted", since=tuesday, reason="mistake", by=None)
    assert set(Judgement.objects.outside_quarantine()) == {early, late}
    assert Rater.objects.with_standing_in(project).get(pk=person.pk).standing == RaterStanding.State.TRUSTED


def test_withdrawn_consent_erases_words_and_name_and_keeps_the_tombstone(project, overall):
    left, right = two_samples(project)
    person = factories.rater(project, "Ada Lovelace")
    raters.give_consent(project=project, rater=person, text_version="1")
    (act,) = judgements.record(
        project=project,
        acts=[
            Act(
                person.pk,
                "compare",
                payload={"words": "mine"},
                comparisons=[compare(left, right, overall)],
                notes=[NewNote(left.prompt_id, "I saw this in my kitchen", left.pk)],
            )
        ],
    )

    raters.withdraw_consent(project=project, rater=person, by=None)

    act.refresh_from_db()
    person.refresh_from_db()
    assert act.payload is None
    assert act.retraction == "consent-withdrawn"
    assert act.notes.get().text == ""
    assert act.comparisons.get().is_retracted
    assert "Ada" not in person.name
    assert person.erased_at is not None
    assert person.consents.get().withdrawn_at is not None
    with pytest.raises(Refused, match="no living consent"):
        raters.withdraw_consent(project=project, rater=person, by=None)


def test_a_judgement_cannot_be_edited_even_by_a_careless_statement(project, overall):
    left, right = two_samples(project)
    (act,) = judgements.record(
        project=project,
        acts=[
            Act(factories.rater(project).pk, "compare", payload={"a": 1}, comparisons=[compare(left, right, overall)])
        ],
    )

    for change in ({"seconds": 3.0}, {"payload": {"a": 2}}, {"payload": None}, {"at": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Judgement.objects.filter(pk=act.pk).update(**change)
    for change in ({"outcome": "right"}, {"strength": 2.0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Comparison.objects.filter(judgement=act).update(**change)
    judgements.retract(judgements=[act], reason="retracted", by=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Judgement.objects.filter(pk=act.pk).update(retracted_at=None, retraction="")


def test_a_person_changes_their_mind_and_both_answers_remain(project, overall):
    left, right = two_samples(project)
    person = factories.rater(project)
    (old,) = judgements.record(
        project=project, acts=[Act(person.pk, "compare", comparisons=[compare(left, right, overall)])]
    )
    corrected = Act(person.pk, "compare", comparisons=[compare(left, right, overall, "right")])

    new = judgements.supersede(project=project, old=old, act=corrected, by=None)

    assert set(Judgement.objects.living()) == {new}
    assert JudgementLink.objects.get().kind == "supersedes"
    assert Comparison.objects.living().get().outcome == "right"
    with pytest.raises(Refused, match="superseded already"):
        judgements.supersede(project=project, old=old, act=corrected, by=None)


def test_evidence_cannot_name_another_rater_than_its_judgement(project, overall):
    left, right = two_samples(project)
    (act,) = judgements.record(
        project=project, acts=[Act(factories.rater(project).pk, "compare", comparisons=[compare(left, right, overall)])]
    )
    stranger = factories.rater(project)

    Score.objects.create(
        judgement=act,
        position=0,
        rater=stranger,
        sample=left,
        prompt_id=left.prompt_id,
        criterion_version=overall,
        value=1.0,
    )
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_is_refused_by_the_action_and_by_the_database(project, overall, value):
    sample = factories.sample(factories.prompt(project))
    machine = factories.rater(kind="rule")
    with pytest.raises(Refused, match="not a finite number"):
        judgements.record_pass(
            project=project, rater=machine, job=None, scores=[PassScore(sample.pk, sample.prompt_id, overall.pk, value)]
        )
    with pytest.raises(Refused, match="not a finite number"):
        judgements.record(
            project=project, acts=[Act(machine.pk, "rate", scores=[NewScore(subject(sample), overall.pk, value)])]
        )
    (act,) = judgements.record(project=project, acts=[Act(machine.pk, "pass")])
    with pytest.raises(IntegrityError), transaction.atomic():
        Score.objects.create(
            judgement=act,
            position=0,
            rater=machine,
            sample=sample,
            prompt=sample.prompt,
            criterion_version=overall,
            value=value,
        )


def test_a_pass_delivered_twice_changes_nothing(project, overall):
    prompt = factories.prompt(project)
    samples = [factories.sample(prompt) for _ in range(5)]
    machine = factories.rater(kind="rule")
    scores = [PassScore(s.pk, prompt.pk, overall.pk, float(n)) for n, s in enumerate(samples)]

    first = judgements.record_pass(project=project, rater=machine, job=None, scores=scores[:3])
    again = judgements.record_pass(project=project, rater=machine, job=None, scores=scores[:3])
    more = judgements.record_pass(project=project, rater=machine, job=None, scores=scores)

    assert (first, again, more) == (3, 0, 2)
    assert Score.objects.count() == 5
    assert Judgement.objects.count() == 2
    assert not Sample.objects.without_score_from(machine, [overall.pk]).exists()
    ordered = Sample.objects.sorted_by_score(machine, overall.pk)
    assert [s.score_value for s in ordered] == [4.0, 3.0, 2.0, 1.0, 0.0]


def test_a_client_key_sent_twice_is_stored_once(project, overall):
    left, right = two_samples(project)
    person = factories.rater(project)
    act = Act(person.pk, "compare", client_key="tab-1:17", comparisons=[compare(left, right, overall)])

    assert len(judgements.record(project=project, acts=[act, act])) == 1
    assert judgements.record(project=project, acts=[act]) == []
    assert Comparison.objects.count() == 1


def test_a_sample_cannot_answer_a_prompt_of_another_project(project):
    elsewhere = factories.prompt(factories.project())
    sample = factories.sample(factories.prompt(project))

    Sample.objects.filter(pk=sample.pk).update(prompt=elsewhere)
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.capability("A4")
def test_two_projects_with_four_and_with_five_times_twenty_eight_criteria_coexist_and_old_labels_keep_their_version():
    small, large = factories.project(), factories.project()
    four = [
        criteria.add_version(project=small, key=k, wording=Wording(k))
        for k in ("alignment", "fidelity", "taste", "text")
    ]
    criteria.add_set(project=small, name="Four", places=[Place(v) for v in four])
    two_level = [
        Place(
            criteria.add_version(project=large, key=f"group-{g}", wording=Wording(f"Group {g}")),
            children=[
                Place(
                    criteria.add_version(
                        project=large, key=f"item-{g}-{n}", wording=Wording(f"Item {n}", scale="yes-no", low=0, high=1)
                    ),
                    weight=1 / 28,
                )
                for n in range(28)
            ],
        )
        for g in range(5)
    ]
    large_set = criteria.add_set(project=large, name="Checklist", places=two_level)
    sample = factories.sample(factories.prompt(small))
    labelled = Act(factories.rater(small).pk, "rate", scores=[NewScore(subject(sample), four[0].pk, 4.0)])
    judgements.record(project=small, acts=[labelled])

    newer = criteria.add_version(project=small, key="alignment", wording=Wording("Alignment, strictly"))

    assert large_set.items.count() == 145
    assert large_set.items.exclude(parent=None).count() == 140
    assert Score.objects.get().criterion_version == four[0] != newer
    assert newer.number == 2
    assert newer.meaning == newer


def test_deleting_a_project_takes_what_hangs_on_it_and_leaves_the_neighbour(project, overall):
    from curation.actions import projects

    neighbour = factories.project()
    for place in (project, neighbour):
        left, right = two_samples(place)
        factories.place(left)
        judgements.record(
            project=place,
            acts=[
                Act(factories.rater(place).pk, "compare", comparisons=[compare(left, right, factories.overall(place))])
            ],
        )

    projects.delete(project=project, by=factories.user(is_superuser=True))

    assert Comparison.objects.count() == 1
    assert Judgement.objects.get().project == neighbour
    assert Sample.objects.count() == 2


def test_retraction_of_a_member_long_ago_keeps_its_first_reason(project, overall):
    left, right = two_samples(project)
    person = factories.rater(project)
    (act,) = judgements.record(
        project=project, acts=[Act(person.pk, "compare", comparisons=[compare(left, right, overall)])]
    )

    judgements.retract(judgements=[act], reason="retracted", by=None)
    again = judgements.retract(judgements=[act], reason="consent-withdrawn", by=None)

    act.refresh_from_db()
    assert again == 0
    assert act.retraction == "retracted"
    assert timezone.now() - act.retracted_at < timedelta(minutes=1)
