"""Samples as the engine reads them: texts, facts, and their renditions as files on this machine."""

from __future__ import annotations

import socket
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.files.storage import Storage, default_storage
from django.db import connection
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from curation.actions import media
from curation.errors import Unavailable
from curation.models import Asset, Generator, Prompt, PromptMedia, Rendition, Sample, SampleMedia
from scoring.judges.questions import CHECKLIST_FACT
from scoring.scorers.base import Item, MediaFile
from scoring.service.taking import stated_answers

# Samples read with one set of queries.
READ_AT_ONCE = 64
SLICES_AHEAD = 8
# How many files are fetched from a remote storage at the same time.
FETCHED_AT_ONCE = 8
# How many renditions vouch for the storage when those asked for are not found.
WITNESSES = 5

Place = SampleMedia | PromptMedia


def check_storage(storage: Storage = default_storage) -> None:
    """Makes sure that this machine sees the files that the database knows of.

    A missing file is that sample's failure; a storage in which none of several known files is found is this
    worker's.

    Raises:
        Unavailable: none of the newest renditions can be found from here.
    """
    names = list(Rendition.objects.order_by("-pk").values_list("storage_name", flat=True)[:WITNESSES])
    if names and not any(storage.exists(name) for name in names):
        place = getattr(storage, "bucket_name", "") or getattr(storage, "location", "")
        raise Unavailable(
            _(
                "The worker on %(host)s does not see the media storage: none of the %(count)d newest files is in "
                "%(place)s. Give it the same PAIRWRIGHT_DATA or PAIRWRIGHT_S3_BUCKET as the site, and leave to read it."
            )
            % {"host": socket.gethostname(), "count": len(names), "place": place}
        )


def items(sample_ids: Sequence[int]) -> Iterator[Item]:
    """The samples as items, in the order given, read in slices. A sample that is gone by now is left out.

    Raises:
        Unavailable: this machine cannot read the storage at all; a single missing file is its sample's failure.
    """
    waiting = iter(sample_ids)
    while ids := list(islice(waiting, READ_AT_ONCE)):
        yield from _slice(ids)


def items_as_named(sample_ids: Sequence[int]) -> list[Item]:
    """The samples with their texts and what their files are called, without fetching one: the paths lead nowhere.

    For telling what was shown. Costs seven queries, however many samples.
    """
    found = _read(list(sample_ids))
    samples = [found[key] for key in sample_ids if key in found]
    nowhere = {one.storage_name: Path("/not fetched") / one.storage_name for s in samples for one in _renditions(s)}
    references = _reference_texts(_prompts_of(samples))
    return [_item(sample, nowhere, references[sample.prompt_id]) for sample in samples]


def items_ahead(sample_ids: Sequence[int]) -> Iterator[Item]:
    """The same, read by a thread of its own while the caller works: a GPU must not wait for the database."""
    reader = ThreadPoolExecutor(1, thread_name_prefix="read")
    waiting: deque[Future[list[Item]]] = deque()
    try:
        for start in range(0, len(sample_ids), READ_AT_ONCE):
            waiting.append(reader.submit(_slice, list(sample_ids[start : start + READ_AT_ONCE])))
            if len(waiting) > SLICES_AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        reader.submit(_close_connection)
        reader.shutdown()


def _close_connection() -> None:
    """Of the thread it runs in: the name alone would stand for the caller's."""
    connection.close()


def asked(prompt_ids: Sequence[int]) -> dict[int, Item]:
    """What each of these prompts brings to a sample, by id: items without an answer. Costs five queries."""
    found = (
        Prompt.objects.select_related("constraint_list").prefetch_related(_prompt_media("media")).in_bulk(prompt_ids)
    )
    shown = [_rendition(place) for prompt in found.values() for place in prompt.media.all()]
    paths = _paths({one.storage_name: one for one in shown if one is not None})
    references = _reference_texts(found)
    return {pk: _asked(prompt, paths, references[pk]) for pk, prompt in found.items()}


def _slice(ids: list[int]) -> list[Item]:
    found = _read(ids)
    samples = [found[key] for key in ids if key in found]
    paths = _paths({one.storage_name: one for sample in samples for one in _renditions(sample)})
    references = _reference_texts(_prompts_of(samples))
    return [_item(sample, paths, references[sample.prompt_id]) for sample in samples]


