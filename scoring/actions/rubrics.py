"""Checklists from people's pairs: questions proposed or written down, answered by a judge, kept by their worth.

    propose  --a saved checklist of candidates-->  an ordinary judging job answers them  -->  learn  --a checklist

Nothing is measured on prompts whose verdicts the proposing model was shown, nor on prompts that belong with these. What
votes chose says on which prompts they were, so that nobody takes a checklist's agreement with them for news, and a
second round does not learn from them.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import examining, jobs
from curation.errors import PairwrightError, Refused
from curation.examination.board import board
from curation.examination.frames import Column
from curation.models import Job, Project, Rater, User, examination_frames
from curation.models.examination_frames import Asked
from curation.models.prompt_families import families
from scoring.actions.items import check_storage, items
from scoring.actions.judging import benches, calls, templates
from scoring.actions.judging.criteria import LONGEST_KEY
from scoring.actions.judging.subjects import subject
from scoring.judges import library
from scoring.judges.base import Malformed, Mode, Passing, Refusal, Template
from scoring.models import Judge, JudgeRater, JudgeTemplate, Rubric
from scoring.rubrics import choosing, proposing
from scoring.rubrics.choosing import Induced, TooFew
from scoring.rubrics.proposing import Pair
from scoring.scorers.base import ScorerUnavailable

# So many pairs travel in one question to the proposing model.
PAIRS_AT_ONCE = 6
MOST_PAIRS = 60
# Of the families of prompts with verdicts, at most this share is shown to it: the rest is for measuring.
SHOWN_SHARE = 1 / 3
# Whose words are taken where no checklist is started from; its own questions are then left out.
BASE = "image-checklist"


@dataclass(frozen=True)
class Wish:
    """What is to be made.

    Attributes:
        criterion: what people compared by.
        start: the checklist one starts from, `name` or `name@version`; empty: none, and samples are pictures.
        pairs: how many pairs the proposing model is shown.
        questions: written by a person, beside the proposed ones.
    """

    name: str
    criterion: str
    start: str = ""
    pairs: int = 24
    questions: tuple[str, ...] = ()
    seed: int = 0


# -- proposing --------------------------------------------------------------------------------------------------------


@transaction.atomic
def order(*, project: Project, judge: Judge, wish: Wish, by: User | None) -> Job:
    """Queues that a judge's model proposes questions.

    Raises:
        Refused: the name is taken, the wish cannot be fulfilled, or the judge is of another project.
    """
    if judge.project_id != project.pk:
        raise Refused(_("“%(judge)s” belongs to another project.") % {"judge": judge.name})
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two clicks are one job
    params = {"judge": judge.pk, "rubric": _as_json(wish)}
    waiting = _waiting(project, wish.name)
    if waiting is not None and waiting.params == params:
        return waiting
    _check(project, wish)
    return jobs.create(
        project=project,
        kind=Job.Kind.JUDGE,
        title=_("Questions proposed for %(name)s") % {"name": wish.name},
        params=params,
        by=by,
        queue="gpu" if judge.backend == Judge.Backend.LOCAL else "cpu",
    )


def _as_json(wish: Wish) -> dict[str, Any]:
    """A wish as a job's parameters come back from the database."""
    return {**asdict(wish), "questions": list(wish.questions)}


def _waiting(project: Project, name: str) -> Job | None:
    """The job that is to make a checklist of this name and is not over."""
    asked = Job.objects.filter(project=project, kind=Job.Kind.JUDGE, params__rubric__name=name)
    return asked.unfinished().first()


def is_asked_for(job_id: int) -> bool:
    return Job.objects.filter(pk=job_id, kind=Job.Kind.JUDGE, params__has_key="rubric").exists()


def run_job(*, job_id: int) -> Job | None:
    """Claims such a job and does it; None when somebody else has it or it is over."""
    job = Job.objects.select_related("project").filter(pk=job_id).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    try:
        with jobs.heartbeat(claimed, owner) as pulse:
            _propose(claimed, owner, pulse)
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except (PairwrightError, ScorerUnavailable, Refusal, Passing, Malformed) as error:
        jobs.fail(claimed, owner, str(error))
        return Job.objects.get(pk=claimed.pk)
    except Exception as error:
        jobs.fail(claimed, owner, f"{type(error).__name__}: {error}")
        raise
    return Job.objects.get(pk=claimed.pk)


