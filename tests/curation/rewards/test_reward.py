"""A reward as a thing: read from text, refused where units do not agree, applied to members that may be missing."""

import polars as pl
import pytest

from curation.errors import Refused
from curation.recipes.problems import RecipeProblems
from curation.rewards.parse import parse
from curation.rewards.reward import Reward
from curation.rewards.scale import Scale, zero_to_one

FAITH, LOOKS, TEXT = "faith", "looks", "text"
SHARES = {name: zero_to_one(name) for name in (FAITH, LOOKS, TEXT)}


def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "sample_id": [1, 2, 3, 4],
            "prompt_id": [1, 1, 1, 2],
            FAITH: [0.9, 0.4, 0.6, None],
            LOOKS: [0.2, 0.8, 0.6, 0.5],
            TEXT: [1.0, 1.0, 0.0, 1.0],
        }
    )


def rule(total: str, extra: str = "", members: str = "") -> str:
    lines = [members or "".join(f"\n  - {{name: {name}, scores: {name}}}" for name in (FAITH, LOOKS, TEXT))]
    return f"reward: 1\nname: r\nmembers:{lines[0]}\ntotal: {total}\n{extra}"


def values(text: str, of: pl.DataFrame | None = None) -> list[float | None]:
    return Reward(parse(text), SHARES).apply(frame() if of is None else of)["value"].to_list()


@pytest.mark.capability("C11")
def test_the_same_raw_scores_give_two_totals_under_two_recipes():
    raw = frame()
    mean = parse(rule("{rule: weighted_mean}", members="\n- {scores: faith, weight: 3}\n- {scores: looks}"))
    worst = parse(rule("{rule: minimum}", members="\n- {scores: faith}\n- {scores: looks}"))
    reweighed = parse(rule("{rule: weighted_mean}", "version: 2", "\n- {scores: faith}\n- {scores: looks, weight: 3}"))

    totalled = [Reward(one, SHARES).total(raw) for one in (mean, worst, reweighed)]

    assert [one.frame["value"].to_list() for one in totalled] == [
        pytest.approx([0.725, 0.5, 0.6, None]),
        [0.2, 0.4, 0.6, None],
        pytest.approx([0.375, 0.7, 0.6, None]),
    ]
    assert all(one.frame.select(raw.columns).equals(raw) for one in totalled)
    assert len({one.digest() for one in totalled}) == len({one.rule.digest() for one in totalled}) == 3
    shuffled = raw.sample(fraction=1.0, shuffle=True, seed=1)
    assert Reward(mean, SHARES).total(shuffled).digest() == totalled[0].digest()


@pytest.mark.capability("C11")
def test_every_rule_by_hand():
    one = frame().head(1)  # 0.9, 0.2, 1.0
    gate = "{rule: gated, base: [faith, looks], bonus: [text], gate: {at_least: %s, below: %s}}"

    assert values(rule("{rule: weighted_mean}"), one) == pytest.approx([0.7])
    assert values(rule("{rule: sum}"), one) == pytest.approx([2.1])
    assert values(rule("{rule: product}"), one) == pytest.approx([0.18])
    assert values(rule("{rule: harmonic_mean}"), one) == pytest.approx([3 / (1 / 0.9 + 5 + 1)])
    assert values(rule("{rule: geometric_mean}"), one) == pytest.approx([0.18 ** (1 / 3)])
    assert values(rule("{rule: minimum}"), one) == [0.2]
    assert values(rule(gate % (0.5, "zero")), one) == pytest.approx([1.55])
    assert values(rule(gate % (0.6, "zero")), one) == [0.0]
    assert values(rule(gate % (0.6, "{cap: 0.3}")), one) == [0.3]
    bars = "{rule: all_of, bars: {faith: {at_least: 0.9}, looks: {at_most: 0.2}, text: {at_least: %s}}}"
    assert values(rule(bars % 1), one) == [1.0]
    assert values(rule(bars % 1.1), one) == [0.0]
    assert values(rule("{rule: ordered, order: [text, looks, faith]}")) == [2.0, 1.0, 3.0, None]
    assert values(rule("{rule: ordered, order: [text, faith, looks], within: {text: 1, faith: 0.3}}")) == [
        2.0,
        3.0,
        1.0,
        None,
    ]


