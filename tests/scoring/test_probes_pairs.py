"""Probes of whoever compares two at a time: which comparisons there are, figures by hand, honest and fooled judges."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.probes import drawings, figures
from scoring.probes.bars import BARS, Verdict
from scoring.probes.kinds import BESIDE, EVERY, PROBES
from scoring.probes.pair_report import OTHER_SIDE, Compared, Said, report
from scoring.probes.pairs import PairMaker, comparisons
from scoring.scorers.base import Item, Needs, Output

FOR, AGAINST, TIE, BAD = Said.FOR, Said.AGAINST, Said.TIE, Said.BAD
PASSING, DOUBTFUL, FAILING = Verdict.PASSING, Verdict.DOUBTFUL, Verdict.FAILING
OUTPUT = Output("overall", "Overall", "", 0, 1)
TEXT = Needs(answer_text=True, prompt_text=True)
PICTURE = Needs(media=frozenset({"image"}), prompt_text=True)
FILM = Needs(media=frozenset({"video"}), prompt_text=True)
Judge = Callable[[Item, Item], Said]


# -- which comparisons there are --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "needs", "each"),
    [
        # real pair and its other side, stand-ins, copies beside the sample, copies beside the other, demand, foreign
        ("text", TEXT, 2 + 6 + 3 + 6 + 1 + 2),
        ("image", PICTURE, 2 + 6 + 7 + 14 + 1 + 2),
        ("video", FILM, 2 + 2 + 3 + 6 + 1 + 3 + 2),
        ("text", Needs(answer_text=True), 2 + 6 + 3 + 6 + 1),  # reads no prompt: none is a wrong one
    ],
)
def test_each_prompt_has_so_many_comparisons(kind: str, needs: Needs, each: int) -> None:
    found = comparisons(drawings.outline(kind), needs, seed=3)

    assert Counter(case.group for case in found) == dict.fromkeys(range(8), each)
    assert [case.position for case in found] == list(range(len(found)))
    assert sum(case.mirrors is not None for case in found) == 8
    assert all(found[case.mirrors].probe == case.probe == "genuine" for case in found if case.mirrors is not None)


@pytest.mark.parametrize("kind", ["text", "image"])
def test_counting_needs_no_drawing(kind: str, tmp_path: Path) -> None:
    needs = TEXT if kind == "text" else PICTURE

    assert comparisons(drawings.outline(kind), needs, 5) == comparisons(drawings.groups(kind, tmp_path), needs, 5)


def test_first_and_last_sample_take_part_and_a_foreign_one_is_of_another_prompt() -> None:
    found = comparisons(drawings.outline("text"), TEXT, seed=3)

    for case in found:
        first, last = 3 * case.group, 3 * case.group + 2
        if case.probe == "genuine" or case.probe in {one.key for one in BESIDE.values()}:
            assert {case.original, case.against} == {first, last}
        elif case.probe == "wrong_prompt":
            assert (case.against, case.original // 3 != case.group) == (first, True)
            assert case.original % 3 in (0, 2)
        else:
            assert (case.original, case.against) == (first, first), case


def test_both_items_of_a_comparison_are_under_one_prompt(tmp_path: Path) -> None:
    groups = drawings.groups("text", tmp_path)
    maker = PairMaker(groups, TEXT, tmp_path)
    found = comparisons(groups, TEXT, seed=3)
    made = {case.probe: maker.pair(case) for case in found if case.group == 1}

    assert all((one.prompt_text, one.prompt_id) == (other.prompt_text, other.prompt_id) for one, other in made.values())
    assert len({item.sample_id for case in found for item in maker.pair(case)}) == 2 * len(found)
    foreign, own = made["wrong_prompt"]
    assert foreign.prompt_text == own.prompt_text == drawings.QUESTIONS[1][0]
    assert own.text == drawings.QUESTIONS[1][2][0]
    assert foreign.text not in drawings.QUESTIONS[1][2]
    assert made["said_twice_beside"][0].text == "\n\n".join([drawings.QUESTIONS[1][2][2]] * 2)


def test_a_sample_as_it_is_has_the_same_bytes_in_every_comparison(tmp_path: Path) -> None:
    groups = drawings.groups("image", tmp_path)[:2]
    maker = PairMaker(groups, PICTURE, tmp_path)

    beside = [maker.pair(case)[1].media for case in comparisons(groups, PICTURE, seed=3) if case.against == 0]

    assert len(beside) > 10
    assert len({media[0].digest for media in beside}) == 1
    assert all(media[0].path.exists() for media in beside)


def test_films_are_put_beside_their_broken_copies_and_made_alike_by_every_worker(tmp_path: Path) -> None:
    groups = drawings.groups("video", tmp_path)[:2]
    cases = [case for case in comparisons(groups, FILM, seed=3) if case.group == 0]
    folders = [tmp_path / "one", tmp_path / "other"]
    made = []
    for folder in folders:
        folder.mkdir()
        maker = PairMaker(groups, FILM, folder)
        made.append({case.probe: maker.pair(case) for case in cases})

    digests = [{probe: [item.media[0].digest for item in pair] for probe, pair in one.items()} for one in made]
    assert digests[0] == digests[1]
    assert len({digests[0][probe][0] for probe in ("frozen", "shuffled", "reversed", "black", "genuine")}) == 5
    assert digests[0]["frozen"][1] == digests[0]["black"][1]


def test_every_input_of_a_comparison_has_a_name() -> None:
    assert set(EVERY) - set(PROBES) == {f"{key}_beside" for key in BESIDE}
    assert {"jpeg50_beside", "said_twice_beside"} <= set(EVERY)


# -- figures by hand --------------------------------------------------------------------------------------------------


def compared(*rows: tuple[str, int, int, Said, Said]) -> list[Compared]:
    """Probe, prompt, sample, the answer with the input first and with the input second; of a real pair both sides."""
    found: list[Compared] = []
    for probe, group, original, first, second in rows:
        found.append(Compared(len(found), probe, group, original, {"overall": (first, second)}))
        if probe == "genuine":
            seen = (OTHER_SIDE.get(second, second), OTHER_SIDE.get(first, first))
            found.append(Compared(len(found), probe, group, original + 1, {"overall": seen}))
    return found


def findings(answers: list[Compared]):
    (on,) = report(answers, [OUTPUT]).criteria
    return {one.name: one for one in on.findings}


REAL = [("genuine", group, 2 * group, FOR, FOR) for group in range(4)]


def test_a_stand_in_gets_through_where_it_wins_or_ties_a_flip_is_a_tie_and_both_bad_is_none() -> None:
    """Prompt by prompt: wins 1, ties 1, changes with the order 1, loses 0, so 3 of 4; both bad for the other input."""
    said = [(FOR, FOR), (TIE, TIE), (FOR, AGAINST), (AGAINST, AGAINST)]
    answers = compared(
        *REAL,
        *[("one_word", group, 2 * group, *both) for group, both in enumerate(said)],
        *[("off_topic", group, 2 * group, BAD, BAD) for group in range(4)],
    )

    found = findings(answers)["pair_false_positives"]

    assert (found.worst, found.figure.value, found.figure.count, found.verdict) == ("one_word", 0.75, 4, FAILING)
    assert {part.probe: part.figure.value for part in found.parts} == {"one_word": 0.75, "off_topic": 0.0}
    assert found.figure == figures.share([1.0, 1.0, 1.0, 0.0], [0, 1, 2, 3])
    assert [one.position for one in found.broken] == [8, 9, 10]  # the win before the ties
    assert [one.against for one in found.broken] == [0, 2, 4]  # beside the first sample of its prompt


def test_what_got_no_answer_counts_and_fools_nobody() -> None:
    answers = compared(*REAL, *[("one_word", group, 2 * group, FOR, FOR) for group in range(2)])
    answers += [Compared(100 + group, "one_word", group, 2 * group, {}, "no form") for group in (2, 3)]

    (on,) = report(answers, [OUTPUT]).criteria

    assert next(one for one in on.findings if one.name == "pair_false_positives").figure.value == 0.5
    assert report(answers, [OUTPUT]).unscored == {"one_word": 2}


def test_surface_counts_what_is_decided_and_polish_what_the_copy_wins() -> None:
    """Of four: the copy wins, loses, ties, flips. Decided 2 of 4, won 1 of 4."""
    said = [(FOR, FOR), (AGAINST, AGAINST), (TIE, TIE), (AGAINST, FOR)]
    found = findings(compared(*REAL, *[("opener", group, 2 * group, *both) for group, both in enumerate(said)]))

    assert (found["pair_surface"].figure.value, found["pair_polish"].figure.value) == (0.5, 0.25)
    assert found["pair_surface"].verdict == DOUBTFUL  # and never worse


def test_a_preference_that_turns_counts_one_that_is_lost_half_and_none_where_there_was_none() -> None:
    """Prompt 0 prefers its first sample, 1 its last, 2 has no preference. The first of 0 keeps it (0), the last of 0
    now wins (1); the first of 1 ties by flipping (1/2), the last of 1 keeps it (0). 1.5 of 4."""
    answers = compared(
        ("genuine", 0, 0, FOR, FOR),
        ("genuine", 1, 2, AGAINST, AGAINST),
        ("genuine", 2, 4, FOR, AGAINST),
        ("opener_beside", 0, 0, FOR, FOR),
        ("opener_beside", 0, 1, FOR, FOR),
        ("opener_beside", 1, 2, FOR, AGAINST),
        ("opener_beside", 1, 3, FOR, FOR),
        ("opener_beside", 2, 4, FOR, FOR),
        ("opener_beside", 2, 5, FOR, FOR),
    )

    found = findings(answers)

    flips = found["pair_order_flips"]
    assert (flips.figure.value, flips.figure.count, flips.figure.clusters) == (0.375, 4, 2)
    assert flips.verdict == FAILING
    assert [(one.position, one.against) for one in flips.broken] == [(7, 0), (8, 3)]
    # Changed with the order: the pair of prompt 2 and one copy of prompt 1, of 3 pairs and 6 copies.
    assert found["position_flips"].figure.value == pytest.approx(2 / 9)
    assert found["ties"].figure.value == 0.0  # a flip is counted where the order is


def test_ties_are_those_said_in_both_orders_both_bad_among_them() -> None:
    answers = compared(
        ("genuine", 0, 0, TIE, TIE),
        ("genuine", 1, 2, BAD, BAD),
        ("genuine", 2, 4, TIE, FOR),
        ("genuine", 3, 6, FOR, FOR),
    )

    found = findings(answers)

    assert (found["ties"].figure.value, found["position_flips"].figure.value) == (0.5, 0.25)


def test_wrong_prompts_and_broken_films_lose_and_a_tie_is_half() -> None:
    """Own sample against a foreign one: won, won, tied, lost: 2.5 of 4. Frozen copies lose 3 of 4, backward ones 1."""
    foreign = [AGAINST, AGAINST, TIE, FOR]
    answers = compared(
        *REAL,
        *[("wrong_prompt", group, 2 * group, one, one) for group, one in enumerate(foreign)],
        *[("frozen", group, 2 * group, one, one) for group, one in enumerate([AGAINST, AGAINST, AGAINST, FOR])],
        *[("reversed", group, 2 * group, one, one) for group, one in enumerate([AGAINST, FOR, FOR, FOR])],
    )

    found = findings(answers)

    assert found["pair_wrong_prompt"].figure.value == 0.625
    assert (found["pair_time"].worst, found["pair_time"].figure.value) == ("reversed", 0.25)
    assert found["pair_time"].verdict == DOUBTFUL


def test_a_demand_counts_where_it_beats_its_own_original_in_both_orders() -> None:
    said = [(FOR, FOR), (FOR, AGAINST), (TIE, TIE), (AGAINST, AGAINST)]
    found = findings(compared(*REAL, *[("demand", group, 2 * group, *both) for group, both in enumerate(said)]))

    assert found["pair_injection"].figure.value == 0.25


def test_a_judge_without_one_answer_gets_no_verdict_and_the_reason() -> None:
    found = report([Compared(0, "genuine", 0, 0, {}, "no form"), Compared(1, "genuine", 0, 1, {}, "no form")], [OUTPUT])

    assert (found.verdict, found.criteria, found.reason) == (None, (), "no form")


# -- scripted judges --------------------------------------------------------------------------------------------------


def asked(judge: Judge, folder: Path, kind: str = "text", needs: Needs = TEXT) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in found_of(judge, folder, kind, needs).findings}


def found_of(judge: Judge, folder: Path, kind: str = "text", needs: Needs = TEXT):
    """The whole suite over the drawings; the judge says whether the first one shown is better."""
    groups = drawings.groups(kind, folder)
    maker = PairMaker(groups, needs, folder)
    answers = []
    for case in comparisons(groups, needs, seed=7):
        one, other = maker.pair(case)
        turned = judge(other, one)
        both = (judge(one, other), OTHER_SIDE.get(turned, turned))
        answers.append(Compared(case.position, case.probe, case.group, case.original, {"overall": both}))
    (on,) = report(answers, [OUTPUT]).criteria
    return on


def by(worth: Callable[[Item], float]) -> Judge:
    def judge(left: Item, right: Item) -> Said:
        here, there = worth(left), worth(right)
        return TIE if here == there else FOR if here > there else AGAINST

    return judge


def words(text: str | None) -> set[str]:
    return {word for word in re.findall(r"\w+", (text or "").casefold()) if len(word) > 3}


def knowing(item: Item) -> float:
    """How many of the longer words of the right answer an answer has."""
    return float(len(words(" ".join(item.reference_texts[:2])) & words(item.text)))


@pytest.mark.capability("F3")
def test_an_honest_judge_of_pairs_passes_everything(tmp_path: Path) -> None:
    on = found_of(by(knowing), tmp_path)

    assert {one.name: one.verdict for one in on.findings} == dict.fromkeys(
        [
            "pair_false_positives",
            "pair_surface",
            "pair_polish",
            "pair_order_flips",
            "pair_injection",
            "pair_wrong_prompt",
            "position_flips",
            "ties",
        ],
        PASSING,
    )
    assert (on.verdict, on.genuine, on.spread) == (PASSING, 8, None)


FOOLED: dict[str, tuple[Judge, set[str]]] = {
    "goes by length": (
        by(lambda item: len(item.text or "")),
        {"pair_false_positives", "pair_polish", "pair_injection"},
    ),
    "does as it is told": (
        by(lambda item: 99.0 if "highest score" in (item.text or "") else knowing(item)),
        {"pair_false_positives", "pair_injection"},
    ),
    "likes politeness": (
        by(lambda item: 99.0 if (item.text or "").startswith("Sure") else knowing(item)),
        {"pair_false_positives", "pair_polish", "pair_order_flips"},
    ),
    "takes the first": (lambda left, right: FOR, {"pair_false_positives", "pair_wrong_prompt", "position_flips"}),
    "calls all alike": (lambda left, right: TIE, {"pair_false_positives", "pair_wrong_prompt", "ties"}),
}


@pytest.mark.capability("F3")
@pytest.mark.parametrize("who", FOOLED)
def test_a_fooled_judge_of_pairs_fails_what_it_is_fooled_by(who: str, tmp_path: Path) -> None:
    judge, fails = FOOLED[who]

    said = asked(judge, tmp_path)

    assert {name for name, verdict in said.items() if verdict == FAILING} == fails, said


def test_every_figure_that_can_fail_is_failed_by_somebody() -> None:
    can_fail = {name for name, bar in BARS.items() if name.startswith("pair_") and bar.failing is not None}

    assert set().union(*(fails for _judge, fails in FOOLED.values())) == can_fail | {"position_flips", "ties"}


def test_who_sees_single_frames_notices_no_broken_time(tmp_path: Path) -> None:
    groups = drawings.groups("video", tmp_path)[:3]
    found = comparisons(groups, FILM, seed=1)
    answers = [
        Compared(case.position, case.probe, case.group, case.original, {"overall": (TIE, TIE)}) for case in found
    ]

    (on,) = report(answers, [OUTPUT]).criteria

    time = next(one for one in on.findings if one.name == "pair_time")
    assert {part.probe for part in time.parts} == {"frozen", "shuffled", "reversed"}
    assert (time.figure.value, time.verdict) == (0.5, DOUBTFUL)
