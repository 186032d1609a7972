"""What a judging job asks about, and which of it its judge has not answered yet: read in columns, not row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Judgement, Project, Sample
from curation.models.prompts import SampleQuerySet
from scoring.actions import choosing
from scoring.judges import units
from scoring.judges.base import Mode, Template
from scoring.judges.questions import CHECKLIST_FACT
from scoring.judges.units import Query, Unit
from scoring.scorers.base import Needs

SAMPLES, PAIRS, GROUPS, VERDICTS = "samples", "pairs", "groups", "verdicts"
# What a template in this mode is asked about.
ABOUT = {
    Mode.POINTS: SAMPLES,
    Mode.CHECKLIST: SAMPLES,
    Mode.PAIR: PAIRS,
    Mode.LIST: GROUPS,
    Mode.LISTENER: VERDICTS,
}
ALL, DISJOINT, VOTED, LISTED = "all", "disjoint", "voted", "listed"
RULES = (ALL, DISJOINT, VOTED, LISTED)
_KEYS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Ask:
    """What is to be asked about.

    Attributes:
        about: `samples`, `pairs`, `groups` or `verdicts`; it follows from the template's mode.
        rule: of pairs: `all` of a group, `disjoint` neighbours, those people `voted` on, or those `listed`.
        pairs: the pairs that are listed, as sample ids in plain order.
        of: of verdicts: the judges (ids) whose reasons are read.
    """

    about: str
    rule: str = ""
    pairs: tuple[tuple[int, int], ...] = ()
    of: tuple[int, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As it stands in a job's row."""
        stated: dict[str, Any] = {key: value for key, value in asdict(self).items() if value}
        if self.pairs:
            stated["pairs"] = [list(pair) for pair in self.pairs]
        if self.of:
            stated["of"] = list(self.of)
        return stated

    @classmethod
    def read(cls, stated: Mapping[str, Any]) -> Ask:
        """The ask that `plain` wrote."""
        pairs = tuple((one, other) for one, other in stated.get("pairs", ()))
        return cls(stated["about"], stated.get("rule", ""), pairs, tuple(stated.get("of", ())))


def fitting_ask(template: Template, ask: Ask | None) -> Ask:
    """The ask itself, or the usual one of the template's mode.

    Raises:
        Refused: a template of this mode cannot be asked about that, or the rule of pairs is unknown.
    """
    about = ABOUT[template.mode]
    if ask is None:
        return Ask(about, DISJOINT if about == PAIRS else "")
    if ask.about != about:
        raise Refused(
            _("“%(name)s” judges %(about)s, so it cannot be asked about %(asked)s.")
            % {"name": template.name, "about": about, "asked": ask.about}
        )
    if about == PAIRS and ask.rule not in RULES:
        raise Refused(
            _("There is no rule “%(rule)s” for pairs; it is one of %(rules)s.")
            % {"rule": ask.rule, "rules": ", ".join(RULES)}
        )
    if about == PAIRS and ask.rule == LISTED and not ask.pairs:
        raise Refused(_("Name at least one pair of samples."))
    return ask


def needs(template: Template) -> Needs:
    """What a sample must have for the template to be asked about it."""
    brings_items = template.mode == Mode.CHECKLIST and not template.items
    facts = (CHECKLIST_FACT,) if brings_items else ()
    if template.media == "text":
        return Needs(answer_text=True, facts=facts)
    if template.media == "edit":
        return Needs(media=frozenset({"image"}), roles=("source",), facts=facts)
    return Needs(media=frozenset({template.media}), facts=facts)


def find(project: Project, template: Template, ask: Ask, narrowed: Mapping[str, Any]) -> list[Unit]:
    """Every unit there is to ask about, answered or not, in order of prompt. One or two queries.

    Raises:
        Refused: a listed pair is not two samples of one prompt of this project.
    """
    if ask.about == VERDICTS:
        return list(_verdicts(project, ask))
    chosen = choosing.chosen(project, narrowed)
    fitting = choosing.fitting(chosen, needs(template))
    if ask.about == PAIRS:
        return list(_pairs(project, fitting, ask))
    rows = _rows(fitting)
    return list(units.groups(rows) if ask.about == GROUPS else units.singles(rows))


def _rows(samples: SampleQuerySet) -> Iterator[tuple[int, int]]:
    return samples.order_by("prompt_id", "pk").values_list("prompt_id", "pk").iterator(chunk_size=20_000)


def _pairs(project: Project, fitting: SampleQuerySet, ask: Ask) -> Iterator[Unit]:
    if ask.rule == ALL:
        return units.all_pairs(_rows(fitting))
    if ask.rule == DISJOINT:
        return units.disjoint_pairs(_rows(fitting))
    if ask.rule == VOTED:
        return _of_one_prompt(_voted(project), dict(_by_sample(fitting)))
    _check_listed(project, ask.pairs)
    return _of_one_prompt(ask.pairs, dict(_by_sample(fitting.filter(pk__in={pk for pair in ask.pairs for pk in pair}))))


