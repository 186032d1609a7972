"""One call from what was sent to what was said: samples made items, put in line, scored."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from scoring.scorers.base import Item, Outcome, Reading
from scoring.service.batcher import Batcher
from scoring.service.desk import Desk, Holder, Stored
from scoring.service.limits import Limits
from scoring.service.refusals import CallRefused, ItemRefused
from scoring.service.taking import Taker
from scoring.service.wire import Ask, PromptSent, SampleSent

Made = Item | ItemRefused
Said = Mapping[tuple[int, int], Mapping[str, Outcome]]


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
        CallRefused: as `Batcher.room` and `Batcher.score`; 504 when its content could not be taken in time; 413 when
            the rest of its groups is more than may be in hand.
    """
    overdue = time.monotonic() + batcher.limits.deadline_seconds
    with batcher.room(len(ask.samples)):
        stored = _stored(ask, holder, desk)
        # A thread that takes what is overdue may write one more file while the folder goes.
        with tempfile.TemporaryDirectory(prefix="call-", dir=scratch, ignore_cleanup_errors=True) as folder:
            taker = Taker(Path(folder), batcher.limits.media, overdue)
            made = _all_made(ask, taker, stored, takers, overdue, batcher.limits)
            named = list({_key(one): one for one in made if isinstance(one, Item)}.values())
            parts = _parts(named, names, batcher, stored, partial(desk.siblings, holder))
            with batcher.room(sum(map(len, parts)) - len(named)):
                said = _said(parts, names, batcher, overdue)
    return [
        _scored(sent, one, said[_key(one)] if isinstance(one, Item) else {}, stored)
        for sent, one in zip(ask.samples, made, strict=True)
    ]


def _stored(ask: Ask, holder: Holder, desk: Desk) -> Stored:
    samples = [sent.id for sent in ask.samples if sent.id is not None]
    prompts = [sent.prompt.id for sent in ask.samples if sent.prompt is not None and sent.prompt.id is not None]
    if not samples and not prompts:
        return Stored({}, {}, {})
    return desk.stored(holder, samples=samples, prompts=sorted(set(prompts)))


def _all_made(ask: Ask, taker: Taker, stored: Stored, takers: Executor, overdue: float, limits: Limits) -> list[Made]:
    try:
        make = partial(_made, taker=taker, stored=stored, prompts=_prompts(ask, taker, stored))
        return list(takers.map(make, ask.samples, timeout=max(overdue - time.monotonic(), 0.0)))
    except TimeoutError as error:
        words = f"The content was not decoded within {limits.deadline_seconds:g} seconds. Send fewer samples a call."
        raise CallRefused(504, words, retry_after=5) from error


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
    if asked is None or asked.prompt_id == own.prompt_id:
        return own
    return replace(asked, sample_id=own.sample_id, media=own.media, text=own.text)


# -- groups -----------------------------------------------------------------------------------------------------------


def _key(item: Item) -> tuple[int, int]:
    """What is equal in both is one sample under one prompt, and is scored once however often it was named."""
    return item.sample_id, item.prompt_id


def _parts(
    named: list[Item], names: Sequence[str], batcher: Batcher, stored: Stored, siblings: Callable[..., Sequence[Item]]
) -> list[list[Item]]:
    """What is scored together. Where a scorer looks at groups, those of the project are whole and as a job has them:
    whatever else is judged under one of their prompts is scored apart from them."""
    if all(batcher.facts[name].scope != "group" for name in names):
        return [named]
    own = [item for item in named if _is_own(item, stored)]
    prompts, known = {item.prompt_id for item in own}, {item.sample_id for item in own}
    most = batcher.limits.queued - len(named)
    others = siblings(prompts=prompts, without=known, most=most) if own else []
    apart = [item for item in named if not _is_own(item, stored)]
    # Samples of one prompt follow one another, by their ids as in a job; what has no id as it was sent.
    return [sorted(part, key=lambda one: (one.prompt_id, max(one.sample_id, 0))) for part in ([*own, *others], apart)]


def _is_own(item: Item, stored: Stored) -> bool:
    """Whether it is a sample of the project under its own prompt."""
    known = stored.samples.get(item.sample_id)
    return known is not None and known.prompt_id == item.prompt_id


def _said(parts: Sequence[list[Item]], names: Sequence[str], batcher: Batcher, overdue: float) -> Said:
    """What each scorer said of each item, told by its key."""
    found: dict[tuple[int, int], Mapping[str, Outcome]] = {}
    for part in parts:
        outcomes = batcher.score(part, names, overdue)
        found |= {_key(one): {name: outcomes[name][place] for name in names} for place, one in enumerate(part)}
    return found


def _scored(sent: SampleSent, made: Made, outcomes: Mapping[str, Outcome], stored: Stored) -> Scored:
    kind = stored.kinds.get(sent.id, sent.kind) if sent.id is not None else sent.kind
    if isinstance(made, ItemRefused):
        return Scored(sent, None, {}, kind, made)
    return Scored(sent, made, outcomes, kind)
