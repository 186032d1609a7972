"""The second half of the story: what was said is added up, frozen, examined, exported, and partly taken back."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from django.core.management import CommandError, call_command
from django.template.defaultfilters import filesizeformat

from config.demo.scenes import HELD_OUT
from config.demo.telling import Say, step
from curation.actions import gating, version_files
from curation.models import Benchmark, Dataset, DatasetVersion, Project, Sample, Withdrawal

RECIPES = Path(__file__).parent / "recipes"
DATASET, SIGNS = "signs-and-scenes", "words-on-signs"
# The first is what `load_dataset` reads by default; the last two are folders that a trainer reads as they are.
FORMATS = ("canonical", "pickapic", "diffusion-dpo", "imagereward")
BENCHMARK = "held-out-scenes"
REPOSITORY = "your-name/signs-and-scenes"
_ON_PURPOSE = "a demonstration: its raters are scripts, on purpose, and the card says so"
_TAKEN_BACK = "Whoever painted it asked for it back."


def tell(say: Say, project: Project, folder: Path, *, by: str) -> Path:
    """From evidence to training, signed for by an account; returns the folder with the last dataset card."""
    with step(say, f"Freezing the scenes tagged {HELD_OUT} as a benchmark: nothing is ever trained on them"):
        _freeze(say, project)
    with step(say, "Adding up what was said"):
        call_command("consensus", project.slug)
    _build(say, project, SIGNS)
    version = _build(say, project, DATASET)
    with step(say, f"Examining {version} before it leaves, and signing for what is so on purpose"):
        _examine(say, version, by)
    with step(say, f"Exporting {version} and reading it back"):
        _export(version, folder)
    with step(say, "Taking one picture down, as if its painter had asked for it"):
        _take_down(say, project, version)
    newest = _newest(DATASET)
    if newest != version:
        with step(say, f"Rebuilding {newest} and exporting it in the place of {version}"):
            call_command("verify", str(newest))
            _export(newest, folder)
    out = folder / "published" / str(newest).replace("@", "-")
    with step(say, "Rehearsing its publication: the very files the Hub would get; nothing is sent"):
        _rehearse(say, newest, out)
    return out


def _freeze(say: Say, project: Project) -> None:
    if Benchmark.objects.filter(project=project, name=BENCHMARK).exists():
        say(f"  {BENCHMARK} is frozen already")
        return
    call_command("freeze_benchmark", project.slug, f"--name={BENCHMARK}", f"--tag={HELD_OUT}")


def _build(say: Say, project: Project, name: str) -> DatasetVersion:
    with step(say, f"Building the dataset {name} by {name}.yaml"):
        call_command("build_dataset", project.slug, f"--recipe={RECIPES / name}.yaml", f"--name={name}")
    version = _newest(name)
    with step(say, f"Checking that {version} can be rebuilt"):
        call_command("verify", str(version))
    return version


def _newest(name: str) -> DatasetVersion:
    """The newest version, minor ones included."""
    dataset = Dataset.objects.filter(name=name).first()
    version = DatasetVersion.objects.frozen().filter(dataset=dataset).order_by("number", "minor").last()
    if version is None:
        raise RuntimeError(f"the build of {name} ended without a version; see the job on its page")
    return version


def _examine(say: Say, version: DatasetVersion, by: str) -> None:
    """Signs for labels of machines alone; what else was found stands in the card, and errors would stop publishing."""
    found = {finding.code for finding in gating.report_of(gating.examine(version=version)).findings}
    words = ("--waive=machine-only", f"--because={_ON_PURPOSE}", f"--by={by}") if "machine-only" in found else ()
    try:
        call_command("gate", str(version), *words)
    except CommandError as error:
        say(f"  {error}")


def _export(version: DatasetVersion, folder: Path) -> None:
    out = folder / "exports" / str(version).replace("@", "-")
    call_command("export_dataset", str(version), *(f"--format={name}" for name in FORMATS), f"--out={out}")


def _rehearse(say: Say, version: DatasetVersion, out: Path) -> None:
    """Says how many files there are instead of naming each."""
    terms = ("--licence=cc0-1.0", "--dry-run", f"--out={out}")
    call_command("publish", str(version), REPOSITORY, *terms, stdout=StringIO())
    files = [path for path in out.rglob("*") if path.is_file()]
    say(f"  {len(files)} files, {filesizeformat(sum(path.stat().st_size for path in files))}: {out}")


def _take_down(say: Say, project: Project, version: DatasetVersion) -> None:
    """One picture that a pair of the version names: the rejected one of its first pair."""
    if Withdrawal.objects.filter(project=project).exists():
        say("  one was taken down in an earlier run")
        return
    first = version_files.read(version, "pairs").sort("pair_id").row(0, named=True)
    sample = Sample.objects.get(pk=first["rejected_id"])
    call_command("takedown", project.slug, f"--sample={sample.pk}", f"--because={_TAKEN_BACK}")
    say(f"  {_newest(version.dataset.name).note}")
