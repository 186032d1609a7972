"""`manage.py reward` and `manage.py ensemble`: what a person types, and what comes of it."""

from __future__ import annotations

import json

import polars as pl
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from curation.actions import criteria
from curation.models import Judgement, Rater
from tests import factories
from tests.curation.rewards.scene import Scene, panel

REWARD = """
reward: 1
name: both
members:
  - {name: quality, scores: quality, raters: [ann]}
  - name: noise
    scores: noise
    weight: 3
    transform: [{bounded: {low: 10, high: 0}}]
total: {rule: weighted_mean}
"""


@pytest.fixture
def scene(db) -> Scene:
    made = Scene()
    noise = criteria.Wording("Noise", scale="interval", low=0.0, high=10.0, unit="grey levels", higher_is_better=False)
    made.criterion("noise", noise)
    made.scores("ann", [0.5, 0.1, 0.9])
    made.scores("bob", [0.3, 0.1, 0.9])
    made.scores("camera", [2.0, 12.0], "noise")
    return made


@pytest.fixture
def file(tmp_path):
    def written(text: str, name: str = "rule.yaml") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return written


def run(capsys, *words: object) -> str:
    call_command(*words)
    return capsys.readouterr().out


@pytest.mark.capability("C11")
def test_totals_of_a_project_by_command(scene, file, tmp_path, capsys):
    out = tmp_path / "totals.csv"

    said = run(capsys, "reward", scene.project.slug, "--rule", file(REWARD), "--out", str(out))

    assert "2 of 6 samples have a total" in said
    assert "3 lack quality" in said
    assert "1 values clipped by noise: bounded (low 10, high 0, clip yes)" in said
    table = pl.read_csv(out)
    assert table["value"].to_list()[:2] == [pytest.approx((0.5 + 3 * 0.8) / 4), pytest.approx(0.1 / 4)]
    assert table["noise"].to_list()[:2] == [2.0, 12.0]
    assert table["part:noise"].to_list()[:2] == [0.8, 0.0]
    assert table["why_missing"].to_list()[2:4] == ["noise", "quality, noise"]
    parquet = tmp_path / "totals.parquet"
    again = run(capsys, "reward", scene.project.slug, "--rule", file(REWARD), "--out", str(parquet))
    assert again.splitlines()[-2] == said.splitlines()[-2]
    assert pl.read_parquet(parquet).equals(table.cast(pl.read_parquet(parquet).schema))
    assert json.loads(pl.read_parquet_metadata(parquet)["reward"])["name"] == "both"


def test_what_counts_for_a_recipe_counts_for_a_reward(scene, file):
    for text, said in (
        (REWARD.replace(", raters: [ann]", ""), "'quality' is scored by ann and bob"),
        (REWARD.replace("[ann]", "[ann, bob]").replace("{bounded: {low: 10, high: 0}}", "rank"), "lower is better"),
        (REWARD.replace("    transform: [{bounded: {low: 10, high: 0}}]\n", ""), "lower is better; turn it round"),
        (REWARD.replace("scores: noise", "scores: nose"), "no criterion “nose”"),
        (REWARD.replace("weight: 3", "weight: x"), r"rule.yaml:8:13: weight is 'x'"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("reward", scene.project.slug, "--rule", file(text))


def test_several_raters_that_are_named_are_averaged(scene, file, tmp_path, capsys):
    out = tmp_path / "t.csv"
    text = "reward: 1\nname: r\nmembers:\n- {scores: quality, raters: [ann, bob]}\ntotal: {rule: sum}\n"

    run(capsys, "reward", scene.project.slug, "--rule", file(text), "--out", str(out))

    assert pl.read_csv(out)["value"].to_list()[:2] == [pytest.approx(0.4), pytest.approx(0.1)]


def test_a_contrast_prompt_is_subtracted(scene, file, tmp_path, capsys):
    first, others = scene.samples[0], [factories.prompt(scene.project) for _ in range(2)]
    for prompt, value in zip(others, (0.1, 0.3), strict=True):
        scene.act("ann", first, value, prompt=prompt)
    member = "{scores: quality, raters: [ann], transform: [{contrast: {take: %s}}]}"
    text = f"reward: 1\nname: r\nmembers:\n- {member}\ntotal: {{rule: sum}}\n"

    for take, expected in (("mean", 0.3), ("highest", 0.2)):
        out = tmp_path / f"{take}.csv"
        run(capsys, "reward", scene.project.slug, "--rule", file(text % take), "--out", str(out))
        values = pl.read_csv(out)["value"].to_list()
        assert (values[0], values[1]) == (pytest.approx(expected), None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "--rule", "x"], "no project 'nowhere'"),
        (["{slug}", "--rule", "absent.yaml"], "not a file"),
        (["{slug}", "--rule", "{file}", "--out", "t.xls"], "neither .csv nor .parquet"),
        (["{slug}", "--rule", "{file}", "--out", "/no/where/t.csv"], "no folder '/no/where'"),
    ],
)
def test_what_the_command_cannot_do_it_says(scene, file, words, said):
    path = file(REWARD)
    with pytest.raises(CommandError, match=said):
        call_command("reward", *[word.format(slug=scene.project.slug, file=path) for word in words])


# -- ensembles --------------------------------------------------------------------------------------------------------


@pytest.mark.capability("C7")
def test_an_ensemble_by_command(scene, file, capsys):
    plan = file(panel("ann", "bob"))

    said = run(capsys, "ensemble", scene.project.slug, "--plan", plan)
    again = run(capsys, "ensemble", scene.project.slug, "--again", "panel")
    listed = run(capsys, "ensemble", scene.project.slug)

    ensemble = Rater.objects.get(kind="ensemble")
    assert f"“panel” ({ensemble.pk}): 3 written, 0 stood, 0 replaced, 0 withdrawn, 0 incomplete" in said
    assert "ann · quality" in said
    assert "effective opinions" in said
    assert "0 written, 3 stood" in again
    assert f"{ensemble.pk}  panel: mean of ann · quality, bob · quality" in listed
    assert Judgement.objects.filter(rater=ensemble).count() == 1


def test_an_ensemble_is_looked_at_before_it_speaks(scene, file, capsys):
    said = run(capsys, "ensemble", scene.project.slug, "--plan", file(panel("ann", "bob")), "--dry-run")

    assert "would speak of 3" in said
    assert not Rater.objects.filter(kind="ensemble").exists()


def test_a_bad_plan_or_name_is_said(scene, file):
    for words, said in (
        (["--plan", file(panel("ann", "eve"))], "No machine called “eve”"),
        (["--plan", file(panel("ann"), "one.yaml")], "one.yaml:5:1: the ensemble has 1 members"),
        (["--again", "quartet"], "no ensemble “quartet” here"),
        (["--plan", "x", "--again", "y"], "not both"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("ensemble", scene.project.slug, *words)
