"""What a writer is given: a dataset version as plain rows, and a way to open the bytes they name.

Nothing here knows the database. An export source is built by `curation.actions.exports` from a stored
version, and by hand in tests. Every identifier is already a string; people are already pseudonyms
(`privacy.Pseudonyms`), so that no writer can leak what it never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

from curation.exports.insight import Insight
from curation.gate.report import GateReport

if TYPE_CHECKING:
    from curation.exports.formats import Option
    from curation.exports.gathered import ExportGroup, ExportTrace

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Preference: TypeAlias = Literal["first", "second", "tie", "both_bad"]

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
}


@dataclass(frozen=True)
class ExportMedia:
    """One rendition: what people saw, scorers read and exports carry.

    Args:
        sha256: digest of the rendition's bytes, 64 hexadecimal digits.
        width, height: pixels of the rendition.
        frames, fps, duration_us: of a video; 0 for a picture.
        role: of an input (`source`, `mask`, `reference`, `control`); empty for an answer's own media.
    """

    sha256: str
    mime: str
    kind: Literal["image", "video"]
    width: int
    height: int
    frames: int = 0
    fps: float = 0.0
    duration_us: int = 0
    role: str = ""

    @property
    def path(self) -> str:
        """The name written beside the bytes: from their digest, never from where a file once lay."""
        return f"{self.sha256[:16]}.{EXTENSIONS.get(self.mime, 'bin')}"


@dataclass(frozen=True)
class ExportPrompt:
    """What was asked. `turns` ends with the user's question and is empty for a single prompt."""

    id: str
    text: str
    key: str = ""
    turns: tuple[tuple[str, str], ...] = ()  # (role, content)
    inputs: tuple[ExportMedia, ...] = ()
    locale: str = ""
    tags: tuple[str, ...] = ()
    facts: Mapping[str, Json] = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True)
class ExportGenerator:
    name: str
    revision: str = ""
    kind: Literal["generated", "real", "reference"] = "generated"
    settings: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportSample:
    """One answer, with the prompt it was made for (`prompt`)."""

    id: str
    prompt: ExportPrompt
    generator: ExportGenerator
    key: str = ""
    media: tuple[ExportMedia, ...] = ()
    text: str | None = None
    seed: int | None = None
    settings: Mapping[str, Json] = field(default_factory=dict)
    round: int = 0
    parent_id: str = ""
    branch: int | None = None
    licence: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportRater:
    """Who judged. `id` is a pseudonym for people and behaviour, the name and version for machines."""

    id: str
    kind: str  # person, model, rule, head, ensemble, behaviour, scripted


@dataclass(frozen=True)
class ExportScore:
    """A number a rater gave. `statement` is its name in the evidence, `was_read` whether the recipe read it."""

    rater: ExportRater
    criterion: str
    criterion_version: int
    value: float
    statement: str
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    context: str = ""  # the principle, template or profile it was asked under
    occasion: int = 0  # how often this rater had been asked the very same before
    was_read: bool = False
    is_higher_better: bool = True


@dataclass(frozen=True)
class ExportMark:
    """A place with an error type, or with a number. Ranges are half-open; what a shape does not need is None or empty.

    Args:
        target: `media`, `prompt`, `answer` or `input`.
        shape: `point`, `box` (two corners), `polygon`, `heatmap`, `span` or `interval`.
        media_index: position among the sample's media, or among the inputs of `input_role`.
        points: [x, y] in pixels of the rendition; of a heatmap with cells its two corners, none for a whole picture.
        start, end: Unicode code points of the text for a span, microseconds for an interval.
        asset_sha256: digest of a heatmap's own picture.
        value: the number of this part on the criterion, in `unit`; of a heatmap the mean of its cells. None where the
            mark says that something is wrong there, and no number.
        grid: the cells of a heatmap, rows from top to bottom.
    """

    rater: ExportRater
    target: str
    shape: str
    statement: str
    criterion: str = ""
    error_type: str = ""
    media_index: int | None = None
    input_role: str = ""
    points: tuple[tuple[float, float], ...] = ()
    start: int | None = None
    end: int | None = None
    asset_sha256: str = ""
    text: str = ""
    value: float | None = None
    unit: str = ""
    grid: tuple[tuple[float, ...], ...] = ()

    @property
    def is_measured(self) -> bool:
        """Whether it is a number for a part, which says nothing of an error."""
        return self.value is not None


