"""What a scorer is: the items it is given, what it needs, what it answers, and what makes its numbers its own.

A scorer is one small class in one file, with its static facts in `scoring/catalogue.py`. The engine
(`scoring/engine.py`) calls it in two steps:

    prepare(item, decoded)   in several threads ahead of the model; takes the shared decoded pictures and keeps only
                             the little this scorer needs (a tensor of 224 pixels, a fingerprint, a few numbers)
    score(items, prepared)   in one thread, in batches; one outcome for each item, in the same order

Nothing here imports Django, Celery, torch or a model library.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

from PIL import Image

from scoring.batch_size import BatchSize

if TYPE_CHECKING:
    from curation.media.frames import Frame, FrameRule  # the web process reads this file and decodes no video

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Prepared = TypeVar("Prepared")
PreparedOut = TypeVar("PreparedOut", covariant=True)
T = TypeVar("T")


class ScorerUnavailable(RuntimeError):
    """The scorer cannot run at all (no weights, wrong options): the job stops and says this sentence."""


class OutOfMemory(RuntimeError):
    """A batch does not fit into the memory of the device; the engine halves it and goes on."""


class NothingToJudge(Exception):
    """Raised by `prepare` when the scorer has no opinion on this item; it becomes a `NotApplicable`."""


# -- what is judged ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MediaFile:
    """One rendition on disk: upright, sRGB, 8 bit.

    Attributes:
        path: a local file.
        kind: `image` or `video`.
        width, height: pixels of the rendition.
        duration_us: length of a video in microseconds; 0 for a picture.
        fingerprint: the perceptual hashes stored with the rendition; empty when none were stored.
        digest: SHA-256 (hex) of the rendition's bytes, under which what is computed of it may be remembered; empty
            when it is not known, and then nothing is remembered.
        position: which of all files of the sample or role it is, from 0, those that have no pixels counted; None where
            none was left out.
    """

    path: Path
    kind: str
    width: int
    height: int
    fingerprint: bytes = b""
    duration_us: int = 0
    digest: str = ""
    position: int | None = None


@dataclass(frozen=True)
class Item:
    """One sample under the prompt it is judged under.

    Attributes:
        turns: a conversation, `[{"role": "user", "content": "..."}]`, or None for a single prompt.
        facts: what can be checked in an answer, such as `{"text": "OPEN"}`.
        media: the sample's pictures and videos, in order.
        roles: the prompt's own media by role (`source`, `mask`, `reference`, `control`).
        text: the sample's text answer; None where the sample is media only.
        reference_texts: answers known to be right.
    """

    sample_id: int
    prompt_id: int
    prompt_text: str = ""
    turns: Sequence[Mapping[str, str]] | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)
    media: tuple[MediaFile, ...] = ()
    roles: Mapping[str, tuple[MediaFile, ...]] = field(default_factory=dict)
    text: str | None = None
    reference_texts: tuple[str, ...] = ()


class Decoded(Protocol):
    """An item's media as pixels. Each file is decoded at most once, when a scorer first asks for it."""

    def pictures(self) -> list[Image.Image]:
        """The sample's images in order, mode RGB. Raises ValueError naming the file that cannot be read."""

    def frames(self, count: int) -> list[list[Frame]]:
        """For each video in order, the frames shown at the middles of `count` equal parts of its length, mode RGB.

        A video of fewer frames gives some of them several times; their `time_us` tells.
        """

    def chosen_frames(self, choose: FrameRule) -> list[list[Frame]]:
        """For each video in order, the frames whose numbers a rule chooses, mode RGB; the rule is a plain function."""

    def role_pictures(self, role: str) -> list[Image.Image]:
        """The prompt's images in a role, mode RGB."""

    def derived(self, key: object, make: Callable[[], T]) -> T:
        """What several scorers make of the same media in the same way (a crop), made once for all of them."""


