"""What a scorer would have to do in a project, before it does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curation.models import CriterionVersion, Project, Rater
from curation.models.prompts import SampleQuerySet
from scoring.actions import choosing
from scoring.actions.choosing import Voice
from scoring.actions.planning import past_rate
from scoring.models.heads import of_key
from scoring.scorers.base import ScorerFacts


@dataclass(frozen=True)
class Coverage:
    """How many samples have what a scorer needs, how many of them it has not spoken of, and how long that takes."""

    facts: ScorerFacts
    fitting: int
    missing: int
    seconds: float | None

    @property
    def scored(self) -> int:
        return self.fitting - self.missing


def coverage(project: Project, samples: SampleQuerySet, facts: ScorerFacts) -> Coverage:
    """Counts for one scorer in its present version. Costs about six queries; two of them count samples."""
    fitting = choosing.fitting(samples, facts.needs)
    count = fitting.count()
    voice = _voice(project, facts)
    missing = fitting.filter(choosing.lacks(voice)).count() if voice else count
    rate = past_rate(project, [facts.name])
    return Coverage(facts, count, missing, missing / rate if rate else None)


def seconds_together(project: Project, covered: Sequence[Coverage]) -> float | None:
    """How long scorers take that share each decoded picture; None where nothing is known of one of them."""
    together = past_rate(project, [one.facts.name for one in covered])
    if together:
        return max(one.missing for one in covered) / together
    known = [one.seconds for one in covered if one.missing]
    return None if None in known else sum(second for second in known if second is not None)


def _voice(project: Project, facts: ScorerFacts) -> Voice | None:
    """The newest rater this version of the scorer has been, and its criteria here; None while it never spoke here."""
    head = of_key(facts.name)
    rater = head.rater if head else _newest(facts)
    keys = [output.criterion for output in facts.outputs]
    criteria = CriterionVersion.objects.filter(criterion__project=project, criterion__key__in=keys)
    found = list(criteria.values_list("pk", flat=True))
    return Voice(rater.pk, found) if rater and found else None


def _newest(facts: ScorerFacts) -> Rater | None:
    return (
        Rater.objects.filter(
            project=None, name=facts.name, identity__scorer=facts.name, identity__version=facts.version
        )
        .order_by("-pk")
        .first()
    )
