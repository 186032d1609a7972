"""A project's taxonomy, and what its prompts cover of it."""

from __future__ import annotations

from dataclasses import dataclass

import yaml
from django.db import connection
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Project, Taxonomy, User
from curation.prompt_tools import taxonomy
from curation.prompt_tools.taxonomy import Coverage, Cross, Tagged, TaxonomyRefused

LONGEST = 50_000


@dataclass(frozen=True)
class Narrowed:
    """Which prompts are counted: with this tag, in this language, with samples alone; contrasts never are."""

    tag: str = ""
    locale: str = ""
    answered: bool = False


@dataclass(frozen=True)
class Covered:
    """All facets of a project with their counts."""

    facets: list[Coverage]
    prompts: int
    samples: int


def tree(project: Project) -> dict[str, dict[str, tuple[str, ...]]]:
    """The project's taxonomy; empty where it states none. Costs a query."""
    found = Taxonomy.objects.filter(project=project).first()
    if found is None:
        return {}
    return {facet: {value: tuple(parts) for value, parts in values} for facet, values in found.facets}


def set_tree(*, project: Project, raw: object, by: User | None) -> None:
    """Raises: Refused, names the facet or value that cannot be."""
    try:
        found = taxonomy.parse(raw)
    except TaxonomyRefused as error:
        raise Refused(str(error)) from error
    facets = [[facet, [[value, list(parts)] for value, parts in values.items()]] for facet, values in found.items()]
    Taxonomy.objects.update_or_create(project=project, defaults={"facets": facets, "changed_by": by})


def set_text(*, project: Project, text: str, by: User | None) -> None:
    """A taxonomy written as YAML; an empty text takes it away."""
    if len(text) > LONGEST:
        raise Refused(_("A taxonomy has at most %(most)d characters.") % {"most": LONGEST})
    if not text.strip():
        Taxonomy.objects.filter(project=project).delete()
        return
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise Refused(_("This is not YAML: %(why)s") % {"why": str(error).split("\n")[0]}) from error
    set_tree(project=project, raw=raw, by=by)


def as_text(project: Project) -> str:
    """The taxonomy as a person edits it."""
    found = tree(project)
    plain = {
        facet: {value: list(parts) for value, parts in values.items()} if any(values.values()) else list(values)
        for facet, values in found.items()
    }
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=None) if plain else ""


def tagged(project: Project, narrowed: Narrowed | None = None) -> list[Tagged]:
    """Prompts with their samples, those with the same tags together: one query, whose answer grows with the variety of
    tags and not with the number of prompts."""
    chosen = narrowed or Narrowed()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.tags, count(*), coalesce(sum(s.number), 0)
            FROM curation_prompt p
            LEFT JOIN (
                SELECT prompt_id, count(*) AS number FROM curation_sample
                WHERE project_id = %(project)s GROUP BY prompt_id
            ) s ON s.prompt_id = p.id
            WHERE p.project_id = %(project)s
              AND (%(tag)s = '' OR p.tags @> ARRAY[%(tag)s]::varchar[])
              AND (%(locale)s = '' OR p.locale = %(locale)s)
              AND (NOT %(answered)s OR s.number > 0)
              AND NOT EXISTS (
                SELECT FROM curation_promptlink l WHERE l.prompt_id = p.id AND l.relation = 'contrast'
              )
            GROUP BY p.tags ORDER BY p.tags
            """,
            {"project": project.pk, "tag": chosen.tag, "locale": chosen.locale, "answered": chosen.answered},
        )
        return [Tagged(tuple(tags), int(samples), prompts) for tags, prompts, samples in cursor.fetchall()]


def covered(*, project: Project, narrowed: Narrowed | None = None) -> Covered:
    """What the prompts cover, facet by facet. Costs two queries."""
    known, rows = tree(project), tagged(project, narrowed)
    found = [taxonomy.coverage(rows, facet, known) for facet in taxonomy.facets(rows, known)]
    return Covered(found, sum(row.prompts for row in rows), sum(row.samples for row in rows))


def crossed(*, project: Project, first: str, second: str, narrowed: Narrowed | None = None) -> Cross:
    """Two facets against each other. Costs two queries.

    Raises:
        Refused: one of them is no facet here, or both are the same.
    """
    known, rows = tree(project), tagged(project, narrowed)
    there = taxonomy.facets(rows, known)
    missing = next((facet for facet in (first, second) if facet not in there), None)
    if missing is not None:
        raise Refused(
            _("There is no facet “%(name)s”. Known: %(known)s.") % {"name": missing, "known": ", ".join(there)}
        )
    if first == second:
        raise Refused(_("Choose two different facets."))
    return taxonomy.cross(rows, first, second, known)
