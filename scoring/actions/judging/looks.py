"""What a judge asked to see while it answered: carried out, kept as evidence, and told as a conversation.

A look belongs to the reply that asked for it. Whoever takes a conversation up again, after a kill or in another job,
finds the look by its reply and goes on from there, with the very picture that was shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.actions import media
from curation.media.ingestion import ingest
from curation.models import Asset, Rendition
from scoring.actions.judging import calls
from scoring.judges.base import PictureForm, Question, Subject, Template
from scoring.judges.pictures import encoded
from scoring.judges.tools import conversation, looking
from scoring.judges.tools.conversation import Wish
from scoring.judges.tools.looking import Seen
from scoring.judges.tools.protocol import Misused
from scoring.models import JudgeCall, Look
from scoring.scorers.base import MediaFile

NOT_FETCHED = Path("/not fetched")


def kept(*, call: JudgeCall, wish: Wish, template: Template, question: Question, subjects: Sequence[Subject]) -> Look:
    """Carries a call out and writes it down, the picture first; one that was carried out before is found.

    Raises:
        ValueError: a file of the sample is missing or cannot be decoded.
        Unavailable: the storage cannot be written.
    """
    earlier = Look.objects.filter(call=call).select_related("asset").first()
    if earlier is not None:
        return earlier
    seen, fault = _seen(wish, template, question, subjects)
    told = conversation.answered(template, question, told=seen.told if seen else "", fault=fault)
    fields = {"words": _storable(wish.words), "told": _storable(told), "fault": _storable(fault)}
    if wish.call is not None:
        fields |= {"tool": _storable(wish.call.tool)[:20], "arguments": _plain(wish.call.arguments)}
    if seen is not None:
        fields |= _facts(seen)
    return Look.objects.select_related("asset").get_or_create(call=call, defaults=fields)[0]


def _seen(wish: Wish, template: Template, question: Question, subjects: Sequence[Subject]) -> tuple[Seen | None, str]:
    """What is shown, or why nothing is."""
    if wish.call is None:
        return None, wish.fault
    left = conversation.pixels_left(template, question)
    try:
        return looking.carried_out(template, subjects, wish.call, pixels_left=left), ""
    except Misused as error:
        return None, str(error)


def _facts(seen: Seen) -> dict[str, Any]:
    if seen.picture is None:
        return {}
    content = encoded(seen.picture, PictureForm())
    return {
        "place": seen.place,
        "digest": seen.digest,
        "box": list(seen.box) if seen.box else None,
        "time_us": seen.time_us,
        "asset_id": _stored(content),
    }


def _stored(content: bytes) -> int:
    """The asset of a picture: its bytes are kept under their digest, once however often they are looked at."""
    sha256 = hashlib.sha256(content).hexdigest()
    known = media.stored([sha256])
    if sha256 in known:
        return known[sha256]
    taken = ingest(content, name="a look of a judge", limits=media.limits())
    return media.store_many_from({sha256: taken}, {sha256: content})[sha256]


def _storable(text: str) -> str:
    return calls.storable(text)


def _plain(arguments: Any) -> Any:
    """Arguments as PostgreSQL can keep them: JSON of a judge may hold a character that it cannot."""
    if isinstance(arguments, Mapping):
        return {_storable(key): _plain(value) for key, value in arguments.items()}
    if isinstance(arguments, list):
        return [_plain(one) for one in arguments]
    return _storable(arguments) if isinstance(arguments, str) else arguments


# -- the conversation -------------------------------------------------------------------------------------------------


def continued(question: Question, look: Look, path: Path | None = None) -> Question:
    """The question that follows on a look.

    Args:
        path: where its picture lies; without one it is fetched, which `told_again` has no need of.

    Raises:
        Unavailable: this machine cannot read the storage.
    """
    return conversation.continued(question, calls.reply_of(look.call), look.told, _file(look.asset, path))


def told_again(question: Question, looks: Iterable[Look]) -> Question:
    """The whole conversation once more, for telling what was sent: its files lead nowhere. A query for each look."""
    for look in looks:
        question = continued(question, look, NOT_FETCHED)
    return question


def _file(asset: Asset | None, path: Path | None) -> MediaFile | None:
    if asset is None:
        return None
    rendition = newest(asset)
    return MediaFile(
        path=media.local_path(rendition=rendition) if path is None else path,
        kind=asset.kind,
        width=rendition.width,
        height=rendition.height,
        digest=rendition.sha256,
    )


def newest(asset: Asset) -> Rendition:
    """The rendition of a look's picture, which was made with it."""
    return max(asset.renditions.all(), key=lambda rendition: rendition.recipe_version)


# -- as evidence ------------------------------------------------------------------------------------------------------


def trace(looks: Sequence[Look]) -> list[dict[str, Any]]:
    """The looks of one answer as its judgement keeps them: what was said, called and shown, and when."""
    return [_entry(look) for look in looks]


def _entry(look: Look) -> dict[str, Any]:
    call = look.call
    return {
        "call": call.pk,
        "at": call.asked_at.isoformat(),
        "seconds": call.seconds,
        "cost": float(call.cost),
        "words": look.words,
        "tool": look.tool,
        "arguments": look.arguments,
        "told": look.told,
        **({"fault": look.fault} if look.fault else {}),
        **(_shown(look, look.asset) if look.asset is not None else {}),
    }


def _shown(look: Look, asset: Asset) -> dict[str, Any]:
    place = {"place": look.place, "of": look.digest, "box": look.box, "time_us": look.time_us}
    picture = {"sha256": asset.sha256, "width": asset.width, "height": asset.height}
    return {key: value for key, value in place.items() if value is not None} | {"picture": picture}


def of_trace(entries: Iterable[Mapping[str, Any]]) -> list[Look]:
    """The looks that a judgement names, in its order. One query, and one for their renditions."""
    ids = [entry.get("call") for entry in entries]
    rows = Look.objects.filter(call__in=ids).select_related("call", "asset").prefetch_related("asset__renditions")
    found = {look.call_id: look for look in rows}
    return [found[pk] for pk in ids if pk in found]
