"""The circle: an export imported into an empty project gives the same pairs when the same recipe is run."""

from __future__ import annotations

import io
import shutil

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from curation.actions import exports, judgements, publishing, version_files
from curation.actions.judgements import Subject
from curation.actions.publishing import Wish
from curation.exports.zipping import zip_stream
from curation.formats import chosen
from curation.formats.export_folder import ranks_of
from curation.formats.fields import RowRefused
from curation.models import Comparison, Judgement, Project, Prompt, PromptMedia, Rater, Sample
from tests import factories
from tests.curation.exports import frozen
from tests.curation.hub.stand_in import TOKEN

pytestmark = pytest.mark.django_db


def canonical(of: Project, folder, recipe: str = frozen.RECIPE):
    version = frozen.freeze(of, f"set-{of.pk}", recipe=recipe)
    made = exports.order(version=version, formats=["canonical"], by=None, folder=folder)
    assert exports.run_job(job_id=made.job_id).readback["findings"] == []
    return version


def imported(slug: str, path) -> Project:
    call_command("import_samples", slug, str(path), stdout=io.StringIO())
    return Project.objects.get(slug=slug)


def told(version) -> list[tuple]:
    """Each pair by content: its name, its prompt, the renditions of both sides, and what the recipe measured."""
    pairs = version_files.read(version, "pairs")
    samples = Sample.objects.in_bulk([*pairs["chosen_id"], *pairs["rejected_id"]])
    return sorted(
        (
            row["pair_id"],
            samples[row["chosen_id"]].prompt.text,
            shown(samples[row["chosen_id"]]),
            shown(samples[row["rejected_id"]]),
            row["margin"],
            row["basis"],
            row["votes_chosen"],
        )
        for row in pairs.iter_rows(named=True)
    )


def shown(sample: Sample) -> tuple[str, ...]:
    media = sample.media.order_by("position")
    return (sample.text or "", *(place.asset.renditions.get().sha256 for place in media))


@pytest.mark.parametrize("task", ["text-to-image", "text"])
def test_the_same_recipe_makes_the_same_pairs_of_an_export_imported_again(task, tmp_path):
    before = canonical(frozen.project(task=task), tmp_path / "out")

    again = imported("again", tmp_path / "out")
    after = frozen.freeze(again, "again")

    assert before.pair_count == 6
    assert told(after) == told(before)
    assert again.task == task


def test_judgements_come_back_as_what_pseudonyms_said(tmp_path):
    of = frozen.project(prompts=3)
    recipe = "recipe: 1\ntitle: Votes\npairing: {rule: judged_pairs, by: {votes: overall}}\n"
    before = canonical(of, tmp_path / "out", recipe)

    again = imported("again", tmp_path / "out")
    after = frozen.freeze(again, "again", recipe=recipe)

    assert told(after) == told(before)
    person = Rater.objects.get(project=again, kind="person")
    assert len(person.name) == 16
    assert Comparison.objects.filter(rater=person).count() == 3
    assert not Rater.objects.filter(project=again, name__contains="Lovelace").exists()
    assert {rater.name for rater in Rater.objects.filter(project=again, kind="rule")} == {"sharpness"}


def test_a_ranking_comes_back_as_one_act(tmp_path):
    of = frozen.project(prompts=1, samples=4)
    first, second, third, fourth = Sample.objects.filter(project=of).order_by("pk")
    ranked = [Subject(sample.pk, sample.prompt_id) for sample in (first, second, third, fourth)]
    person = factories.rater(of, name="Grace", kind=Rater.Kind.PERSON)
    comparisons = judgements.ranking(ranked, [2, 1, 3, 3], factories.overall(of).pk)
    judgements.record(project=of, acts=[judgements.Act(person.pk, "rank", comparisons=comparisons)])
    canonical(of, tmp_path / "out")

    again = imported("again", tmp_path / "out")

    [act] = Judgement.objects.filter(project=again, act="rank")
    assert act.comparisons.count() == 6
    assert _won(act) == _won(Judgement.objects.get(project=of, act="rank"))


def _won(act) -> set[tuple]:
    return {
        (
            frozenset((one.left_sample.identity, one.right_sample.identity)),
            {"left": one.left_sample.identity, "right": one.right_sample.identity}.get(one.outcome, one.outcome),
        )
        for one in act.comparisons.select_related("left_sample", "right_sample")
    }


def test_inputs_facts_and_lineage_come_back(tmp_path):
    of = frozen.project(task="inpainting", prompts=2)
    for number, prompt in enumerate(of.prompts.all()):
        PromptMedia.objects.create(prompt=prompt, role="source", asset=frozen.picture(100 + number))
        PromptMedia.objects.create(prompt=prompt, role="mask", asset=frozen.picture(200 + number))
        Prompt.objects.filter(pk=prompt.pk).update(facts={"count": number}, tags=["signs"], licence="cc0-1.0")
    parent, child = Sample.objects.filter(prompt=of.prompts.first()).order_by("pk")[:2]
    Sample.objects.filter(pk=child.pk).update(parent=parent, round=1, key="the child")
    canonical(of, tmp_path / "out")

    again = imported("again", tmp_path / "out")

    assert again.task == "inpainting"
    for prompt in of.prompts.all():
        twin = again.prompts.get(identity=prompt.identity)
        assert (twin.text, twin.facts, twin.tags, twin.licence) == (prompt.text, prompt.facts, ["signs"], "cc0-1.0")
        assert sorted(twin.media.values_list("role", flat=True)) == ["mask", "source"]
        digests = [place.asset.renditions.get().sha256 for place in twin.media.order_by("role")]
        assert digests == [place.asset.renditions.get().sha256 for place in prompt.media.order_by("role")]
    assert sorted(prompt.facts["count"] for prompt in again.prompts.all()) == [0, 1]
    twin = again.samples.get(key="the child")
    assert (twin.parent.identity, twin.round, twin.seed) == (parent.identity, 1, child.seed)


