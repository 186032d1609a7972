"""Drafts by machines: what becomes one, who sees it, and what they do to time and verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from annotation import anchoring, drafts, questions
from annotation.actions import drafting, showing
from annotation.anchoring import Seen
from annotation.drafts import Opinion, Scale
from annotation.models import Batch, Item
from annotation.models import drafts as reads
from curation.actions import criteria, judgements
from curation.actions.judgements import Act, NewComparison, NewMark, NewNote, NewScore, Subject
from curation.errors import Refused
from curation.models import CriterionVersion, Judgement, JudgementLink
from tests import factories
from tests.annotation import hands


def question(**fields) -> questions.Question:
    (parsed,) = questions.parse([{"key": "q", "text": "?", "criterion": 1, **fields}])
    return parsed


LEVELS = [{"value": value, "label": str(value)} for value in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("asked", "opinion", "said"),
    [
        (question(kind="compare"), Opinion([0.2, 0.7]), {"outcome": "right"}),
        (question(kind="compare"), Opinion([0.2, 0.7], Scale(higher_is_better=False)), {"outcome": "left"}),
        (question(kind="compare"), Opinion([0.5, 0.5]), {"outcome": "tie"}),
        (question(kind="compare", tie=False), Opinion([0.5, 0.5]), None),
        (question(kind="compare"), Opinion([0.5, None]), None),
        (question(kind="compare"), Opinion([0.2, 0.7], verdicts=[(0, 1, "left")]), {"outcome": "left"}),
        (question(kind="compare"), Opinion([None, None], verdicts=[(1, 0, "left")]), {"outcome": "right"}),
        # The judge says left whatever stands there: averaged over both orders that is a tie.
        (question(kind="compare"), Opinion([0, 1], verdicts=[(0, 1, "left"), (1, 0, "left")]), {"outcome": "tie"}),
        (question(kind="compare"), Opinion([None, None], verdicts=[(0, 1, "both-bad")]), {"outcome": "both-bad"}),
        (question(kind="compare", both_bad=False), Opinion([None, None], verdicts=[(0, 1, "both-bad")]), None),
        (question(kind="pick"), Opinion([1, 3, 2]), {"best": 1}),
        (question(kind="pick"), Opinion([3, 3, 2]), None),
        (question(kind="rank"), Opinion([1, 3, 1]), {"ranks": [2, 1, 2]}),
        (question(kind="rank", ties=False), Opinion([1, 3, 1]), None),
        (
            question(kind="rank"),
            Opinion([None] * 3, verdicts=[(0, 1, "left"), (1, 2, "tie"), (2, 0, "right")]),
            {"ranks": [1, 2, 2]},
        ),
        # A circle orders nothing.
        (question(kind="rank"), Opinion([None] * 3, verdicts=[(0, 1, "left"), (1, 2, "left"), (2, 0, "left")]), None),
        (question(kind="rank"), Opinion([None] * 3, verdicts=[(0, 1, "left")]), None),
        (question(kind="rate", levels=LEVELS), Opinion([2.4, 4.6], Scale(levels=(1, 2, 3, 4, 5))), {"values": [2, 5]}),
        (question(kind="rate", levels=LEVELS), Opinion([0.0, 0.5, 1.0], Scale(0, 1)), {"values": [1, 3, 5]}),
        (question(kind="rate", levels=LEVELS), Opinion([0.0, 1.0], Scale(0, 1, (), False)), {"values": [5, 1]}),
        (question(kind="rate", levels=LEVELS), Opinion([0.3]), None),
        (
            question(kind="rate", levels=LEVELS),
            Opinion([-9.0, 0.4, 9.0], Scale(seen=np.array([-9.0, -1, 0.4, 1, 9.0]))),
            {"values": [1, 3, 5]},
        ),
        (question(kind="rate", low=0, high=10, step=1), Opinion([0.32, 1.0], Scale(0, 1)), {"values": [3, 10]}),
        (question(kind="write", per="item"), Opinion([None], notes={None: "blurred"}), {"text": "blurred"}),
        (question(kind="write"), Opinion([None, None], notes={1: "blurred"}), {"texts": ["", "blurred"]}),
        (question(kind="write"), Opinion([None, None]), None),
    ],
)  # fmt: skip
def test_a_machines_opinion_as_a_draft(asked, opinion, said):
    assert drafts.draft(asked, opinion) == said


def test_only_marks_that_a_person_could_confirm_are_drafted():
    asked = question(kind="mark", shapes=["box"], targets=["media"], errors=["hand"])
    box = {"place": 0, "target": "media", "shape": "box", "points": [[1, 1], [2, 2]], "error": "hand", "text": ""}

    drafted = drafts.draft(asked, Opinion([None], marks=[box, {**box, "shape": "point"}, {**box, "error": "face"}]))

    assert drafted == {"marks": [box]}


# -- the report, against independent arithmetic ------------------------------------------------------------------------


def test_the_difference_of_shares_is_that_of_newcombes_paper():
    """Newcombe 1998, table II, method 10: (a), (b), (f) and (g)."""
    for counts, low, high in [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((10, 10, 0, 20), 0.6791, 1.0000),
        ((10, 10, 0, 10), 0.6075, 1.0000),
    ]:
        found = anchoring.share_difference(*counts)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_the_interval_of_medians_is_scipys_percentile_bootstrap():
    generator = np.random.default_rng(5)
    without, with_draft = generator.lognormal(2.0, 0.5, 300), generator.lognormal(1.6, 0.5, 250)

    found = anchoring.median_difference(without, with_draft, generator=np.random.default_rng(6), resamples=4000)

    oracle = stats.bootstrap(
        (without, with_draft),
        lambda one, other, axis: np.median(one, axis=axis) - np.median(other, axis=axis),
        n_resamples=4000, method="percentile", vectorized=True, rng=np.random.default_rng(7),
    ).confidence_interval  # fmt: skip
    assert found.value == pytest.approx(float(np.median(without) - np.median(with_draft)))
    # Two bootstraps of 4,000 differ by Monte Carlo error: about a fiftieth of the interval each.
    tolerance = 0.06 * (oracle.high - oracle.low)
    assert (found.low, found.high) == (
        pytest.approx(oracle.low, abs=tolerance),
        pytest.approx(oracle.high, abs=tolerance),
    )


@pytest.mark.capability("E3")
def test_a_planted_effect_is_reported_as_it_was_planted():
    """Blind, people agree in 60 of 100; shown, in 80 of 100. A right draft gains 10 points, a wrong one 30."""
    plan = [
        # shown, right, agreeing, of, seconds
        (True, True, 45, 50, 4.0),
        (True, False, 35, 50, 4.0),
        (False, True, 40, 50, 9.0),
        (False, False, 20, 50, 9.0),
    ]
    seen = [
        Seen(shown, number < agreeing, seconds + 0.01 * number, is_right)
        for shown, is_right, agreeing, of, seconds in plan
        for number in range(of)
    ]

    found = anchoring.report(seen, seed=3)

    assert found.times.saved.value == pytest.approx(5.0)
    assert found.times.saved.low <= 5.0 <= found.times.saved.high
    assert (found.accepted.count, found.accepted.of) == (80, 100)
    wilson = stats.binomtest(80, 100).proportion_ci(method="wilson")
    assert (found.accepted.low, found.accepted.high) == (pytest.approx(wilson.low), pytest.approx(wilson.high))
    assert found.anchoring.effect.value == pytest.approx(0.20)
    assert found.anchoring.effect.low > 0
    assert (found.on_right.effect.value, found.on_wrong.effect.value) == (pytest.approx(0.10), pytest.approx(0.30))
    assert anchoring.report(seen, seed=3) == found, "the same answers give the same report"


def test_no_effect_is_not_found_where_there_is_none():
    """Agreement without a draft's help: the interval holds zero in about 95 of 100 draws."""
    generator, missed = np.random.default_rng(8), 0
    for _round in range(300):
        shown, blind = generator.binomial(60, 0.7), generator.binomial(20, 0.7)
        found = anchoring.share_difference(int(shown), 60, int(blind), 20)
        missed += not found.low <= 0 <= found.high
    assert missed <= 27, "5 % of 300 is 15; 27 is three standard errors more"