def _by_sample(samples: SampleQuerySet) -> Iterator[tuple[int, int]]:
    return samples.values_list("pk", "prompt_id").iterator(chunk_size=20_000)


def _of_one_prompt(pairs: Iterable[tuple[int, int]], prompt_of: Mapping[int, int]) -> Iterator[Unit]:
    """Pairs of which both samples fit, by prompt."""
    found = [
        (prompt_of[one], one, other)
        for one, other in pairs
        if one in prompt_of and prompt_of[one] == prompt_of.get(other)
    ]
    return (Unit(prompt_id, (one, other)) for prompt_id, one, other in sorted(found))


def _voted(project: Project) -> list[tuple[int, int]]:
    """Pairs on which a person's vote stands, the lower sample first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT c.pair_low, c.pair_high
            FROM curation_comparison c
            JOIN curation_judgement j ON j.id = c.judgement_id
            JOIN curation_rater r ON r.id = c.rater_id
            WHERE j.project_id = %s AND r.kind = 'person' AND NOT c.is_retracted AND j.purpose = ANY(%s)
              AND c.left_prompt_id = c.right_prompt_id
            """,
            [project.pk, list(Judgement.COUNTED_PURPOSES)],
        )
        return cursor.fetchall()


def _check_listed(project: Project, pairs: Sequence[tuple[int, int]]) -> None:
    named = {pk for pair in pairs for pk in pair}
    prompt_of = dict(Sample.objects.filter(project=project, pk__in=named).values_list("pk", "prompt_id"))
    for one, other in pairs:
        missing = next((pk for pk in (one, other) if pk not in prompt_of), None)
        if missing is not None:
            raise Refused(_("This project has no sample %(id)s.") % {"id": missing})
        if one == other or prompt_of[one] != prompt_of[other]:
            raise Refused(
                _("%(one)s and %(other)s are not two samples of one prompt, so nobody can compare them.")
                % {"one": one, "other": other}
            )


def _verdicts(project: Project, ask: Ask) -> Iterator[Unit]:
    """Living verdicts on pairs, with reasons, of the judges that are listened to."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (j.id) c.left_prompt_id, j.id, c.left_sample_id, c.right_sample_id
            FROM curation_judgement j
            JOIN scoring_judgerater r ON r.rater_id = j.rater_id
            JOIN curation_comparison c ON c.judgement_id = j.id
            WHERE j.project_id = %s AND r.judge_id = ANY(%s) AND j.retracted_at IS NULL AND j.act = 'compare'
              AND coalesce(j.payload->'verdict'->>'reasoning', '') <> ''
            ORDER BY j.id, c.position
            """,
            [project.pk, list(ask.of)],
        )
        for prompt_id, judgement_id, left, right in cursor.fetchall():
            yield Unit(prompt_id, (left, right), judgement_id)


# -- what is still missing --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Voice:
    """How a job asks: what tells its questions from those of another job with the same judge."""

    rater_id: int | None
    mode: Mode
    both_orders: bool
    repeats: int
    context_id: int | None = None
    guideline_id: int | None = None

    def queries(self, unit: Unit) -> Iterator[Query]:
        return units.queries(unit, self.mode, both_orders=self.both_orders, repeats=self.repeats)

    def key(self, query: Query) -> str:
        return query.key(self.context_id, self.guideline_id)


def missing(project: Project, voice: Voice, found: Iterable[Unit]) -> Iterator[list[Query]]:
    """For each unit that is not fully answered, the questions that are left. A query for 20,000 questions.

    What was answered and later retracted is not asked again: the judge would only repeat itself.
    """
    if not _has_spoken(project, voice.rater_id):
        yield from (list(voice.queries(unit)) for unit in found)
        return
    asked = ([(voice.key(query), query) for query in voice.queries(unit)] for unit in found)
    while some := list(islice(asked, max(_KEYS_AT_ONCE // (2 * voice.repeats), 1))):
        known = _known(project, voice.rater_id, [key for own in some for key, _query in own])
        for own in some:
            left = [query for key, query in own if key not in known]
            if left:
                yield left


def _has_spoken(project: Project, rater_id: int | None) -> bool:
    return rater_id is not None and Judgement.objects.filter(project=project, rater=rater_id).exists()


def _known(project: Project, rater_id: int | None, keys: list[str]) -> set[str]:
    """Which of these questions the rater has answered. The keys travel as one array, not as so many parameters."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT client_key FROM curation_judgement
            WHERE rater_id = %s AND project_id = %s AND client_key = ANY(%s)
            """,
            [rater_id, project.pk, keys],
        )
        return {key for (key,) in cursor.fetchall()}