@dataclass(frozen=True)
class ExportNote:
    rater: ExportRater
    criterion: str
    text: str
    statement: str


@dataclass(frozen=True)
class ExportFlag:
    rater: ExportRater
    kind: str  # unsafe, broken
    statement: str


@dataclass(frozen=True)
class ExportSubject:
    """A sample under the prompt it was judged under (`prompt`), with all that was said of it."""

    sample: ExportSample
    prompt: ExportPrompt
    scores: tuple[ExportScore, ...] = ()
    marks: tuple[ExportMark, ...] = ()
    notes: tuple[ExportNote, ...] = ()
    flags: tuple[ExportFlag, ...] = ()
    rank: int | None = None  # within the group, 1 is best, ties equal

    @property
    def key(self) -> tuple[str, str]:
        return (self.sample.id, self.prompt.id)

    @property
    def grid_bytes(self) -> int:
        """About what the heatmaps of a row weigh while it waits to be written."""
        return sum(32 * len(row) for mark in self.marks for row in mark.grid)

    @property
    def is_unsafe(self) -> bool:
        return any(flag.kind == "unsafe" for flag in self.flags)


@dataclass(frozen=True)
class ExportVote:
    """One comparison of the pair's two subjects. `outcome` and `shown_left` name the pair's first or second."""

    rater: ExportRater
    criterion: str
    criterion_version: int
    outcome: Preference
    shown_left: Literal["first", "second"]
    statement: str
    strength: float | None = None
    confidence: float | None = None
    seconds: float | None = None
    at: datetime | None = None
    purpose: str = "label"
    context: str = ""
    occasion: int = 0
    is_implied: bool = False  # read off a ranking, one act with all the others of it
    was_read: bool = False


@dataclass(frozen=True)
class ExportOpinion:
    """One comparison of two candidates as it was given, whatever became of the two: nothing is aggregated.

    Args:
        act: the judgement; comparisons read off one ranking share it.
        left, right: sample and prompt as shown.
        outcome: of the side as shown: `left`, `right`, `tie` or `both_bad`.
        pair_id: the version's pair of these two; empty where the recipe made none.
        is_apart: the rater stands in quarantine since before this; no recipe reads it.
    """

    rater: ExportRater
    statement: str
    act: str
    left: tuple[str, str]
    right: tuple[str, str]
    outcome: str
    criterion: str
    criterion_version: int
    pair_id: str = ""
    strength: float | None = None
    confidence: float | None = None
    seconds: float | None = None
    at: datetime | None = None
    purpose: str = "label"
    context: str = ""
    occasion: int = 0
    is_implied: bool = False
    is_apart: bool = False


@dataclass(frozen=True)
class ExportPair:
    """Two subjects and what became of them.

    Args:
        pair_id: stable over versions; rows are written in its order.
        preference: which of `first` and `second` was chosen, or that neither was.
        margin: how much better, in the unit of the recipe; None where the recipe knows none.
        confidence: probability that the preference is right, 0 to 1; None where nobody estimated it.
        basis: `people`, `machines`, `both`, `behaviour` alone, or `construction` (nobody was asked).
        evidence: names of all statements behind the pair: judgement and place in it, such as `8123.4`.
        notes: critiques of the comparison itself; those of one side are with the side.
        pairs_of_prompt: decided pairs of the same prompt in the same split, this one included.
        is_first_of_prompt: whether this is the first of them by `pair_id`.
    """

    pair_id: str
    split: str
    first: ExportSubject
    second: ExportSubject
    preference: Preference
    basis: str
    criterion: str = ""
    margin: float | None = None
    confidence: float | None = None
    evidence: tuple[str, ...] = ()
    votes: tuple[ExportVote, ...] = ()
    notes: tuple[ExportNote, ...] = ()
    created_at: datetime | None = None
    group_id: str = ""
    pairs_of_prompt: int = 1
    is_first_of_prompt: bool = True
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def is_decided(self) -> bool:
        return self.preference in ("first", "second")

    @property
    def prompt(self) -> ExportPrompt:
        """The prompt of the row: the chosen subject's, or the first's where nothing was chosen."""
        return self.second.prompt if self.preference == "second" else self.first.prompt

    @property
    def chosen(self) -> ExportSubject:
        return self.second if self.preference == "second" else self.first

    @property
    def rejected(self) -> ExportSubject:
        return self.first if self.preference == "second" else self.second