def test_a_report_without_answers_claims_nothing():
    found = anchoring.report([], seed=1)

    assert (found.times.saved, found.accepted, found.anchoring.effect) == (None, None, None)


def test_what_an_answer_adds_is_no_correction():
    assert anchoring.agrees({"q": {"outcome": "left"}}, {"q": {"outcome": "left", "strength": 2}, "r": {"best": 1}})
    assert not anchoring.agrees({"q": {"outcome": "left"}}, {"q": {"outcome": "right"}})
    assert not anchoring.agrees({"q": {"marks": [{"place": 0}]}}, {"q": {"marks": []}})
    assert not anchoring.agrees({"q": {"outcome": "left"}}, {})


# -- in the database ---------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def person(project):
    return factories.member(project, "annotator")


@pytest.fixture
def curator(project):
    return factories.member(project, "curator")


@pytest.fixture
def machine(project):
    return factories.rater(kind="model", name="judge")


def say(project, machine, **statements) -> Judgement:
    kind = Judgement.Act.COMPARE if "comparisons" in statements else Judgement.Act.PASS
    (row,) = judgements.record(project=project, acts=[Act(rater_id=machine.pk, act=kind, **statements)])
    return row


def score(project, machine, criterion, item: Item, *values: float) -> list[Judgement]:
    """One judgement a sample, as when a scorer meets them in different passes."""
    return [
        say(project, machine, scores=[NewScore(Subject(sample, item.prompt_id), criterion.pk, value)])
        for sample, value in zip(item.sample_ids, values, strict=True)
    ]


