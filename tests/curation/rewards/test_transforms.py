"""A transform as a thing: read from text, versioned by digest, applied to raw values that stay as they are."""

import json

import polars as pl
import pytest

from curation.errors import Refused
from curation.recipes.problems import RecipeProblems
from curation.rewards.parse import parse_transform
from curation.rewards.scale import Scale
from curation.rewards.steps import KINDS

TEXT = """
transform: 1
name: log then bounded
version: 3
steps:
  - log: {scale: 2}
  - bounded: {low: 0, high: 3}
"""


def frame(values=(0.5, 4.0, None, 90.0), prompts=(1, 1, 2, 2), **columns) -> pl.DataFrame:
    rows = {"sample_id": list(range(1, len(values) + 1)), "prompt_id": list(prompts), "value": list(values)}
    return pl.DataFrame({**rows, **columns}, schema_overrides={"value": pl.Float64})


def one(step: str) -> str:
    return f"transform: 1\nname: t\nsteps:\n  - {step}\n"


@pytest.mark.capability("C10")
def test_a_transform_is_recomputed_from_raw_and_raw_is_never_overwritten():
    raw = frame()
    transform = parse_transform(TEXT)

    first = transform.apply(raw)
    again = parse_transform(TEXT).apply(raw.sample(fraction=1.0, shuffle=True, seed=5))

    assert first.frame.drop("transformed").equals(raw)
    assert first.digest() == again.digest()
    assert first.frame["transformed"].to_list() == pytest.approx(
        [0.0743811837714032, 0.36620409622270322, None, 1.0], abs=1e-15
    )  # ln(1.25)/3, ln(3)/3, nothing, beyond
    assert first.clipped == {"bounded (low 0, high 3, clip yes)": 1}
    assert parse_transform(TEXT.replace("high: 3", "high: 4")).apply(raw).digest() != first.digest()


@pytest.mark.capability("C10")
def test_the_digest_of_a_transform_is_its_meaning():
    as_json = json.dumps(
        {"steps": [{"log": {"scale": 2}}, {"bounded": {"high": 3, "low": 0, "clip": True}}], "version": 3,
         "name": "log then bounded", "transform": 1}
    )  # fmt: skip
    said = parse_transform(TEXT)

    assert parse_transform(as_json).digest() == said.digest()
    assert parse_transform(TEXT.replace("version: 3", "version: 4")).digest() != said.digest()
    assert parse_transform(TEXT.replace("scale: 2", "scale: 1")).digest() != said.digest()
    assert parse_transform(json.dumps(said.as_json())) == said


def test_every_kind_of_step_can_be_read_applied_and_written_again():
    options = {
        "zscore": {"mean": 1, "deviation": 2},
        "bounded": {"low": 0, "high": 1},
        "logistic": {"middle": 0, "width": 1},
        "clip": {"low": 0},
        "threshold": {"at_least": 1},
        "tiers": {"cuts": [1, 2]},
    }
    raw = frame(kind=["real", "generated", "generated", "generated"], contrast=[0.1, 0.2, 0.3, None])
    for kind in KINDS:
        transform = parse_transform(json.dumps({"transform": 1, "name": kind, "steps": [{kind: options.get(kind)}]}))
        applied = transform.apply(raw)
        assert parse_transform(json.dumps(transform.as_json())) == transform
        assert applied.frame["transformed"].null_count() >= 1
        assert applied.frame["value"].equals(raw["value"])


