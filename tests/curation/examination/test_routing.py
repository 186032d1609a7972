"""Which machine to ask where: planted specialists are found, luck is not, and the gain is told on other votes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import t

from curation.examination.families import Families
from curation.examination.frames import Column
from curation.examination.routing import LEAST_PROMPTS, routing

ALL_ROUND, READER, GUESSER = (Column(rater, "overall", "scores", "") for rater in (1, 2, 3))
TAGS = ["animals", "people", "text", "signs"]


def planted(prompts: int, accuracy: dict, *, seed: int = 0, votes: int = 4):
    """Labels, credits and prompts: each prompt has one tag in turn, and each machine its own accuracy by tag."""
    random = np.random.default_rng(seed)
    prompt = np.repeat(np.arange(prompts), votes)
    tag = [TAGS[one % len(TAGS)] for one in prompt]
    credit = {
        column: (random.random(len(prompt)) < [by_tag.get(one, by_tag[""]) for one in tag]).astype(float)
        for column, by_tag in accuracy.items()
    }
    labelled = pl.DataFrame({"voice": np.arange(len(prompt), dtype=np.uint32), "label": tag})
    return labelled, credit, prompt


@pytest.mark.capability("C15")
def test_a_specialist_is_named_where_it_is_surely_ahead_and_the_gain_is_real() -> None:
    """The reader knows text and signs and guesses elsewhere: 15 points on half of the votes are 7.5 on all."""
    accuracy = {ALL_ROUND: {"": 0.8}, READER: {"": 0.5, "text": 0.95, "signs": 0.95}, GUESSER: {"": 0.5}}
    labelled, credit, prompt = planted(400, accuracy)

    found = routing("tag", labelled, credit, prompt)

    assert found.general == ALL_ROUND
    assert {line.label: line.chosen for line in found.lines} == {
        "animals": ALL_ROUND,
        "people": ALL_ROUND,
        "text": READER,
        "signs": READER,
    }
    assert found.gain.low < 0.075 < found.gain.high
    assert found.gain.low > 0
    assert found.routed.value - found.single.value == pytest.approx(found.gain.value)


def test_the_difference_of_a_line_is_that_of_means_over_prompts_by_hand() -> None:
    labelled, credit, prompt = planted(80, {ALL_ROUND: {"": 0.75}, READER: {"": 0.5, "text": 0.9}})

    (line,) = [one for one in routing("tag", labelled, credit, prompt).lines if one.label == "text"]

    here = np.array(labelled["label"].to_list()) == "text"
    apart = (credit[READER] - credit[ALL_ROUND])[here].reshape(-1, 4).mean(axis=1)
    half = t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / np.sqrt(len(apart))
    assert line.ahead.value == pytest.approx(apart.mean())
    assert (line.ahead.low, line.ahead.high) == pytest.approx((apart.mean() - half, apart.mean() + half))
    assert line.prompts == 20


def test_where_all_are_alike_luck_makes_no_gain() -> None:
    """Twenty machines without a difference: the best of each tag was lucky, and other votes say so."""
    many = {Column(rater, "overall", "scores", ""): {"": 0.6} for rater in range(1, 21)}
    gains = []
    for seed in range(20):
        found = routing("tag", *planted(80, many, seed=seed))
        gains.append(found.gain.value if found.gain else 0.0)

    assert np.mean(gains) < 0.02
    assert abs(np.mean(gains)) < 3 * np.std(gains) / np.sqrt(len(gains)) + 0.01


def test_a_part_of_few_prompts_has_no_line() -> None:
    labelled, credit, prompt = planted(4 * (LEAST_PROMPTS - 1), {ALL_ROUND: {"": 0.6}, READER: {"": 0.5, "text": 1.0}})

    assert routing("tag", labelled, credit, prompt).lines == []


def test_prompts_that_belong_together_count_once_and_are_in_one_part() -> None:
    """Of twelve prompts of the tag four and four belong together: too few to name a machine, however it does there."""
    labelled, credit, prompt = planted(48, {ALL_ROUND: {"": 0.6}, READER: {"": 0.3, "text": 1.0}})
    of_text = np.arange(2, 48, 4)
    families = Families(of_text, np.repeat(of_text[::4], 4))

    alone = routing("tag", labelled, credit, prompt)
    together = routing("tag", labelled, credit, prompt, families)

    assert {line.label: line.chosen for line in alone.lines}["text"] == READER
    assert "text" not in [line.label for line in together.lines]
    assert (together.single.prompts, together.single.families) == (48, 39)


def test_a_machine_that_was_lucky_on_some_families_gains_nothing_on_others() -> None:
    """Forty machines know some families of the text by chance; the one with the most of them knows no others."""
    random = np.random.default_rng(6)
    prompt = np.arange(480)
    is_text, family = prompt < 240, prompt // 20
    credit = {ALL_ROUND: (random.random(480) < np.where(is_text, 0.55, 0.95)).astype(float)}
    for rater in range(10, 50):
        known = random.choice([0.15, 0.95], 24)
        credit[Column(rater, "overall", "scores", "")] = (random.random(480) < known[family]).astype(float)
    labels = np.where(is_text, "text", "animals").tolist()
    labelled = pl.DataFrame({"voice": np.arange(480, dtype=np.uint32), "label": labels})

    alone = routing("tag", labelled, credit, prompt)
    together = routing("tag", labelled, credit, prompt, Families(prompt, family * 20))

    assert alone.gain.low > 0.03
    assert together.gain is None or together.gain.value <= 0


def test_of_two_tags_the_rarer_one_counts() -> None:
    """Every prompt is `all`, where the reader is ahead; of the rare `text` the guesser knows more."""
    random = np.random.default_rng(4)
    prompt = np.repeat(np.arange(300), 2)
    is_text = prompt % 5 == 0
    credit = {
        ALL_ROUND: (random.random(600) < 0.62).astype(float),
        READER: (random.random(600) < np.where(is_text, 0.1, 0.75)).astype(float),
        GUESSER: (random.random(600) < np.where(is_text, 0.98, 0.4)).astype(float),
    }
    rows = [(voice, "all") for voice in range(600)] + [(int(voice), "text") for voice in np.flatnonzero(is_text)]
    labelled = pl.DataFrame(rows, schema={"voice": pl.UInt32, "label": pl.String}, orient="row")

    found = routing("tag", labelled, credit, prompt)

    assert [line.label for line in found.lines] == ["text", "all"]
    assert found.lines[0].chosen == GUESSER
    right = np.where(is_text, credit[GUESSER], credit[found.lines[1].chosen])
    assert found.routed.value == pytest.approx(right.mean(), abs=0.02)


def test_a_machine_that_judged_little_is_not_asked_everywhere() -> None:
    labelled, credit, prompt = planted(100, {ALL_ROUND: {"": 0.6}, READER: {"": 1.0}})
    credit[READER][40:] = np.nan

    assert routing("tag", labelled, credit, prompt).general == ALL_ROUND


def test_where_the_named_machine_is_silent_the_general_one_speaks() -> None:
    labelled, credit, prompt = planted(200, {ALL_ROUND: {"": 0.6}, READER: {"": 0.3, "text": 0.95}})
    is_text = np.array(labelled["label"].to_list()) == "text"
    credit[READER][is_text & (prompt % 8 == 2)] = np.nan

    found = routing("tag", labelled, credit, prompt)

    assert found.routed.votes == found.single.votes == len(prompt)


@pytest.mark.parametrize("credit", [{}, {ALL_ROUND: np.full(8, np.nan)}])
def test_without_verdicts_there_is_no_table(credit) -> None:
    labelled = pl.DataFrame({"voice": np.arange(8, dtype=np.uint32), "label": ["text"] * 8})

    assert routing("tag", labelled, credit, np.repeat(np.arange(4), 2)) is None
