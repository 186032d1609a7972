"""Testing machines against people's votes: reads only. The page, the command and the cards of scorers ask here.

A large project is examined once and the answer kept for a while, with the time it was made; `Examined.is_stale` says
whether votes came in, or were taken back, since then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.errors import Conflict, Refused
from curation.examination.credit import Ties
from curation.examination.frames import Column, Fitted
from curation.examination.intervals import Estimate
from curation.examination.report import Examination, Question, examine
from curation.examination.slices import KINDS
from curation.identity import digest
from curation.models import Criterion, Project, Prompt, Rater, examination_frames, progress
from curation.models.examination_frames import Asked
from curation.models.members import sources
from curation.models.prompt_families import families

# Columns tested without being asked for; more may be named.
MOST_COLUMNS = 12
# An answer is made anew on demand only when it is older than so many times what making it took.
REST = 5
_KEPT_SECONDS = 24 * 3600
# The first half of the advisory lock's key; the second is the project. Any number that nothing else here uses.
_LOCK = 20_262
# Part of the key of what is kept: another number when the shape of an answer changes.
_SHAPE = 4

OVERALL = "overall"
PEOPLE, SCRIPTED = "person", "scripted"


@dataclass(frozen=True)
class Choice:
    """What somebody asks for; None and empty stand for the default that `resolved` fills in.

    Args:
        criterion: the key people voted under.
        kind: `person`, or `scripted` for the raters of demonstrations.
        context: the principle people voted under, empty for none.
        columns: keys of columns without contexts, as `Column.key` writes them.
        against: key of the column the others are compared with.
        by: kinds of slices.
        route: kind of parts for a table of which machine to ask where; empty for none.
    """

    criterion: str | None = None
    kind: str = PEOPLE
    ties: Ties = Ties.LEFT_OUT
    context: str | None = None
    columns: tuple[str, ...] = ()
    against: str | None = None
    by: tuple[str, ...] = KINDS
    is_whole: bool = True
    route: str = ""


@dataclass(frozen=True)
class Options:
    """What there is to choose from: criteria with their living votes, and columns with the rater of each."""

    criteria: dict[str, int]
    columns: list[Column]
    raters: dict[int, Rater]


@dataclass(frozen=True)
class Examined:
    """An examination with what was chosen for it.

    Args:
        made_at: when it was made; None where that is just now.
        is_stale: whether judgements were made or taken back since.
    """

    choice: Choice
    options: Options
    found: Examination
    made_at: datetime | None = None
    is_stale: bool = False

    def name(self, column: Column) -> str:
        """What a column is called beside the others: the machine, and of the rest what it needs to be told apart."""
        return column_name(column, self.options, self.choice.criterion or OVERALL)


def options(project: Project, kind: str = PEOPLE) -> Options:
    """What can be asked of a project. Costs nine queries; two of them read every comparison, so a large project's
    answer is kept for a minute.
    """
    if not progress.is_large(project):
        return _read_options(project, kind)
    key = f"examination-options-{_SHAPE}-{project.pk}-{kind}"
    found: Options | None = cache.get(key)
    if found is None:
        found = _read_options(project, kind)
        cache.set(key, found, timeout=60)
    return found


def _read_options(project: Project, kind: str) -> Options:
    columns = examination_frames.columns(project)
    raters = Rater.objects.in_bulk({column.rater_id for column in columns})
    return Options(examination_frames.criteria_voted(project, kind), columns, raters)


def resolved(choice: Choice, options: Options) -> Choice:
    """The choice with its defaults filled in.

    Raises:
        Refused: nobody votes under such a criterion, or there is no such column.
    """
    criterion = _criterion(choice, options)
    known = {column.key: column for column in options.columns}
    if missing := [key for key in choice.columns if key not in known]:
        raise Refused(
            _("There is no machine “%(key)s” here. Known are: %(known)s.")
            % {"key": missing[0], "known": ", ".join(sorted(known)) or _("none")}
        )
    columns = choice.columns or tuple(column.key for column in default_columns(options.columns, criterion))
    return replace(choice, criterion=criterion, columns=columns)


def _criterion(choice: Choice, options: Options) -> str:
    if choice.criterion is None:
        most = sorted(options.criteria, key=lambda key: (-options.criteria[key], key))
        return OVERALL if OVERALL in options.criteria or not most else most[0]
    if not options.criteria:
        raise Refused(_("Nobody has compared anything here yet."))
    if choice.criterion not in options.criteria:
        raise Refused(
            _("Nobody has compared under “%(key)s”. People compared under: %(known)s.")
            % {"key": choice.criterion, "known": ", ".join(sorted(options.criteria))}
        )
    return choice.criterion


def default_columns(columns: Sequence[Column], criterion: str) -> list[Column]:
    """Each machine under people's criterion; one that has nothing under it, under everything it has.

    Machines under people's criterion come first, and no more than `MOST_COLUMNS` in all.
    """
    same = [column for column in columns if column.criterion == criterion]
    have = {column.rater_id for column in same}
    rest = [column for column in columns if column.rater_id not in have]
    return [*same, *rest][:MOST_COLUMNS]


def choose_by_name(*, project: Project, choice: Choice, raters: Sequence[str], against: str | None) -> Choice:
    """The choice with machines given by name, `name@beginning of its identity` where two have the same.

    Raises:
        Refused: no machine here has such a name.
    """
    known = options(project, choice.kind)
    criterion = _criterion(choice, known)
    columns = [column for name in raters for column in _named(name, known)]
    first = default_columns(_named(against, known), criterion)[0].key if against else None
    mine = default_columns(columns, criterion)
    return replace(choice, columns=tuple(column.key for column in mine), against=first)


def _named(name: str, known: Options) -> list[Column]:
    plain, _at, start = name.partition("@")
    found = [
        column
        for column in known.columns
        if (rater := known.raters[column.rater_id]).name == name
        or (rater.name == plain and start and rater.identity_digest.startswith(start))
    ]
    if not found:
        names = ", ".join(sorted({rater.name for rater in known.raters.values()})) or _("none")
        raise Refused(_("There is no machine “%(key)s” here. Known are: %(known)s.") % {"key": name, "known": names})
    return found


def column_name(column: Column, options: Options, criterion: str) -> str:
    """A column in words, no longer than it must be."""
    rater = options.raters[column.rater_id]
    words = [_rater_name(rater, options.raters.values())]
    if column.criterion.startswith(words[0]):
        words = [column.criterion]  # the criteria of a scorer of many begin with its name
    elif column.criterion != criterion:
        words.append(column.criterion)
    ways = {one.source for one in options.columns if one.rater_id == column.rater_id}
    if len(ways) > 1:
        words.append(_("compared") if column.source == "votes" else _("scored"))
    name = " · ".join(words)
    return _("%(name)s under “%(principle)s”") % {"name": name, "principle": column.context} if column.context else name


def _rater_name(rater: Rater, raters: Iterable[Rater]) -> str:
    """By name, with the beginning of its identity where another one has the same."""
    if sum(one.name == rater.name for one in raters) == 1:
        return rater.name
    return f"{rater.name}@{rater.identity_digest[:8] or rater.pk}"


# -- examining --------------------------------------------------------------------------------------------------------


def examined(*, project: Project, choice: Choice, again: bool = False, known: Options | None = None) -> Examined:
    """The examination of a project: made now for a small one, else the kept answer, else made and kept.

    Args:
        again: make it anew, if the kept one is old beside what making it takes.
        known: what there is to choose from, where the caller has read it already.

    Raises:
        Conflict: the project is large and somebody else is having it examined.
        Refused: see `resolved`.
    """
    if not progress.is_large(project):
        return make(project=project, choice=choice, known=known)
    found = kept(project=project, choice=choice)
    if found is not None and not (again and _is_rested(project, choice)):
        return found
    return _make_and_keep(project, choice, known)


def kept(*, project: Project, choice: Choice) -> Examined | None:
    """The kept answer of a large project, or None. Costs one query of bounded size."""
    entry = cache.get(_key(project, choice))
    if entry is None:
        return None
    answer, marks, _seconds = entry
    return replace(answer, is_stale=marks != _marks(project))


def make(*, project: Project, choice: Choice, known: Options | None = None) -> Examined:
    """Examines now. Costs about twenty-five queries, whatever the number of rows, and reads all votes.

    Raises:
        Refused: see `resolved`.
    """
    known = known or options(project, choice.kind)
    choice = resolved(choice, known)
    columns = [column for column in known.columns if column.key in choice.columns]
    asked = Asked(
        project=project,
        criterion=choice.criterion or OVERALL,
        kind=choice.kind,
        machines=frozenset((column.rater_id, column.criterion) for column in columns),
    )
    evidence = examination_frames.read(asked, fitted_on(project, [column.rater_id for column in columns]))
    if choice.route:
        evidence = replace(evidence, families=families(project.pk))
    found = examine(evidence, _question(choice, columns))
    return Examined(choice=choice, options=known, found=found)


def _question(choice: Choice, columns: Sequence[Column]) -> Question:
    return Question(
        ties=choice.ties,
        context=choice.context,
        columns=tuple(columns),
        against=choice.against,
        by=choice.by,
        is_whole=choice.is_whole,
        route=choice.route,
    )


def _make_and_keep(project: Project, choice: Choice, known: Options | None) -> Examined:
    """One examination of a large project at a time: several at once would take as long each as all in turn.

    Raises:
        Conflict: somebody else is having this project examined.
    """
    with _turn(project) as is_mine:
        if not is_mine:
            raise Conflict(_("The votes of %(project)s are being counted already. Ask again.") % {"project": project})
        started, now, marks = monotonic(), timezone.now(), _marks(project)
        answer = replace(make(project=project, choice=choice, known=known), made_at=now)
        cache.set(_key(project, choice), (answer, marks, monotonic() - started), timeout=_KEPT_SECONDS)
        return answer


@contextmanager
def _turn(project: Project) -> Iterator[bool]:
    """Whether this connection is the only one to examine the project; the database frees it if the process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, project.pk % 2**31])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, project.pk % 2**31])


