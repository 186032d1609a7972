"""Does a scorer give the numbers its authors state? The check of an installation, and what it said last.

Results lie as files below the data folder, one for each identity of a rater, so that a check without a database (on a
worker, before anything is set up) is kept too and the catalogue's page can read it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.media.errors import MediaRefused
from curation.media.ingestion import ingest
from scoring.engine import run
from scoring.scorers.base import Item, MediaFile, Outcome, Published, Reading, Scorer


@dataclass(frozen=True)
class Compared:
    """One stated number beside the one measured here.

    Attributes:
        measured: None where the scorer gave none; `problem` then says why.
    """

    sample: str
    prompt: str
    criterion: str
    stated: float
    tolerance: float
    source: str
    measured: float | None = None
    problem: str = ""

    @property
    def is_right(self) -> bool:
        return self.measured is not None and abs(self.measured - self.stated) <= self.tolerance


@dataclass(frozen=True)
class Check:
    """What one check of a scorer found.

    Attributes:
        digest: SHA-256 (hex) of the rater's identity; a check says nothing about any other rater.
        at: when, ISO 8601 with its zone.
    """

    scorer: str
    digest: str
    identity: Mapping[str, Any]
    at: str
    compared: tuple[Compared, ...]

    @property
    def is_right(self) -> bool:
        return bool(self.compared) and all(one.is_right for one in self.compared)


# -- checking ---------------------------------------------------------------------------------------------------------


def check(scorer: Scorer[Any], folder: Path) -> Check:
    """Scores the samples its card states numbers for, and records how they compare.

    Args:
        scorer: with or without its weights in memory.
        folder: holds the samples under the names the card gives them.

    Raises:
        Refused: no numbers are stated for it, or a sample is missing or cannot be read; names it.
        ScorerUnavailable: its weights are not here.
    """
    published = scorer.facts.published
    if not published:
        raise Refused(_("The authors of “%(scorer)s” state no number that could be checked.") % {"scorer": scorer.name})
    missing = sorted({one.sample for one in published if not (folder / one.sample).is_file()})
    if missing:
        raise Refused(
            _("The folder %(folder)s lacks %(names)s. They come from: %(sources)s.")
            % {
                "folder": folder,
                "names": ", ".join(missing),
                "sources": "; ".join(sorted({one.source for one in published if one.sample in missing})),
            }
        )
    return record(scorer, _measured(scorer, published, folder))


def _measured(scorer: Scorer[Any], published: Sequence[Published], folder: Path) -> list[Compared]:
    asked = list(dict.fromkeys((one.sample, one.prompt) for one in published))
    with tempfile.TemporaryDirectory() as place:
        files = {name: _rendition(folder / name, Path(place)) for name in {sample for sample, _prompt in asked}}
        items = [
            Item(sample_id=number, prompt_id=number, prompt_text=prompt, media=(files[sample],))
            for number, (sample, prompt) in enumerate(asked)
        ]
        said = {item.sample_id: outcome for item, outcome in _outcomes(scorer, items)}
    return [_compared(one, said[asked.index((one.sample, one.prompt))]) for one in published]


def _outcomes(scorer: Scorer[Any], items: Iterable[Item]) -> Iterable[tuple[Item, Outcome]]:
    for batch in run(items, [scorer]):
        yield from zip(batch.items, batch.outcomes, strict=True)


def _rendition(path: Path, place: Path) -> MediaFile:
    """The sample as every scorer meets it: upright, sRGB, 8 bit."""
    try:
        taken = ingest(path)
    except MediaRefused as error:
        raise Refused(str(error)) from error
    assert taken.files is not None  # nothing keeps them elsewhere
    made = place / f"{len(list(place.iterdir()))}-{path.name}"
    made.write_bytes(path.read_bytes() if taken.files.rendition is None else taken.files.rendition)
    facts = taken.facts
    return MediaFile(
        made, facts.kind, facts.width, facts.height, fingerprint=taken.fingerprint, duration_us=facts.duration_us or 0
    )


def _compared(stated: Published, outcome: Outcome) -> Compared:
    measured = outcome.results.get(stated.criterion) if isinstance(outcome, Reading) else None
    reason = "" if isinstance(outcome, Reading) else outcome.reason
    return Compared(
        sample=stated.sample,
        prompt=stated.prompt,
        criterion=stated.criterion,
        stated=stated.value,
        tolerance=stated.tolerance,
        source=stated.source,
        measured=None if measured is None else measured.value,
        problem=reason if measured is None else "",
    )


# -- what was found ---------------------------------------------------------------------------------------------------


def record(scorer: Scorer[Any], compared: Sequence[Compared]) -> Check:
    """Keeps what was found for this rater; a later check of the same rater takes its place."""
    found = Check(
        scorer=scorer.name,
        digest=scorer.identity_digest(),
        identity=scorer.identity(),
        at=timezone.now().isoformat(timespec="seconds"),
        compared=tuple(compared),
    )
    folder = _folder(scorer.name)
    folder.mkdir(parents=True, exist_ok=True)
    growing = folder / f"{found.digest}.{os.getpid()}.part"
    growing.write_text(json.dumps(asdict(found), ensure_ascii=False, indent=1), encoding="utf-8")
    growing.replace(folder / f"{found.digest}.json")
    return found


def latest(name: str) -> Check | None:
    """The last check of a scorer, whatever its settings were; None when it was never checked here."""
    return max(_all(name), key=lambda found: found.at, default=None)


def of_identity(name: str, digest: str) -> Check | None:
    """The check of one rater; None when that one was never checked."""
    return next((found for found in _all(name) if found.digest == digest), None)


def _all(name: str) -> list[Check]:
    return [_read(path) for path in sorted(_folder(name).glob("*.json"))]


def _read(path: Path) -> Check:
    stated = json.loads(path.read_text(encoding="utf-8"))
    return Check(**{**stated, "compared": tuple(Compared(**one) for one in stated["compared"])})


def _folder(name: str) -> Path:
    return Path(settings.DATA_DIR) / "checks" / name
