"""Lists of constraints of prompts, and people's answers to them. Judges read the same lists (`scoring`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import criteria, judgements, prompt_links
from curation.actions.criteria import Wording
from curation.actions.judgements import Act, NewScore, Subject
from curation.errors import Refused
from curation.formats.records import Record, records
from curation.formats.rows import Refusal
from curation.models import CriterionVersion, Judgement, Project, Prompt, PromptConstraints, Rater, Sample, User
from curation.prompt_tools import constraint_files, constraints
from curation.prompt_tools.constraint_files import Fault
from curation.prompt_tools.constraints import Constraint, ConstraintsRefused

# The criterion of the totals: the very one under which judges keep theirs, so that people and judges can be compared.
CRITERION = "alignment-points-0-1"


@dataclass
class Outcome:
    """What became of a file of lists: `new`, `same` and `changed` lists, and rows that were refused."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)


def of(prompt: Prompt) -> tuple[Constraint, ...]:
    """The prompt's list, empty where it has none. Costs a query."""
    found = PromptConstraints.objects.filter(prompt=prompt).first()
    return constraints.parse(found.items) if found else ()


@transaction.atomic
def set_list(*, prompt: Prompt, raw: object, source: str = "", by: User | None) -> str:
    """Gives a prompt its list in place of the one it had: `new`, `changed`, or `same` where nothing is different.

    Answers that were given to an earlier list stand: each holds the questions it answers.

    Raises:
        Refused: the list cannot be used; the message names the constraint, or the keys that need each other.
    """
    try:
        found = constraints.parse(raw)
    except ConstraintsRefused as error:
        raise Refused(str(error)) from error
    edition = constraints.edition(found)
    before = PromptConstraints.objects.select_for_update().filter(prompt=prompt).first()
    if before is not None and before.edition == edition:
        return "same"
    values = {"items": constraints.as_json(found), "edition": edition, "source": source[:100], "changed_by": by}
    PromptConstraints.objects.update_or_create(prompt=prompt, defaults=values)
    return "changed" if before else "new"


def remove(*, prompt: Prompt) -> None:
    PromptConstraints.objects.filter(prompt=prompt).delete()


def from_facts(*, prompt: Prompt, by: User | None) -> str:
    """A list read off the prompt's facts: things, counts, colours, places, words.

    Raises:
        Refused: the facts state nothing that can be asked.
    """
    try:
        found = constraint_files.from_facts(prompt.facts)
    except ConstraintsRefused as error:
        raise Refused(str(error)) from error
    return set_list(prompt=prompt, raw=constraints.as_json(found), source="facts", by=by)


def import_file(*, project: Project, path: Path, by: User | None = None) -> Outcome:
    """Lists from a JSON Lines, JSON, CSV or TSV file: ours, GenEval's facts or DSG's tuples. Safe to repeat."""
    outcome = Outcome()
    for stated in constraint_files.read(_rows(path, outcome)):
        if isinstance(stated, Fault):
            outcome.refused.append(Refusal(stated.where, stated.reason))
            continue
        try:
            prompt = prompt_links.find(project=project, key=stated.prompt_key, text=stated.prompt)
            raw = constraints.as_json(stated.constraints)
            outcome.counts[set_list(prompt=prompt, raw=raw, source=path.name, by=by)] += 1
        except Refused as error:
            outcome.refused.append(Refusal(stated.where, str(error)))
    if not outcome.counts and not outcome.refused:
        raise Refused(_("“%(name)s” has no rows.") % {"name": path.name})
    return outcome


def _rows(path: Path, outcome: Outcome) -> Iterator[tuple[str, Mapping[str, object]]]:
    for row in records(path):
        if isinstance(row, Record):
            yield row.where, row.values
        else:
            outcome.refused.append(row)


# -- answers ----------------------------------------------------------------------------------------------------------


def criterion(project: Project) -> CriterionVersion:
    """The criterion of the totals, 0 to 1."""
    wording = Wording(name=_("Alignment"), scale=CriterionVersion.Scale.INTERVAL, low=0, high=1)
    return criteria.ensure_scale(project=project, key=CRITERION, wording=wording)


@transaction.atomic
def answer(
    *, sample: Sample, rater: Rater, answers: Mapping[str, bool], seconds: float | None = None, by: User | None = None
) -> Judgement:
    """Writes down a rater's answers to the list of a sample's prompt, as one act with the total as its score.

    Void questions are kept as void and count for nothing. Answered again, the earlier act is superseded.

    Raises:
        Refused: the prompt has no list, or a question that is not void has no answer.
    """
    listed = of(sample.prompt)
    if not listed:
        raise Refused(_("This prompt has no list of constraints yet."))
    try:
        outcome = constraints.outcome(listed, answers)
    except ConstraintsRefused as error:
        raise Refused(str(error)) from error
    assert outcome.total is not None  # a list without a circle has a question that needs none
    edition = constraints.edition(listed)
    said = _said(listed, answers, outcome.void)
    project = sample.project
    score = NewScore(Subject(sample.pk, sample.prompt_id), criterion(project).pk, outcome.total)
    old = _earlier(sample, rater)
    number = 1 + _acts(sample, rater).count()
    act = Act(
        rater_id=rater.pk,
        act=Judgement.Act.CHECK,
        seconds=seconds,
        client_key=f"constraints:{sample.pk}:{number}",
        payload={"constraints": edition, "verdict": {"answers": said, "detail": {"void": list(outcome.void)}}},
        scores=[score],
    )
    if old is not None:
        return judgements.supersede(project=project, old=old, act=act, by=by)
    return judgements.record(project=project, acts=[act])[0]


def _said(listed: Sequence[Constraint], answers: Mapping[str, bool], void: Sequence[str]) -> list[dict[str, Any]]:
    """In the form in which a judge's answers are kept; a void question has no answer."""
    return [
        {
            "key": one.key,
            "question": one.question,
            "weight": one.weight,
            "yes": None if one.key in void else answers[one.key],
            "is_void": one.key in void,
        }
        for one in listed
    ]


def _acts(sample: Sample, rater: Rater) -> Any:
    return Judgement.objects.filter(
        project=sample.project, rater=rater, client_key__startswith=f"constraints:{sample.pk}:"
    )


def _earlier(sample: Sample, rater: Rater) -> Judgement | None:
    return _acts(sample, rater).living().order_by("-pk").first()


def given(*, prompt: Prompt, by: User) -> dict[int, dict[str, Any]]:
    """A person's living answers by sample, as `verdict` has them. Costs a query."""
    acts = Judgement.objects.filter(
        project=prompt.project_id, rater__user=by, client_key__startswith="constraints:", scores__prompt=prompt
    ).living()
    return {
        sample: {"answers": (payload or {}).get("verdict", {}).get("answers", []), "total": value}
        for sample, payload, value in acts.values_list("scores__sample", "payload", "scores__value")
    }