def _is_rested(project: Project, choice: Choice) -> bool:
    answer, _marks_then, seconds = cache.get(_key(project, choice))
    age: float = (timezone.now() - answer.made_at).total_seconds()
    return age >= REST * seconds


def _key(project: Project, choice: Choice) -> str:
    asked = [choice.criterion, choice.kind, choice.ties, choice.context, list(choice.columns), choice.against]
    return f"examination-{_SHAPE}-{project.pk}-{digest([*asked, list(choice.by), choice.is_whole, choice.route])}"


# Each is one entry at the end of an index; the words on the raters of a project are few.
_MARKS = """
SELECT
    (SELECT max(id) FROM curation_judgement WHERE project_id = %(project)s),
    (SELECT max(retracted_at) FROM curation_judgement WHERE project_id = %(project)s AND retracted_at IS NOT NULL),
    (SELECT max(id) FROM curation_raterstanding WHERE project_id = %(project)s)
"""


def _marks(project: Project) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(_MARKS, {"project": project.pk})
        row: tuple[Any, ...] = cursor.fetchone()
    return row


# -- what a head was fitted on ----------------------------------------------------------------------------------------


def fitted_on(project: Project, rater_ids: Collection[int]) -> dict[int, Fitted]:
    """What these raters, and the members of those that are ensembles, however deep, say they were fitted on. Costs
    three queries.

    The identity of a rater that was fitted here has `fitted_on`: `{"judgements": [ids], "prompts": [ids or
    identities]}`, either of them, or a list of judgement ids. Anything else under that name (a digest alone) says that
    it was fitted on votes without saying on which, and then nothing is asked of it.
    """
    members = sources(rater_ids)
    everybody = frozenset[int]().union(*members.values())
    rows = Rater.objects.filter(pk__in=everybody, identity__has_key="fitted_on")
    stated = dict(rows.values_list("pk", "identity__fitted_on"))
    prompts = _prompt_ids(project, stated.values())
    each = {rater: _fitted(statement, prompts) for rater, statement in stated.items()}
    found = {}
    for rater, those in members.items():
        joined = Fitted()
        for member in those:
            joined = joined | each.get(member, Fitted())
        if joined:
            found[rater] = joined
    return found


