"""A dry run: the same reading, the same refusals, the same counts, and nothing written but the report."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from curation.actions.importing import verdicts
from curation.actions.importing.samples import Entry
from curation.actions.importing.state import Run
from curation.formats.rows import JudgementRow, MediaRef, PromptRow, Row, SampleRow
from curation.formats.tasks import guess_task
from curation.models import Prompt, Sample

PREVIEWED = 50
THUMBNAIL = (160, 160)


@dataclass
class Rehearsal:
    """What a dry run has seen so far. It keeps about 100 bytes a row, which is why it is not the import itself."""

    run: Run
    workspace: Path
    prompts: set[str] = field(default_factory=set)
    samples: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)  # sample key to prompt identity
    preview: list[dict[str, Any]] = field(default_factory=list)
    tasks: dict[str, int] = field(default_factory=dict)

    def write(self, found: Sequence[Entry], rows: Iterable[Row]) -> None:
        self._count_prompts(found)
        self._count_samples([entry for entry in found if isinstance(entry.row, SampleRow)])
        said = [row for row in rows if isinstance(row, JudgementRow)]
        self._count_judgements([row for row in said if not verdicts.is_silent(row)])
        self.run.counts["lists_silent"] += sum(verdicts.is_silent(row) for row in said)
        for entry in found:
            self._show(entry)

    def _count_prompts(self, found: Sequence[Entry]) -> None:
        seen = {entry.prompt_identity for entry in found}
        stored = set(
            Prompt.objects.filter(project=self.run.project, identity__in=seen).values_list("identity", flat=True)
        )
        new = seen - stored - self.prompts
        self.run.counts["prompts_new"] += len(new)
        self.prompts |= seen
        for entry in found:
            is_new = entry.prompt_identity in new
            new.discard(entry.prompt_identity)
            if isinstance(entry.row, PromptRow) and not is_new:
                self.run.counts["prompts_known"] += 1
                self.run.counts["rows_known"] += 1

    def _count_samples(self, found: Sequence[Entry]) -> None:
        own = Sample.objects.filter(project=self.run.project)
        stored = set(
            own.filter(identity__in={entry.sample_identity for entry in found}).values_list("identity", flat=True)
        )
        for entry in found:
            row = entry.row
            assert isinstance(row, SampleRow)
            task = guess_task(row)
            self.tasks[task] = self.tasks.get(task, 0) + 1
            for name in filter(None, (row.sample_key, row.identity)):
                self.keys.setdefault(name, entry.prompt_identity)
            is_known = entry.sample_identity in stored or entry.sample_identity in self.samples
            self.run.counts["samples_known" if is_known else "samples_new"] += 1
            self.run.counts["rows_known"] += is_known
            self.run.counts["samples_absent"] += entry.is_absent and not is_known
            self.samples.add(entry.sample_identity)

    def _count_judgements(self, rows: Sequence[JudgementRow]) -> None:
        named = {name for row in rows for name in verdicts.names_in(row)} - self.keys.keys()
        stored = Sample.objects.filter(project=self.run.project, key__in=named)
        self.keys |= dict(stored.values_list("key", "prompt__identity"))
        of_ours = Sample.objects.filter(project=self.run.project, identity__in=named)
        self.keys |= dict(of_ours.values_list("identity", "prompt__identity"))
        known = verdicts.already_recorded(self.run.project.pk, rows)
        for row in rows:
            missing = [name for name in verdicts.names_in(row) if name not in self.keys]
            if missing:
                self.run.refuse(verdicts.named(row), str(verdicts.unknown_sample(missing[0])))
            else:
                is_known = verdicts.Known(row.rater, row.key) in known
                self.run.counts["judgements_known" if is_known else "judgements_new"] += 1
                self.run.counts["rows_known"] += is_known

    def _show(self, entry: Entry) -> None:
        """Keeps the first rows, with a thumbnail of the first picture where that is cheap."""
        if len(self.preview) >= PREVIEWED:
            return
        row = entry.row
        shown: dict[str, Any] = {"where": row.where, "prompt": row.prompt[:500], "is_absent": entry.is_absent}
        if isinstance(row, SampleRow):
            shown |= {
                "sample_key": row.sample_key, "generator": row.generator, "kind": row.kind,
                "text": (row.text or "")[:500], "media": [ref.name for ref in row.media],
                "roles": {role: [ref.name for ref in refs] for role, refs in row.roles.items()},
                "seed": row.seed, "round": row.round,
            }  # fmt: skip
            shown["has_thumbnail"] = bool(row.media) and self._save_thumbnail(row.media[0], len(self.preview))
        elif isinstance(row, PromptRow):
            shown["facts"] = row.facts
        self.preview.append(shown)

    def _save_thumbnail(self, ref: MediaRef, number: int) -> bool:
        """Draws a small JPEG; False where the picture cannot be opened, which the import itself will explain."""
        try:
            with Image.open(ref.path if ref.path is not None else _stream(ref)) as image:
                image.draft("RGB", THUMBNAIL)
                image.thumbnail(THUMBNAIL)
                image.convert("RGB").save(thumbnail_path(self.workspace, number), "JPEG")
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
            return False
        return True

    def as_result(self) -> dict[str, Any]:
        return {"preview": self.preview, "task": max(self.tasks, key=lambda task: self.tasks[task], default="")}


def _stream(ref: MediaRef) -> io.BytesIO:
    return io.BytesIO(ref.data or b"")


def thumbnail_path(workspace: Path, number: int) -> Path:
    """Where the thumbnail of the preview's row lies."""
    return workspace / f"preview-{number}.jpg"
