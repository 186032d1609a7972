"""What counts as a vote, and how votes add up: one voice a rater, ties half, a ranking as one act."""

from datetime import timedelta

import pytest

from curation.errors import Refused
from curation.recipes.parse import parse
from curation.recipes.run import run
from tests.curation.recipes.world import MONDAY, World, reasons


def judged(world: World, rule: str = "", more: str = ""):
    text = f"recipe: 1\ntitle: t\n{more}\npairing: {{rule: judged_pairs, by: {{votes: overall}}{rule}}}"
    return run(parse(text), world.evidence())


def only(result):
    assert result.pairs.height == 1
    return result.pairs.row(0, named=True)


def couple() -> World:
    return World().prompt("p", "a", "b")


def test_the_vote_share_counts_a_tie_as_half():
    world = couple()
    for rater, outcome in (("Ann", "left"), ("Bob", "left"), ("Cid", "tie"), ("Dee", "right")):
        world.vote(rater, "a", "b", outcome)

    pair = only(judged(world))

    assert world.names(judged(world).pairs) == {("a", "b")}
    assert pair["confidence"] == pytest.approx(2.5 / 4)
    assert pair["margin"] == pytest.approx(2 * 2.5 / 4 - 1)
    assert (pair["votes_chosen"], pair["votes_rejected"], pair["votes_tie"]) == (2, 1, 1)


def test_the_side_a_sample_was_shown_on_does_not_matter():
    world = couple()
    world.vote("Ann", "a", "b", "left")
    world.vote("Bob", "b", "a", "right")

    assert only(judged(world))["confidence"] == 1.0


def test_one_rater_has_one_voice_however_often_asked():
    world = couple()
    for _ in range(5):
        world.vote("judge", "a", "b", "left")
    world.vote("other", "a", "b", "right")
    world.vote("third", "a", "b", "right")

    assert world.names(judged(world).pairs) == {("b", "a")}


def test_a_judge_that_contradicts_itself_in_both_orders_ties():
    world = couple()
    world.vote("judge", "a", "b", "left")
    world.vote("judge", "b", "a", "left")

    assert reasons(judged(world), "judged") == {"tie": 1}


def test_both_bad_is_no_tie_and_bars_both_from_being_chosen():
    world = World().prompt("p", "a", "b", "c")
    world.vote("Ann", "a", "b", "both-bad")
    world.vote("Bob", "a", "c", "left")
    world.vote("Cid", "c", "b", "left")

    result = judged(world)

    assert world.names(result.pairs) == {("c", "b")}  # b was called bad, and may be rejected all the same
    assert reasons(result, "judged") == {"both_bad": 1, "judged_bad": 1}


def test_both_bad_on_another_criterion_bars_too():
    world = couple()
    world.vote("Ann", "a", "b", "left")
    world.vote("Bob", "a", "b", "both-bad", criterion="safety")

    assert reasons(judged(world), "judged") == {"judged_bad": 1}


def test_a_ranking_of_four_weighs_as_three_comparisons():
    world = World().prompt("p", *"abcd")
    world.ranking("Ann", list("abcd"), [1, 2, 3, 4])
    world.vote("Bob", "b", "a", "left")

    pairs = _by_name(world, judged(world))

    # On (a, b) Ann's six implied comparisons weigh 2/4 each and Bob's click 1: b has 1 of 1.5.
    assert pairs[("b", "a")]["confidence"] == pytest.approx(1 / 1.5)
    assert pairs[("c", "d")]["confidence"] == 1.0


def _by_name(world, result):
    return {
        next(iter(world.names(result.pairs[place]))): result.pairs.row(place, named=True)
        for place in range(result.pairs.height)
    }


def test_ties_inside_a_ranking_stay_ties():
    world = World().prompt("p", *"abc")
    world.ranking("Ann", list("abc"), [1, 2, 2])

    result = judged(world)

    assert world.names(result.pairs) == {("a", "b"), ("a", "c")}
    assert reasons(result, "judged") == {"tie": 1}


@pytest.mark.parametrize("purpose", ["gold", "repeat", "control", "qualification", "draft"])
def test_what_examines_or_helps_raters_makes_no_pair(purpose):
    world = couple()
    world.vote("Ann", "a", "b", "left", purpose=purpose)

    result = judged(world)

    assert result.pairs.height == 0
    assert reasons(result, "evidence") == {"other_purpose": 1}