def _fitted(statement: Any, prompts: dict[str, int]) -> Fitted:
    if isinstance(statement, list):
        statement = {"judgements": statement}
    if not isinstance(statement, dict) or not {"judgements", "prompts"} & set(statement):
        return Fitted(is_unnamed=True)
    named = statement.get("prompts") or []
    return Fitted(
        judgements=frozenset(int(one) for one in statement.get("judgements") or []),
        prompts=frozenset(
            prompts[one] if isinstance(one, str) else int(one) for one in named if _is_here(one, prompts)
        ),
    )


def _is_here(prompt: Any, prompts: dict[str, int]) -> bool:
    """A prompt of another project has no votes here."""
    return not isinstance(prompt, str) or prompt in prompts


def _prompt_ids(project: Project, statements: Iterable[Any]) -> dict[str, int]:
    named = {
        one
        for statement in statements
        if isinstance(statement, dict)
        for one in statement.get("prompts") or []
        if isinstance(one, str)
    }
    rows = Prompt.objects.filter(project=project, identity__in=named)
    return dict(rows.values_list("identity", "pk"))


# -- for the cards of scorers -----------------------------------------------------------------------------------------


def accuracy_here(project: Project, rater_ids: Collection[int]) -> dict[int, Estimate]:
    """How often each rater agrees with a single vote of a person, people's ties left out; raters without any absent.

    Each stands there with people's criterion where it has that, else with the first of its own by name. Costs what
    `examined` does with accuracy alone; a large project's answer is kept, and nothing is told while it is being made.
    """
    known = options(project)
    criterion = _criterion(Choice(), known)
    mine = [column for column in known.columns if column.rater_id in set(rater_ids)]
    first: dict[int, Column] = {}
    for column in sorted(mine, key=lambda one: (one.criterion != criterion, one.criterion, one.source)):
        first.setdefault(column.rater_id, column)
    if not first or not known.criteria:
        return {}
    keys = tuple(sorted(column.key for column in first.values()))
    try:
        answer = examined(project=project, choice=Choice(columns=keys, by=(), is_whole=False), known=known)
    except Conflict:
        return {}
    plain = [one for one in answer.found.machines if one.accuracy is not None and not one.column.context]
    return {one.column.rater_id: one.accuracy for one in plain if one.accuracy is not None}


def criterion_names(project: Project) -> dict[str, str]:
    """What the newest version of each criterion is called, by key. Costs two queries."""
    rows = Criterion.objects.filter(project=project).prefetch_related("versions")
    return {row.key: max(row.versions.all(), key=lambda version: version.number).name for row in rows}
