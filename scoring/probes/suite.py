"""From originals to the inputs of a suite: which cases there are, in a fixed order, and each of them as an item.

A case is a few words (probe, prompt, original); its picture or text is made when it is scored, and the same originals
give the same inputs. So a suite that was stopped goes on with the cases that have no answer yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from scoring.decoding import read_frames, read_picture
from scoring.probes import films, pictures, texts
from scoring.probes.kinds import IMAGE, PROBES, TEXT, VIDEO, Family, Probe
from scoring.scorers.base import Item, MediaFile, Needs

Groups = Sequence[Sequence[Item]]


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        position: its number in the suite, from 0.
        probe: key in `PROBES`.
        group: number of the prompt it stands under; for a wrong prompt, of the sample's own.
        original: number of the sample it is made of, counted over all groups; a degenerate one takes its size, its
            mean colour or nothing at all from the first sample of its prompt.
    """

    position: int
    probe: str
    group: int
    original: int


def kind_of(item: Item, needs: Needs) -> str:
    """As what a sample is probed: `text` where the scorer reads texts, otherwise as its first medium."""
    if needs.answer_text or not item.media:
        return TEXT
    wanted = [file.kind for file in item.media if not needs.media or file.kind in needs.media]
    return VIDEO if wanted and wanted[0] == VIDEO else IMAGE


def derangement(count: int, seed: int) -> list[int]:
    """A random order of `count` places in which none keeps its own: one cycle through all (Sattolo 1986).

    Raises:
        ValueError: fewer than two places cannot all change.
    """
    if count < 2:
        raise ValueError(f"{count} prompts cannot change places; at least 2 are needed")
    places = list(range(count))
    drawn = np.random.default_rng(seed)
    for last in range(count - 1, 0, -1):
        other = int(drawn.integers(last))
        places[last], places[other] = places[other], places[last]
    return places


def cases(groups: Groups, needs: Needs) -> list[Case]:
    """Every case of a suite over these originals, prompt by prompt: samples, what stands in for them, their copies.

    Args:
        groups: at least one, each with at least one sample.
    """
    found: list[tuple[str, int, int]] = []
    first = 0
    for group, items in enumerate(groups):
        kinds = [kind_of(item, needs) for item in items]
        for probe in PROBES.values():
            found += [
                (probe.key, group, first + place)
                for place in places_of(probe, items, kinds)
                if probe.family != Family.PROMPT or len(groups) > 1
            ]
        first += len(items)
    return [Case(position, *rest) for position, rest in enumerate(found)]


def places_of(probe: Probe, items: Sequence[Item], kinds: Sequence[str]) -> Iterator[int]:
    """To which samples of a prompt a probe is done: to the first that suits it, where it stands in for any of them."""
    suiting = [
        place
        for place, item in enumerate(items)
        if kinds[place] in probe.kinds and (not probe.needs_role or item.roles.get(probe.needs_role))
    ]
    yield from suiting[:1] if probe.family == Family.DEGENERATE else suiting


# -- making -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A case as the engine reads it: all items of one call, of which the outcome of `item` counts."""

    case: Case
    item: Item
    items: tuple[Item, ...]