def _read(ids: list[int]) -> Mapping[int, Sample]:
    """Samples with their prompts, media and renditions. Costs six queries, however many samples."""
    return (
        Sample.objects.select_related("prompt__constraint_list")
        .prefetch_related(
            Prefetch("media", _with_renditions(SampleMedia.objects.filter(role=""))), _prompt_media("prompt__media")
        )
        .in_bulk(ids)
    )


def _prompt_media(lookup: str) -> Prefetch:
    return Prefetch(lookup, _with_renditions(PromptMedia.objects.all()))


def _with_renditions(places: Any) -> Any:
    """Those whose bytes are here, with all their renditions, the newest last."""
    renditions = Prefetch("asset__renditions", Rendition.objects.order_by("recipe_version"))
    return places.filter(asset__isnull=False).select_related("asset").prefetch_related(renditions)


def _renditions(sample: Sample) -> Iterator[Rendition]:
    places: list[Place] = [*sample.media.all(), *sample.prompt.media.all()]
    for place in places:
        rendition = _rendition(place)
        if rendition is not None:
            yield rendition


def _paths(renditions: Mapping[str, Rendition]) -> dict[str, Path]:
    """Where each file can be read on this machine, by its name in the storage. Several are fetched at once."""
    with ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix="fetch") as executor:
        found = dict(zip(renditions, executor.map(_path_or_none, renditions.values()), strict=True))
    if None in found.values():
        check_storage()
    # Nothing is at the second path: whoever opens it fails, and names the file.
    return {name: path or Path("/missing from the media storage") / name for name, path in found.items()}


def _path_or_none(rendition: Rendition) -> Path | None:
    """None where the file cannot be had. Runs in threads, so it asks nothing of the database."""
    try:
        return media.local_path(rendition=rendition)
    except Unavailable:
        return None


def _rendition(place: Place) -> Rendition | None:
    """The newest rendition of a picture or video; side files such as latents have none that is shown."""
    assert place.asset is not None
    if place.asset.kind == Asset.Kind.FILE:
        return None
    renditions = list(place.asset.renditions.all())
    return renditions[-1] if renditions else None


def _item(sample: Sample, paths: Mapping[str, Path], references: Sequence[str]) -> Item:
    prompt = _asked(sample.prompt, paths, references)
    return replace(prompt, sample_id=sample.pk, media=tuple(_files(sample.media.all(), paths)), text=sample.text)


def _asked(prompt: Prompt, paths: Mapping[str, Path], references: Sequence[str]) -> Item:
    """What a prompt brings to each of its samples."""
    placed: dict[str, list[PromptMedia]] = defaultdict(list)
    for place in prompt.media.all():
        placed[place.role].append(place)
    return Item(
        sample_id=0,
        prompt_id=prompt.pk,
        prompt_text=prompt.text,
        turns=prompt.turns,
        facts=_facts(prompt),
        roles={role: tuple(_files(places, paths)) for role, places in placed.items()},
        reference_texts=tuple(references),
    )


def _facts(prompt: Prompt) -> Mapping[str, Any]:
    """The prompt's facts; its list of constraints is the checklist that judges ask, whatever the facts say."""
    listed = getattr(prompt, "constraint_list", None)
    return {**prompt.facts, CHECKLIST_FACT: listed.items} if listed is not None else prompt.facts


def _files(places: Any, paths: Mapping[str, Path]) -> list[MediaFile]:
    files = []
    for position, place in enumerate(places):
        rendition = _rendition(place)
        if rendition is not None:
            files.append(
                MediaFile(
                    path=paths[rendition.storage_name],
                    kind=place.asset.kind,
                    width=rendition.width,
                    height=rendition.height,
                    fingerprint=bytes(rendition.fingerprint),
                    duration_us=place.asset.duration_us or 0,
                    digest=rendition.sha256,
                    position=position,
                )
            )
    return files


def _reference_texts(prompts: Mapping[int, Prompt]) -> Mapping[int, list[str]]:
    """Answers known to be right, by prompt: its reference samples' texts, and what its facts state as the answer."""
    texts: dict[int, list[str]] = defaultdict(list)
    references = Sample.objects.filter(
        prompt__in=list(prompts), generator__kind=Generator.Kind.REFERENCE, text__isnull=False
    )
    for prompt_id, text in references.order_by("pk").values_list("prompt_id", "text"):
        texts[prompt_id].append(text or "")
    for prompt in prompts.values():
        texts[prompt.pk] += stated_answers(prompt.facts)
    return texts


def _prompts_of(samples: Sequence[Sample]) -> dict[int, Prompt]:
    return {sample.prompt_id: sample.prompt for sample in samples}