def _propose(job: Job, owner: str, pulse: jobs.Pulse) -> None:
    wish = Wish(**{**job.params["rubric"], "questions": tuple(job.params["rubric"]["questions"])})
    _check(job.project, wish, job)  # nothing is paid for a name that was taken meanwhile
    check_storage()
    judge = benches.judge_of(job)
    bench = benches.bench(judge, job)
    base, _start = _base(job.project, wish)
    pairs = labelled_pairs(job.project, wish)
    found = list(wish.questions)
    for first in range(0, len(pairs), PAIRS_AT_ONCE):
        pulse.check()
        found += _asked(job, bench, pairs[first : first + PAIRS_AT_ONCE], base.media)
    shown = sorted({pair.preferred.prompt_id for pair in pairs})
    _written(job, owner, judge, wish, found, shown)


@transaction.atomic
def _written(job: Job, owner: str, judge: Judge, wish: Wish, questions: list[str], shown: list[int]) -> None:
    """Writes the checklist and ends its job at once: delivered again, the job finds both or neither.

    Raises:
        Lost: another worker has the job, and the checklist is its to write.
    """
    rubric = write(
        project=job.project, wish=wish, questions=questions, shown=shown, asked=(job, judge), by=job.created_by
    )
    result = {"rubric": rubric.pk, "questions": len(rubric.candidates.document["items"])}
    if not jobs.finish(job, owner, result=result):
        raise jobs.Lost


def _asked(job: Job, bench: benches.Bench, pairs: Sequence[Pair], media: str) -> list[str]:
    """The questions that one look at some pairs brings; an answer that was paid for before is not asked for again."""
    question = proposing.question_for(pairs, media=media)
    digest = question.digest(bench.backend.identity())
    known = calls.known(job.project, [digest]).get(digest)
    if known is not None and not known.fault:
        return proposing.read_questions(known.text)
    asked_at = timezone.now()
    reply = bench.backend.ask(question)
    try:
        found, fault = proposing.read_questions(reply.text), ""
    except Malformed as error:
        found, fault = [], str(error)
    calls.keep(job=job, judge=bench.judge, digest=digest, reply=reply, asked_at=asked_at, fault=fault, reservation=None)
    return found


def labelled_pairs(project: Project, wish: Wish) -> list[Pair]:
    """Pairs on which most people prefer one side, at most one of prompts that belong together, of a third of these at
    most.

    Raises:
        Refused: there are no such pairs, or so few that nothing would be left to measure on.
    """
    votes = _board(project, wish.criterion, frozenset()).voices
    sided = votes.filter(pl.col("verdict").is_not_null()).group_by("prompt_id", "low", "high")
    clear = sided.agg(lean=pl.col("verdict").cast(pl.Int64).sum()).filter(pl.col("lean") != 0).sort("prompt_id", "low")
    together = families(project.pk)
    clear = _unspent(clear, together.whole(templates.seen_prompts(project, wish.start)))
    clear = clear.with_columns(family=together.of(clear["prompt_id"].to_numpy()))
    by_family = {key[0]: part for key, part in clear.partition_by("family", as_dict=True).items()}
    count = min(wish.pairs, MOST_PAIRS, int(len(by_family) * SHOWN_SHARE))
    if count < 1 or len(by_family) - count < choosing.LEAST_PROMPTS:
        raise Refused(
            _(
                "People preferred one side on %(count)d prompts under “%(criterion)s”; at least %(least)d are needed. "
                "Prompts that belong together count once."
            )
            % {"count": len(by_family), "criterion": wish.criterion, "least": choosing.LEAST_PROMPTS + 5}
        )
    draw = random.Random(wish.seed)  # noqa: S311  # a reproducible draw, no secret
    chosen = draw.sample(sorted(by_family), count)
    rows = [by_family[family].row(draw.randrange(len(by_family[family])), named=True) for family in chosen]
    found = {item.sample_id: subject(item) for item in items([row[side] for row in rows for side in ("low", "high")])}
    ordered = [(row["low"], row["high"]) if row["lean"] > 0 else (row["high"], row["low"]) for row in rows]
    return [Pair(found[one], found[other]) for one, other in ordered if one in found and other in found]