@pytest.mark.parametrize(
    ("step", "line", "said"),
    [
        ("bounded: {low: 0}", 4, "bounded lacks 'high'"),
        ("bounded: {low: 0, high: one}", 4, "high is 'one'. Write a number."),
        ("bounded: {low: 1, high: 1}", 4, "same number"),
        ("bounded: {low: 0, high: 1, clips: false}", 4, "bounded has no 'clips'. Did you mean 'clip'?"),
        ("bound: {low: 0, high: 1}", 4, "There is no step 'bound'. Did you mean 'bounded'?"),
        ("tiers: {cuts: [2, 1]}", 4, "each number above the one before"),
        ("tiers: {cuts: []}", 4, "list of numbers"),
        ("threshold: {}", 4, "one bar"),
        ("threshold: {at_least: 1, at_most: 2}", 4, "one bar"),
        ("clip: {low: 2, high: 1}", 4, "low is above high"),
        ("zscore: {mean: 1}", 4, "both `mean` and `deviation`"),
        ("zscore: {mean: 1, deviation: 0}", 4, "above 0"),
        ("zscore: {over: everything}", 4, "Allowed: prompt, all, anchors"),
        ("log: {scale: -1}", 4, "above 0"),
        ("linear: {times: 0}", 4, "same number"),
        ("{log: {}, rank: {}}", 4, "one kind with its options"),
        ("7", 4, "one kind with its options"),
        ("log: {scale: .inf}", 4, "not a number one can compare"),
    ],
)
def test_a_mistake_names_its_line_and_its_remedy(step, line, said):
    with pytest.raises(RecipeProblems) as caught:
        parse_transform(one(step))

    (first, *_others) = caught.value.problems
    assert first.line == line
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("steps: [", "not YAML"),
        ("[1, 2]", "Write a map"),
        ("name: a\nsteps: [rank]", "`transform: 1`"),
        ("transform: 1\nname: a", "no steps"),
        ("transform: 1\nname: a\nsteps: [rank]\nrank: 1", "no 'rank'"),
        ("transform: 1\nname: a\nversion: 0\nsteps: [rank]", "at least 1"),
        ("transform: 1\nname: a\nsteps: [rank, contrast]", "not the first step"),
    ],
)
def test_a_text_that_is_no_transform(text, said):
    with pytest.raises(RecipeProblems, match=said):
        parse_transform(text)


# -- reference sets ---------------------------------------------------------------------------------------------------


def test_a_reference_set_is_measured_once_and_then_stays():
    raw = frame(values=(1.0, 3.0, 5.0, None), kind=["real", "real", "generated", "real"])
    over_all, over_anchors = (parse_transform(one(f"zscore: {{over: {what}}}")) for what in ("all", "anchors"))

    fitted, anchored = over_all.fit(raw), over_anchors.fit(raw)

    assert over_all.is_open
    assert not fitted.is_open
    assert fitted.digest() != over_all.digest()
    assert anchored.apply(raw).frame["transformed"].to_list() == [-1.0, 1.0, 3.0, None]
    more = frame(values=(1.0, 3.0, 5.0, 1000.0))
    assert fitted.apply(more).frame["transformed"][:3].equals(fitted.apply(raw).frame["transformed"][:3])
    with pytest.raises(Refused, match="was not measured"):
        over_all.apply(raw)
    with pytest.raises(Refused, match="zscore over anchors: 0 values without any spread"):
        over_anchors.fit(frame())


def test_what_a_frame_lacks_is_said():
    with pytest.raises(Refused, match="no column 'contrast'"):
        parse_transform(one("contrast")).apply(frame())
    with pytest.raises(Refused, match="1 of 4 values are infinite"):
        parse_transform(one("rank")).apply(frame(values=(1.0, float("inf"), None, 2.0)))
    with pytest.raises(Refused, match="1 of 4 transformed values are infinite"):
        parse_transform(one("linear: {times: 1.0e+300}")).apply(frame(values=(1.0, 1e300, None, 2.0)))


def test_what_a_transform_could_not_say_is_counted():
    raw = frame(values=(1.0, 3.0, 5.0, None), kind=["real", "generated", "generated", "generated"])

    applied = parse_transform(one("reference")).apply(raw)

    assert applied.frame["transformed"].to_list() == [0.0, 2.0, None, None]
    assert applied.lost == 1


def test_an_empty_frame_gives_an_empty_frame():
    for kind in ("centre", "rank", "percentile", "zscore", "reference"):
        assert parse_transform(one(kind)).apply(frame(values=(), prompts=())).frame.height == 0


# -- scales -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "unit", "low", "high", "is_higher"),
    [
        ("bounded: {low: 0, high: 30}", "", 0, 1, False),
        ("bounded: {low: 30, high: 0}", "", 0, 1, True),
        ("linear: {times: -2, plus: 1}", "-2 × grey levels", -59, 1, True),
        ("threshold: {at_most: 4}", "", 0, 1, True),
        ("threshold: {at_least: 4}", "", 0, 1, False),
        ("tiers: {cuts: [1, 2]}", "tiers", 0, 2, False),
        ("clip: {high: 10}", "grey levels", 0, 10, False),
        ("zscore", "standard deviations", None, None, False),
        ("centre", "grey levels", None, None, False),
        ("percentile", "", 0, 1, False),
    ],
)
def test_a_transform_says_what_comes_out(step, unit, low, high, is_higher):
    noise = Scale("noise", "grey levels", 0, 30, higher_is_better=False)

    made = parse_transform(one(step)).rescale(noise)

    assert (made.unit, made.low, made.high, made.higher_is_better) == (unit, low, high, is_higher)
