"""Imports into the database: what they write, that repeating them changes nothing, that a killed one resumes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from curation.actions import criteria, importing, jobs
from curation.media import heatmaps
from curation.models import (
    Asset,
    Comparison,
    CriterionVersion,
    Job,
    JobFailure,
    Judgement,
    Project,
    Prompt,
    Rater,
    Sample,
    Score,
)
from tests import factories
from tests.curation.crashing import crash_on_seven
from tests.curation.formats.drawn import picture, save_json, save_lines, save_picture
from tests.curation.formats.test_public_formats import pickapic

pytestmark = pytest.mark.django_db

SCALED = criteria.Wording(name="Scaled", scale=CriterionVersion.Scale.ORDINAL, low=1, high=5)


def start(project: Project, path: Path, **options) -> Job:
    job = importing.run(job=importing.create(project=project, options=importing.for_path(path, **options), by=None))
    assert job is not None
    return job


def counts(job: Job) -> dict[str, int]:
    return {name: count for name, count in job.result["counts"].items() if count}


def reasons(job: Job) -> list[str]:
    return [f"{failure.what}: {failure.reason}" for failure in job.failures.order_by("id")]


def group_of_eight(folder: Path) -> Path:
    """One prompt, eight samples of three generators, one of them a reference."""
    rows = []
    for number in range(8):
        name = f"pics/{number}.png"
        save_picture(folder / name, (number * 30, 0, 0))
        rows.append(
            {
                "prompt": "a red square", "prompt_key": "square", "sample_key": f"s{number}",
                "generator": ["sd15", "sdxl", "artist"][number % 3], "revision": "r1" if number % 3 else "",
                "kind": "reference" if number % 3 == 2 else "generated", "media": [name], "seed": number,
                "settings": {"steps": 20 + number}, "round": number // 4, "facts": {"text": "RED"},
            }
        )  # fmt: skip
    return save_lines(folder / "samples.jsonl", rows)


@pytest.mark.capability("A1")
@pytest.mark.capability("A8")
def test_eight_samples_of_three_generators_arrive_with_their_provenance(tmp_path: Path) -> None:
    project = factories.project()

    job = start(project, group_of_eight(tmp_path).parent)

    assert (job.state, counts(job)) == ("done", {"prompts_new": 1, "samples_new": 8})
    prompt = Prompt.objects.get()
    assert (prompt.text, prompt.key, prompt.facts) == ("a red square", "square", {"text": "RED"})
    samples = list(prompt.samples.order_by("seed").select_related("generator"))
    assert [sample.generator.name for sample in samples] == [["sd15", "sdxl", "artist"][n % 3] for n in range(8)]
    assert [(s.seed, s.round, s.settings) for s in samples] == [(n, n // 4, {"steps": 20 + n}) for n in range(8)]
    assert {(g.name, g.revision, g.kind) for g in project.generators.all()} == {
        ("sd15", "", "generated"), ("sdxl", "r1", "generated"), ("artist", "r1", "reference"),
    }  # fmt: skip
    assert {sample.media.get().asset.sha256 for sample in samples} == set(
        Asset.objects.values_list("sha256", flat=True)
    )
    assert Asset.objects.count() == 8


def test_importing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    project = factories.project()
    group_of_eight(tmp_path)
    save_lines(
        tmp_path / "judgements.jsonl",
        [
            {"kind": "compare", "rater": "r1", "left": "s0", "right": "s1", "outcome": "left"},
            {"kind": "compare", "rater": "r1", "left": "s0", "right": "s1", "outcome": "left"},
            {"kind": "rate", "rater": "r1", "sample": "s0", "criterion": "taste", "value": 3},
        ],
    )
    first = start(project, tmp_path)
    before = {model: model.objects.count() for model in (Prompt, Sample, Asset, Judgement, Comparison, Score, Rater)}

    again = start(project, tmp_path)

    assert counts(first) == {"prompts_new": 1, "samples_new": 8, "judgements_new": 3}
    assert counts(again) == {"samples_known": 8, "judgements_known": 3, "rows_known": 11}
    assert {model: model.objects.count() for model in before} == before
    assert importing.nothing_came(again)


@pytest.mark.capability("A5")
def test_one_store_holds_comparisons_rankings_ratings_ties_and_both_bad(tmp_path: Path) -> None:
    project = factories.project()
    group_of_eight(tmp_path)
    act = {"kind": "compare", "rater": "ann", "left": "s0", "right": "s1"}
    save_lines(
        tmp_path / "judgements.jsonl",
        [
            {**act, "outcome": "left", "strength": 2, "seconds": 1.5, "at": "2026-01-02T03:04:05Z"},
            {**act, "outcome": "tie", "criterion": "alignment", "context": "be strict"},
            {**act, "outcome": "both_bad", "rater": "robot", "rater_kind": "scripted"},
            {"kind": "rank", "rater": "ann", "samples": ["s2", "s3", "s4"], "ranks": [1, 5, 5]},
            {"kind": "rate", "rater": "gpt", "rater_kind": "model", "sample": "s5", "criterion": "alignment",
             "value": 4, "note": "no square"},
        ],
    )  # fmt: skip

    job = start(project, tmp_path)

    assert not reasons(job)
    paired = Comparison.objects.order_by("judgement_id", "position")
    assert [(c.outcome, c.criterion_version.criterion.key, c.rater.name, c.is_implied) for c in paired] == [
        ("left", "overall", "ann", False), ("tie", "alignment", "ann", False), ("both-bad", "overall", "robot", False),
        ("left", "overall", "ann", True), ("left", "overall", "ann", True), ("tie", "overall", "ann", True),
    ]  # fmt: skip
    unpaired = Score.objects.get()
    assert (unpaired.value, unpaired.sample.key, unpaired.rater.kind) == (4, "s5", "model")
    assert unpaired.judgement.notes.get().text == "no square"
    assert {(r.name, r.kind) for r in project.raters.all()} == {
        ("ann", "person"), ("robot", "scripted"), ("gpt", "model"),
    }  # fmt: skip
    ranking = Judgement.objects.get(act="rank")
    assert ranking.payload == {"samples": ["s2", "s3", "s4"], "ranks": [1, 5, 5]}
    assert Judgement.objects.get(context__text="be strict").comparisons.get().outcome == "tie"


def test_ratings_are_never_filed_under_a_criterion_that_only_compares(tmp_path: Path) -> None:
    project = factories.project()
    group_of_eight(tmp_path)
    save_lines(
        tmp_path / "judgements.jsonl",
        [
            {"kind": "rate", "rater": "ann", "sample": "s0", "value": 4},
            {"kind": "compare", "rater": "ann", "left": "s0", "right": "s1", "outcome": "left"},
        ],
    )

    start(project, tmp_path)

    versions = CriterionVersion.objects.filter(criterion__project=project, criterion__key="overall")
    assert [(v.number, v.scale) for v in versions.order_by("number")] == [(1, "compare"), (2, "interval")]
    assert Score.objects.get().criterion_version.number == 2


@pytest.mark.capability("A3")
def test_sources_masks_references_and_controls_travel_with_the_prompt(tmp_path: Path) -> None:
    project = factories.project(task="inpainting")
    roles = {role: [f"{role}.png"] for role in ("source", "mask", "reference", "control")}
    for index, role in enumerate(roles):
        save_picture(tmp_path / f"{role}.png", (0, index * 40, 0))
    for name, colour in (("a", "red"), ("b", "blue")):
        save_picture(tmp_path / f"{name}.png", colour)
    other = {**roles, "mask": ["control.png"]}
    save_lines(
        tmp_path / "samples.jsonl",
        [
            {"prompt": "fill it", "media": ["a.png"], "roles": roles},
            {"prompt": "fill it", "media": ["b.png"], "roles": roles},
            {"prompt": "fill it", "media": ["b.png"], "roles": other},
        ],
    )

    start(project, tmp_path)

    first, second = Prompt.objects.order_by("id")
    assert (first.samples.count(), second.samples.count()) == (2, 1)
    assert sorted(first.media.values_list("role", flat=True)) == ["control", "mask", "reference", "source"]
    mask = first.media.get(role="mask").asset
    assert mask == second.media.get(role="control").asset.__class__.objects.get(pk=mask.pk)
    assert second.media.get(role="mask").asset == second.media.get(role="control").asset


def test_parents_may_come_after_their_children(tmp_path: Path) -> None:
    project = factories.project()
    for name in "abcd":
        save_picture(tmp_path / f"{name}.png", (ord(name), 0, 0))
    row = {"prompt": "p"}
    save_lines(
        tmp_path / "samples.jsonl",
        [
            {**row, "sample_key": "c", "media": ["c.png"], "parent": "b", "branch": 20},
            {**row, "sample_key": "b", "media": ["b.png"], "parent": "a", "branch": 10},
            {**row, "sample_key": "a", "media": ["a.png"]},
            {**row, "sample_key": "d", "media": ["d.png"], "parent": "nobody"},
        ],
    )

    job = start(project, tmp_path)

    tree = {s.key: (s.parent.key if s.parent else None, s.branch) for s in Sample.objects.select_related("parent")}
    assert tree == {"c": ("b", 20), "b": ("a", 10), "a": (None, None), "d": (None, None)}
    assert reasons(job) == [
        "samples.jsonl:4, parent: the parent “nobody” is not in this project; the sample is here without it"
    ]


def test_absent_media_are_refused_unless_they_are_declared_and_can_be_brought_later(tmp_path: Path) -> None:
    project = factories.project()
    save_lines(
        tmp_path / "samples.jsonl",
        [
            {"prompt": "p", "sample_key": "here", "media": ["here.png"]},
            {"prompt": "p", "sample_key": "gone", "media": ["gone.png"]},
            {"prompt": "q", "sample_key": "seen", "text": "two cats", "roles": {"source": ["source.png"]}},
        ],
    )
    save_lines(
        tmp_path / "judgements.jsonl",
        [{"kind": "compare", "rater": "r", "left": "here", "right": "gone", "outcome": "right"}],
    )
    save_picture(tmp_path / "here.png")

    refused = start(project, tmp_path)
    declared = start(project, tmp_path, declare_absent=True)

    assert [reason.split(":")[1] for reason in reasons(refused)[:2]] == ["2", "3"]
    assert "the file “gone.png” is absent below the media root" in reasons(refused)[0]
    assert "no sample “gone” in this project" in reasons(refused)[2]
    assert counts(declared) == {
        "prompts_new": 1, "samples_known": 1, "samples_new": 2, "samples_absent": 2,
        "judgements_new": 1, "rows_known": 1,
    }  # fmt: skip
    assert {s.key: s.media_state for s in Sample.objects.all()} == {
        "here": "present", "gone": "absent", "seen": "absent",
    }  # fmt: skip
    assert set(Sample.objects.present().values_list("key", flat=True)) == {"here"}

    save_picture(tmp_path / "gone.png", "blue")
    start(project, tmp_path, declare_absent=True)

    gone = Sample.objects.get(key="gone")
    assert (gone.media_state, gone.media.get().absent_name) == ("present", "")
    assert Comparison.objects.get().right_sample == gone


def test_a_bad_row_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    project = factories.project()
    for name in ("a", "b", "c"):
        save_picture(tmp_path / f"{name}.png", {"a": "red", "b": "blue", "c": "green"}[name])
    (tmp_path / "not.png").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "torn.png").write_bytes(picture(size=(200, 200))[:-40])
    (tmp_path / "folder.png").mkdir()
    rows = [
        {"prompt": "p", "sample_key": "a", "media": ["a.png"]},
        {"prompt": "p", "sample_key": "b", "media": ["not.png"]},
        {"prompt": "p", "sample_key": "c", "media": ["torn.png"]},
        {"prompt": "p", "sample_key": "d", "media": ["folder.png"]},
        {"prompt": "p", "sample_key": "a", "media": ["b.png"]},
        {"prompt": "p", "sample_key": "e", "media": ["a.png"]},
        {"prompt": "q", "prompt_key": "k", "sample_key": "f", "media": ["b.png"]},
        {"prompt": "r", "prompt_key": "k", "sample_key": "g", "media": ["b.png"]},
        {"prompt": "q", "sample_key": "h", "media": ["c.png"], "facts": {"text": "X"}},
        {"prompt": "q", "sample_key": "i", "media": ["c.png"], "seed": 2, "facts": {"text": "Y"}},
    ]
    save_lines(tmp_path / "samples.jsonl", rows)

    job = start(project, tmp_path)

    told = sorted(reasons(job), key=lambda reason: int(reason.split(":")[1]))
    assert [reason.split(":")[1] for reason in told] == ["2", "3", "4", "5", "6", "8", "10"]
    for reason, words in zip(
        told,
        ["not.png", "torn.png", "is a folder", "already names another sample", "is here as “a”",
         "already names another prompt", "facts differ"],
        strict=True,
    ):  # fmt: skip
        assert words in reason
    assert set(Sample.objects.values_list("key", flat=True)) == {"a", "f", "h"}
    assert job.state == "done"


def test_a_judgement_against_the_rules_is_refused_alone(tmp_path: Path) -> None:
    project = factories.project()
    group_of_eight(tmp_path)
    good = {"kind": "compare", "rater": "r", "left": "s0", "right": "s1", "outcome": "left"}
    save_lines(
        tmp_path / "judgements.jsonl",
        [
            good,
            {**good, "marks": [{"sample": "s0", "shape": "interval", "start": 5, "end": 5}]},
            {**good, "marks": [{"shape": "box", "points": [[0, 0], [3, 3]]}]},
            {
                **good,
                "left": "s2",
                "marks": [{"sample": "s2", "shape": "box", "points": [[0, 0], [3, 3]], "error_type": "hand"}],
            },
        ],
    )

    job = start(project, tmp_path)

    assert [reason.split(",")[0] for reason in reasons(job)] == ["judgements.jsonl:3", "judgements.jsonl:2"]
    assert "must name it as “sample”" in reasons(job)[0]
    assert "mark_range_not_empty" in reasons(job)[1]
    assert Judgement.objects.count() == 2
    mark = Judgement.objects.order_by("-id").first().marks.get()
    assert (mark.error_type, mark.points, mark.media_index, mark.sample.key) == ("hand", [[0, 0], [3, 3]], 0, "s2")


def test_a_dry_run_writes_nothing_and_tells_the_same_counts(tmp_path: Path) -> None:
    project = factories.project()
    group_of_eight(tmp_path)
    lines = [
        {"kind": "compare", "rater": "r", "left": "s0", "right": "s1", "outcome": "left"},
        {"kind": "compare", "rater": "r", "left": "s0", "right": "s99", "outcome": "left"},
    ]
    save_lines(tmp_path / "judgements.jsonl", lines)

    dry = start(project, tmp_path, is_dry_run=True)

    assert not Prompt.objects.exists()
    assert not Sample.objects.exists()
    assert not Asset.objects.exists()
    assert not Judgement.objects.exists()
    assert not Rater.objects.exists()
    assert "no sample “s99”" in reasons(dry)[0]
    assert dry.result["task"] == "text-to-image"
    assert len(dry.result["preview"]) == 8
    assert dry.result["preview"][0]["has_thumbnail"]
    assert importing.thumbnail_path(importing.workspace_of(dry), 0).read_bytes()[:2] == b"\xff\xd8"
    real = start(project, tmp_path)
    assert counts(real) == counts(dry)
    assert counts(start(project, tmp_path, is_dry_run=True)) == {
        "samples_known": 8, "judgements_known": 1, "rows_known": 9, "refused": 1,
    }  # fmt: skip


def test_many_files_are_decoded_by_other_processes(tmp_path: Path) -> None:
    project = factories.project()
    rows = []
    for number in range(100):
        save_picture(tmp_path / f"{number}.png", (number, 5, 5))
        rows.append({"prompt": f"p{number % 10}", "media": [f"{number}.png"]})
    save_lines(tmp_path / "samples.jsonl", rows)

    job = start(project, tmp_path)

    assert counts(job)["samples_new"] == 100
    assert Asset.objects.count() == 100
    assert (job.done, job.skipped, job.failed, job.total) == (100, 0, 0, 100)


def test_a_file_that_crashes_the_decoder_is_refused_and_its_neighbours_are_taken(tmp_path: Path) -> None:
    project = factories.project()
    rows = []
    for number in range(20):
        save_picture(tmp_path / f"{number}.png", (number, 7, 7))
        rows.append({"prompt": "p", "media": [f"{number}.png"]})
    path = save_lines(tmp_path / "samples.jsonl", rows)
    job = importing.create(project=project, options=importing.for_path(path), by=None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("curation.actions.importing.intake.ingest_each", crash_on_seven)
        importing.run(job=job)

    assert "“7.png” crashes the decoder" in reasons(job)[0]
    assert Sample.objects.count() == 19


def test_a_job_taken_over_by_another_worker_writes_nothing_more(tmp_path: Path) -> None:
    project = factories.project()
    job = importing.create(project=project, options=importing.for_path(group_of_eight(tmp_path)), by=None)

    def lose_it(run) -> None:
        Job.objects.filter(pk=job.pk).update(owner="somebody else")

    text = [{"prompt": "p", "text": str(number)} for number in range(2500)]
    save_lines(tmp_path / "samples.jsonl", text)
    importing.run(job=job, progress=lose_it)

    assert Sample.objects.count() == 1000
    job.refresh_from_db()
    assert (job.state, job.result["rows_done"]) == ("running", 1000)


def test_a_cancelled_import_keeps_what_it_has_and_resumes_where_it_was(tmp_path: Path) -> None:
    project = factories.project()
    path = save_lines(
        tmp_path / "samples.jsonl", [{"prompt": "p", "text": str(n)} for n in range(2500)] + [{"prompt": 1}]
    )
    job = importing.create(project=project, options=importing.for_path(path), by=None)

    stopped = importing.run(job=job, progress=lambda run: jobs.cancel(job=job, by=None))
    resumed = importing.run(job=jobs.resume(job=stopped, by=None))

    assert (stopped.state, stopped.result["rows_done"]) == ("cancelled", 1000)
    assert counts(resumed) == {"prompts_new": 1, "samples_new": 2500, "refused": 1}
    assert JobFailure.objects.count() == 1


def test_what_stops_an_import_is_written_on_its_row(tmp_path: Path) -> None:
    project = factories.project()
    path = group_of_eight(tmp_path)
    job = importing.create(project=project, options=importing.for_path(path), by=None)
    path.unlink()

    with pytest.raises(FileNotFoundError):
        importing.run(job=job)

    job.refresh_from_db()
    assert job.state == "failed"
    assert "samples.jsonl" in job.error


def test_prompts_alone_are_counted_as_rows(tmp_path: Path) -> None:
    project = factories.project()
    path = tmp_path / "prompts.txt"
    path.write_text('A sign "OPEN"\nA sign "SHUT"\nA sign "OPEN"\n')

    dry, first, again = start(project, path, is_dry_run=True), start(project, path), start(project, path)

    assert counts(dry) == counts(first) == {"prompts_new": 2, "prompts_known": 1, "rows_known": 1}
    assert counts(again) == {"prompts_known": 3, "rows_known": 3}
    assert sorted(prompt.facts["text"] for prompt in Prompt.objects.all()) == ["OPEN", "SHUT"]


def test_options_travel_on_the_job(tmp_path: Path) -> None:
    options = importing.for_path(group_of_eight(tmp_path), declare_absent=True, licence="MIT")

    job = importing.create(project=factories.project(), options=options, by=None)

    assert importing.Options.of(Job.objects.get(pk=job.pk)) == options
    assert json.loads(json.dumps(job.params)) == job.params


@pytest.mark.capability("A4")
def test_criteria_of_four_and_of_two_levels_coexist_and_old_labels_keep_the_old_version(tmp_path: Path) -> None:
    few, many = factories.project("few"), factories.project("many")
    parents = []
    for group in range(5):
        children = [
            criteria.Place(criteria.add_version(project=many, key=f"g{group}/c{n}", wording=SCALED)) for n in range(28)
        ]
        top = criteria.add_version(project=many, key=f"g{group}", wording=SCALED)
        parents.append(criteria.Place(top, weight=0.2, children=children))
    criteria.add_set(project=many, name="checklist", places=parents)
    group_of_eight(tmp_path)

    def rate(keys: list[str], value: int) -> None:
        lines = [
            {"kind": "rate", "rater": "ann", "sample": "s0", "criterion": key, "value": value, "key": f"{key}={value}"}
            for key in keys
        ]
        save_lines(tmp_path / "judgements.jsonl", lines)

    rate(["alignment", "quality", "taste", "safety"], 3)
    start(few, tmp_path)
    leaves = [f"g{group}/c{n}" for group in range(5) for n in range(28)]
    rate(leaves, 3)
    start(many, tmp_path)
    reworded = criteria.add_version(project=many, key="g0/c0", wording=replace(SCALED, name="Sharper", high=10))
    rate(["g0/c0"], 9)
    start(many, tmp_path)

    assert few.criteria.filter(key__in=["alignment", "quality", "taste", "safety"]).count() == 4
    assert Score.objects.filter(judgement__project=few).count() == 4
    assert Score.objects.filter(judgement__project=many).count() == 140 + 1
    kept = Score.objects.filter(judgement__project=many, criterion_version__criterion__key="g0/c0")
    assert list(kept.order_by("value").values_list("value", "criterion_version__number")) == [(3, 1), (9, 2)]
    assert kept.get(value=9).criterion_version == reworded


@pytest.mark.capability("A5")
def test_pickapic_is_taken_whole_with_its_users_ties_and_sides(tmp_path: Path) -> None:
    project = factories.project()

    job = start(project, pickapic(tmp_path))

    assert not reasons(job)
    assert (Sample.objects.count(), Asset.objects.count()) == (6, 6)
    said = Comparison.objects.order_by("judgement_id")
    assert [(c.rater.name, c.left_sample.key, c.right_sample.key, c.outcome) for c in said] == [
        ("pickapic-user-5", "pickapic:u0", "pickapic:u1", "left"),
        ("pickapic-user-6", "pickapic:u0", "pickapic:u1", "right"),
        ("pickapic-user-5", "pickapic:u2", "pickapic:u3", "tie"),
    ]
    assert said[0].judgement.at.year == 2023
    assert start(project, pickapic(tmp_path)).result["counts"]["rows_known"] == 8 + 3


def test_many_rows_about_one_pair_by_unnamed_raters_are_occasions(tmp_path: Path) -> None:
    project = factories.project()
    save_picture(tmp_path / "a.jpg", "red")
    save_picture(tmp_path / "b.jpg", "blue")
    row = {"prompt": "p", "path1": "a.jpg", "path2": "b.jpg"}
    path = save_json(tmp_path / "all.json", [{**row, "choice_dist": [n, 1]} for n in (3, 2, 3)])

    start(project, path)
    start(project, path)

    assert sorted(Comparison.objects.values_list("occasion", flat=True)) == [0, 1, 2]
    assert Judgement.objects.filter(payload__sides="winner first").count() == 3


def test_numbers_for_parts_come_in_with_their_rating(tmp_path: Path) -> None:
    project = factories.project()
    group_of_eight(tmp_path)
    rated = {"kind": "rate", "rater": "r", "rater_kind": "model", "criterion": "warmth", "value": 3}
    heat = {"shape": "heatmap", "value": 2.0, "grid": [[0, 1], [2, 5]], "points": [[1, 2], [3, 4]]}
    wrong = [
        {**heat, "grid": [[0, 1], [2]]},
        {**heat, "grid": [[0, None]]},
        {**heat, "grid": "warm"},
        {**heat, "points": [[1, 2]]},
        {**heat, "shape": "box"},
        {"shape": "box", "points": [[0, 0], [3, 3]], "value": "high"},
    ]
    good = {"shape": "box", "points": [[0, 0], [3, 3]], "value": 0.25, "text": "a hand"}
    lines = [{**rated, "sample": "s0", "marks": [heat, good]}]
    lines += [{**rated, "sample": f"s{place}", "marks": [mark]} for place, mark in enumerate(wrong, 1)]
    save_lines(tmp_path / "judgements.jsonl", lines)

    job = start(project, tmp_path)

    said = sorted(reasons(job), key=lambda reason: int(reason.split(":")[1].split(",")[0]))
    for reason, words in zip(
        said,
        ["of one length", "an empty cell", "a list of rows", "two corners or none", "belongs to a heatmap", "value"],
        strict=True,
    ):
        assert words in reason
    warm, hand = Judgement.objects.get().marks.order_by("position")
    assert heatmaps.unpacked(warm.points).round(3).tolist() == [[0, 1], [2, 5]]
    assert (warm.value, heatmaps.box_of(warm.points)) == (2.0, [(1, 2), (3, 4)])
    assert (hand.value, hand.text, hand.criterion_version.criterion.key) == (0.25, "a hand", "warmth")
