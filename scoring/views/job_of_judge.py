"""What the page of a judging job has beside: spending, newest verdicts, replies that could not be read, a try."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from curation.models import GuidelineVersion, Job, Judgement, JudgingContext, Project
from scoring.actions.judging import budgets
from scoring.forms.judging import BudgetForm
from scoring.models import Judge, JudgeCall, Spending
from scoring.views import judge_trial, verdict_words

# A few of the replies that could not be read, and of the newest verdicts; failures have their own pages.
FAULTY_SHOWN = 12
VERDICTS_SHOWN = 12


@dataclass(frozen=True)
class SpendingLine:
    """What a judging job has spent, and how much of its budget that is."""

    row: Spending
    cost: str
    most_cost: str
    share: float | None

    @property
    def percent(self) -> int:
        return round(100 * (self.share or 0))

    @property
    def larger_requests(self) -> str:
        """A budget to go on with: twice the one that is spent."""
        return str(2 * self.row.most_requests) if self.row.most_requests else ""

    @property
    def larger_cost(self) -> str:
        return budgets.plain(2 * self.row.most_cost) if self.row.most_cost else ""


def spending(job: Job) -> SpendingLine | None:
    """One query for a judging job, none for others."""
    if job.kind != Job.Kind.JUDGE:
        return None
    row = Spending.objects.filter(job=job).first()
    if row is None:
        return None
    shares = [row.requests / row.most_requests] if row.most_requests else []
    shares += [float(row.cost / row.most_cost)] if row.most_cost else []
    return SpendingLine(
        row=row,
        cost=budgets.plain(row.cost),
        most_cost=budgets.plain(row.most_cost) if row.most_cost is not None else "",
        share=min(max(shares), 1.0) if shares else None,
    )


def shown(project: Project, job: Job) -> dict[str, object]:
    """What the page of a judging job has beside: who was asked, replies that could not be read, what a try found."""
    if job.kind != Job.Kind.JUDGE:
        return {}
    judge = Judge.objects.select_related("template").filter(pk=job.params.get("judge")).first()
    faulty = JudgeCall.objects.filter(job=job).exclude(fault="")
    trial = judge_trial.shown(project, job) if job.params.get("trial") else {}
    return {
        "judge": judge,
        "faulty": list(faulty.order_by("-pk")[:FAULTY_SHOWN]) if not trial else [],
        "verdicts": _verdicts(job),
        "budget_form": BudgetForm(),
        **trial,
    }


def _verdicts(job: Job) -> list[tuple[Judgement, str]]:
    """The newest verdicts of a judging job with what they say, samples by their numbers. One query."""
    rows = Judgement.objects.filter(job=job).select_related("context").order_by("-pk")[:VERDICTS_SHOWN]
    return [(one, _verdict_in_words(one)) for one in rows]


def _verdict_in_words(one: Judgement) -> str:
    said = one.presentation or {}
    names = [_("sample %(id)s") % {"id": pk} for pk in said.get("order", ())]
    lines = verdict_words.said((one.payload or {}).get("verdict") or {}, names)
    about = ", ".join(names) if len(names) != 2 else _(" and ").join(names)
    words = "; ".join(f"{line.criterion}: {line.words}" for line in lines[:3])
    return f"{about} – {words}" if about else words


def facts(job: Job) -> list[tuple[str, str]]:
    """What about and under what a judge was asked. Two queries at most."""
    ask = job.params.get("ask") or {}
    found = [(_("Asked about"), " ".join(str(ask[key]) for key in ("rule", "about") if ask.get(key)))] if ask else []
    if context := JudgingContext.objects.filter(pk=job.params.get("context")).first():
        found.append((_("Judged under"), str(context)))
    if guideline := GuidelineVersion.objects.filter(pk=job.params.get("guideline")).first():
        found.append((_("Guideline shown"), str(guideline)))
    if job.result.get("same_family"):
        found.append(
            (
                _("Not independent"),
                _("%(count)s verdicts on samples of its own family") % {"count": f"{job.result['same_family']:,}"},
            )
        )
    return found