def test_retracted_votes_are_out():
    world = couple()
    world.vote("Ann", "a", "b", "left", retracted=True)
    world.vote("Bob", "a", "b", "right")

    result = judged(world)

    assert world.names(result.pairs) == {("b", "a")}
    assert reasons(result, "evidence") == {"retracted": 1}


def test_a_quarantine_holds_from_its_first_moment_on():
    tuesday = MONDAY + timedelta(days=1)
    world = World().prompt("p", *"abcdef")
    world.rater("Ann", "person", quarantined_since=tuesday)
    world.vote("Ann", "a", "b", "left", at=tuesday - timedelta(microseconds=1))
    world.vote("Ann", "c", "d", "left", at=tuesday)
    world.vote("Ann", "e", "f", "left", at=tuesday + timedelta(days=3))

    result = judged(world)

    assert world.names(result.pairs) == {("a", "b")}
    assert reasons(result, "evidence") == {"quarantined": 2}


def test_machines_do_not_vote_beside_people():
    world = World().prompt("p", "a", "b", "c")
    world.vote("Ann", "a", "b", "left")
    for judge in ("judge-1", "judge-2", "judge-3"):
        world.vote(judge, "a", "b", "right")
        world.vote(judge, "b", "c", "left")

    named = _by_name(world, judged(world))

    assert named[("a", "b")]["basis"] == "people"
    assert (named[("a", "b")]["votes_chosen"], named[("a", "b")]["votes_rejected"]) == (1, 0)
    assert named[("b", "c")]["basis"] == "machines"


@pytest.mark.parametrize(("basis", "expected"), [("people", ("a", "b")), ("machines", ("b", "a"))])
def test_the_basis_says_who_is_listened_to(basis, expected):
    world = couple()
    world.vote("Ann", "a", "b", "left")
    world.vote("judge", "a", "b", "right")

    result = judged(world, more=f"evidence: {{basis: {basis}}}")

    assert world.names(result.pairs) == {expected}
    assert only(result)["basis"] == basis
    assert reasons(result, "evidence") == {"not_in_basis": 1}


def test_a_scripted_rater_is_no_person():
    world = couple()
    world.vote("script", "a", "b", "left", rater_kind="scripted")

    assert only(judged(world))["basis"] == "machines"
    assert judged(world, more="evidence: {basis: people}").pairs.height == 0


@pytest.mark.parametrize("name", ["people", "behaviour"])
def test_a_machine_that_is_called_as_people_are_is_none(name):
    world = World().prompt("p", "a", "b")
    world.vote(name, "a", "b", "left")
    world.scores(name, "q", values={"a": 1.0, "b": 0.5})
    world.scores("Ann", "q", values={"a": 0.5, "b": 1.0})

    assert judged(world).pairs["basis"].to_list() == ["machines"]
    with pytest.raises(Refused, match=r"'q' is scored by .*\(model\)"):
        run(parse("recipe: 1\ntitle: t\npairing: {rule: margin, by: {scores: q}}"), world.evidence())


def test_people_and_machines_together_make_the_basis_both():
    world = couple()
    world.vote("Ann", "a", "b", "left")
    world.scores("points", "points", values={"a": 2, "b": 1})
    signals = "judge: {votes: overall}, points: {scores: points}"
    text = f"recipe: 1\ntitle: t\npairing: {{rule: two_stage, {signals}, draw: judged}}"

    assert only(run(parse(text), world.evidence()))["basis"] == "both"


def test_bars_on_votes_and_share():
    world = World().prompt("p", *"abcd")
    world.vote("Ann", "a", "b", "left")
    for rater, outcome in (("Ann", "left"), ("Bob", "left"), ("Cid", "right")):
        world.vote(rater, "c", "d", outcome)

    assert reasons(judged(world, ", min_votes: 3"), "judged") == {"too_few_votes": 1}
    assert reasons(judged(world, ", min_share: 0.75"), "judged") == {"share_too_small": 1}
    assert judged(world, ", min_share: 0.66").pairs.height == 2


def test_win_rates_rank_samples():
    world = World().prompt("p", "a", "b", "c")
    world.vote("Ann", "a", "b", "left")
    world.vote("Ann", "b", "c", "left")
    world.vote("Ann", "a", "c", "tie")
    text = "recipe: 1\ntitle: t\npairing: {rule: best_against_worst, by: {votes: overall}}"

    pair = only(run(parse(text), world.evidence()))

    # a won 1 and tied 1 of 2: 0.75; b 0.5; c 0.25.
    assert (pair["chosen_score"], pair["rejected_score"], pair["margin_unit"]) == (0.75, 0.25, "win_rate")


