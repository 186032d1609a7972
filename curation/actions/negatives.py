"""Making synthetic negatives of a project's samples: each knows its parent, its operator and the place.

A negative is a sample like any other, made by a generator called `synthetic:OPERATOR`, with its original as parent, and
a mark of a rule where it is wrong. Made again with the same seed it is found, not doubled.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from PIL import Image

from curation.actions import copying, judgements, media, raters
from curation.actions.judgements import Act, NewMark, Subject
from curation.errors import Refused
from curation.identity import digest, sample_identity
from curation.media.facts import Ingested
from curation.media.ingestion import ingest
from curation.media.pictures import on_white
from curation.models import Generator, Project, Rater, Sample, SampleMedia
from curation.negatives import pictures, texts
from curation.negatives.operators import OPERATORS, PREFIX, VERSION, Operator, generator_name, seed_of

# Samples taken together: their pictures and negatives are in memory at once.
BATCH = 32


@dataclass(frozen=True)
class Wanted:
    """Which negatives to make.

    Args:
        operators: names of `OPERATORS`.
        seed: another seed, other places.
        generator, tag: only samples of this generator, or whose prompt or own tags have this.
        limit: at most so many originals, the oldest first; None for all.
    """

    operators: Sequence[str]
    seed: int = 0
    generator: str = ""
    tag: str = ""
    limit: int | None = None


@dataclass
class Outcome:
    """What became of it: negatives by operator that are new, were here already, or could not be made."""

    originals: int = 0
    made: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    inapplicable: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Negative:
    """One negative, all but written."""

    original: Sample
    operator: Operator
    key: str
    seed: int
    place: tuple[int, ...]  # the code points of its text, or the box of its picture
    detail: Mapping[str, object]
    text: str | None
    picture: Ingested | None = None
    position: int = 0  # of the picture that was changed


def make(*, project: Project, wanted: Wanted, tell: Callable[[Outcome], None] = lambda _outcome: None) -> Outcome:
    """Makes the negatives that are not here yet, batch by batch; what a crash leaves undone, the next call does.

    Args:
        tell: is called after each batch.

    Raises:
        Refused: an operator is unknown, or no sample answers to the choice.
        Unavailable: the storage cannot be read or written.
    """
    operators = [_operator(name) for name in dict.fromkeys(wanted.operators)]
    if not operators:
        raise Refused(_("Name at least one operator: %(known)s.") % {"known": ", ".join(OPERATORS)})
    outcome = Outcome()
    for batch in _batches(_originals(project, wanted), wanted.limit):
        _make_batch(project, batch, operators, wanted.seed, outcome)
        tell(outcome)
    if not outcome.originals:
        raise Refused(_("No sample of “%(project)s” answers to this choice.") % {"project": project.name})
    return outcome


def _operator(name: str) -> Operator:
    if name not in OPERATORS:
        raise Refused(
            _("There is no operator “%(name)s”. Known: %(known)s.") % {"name": name, "known": ", ".join(OPERATORS)}
        )
    return OPERATORS[name]


def _originals(project: Project, wanted: Wanted) -> QuerySet[Sample]:
    found = Sample.objects.filter(project=project).present().exclude(generator__name__startswith=PREFIX)
    if wanted.generator:
        found = found.filter(generator__name=wanted.generator)
    if wanted.tag:
        found = found.filter(tags__contains=[wanted.tag]) | found.filter(prompt__tags__contains=[wanted.tag])
    shown = SampleMedia.objects.filter(role="").select_related("asset").prefetch_related("asset__renditions")
    return found.select_related("prompt", "generator").prefetch_related(Prefetch("media", shown)).order_by("pk")


def _batches(found: QuerySet[Sample], limit: int | None) -> Iterator[list[Sample]]:
    """By id, so that a long run holds no cursor open."""
    after, left = 0, limit
    while left is None or left > 0:
        batch = list(found.filter(pk__gt=after)[: BATCH if left is None else min(BATCH, left)])
        if not batch:
            return
        yield batch
        after, left = batch[-1].pk, None if left is None else left - len(batch)


def _make_batch(
    project: Project, batch: list[Sample], operators: Sequence[Operator], seed: int, outcome: Outcome
) -> None:
    outcome.originals += len(batch)
    made = list(_new_of(project, batch, operators, seed, outcome))
    taken = {one.picture.sha256: one.picture for one, _content in made if one.picture}
    sources = {one.picture.sha256: content for one, content in made if one.picture}
    assets = media.store_many_from(taken, sources)
    for negative in _write(project, [one for one, _content in made], assets):
        outcome.made[negative.operator.name] += 1


def _new_of(
    project: Project, batch: list[Sample], operators: Sequence[Operator], seed: int, outcome: Outcome
) -> Iterator[tuple[_Negative, bytes]]:
    """The negatives that are not here yet, with the bytes of their pictures; the others are counted."""
    keys = {(sample.pk, each.name): _key(sample, each.name, seed) for sample in batch for each in operators}
    known = set(Sample.objects.filter(project=project, key__in=keys.values()).values_list("key", flat=True))
    said = _said_before(batch)
    for sample in batch:
        pixels = _Pixels(sample)
        for operator in operators:
            key = keys[sample.pk, operator.name]
            made = None if key in known else _made(sample, operator, key, seed, pixels)
            if key in known or (made is not None and (sample.pk, operator.name, made[0].text) in said):
                outcome.known[operator.name] += 1
            elif made is None:
                outcome.inapplicable[operator.name] += 1
            else:
                yield made


def _said_before(batch: list[Sample]) -> set[tuple[int, str, str | None]]:
    """Original, operator and text of the negatives of texts that are here: another seed may come to the same words."""
    on_text = [generator_name(each.name) for each in OPERATORS.values() if each.applies_to == "text"]
    here = Sample.objects.filter(parent__in=batch, generator__name__in=on_text)
    rows = here.values_list("parent_id", "generator__name", "text")
    return {(parent, name.removeprefix(PREFIX), text) for parent, name, text in rows if parent is not None}


def _key(sample: Sample, operator: str, seed: int) -> str:
    return f"{generator_name(operator)}:{sample.identity[:16]}:{seed}"


class _Pixels:
    """The first picture of a sample, decoded when the first operator asks for it."""

    def __init__(self, sample: Sample) -> None:
        self.place = next((one for one in sample.media.all() if one.asset and one.asset.kind == "image"), None)
        self._pixels: pictures.Pixels | None = None

    def read(self) -> pictures.Pixels | None:
        """(height, width, 3) of the rendition on white; None where the sample shows no picture."""
        if self._pixels is None and self.place is not None and self.place.asset is not None:
            rendition = max(self.place.asset.renditions.all(), key=lambda one: one.recipe_version)
            with Image.open(media.local_path(rendition=rendition)) as picture:
                self._pixels = np.asarray(on_white(picture))
        return self._pixels


def _made(sample: Sample, operator: Operator, key: str, seed: int, pixels: _Pixels) -> tuple[_Negative, bytes] | None:
    """The negative and the bytes of its picture; None where the operator finds nothing to change."""
    own_seed = seed_of(seed, operator.name, sample.identity)
    if operator.applies_to == "text":
        text = texts.apply(operator.name, sample.text, own_seed) if sample.text else None
        if text is None:
            return None
        return _Negative(sample, operator, key, own_seed, (text.start, text.end), text.detail, text.text), b""
    before = pixels.read()
    changed = None if before is None else pictures.apply(operator.name, before, own_seed)
    if changed is None or pixels.place is None:
        return None
    content = _png(changed.pixels)
    picture = ingest(content, name=f"{key}.png", limits=media.limits())
    position = pixels.place.position
    negative = _Negative(sample, operator, key, own_seed, changed.box, changed.detail, sample.text, picture, position)
    return negative, content


def _png(pixels: pictures.Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


# -- writing ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def _write(project: Project, negatives: list[_Negative], assets: Mapping[str, int]) -> list[_Negative]:
    """Samples, their media and the marks, in one transaction; those that another run wrote meanwhile are left out."""
    Project.objects.select_for_update().get(pk=project.pk)
    keys = {negative.key for negative in negatives}
    taken = set(Sample.objects.filter(project=project, key__in=keys).values_list("key", flat=True))
    new = [negative for negative in negatives if negative.key not in taken]
    generators = {name: _generator(project, name) for name in sorted({one.operator.name for one in new})}
    rows = [_sample(project, one, generators[one.operator.name]) for one in new]
    copying.insert(rows)
    copying.insert([place for row, one in zip(rows, new, strict=True) for place in _media(row, one, assets)])
    rater = raters.machine(kind=Rater.Kind.RULE, name="synthetic negatives", identity={"operators": VERSION})
    acts = [_act(rater, row, one) for row, one in zip(rows, new, strict=True)]
    judgements.record(project=project, acts=acts)
    return new


def _generator(project: Project, operator: str) -> Generator:
    row, _created = Generator.objects.get_or_create(
        project=project, name=generator_name(operator), revision=str(VERSION), kind=Generator.Kind.GENERATED,
        settings_digest="",
    )  # fmt: skip
    return row


def _sample(project: Project, negative: _Negative, generator: Generator) -> Sample:
    original = negative.original
    settings = {
        "operator": negative.operator.name,
        "operator_version": VERSION,
        "original": original.identity,
        "place": _place(negative),
    }
    told = {
        "name": generator.name,
        "revision": generator.revision,
        "kind": generator.kind,
        "settings": digest(settings),
    }
    files = [negative.picture.sha256] if negative.picture else _digests(original)
    seed = negative.seed >> 1  # the column is signed
    return Sample(
        project=project,
        prompt=original.prompt,
        generator=generator,
        identity=sample_identity(original.prompt.identity, told, seed, files, negative.text),
        key=negative.key,
        text=negative.text,
        media_state=original.media_state,
        seed=seed,
        settings=settings,
        round=original.round,
        parent=original,
        licence=original.licence,
        tags=original.tags,
    )


def _digests(sample: Sample) -> list[str]:
    return [place.asset.sha256 for place in sample.media.all() if place.asset]


def _media(row: Sample, negative: _Negative, assets: Mapping[str, int]) -> list[SampleMedia]:
    """The original's media in their order, the changed picture in its place."""
    placed = []
    for place in negative.original.media.all():
        is_changed = negative.picture is not None and place.position == negative.position
        asset = assets[negative.picture.sha256] if is_changed and negative.picture else place.asset_id
        placed.append(SampleMedia(sample=row, position=place.position, asset_id=asset))
    return placed


def _place(negative: _Negative) -> dict[str, object]:
    """Where it is wrong and how, for the sample's settings: they reach every export that carries settings."""
    if negative.operator.applies_to == "text":
        return {"target": "answer", "span": list(negative.place), **negative.detail}
    return {"target": "media", "media_index": negative.position, "box": list(negative.place), **negative.detail}


def _act(rater: Rater, row: Sample, negative: _Negative) -> Act:
    return Act(
        rater_id=rater.pk,
        act="mark",
        marks=[_mark(Subject(row.pk, row.prompt_id), negative)],
        client_key=digest({"negative": negative.key}),
    )


def _mark(subject: Subject, negative: _Negative) -> NewMark:
    name, says = negative.operator.name, negative.operator.says
    if negative.operator.applies_to == "text":
        start, end = negative.place
        return NewMark(subject, "answer", "span", start=start, end=end, error_type=name, text=says)
    left, top, right, bottom = map(float, negative.place)
    corners = [[left, top], [right, bottom]]
    return NewMark(subject, "media", "box", media_index=negative.position, points=corners, error_type=name, text=says)
