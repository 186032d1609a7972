"""From files and the database to versions and exports: trees, rounds, anchors, and pairs over two prompts."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import pytest
from django.urls import reverse

from curation.actions import criteria, importing, judgements, raters, verifying, version_files
from curation.actions.judgements import Act, NewScore, Subject
from curation.models import DatasetVersion, Project, Prompt, Rater, Sample
from tests import factories
from tests.curation.exports import frozen
from tests.curation.exports.test_exporting import rows_of, run

pytestmark = pytest.mark.django_db


def recipe(pairing: str, more: str = "") -> str:
    return f"recipe: 1\ntitle: t\nseed: 4\n{more}\npairing: {pairing}\n"


def score(of: Project, values: dict[Sample, float], under: Prompt | None = None, key: str = "quality") -> None:
    quality = criteria.ensure(project=of, key=key)
    machine = raters.machine(kind=Rater.Kind.MODEL, name="scorer", identity={"version": 1})
    said = [
        NewScore(Subject(sample.pk, under.pk if under else sample.prompt_id), quality.pk, value)
        for sample, value in values.items()
    ]
    judgements.record(project=of, acts=[Act(machine.pk, "pass", scores=said)])


def keys(version: DatasetVersion) -> set[tuple[str, str]]:
    names = dict(Sample.objects.values_list("pk", "key"))
    pairs = version_files.read(version, "pairs")
    return {(names[row["chosen_id"]], names[row["rejected_id"]]) for row in pairs.to_dicts()}


# -- trees -----------------------------------------------------------------------------------------------------------


def tree_file(folder: Path) -> Path:
    """Three levels: a root, four children at two branch points, two grandchildren; children stand before parents."""
    rows = [
        {"sample_key": "deep1", "parent": "a1", "branch": 3},
        {"sample_key": "deep2", "parent": "a1", "branch": 3},
        {"sample_key": "a1", "parent": "root", "branch": 10},
        {"sample_key": "a2", "parent": "root", "branch": 10},
        {"sample_key": "b1", "parent": "root", "branch": 20},
        {"sample_key": "b2", "parent": "root", "branch": 20},
        {"sample_key": "root"},
    ]
    lines = [json.dumps({"prompt": "grow", "generator": "g", "text": row["sample_key"], **row}) for row in rows]
    folder.mkdir(exist_ok=True)
    (folder / "samples.jsonl").write_text("\n".join(lines))
    return folder / "samples.jsonl"


@pytest.mark.capability("A7")
def test_a_tree_of_three_levels_is_imported_and_only_siblings_are_paired(tmp_path):
    of = factories.project(task="text")
    job = importing.create(project=of, options=importing.for_path(tree_file(tmp_path)), by=None)
    importing.run(job=job)

    placed = {s.key: (s.parent.key if s.parent else None, s.branch) for s in Sample.objects.select_related("parent")}
    assert placed == {
        "root": (None, None),
        **{"a1": ("root", 10), "a2": ("root", 10), "b1": ("root", 20), "b2": ("root", 20)},
        **{"deep1": ("a1", 3), "deep2": ("a1", 3)},
    }
    values = {"root": 9, "a1": 1, "a2": 4, "b1": 8, "b2": 2, "deep1": 3, "deep2": 7}
    score(of, {sample: values[sample.key] for sample in Sample.objects.all()})
    version = frozen.freeze(of, recipe=recipe("{rule: margin, by: {scores: quality}, siblings: true}"))

    assert keys(version) == {("a2", "a1"), ("b1", "b2"), ("deep2", "deep1")}
    assert dict(version_files.read(version, "evidence").group_by("kind").len().iter_rows())["branch"] == 6
    assert verifying.verify(version=version).outcome == "identical"


def test_a_recipe_that_does_not_ask_for_parents_records_none(tmp_path):
    of = factories.project(task="text")
    importing.run(job=importing.create(project=of, options=importing.for_path(tree_file(tmp_path)), by=None))
    score(of, {sample: number for number, sample in enumerate(Sample.objects.order_by("key"))})

    version = frozen.freeze(of, recipe=recipe("{rule: margin, by: {scores: quality}}"))

    assert "branch" not in set(version_files.read(version, "evidence")["kind"])


def test_a_parent_that_changed_since_is_a_difference(tmp_path):
    of = factories.project(task="text")
    importing.run(job=importing.create(project=of, options=importing.for_path(tree_file(tmp_path)), by=None))
    score(of, {sample: number for number, sample in enumerate(Sample.objects.order_by("key"))})
    version = frozen.freeze(of, recipe=recipe("{rule: margin, by: {scores: quality}, siblings: true}"))
    Sample.objects.filter(key="a1").update(branch=11)

    answer = verifying.verify(version=version)

    assert answer.outcome == "different"
    assert "1 samples have another parent or branch now" in answer.sentence


# -- rounds and anchors ----------------------------------------------------------------------------------------------


@pytest.mark.capability("A9")
def test_round_one_is_chosen_over_round_zero():
    of = factories.project(task="text")
    for number in range(3):
        prompt = factories.prompt(of)
        rows = {
            factories.sample(prompt, text=f"{number}{r}{n}", key=f"{number}r{r}n{n}", round=r): r + n / 9
            for r in (0, 1)
            for n in (0, 1)
        }
        score(of, rows)
    rule = "{rule: best_against_worst, by: {scores: quality}, chosen_rounds: [1], rejected_rounds: [0]}"

    version = frozen.freeze(of, recipe=recipe(rule))

    assert keys(version) == {(f"{n}r1n1", f"{n}r0n0") for n in range(3)}


@pytest.mark.capability("A8")
def test_real_against_generated_reaches_the_export_with_its_flag(tmp_path):
    of = factories.project(licence="cc0-1.0")
    for number in range(3):
        prompt = factories.prompt(of, frozen.WORDS[number])
        photo = factories.generator(of, "camera", kind="real")
        factories.place(factories.sample(prompt, generator=photo), frozen.picture(10 + number))
        factories.place(factories.sample(prompt, by="painter"), frozen.picture(20 + number))
    rule = "{rule: by_kind, chosen_kinds: [real], rejected_kinds: [generated]}"
    version = frozen.freeze(of, recipe=recipe(rule, "candidates: {kinds: [generated, real]}"))

    export = run(version, folder=tmp_path / "out")

    assert export.readback["findings"] == []
    rows = rows_of(tmp_path / "out", "pairs")
    assert len(rows) == 3
    for row in rows:
        good, bad = ("a", "b") if row["preference"] == "a" else ("b", "a")
        assert (row[f"{good}_model_kind"], row[f"{good}_is_reference"]) == ("real", True)
        assert (row[f"{bad}_model_kind"], row[f"{bad}_is_reference"]) == ("generated", False)
        assert row["basis"] == "construction"


# -- two prompts -----------------------------------------------------------------------------------------------------


@pytest.mark.capability("D7")
def test_a_pair_over_two_prompts_is_exported_with_both(tmp_path):
    of = factories.project(task="text")
    samples = [factories.sample(factories.prompt(of, word), text=f"answer to {word}") for word in frozen.WORDS]
    score(of, {sample: float(number % 2) for number, sample in enumerate(samples)})
    rule = "{rule: across_prompts, by: {scores: quality}, passes_at: 1, fails_at: 0}"
    version = frozen.freeze(of, recipe=recipe(rule))

    export = run(version, folder=tmp_path / "out")

    assert version.pair_count == 3
    assert export.readback["findings"] == []
    for row in rows_of(tmp_path / "out", "pairs"):
        good, bad = ("a", "b") if row["preference"] == "a" else ("b", "a")
        assert row["prompt"] == row[f"{good}_prompt"] != row[f"{bad}_prompt"]
        assert row[f"{bad}_sample_prompt"] == row[f"{bad}_prompt"]
        assert row[f"{bad}_text"] == f"answer to {row[f'{bad}_prompt']}"
    assert verifying.verify(version=version).outcome == "identical"


@pytest.mark.capability("D7")
def test_one_sample_under_two_prompts_is_exported_as_two_subjects(tmp_path):
    of = factories.project(task="text")
    right, wrong = factories.prompt(of, "a red cube"), factories.prompt(of, "forty blue sheep")
    sample = factories.sample(right, text="a cube")
    score(of, {sample: 0.9})
    score(of, {sample: 0.1}, under=wrong)
    version = frozen.freeze(of, recipe=recipe("{rule: wrong_prompt, by: {scores: quality}}"))

    export = run(version, folder=tmp_path / "out")

    assert export.readback["findings"] == []
    (row,) = rows_of(tmp_path / "out", "pairs")
    good, bad = ("a", "b") if row["preference"] == "a" else ("b", "a")
    assert row[f"{good}_id"] == row[f"{bad}_id"] == sample.identity
    assert (row[f"{good}_prompt"], row[f"{bad}_prompt"]) == ("a red cube", "forty blue sheep")
    assert row[f"{bad}_sample_prompt"] == "a red cube"
    rated = {(one["prompt"], one["label"]) for one in rows_of(tmp_path / "out", "ratings")}
    assert rated == {("a red cube", True), ("forty blue sheep", False)}
    assert verifying.verify(version=version).outcome == "identical"


# -- pages ------------------------------------------------------------------------------------------------------------


def pages(client, version: DatasetVersion) -> tuple[str, str]:
    """The page of the version, and the preview of its recipe."""
    of = version.dataset.project
    client.force_login(factories.member(of, "curator"))
    shown = client.get(reverse("dataset_version", args=[of.slug, version.dataset.name, str(version.number)]))
    tried = client.post(reverse("recipe_preview", args=[of.slug]), {"text": version.recipe.text})
    assert (shown.status_code, tried.status_code) == (200, 200)
    return unescape(shown.content.decode()), unescape(tried.content.decode())


def test_a_pair_that_nobody_decided_says_so_on_its_page(client):
    of = factories.project(task="text")
    prompt = factories.prompt(of)
    factories.sample(prompt, generator=factories.generator(of, "writer", kind="reference"), text="gold")
    factories.sample(prompt, text="made")
    rule = "{rule: by_kind, chosen_kinds: [reference], rejected_kinds: [generated]}"

    for page in pages(client, frozen.freeze(of, recipe=recipe(rule, "candidates: {kinds: [generated, reference]}"))):
        assert "by how they were made" in page
        assert "construction: nobody was asked" in page


def test_a_pair_of_two_prompts_links_to_the_other_one(client):
    of = factories.project(task="text")
    right, wrong = factories.prompt(of, "a red cube"), factories.prompt(of, "forty blue sheep")
    sample = factories.sample(right, text="a cube")
    score(of, {sample: 0.9})
    score(of, {sample: 0.1}, under=wrong)

    for page in pages(client, frozen.freeze(of, recipe=recipe("{rule: wrong_prompt, by: {scores: quality}}"))):
        assert "the rejected one under another prompt" in page
        assert reverse("prompt", args=[of.slug, wrong.pk]) in page
