"""Every format that can be imported, by name, and which one a path is in.

>>> sorted(FORMATS)[:3]
['archive', 'behaviour', 'csv']
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.formats.archive import Archive
from curation.formats.base import Format, Recognition
from curation.formats.behaviour import Behaviour
from curation.formats.benchmarks import EditReward, GenAiBench, VideoAlign, VlRewardBench
from curation.formats.export_folder import ExportFolder
from curation.formats.folder import Folder
from curation.formats.glance import look_at
from curation.formats.ours import OurFormat
from curation.formats.preferences import HpdV2, HpdV3, ImageReward, PickAPic
from curation.formats.prompt_lists import GenEval, OcrPrompts, PartiPrompts, PromptList
from curation.formats.reward_benches import MmRlhf, RewardBench, RewardBench2
from curation.formats.rows import JudgementRow, MediaRef, PromptRow, Refusal, Row, SampleRow
from curation.formats.tables import CsvTable, ParquetTable
from curation.formats.webdataset_tar import WebDataset

__all__ = [
    "FORMATS", "Format", "JudgementRow", "MediaRef", "PromptRow", "Recognised", "Refusal", "Row", "SampleRow",
    "chosen", "recognise",
]  # fmt: skip


@dataclass(frozen=True)
class Recognised:
    """A format that may fit a path, how sure it is (0 to 1), and what it saw."""

    format: Format
    confidence: float
    why: str


def recognise(path: Path) -> list[Recognised]:
    """The formats that may fit, the likeliest first; empty when none does.

    Raises:
        FileNotFoundError: there is nothing at the path.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    glance = look_at(path)
    found = [(each, each.recognise(glance)) for each in FORMATS.values()]
    fitting = [Recognised(each, seen.confidence, seen.why) for each, seen in found if isinstance(seen, Recognition)]
    return sorted(fitting, key=lambda each: -each.confidence)


def chosen(path: Path) -> Format | None:
    """The likeliest format of a path, or None."""
    return next((each.format for each in recognise(path)), None)


_ALL: tuple[Format, ...] = (
    OurFormat(), ExportFolder(), Folder(), Archive(chosen), CsvTable(), ParquetTable(), WebDataset(),
    PickAPic(), ImageReward(), HpdV2(), HpdV3(), EditReward(), VideoAlign(), GenAiBench(), VlRewardBench(),
    RewardBench(), RewardBench2(), MmRlhf(),
    PartiPrompts(), GenEval(), OcrPrompts(), PromptList(), Behaviour(),
)  # fmt: skip

FORMATS: dict[str, Format] = {each.name: each for each in _ALL}


def read(path: Path, format_name: str, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
    """The rows of a path in the named format.

    Raises:
        KeyError: there is no such format.
    """
    return FORMATS[format_name].read(path, media_root, workspace)
