"""Which machine to ask of which prompts: measured against people's votes, changed by hand where wished, then a rater.

A table becomes an ensemble of the rule `route`, so that its numbers are evidence with its members' acts behind them,
and a recipe reads them as one signal. Another table is another rater. One that votes chose says on which prompts they
were, as a fitted head does: nothing is concluded from its agreement with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from curation.actions import ensemble_making, examining
from curation.actions.examining import Choice, Examined, Options
from curation.errors import Conflict, Refused
from curation.examination.frames import Column
from curation.examination.report import Examination
from curation.examination.routing import Routing
from curation.models import CriterionVersion, Project, Rater, ensemble_frames
from curation.models.rater_labels import labels_of
from curation.rewards.plan import Plan, parse_ensemble

# Ensembles are no members of ensembles.
SINGLE = (Rater.Kind.MODEL, Rater.Kind.RULE, Rater.Kind.HEAD)
# How members of unlike units are brought to one: each by its own mean and deviation over everything it said.
ALIKE: list[dict[str, Any]] = [{"zscore": {"over": "all"}}]


@dataclass(frozen=True)
class Measured:
    """A table as the votes make it.

    Attributes:
        choice: what was asked, with its defaults.
        routing: None where nobody voted or no machine has a verdict on what was voted on.
        names: what each machine is called, the most accurate first.
        made_at, is_stale: as `examining.Examined` has them.
    """

    choice: Choice
    options: Options
    found: Examination
    routing: Routing | None
    names: Mapping[Column, str]
    made_at: datetime | None = None
    is_stale: bool = False


def measured(
    *, project: Project, by: str, criterion: str | None = None, kind: str = examining.PEOPLE, again: bool = False
) -> Measured:
    """Learns a table from the votes of a project. Costs what an examination of accuracies does; a large project's is
    kept for a while.

    Args:
        by: `tag` or `locale`.
        criterion: what people compared by; the one with the most votes by default.
        again: make it anew, if the kept one is old beside what making it takes.

    Raises:
        Conflict: the project is large, somebody else is having it examined, and nothing is kept.
        Refused: nobody compared under such a criterion, or no machine has judged.
    """
    known = examining.options(project, kind)
    choice = examining.resolved(Choice(criterion=criterion, kind=kind, by=(), is_whole=False, route=by), known)
    single = [column for column in known.columns if known.raters[column.rater_id].kind in SINGLE]
    keys = tuple(column.key for column in examining.default_columns(single, choice.criterion or examining.OVERALL))
    if not keys:
        raise Refused(_("No machine has judged here yet. Let some score or compare first."))
    answer = _examined(project, replace(choice, columns=keys), known, again)
    machines = [one.column for one in answer.found.machines if one.accuracy is not None and not one.column.context]
    names = {column: answer.name(column) for column in machines}
    found = answer.found
    return Measured(answer.choice, answer.options, found, found.routing, names, answer.made_at, answer.is_stale)


def _examined(project: Project, choice: Choice, known: Options, again: bool) -> Examined:
    """The answer; while somebody else is having it made anew, the kept one."""
    try:
        return examining.examined(project=project, choice=choice, known=known, again=again)
    except Conflict:
        kept = examining.kept(project=project, choice=choice)
        if kept is None:
            raise
        return kept


def chosen(found: Measured, by_hand: Mapping[str, Column | None] | None = None) -> list[tuple[str, Column]]:
    """Label and machine of every line that is not left to the general one, the rarest first.

    Args:
        by_hand: machines for labels in place of the measured ones; None: the general one.
    """
    assert found.routing is not None
    own = dict(by_hand or {})
    general = found.routing.general
    lines = {line.label: line.chosen for line in found.routing.lines}
    named = {label: own.pop(label, column) or general for label, column in lines.items()}
    # Labels that were not measured come first: whoever writes them down means them.
    named = {**{label: column for label, column in own.items() if column is not None}, **named}
    return [(label, column) for label, column in named.items() if column != general]


def plan_of(
    *,
    project: Project,
    found: Measured,
    name: str,
    criterion: str,
    routes: Sequence[tuple[str, Column]],
    general: Column,
) -> Plan:
    """The table as an ensemble of the rule `route`.

    Raises:
        Refused: fewer than two machines are named: then one machine says it all.
        RecipeProblems: a value that the language of ensembles does not take.
    """
    columns = list(dict.fromkeys([general, *(column for _label, column in routes)]))
    if len(columns) < 2:
        raise Refused(
            _("Every line names “%(name)s”. One machine alone needs no table: use its own scores.")
            % {"name": found.names.get(general, "")}
        )
    scored = {column.source == "scores" for column in columns}
    if len(scored) > 1:
        raise Refused(_("Some machines score and some compare. Choose those of one kind."))
    text = {
        "ensemble": 1,
        "name": name,
        "rule": "route",
        "by": found.routing.kind if found.routing else "tag",
        "criterion": criterion,
        "members": _members(project, found, columns),
        "routes": [*_grouped(columns, routes), {"to": columns.index(general) + 1}],
    }
    return replace(parse_ensemble(json.dumps(text)), seen=_chosen_by(found, routes, general))


def _chosen_by(found: Measured, routes: Sequence[tuple[str, Column]], general: Column) -> tuple[int, ...]:
    """Prompts of the votes that the table is made of; none where each machine in it is another than votes name."""
    assert found.routing is not None
    lines = {line.label: line.chosen for line in found.routing.lines}
    is_by_hand = general != found.routing.general and all(lines.get(label) != column for label, column in routes)
    return () if is_by_hand else found.found.routed_on


def _grouped(columns: Sequence[Column], routes: Sequence[tuple[str, Column]]) -> list[dict[str, Any]]:
    """Neighbours with one machine share a route; the order of labels stays, since the first that fits counts."""
    grouped: list[dict[str, Any]] = []
    for label, column in routes:
        place = columns.index(column) + 1
        if grouped and grouped[-1]["to"] == place:
            grouped[-1]["of"].append(label)
        else:
            grouped.append({"of": [label], "to": place})
    return grouped


def _members(project: Project, found: Measured, columns: Sequence[Column]) -> list[dict[str, Any]]:
    labels = labels_of(ensemble_frames.heard_in(project))
    newest = _newest(project, {column.criterion for column in columns})
    return [
        {
            "rater": labels[column.rater_id],
            column.source: column.criterion,
            **({"transform": _steps(newest[column.criterion])} if column.source == "scores" else {}),
        }
        for column in columns
    ]


def _newest(project: Project, keys: set[str]) -> dict[str, CriterionVersion]:
    rows = CriterionVersion.objects.filter(criterion__project=project, criterion__key__in=keys)
    return {row.criterion.key: row for row in rows.select_related("criterion").order_by("number")}


def _steps(criterion: CriterionVersion) -> list[dict[str, Any]]:
    turned = [] if criterion.higher_is_better else [{"linear": {"times": -1}}]
    return [*turned, *ALIKE]


def make(*, project: Project, plan: Plan) -> Rater:
    """The table's rater, made when it is new."""
    return ensemble_making.make(project=project, plan=plan)