def test_a_penalty_is_a_negative_weight_on_what_is_better_low():
    members = "\n- {scores: faith}\n- {scores: noise, weight: -0.5}"
    scales = {FAITH: zero_to_one(FAITH), "noise": Scale("noise", low=0, high=1, higher_is_better=False)}
    raw = frame().head(1).with_columns(noise=pl.lit(0.4))

    assert Reward(parse(rule("{rule: sum}", members=members)), scales).apply(raw)["value"].to_list() == [0.7]
    with pytest.raises(Refused, match="line 5: of 'noise' lower is better"):
        Reward(parse(rule("{rule: sum}", members=members.replace("-0.5", "0.5"))), scales)
    with pytest.raises(Refused, match="line 5: of 'noise' higher is better; weigh it above 0"):
        Reward(parse(rule("{rule: sum}", members=members)), {**scales, "noise": zero_to_one("noise")})


# -- what is missing --------------------------------------------------------------------------------------------------


def test_what_is_missing_is_named_counted_and_treated_as_stated():
    drop, share = rule("{rule: weighted_mean}"), rule("{rule: weighted_mean}", "missing: renormalise")
    total = Reward(parse(drop), SHARES).total(frame())

    assert total.frame["why_missing"].to_list() == [None, None, None, FAITH]
    assert total.frame["parts"].to_list()[3] == {FAITH: None, LOOKS: 0.5, TEXT: 1.0}
    assert (total.totals, total.missing) == (3, {FAITH: 1, LOOKS: 0, TEXT: 0})
    assert values(share)[3] == 0.75
    with pytest.raises(Refused, match="1 of 4 samples lack a member, the first is sample 4 without faith"):
        values(rule("{rule: weighted_mean}", "missing: error"))


def test_a_missing_bonus_adds_nothing_and_a_missing_base_leaves_no_total():
    gate = "{rule: gated, base: [%s], bonus: [%s], gate: {at_least: 0.1}}"
    members = "\n- {scores: faith}\n- {scores: looks}"

    assert values(rule(gate % (LOOKS, FAITH), "missing: renormalise", members))[3] == 0.5
    assert values(rule(gate % (FAITH, LOOKS), "missing: renormalise", members))[3] is None
    assert values(rule(gate % (LOOKS, FAITH), "", members))[3] is None


def test_an_absent_column_is_said():
    with pytest.raises(Refused, match="no column 'text'"):
        values(rule("{rule: minimum}"), frame().drop(TEXT))


def test_no_samples_are_no_totals():
    total = Reward(parse(rule("{rule: ordered, order: [text, looks, faith]}")), SHARES).total(frame().clear())

    assert (total.totals, total.frame.height) == (0, 0)
    assert values(rule("{rule: harmonic_mean}"), frame().clear()) == []


# -- caps -------------------------------------------------------------------------------------------------------------


def test_caps_hold_always_or_where_a_member_is_low():
    caps = "caps:\n- {at_most: 0.65}\n- {at_most: 0.3, when: text, below: 0.5}"

    assert values(rule("{rule: weighted_mean}", caps)) == [0.65, 0.65, 0.3, None]


# -- units ------------------------------------------------------------------------------------------------------------


def test_numbers_of_different_units_are_not_thrown_together():
    scales = {**SHARES, LOOKS: Scale(LOOKS, "points", 1, 10)}
    text = rule("{rule: %s}")

    for name in ("weighted_mean", "sum", "minimum", "harmonic_mean", "geometric_mean"):
        with pytest.raises(Refused, match=r"line 5: 'faith' is measured in faith \(0 to 1\) and 'looks' in looks"):
            Reward(parse(text % name), scales)
    said = parse(rule("{rule: weighted_mean}", "mixed_units: true"))
    assert Reward(said, scales).apply(frame())["value"][0] == pytest.approx(0.7)
    assert Reward(parse(text % "product"), scales).apply(frame())["value"][0] == pytest.approx(0.18)
    cured = rule(
        "{rule: minimum}",
        members="\n- {scores: faith}\n- {scores: looks, transform: [{bounded: {low: 1, high: 10}}]}",
    )
    assert Reward(parse(cured), scales).apply(frame())["value"][0] == 0.0


def test_scales_that_state_nothing_agree_only_with_themselves():
    twins = rule("{rule: minimum}", members="\n- {name: a, scores: overall}\n- {name: b, scores: overall}")
    others = rule("{rule: minimum}", members="\n- {name: a, scores: overall}\n- {name: b, scores: looks}")

    assert Reward(parse(twins))
    with pytest.raises(Refused, match="no unit or range stated"):
        Reward(parse(others))


def test_a_direction_is_turned_round_by_a_transform():
    noise = Scale("noise", "grey levels", 0, 100, higher_is_better=False)
    straight = rule("{rule: minimum}", members="\n- {scores: noise}")
    turned = rule("{rule: minimum}", members="\n- {scores: noise, transform: [{bounded: {low: 100, high: 0}}]}")

    with pytest.raises(Refused, match="lower is better; turn it round"):
        Reward(parse(straight), {"noise": noise})
    assert Reward(parse(turned), {"noise": noise}).apply(_noise([25.0]))["value"].to_list() == [0.75]