# -- what is answered -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """One number on one criterion.

    `spread` is the standard deviation over pictures, frames or repeats, or the one that a model states of its own
    number, or None.
    """

    value: float
    spread: float | None = None


@dataclass(frozen=True)
class Place:
    """A number for a part of what is judged, beside the number of the whole; it is kept as a mark with a value.

    Attributes:
        criterion: key of one of the scorer's outputs, which gives the unit; a part need not keep to the whole's range.
        value: finite, for everything but a heatmap, whose cells are its values; there it is their mean.
        shape: `box`, `point`, `polygon`, `heatmap`, `span` or `interval`.
        target: `media`, `prompt`, `answer` or `input` (the prompt's media in `input_role`).
        media_index: which media of the sample or of the role, from 0; None for texts.
        points: [x, y] in pixels of the rendition; a box is its two corners, left and upper first; a heatmap over a
            part of the picture has two as well, and none over all of it.
        start, end: half-open; code points of a text for a span, microseconds for an interval.
        grid: rows of a heatmap from top to bottom, cells from left to right, 1 to 64 either way, all finite.
        label: what it is, in words: an object's class, a token, a face.
    """

    criterion: str
    value: float
    shape: str
    target: str = "media"
    media_index: int | None = None
    input_role: str = ""
    points: tuple[tuple[float, float], ...] = ()
    start: int | None = None
    end: int | None = None
    grid: tuple[tuple[float, ...], ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Reading:
    """A scorer's whole answer on one item: numbers by criterion key, and what explains them (kept as payload).

    A criterion that does not apply to the item (motion, for a picture) is absent. `places` are numbers for parts, each
    on a criterion of `results`; one that cannot be kept (scoring/scorers/places.py) is the item's error.
    """

    results: Mapping[str, Result]
    detail: Mapping[str, Json] = field(default_factory=dict)
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class NotApplicable:
    """The scorer has nothing to say here; this is neither a zero nor a failure."""

    reason: str


@dataclass(frozen=True)
class ItemError:
    """This item could not be scored; the job goes on and records the reason."""

    reason: str


Outcome = Reading | NotApplicable | ItemError


# -- what is known about a scorer without loading it ------------------------------------------------------------------


@dataclass(frozen=True)
class Output:
    """One criterion a scorer writes.

    Attributes:
        criterion: stable key of the criterion.
        title: its name for people.
        unit: what the number counts; empty for a bare number.
        low, high: every value lies within, both ends included; anything outside is an error, never clipped.
        higher_is_better: for a mere description (aspect, motion) it only says which end sorts first.
        places: which parts have a number of their own beside the whole's, and what it counts, in words; empty for none.
    """

    criterion: str
    title: str
    unit: str
    low: float
    high: float
    higher_is_better: bool = True
    places: str = ""


@dataclass(frozen=True)
class Needs:
    """What an item must have for the scorer to apply.

    Attributes:
        media: kinds of media it can judge; empty when it does not look at media.
        answer_text, prompt_text: the sample's text, the prompt's text.
        roles: prompt media without which it cannot judge.
        facts: keys of which at least one must be among the prompt's facts; empty when none is needed.
    """

    media: frozenset[str] = frozenset()
    answer_text: bool = False
    prompt_text: bool = False
    roles: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    def why_not(self, item: Item) -> str:
        """Why the item lacks something, in words; empty when it has everything."""
        if self.media and not any(file.kind in self.media for file in item.media):
            return f"the sample has no {' or '.join(sorted(self.media))}"
        if self.answer_text and item.text is None:
            return "the sample has no text"
        if self.prompt_text and not item.prompt_text.strip():
            return "the prompt has no text"
        missing = [role for role in self.roles if not item.roles.get(role)]
        if missing:
            return f"the prompt has no {missing[0]}"
        if self.facts and not any(key in item.facts for key in self.facts):
            return f"the prompt states no {' or '.join(self.facts)}"
        return ""


@dataclass(frozen=True)
class Setting:
    """One option of a scorer that a person may change for a job; a change makes another rater."""

    name: str
    default: str
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """A number that a model's authors state, for `manage.py scorers check`.

    Attributes:
        sample: file name of the picture in the folder given to the check.
        prompt: the prompt it is scored under.
        criterion: key of the output.
        value, tolerance: what is stated, and how far a right installation may be from it.
        source: where it is stated.
    """

    sample: str
    prompt: str
    criterion: str
    value: float
    tolerance: float
    source: str


@dataclass(frozen=True)
class ScorerFacts:
    """The catalogue's card of a scorer. Readable by the web process: no model library is behind it.

    Attributes:
        path: `module:Class`, imported by a worker only.
        version: raised whenever the same input could give another number.
        kind: `model` or `rule`, the kind of rater it becomes.
        queue: `cpu` or `gpu`, where its jobs run.
        scope: `sample`, or `group` when a value depends on the other samples of the prompt; a group scorer must be
            given every sample of a prompt in one run.
        judges: what it looks at, in words.
        formula: how the number comes about, in words.
        code_licence, weights_licence: SPDX names; an empty weights licence means it has no weights.
        source: paper, standard or package it follows.
        family: models that share weights or training data with it; a generator of the same family is no independent
            subject. Empty for a rule.
        independence: `cycle` for one that goes back from the output to what was asked: it says how well one model can
            follow another, and is no opinion from outside. Empty for all others; whether one asks the generator's own
            model is known only of both (`Scorer.models`).
        published: numbers its authors state, for checking an installation.
    """

    name: str
    path: str
    version: str
    kind: str
    queue: str
    title: str
    judges: str
    formula: str
    needs: Needs
    outputs: tuple[Output, ...]
    code_licence: str
    weights_licence: str
    source: str
    scope: str = "sample"
    settings: tuple[Setting, ...] = ()
    family: str = ""
    independence: Literal["", "cycle"] = ""
    published: tuple[Published, ...] = ()

    @property
    def fetches_weights(self) -> bool:
        """Whether a worker must get its weights from somewhere; others have none, or bring them in their package."""
        return any(setting.name == "source" for setting in self.settings)

    @property
    def has_places(self) -> bool:
        """Whether any of its outputs has numbers for parts beside the whole's."""
        return any(output.places for output in self.outputs)

    @property
    def names_no_weights(self) -> bool:
        """Whether no commit of its weights is pinned in the catalogue, so that whoever runs it must name them."""
        return any(setting.name in ("source", "head") and not setting.default for setting in self.settings)

    def output(self, criterion: str) -> Output:
        """The output of a criterion key; KeyError names the scorer and the key."""
        for output in self.outputs:
            if output.criterion == criterion:
                return output
        raise KeyError(f"scorer {self.name} has no output {criterion}")


CYCLE: Literal["cycle"] = "cycle"


class Preparer(Protocol[PreparedOut]):
    """The first half of a scorer: picklable, without weights, the same in every process."""

    def prepare(self, item: Item, decoded: Decoded) -> PreparedOut: ...


TOGETHER, ALONE = "together", "alone"
# What every model of the catalogue has beside its own settings.
BATCHING = Setting(
    "batching",
    TOGETHER,
    "together: in batches, as fast as it goes; alone: one at a time, so that neighbours do not move the last bits.",
    choices=(TOGETHER, ALONE),
)


def settings_of(facts: ScorerFacts) -> tuple[Setting, ...]:
    """Every setting a person may change for a scorer, those of all models included."""
    return (*facts.settings, BATCHING) if facts.kind == "model" and facts.settings else facts.settings


# -- the scorer itself ------------------------------------------------------------------------------------------------


class Scorer(Generic[Prepared]):
    """Base of all scorers. A subclass writes `prepare` and `score`, `load` and `identity_parts` where it has more."""

    def __init__(self, facts: ScorerFacts) -> None:
        self.facts = facts
        self.batch = BatchSize()
        # Scores each item in a batch of its own, so that no neighbour moves even the last bit of a number.
        self.is_alone = False
        self._is_loaded = False

    @property
    def name(self) -> str:
        return self.facts.name

    def ready(self) -> None:
        """Loads the scorer unless that is done; call it once before use. Raises ScorerUnavailable."""
        if not self._is_loaded:
            self.load()
            self._is_loaded = True

    def load(self) -> None:
        """Reads weights into memory. Raises ScorerUnavailable with a sentence a person can act on."""

    def identity_parts(self) -> dict[str, Json]:
        """Everything a number depends on beside name and version: weights, scale, preprocessing, template, decoding.

        May be called before `load`; raises ScorerUnavailable when weights that must be digested are not there.
        """
        return {}

    def identity(self) -> dict[str, Json]:
        """What tells this rater from any other; two scorers with equal identities give equal numbers."""
        return {
            "scorer": self.facts.name,
            "version": self.facts.version,
            "weights": "",
            "preprocessing": "",
            "scale": "",
            "template": "",
            "decoding": "",
            "precision": "float64",
            **self.identity_parts(),
            **({"batching": ALONE} if self.is_alone else {}),
        }

    def identity_digest(self) -> str:
        """SHA-256 (hex) of the identity as canonical JSON: sorted keys, no spaces, no NaN."""
        return digest_of(self.identity())

    def family(self) -> str:
        """Models that share weights or training data with the one it really asks; may need its weights to be here."""
        return self.facts.family

    def models(self) -> tuple[str, ...]:
        """Names of models that it asks and whose samples it would judge as their own maker: `OWNER/NAME`, or a
        folder's name. Only those of a scorer that can ask any model; the others are known by their family."""
        return ()

    def bytes_held(self) -> int:
        """Memory its weights take once it is loaded; 0 where that is little."""
        return 0

    def length(self, prepared: Prepared) -> int:
        """How long the model's input is (tokens, patches); items of like length share a batch. 0: all are alike."""
        return 0

    def preparer(self) -> Preparer[Prepared] | None:
        """What does the same as `prepare` without the weights, small enough to travel to another process; None where
        only the scorer itself can prepare. Asked once it is loaded."""
        return None

    def prepare(self, item: Item, decoded: Decoded) -> Prepared:
        """Takes what it needs from one item; runs in threads, so it must not change the scorer.

        Raises:
            NothingToJudge: the scorer has no opinion on the item.
            ValueError, OSError: the item is bad; the reason is recorded.
        """
        raise NotImplementedError

    def score(self, items: Sequence[Item], prepared: Sequence[Prepared]) -> list[Outcome]:
        """One outcome for each item, in order. A group scorer is given whole groups."""
        raise NotImplementedError


class ScorerOfOne(Scorer[Reading]):
    """A scorer that looks at items one by one and has its answer once it has looked: only `prepare` is written."""

    def score(self, items: Sequence[Item], prepared: Sequence[Reading]) -> list[Outcome]:
        return list(prepared)


def digest_of(identity: Mapping[str, Json]) -> str:
    """SHA-256 (hex) over canonical JSON; ValueError when a number is NaN or infinite."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
