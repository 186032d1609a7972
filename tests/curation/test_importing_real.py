"""The real sets through the commands, and the commands themselves."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from curation.models import Comparison, Criterion, Job, Judgement, Project, Prompt, Sample, Score
from tests.curation.formats.drawn import save_lines, save_picture

pytestmark = pytest.mark.django_db


def command(name: str, *arguments: object, **options: object) -> str:
    out = StringIO()
    call_command(name, *map(str, arguments), stdout=out, **options)
    return out.getvalue()


def report(name: str, *arguments: object, **options: object) -> dict:
    return json.loads(command(name, *arguments, json=True, **options))


@pytest.mark.parametrize(
    ("name", "task", "new"),
    [
        ("wan22-videos", "text-to-video", (10, 20, 0)),
        ("icthp", "text-to-image", (2, 6, 0)),
        ("imagereward", "text-to-image", (1, 4, 1)),
        ("videoalign/example.csv", "text-to-video", (3, 6, 9)),
        ("editreward", "image-editing", (1, 2, 0)),
        ("editscore", "image-editing", (1, 1, 0)),
    ],
)
def test_a_real_set_is_imported_whole_and_only_once(shared: Path, name: str, task: str, new: tuple[int, ...]) -> None:
    first = report("import_samples", "real", shared / "data" / name)
    again = report("import_samples", "real", shared / "data" / name)

    kinds = ("prompts", "samples", "judgements")
    assert tuple(first["counts"][f"{kind}_new"] for kind in kinds) == new
    assert (first["refusals"], again["refusals"]) == ([], [])
    assert first["task"] == task
    assert first["project_is_new"]
    assert [again["counts"][f"{kind}_new"] for kind in kinds] == [0, 0, 0]
    assert not Sample.objects.exclude(media_state="present").exists()


def test_rankings_with_absent_media_are_declared(shared: Path) -> None:
    path = shared / "data/imagereward/rankings-200.json"

    refused = report("import_samples", "real", path, dry_run=True)
    told = report("import_samples", "real", path, declare_absent=True)

    assert refused["counts"]["refused"] == 1292
    assert (told["counts"]["samples_new"], told["counts"]["samples_absent"]) == (1092, 1092)
    assert told["counts"]["judgements_new"] == 200
    groups = [len(act.payload["ranks"]) for act in Judgement.objects.all()]
    assert Comparison.objects.count() == sum(n * (n - 1) // 2 for n in groups)
    ties = sum(
        act.payload["ranks"].count(rank) * (act.payload["ranks"].count(rank) - 1) // 2
        for act in Judgement.objects.all()
        for rank in set(act.payload["ranks"])
    )
    assert Comparison.objects.filter(outcome="tie").count() == ties > 0
    assert not Sample.objects.present().exists()


def test_benchmarks_bring_their_judgements(shared: Path) -> None:
    edits = report(
        "import_samples", "edits", shared / "data/benchmarks/editreward-layout-503.json", declare_absent=True
    )
    answers = report(
        "import_samples", "answers", shared / "data/benchmarks/vl-rewardbench-400.json", declare_absent=True
    )

    assert (edits["task"], edits["counts"]["samples_new"], edits["counts"]["judgements_new"]) == (
        "image-editing",
        1006,
        1509,
    )
    assert (answers["task"], answers["counts"]["samples_new"], answers["counts"]["judgements_new"]) == (
        "understanding",
        800,
        400,
    )
    assert set(Score.objects.values_list("value", flat=True)) == {2.0, 4.0}
    followed = Criterion.objects.get(project__slug="edits", key="instruction_following").versions.get()
    assert (followed.scale, followed.low, followed.high) == ("interval", 1, 4)
    assert set(Comparison.objects.values_list("outcome", flat=True)) == {"left"}


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("PartiPrompts.tsv", 1632),
        ("geneval-test.jsonl", 2212),
        ("ocr-test.txt", 1018),
        ("imagereward-benchmark.json", 100),
    ],
)
def test_prompts_alone(shared: Path, name: str, count: int) -> None:
    told = report("import_samples", "prompts", shared / "data/prompts" / name)

    assert told["counts"]["refused"] == 0
    assert told["counts"]["prompts_new"] + told["counts"]["prompts_known"] == count
    assert Prompt.objects.count() == told["counts"]["prompts_new"]


def small_set(folder: Path) -> Path:
    save_picture(folder / "a.png")
    save_lines(
        folder / "samples.jsonl",
        [{"prompt": "p", "sample_key": "a", "media": ["a.png"]}, {"prompt": "p", "media": ["no.png"]}],
    )
    return folder


def test_a_dry_run_leaves_not_even_the_project(tmp_path: Path) -> None:
    told = command("import_samples", "fresh", small_set(tmp_path), dry_run=True)

    assert "1 new samples, 0 there already" in told
    assert "samples.jsonl:2: the file “no.png” is absent" in told
    assert "A dry run: nothing was written." in told
    assert not Project.objects.exists()
    assert not Job.objects.exists()


def test_judgements_alone_need_a_project_and_find_their_samples(tmp_path: Path) -> None:
    verdicts = save_lines(
        tmp_path / "votes.jsonl", [{"kind": "rate", "rater": "r", "sample": "a", "value": 3, "criterion": "taste"}]
    )
    with pytest.raises(CommandError, match="There is no project 'fresh'"):
        command("import_judgements", "fresh", verdicts)
    command("import_samples", "fresh", small_set(tmp_path / "set"))

    told = command("import_judgements", "fresh", verdicts)

    assert "1 new judgements, 0 there already" in told
    assert Score.objects.get().sample.key == "a"


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (["fresh", "nowhere"], {}, "There is nothing at nowhere"),
        (["fresh", "{path}"], {"format": "excel"}, "“excel” is no format"),
        (["Not An Address", "{path}"], {}, "cannot be an address"),
        (["fresh", "{path}"], {"media_root": Path("/nowhere")}, "no folder"),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, arguments, options, words: str) -> None:
    path = small_set(tmp_path)

    with pytest.raises(CommandError, match=words):
        command("import_samples", *(str(each).format(path=path) for each in arguments), **options)


def test_the_media_root_may_lie_elsewhere(tmp_path: Path) -> None:
    save_picture(tmp_path / "pictures" / "a.png")
    path = save_lines(tmp_path / "rows" / "samples.jsonl", [{"prompt": "p", "media": ["a.png"]}])

    told = report("import_samples", "fresh", path, media_root=tmp_path / "pictures", licence="MIT")

    assert told["counts"]["samples_new"] == 1
    assert Sample.objects.get().licence == "MIT"