class Maker:
    """Makes the items of cases.

    Args:
        groups: the originals, prompt by prompt.
        needs: of the scorer.
        folder: where pictures and films are written; emptied by whoever gave it.
        seed: of the exchange of prompts.
        whole_groups: the scorer is given all samples of a prompt, the changed one in the place of its original.
    """

    def __init__(self, groups: Groups, needs: Needs, folder: Path, *, seed: int, whole_groups: bool = False) -> None:
        self._groups = groups
        self._needs = needs
        self._folder = folder
        self._others = derangement(len(groups), seed) if len(groups) > 1 else []
        self._whole_groups = whole_groups
        self._flat = [item for group in groups for item in group]
        self._films: dict[int, list[Image.Image]] = {}

    def asked(self, case: Case) -> Asked:
        """The item of a case, and beside it the others of its prompt where the scorer wants them all.

        Raises:
            ValueError: the original cannot be decoded.
        """
        prompt_id = -(case.position + 1) if self._whole_groups else -(case.group + 1)
        item = replace(self.made(case), sample_id=-(case.position + 1), prompt_id=prompt_id)
        if not self._whole_groups:
            return Asked(case, item, (item,))
        start = sum(len(group) for group in self._groups[: case.group])
        others = [
            replace(other, sample_id=-1_000_000 - place, prompt_id=prompt_id, prompt_text=item.prompt_text)
            for place, other in enumerate(self._groups[case.group])
            if start + place != case.original
        ]
        return Asked(case, item, (item, *others))

    def made(self, case: Case) -> Item:
        """The sample as its probe changes it, still under the numbers of its original.

        Raises:
            ValueError: the original cannot be decoded.
        """
        original = self._flat[case.original]
        item = self._under_another(original, case.group) if case.probe == "wrong_prompt" else original
        kind = kind_of(original, self._needs)
        if kind == TEXT:
            return replace(item, text=_text(case.probe, original.text or ""))
        if case.probe == "unedited":
            return replace(item, media=tuple(original.roles["source"][:1]))
        if kind == VIDEO:
            return replace(item, media=(self._film(case),))
        return replace(item, media=tuple(self._pictures(case, original)))

    def _under_another(self, item: Item, group: int) -> Item:
        """The sample under another prompt: its text, turns, facts and known answers; the media of roles stay."""
        other = self._groups[self._others[group]][0]
        return replace(
            item,
            prompt_text=other.prompt_text,
            turns=other.turns,
            facts=other.facts,
            reference_texts=other.reference_texts,
        )

    def _pictures(self, case: Case, original: Item) -> Iterator[MediaFile]:
        for place, file in enumerate(file for file in original.media if file.kind == "image"):
            made = _picture(case.probe, pictures.within(read_picture(file.path)))
            data, ending = pictures.encoded(made, case.probe)
            path = self._folder / f"probe-{case.position}-{place}.{ending}"
            path.write_bytes(data)
            yield MediaFile(path, "image", *made.size, digest=hashlib.sha256(data).hexdigest())

    def _film(self, case: Case) -> MediaFile:
        frames = films.CHANGES[case.probe](self._frames(case.original))
        path = self._folder / f"probe-{case.position}.webm"
        films.filmed(frames, path, films.rate(case.probe))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return MediaFile(path, "video", *frames[0].size, duration_us=films.duration_us(frames), digest=digest)

    def _frames(self, original: int) -> list[Image.Image]:
        """Decoded once for the probes of a sample, which follow one another nearly."""
        if original not in self._films:
            while len(self._films) > 3:
                self._films.pop(next(iter(self._films)))
            file = next(file for file in self._flat[original].media if file.kind == "video")
            self._films[original] = films.frames_of(file)
        return self._films[original]


def _picture(probe: str, picture: Image.Image) -> Image.Image:
    same: Callable[[Image.Image], Image.Image] = lambda taken: taken  # noqa: E731
    return {**pictures.DEGENERATE, **pictures.CHANGES}.get(probe, same)(picture)


def _text(probe: str, text: str) -> str:
    if probe in texts.DEGENERATE:
        return texts.DEGENERATE[probe]
    return texts.CHANGES[probe](text) if probe in texts.CHANGES else text


def shown(item: Item) -> bytes | None:
    """A thumbnail (WebP) of the first picture or of a film's middle; None where there is nothing to see.

    Raises:
        ValueError: the file cannot be decoded.
    """
    for file in item.media:
        if file.kind == "image":
            return pictures.thumbnail(read_picture(file.path))
        if file.kind == "video":
            return pictures.thumbnail(read_frames(file, 1)[0].image)
    return None
