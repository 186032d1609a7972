"""What every reader yields: a sample, a prompt without a sample, a judgement, or a refusal that names its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class MediaRef:
    """One picture or video, as a file on this machine or as bytes, never both.

    Attributes:
        path: absolute path inside the media root; the file may be absent.
        data: the bytes themselves, where the format carries them.
        name: what the file is called in the imported data.
    """

    path: str | None
    data: bytes | None
    name: str

    def __post_init__(self) -> None:
        if (self.path is None) == (self.data is None):
            raise ValueError(f"media {self.name!r} needs either a path or bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """A question: its identity is its text (or turns) and its media in roles."""

    prompt: str
    prompt_key: str = ""
    turns: list[Json] | None = None
    tags: tuple[str, ...] = ()
    locale: str = "en"
    licence: str = ""
    roles: dict[str, tuple[MediaRef, ...]] = field(default_factory=dict)
    facts: dict[str, Json] = field(default_factory=dict)
    meta: dict[str, Json] = field(default_factory=dict)
    # What the prompt is of another: the key of the original, and rewrite, expansion, translation or contrast.
    rewrite_of: str = ""
    relation: str = ""
    operator: str = ""
    # Where an export of ours says what the prompt's identity was; empty computes it.
    identity: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """One answer together with the question it answers. `where` is like `samples.jsonl:12`."""

    prompt: str
    prompt_key: str = ""
    sample_key: str = ""
    generator: str = "unknown"
    revision: str = ""
    kind: str = "generated"
    media: tuple[MediaRef, ...] = ()
    text: str | None = None
    turns: list[Json] | None = None
    seed: int | None = None
    settings: dict[str, Json] = field(default_factory=dict)
    round: int = 0
    parent: str | None = None
    branch: int | None = None
    tags: tuple[str, ...] = ()
    locale: str = "en"
    licence: str = ""
    roles: dict[str, tuple[MediaRef, ...]] = field(default_factory=dict)
    facts: dict[str, Json] = field(default_factory=dict)
    # `meta` belongs to the sample, `prompt_meta` to its prompt: our own JSON Lines has the first only.
    meta: dict[str, Json] = field(default_factory=dict)
    prompt_meta: dict[str, Json] = field(default_factory=dict)
    # As of a PromptRow.
    rewrite_of: str = ""
    relation: str = ""
    operator: str = ""
    # Where an export of ours says what the identities were: it carries renditions, they rest on the originals.
    identity: str = ""
    prompt_identity: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementRow:
    """One act of one rater on samples named by their keys.

    Attributes:
        kind: `compare` (left, right, outcome), `rank` (samples, ranks), `rate` (sample, value) or `choose` (samples
            in the order shown, pairs).
        outcome: `left`, `right`, `tie` or `both_bad`.
        ranks: one a sample; lower is better, equal is a tie, gaps are allowed.
        pairs: what choices among the samples imply: (preferred, other) as places in `samples`; may be empty.
        strength: how much better, on the source's own scale.
        payload: what the source says beyond these fields.
        key: the row's name inside the project; empty asks the importer for a digest.
        under: key of the prompt the samples were judged under; empty: each under its own.
    """

    kind: str
    rater: str
    rater_kind: str = "person"
    left: str = ""
    right: str = ""
    samples: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    sample: str = ""
    criterion: str = "overall"
    outcome: str = ""
    strength: float | None = None
    confidence: float | None = None
    value: float | None = None
    key: str = ""
    purpose: str = "label"
    context: str = ""
    note: str = ""
    marks: tuple[dict[str, Json], ...] = ()
    seconds: float | None = None
    at: datetime | None = None
    payload: dict[str, Json] = field(default_factory=dict)
    under: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row, file or archive entry that is left out, and why, in a sentence."""

    where: str
    reason: str


Row: TypeAlias = SampleRow | PromptRow | JudgementRow
