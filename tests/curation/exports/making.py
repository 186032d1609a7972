"""Versions for export tests, made of plain rows and pictures that are drawn on the spot."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from curation.exports.gathered import ExportEdge, ExportGroup, ExportTrace
from curation.exports.rows import (
    ExportCandidate,
    ExportContext,
    ExportGenerator,
    ExportMedia,
    ExportOpinion,
    ExportPair,
    ExportPrompt,
    ExportRater,
    ExportSample,
    ExportScore,
    ExportSource,
    ExportSubject,
    ExportVote,
    RaterSummary,
)

PERSON = ExportRater("0123456789abcdef", "person")
RULE = ExportRater("technical 1", "rule")
MIMES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


@dataclass
class Store:
    """Bytes by digest, as a media storage keeps them."""

    held: dict[str, bytes] = field(default_factory=dict)
    opened: int = 0

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self.held[digest] = content
        return digest

    def open(self, digest: str) -> io.BytesIO:
        self.opened += 1
        if digest not in self.held:
            raise FileNotFoundError(digest)
        return io.BytesIO(self.held[digest])

    def picture(self, number: int, kind: str = "JPEG", role: str = "", side: int = 24, **options: Any) -> ExportMedia:
        colour = (number * 37 % 256, number * 91 % 256, number * 151 % 256)
        picture = Image.new(options.pop("mode", "RGB"), (side, side + number % 3), options.pop("colour", colour))
        target = io.BytesIO()
        picture.save(target, kind, **options)
        digest = self.put(target.getvalue())
        return ExportMedia(digest, MIMES[kind], "image", picture.width, picture.height, role=role)

    def video(self, number: int) -> ExportMedia:
        digest = self.put(b"not decoded here " * (number + 1))
        return ExportMedia(digest, "video/mp4", "video", 64, 48, frames=8, fps=4.0, duration_us=2_000_000)


def subject(
    number: int,
    prompt: ExportPrompt,
    *,
    media: Sequence[ExportMedia] = (),
    text: str | None = None,
    kind: Any = "generated",
    under: ExportPrompt | None = None,
    **said: Any,
) -> ExportSubject:
    generator = ExportGenerator(f"painter-{number % 3}", "r1", kind, {"steps": 20})
    sample = ExportSample(
        id=f"s{number:04d}",
        prompt=prompt,
        generator=generator,
        media=tuple(media),
        text=text,
        seed=number,
        settings={"guidance": 7.5},
        licence="cc-by-4.0",
    )
    return ExportSubject(sample, under or prompt, **said)


def score(value: float, criterion: str = "overall", rater: ExportRater = RULE) -> ExportScore:
    return ExportScore(rater, criterion, 1, value, "1.0", low=0.0, high=1.0)


def vote(outcome: Any, rater: ExportRater = PERSON, criterion: str = "overall", **options: Any) -> ExportVote:
    options.setdefault("shown_left", "first")
    return ExportVote(rater, criterion, 1, outcome, statement="2.0", **options)


def pair(
    number: int,
    first: ExportSubject,
    second: ExportSubject,
    preference: Any = "first",
    split: str = "train",
    **options: Any,
) -> ExportPair:
    name = hashlib.sha256(f"pair {number}".encode()).hexdigest()[:32]
    options.setdefault("basis", "people")
    options.setdefault("created_at", datetime(2026, 1, 2, tzinfo=UTC))
    return ExportPair(name, split, first, second, preference, **options)


def picture_pairs(store: Store, count: int = 6, kind: str = "JPEG", **options: Any) -> list[ExportPair]:
    """Text-to-image pairs, the winner first in even rows and second in odd ones; every third validates."""
    pairs = []
    for number in range(count):
        prompt = ExportPrompt(f"p{number:04d}", f"a sign that says {number}", locale="en")
        sides = [
            subject(
                2 * number + place, prompt, media=[store.picture(2 * number + place, kind)], scores=(score(place / 2),)
            )
            for place in (0, 1)
        ]
        split = "validation" if number % 3 == 2 else "train"
        winner = "first" if number % 2 == 0 else "second"
        pairs.append(pair(number, *sides, winner, split, votes=(vote(winner),), margin=1.5, **options))
    return pairs


def text_pairs(count: int = 4, inputs: tuple[ExportMedia, ...] = ()) -> list[ExportPair]:
    pairs = []
    for number in range(count):
        prompt = ExportPrompt(f"p{number:04d}", f"what is {number}?", inputs=inputs if number % 2 == 0 else ())
        good, bad = (subject(2 * number + place, prompt, text=f"answer {number} {place}") for place in (0, 1))
        pairs.append(pair(number, good, bad, "first" if number % 2 == 0 else "second", confidence=0.8))
    return pairs


def source(
    pairs: list[ExportPair],
    store: Store | None = None,
    task: str = "text-to-image",
    *,
    opinions: Sequence[ExportOpinion] = (),
    traces: Sequence[ExportTrace] = (),
    **options: Any,
) -> ExportSource:
    store = store or Store()
    pairs = sorted(pairs, key=lambda row: row.pair_id)
    splits = {name: sum(row.split == name for row in pairs) for name in ("train", "validation", "test")}
    context = ExportContext(
        dataset="signs",
        version="3",
        task=task,
        project="drawn",
        digest="ab" * 32,
        side_seed=7,
        splits={name: count for name, count in splits.items() if count},
        description="Signs, drawn.",
        licence="CC-BY-4.0",
        locales=("en",),
        raters=(RaterSummary("person", "people", 12, raters=3), RaterSummary("rule", "technical 1", 48)),
        basis={"people": len(pairs)},
    )
    return ExportSource(
        replace(context, **options),
        lambda split: iter([row for row in pairs if row.split == split]),
        lambda split: _candidates(pairs, split),
        store.open,
        groups=lambda split: _groups(pairs, split, opinions),
        traces=lambda split: iter([trace for trace in traces if trace.split == split]),
    )


def _groups(pairs: list[ExportPair], split: str, opinions: Sequence[ExportOpinion]) -> Iterator[ExportGroup]:
    """Candidates by prompt, with the decided pairs between two of them."""
    gathered: dict[str, list[ExportCandidate]] = {}
    for candidate in _candidates(pairs, split):
        gathered.setdefault(candidate.subject.prompt.id, []).append(candidate)
    for members in gathered.values():
        keys = {one.subject.key for one in members}
        decided = [row for row in pairs if row.is_decided and {row.first.key, row.second.key} <= keys]
        edges = tuple(ExportEdge(row.pair_id, row.chosen.key, row.rejected.key) for row in decided)
        said = tuple(one for one in opinions if {one.left, one.right} <= keys)
        yield ExportGroup(members[0].subject.prompt, split, tuple(members), said, edges)


def opinion(left: ExportSubject, right: ExportSubject, outcome: str, rater: ExportRater = PERSON, **more: Any):
    more.setdefault("criterion", "overall")
    return ExportOpinion(rater, "3.0", "3", left.key, right.key, outcome, criterion_version=1, **more)


def _candidates(pairs: list[ExportPair], split: str) -> Iterator[ExportCandidate]:
    chosen: dict[tuple[str, str], list[int]] = {}
    subjects: dict[tuple[str, str], ExportSubject] = {}
    for row in pairs:
        if row.split != split:
            continue
        for who in (row.first, row.second):
            subjects[who.key] = who
            counts = chosen.setdefault(who.key, [0, 0])
            if row.is_decided:
                counts[0 if who is row.chosen else 1] += 1
    for key in sorted(subjects):
        won, lost = chosen[key]
        label = None if not won + lost or (won and lost) else bool(won)
        yield ExportCandidate(subjects[key], split, label, won, lost)