def scored(project, machine, batch: Batch, better: int = 1) -> list[Judgement]:
    overall = factories.overall(project)
    values = (0.1, 0.9) if better else (0.9, 0.1)
    return [row for item in batch.items.all() for row in score(project, machine, overall, item, *values)]


@pytest.mark.capability("E3")
def test_a_draft_is_shown_or_withheld_by_lot_and_judgements_say_where_they_came_from(project, person, curator, machine):
    batch = hands.batch(project, items=40, opened=False, control_share=0.3)
    said = scored(project, machine, batch)

    drafted = drafting.add_drafts(batch=batch, rater=machine, by=curator)
    hands.open_(batch)
    for _round in range(5):
        for assignment in hands.lease(batch, person, want=8):
            hands.prefer(assignment, person, 1)

    assert (drafted.drafted, drafted.without) == (40, 0)
    item = batch.items.first()
    assert item.draft["questions"] == {"overall": {"outcome": "right"}}
    assert item.draft["sources"] == sorted(row.pk for row in said if row.scores.get().sample_id in item.sample_ids)
    rows = Judgement.objects.filter(rater__user=person)
    blind = rows.filter(purpose="control")
    assert 3 <= blind.count() <= 22, "0.3 of 40 is 12"
    assert not JudgementLink.objects.filter(judgement__in=blind).exists()
    shown = rows.exclude(purpose="control")
    for judgement in shown:
        links = JudgementLink.objects.filter(judgement=judgement, kind="drafted-from")
        sources = set(links.values_list("source", flat=True))
        assert sources == {row.pk for row in said if row.scores.get().sample_id in judgement.presentation["order"]}
    assert {row.presentation["draft"] for row in blind} == {False}


