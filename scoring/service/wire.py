"""What clients send, read strictly: every mistake is refused with the place where it stands."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from curation.formats import strict_json
from curation.formats.fields import RowRefused
from scoring.scorers.base import Json
from scoring.service import multipart
from scoring.service.limits import Limits
from scoring.service.refusals import CallRefused

KINDS = ("generated", "real", "reference")
_ASK = ("samples", "scorers", "prompt", "detail", "plan")
_SAMPLE = ("id", "text", "media", "prompt", "kind")
_PROMPT = ("id", "text", "turns", "facts", "roles", "reference_texts")
_PLAN = ("name", "recipe", "version")
# Commas and brackets of a request. Each may cost a value of a hundred bytes, made while no other thread runs.
MOST_MARKS = 500_000


@dataclass(frozen=True)
class MediaSent:
    """One picture or video as bytes. `name` says where it stands in the call, for messages."""

    name: str
    content: bytes


@dataclass(frozen=True, eq=False)
class PromptSent:
    """A prompt of the project by id, or one in its own words."""

    id: int | None = None
    text: str = ""
    turns: Sequence[Mapping[str, str]] | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)
    roles: Mapping[str, tuple[MediaSent, ...]] = field(default_factory=dict)
    reference_texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampleSent:
    """One sample: of the project by id, or by its content.

    Attributes:
        place: in the call, from 0.
        prompt: what it is judged under; None: its own, for a sample by id.
        kind: as of a generator; real and reference samples are what `reference` steps of a reward measure against.
    """

    place: int
    id: int | None = None
    text: str | None = None
    media: tuple[MediaSent, ...] = ()
    prompt: PromptSent | None = None
    kind: str = "generated"


@dataclass(frozen=True)
class PlanSent:
    """Which reward: `name` alone for one the service was started with, else a stored recipe and its version."""

    name: str = ""
    recipe: str = ""
    version: int | None = None


@dataclass(frozen=True)
class Ask:
    """A call as it was sent.

    Attributes:
        scorers: names; None: all that the service holds.
        wants_detail: whether what explains the numbers is wanted too.
        plan: of a reward; None for bare scores.
    """

    samples: tuple[SampleSent, ...]
    scorers: tuple[str, ...] | None = None
    wants_detail: bool = False
    plan: PlanSent | None = None


def read(body: bytes, content_type: str, limits: Limits) -> Ask:
    """The call in a body of JSON, or of several parts of which one is the JSON.

    Raises:
        CallRefused: 400 or 415 for a body that is not as it should be; 413 for too much of anything.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _Reader({}, limits).ask(_json(body))
    if kind == "multipart/form-data":
        files = multipart.parts(body, content_type)
        if "request" not in files:
            raise CallRefused(400, "The body has no part named `request` with the JSON of the call.")
        return _Reader(files, limits).ask(_json(files.pop("request")))
    raise CallRefused(415, f"The content type is {kind!r}; send application/json or multipart/form-data.")


def _json(data: bytes) -> object:
    marks = sum(map(data.count, (b",", b"[", b"{")))
    if marks > MOST_MARKS:
        words = f"The request has {marks:,} commas and brackets and may have {MOST_MARKS:,}. Send fewer samples a call."
        raise CallRefused(413, words)
    try:
        return strict_json.parse(data)
    except RowRefused as error:
        raise CallRefused(400, f"The request is {error}.") from error