def test_importing_it_twice_changes_nothing(tmp_path):
    canonical(frozen.project(prompts=2), tmp_path / "out")
    again = imported("again", tmp_path / "out")
    before = (again.samples.count(), Judgement.objects.filter(project=again).count())

    imported("again", tmp_path / "out")

    assert (again.samples.count(), Judgement.objects.filter(project=again).count()) == before


def test_it_comes_from_the_hub_at_a_tag(stand_in, settings, tmp_path):
    settings.HUB_ENDPOINT, settings.HUB_TOKEN = stand_in.address, TOKEN
    of = frozen.project(prompts=3)
    before = canonical(of, tmp_path / "out")
    made = publishing.order(export=before.exports.get(), wish=Wish("ada/signs", "mit"), by=None)
    publishing.run_job(job_id=made.job_id)

    again = imported("again", "hub:ada/signs@v1")

    assert told(frozen.freeze(again, "again")) == told(before)


def test_the_zip_of_the_page_comes_back_too(tmp_path):
    version = frozen.freeze(frozen.project(prompts=3), "signs")
    export = exports.run_job(job_id=exports.order(version=version, formats=["canonical"], by=None).job_id)
    (tmp_path / "signs.zip").write_bytes(b"".join(zip_stream(exports.parts_of(export))))

    again = imported("again", tmp_path / "signs.zip")

    assert told(frozen.freeze(again, "again")) == told(version)


def test_a_repository_that_is_not_there_is_said_in_words(stand_in, settings):
    settings.HUB_ENDPOINT, settings.HUB_TOKEN = stand_in.address, TOKEN

    with pytest.raises(CommandError, match="knows no data set ada/nothing"):
        call_command("import_samples", "again", "hub:ada/nothing")


def test_a_file_that_changed_on_the_hub_is_not_imported(stand_in, settings, tmp_path):
    settings.HUB_ENDPOINT, settings.HUB_TOKEN = stand_in.address, TOKEN
    before = canonical(frozen.project(prompts=2), tmp_path / "out")
    made = publishing.order(export=before.exports.get(), wish=Wish("ada/signs", "mit"), by=None)
    publishing.run_job(job_id=made.job_id)
    repository = stand_in.repositories["ada/signs"]
    files = stand_in.files("ada/signs")
    shard = next(path for path in files if path.startswith("ratings/"))
    other = type(files[shard])(files[shard].content + b"x", is_large=True)
    repository.commit({**files, shard: other}, {"summary": "hello"})

    with pytest.raises(CommandError, match="holds other bytes than its list says"):
        call_command("import_samples", "again", "hub:ada/signs")

    assert not Project.objects.filter(slug="again").exists()


def test_a_picture_that_is_not_what_its_digest_says_is_refused(tmp_path):
    canonical(frozen.project(prompts=2), tmp_path / "out")
    shard = next((tmp_path / "out" / "ratings").glob("train-*.parquet"))
    table = pl.read_parquet(shard)
    spoilt = table.with_columns(image=pl.struct(bytes=pl.lit(b"other"), path=pl.lit("x.png")))
    spoilt.write_parquet(shard)

    call_command("import_samples", "again", str(tmp_path / "out"), stdout=(said := io.StringIO()))

    assert "holds other bytes than its digest says" in said.getvalue()


def test_a_pickapic_export_is_imported_by_its_pairs(tmp_path):
    version = frozen.freeze(frozen.project(prompts=3), "signs")
    made = exports.order(version=version, formats=["pickapic"], by=None, folder=tmp_path / "out")
    exports.run_job(job_id=made.job_id)

    again = imported("again", tmp_path / "out")

    assert again.samples.count() == 6
    assert Comparison.objects.filter(judgement__project=again).count() == 3


def test_an_export_folder_is_recognised_and_a_folder_beside_it_is_not(tmp_path):
    canonical(frozen.project(prompts=2), tmp_path / "out")
    shutil.copytree(tmp_path / "out" / "ratings", tmp_path / "rows")

    assert chosen(tmp_path / "out").name == "pairwright-export"
    assert chosen(tmp_path / "rows").name != "pairwright-export"


def test_an_export_of_other_formats_says_what_can_be_imported(tmp_path):
    version = frozen.freeze(frozen.project(task="text", prompts=2), "answers")
    made = exports.order(version=version, formats=["trl"], by=None, folder=tmp_path / "out")
    exports.run_job(job_id=made.job_id)

    call_command("import_samples", "again", str(tmp_path / "out"), stdout=(said := io.StringIO()))

    assert "only canonical and pickapic can be imported again" in said.getvalue()


@pytest.mark.parametrize(
    "outcomes",
    [
        [("a", "b", "left"), ("b", "c", "left")],  # a pair of the ranking is missing
        [("a", "b", "left"), ("b", "c", "left"), ("a", "c", "right")],  # a circle
    ],
)
def test_what_is_no_ranking_is_not_taken_for_one(outcomes):
    with pytest.raises(RowRefused, match="cannot be told"):
        ranks_of(outcomes)