def test_the_browser_gets_the_draft_by_places_and_never_when_blind(project, person, curator, machine):
    batch = hands.batch(project, items=20, opened=False, control_share=0.5)
    scored(project, machine, batch)
    drafting.add_drafts(batch=batch, rater=machine, by=curator)
    hands.open_(batch)

    for _round in range(3):
        held = hands.lease(batch, person, want=8)
        for assignment, view in zip(held, showing.item_views(held), strict=True):
            if not assignment.presentation["draft"]:
                assert view["draft"] is None
                continue
            better_is_left = assignment.presentation["order"][0] == assignment.item.sample_ids[1]
            assert view["draft"]["questions"]["overall"]["outcome"] == ("left" if better_is_left else "right")
        for assignment in held:
            hands.answer(assignment, person)


def test_a_judges_comparisons_come_before_its_numbers(project, curator, machine):
    batch = hands.batch(project, items=1, opened=False)
    item = batch.items.get()
    scored(project, machine, batch, better=1)
    left, right = (Subject(sample, item.prompt_id) for sample in item.sample_ids)
    verdict = say(
        project, machine, comparisons=[NewComparison(right, left, factories.overall(project).pk, outcome="right")]
    )

    drafting.add_drafts(batch=batch, rater=machine, by=curator)

    item.refresh_from_db()
    assert item.draft["questions"]["overall"] == {"outcome": "left"}
    assert (item.draft["sources"], item.drafted_from) == ([verdict.pk], verdict)


def test_numbers_on_another_criterion_are_read_where_it_is_the_only_one_or_named(project, curator, machine):
    other = criteria.ensure(
        project=project, key="clip", wording=criteria.Wording(name="CLIP", scale=CriterionVersion.Scale.INTERVAL)
    )
    batch = hands.batch(project, items=1, opened=False)
    item = batch.items.get()
    score(project, machine, other, item, 31.0, 28.0)

    drafting.add_drafts(batch=batch, rater=machine, by=curator)
    item.refresh_from_db()
    assert item.draft["questions"]["overall"] == {"outcome": "left"}

    third = criteria.ensure(project=project, key="third", wording=criteria.Wording(name="Third"))
    score(project, machine, third, item, 1.0, 2.0)
    with pytest.raises(Refused, match="says nothing about the items"):
        drafting.add_drafts(batch=batch, rater=machine, by=curator)
    drafting.add_drafts(batch=batch, rater=machine, by=curator, reads={"overall": third.criterion_id})
    item.refresh_from_db()
    assert item.draft["questions"]["overall"] == {"outcome": "right"}


def test_ratings_checklists_marks_and_notes_are_drafted_and_fit_what_is_shown(project, curator, machine):
    overall = factories.overall(project)
    asked = [
        {"key": "rate", "kind": "rate", "text": "How?", "criterion": overall.pk, "levels": LEVELS},
        {
            "key": "list", "kind": "check", "text": "See?",
            "items": [{"key": "hands", "text": "Hands?", "criterion": overall.pk}],
        },
        {"key": "spots", "kind": "mark", "text": "Where?", "shapes": ["span"], "targets": ["prompt"]},
        {"key": "why", "kind": "write", "text": "Why?"},
    ]  # fmt: skip
    batch = hands.batch(project, opened=False, questions=asked)
    prompt = factories.prompt(project, "a red boat")
    item = hands.item(batch, samples=2, prompt=prompt)
    score(project, machine, overall, item, 0.0, 1.0)
    subject = Subject(item.sample_ids[0], prompt.pk)
    spans = [
        NewMark(subject, "prompt", "span", start=2, end=5, error_type="missing"),
        NewMark(subject, "prompt", "span", start=8, end=99, error_type="beyond the text"),
    ]
    say(project, machine, marks=spans, notes=[NewNote(prompt.pk, "the boat is blue", sample_id=item.sample_ids[0])])

    drafting.add_drafts(batch=batch, rater=machine, by=curator)

    item.refresh_from_db()
    said = item.draft["questions"]
    assert said["rate"] == {"values": [2, 4]}, "without ends, a level for an equal share of what it said"
    assert said["list"] == {"values": {"hands": [0, 1]}}
    (mark,) = said["spots"]["marks"]
    assert (mark["start"], mark["end"], mark["error"], mark["place"]) == (2, 5, "missing", 0)
    assert said["why"] == {"texts": ["the boat is blue", ""]}