@dataclass
class _Reader:
    """One body: its files by name, and how much it may hold."""

    files: Mapping[str, bytes]
    limits: Limits

    def ask(self, value: object) -> Ask:
        said = _map(value, _ASK, "the request")
        listed = said.get("samples")
        if not isinstance(listed, list) or not listed:
            raise CallRefused(400, "`samples` is a list with at least one sample.")
        if len(listed) > self.limits.items:
            raise CallRefused(413, f"The call has {len(listed)} samples and may have {self.limits.items}. Part it.")
        shared = self.prompt(said["prompt"], "prompt") if said.get("prompt") is not None else None
        samples = tuple(self.sample(one, place, shared) for place, one in enumerate(listed))
        files = sum(map(_files_of, samples))
        if files > self.limits.files:
            raise CallRefused(
                413, f"The call has {files} pictures and videos and may have {self.limits.files}. Part it."
            )
        return Ask(
            samples=samples,
            scorers=tuple(_texts(said["scorers"], "scorers")) if said.get("scorers") is not None else None,
            wants_detail=_yes_no(said.get("detail", False), "detail"),
            plan=_plan(said["plan"]) if said.get("plan") is not None else None,
        )

    def sample(self, value: object, place: int, shared: PromptSent | None) -> SampleSent:
        where = f"samples[{place}]"
        said = _map(value, _SAMPLE, where)
        prompt = self.prompt(said["prompt"], f"{where}.prompt") if said.get("prompt") is not None else None
        if said.get("id") is not None:
            content = sorted({"text", "media", "kind"} & set(said))
            if content:
                raise CallRefused(400, f"{where} is named by `id`, so it takes no `{content[0]}`.")
            return SampleSent(place, id=_whole(said["id"], f"{where}.id"), prompt=prompt)
        text, media = said.get("text"), self.media(said.get("media", []), f"{where}.media")
        if text is None and not media:
            raise CallRefused(400, f"{where} has neither `id` nor `text` nor `media`.")
        return SampleSent(
            place,
            text=None if text is None else _text(text, f"{where}.text"),
            media=media,
            prompt=prompt or shared or PromptSent(),
            kind=_one_of(said.get("kind", KINDS[0]), KINDS, f"{where}.kind"),
        )

    def prompt(self, value: object, where: str) -> PromptSent:
        """A bare text is a prompt of that text."""
        if isinstance(value, str):
            return PromptSent(text=_text(value, where))
        said = _map(value, _PROMPT, where)
        if said.get("id") is not None:
            if len(said) > 1:
                raise CallRefused(400, f"{where} is named by `id`, so it takes nothing else.")
            return PromptSent(id=_whole(said["id"], f"{where}.id"))
        facts, roles = said.get("facts", {}), said.get("roles", {})
        if not isinstance(facts, dict) or not isinstance(roles, dict):
            raise CallRefused(400, f"{where}: `facts` and `roles` are maps.")
        return PromptSent(
            text=_text(said.get("text", ""), f"{where}.text"),
            turns=_turns(said["turns"], f"{where}.turns") if said.get("turns") is not None else None,
            facts=facts,
            roles={role: self.media(files, f"{where}.roles.{role}") for role, files in roles.items()},
            reference_texts=tuple(_texts(said.get("reference_texts", []), f"{where}.reference_texts")),
        )

    def media(self, value: object, where: str) -> tuple[MediaSent, ...]:
        if not isinstance(value, list):
            raise CallRefused(400, f"{where} is a list.")
        return tuple(self.file(one, f"{where}[{number}]") for number, one in enumerate(value))

    def file(self, value: object, where: str) -> MediaSent:
        said = _map(value, ("base64", "part"), where)
        if len(said) != 1:
            raise CallRefused(400, f"{where} has one of `base64` and `part`.")
        if "part" in said:
            name = _text(said["part"], f"{where}.part")
            if name not in self.files:
                raise CallRefused(400, f"{where} names the part {name!r}, which the body does not have.")
            return MediaSent(where, self.files[name])
        try:
            return MediaSent(where, base64.b64decode(_text(said["base64"], where).encode(), validate=True))
        except ValueError as error:  # half a character is none of base 64 either
            raise CallRefused(400, f"{where}.base64 is not base 64 ({error}).") from error


def _files_of(sample: SampleSent) -> int:
    """What is decoded for it: the files of a shared prompt are decoded at every sample."""
    roles = sample.prompt.roles.values() if sample.prompt is not None else ()
    return len(sample.media) + sum(map(len, roles))


def _plan(value: object) -> PlanSent:
    """A bare text is the name of a reward."""
    said = {"name": value} if isinstance(value, str) else _map(value, _PLAN, "plan")
    version = said.get("version")
    return PlanSent(
        name=_name(said.get("name", ""), "plan.name"),
        recipe=_name(said.get("recipe", ""), "plan.recipe"),
        version=None if version is None else _whole(version, "plan.version"),
    )


# -- values -----------------------------------------------------------------------------------------------------------


def _map(value: object, known: Sequence[str], where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise CallRefused(400, f"{where} is an object, not {_shown(value)}.")
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise CallRefused(400, f"{where} has no {unknown[0]!r}; it has {', '.join(known)}.")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise CallRefused(400, f"{where} is a text, not {_shown(value)}.")
    return value


def _name(value: object, where: str) -> str:
    """What is looked up in the database, which takes no NUL and no half characters."""
    text = _text(value, where)
    if not is_storable(text):
        raise CallRefused(400, f"{where} holds characters that no name has.")
    return text


def is_storable(text: str) -> bool:
    """Whether a database could hold the text at all."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _texts(value: object, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        raise CallRefused(400, f"{where} is a list of texts, not {_shown(value)}.")
    return (_text(one, f"{where}[{number}]") for number, one in enumerate(value))


def _turns(value: object, where: str) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise CallRefused(400, f"{where} is a list of turns.")
    turns = []
    for number, one in enumerate(value):
        said = _map(one, ("role", "content"), f"{where}[{number}]")
        turns.append({key: _text(said.get(key), f"{where}[{number}].{key}") for key in ("role", "content")})
    return turns


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        raise CallRefused(400, f"{where} is a whole number above 0, not {_shown(value)}.")
    return value


def _yes_no(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise CallRefused(400, f"{where} is true or false, not {_shown(value)}.")
    return value


def _one_of(value: object, words: Sequence[str], where: str) -> str:
    if value not in words:
        raise CallRefused(400, f"{where} is one of {', '.join(words)}, not {_shown(value)}.")
    return str(value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
