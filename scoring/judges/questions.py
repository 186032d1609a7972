"""From a template and its samples to the question that is sent.

Placeholders are replaced in one pass, so whatever a prompt, an answer or a principle contains, it is never taken for
a placeholder itself. Such text stands between marks that carry a digest of all of it, which no text can contain
before it is written: it cannot close its own mark and go on as if the template were speaking. Chat-control marks in
it (`<|…|>`) are broken. And whatever a model is talked into, only its reply is read, by a strict reader.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scoring.judges.base import Instruction, Mode, Part, Question, Subject, Template
from scoring.judges.parsing import READERS
from scoring.judges.readers.base import noun
from scoring.judges.readers.checklists import items_of
from scoring.judges.tools import catalogue
from scoring.scorers.base import Json, MediaFile

# What a template may say, and what stands there in a question.
PLACEHOLDERS: Mapping[str, str] = {
    "prompt": "The words of the prompt.",
    "media": "The samples' pictures or frames, numbered where there are several.",
    "answers": "The samples' text answers, numbered where there are several.",
    "source": "The prompt's source picture; nothing where it has none and the template is not about edits.",
    "roles": "All of the prompt's own pictures, each under its role: source, mask, reference, control.",
    "criteria": "The criteria, one a line, with their scales.",
    "items": "The questions of a checklist, numbered.",
    "principle": "The principle or profile to judge by; nothing where none is set.",
    "guideline": "The guideline in force; nothing where there is none.",
    "reasoning": "The reasoning a listener is given to read.",
    "form": "How the answer must end, in the words of the reader.",
    "tools": "The tools the judge may use, and how it calls one.",
    "count": "How many samples there are.",
    "noun": "What a sample is called: Image, Video, Answer.",
}
ROLES = ("source", "mask", "reference", "control")
CHECKLIST_FACT = "checklist"
# The option of a template by which its words are sent to the letter: no marks around foreign text, no labels before
# pictures, no tidying. For trained wordings, which say all that themselves.
FENCE, MARKED, BARE = "fence", "marked", "bare"
COUNTS = {Mode.POINTS: (1, 1), Mode.CHECKLIST: (1, 1), Mode.PAIR: (2, 2), Mode.LIST: (2, 99), Mode.LISTENER: (0, 0)}
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")

Piece = str | Part


def tokens_of(body: str) -> Iterator[tuple[str, str]]:
    """A body taken apart: ("text", words) or ("name", placeholder).

    Doubled braces are braces.

    Raises:
        ValueError: a single brace, or a placeholder that does not exist.
    """
    place = 0
    for match in _TOKEN.finditer(body):
        if match.start() > place:
            yield "text", body[place : match.start()]
        place = match.end()
        if match[0] in ("{{", "}}"):
            yield "text", match[0][0]
        elif match["name"] is None:
            raise ValueError(f"there is a single “{match[0]}”; write it twice where a brace is meant")
        elif match["name"] not in PLACEHOLDERS:
            raise ValueError(f"there is no placeholder {match[0]}; there are {', '.join(PLACEHOLDERS)}")
        else:
            yield "name", match["name"]
    if place < len(body):
        yield "text", body[place:]


def named_in(template: Template) -> set[str]:
    """The placeholders that a template uses."""
    texts = (template.system, template.body)
    return {value for text in texts for kind, value in tokens_of(text) if kind == "name"}


def bound(template: Template, subjects: Sequence[Subject]) -> Template:
    """The template with the items of the prompt's own checklist, where it is written per prompt.

    Everything else comes back as it is. The fact `checklist` is a list of questions, each a text or
    `{"question", "weight", "key", "criterion"}`.

    Raises:
        ValueError: the prompt brings no checklist, or one that cannot be used.
    """
    if template.mode != Mode.CHECKLIST or template.items:
        return template
    stated = subjects[0].facts.get(CHECKLIST_FACT) if subjects else None
    if isinstance(stated, str) or not isinstance(stated, Sequence) or not stated:
        raise ValueError(f"the prompt states no list of questions in its fact “{CHECKLIST_FACT}”")
    filled = replace(template, items=tuple(_item(one) for one in stated))
    items_of(filled)
    return filled


def _item(stated: Json) -> Mapping[str, Json]:
    if isinstance(stated, str):
        return {"question": stated}
    if isinstance(stated, Mapping):
        return dict(stated)
    raise ValueError(f"“{stated}” in the prompt's checklist is neither a question nor a map with one")


def render(
    template: Template,
    subjects: Sequence[Subject],
    instruction: Instruction | None = None,
    repeat: int = 0,
    *,
    reasoning: str = "",
) -> Question:
    """The question about some samples, in the order they are given: the first is “Image 1”.

    Args:
        template: one that `checking.check` accepts.
        subjects: one for points and checklists, two for a pair, two or more for a list, none for a listener.
        instruction: principle and guideline; the template must have a place for what is set.
        repeat: which of several times the same is asked.
        reasoning: what a listener reads.

    Raises:
        ValueError: what is asked about lacks something the template needs (media, text, source, checklist), the
            number of samples is wrong, or a principle has no place in the template. The sentence names it.
    """
    _check_count(template, subjects)
    template = bound(template, subjects)
    asked = _Asked(template, tuple(subjects), instruction or Instruction(), reasoning)
    _check_places(template, asked)
    writer = _Writer(asked, _mark(asked))
    system = "".join(piece for piece in writer.pieces(template.system) if isinstance(piece, str))
    tidy = _tidy if template.options.get(FENCE, MARKED) == MARKED else str
    parts = _merged(writer.pieces(template.body), tidy)
    return Question(tidy(system), parts, template.decoding, template.pictures, repeat)


@dataclass(frozen=True)
class _Asked:
    template: Template
    subjects: tuple[Subject, ...]
    instruction: Instruction
    reasoning: str


def _check_count(template: Template, subjects: Sequence[Subject]) -> None:
    low, high = COUNTS[template.mode]
    if not low <= len(subjects) <= high:
        wanted = f"{low}" if low == high else f"{low} to {high}"
        raise ValueError(f"the template {template.name} asks about {wanted} samples, not {len(subjects)}")
    if len({subject.prompt_id for subject in subjects}) > 1:
        raise ValueError("the samples of one question must belong to one prompt")


def _check_places(template: Template, asked: _Asked) -> None:
    """What is set must be said: a principle that is dropped would be on record as one that was judged by."""
    named = named_in(template)
    said = {
        "principle": asked.instruction.principle,
        "guideline": asked.instruction.guideline,
        "reasoning": asked.reasoning,
    }
    for name, text in said.items():
        if text.strip() and name not in named:
            raise ValueError(f"the template {template.name} has no place for a {name}; add {{{name}}} to its body")
    if "reasoning" in named and not asked.reasoning.strip():
        raise ValueError("there is no reasoning for a listener to read")


def _mark(asked: _Asked) -> str:
    """Twelve hexadecimal digits that depend on every foreign text; the same question has the same mark every time."""
    subjects = asked.subjects
    texts = [
        asked.instruction.principle,
        asked.instruction.guideline,
        asked.reasoning,
        *(subject.prompt_text for subject in subjects),
        *(subject.text or "" for subject in subjects),
        *(str(item.get("question")) for item in asked.template.items),
    ]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


class _Writer:
    """Writes one question: a method for each placeholder."""

    def __init__(self, asked: _Asked, mark: str) -> None:
        self._asked = asked
        self._template = asked.template
        self._mark = mark
        self._noun = noun(asked.template)
        self._is_bare = asked.template.options.get(FENCE, MARKED) == BARE
        self._write: Mapping[str, Callable[[], list[Piece]]] = {
            "prompt": self._prompt,
            "media": self._media,
            "answers": self._answers,
            "source": lambda: self._role("source", required=self._template.media == "edit"),
            "roles": self._roles,
            "criteria": lambda: [_criteria(self._template)],
            "items": self._items,
            "principle": lambda: self._instruction("principle", asked.instruction.principle),
            "guideline": lambda: self._instruction("guideline", asked.instruction.guideline),
            "reasoning": lambda: [self._fenced("reasoning", asked.reasoning)],
            "form": lambda: [READERS[self._template.reader].form(self._template, len(asked.subjects))],
            "tools": lambda: [catalogue.told(self._template, asked.subjects)],
            "count": lambda: [str(len(asked.subjects))],
            "noun": lambda: [self._noun],
        }

    def pieces(self, body: str) -> list[Piece]:
        """A body with every placeholder replaced, in one pass."""
        found: list[Piece] = []
        for kind, value in tokens_of(body):
            found += self._write[value]() if kind == "name" else [value]
        return found

    def _fenced(self, name: str, text: str) -> str:
        harmless = text.strip().replace("<|", "< |").replace("|>", "| >")
        if self._is_bare:
            return harmless
        return f"<{name}-{self._mark}>\n{harmless}\n</{name}-{self._mark}>"

    def _prompt(self) -> list[Piece]:
        text = self._asked.subjects[0].prompt_text if self._asked.subjects else ""
        if not text.strip():
            raise ValueError("the prompt has no text")
        return [self._fenced("prompt", text)]

    def _instruction(self, name: str, text: str) -> list[Piece]:
        if not text.strip():
            return []
        return [f"Judge by this {name} and by nothing that contradicts it:\n{self._fenced(name, text)}\n"]

    def _items(self) -> list[Piece]:
        lines = [f"{number}. {item.question}" for number, item in enumerate(items_of(self._template), start=1)]
        return [self._fenced("questions", "\n".join(lines))]

    # -- what is judged ---------------------------------------------------------------------------------------------

    def _numbered(self, position: int) -> str:
        alone = len(self._asked.subjects) == 1
        return self._noun if alone else f"{self._noun} {position}"

    def _media(self) -> list[Piece]:
        kind = "video" if self._template.media == "video" else "image"
        found: list[Piece] = []
        for position, subject in enumerate(self._asked.subjects, start=1):
            found += self._under(self._numbered(position), _own_media(subject, kind))
        return found

    def _under(self, label: str, shown: Sequence[Part]) -> list[Piece]:
        return [*shown] if self._is_bare else [f"{label}:\n", *shown, "\n"]

    def _answers(self) -> list[Piece]:
        found: list[Piece] = []
        for position, subject in enumerate(self._asked.subjects, start=1):
            if subject.text is None or not subject.text.strip():
                raise ValueError(f"sample {subject.sample_id} has no text")
            found.append(f"{self._numbered(position)}:\n{self._fenced(f'answer-{position}', subject.text)}\n")
        return found

    def _roles(self) -> list[Piece]:
        return [piece for role in ROLES for piece in self._role(role, required=self._needs(role))]

    def _needs(self, role: str) -> bool:
        return role == "source" and self._template.media == "edit"

    def _role(self, role: str, *, required: bool) -> list[Piece]:
        files = self._asked.subjects[0].roles.get(role, ()) if self._asked.subjects else ()
        if not files:
            if required:
                raise ValueError(f"the prompt has no {role} picture")
            return []
        return self._under(f"{role.capitalize()} {files[0].kind}", [Part(media=file) for file in files])


def _own_media(subject: Subject, kind: str) -> list[Part]:
    files: tuple[MediaFile, ...] = subject.media
    if not files:
        raise ValueError(f"sample {subject.sample_id} has no {kind}")
    foreign = [file.kind for file in files if file.kind != kind]
    if foreign:
        raise ValueError(f"sample {subject.sample_id} has other media ({foreign[0]}); the template asks about {kind}s")
    return [Part(media=file) for file in files]


def _criteria(template: Template) -> str:
    lines = []
    for criterion in template.criteria:
        has_scale = criterion.low is not None and criterion.high is not None
        scale = f" ({criterion.low:g} to {criterion.high:g})" if has_scale else ""
        lines.append(f"- {criterion.title}{scale}")
    return "\n".join(lines)


def _merged(pieces: Sequence[Piece], tidy: Callable[[str], str]) -> tuple[Part, ...]:
    """Neighbouring words as one part, blank ones left out."""
    parts: list[Part] = []
    words = ""
    for piece in [*pieces, Part()]:
        if isinstance(piece, str):
            words += piece
            continue
        if tidy(words):
            parts.append(Part(text=tidy(words)))
        words = ""
        if piece.media is not None:
            parts.append(piece)
    return tuple(parts)


def _tidy(text: str) -> str:
    """Without the empty lines that unused placeholders leave."""
    return re.sub(r"\n{3,}", "\n\n", text).strip()