@dataclass(frozen=True)
class ExportCandidate:
    """A subject on its own, for training on single answers. `label`: always chosen, always rejected, or None."""

    subject: ExportSubject
    split: str
    label: bool | None = None
    times_chosen: int = 0
    times_rejected: int = 0


@dataclass(frozen=True)
class RaterSummary:
    """A line of the card: one machine by name, or all people of a project together."""

    kind: str
    name: str
    judgements: int
    raters: int = 1


@dataclass(frozen=True)
class FunnelStep:
    name: str
    count: int
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class GeneratorSummary:
    name: str
    revision: str
    kind: str
    samples: int


@dataclass(frozen=True)
class CriterionSummary:
    key: str
    version: int
    name: str
    question: str = ""


@dataclass(frozen=True)
class ExportContext:
    """What is true of the whole version, for the card, the manifest and the writers' decisions."""

    dataset: str
    version: str
    task: str  # a value of `TASK_CODES`
    project: str
    digest: str
    side_seed: int
    splits: Mapping[str, int]  # split -> pairs; 0 for a split that holds samples only
    description: str = ""
    licence: str = ""
    code_version: str = ""
    created_on: str = ""  # ISO date
    recipe_yaml: str = ""
    recipe_words: tuple[str, ...] = ()
    funnel: tuple[FunnelStep, ...] = ()
    raters: tuple[RaterSummary, ...] = ()
    criteria: tuple[CriterionSummary, ...] = ()
    generators: tuple[GeneratorSummary, ...] = ()
    samples: int = 0  # candidates in the version, paired or kept
    licences: Mapping[str, int] = field(default_factory=dict)  # licence -> samples
    locales: tuple[str, ...] = ()
    basis: Mapping[str, int] = field(default_factory=dict)  # basis -> pairs
    unsafe_samples: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason -> pairs that never reached the source
    with_notes: bool = False
    with_annotators: bool = True
    licence_link: str = ""
    insight: Insight | None = None
    gate: GateReport | None = None
    changes: tuple[str, ...] = ()  # since the version before, in sentences


# The task of a row, by the task of its project. Short words that readers of public sets know.
TASK_CODES = {
    "text-to-image": "t2i",
    "image-editing": "edit",
    "inpainting": "inpaint",
    "subject-driven": "subject",
    "text-to-video": "t2v",
    "image-to-video": "i2v",
    "image-sets": "set",
    "understanding": "vqa",
    "text": "text",
}


@dataclass(frozen=True)
class ExportSource:
    """A version to write. The two iterators may be started again; both yield rows in a stable order.

    Args:
        pairs: of one split, by `pair_id`.
        candidates: of one split, by sample id, then prompt id.
        open_media: the bytes of a rendition by SHA-256; raises FileNotFoundError where they are gone.
        opinions: every comparison between two candidates of a split, in a stable order.
        groups: the candidates of a split gathered by prompt, in a stable order.
        traces: answers of judges with their reasoning about candidates of a split, all of a prompt in a row.
        options: choices within formats by `FORMAT.OPTION`; `option` reads them.
    """

    context: ExportContext
    pairs: Callable[[str], Iterator[ExportPair]]
    candidates: Callable[[str], Iterator[ExportCandidate]]
    open_media: Callable[[str], BinaryIO]
    opinions: Callable[[str], Iterator[ExportOpinion]] = lambda _split: iter(())
    groups: Callable[[str], Iterator[ExportGroup]] = lambda _split: iter(())
    traces: Callable[[str], Iterator[ExportTrace]] = lambda _split: iter(())
    options: Mapping[str, str] = field(default_factory=dict)

    def option(self, name: str, option: Option) -> str:
        """What somebody chose for an option of the format of this name, or its first choice."""
        return self.options.get(f"{name}.{option.name}", option.choices[0])
