"""Frozen benchmarks: what they hold, and that nothing of them is trained on in any project."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from curation.actions import benchmarks, exports, judgements, projects, version_files, withdrawals
from curation.actions.judgements import Act, NewScore, Subject
from curation.errors import NotAllowed, Refused
from curation.models import Benchmark, BenchmarkItem, Prompt, PromptLink, SampleMedia
from tests import factories
from tests.curation.exports import frozen
from tests.curation.recipes.test_building import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.vote_all()
    return scene


def freeze(scene: Scene, selection=None, name: str = "held-out") -> Benchmark:
    return benchmarks.freeze(
        project=scene.project, name=name, selection=selection or benchmarks.of_project(scene.project), by=None
    )


def paired(version) -> set[int]:
    pairs = version_files.read(version, "pairs")
    return {*pairs["chosen_id"], *pairs["rejected_id"]}


def rows_of(folder: Path, config: str) -> list[dict]:
    return [row for path in sorted((folder / config).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_a_benchmark_records_prompts_samples_and_verdicts(scene):
    group = scene.groups[0]
    scene.vote(group[0], group[1], "left", by=factories.rater(scene.project, "Bob"))

    benchmark = freeze(scene)

    assert (benchmark.item_count, benchmark.sample_count, benchmark.verdict_count) == (4, 12, 4)
    item = BenchmarkItem.objects.get(prompt=group[0].prompt)
    assert item.prompt_identity == group[0].prompt.identity
    assert {row["identity"] for row in item.samples} == {sample.identity for sample in group}
    (verdict,) = item.verdicts
    assert (verdict["left"], verdict["right"], verdict["outcome"]) == (group[0].identity, group[1].identity, "left")
    assert verdict["votes"] == {"left": 2, "right": 0, "tie": 0, "both-bad": 0}
    assert "Ann" not in str(item.verdicts)


def test_the_same_content_is_one_version_and_other_content_the_next(scene):
    first, again = freeze(scene), freeze(scene)
    scene.add_prompt("a prompt that came later")

    assert (first.pk, first.number, freeze(scene).number) == (again.pk, 1, 2)


@pytest.mark.capability("H6")
def test_frozen_items_cannot_enter_a_training_export_of_any_project(tmp_path):
    """By all ways: the project that froze it, the same pictures elsewhere, nearly the same prompt, and what was built
    before. One prompt of each project is unlike everything frozen, and it alone remains.
    """
    home = frozen.project(prompts=3)
    before = frozen.freeze(home, "before")
    tested = list(home.prompts.order_by("pk")[:2])
    for prompt in tested:
        prompt.tags = ["held-out"]
        prompt.save()
    other = frozen.project(prompts=3)
    near, same, free = other.prompts.order_by("pk")
    near.text = tested[0].text.upper() + "!"
    near.save()
    for mine, theirs in zip(same.samples.order_by("pk"), tested[1].samples.order_by("pk"), strict=True):
        SampleMedia.objects.filter(sample=mine).update(asset=theirs.media.get().asset)
    same.text = "words unlike all others of the benchmark"
    same.save()
    free.text = "something else altogether"
    free.save()
    for sample, number in zip(free.samples.order_by("pk"), range(900, 903), strict=True):
        SampleMedia.objects.filter(sample=sample).update(asset=frozen.picture(number))

    benchmarks.freeze(project=home, name="held-out", selection=benchmarks.of_tag(home, "held-out"), by=None)

    for version, name in ((before, "a"), (frozen.freeze(home, "after"), "b"), (frozen.freeze(other, "other"), "c")):
        made = exports.order(version=version, formats=["canonical"], by=None, folder=tmp_path / name)
        exports.run_job(job_id=made.job_id)
        kept = home.prompts.order_by("pk")[2] if version.dataset.project_id == home.pk else free
        rows = rows_of(tmp_path / name, "pairs")
        assert {row["prompt"] for row in rows} == {kept.text}
        assert len(rows) == 1
        assert {row["prompt"] for row in rows_of(tmp_path / name, "ratings")} == {kept.text}
    assert made.version.funnel[1]["reasons"] == {"frozen_benchmark": 6}


def test_the_guard_at_the_export_counts_what_it_leaves_out(tmp_path):
    home = frozen.project(prompts=3)
    version = frozen.freeze(home)
    benchmarks.freeze(project=home, name="all", selection=benchmarks.of_version(version, "train"), by=None)

    made = exports.order(version=version, formats=["canonical"], by=None, folder=tmp_path / "out")
    export = exports.run_job(job_id=made.job_id)

    train = version.manifest["counts"]["pairs_by_split"]["train"]
    assert export.manifest["left_out"]["everywhere"] == {"in a frozen benchmark, or like something in one": train}


def test_a_deleted_project_leaves_its_benchmarks_held_out(scene):
    benchmark = freeze(scene)
    identities = {sample.identity for group in scene.groups for sample in group}

    projects.delete(project=scene.project, by=factories.member(scene.project, "admin"))

    assert Benchmark.objects.get(pk=benchmark.pk).project is None
    barred = benchmarks.barred_frames()
    assert identities == set(barred.filter(barred["kind"] == "sample")["digest"])


@pytest.mark.capability("H6")
def test_who_asks_for_the_same_in_other_words_is_barred_too(scene):
    frozen_prompt = scene.groups[0][0].prompt
    freeze(scene, benchmarks.of_tag(scene.project, tagged(scene, 0)))
    rewrite, again, contrast = (scene.add_prompt(text)[0].prompt for text in ("quite other words", "more", "nothing"))
    for prompt, origin, relation in (
        (rewrite, frozen_prompt, "expansion"),
        (again, rewrite, "translation"),
        (contrast, frozen_prompt, "contrast"),
    ):
        PromptLink.objects.create(
            project=scene.project, prompt=prompt, origin=origin, relation=relation, operator="by hand"
        )

    barred = set(benchmarks.barred_frames().filter(pl.col("kind") == "prompt")["digest"])

    assert barred == {frozen_prompt.identity, rewrite.identity, again.identity}


@pytest.mark.capability("H6")
def test_a_sample_under_a_prompt_that_was_frozen_since_is_left_out(scene):
    (sample, *_rest), (other, *_others) = scene.groups[:2]
    for prompt, value in ((sample.prompt, 0.9), (other.prompt, 0.1)):
        said = [NewScore(Subject(sample.pk, prompt.pk), scene.points.pk, value)]
        act = Act(rater_id=scene.machine.pk, act="pass", scores=said)
        judgements.record(project=scene.project, acts=[act])
    version = scene.build("recipe: 1\ntitle: t\npairing: {rule: wrong_prompt, by: {scores: points}}")
    assert paired(version) == {sample.pk}
    assert benchmarks.leaking(version).to_list() == []

    freeze(scene, benchmarks.of_tag(scene.project, tagged(scene, 1)))

    assert sample.pk in benchmarks.leaking(version).to_list()


def test_older_versions_of_a_benchmark_bar_too(scene):
    freeze(scene, benchmarks.of_tag(scene.project, tagged(scene, 0)))
    freeze(scene, benchmarks.of_tag(scene.project, tagged(scene, 1)))

    assert paired(scene.build()) == {s.pk for group in scene.groups[2:] for s in group[:2]}


def tagged(scene: Scene, number: int) -> str:
    prompt = Prompt.objects.get(pk=scene.groups[number][0].prompt_id)
    prompt.tags = [f"tag {number}"]
    prompt.save()
    return f"tag {number}"


# -- selections -------------------------------------------------------------------------------------------------------


def test_a_split_of_a_version_is_frozen_with_its_pairs_as_verdicts(scene):
    version = scene.build()
    split = next(iter(version.manifest["counts"]["pairs_by_split"]))

    benchmark = freeze(scene, benchmarks.of_version(version, split))

    pairs = version_files.read(version, "pairs").filter(version_files.read(version, "pairs")["split"] == split)
    assert (benchmark.source_name, benchmark.verdict_count) == (f"pairs@1 {split}", pairs.height)
    with pytest.raises(Refused, match="no split “dev”"):
        benchmarks.of_version(version, "dev")


def test_the_items_of_a_batch_are_frozen_where_votes_agree(scene):
    bob = factories.rater(scene.project, "Bob")
    for group, second in ((scene.groups[0], "left"), (scene.groups[1], "right")):
        scene.vote(group[0], group[2], "left", batch_key="7/1")
        scene.vote(group[0], group[2], second, by=bob, batch_key="7/1")
    scene.vote(scene.groups[2][0], scene.groups[2][2], "left", batch_key="77/1")

    benchmark = freeze(scene, benchmarks.of_batch("7", least_votes=2, least_share=0.8))

    item = benchmark.items.get()
    assert item.prompt_id == scene.groups[0][0].prompt_id
    assert [line["votes"]["left"] for line in item.verdicts] == [2]


def test_nothing_selected_is_refused(scene):
    with pytest.raises(Refused, match="Nothing is selected"):
        freeze(scene, benchmarks.of_tag(scene.project, "nobody has this"))
    with pytest.raises(Refused, match="cannot name a benchmark"):
        freeze(scene, name="Held Out")


def test_a_name_belongs_to_one_project(scene):
    freeze(scene)
    other = Scene()

    with pytest.raises(Refused, match="another project"):
        freeze(other)


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("curator", True), ("viewer", False)])
def test_curators_and_admins_freeze(scene, role, may):
    who = factories.member(scene.project, role)
    options = {"project": scene.project, "name": "b", "selection": benchmarks.of_project(scene.project), "by": who}

    if may:
        assert benchmarks.freeze(**options).created_by == who
        return
    with pytest.raises(NotAllowed):
        benchmarks.freeze(**options)


# -- it stands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE curation_benchmark SET digest = repeat('0', 64)",
        "DELETE FROM curation_benchmarkitem",
        "UPDATE curation_benchmarkitem SET samples = '[]'",
        "UPDATE curation_benchmarkitem SET verdicts = '[]'",
        "UPDATE curation_benchmarkitem SET prompt_text = 'other words'",
    ],
)
def test_the_database_keeps_benchmarks_as_they_were_frozen(scene, change):
    freeze(scene)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_a_prompt_that_is_taken_down_stays_barred_without_its_words(scene):
    freeze(scene)
    prompt = scene.groups[0][0].prompt

    withdrawals.take_down(project=scene.project, scope=withdrawals.of_prompt(prompt), reason="asked", by=None)

    item = BenchmarkItem.objects.get(prompt=prompt)
    assert item.prompt_text == ""
    barred = benchmarks.barred_frames()
    assert prompt.identity in set(barred.filter(barred["kind"] == "prompt")["digest"])


# -- the command and the pages ----------------------------------------------------------------------------------------


def test_the_command_freezes_and_says_what(scene):
    out = StringIO()

    call_command("freeze_benchmark", scene.project.slug, "--name", "held-out", stdout=out)

    assert "held-out@1: 4 prompts, 12 samples, 4 verdicts" in out.getvalue()
    with pytest.raises(CommandError, match="Nothing is selected"):
        call_command("freeze_benchmark", scene.project.slug, "--name", "x", "--tag", "unknown")
    with pytest.raises(CommandError, match="another project"):
        call_command("freeze_benchmark", Scene().project.slug, "--name", "held-out")


def test_the_pages_freeze_list_and_show(scene, client):
    client.force_login(factories.member(scene.project, "curator"))
    base = f"/projects/{scene.project.slug}/benchmarks/"
    assert "No benchmark" in client.get(base).content.decode()

    assert client.post(base, {"name": "held-out", "source": "project"}).status_code == 400
    answer = client.post(base, {"name": "held-out", "source": "project", "is_sure": "on"})

    assert answer.url == f"{base}held-out/1/"
    page = client.get(answer.url).content.decode()
    assert scene.groups[0][0].prompt.text in page
    assert "held-out@1" in client.get(base).content.decode()
    assert "held-out@1" in client.get("/benchmarks/").content.decode()


def test_the_list_of_all_shows_only_what_one_may_see(scene, client):
    freeze(scene)
    client.force_login(factories.member(factories.project(), "admin"))

    page = client.get("/benchmarks/").content.decode()

    assert "held-out" not in page
    assert client.get(f"/projects/{scene.project.slug}/benchmarks/held-out/1/").status_code == 404
