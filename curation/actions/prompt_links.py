"""What one prompt is of another: rewrites, expansions, translations and contrasts, and the prompts they make."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import raters
from curation.errors import Refused
from curation.formats.records import Record, records
from curation.formats.rows import Refusal
from curation.identity import prompt_identity
from curation.models import Project, Prompt, PromptLink, PromptMedia, Rater, TakenDown
from curation.prompt_tools.rewrites import CONTRAST, RELATIONS, REWRITES

BATCH = 500
LONGEST = 20_000
_FIELDS = frozenset(
    ["rewrite_of", "original", "prompt", "prompt_key", "relation", "operator", "parameters", "author", "author_kind",
     "locale"]
)  # fmt: skip
_WRITERS = (Rater.Kind.PERSON, Rater.Kind.MODEL, Rater.Kind.RULE, Rater.Kind.SCRIPTED)


@dataclass(frozen=True)
class Wording:
    """A prompt in other words, not yet written.

    Args:
        operator: the method that made it, in the words of whoever names it; a contrast needs one.
        author: whose words these are; None where a rule made them or nobody says.
        locale: of a translation its language; empty for that of the original.
    """

    text: str
    relation: str
    operator: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    author: Rater | None = None
    key: str = ""
    locale: str = ""


@dataclass
class Outcome:
    """What became of wordings: links that are new, links that were here, and what was refused, with its place."""

    made: Counter[str] = field(default_factory=Counter)
    known: int = 0
    refused: list[Refusal] = field(default_factory=list)


@transaction.atomic
def add(*, project: Project, origin: Prompt, wordings: Sequence[Wording]) -> Outcome:
    """Writes wordings of a prompt with their links. What is here already is found, not doubled.

    A new prompt has the input media, turns, tags and licence of its original; a rewrite its facts too, because it asks
    for the same, a contrast none.

    Raises:
        Refused: a wording is empty, is the original itself, has an unknown relation, or would break a rule of links.
    """
    outcome = Outcome()
    media = list(PromptMedia.objects.filter(prompt=origin).select_related("asset"))
    for wording in wordings:
        _check(origin, wording)
        prompt = _prompt(project, origin, wording, media)
        _count(outcome, wording, link(project=project, prompt=prompt, origin=origin, wording=wording))
    return outcome


def _count(outcome: Outcome, wording: Wording, is_new: bool) -> None:
    if is_new:
        outcome.made[wording.operator if wording.relation == CONTRAST else wording.relation] += 1
    else:
        outcome.known += 1


def link(*, project: Project, prompt: Prompt, origin: Prompt, wording: Wording) -> bool:
    """Links two prompts that are here; whether the link is new.

    Raises:
        Refused: they are linked in another way, the prompt is a rewrite of another already, or the links would run in
            a circle.
    """
    found = PromptLink.objects.filter(prompt=prompt, origin=origin).first()
    if found is not None:
        if found.relation != wording.relation:
            raise Refused(
                _("“%(text)s” is a %(relation)s of this prompt already.")
                % {"text": prompt, "relation": found.get_relation_display()}
            )
        return False
    if prompt.pk == origin.pk:
        raise Refused(_("“%(text)s” is the prompt itself; write it in other words.") % {"text": prompt})
    if wording.relation in REWRITES:
        _check_original(prompt, origin)
    PromptLink.objects.create(
        project=project,
        prompt=prompt,
        origin=origin,
        relation=wording.relation,
        operator=wording.operator[:80],
        parameters=dict(wording.parameters),
        author=wording.author,
    )
    return True


def _check_original(prompt: Prompt, origin: Prompt) -> None:
    other = PromptLink.objects.rewrites().filter(prompt=prompt).select_related("origin").first()
    if other is not None:
        raise Refused(
            _("“%(text)s” is a %(relation)s of “%(other)s” already, and it can have one original only.")
            % {"text": prompt, "relation": other.get_relation_display(), "other": other.origin}
        )
    place: int | None = origin.pk
    while place is not None:
        place = PromptLink.objects.rewrites().filter(prompt=place).values_list("origin", flat=True).first()
        if place == prompt.pk:
            raise Refused(
                _("“%(origin)s” comes from “%(text)s”, so it cannot be its original too.")
                % {"origin": origin, "text": prompt}
            )


def _check(origin: Prompt, wording: Wording) -> None:
    if wording.relation not in RELATIONS:
        raise Refused(
            _("“%(relation)s” is no relation of prompts; it is one of %(known)s.")
            % {"relation": wording.relation, "known": ", ".join(RELATIONS)}
        )
    if not wording.text.strip() or len(wording.text) > LONGEST or "\0" in wording.text:
        raise Refused(_("A wording has 1 to %(most)d characters.") % {"most": LONGEST})
    if wording.text == origin.text:
        raise Refused(_("“%(text)s” is the prompt itself; write it in other words.") % {"text": origin})
    if wording.relation == CONTRAST and not wording.operator:
        raise Refused(_("Say what was changed: a contrast names its operator."))


def _prompt(project: Project, origin: Prompt, wording: Wording, media: Sequence[PromptMedia]) -> Prompt:
    turns = _turns(origin, wording.text)
    roles: dict[str, list[str]] = defaultdict(list)
    for place in media:
        roles[place.role].append(place.asset.sha256 if place.asset else place.absent_name)
    identity = prompt_identity(wording.text, turns, roles)
    found = Prompt.objects.filter(project=project, identity=identity).first()
    if found is not None:
        if TakenDown.objects.filter(prompt=found).exists():
            raise Refused(_("“%(text)s” was taken down.") % {"text": wording.text[:80]})
        return found
    if wording.key and Prompt.objects.filter(project=project, key=wording.key).exists():
        raise Refused(_("prompt_key “%(key)s” already names another prompt") % {"key": wording.key})
    made = Prompt.objects.create(
        project=project,
        identity=identity,
        key=wording.key,
        text=wording.text,
        turns=turns,
        locale=wording.locale or origin.locale,
        licence=origin.licence,
        tags=list(origin.tags),
        facts={} if wording.relation == CONTRAST else origin.facts,
    )
    PromptMedia.objects.bulk_create(
        PromptMedia(
            prompt=made,
            role=place.role,
            position=place.position,
            asset_id=place.asset_id,
            absent_name=place.absent_name,
        )
        for place in media
    )
    return made


def _turns(origin: Prompt, text: str) -> list[Any] | None:
    """The conversation of the original with other words in its last turn."""
    if not origin.turns:
        return None
    return [*origin.turns[:-1], {**origin.turns[-1], "content": text}]


# -- files ------------------------------------------------------------------------------------------------------------


def import_file(*, project: Project, path: Path) -> Outcome:
    """Rewrites from a JSON Lines, JSON, CSV or TSV file; safe to repeat, a bad row is refused and the rest goes on.

    A row has `prompt` (the new words) and `rewrite_of` (the original's key) or `original` (its text), and any of
    `relation` (rewrite), `prompt_key`, `operator`, `parameters`, `author`, `author_kind` (person) and `locale`.

    Raises:
        Refused: no row of the file can be read.
    """
    outcome = Outcome()
    rows = iter(records(path))
    while batch := list(islice(rows, BATCH)):
        with transaction.atomic():
            for row in batch:
                _take(project, row, outcome)
    if not outcome.made and not outcome.known and not outcome.refused:
        raise Refused(_("“%(name)s” has no rows.") % {"name": path.name})
    return outcome


def _take(project: Project, row: Record | Refusal, outcome: Outcome) -> None:
    if isinstance(row, Refusal):
        outcome.refused.append(row)
        return
    try:
        with transaction.atomic():
            added = add(
                project=project, origin=_original(project, row.values), wordings=[wording_of(project, row.values)]
            )
    except Refused as error:
        outcome.refused.append(Refusal(row.where, str(error)))
        return
    outcome.made += added.made
    outcome.known += added.known


def _original(project: Project, values: Mapping[str, object]) -> Prompt:
    key, text = str(values.get("rewrite_of") or ""), str(values.get("original") or "")
    if not key and not text:
        raise Refused(_("The row names no original; give rewrite_of, its key, or original, its text."))
    return find(project=project, key=key, text=text)


def find(*, project: Project, key: str = "", text: str = "") -> Prompt:
    """The prompt with this key, or else with this text; the oldest, where input media make several of one text.

    Raises:
        Refused: there is none.
    """
    own = Prompt.objects.filter(project=project)
    found = own.filter(key=key).first() if key else own.filter(text=text).order_by("pk").first()
    if found is None or not found.text:
        raise Refused(_("There is no prompt “%(name)s” in this project.") % {"name": (key or text)[:80]})
    return found


def wording_of(project: Project, values: Mapping[str, object]) -> Wording:
    """The wording that a row states.

    Raises:
        Refused: a field is unknown or of the wrong kind.
    """
    unknown = sorted(set(values) - _FIELDS)
    if unknown:
        raise Refused(
            _("The field “%(name)s” is unknown; a row may have %(known)s.")
            % {"name": unknown[0], "known": ", ".join(sorted(_FIELDS))}
        )
    parameters = values.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise Refused(_("parameters must be an object."))
    return Wording(
        text=str(values.get("prompt") or ""),
        relation=str(values.get("relation") or PromptLink.Relation.REWRITE),
        operator=str(values.get("operator") or ""),
        parameters=parameters,
        author=_author(project, values),
        key=str(values.get("prompt_key") or "")[:200],
        locale=str(values.get("locale") or "")[:20],
    )


def _author(project: Project, values: Mapping[str, object]) -> Rater | None:
    name, kind = str(values.get("author") or ""), str(values.get("author_kind") or Rater.Kind.PERSON)
    if not name:
        return None
    if kind not in _WRITERS:
        raise Refused(_("An author is a %(kinds)s, not a %(kind)s.") % {"kinds": ", ".join(_WRITERS), "kind": kind})
    return raters.named(project=project, name=name, kind=kind)


# -- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Relations:
    """A prompt's links in both directions."""

    origins: list[PromptLink]  # what this prompt is of others
    rewrites: list[PromptLink]  # what others are of it
    contrasts: list[PromptLink]


MOST_SHOWN = 200


def relations(prompt: Prompt) -> Relations:
    """Costs two queries."""
    origins = PromptLink.objects.filter(prompt=prompt).select_related("origin", "author").order_by("pk")
    derived = PromptLink.objects.filter(origin=prompt).select_related("prompt", "author").order_by("pk")
    found = list(derived[:MOST_SHOWN])
    return Relations(
        origins=list(origins[:MOST_SHOWN]),
        rewrites=[one for one in found if one.relation != CONTRAST],
        contrasts=[one for one in found if one.relation == CONTRAST],
    )


def forget(prompts: Iterable[int]) -> None:
    """Erases the words that links keep of prompts that were taken down, in the caller's transaction."""
    ids = list(prompts)
    PromptLink.objects.filter(origin__in=ids).update(parameters={})
    PromptLink.objects.filter(prompt__in=ids).update(parameters={})


def quoting(prompts: Iterable[int]) -> Iterator[int]:
    """Contrasts that a rule made of these prompts and nobody has answered: they repeat the words almost whole."""
    found = PromptLink.objects.contrasts().filter(origin__in=list(prompts), prompt__samples=None)
    yield from found.order_by("prompt").values_list("prompt", flat=True).distinct()
