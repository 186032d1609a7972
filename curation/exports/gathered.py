"""What a writer is given beside pairs: all samples of a prompt together, and what judges answered at length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from curation.exports.rows import ExportCandidate, ExportOpinion, ExportPrompt, ExportRater, ExportSubject


@dataclass(frozen=True)
class ExportEdge:
    """A pair of the version that somebody decided, by the keys of its subjects (`ExportSubject.key`)."""

    pair_id: str
    chosen: tuple[str, str]
    rejected: tuple[str, str]


@dataclass(frozen=True)
class ExportGroup:
    """The candidates of one prompt in one split, every comparison between two of them, and the version's pairs.

    Args:
        prompt: the one they were judged under.
        candidates: at least one, by sample.
        opinions: people's and machines', also those of raters in quarantine (`is_apart`), as `votes` has them.
        edges: the version's decided pairs between two of them, by `pair_id`.
    """

    prompt: ExportPrompt
    split: str
    candidates: tuple[ExportCandidate, ...]
    opinions: tuple[ExportOpinion, ...] = ()
    edges: tuple[ExportEdge, ...] = ()


@dataclass(frozen=True)
class ExportLook:
    """What a judge looked at before it answered. The picture itself does not leave: it can be cut again.

    Args:
        words: what it said before.
        tool: empty where its call could not be read.
        arguments: as it gave them, as JSON.
        place: what it looked at, in the words of its question: "Image 2".
        box: left, top, right, bottom in pixels of that sample's picture; empty for the whole.
        seconds: the moment of a video; None for a picture.
        told: what it was told about it, or why nothing was shown.
        sha256: of the picture it was shown; empty where it was none.
    """

    words: str
    tool: str
    arguments: str
    place: str = ""
    box: tuple[int, ...] = ()
    seconds: float | None = None
    told: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class ExportTrace:
    """One answer of a judge with its reasoning, as a trainer of judges would want it.

    Args:
        id: the name of the act in the evidence.
        split: of the prompt.
        mode: `pair`, `list` or `points`.
        subjects: as shown, in the order of showing.
        outcomes: of a pair, `left`, `right`, `tie` or `both-bad` by criterion.
        ranks: of a list, one rank a subject by criterion; 1 is best, equal ranks are ties.
        scores: of one subject, a number by criterion.
        distribution: what the judge's token probabilities said, by criterion; empty where none were read.
        reasoning: what was said before the verdict; may be empty.
        reply: the whole answer.
        listeners: how many readers of the reasoning alone reached the same verdict, and how many another.
        known: the better side by people, `left`, `right` or `tie`, by criterion; only where they decided.
        looks: what was looked at before the answer, in order; empty for a judge without tools.
    """

    id: str
    split: str
    rater: ExportRater
    prompt: ExportPrompt
    mode: Literal["pair", "list", "points"]
    subjects: tuple[ExportSubject, ...]
    outcomes: Mapping[str, str] = field(default_factory=dict)
    ranks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    distribution: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reasoning: str = ""
    reply: str = ""
    context: str = ""
    occasion: int = 0
    confirmed: int = 0
    contradicted: int = 0
    known: Mapping[str, str] = field(default_factory=dict)
    looks: tuple[ExportLook, ...] = ()
