"""Templates of a project: those that come with the program, and those people wrote and tried here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.identity import fitted_on
from curation.models import Project, User
from scoring.judges import library
from scoring.judges.base import Template
from scoring.models import Judge, JudgeTemplate


@dataclass(frozen=True)
class Listed:
    """A template as a project sees it: `name@version`, and its row where it was saved here."""

    name: str
    template: Template
    row: JudgeTemplate | None = None


def listed(project: Project) -> list[Listed]:
    """Every template a judge of this project can use: the newest saved of each name, then the built-in ones."""
    saved = [
        Listed(str(row), read(row.document), row) for row in JudgeTemplate.objects.filter(project=project).newest()
    ]
    return saved + [Listed(named(template), template) for _name, template in sorted(library.builtin().items())]


def named(template: Template) -> str:
    """`name@version`."""
    return f"{template.name}@{template.version}"


def find(project: Project, name: str) -> Listed:
    """The template of a name, with or without `@version`; one saved here goes before a built-in one.

    Raises:
        Refused: there is none; the sentence names those there are.
    """
    plain, _at, version = name.partition("@")
    rows = JudgeTemplate.objects.filter(project=project, name=plain).order_by("-number")
    row = (rows.filter(number=version) if version.isdigit() else rows).first()
    if row is not None:
        return Listed(str(row), read(row.document), row)
    template = _built_in(plain, version)
    if template is None:
        known = ", ".join(one.name for one in listed(project))
        raise Refused(_("There is no template “%(name)s”. There are: %(known)s.") % {"name": name, "known": known})
    return Listed(named(template), template)


def seen_prompts(project: Project, name: str) -> list[int]:
    """Prompts whose votes chose the template of a name; none for an empty name. Raises Refused as `find` does."""
    row = find(project, name).row if name else None
    return row.seen_prompts if row else []


def _built_in(name: str, version: str) -> Template | None:
    """A template that comes with the program: the version named, or the newest."""
    if not version:
        return library.builtin().get(name)
    return next((one for one in library.every_version() if named(one) == f"{name}@{version}"), None)


def of(judge: Judge) -> Template:
    """How a judge asks: its template with the judge's own settings of decoding and pictures.

    Raises:
        Refused: the built-in template it uses is not part of this version of the program.
    """
    if judge.template is not None:
        template = read(judge.template.document)
    else:
        template = find(judge.project, judge.library).template
    return with_settings(template, judge.settings)


def with_settings(template: Template, settings: Mapping[str, Any]) -> Template:
    """A template with other decoding or pictures.

    Raises:
        Refused: a setting does not exist, or is not within its range.
    """
    changed = template
    for part in ("decoding", "pictures"):
        stated = settings.get(part, {})
        known = {field.name for field in fields(getattr(changed, part))}
        unknown = sorted(set(stated) - known)
        if unknown:
            raise Refused(
                _("There is no setting “%(name)s” of %(part)s; there are %(known)s.")
                % {"name": unknown[0], "part": part, "known": ", ".join(sorted(known))}
            )
        changed = replace(changed, **{part: replace(getattr(changed, part), **stated)})
    return read(library.to_plain(changed)) if changed != template else template


def read(document: Mapping[str, Any]) -> Template:
    """The template in a document.

    Raises:
        Refused: it is none; the sentence says where and why.
    """
    try:
        return library.from_plain(document)
    except ValueError as error:
        raise Refused(str(error)) from error


@transaction.atomic
def save(
    *, project: Project, document: Mapping[str, Any], by: User | None, seen: Collection[int] = ()
) -> JudgeTemplate:
    """Keeps a template as the next version of its name; the newest version is returned when it asks just so.

    Args:
        seen: prompts whose votes chose what it asks. Those of the version before stay: it is where the words come from.

    Raises:
        Refused: the document is no template, or its name belongs to a built-in one.
    """
    template = read(document)
    if template.name in library.builtin():
        raise Refused(
            _("“%(name)s” comes with the program. Give your wording a name of its own.") % {"name": template.name}
        )
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two savers take two numbers
    newest = JudgeTemplate.objects.filter(project=project, name=template.name).order_by("-number").first()
    number = newest.number + 1 if newest else 1
    kept = replace(template, version=number)
    prompts = {*seen, *(newest.seen_prompts if newest else ())}
    if newest is not None and _is_same(newest, template, prompts):
        return newest
    return JudgeTemplate.objects.create(
        project=project,
        name=kept.name,
        number=number,
        mode=kept.mode,
        document=library.to_plain(kept),
        digest=kept.digest(),
        fitted_on=fitted_on(prompts) if prompts else None,
        created_by=by,
    )


def _is_same(row: JudgeTemplate, template: Template, prompts: Collection[int]) -> bool:
    return replace(template, version=row.number).digest() == row.digest and set(row.seen_prompts) == set(prompts)
