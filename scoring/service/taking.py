"""Content that came with a call, as an import would take it: checked, decoded to its last pixel, made a rendition."""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import count
from pathlib import Path

from curation.media.errors import MediaRefused
from curation.media.ingestion import ingest
from curation.media.limits import Limits
from scoring.scorers.base import Item, MediaFile
from scoring.service.refusals import ItemRefused
from scoring.service.wire import MediaSent, PromptSent, SampleSent


class Taker:
    """Makes items of what one call sent. Its files lie in a folder that ends with the call.

    Nothing of them is remembered: without a digest no embedding is looked for or kept. Samples and prompts get ids
    below zero, equal prompts the same one. Bytes that stand at several places of the call are taken once.

    Args:
        overdue: by `time.monotonic`; nothing is taken after it.
    """

    def __init__(self, folder: Path, limits: Limits, overdue: float = math.inf) -> None:
        self._folder = folder
        self._limits = limits
        self._overdue = overdue
        self._taken: dict[bytes, Future[MediaFile]] = {}
        self._lock = threading.Lock()
        self._names = count()
        self._prompts: dict[str, int] = {}

    def asked(self, prompt: PromptSent) -> Item:
        """What a prompt brings to each of its samples: an item without an answer.

        Raises:
            ItemRefused: 422 for media that an import would refuse, naming which of them and why.
            TimeoutError: the call is overdue.
        """
        return Item(
            sample_id=0,
            prompt_id=self.prompt_id(prompt),
            prompt_text=prompt.text,
            turns=prompt.turns,
            facts=prompt.facts,
            roles={role: self._files(files) for role, files in prompt.roles.items()},
            reference_texts=(*prompt.reference_texts, *stated_answers(prompt.facts)),
        )

    def answered(self, sent: SampleSent, asked: Item) -> Item:
        """The prompt with the answer that was sent; refuses as `asked` does. Several threads may call it."""
        return replace(asked, sample_id=-1 - sent.place, media=self._files(sent.media), text=sent.text)

    def prompt_id(self, prompt: PromptSent) -> int:
        """The same for prompts that say the same; below zero, so that none is a prompt of the database."""
        media = {role: [hashlib.sha256(one.content).hexdigest() for one in own] for role, own in prompt.roles.items()}
        said = [prompt.text, prompt.turns, prompt.facts, media, prompt.reference_texts]
        return self._prompts.setdefault(json.dumps(said, sort_keys=True), -1 - len(self._prompts))

    def _files(self, sent: Sequence[MediaSent]) -> tuple[MediaFile, ...]:
        return tuple(self._file(one, position) for position, one in enumerate(sent))

    def _file(self, sent: MediaSent, position: int) -> MediaFile:
        with self._lock:
            known = self._taken.get(sent.content)
            mine = self._taken.setdefault(sent.content, Future())
        if known is None:
            _settle(mine, lambda: self._ingested(sent))
        try:
            return replace(mine.result(), position=position)
        except MediaRefused as error:  # by the name of this place, whichever was taken first
            raise ItemRefused(422, str(MediaRefused(sent.name, error.reason, error.remedy))) from error

    def _ingested(self, sent: MediaSent) -> MediaFile:
        if time.monotonic() > self._overdue:
            raise TimeoutError
        taken = ingest(sent.content, name=sent.name, limits=self._limits)
        assert taken.files is not None  # nothing keeps them elsewhere
        path = self._folder / str(next(self._names))
        path.write_bytes(sent.content if taken.files.rendition is None else taken.files.rendition)
        facts = taken.facts
        return MediaFile(
            path=path,
            kind=facts.kind,
            width=facts.width,
            height=facts.height,
            fingerprint=taken.fingerprint,
            duration_us=facts.duration_us or 0,
        )


def _settle(future: Future[MediaFile], work: Callable[[], MediaFile]) -> None:
    """Whoever else waits for it hears of a failure too."""
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again by `result`
        future.set_exception(error)


def stated_answers(facts: Mapping[str, object]) -> Sequence[str]:
    """The fact `answer`: one text, or several of which each is right; as for samples of the database."""
    answer = facts.get("answer")
    given = answer if isinstance(answer, list) else [answer]
    return [str(one) for one in given if isinstance(one, str | int | float) and str(one).strip()]