def test_an_ensemble_beside_its_member_is_refused():
    world = couple()
    world.vote("panel", "a", "b", "left", rater_kind="ensemble")
    world.vote("judge", "a", "b", "left")
    world.ensemble("panel" + "", "judge")
    world.rows["members"] = [{"rater_id": _rater(world, "panel"), "member_id": _rater(world, "judge")}]

    with pytest.raises(Refused, match="ensemble 'panel' and its member 'judge'"):
        judged(world)
    assert judged(world, more="evidence: {without_raters: [judge]}").pairs.height == 1


def _rater(world, name):
    return next(row["rater_id"] for row in world.rows["raters"] if row["rater"] == name)


def test_a_derived_verdict_beside_what_it_came_from_is_refused():
    world = couple()
    first = world.vote("judge", "a", "b", "left")
    world.derived(world.vote("judge both orders", "a", "b", "left"), first)

    with pytest.raises(Refused, match="derived from"):
        judged(world)


def test_scorers_on_different_scales_are_not_averaged_unasked():
    world = couple()
    world.scores("one", "quality", values={"a": 0.1, "b": 0.2})
    world.scores("two", "quality", values={"a": 70, "b": 50})
    text = "recipe: 1\ntitle: t\npairing: {rule: best_against_worst, by: {scores: quality%s}}"

    with pytest.raises(Refused, match="scored by one and two"):
        run(parse(text % ""), world.evidence())
    assert world.names(run(parse(text % ", raters: [one]"), world.evidence()).pairs) == {("b", "a")}
    both = run(parse(text % ", raters: [one, two]"), world.evidence())
    assert both.pairs.row(0, named=True)["chosen_score"] == pytest.approx((0.1 + 70) / 2)


def test_two_revisions_of_a_scorer_are_two_scorers():
    world = couple()
    world.rater("clip", revision="aaaa1111ff").scores("clip", "quality", values={"a": 1, "b": 2})
    world.rater("clip2", revision="bbbb2222ff").scores("clip2", "quality", values={"a": 2, "b": 1})
    world.rows["raters"][1]["rater"] = "clip"
    text = "recipe: 1\ntitle: t\npairing: {rule: best_against_worst, by: {scores: quality, raters: [%s]}}"

    with pytest.raises(Refused, match="clip@aaaa1111, clip@bbbb2222"):
        run(parse(text % "clip"), world.evidence())
    assert world.names(run(parse(text % "clip@bbbb"), world.evidence()).pairs) == {("a", "b")}


def test_verdicts_under_two_principles_are_not_thrown_together():
    world = couple()
    world.vote("judge", "a", "b", "left", context="honesty")
    world.vote("judge", "a", "b", "right", context="kindness")

    with pytest.raises(Refused, match="'honesty', 'kindness'"):
        judged(world)
    assert world.names(judged(world, more="evidence: {contexts: [kindness]}").pairs) == {("b", "a")}


def test_another_meaning_of_the_criterion_is_left_out_and_a_rewording_is_not():
    world = World().prompt("p", "a", "b")
    world.scores("one", "quality", number=1, values={"a": 9, "b": 1})
    world.scores("two", "quality", number=2, values={"a": 1, "b": 2})
    text = "recipe: 1\ntitle: t\npairing: {rule: best_against_worst, by: {scores: quality, raters: [one, two]}}"

    other = run(parse(text), world.evidence())
    world.rows["criteria"][1]["meaning"] = world.rows["criteria"][0]["meaning"]
    reworded = run(parse(text), world.evidence())

    assert world.names(other.pairs) == {("b", "a")}
    assert reasons(other, "evidence") == {"other_meaning": 2}
    assert world.names(reworded.pairs) == {("a", "b")}  # means 5 and 1.5


def test_a_person_is_never_named():
    world = couple()
    world.scores("Ann Smith", "quality", values={"a": 4, "b": 2})

    result = run(
        parse("recipe: 1\ntitle: t\npairing: {rule: best_against_worst, by: {scores: quality}}"), world.evidence()
    )

    assert only(result)["scores"][0]["rater"] == "people"
    assert "Smith" not in str(result.pairs.to_dicts())