def test_retracted_opinions_draft_nothing(project, curator, machine):
    batch = hands.batch(project, items=1, opened=False)
    judgements.retract(judgements=scored(project, machine, batch), reason="retracted", by=None)

    with pytest.raises(Refused, match="says nothing about the items"):
        drafting.add_drafts(batch=batch, rater=machine, by=curator)


def test_a_persons_opinion_is_no_draft(project, person, curator):
    batch = hands.batch(project, items=1, opened=False)

    with pytest.raises(Refused, match="is no machine"):
        drafting.add_drafts(batch=batch, rater=factories.rater(project), by=curator)


def test_items_that_were_handed_out_keep_what_was_shown(project, person, curator, machine):
    batch = hands.batch(project, items=2)
    (held,) = hands.lease(batch, person)
    scored(project, machine, batch)

    drafted = drafting.add_drafts(batch=batch, rater=machine, by=curator)

    assert drafted.drafted == 1
    held.item.refresh_from_db()
    assert held.item.draft is None


def test_gold_stays_gold_when_its_draft_is_withheld(project, person, curator, machine):
    batch = hands.batch(project, opened=False, gold_share=1.0, control_share=1.0)
    hands.gold_item(batch, "left")
    scored(project, machine, batch)
    drafting.add_drafts(batch=batch, rater=machine, by=curator)
    hands.open_(batch)

    (held,) = hands.lease(batch, person)

    assert (held.purpose, held.presentation["draft"]) == ("gold", False)


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_asks_a_machine_and_reports_what_its_drafts_did(client, project, person, curator, machine):
    batch = hands.batch(project, opened=False, control_share=0.5, gold_share=0.0)
    for _number in range(16):
        hands.item(batch)
    scored(project, machine, batch)
    client.force_login(curator)
    address = f"/projects/{project.slug}/batches/{batch.pk}/drafts/"
    assert "Nobody has answered an item with a draft yet" in client.get(address).content.decode()

    assert client.post(address, {"rater": machine.pk, "criterion": ""}).status_code == 302
    hands.open_(batch)
    for _round in range(2):
        for assignment in hands.lease(batch, person, want=8):
            shown = assignment.presentation["draft"]
            hands.prefer(assignment, person, 1 if shown else 0, seconds=3.0 if shown else 8.0)

    page = client.get(address).content.decode()
    shown = sum(one.shown for one in reads.seen(batch))
    assert 0 < shown < 16
    assert f"3.0 s · {shown} answer" in page
    assert "+5.0 s (+5.0 to +5.0)" in page
    assert f"{shown} of {shown}" in page, "every shown draft was left as it was"
    assert "+100 points" in page


def test_a_machine_that_said_nothing_is_refused_on_the_page(client, project, curator, machine):
    batch = hands.batch(project, items=1, opened=False)
    elsewhere = hands.batch(project, items=1, opened=False)
    scored(project, machine, elsewhere)
    client.force_login(curator)

    answer = client.post(f"/projects/{project.slug}/batches/{batch.pk}/drafts/", {"rater": machine.pk})

    assert answer.status_code == 400
    assert "says nothing about the items" in answer.content.decode()


def test_whether_the_draft_was_right_is_known_from_gold(project, person, curator, machine):
    batch = hands.batch(project, opened=False, gold_share=1.0, control_share=0.0)
    hands.gold_item(batch, "left")
    hands.gold_item(batch, "right")
    scored(project, machine, batch)
    drafting.add_drafts(batch=batch, rater=machine, by=curator)
    hands.open_(batch)
    for _number in range(2):
        hands.answer_next(batch, person)

    assert sorted(one.is_right for one in reads.seen(batch)) == [False, True]