def _noise(said: list[float]) -> pl.DataFrame:
    ids = list(range(len(said)))
    return pl.DataFrame({"sample_id": ids, "prompt_id": ids, "noise": said})


def test_a_reference_set_is_measured_on_the_way_and_written_down():
    text = rule("{rule: minimum}", members="\n- {scores: noise, transform: [{zscore: {over: all}}]}")

    total = Reward(parse(text)).total(_noise([1.0, 3.0]))

    (member,) = total.rule.members
    assert member.transform.steps[0].options == {"over": "all", "mean": 2.0, "deviation": 1.0}
    assert Reward(total.rule).apply(_noise([5.0]))["value"].to_list() == [3.0]


def test_means_of_negative_numbers_are_refused_with_a_remedy():
    with pytest.raises(Refused, match=r"r: 1 values are negative.*for example with bounded"):
        values(rule("{rule: harmonic_mean}"), frame().with_columns(pl.Series(FAITH, [-1.0, 1.0, 1.0, 1.0])))


# -- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (rule("{rule: mean}"), 7, "Allowed: weighted_mean"),
        (rule("{}"), 7, "Add one of: weighted_mean"),
        (rule("{rule: sum, base: [faith]}"), 7, "total has no 'base'"),
        (rule("{rule: gated, base: [faith], bonus: [faith], gate: {at_least: 1}}"), 7, "in the base and in the bonus"),
        (
            rule("{rule: gated, base: [faith], gate: {at_least: 1}}"),
            7,
            "'looks' is neither in the base nor in the bonus",
        ),
        (rule("{rule: gated, base: [faith, looks, texts], gate: {at_least: 1}}"), 7, "Did you mean 'text'?"),
        (rule("{rule: gated, base: [faith, looks, text], gate: {}}"), 7, "gate lacks 'at_least'"),
        (rule("{rule: gated, base: [faith, looks, text], gate: {at_least: -1}}"), 7, "could rise to 0"),
        (rule("{rule: gated, base: [faith, looks, text], gate: {at_least: 1, below: {cap: 2}}}"), 7, "change nothing"),
        (rule("{rule: all_of, bars: {faith: {at_least: 1}}}"), 7, "'looks' has no bar"),
        (rule("{rule: all_of, bars: {faith: {}, looks: {at_most: 1}, text: {at_most: 1}}}"), 7, "faith has no bar"),
        (rule("{rule: ordered, order: [faith, looks]}"), 7, "'text' is not in the order"),
        (rule("{rule: ordered, order: [faith, looks, text], within: {faith: -1}}"), 7, "at least 0"),
        (rule("{rule: ordered, order: [faith, looks, text]}", "missing: renormalise"), 8, "cannot be compared"),
        (rule("{rule: product}", "caps: [{at_most: 1, when: text}]"), 8, "without the other"),
        (rule("{rule: product}", "caps: [{at_most: 1, when: tex, below: 1}]"), 8, "Did you mean 'text'?"),
        (rule("{rule: product}", "missing: ignore"), 8, "Allowed: drop, renormalise, error"),
        (rule("{rule: product}", members="\n- {scores: a, weight: 2}"), 4, "product knows no weights"),
        (rule("{rule: weighted_mean}", members="\n- {scores: a, weight: -2}"), 4, "Only a sum has penalties"),
        (rule("{rule: sum}", members="\n- {scores: a, weight: 0}"), 4, "would not count"),
        (rule("{rule: sum}", members="\n- {scores: a, weight: heavy}"), 4, "Write a number"),
        (rule("{rule: sum}", members="\n- {scores: a}\n- {scores: a}"), 5, "also the member on line 4"),
        (rule("{rule: sum}", members="\n- {weight: 1}"), 4, "a member lacks 'scores'"),
        (rule("{rule: sum}", members="\n- {scores: value}"), 4, "cannot name a member"),
        (rule("{rule: sum}", members="\n- {scores: a, transform: [{bounds: {}}]}"), 4, "There is no step 'bounds'"),
        ("reward: 1\nname: r\nmembers: []\ntotal: {rule: sum}", 3, "no members"),
        ("reward: 2\nname: r\nmembers:\n- {scores: a}\ntotal: {rule: sum}", 1, "Begin with `reward: 1`"),
    ],
)
def test_a_mistake_names_its_line_and_its_remedy(text, line, said):
    with pytest.raises(RecipeProblems) as caught:
        parse(text)

    assert said in str(caught.value)
    assert caught.value.problems[0].line == line
