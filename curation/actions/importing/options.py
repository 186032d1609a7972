"""What an import was asked to do, in a form that a job row keeps."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.formats import FORMATS, Format, Recognised, recognise
from curation.formats.held_out import is_benchmark
from curation.models import Job


@dataclass(frozen=True, kw_only=True)
class Options:
    """One import.

    Attributes:
        path: the file or folder.
        format_name: a key of `FORMATS`.
        media_root: the folder that media names are relative to and must lie in.
        declare_absent: samples whose file is missing are marked instead of refused.
        licence: for rows that name none; empty takes the project's.
        is_dry_run: nothing is written but the report.
        is_upload: the path is ours and is removed when the import has ended well.
        why: what the format was recognised by; empty where a person named it.
        benchmark: the name under which everything is frozen as a benchmark once it is here; empty for none.
    """

    path: str
    format_name: str
    media_root: str
    declare_absent: bool = False
    licence: str = ""
    is_dry_run: bool = False
    is_upload: bool = False
    why: str = ""
    benchmark: str = ""

    @classmethod
    def of(cls, job: Job) -> Options:
        return cls(**job.params)

    def as_params(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def format(self) -> Format:
        return FORMATS[self.format_name]


def for_path(
    path: Path, *, format_name: str = "", media_root: Path | None = None, benchmark: str | None = None, **others: Any
) -> Options:
    """The options for a path, its format recognised unless it is named.

    Args:
        benchmark: the name of the benchmark to freeze, empty for none; None freezes what is known to be a public one.

    Raises:
        Refused: there is nothing at the path, no such format, or none that fits.
    """
    if not path.exists():
        raise Refused(_("There is nothing at %(path)s.") % {"path": path})
    if format_name and format_name not in FORMATS:
        raise Refused(
            _("“%(name)s” is no format; the formats are %(names)s.")
            % {
                "name": format_name,
                "names": ", ".join(sorted(FORMATS)),
            }
        )
    root = media_root or (path if path.is_dir() else path.parent)
    if not root.is_dir():
        raise Refused(_("The media root %(path)s is no folder.") % {"path": root})
    found = None if format_name else _recognised(path)
    name = found.format.name if found else format_name
    return Options(
        path=str(path.absolute()),
        format_name=name,
        benchmark=_benchmark(name, path) if benchmark is None else _checked(benchmark),
        media_root=str(root.absolute()),
        why=found.why if found else "",
        **others,
    )


def _benchmark(format_name: str, path: Path) -> str:
    """What a public benchmark is called: by its format and its file."""
    if not is_benchmark(format_name, path):
        return ""
    kind, stem = slugify(format_name.replace("_", "-")), slugify(path.stem)
    return (stem if stem.startswith(kind) else f"{kind}-{stem}".rstrip("-"))[:80]


def _checked(name: str) -> str:
    if name and slugify(name) != name:
        raise Refused(
            _("“%(name)s” cannot name a benchmark. Use small letters, digits and hyphens, such as “%(proposal)s”.")
            % {"name": name, "proposal": slugify(name) or "my-benchmark"}
        )
    return name


def _recognised(path: Path) -> Recognised:
    found = recognise(path)
    if not found:
        raise Refused(
            _("%(path)s has no known format. Name one with --format; docs/import.md lists them.") % {"path": path}
        )
    return found[0]


def workspace_of(job: Job) -> Path:
    """The job's own folder for what it unpacks; removed when it ends."""
    return Path(settings.SCRATCH_ROOT) / "imports" / str(job.pk)


def look_workspace() -> Path:
    """A folder for a first look into an archive; the caller removes it."""
    root = Path(settings.SCRATCH_ROOT) / "imports"
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="look-", dir=root))


def upload_folder(path: Path) -> Path:
    """The folder that one upload has to itself.

    Raises:
        ValueError: the path is no upload.
    """
    root = Path(settings.SCRATCH_ROOT) / "uploads"
    return root / path.relative_to(root).parts[0]


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