def _unspent(clear: pl.DataFrame, spent: Collection[int]) -> pl.DataFrame:
    """Pairs without those of prompts that chose the checklist one starts from; they say nothing new."""
    left = clear.filter(~pl.col("prompt_id").is_in(list(spent)))
    _check_left(clear["prompt_id"], left["prompt_id"], spent, least=choosing.LEAST_PROMPTS + 5)
    return left


@transaction.atomic
def write(
    *,
    project: Project,
    wish: Wish,
    questions: Sequence[str],
    shown: Sequence[int] = (),
    asked: tuple[Job, Judge] | None = None,
    by: User | None,
) -> Rubric:
    """Saves all questions as a checklist that a judge can answer. What chose the one it starts from stays with it.

    Args:
        shown: prompts whose verdicts the proposing model saw.
        asked: the job that had it propose, and whose model that was.

    Raises:
        Refused: there is no question, or the wish cannot be fulfilled.
    """
    _check(project, wish, asked[0] if asked else None)
    base, start = _base(project, wish)
    known = [str(item["question"]) for item in start]
    new = [one for one in proposing.distinct([*known, *questions]) if one not in known]
    if not new:
        raise Refused(_("There is no new question. Write some down, or show the model other pairs."))
    keys = proposing.keys_for(new, [str(item["key"]) for item in start])
    first = base.criteria[0].key
    added = [{"key": key, "question": one, "weight": 1, "criterion": first} for key, one in zip(keys, new, strict=True)]
    only = [criterion for criterion in base.criteria if start or criterion.key == first]
    seen = {*shown, *templates.seen_prompts(project, wish.start)}
    row = _saved(project, base, f"{wish.name}-candidates", [*start, *added], only, by, seen)
    return Rubric.objects.create(
        project=project,
        name=wish.name,
        criterion=wish.criterion,
        candidates=row,
        started_from=len(start),
        shown_prompts=list(shown),
        proposed_by=asked[1].name if asked else "",
        created_by=by,
    )


def _check(project: Project, wish: Wish, job: Job | None = None) -> None:
    """Refuses what cannot be made; `job` is the one that makes it, if any."""
    if not wish.name.strip():
        raise Refused(_("Give the checklist a name."))
    if Rubric.objects.filter(project=project, name=wish.name).exists():
        raise Refused(_("There is a checklist “%(name)s” already. Choose another name.") % {"name": wish.name})
    waiting = _waiting(project, wish.name)
    if waiting is not None and waiting != job:
        raise Refused(
            _("Questions for “%(name)s” are being proposed already. Wait for that job, or choose another name.")
            % {"name": wish.name}
        )
    _base(project, wish)


def _base(project: Project, wish: Wish) -> tuple[Template, list[Mapping[str, Any]]]:
    """The template whose words are taken, and the questions one starts from."""
    template = templates.find(project, wish.start or BASE).template
    if template.mode != Mode.CHECKLIST:
        raise Refused(_("“%(name)s” is no checklist.") % {"name": wish.start})
    return template, [dict(item) for item in template.items] if wish.start else []


def _saved(
    project: Project,
    base: Template,
    name: str,
    questions: Sequence[Mapping[str, Any]],
    criteria: Any,
    by: User | None,
    seen: Collection[int],
) -> JudgeTemplate:
    document = dict(library.to_plain(replace(base, name=name[:100], version=1, source="own wording")))
    document |= {"items": [dict(item) for item in questions], "criteria": [asdict(one) for one in criteria]}
    return templates.save(project=project, document=document, by=by, seen=seen)


# -- learning ---------------------------------------------------------------------------------------------------------


