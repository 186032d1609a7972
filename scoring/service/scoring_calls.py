"""One call from what was sent to what was said: samples made items, put in line, scored."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from scoring.scorers.base import Item, Outcome, Reading
from scoring.service.batcher import Batcher
from scoring.service.desk import Desk, Holder, Stored
from scoring.service.refusals import CallRefused, ItemRefused
from scoring.service.taking import Taker
from scoring.service.wire import Ask, PromptSent, SampleSent

Made = Item | ItemRefused


@dataclass(frozen=True)
class Scored:
    """One sample of a call and what became of it.

    Attributes:
        item: None where the sample could not be taken; `fault` then says why.
        outcomes: by scorer.
        kind: as of a generator.
    """

    sent: SampleSent
    item: Item | None
    outcomes: Mapping[str, Outcome]
    kind: str
    fault: ItemRefused | None = None

    @property
    def has_numbers(self) -> bool:
        return any(isinstance(outcome, Reading) for outcome in self.outcomes.values())


def names_of(ask: Ask, held: Collection[str]) -> tuple[str, ...]:
    """The scorers a call names, or all that are held for its project.

    Raises:
        CallRefused: 404 where one of them is not held here.
    """
    names = tuple(dict.fromkeys(ask.scorers)) if ask.scorers is not None else tuple(held)
    unknown = [name for name in names if name not in held]
    if not names:
        raise CallRefused(404, "No scorer is named, or the service holds no scorer for this project.")
    if unknown:
        known = ", ".join(sorted(held)) or "none for this project"
        raise CallRefused(404, f"The service holds no scorer {unknown[0]!r}. It holds: {known}.")
    return names


def score(
    ask: Ask, names: Sequence[str], *, holder: Holder, desk: Desk, batcher: Batcher, takers: Executor, scratch: Path
) -> list[Scored]:
    """Every sample of the call with what each scorer said, in order. Room for its samples is kept meanwhile.

    Raises:
        CallRefused: as `Batcher.room` and `Batcher.score`.
    """
    is_group = any(batcher.facts[name].scope == "group" for name in names)
    with batcher.room(len(ask.samples)):
        stored = _stored(ask, holder, desk, is_group)
        with tempfile.TemporaryDirectory(prefix="call-", dir=scratch) as folder, batcher.room(len(stored.siblings)):
            taker = Taker(Path(folder), batcher.limits.media)
            make = partial(_made, taker=taker, stored=stored, prompts=_prompts(ask, taker, stored))
            made = list(takers.map(make, ask.samples))
            said = _said([one for one in made if isinstance(one, Item)], stored.siblings, names, batcher, is_group)
    outcomes = iter(said)
    return [
        _scored(sent, one, next(outcomes) if isinstance(one, Item) else {}, stored)
        for sent, one in zip(ask.samples, made, strict=True)
    ]


def _stored(ask: Ask, holder: Holder, desk: Desk, is_group: bool) -> Stored:
    samples = [sent.id for sent in ask.samples if sent.id is not None]
    prompts = [sent.prompt.id for sent in ask.samples if sent.prompt is not None and sent.prompt.id is not None]
    if not samples and not prompts:
        return Stored({}, {}, {})
    own = is_group and any(sent.id is not None and sent.prompt is None for sent in ask.samples)
    return desk.stored(holder, samples=samples, prompts=sorted(set(prompts)), whole_groups=own)


def _prompts(ask: Ask, taker: Taker, stored: Stored) -> dict[PromptSent, Made]:
    """Each prompt that was named or sent, as what it brings to its samples; made once, however many they are."""
    sent = {one.prompt for one in ask.samples if one.prompt is not None}
    in_order = [one.prompt for one in ask.samples if one.prompt in sent]
    return {prompt: _asked(prompt, taker, stored) for prompt in dict.fromkeys(in_order) if prompt is not None}


def _asked(prompt: PromptSent, taker: Taker, stored: Stored) -> Made:
    if prompt.id is None:
        try:
            return taker.asked(prompt)
        except ItemRefused as error:
            return error
    found = stored.prompts.get(prompt.id)
    return found if found is not None else ItemRefused(404, f"the project has no prompt {prompt.id}.")


def _made(sent: SampleSent, *, taker: Taker, stored: Stored, prompts: Mapping[PromptSent, Made]) -> Made:
    """The sample as an item, or why it is none."""
    asked = prompts[sent.prompt] if sent.prompt is not None else None
    if isinstance(asked, ItemRefused):
        return asked
    if sent.id is not None:
        return _stored_sample(sent, sent.id, asked, stored)
    try:
        return taker.answered(sent, asked or taker.asked(PromptSent()))
    except ItemRefused as error:
        return error


def _stored_sample(sent: SampleSent, sample_id: int, asked: Item | None, stored: Stored) -> Made:
    own = stored.samples.get(sample_id)
    if own is None:
        words = f"samples[{sent.place}]: the project has no sample {sample_id} whose content is here."
        return ItemRefused(404, words)
    if asked is None:
        return replace(own)  # an object of its own, should the call name a sample twice
    return replace(asked, sample_id=own.sample_id, media=own.media, text=own.text)


def _said(
    items: list[Item], siblings: Sequence[Item], names: Sequence[str], batcher: Batcher, is_group: bool
) -> list[dict[str, Outcome]]:
    """What each scorer said of each item. For groups the rest of each prompt is scored with it, and not told."""
    named = {(item.sample_id, item.prompt_id) for item in items}
    every = [*items, *(one for one in siblings if (one.sample_id, one.prompt_id) not in named)]
    order = sorted(range(len(every)), key=lambda place: every[place].prompt_id) if is_group else range(len(every))
    outcomes = batcher.score([every[place] for place in order], names)
    turn = {place: turn for turn, place in enumerate(order)}
    return [{name: outcomes[name][turn[place]] for name in names} for place in range(len(items))]


def _scored(sent: SampleSent, made: Made, outcomes: Mapping[str, Outcome], stored: Stored) -> Scored:
    kind = stored.kinds.get(sent.id, sent.kind) if sent.id is not None else sent.kind
    if isinstance(made, ItemRefused):
        return Scored(sent, None, {}, kind, made)
    return Scored(sent, made, outcomes, kind)
