"""What the probes must know of whom they look at: a scorer of the catalogue, or a judge that is asked in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from curation.errors import Refused
from scoring.actions.judging import asks, templates
from scoring.catalogue import facts_of
from scoring.judges import questions
from scoring.judges.base import Mode, Template
from scoring.models import Judge, ProbeRun
from scoring.scorers.base import Needs, Output, ScorerFacts

# In `ProbeRun.settings` and a job's mark of probes: the judge that is looked at.
JUDGE = "judge"


@dataclass(frozen=True)
class Card:
    """Whom a run looks at.

    Attributes:
        outputs: the criteria it speaks of.
        needs: what a sample must have to be put to it.
        compares: two samples are put side by side, in both orders; else each is given a number by itself.
    """

    outputs: tuple[Output, ...]
    needs: Needs
    compares: bool = False

    @property
    def orders(self) -> int:
        """How many questions one input is."""
        return 2 if self.compares else 1

    @property
    def fewest_samples(self) -> int:
        """Without how many samples a prompt is of no use."""
        return 2 if self.compares else 1


def of_facts(facts: ScorerFacts) -> Card:
    return Card(tuple(facts.outputs), facts.needs)


def of_template(template: Template) -> Card:
    """The card of a judge that asks by this template. One of whole groups is asked about two at a time.

    Raises:
        Refused: a listener, who is shown no sample.
    """
    if template.mode == Mode.LISTENER:
        raise Refused(
            _("“%(template)s” reads the reasons of other judges and is shown no samples, so there is nothing to probe.")
            % {"template": template.name}
        )
    reads_prompt = "prompt" in questions.named_in(template)
    return Card(
        outputs=tuple(
            Output(
                criterion=one.key,
                title=one.title or one.key,
                unit="",
                low=0.0 if one.low is None else one.low,
                high=1.0 if one.high is None else one.high,
            )
            for one in template.criteria
        ),
        needs=replace(asks.needs(template), prompt_text=reads_prompt),
        compares=template.mode in (Mode.PAIR, Mode.LIST),
    )


def of_judge(judge: Judge) -> Card:
    """The same of a judge. Raises Refused where its template is gone as well."""
    return of_template(templates.of(judge))


def judge_of(run: ProbeRun) -> Judge | None:
    """The judge a run looks at; None where it looks at a scorer. One query where it is one."""
    if JUDGE not in run.settings:
        return None
    return Judge.objects.select_related("template", "project").get(pk=run.settings[JUDGE])


def of_run(run: ProbeRun) -> Card:
    judge = judge_of(run)
    return of_facts(facts_of(run.scorer)) if judge is None else of_judge(judge)