def learn(*, rubric: Rubric, judge: Judge, by: User | None, kind: str = examining.PEOPLE) -> Induced:
    """Learns which questions to keep from people's votes and a judge's answers, and saves the checklist.

    Raises:
        Refused: the judge did not answer these questions, or there are too few votes.
    """
    template = templates.read(rubric.candidates.document)
    columns = _columns(rubric, judge, template)
    found = _board(rubric.project, rubric.criterion, frozenset((one.rater_id, one.criterion) for one in columns), kind)
    together = families(rubric.project_id)
    spent = together.whole(_spent(rubric))
    counted = found.is_sided & (found.verdict != 0) & ~np.isin(found.prompt_id, spent)
    _check_left(found.prompt_id[found.is_sided & (found.verdict != 0)], found.prompt_id[counted], spent)
    answers = [
        found.margin_of_voices(one) if one in found.margins else np.full(len(counted), np.nan) for one in columns
    ]
    table = np.stack(answers, axis=1)[counted]
    spoken = ~np.isnan(table).all(axis=1)
    if not spoken.any():
        raise Refused(
            _("“%(judge)s” has not answered the questions of %(name)s on any pair people voted on. Run it first.")
            % {"judge": judge.name, "name": rubric.candidates}
        )
    start = [float(str(item.get("weight", 1))) for item in template.items[: rubric.started_from]]
    start += [0.0] * (len(template.items) - len(start))
    try:
        learnt = choosing.induce(
            table[spoken],
            found.verdict[counted][spoken],
            found.prompt_id[counted][spoken],
            start if rubric.started_from else (),
            together,
        )
    except TooFew as error:
        raise Refused(str(error)) from error
    _keep(rubric, template, learnt, judge, by, together.whole({*spent, *found.prompt_id[counted][spoken].tolist()}))
    return learnt


def _spent(rubric: Rubric) -> list[int]:
    """Prompts to learn nothing more from: a model saw their verdicts, or they chose what one starts from."""
    return sorted({*rubric.shown_prompts, *rubric.candidates.seen_prompts})


def _check_left(
    voted: Iterable[int], left: Iterable[int], spent: Iterable[int], *, least: int = choosing.LEAST_PROMPTS
) -> None:
    """Refuses in words where too little remains beside the prompts that chose the questions."""
    count, taken = len(set(left)), len(set(voted) & set(spent))
    if taken and count < least:
        raise Refused(
            _(
                "%(taken)d prompts with votes chose these questions already, or were shown to the proposing model. "
                "%(left)d others have votes; at least %(least)d are needed. Let people compare on other prompts."
            )
            % {"taken": taken, "left": count, "least": least}
        )


def _columns(rubric: Rubric, judge: Judge, template: Template) -> list[Column]:
    """Each question's answers by the newest rater that the judge has been."""
    if judge.template_id != rubric.candidates_id:
        raise Refused(
            _("“%(judge)s” asks by %(there)s. Make a judge that asks by %(here)s, and let it answer.")
            % {"judge": judge.name, "there": judge.template_name, "here": rubric.candidates}
        )
    rater = Rater.objects.filter(pk__in=JudgeRater.objects.filter(judge=judge).values("rater")).order_by("-pk").first()
    if rater is None:
        raise Refused(_("“%(judge)s” has not answered anything yet. Run it first.") % {"judge": judge.name})
    keys = [f"{item['key']}-yes-no"[:LONGEST_KEY] for item in template.items]
    return [Column(rater.pk, key, "scores", "") for key in keys]


@transaction.atomic
def _keep(
    rubric: Rubric, template: Template, learnt: Induced, judge: Judge, by: User | None, seen: Collection[int]
) -> None:
    kept = [one for one in learnt.questions if one.weight > 0]
    own = [{**template.items[one.place], "weight": round(one.weight, 3)} for one in kept]
    used = {str(item.get("criterion", template.criteria[0].key)) for item in own}
    criteria = [criterion for criterion in template.criteria if criterion.key in used]
    row = _saved(rubric.project, template, rubric.name, own, criteria, by, seen) if own else None
    rubric.template = row
    rubric.report = {**asdict(learnt), "judge": judge.name}
    rubric.learnt_at = timezone.now()
    rubric.save(update_fields=["template", "report", "learnt_at"])


def _board(project: Project, criterion: str, machines: frozenset[tuple[int, str]], kind: str = examining.PEOPLE) -> Any:
    asked = Asked(project=project, criterion=criterion, kind=kind, machines=machines)
    return board(examination_frames.read(asked, {}))
