"""Rules that choose pairs: never twins, capped, even, and with the probabilities they state."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from annotation import pair_rules
from annotation.pair_rules import CANDIDATES, EARLIER

NOTHING = pl.DataFrame(schema=EARLIER)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def candidates(prompts: int = 3, samples: int = 4, contents: dict[int, str] | None = None) -> pl.DataFrame:
    """Sample ids count up through the prompts; each has a generator of its own within the prompt."""
    ids = range(prompts * samples)
    rows = [(pk, pk // samples, pk % samples, (contents or {}).get(pk, f"c{pk}")) for pk in ids]
    return pl.DataFrame(rows, schema=CANDIDATES, orient="row")


def sets(frame: pl.DataFrame) -> list[tuple[int, ...]]:
    return [tuple(ids) for ids in frame["samples"].to_list()]


def earlier(*pairs: tuple[int, ...], samples: int = 4) -> pl.DataFrame:
    return pl.DataFrame([(pair[0] // samples, list(pair)) for pair in pairs], schema=EARLIER, orient="row")


def test_a_tournament_lets_every_two_meet_once_and_everybody_play_evenly() -> None:
    for players in (2, 3, 5, 8):
        matches = [tuple(sorted(match)) for match in pair_rules.tournament(players).tolist()]

        assert sorted(matches) == list(combinations(range(players), 2))
        first = Counter(player for match in matches[: players // 2] for player in match)
        assert set(first.values()) == {1}


def test_pairs_are_capped_a_prompt_and_stay_within_it() -> None:
    drawn = pair_rules.random_sets(candidates(5), size=2, most=2, earlier=NOTHING, rng=rng())

    assert Counter(drawn["prompt"].to_list()) == dict.fromkeys(range(5), 2)
    assert all(low // 4 == high // 4 and low < high for low, high in sets(drawn))


def test_the_same_seed_draws_the_same_whatever_the_order_of_the_rows() -> None:
    one = pair_rules.random_sets(candidates(20), size=2, most=2, earlier=NOTHING, rng=rng(5))
    same = pair_rules.random_sets(candidates(20).reverse(), size=2, most=2, earlier=NOTHING, rng=rng(5))
    other = pair_rules.random_sets(candidates(20), size=2, most=2, earlier=NOTHING, rng=rng(6))

    assert one.equals(same)
    assert set(sets(one)) != set(sets(other))


def test_twins_are_never_put_together_by_any_rule() -> None:
    twins = candidates(1, 4, {0: "same", 1: "same", 2: "same"})
    values = pl.DataFrame({"sample": [0, 1, 2, 3], "value": [1.0, 1.0, 1.1, 9.0]})
    opposite = values.with_columns(-pl.col("value"))
    verdicts = pl.DataFrame(schema={"low": pl.Int64, "high": pl.Int64, "judge": pl.Int64, "lean": pl.Float64})

    for seed in range(20):
        drawn = [
            pair_rules.random_sets(twins, size=2, most=None, earlier=NOTHING, rng=rng(seed)),
            pair_rules.round_robin(twins, most=None, earlier=NOTHING, rng=rng(seed)),
            pair_rules.adjacent(twins, values, most=None, earlier=NOTHING, rng=rng(seed)),
            pair_rules.disagreement(twins, [values, opposite], verdicts, most=None, earlier=NOTHING),
            pair_rules.whole_prompts(twins, largest=9, earlier=NOTHING, rng=rng(seed)),
        ]
        for frame in drawn:
            assert all(ids[1] == 3 and len(ids) == 2 for ids in sets(frame)), frame


@pytest.mark.parametrize("rule", ["pairs", "singles", "groups", "round-robin", "limited"])
def test_stated_probabilities_are_the_shares_over_many_draws(rule: str) -> None:
    """4,000 prompts alike are 4,000 draws: a share near 0.3 has a standard error of 0.007; 0.03 is four of them."""
    draws = 4000
    twins = (
        {}
        if rule == "round-robin"
        else {5 * prompt + place: f"{prompt}" for prompt in range(draws) for place in (0, 1)}
    )
    many = candidates(draws, 5, twins)
    if rule == "round-robin":
        frame = pair_rules.round_robin(many, most=3, earlier=NOTHING, rng=rng())
    else:
        size, most = {"singles": (1, 2), "groups": (3, 1)}.get(rule, (2, 3))
        frame = pair_rules.random_sets(many, size=size, most=most, earlier=NOTHING, rng=rng())
    if rule == "limited":
        frame = pair_rules.limited(frame, draws, by_rank=False, rng=rng(2))

    seen = Counter(tuple(pk % 5 for pk in ids) for ids in sets(frame))
    stated = dict(zip((tuple(pk % 5 for pk in ids) for ids in sets(frame)), frame["probability"], strict=True))

    assert sum(seen.values()) == frame.height
    for ids, number in seen.items():
        assert number / draws == pytest.approx(stated[ids], abs=0.03), (ids, number / draws, stated[ids])


def test_round_robin_asks_every_pair_of_generators_about_equally_often() -> None:
    drawn = pair_rules.round_robin(candidates(60, 5), most=2, earlier=NOTHING, rng=rng())

    met = Counter((low % 5, high % 5) for low, high in sets(drawn))

    assert len(met) == 10
    assert set(met.values()) == {12}


def test_round_robin_never_pairs_a_generator_with_itself() -> None:
    same_maker = candidates(1, 4).with_columns(generator=pl.Series([0, 0, 1, 1]))

    for seed in range(20):
        for low, high in sets(pair_rules.round_robin(same_maker, most=None, earlier=NOTHING, rng=rng(seed))):
            assert {low // 2, high // 2} == {0, 1}


def test_neighbours_in_a_score_are_asked_the_closest_first() -> None:
    values = pl.DataFrame({"sample": [0, 1, 2, 3], "value": [5.0, 1.0, 4.9, 2.0]})

    drawn = pair_rules.adjacent(candidates(1), values, most=2, earlier=NOTHING, rng=rng())

    assert set(sets(drawn)) == {(0, 2), (1, 3)}
    assert drawn["probability"].is_null().all()


def test_the_sharpest_contradiction_between_machines_comes_first() -> None:
    one = pl.DataFrame({"sample": [0, 1, 2, 3], "value": [0.0, 1.0, 2.0, 9.0]})
    other = pl.DataFrame({"sample": [0, 1, 2, 3], "value": [9.0, 2.0, 1.0, 0.0]})
    judge = pl.DataFrame(
        {"low": [1], "high": [2], "judge": [1], "lean": [1.0]},
        schema={"low": pl.Int64, "high": pl.Int64, "judge": pl.Int64, "lean": pl.Float64},
    )

    drawn = pair_rules.disagreement(candidates(1), [one, other], judge, most=None, earlier=NOTHING).sort("rank")
    agreed = pair_rules.disagreement(candidates(1), [one, one], judge.clear(), most=None, earlier=NOTHING)

    assert sets(drawn)[0] == (0, 3)
    assert (1, 2) in sets(drawn)
    assert agreed.is_empty()


def test_a_judge_alone_contradicts_a_score() -> None:
    score = pl.DataFrame({"sample": [0, 1], "value": [1.0, 5.0]})
    judge = pl.DataFrame(
        {"low": [0], "high": [1], "judge": [1], "lean": [1.0]},
        schema={"low": pl.Int64, "high": pl.Int64, "judge": pl.Int64, "lean": pl.Float64},
    )

    drawn = pair_rules.disagreement(candidates(1, 2), [score], judge, most=None, earlier=NOTHING)

    assert sets(drawn) == [(0, 1)]


def test_sets_asked_before_are_not_asked_again_and_others_take_their_place() -> None:
    known = earlier((0, 1), (0, 2), (0, 3), (1, 2))

    for seed in range(10):
        drawn = pair_rules.random_sets(candidates(2), size=2, most=2, earlier=known, rng=rng(seed))
        robin = pair_rules.round_robin(candidates(2), most=2, earlier=known, rng=rng(seed))

        for frame in (drawn, robin):
            assert {ids for ids in sets(frame) if ids[0] < 4} == {(1, 3), (2, 3)}
            assert frame.filter(pl.col("prompt") == 0)["probability"].is_null().all()
            assert frame.filter(pl.col("prompt") == 1)["probability"].is_not_null().all()


def test_groups_are_disjoint_and_whole_prompts_are_whole() -> None:
    groups = pair_rules.random_sets(candidates(1, 7), size=3, most=None, earlier=NOTHING, rng=rng())
    whole = pair_rules.whole_prompts(candidates(2, 3), largest=8, earlier=NOTHING, rng=rng())
    cut = pair_rules.whole_prompts(candidates(1, 6), largest=4, earlier=NOTHING, rng=rng())

    first, second = sets(groups)
    assert len(first) == len(second) == 3
    assert not set(first) & set(second)
    assert sorted(sets(whole)) == [(0, 1, 2), (3, 4, 5)]
    assert len(sets(cut)[0]) == 4
    assert cut["probability"].to_list() == pytest.approx([1 / 15])


def test_a_limit_keeps_the_first_where_the_order_says_something() -> None:
    ranked = pl.DataFrame([(0, [0, 1], None, 2.0), (0, [2, 3], None, 1.0)], schema=pair_rules.SETS, orient="row")

    assert sets(pair_rules.limited(ranked, 1, by_rank=True, rng=rng())) == [(2, 3)]


def test_more_pairs_than_fit_are_refused_in_words() -> None:
    crowd = pl.DataFrame(
        {"sample": range(7000), "prompt": 0, "generator": 0, "content": [str(n) for n in range(7000)]},
        schema=CANDIDATES,
    )

    with pytest.raises(pair_rules.TooMany, match="Narrow the samples"):
        pair_rules.random_sets(crowd, size=2, most=None, earlier=NOTHING, rng=rng())


def test_nothing_to_choose_from_gives_nothing() -> None:
    empty = candidates(0)

    for frame in (
        pair_rules.random_sets(empty, size=2, most=1, earlier=NOTHING, rng=rng()),
        pair_rules.round_robin(empty, most=1, earlier=NOTHING, rng=rng()),
        pair_rules.whole_prompts(empty, largest=5, earlier=NOTHING, rng=rng()),
    ):
        assert frame.is_empty()
