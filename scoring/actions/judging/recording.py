"""Writing down what a judge said of a part of a job: judgements, failures and counts in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import jobs, judgements
from curation.models import JobChunk, JobFailure, Prompt, Sample
from scoring.actions import parts
from scoring.actions.judging import planning, verdicts
from scoring.actions.judging.asking import Answered
from scoring.actions.judging.benches import Bench
from scoring.actions.recording import what
from scoring.judges.units import Query

# Two jobs may write the same judge's word on the same pair at once; the second then finds it written.
MOST_TRIES = 3


def save(*, chunk: JobChunk, owner: str, answered: Sequence[Answered], ready: Bench) -> None:
    """Writes outcomes and counts together, so a part that is delivered twice finds nothing missing.

    Raises:
        Lost: the part is no longer this owner's; nothing is written.
    """
    for attempt in range(MOST_TRIES):
        try:
            _save(chunk=chunk, owner=owner, answered=answered, ready=ready)
        except IntegrityError:
            if attempt == MOST_TRIES - 1:
                raise
        else:
            return


@transaction.atomic
def _save(*, chunk: JobChunk, owner: str, answered: Sequence[Answered], ready: Bench) -> None:
    locked = parts.locked(chunk, owner)
    good = [one for one in answered if one.verdict is not None]
    bad = [one for one in answered if one.verdict is None]
    acts = verdicts.acts(chunk.job, ready, good)
    judgements.record(project=chunk.job.project, acts=acts)
    _record_failures(chunk, ready, bad)
    locked.done += len(good)
    locked.failed += len(bad)
    locked.params.setdefault("settled", []).extend(planning.settled_key(chunk, ready, one.query) for one in bad)
    # All turns of a conversation: asked anew, a judge begins from the beginning.
    locked.params.setdefault("faulty", []).extend(call.pk for one in bad for call in one.calls)
    locked.params["same_family"] = locked.params.get("same_family", 0) + sum(
        "same_family" in (act.payload or {}) for act in acts
    )
    locked.heartbeat_at = timezone.now()
    locked.save(update_fields=["done", "failed", "params", "heartbeat_at"])


def _record_failures(chunk: JobChunk, ready: Bench, bad: Sequence[Answered]) -> None:
    """Each names its samples; one whose sample is gone meanwhile names the prompt alone."""
    samples = Sample.objects.in_bulk({pk for one in bad for pk in one.query.unit.samples})
    prompts = set(Prompt.objects.filter(pk__in={one.query.unit.prompt_id for one in bad}).values_list("pk", flat=True))
    jobs.record_failures(
        chunk.job,
        [
            JobFailure(
                what=_what(one.query, samples)[:500],
                reason=one.fault,
                source=ready.judge.name[:100],
                sample_id=first if (first := one.query.shown[0]) in samples else None,
                prompt_id=one.query.unit.prompt_id if one.query.unit.prompt_id in prompts else None,
            )
            for one in bad
        ],
    )


def _what(query: Query, samples: Mapping[int, Sample]) -> str:
    """The question in words that are unique in its job: what was shown, in which order, and which repeat it was."""
    names = [what(samples[pk]) if pk in samples else _("sample %(id)s") % {"id": pk} for pk in query.shown]
    words = _(" and ").join(names)
    if query.unit.source:
        words = _("judgement %(id)s") % {"id": query.unit.source}
    return _("%(what)s, repeat %(number)d") % {"what": words, "number": query.repeat + 1} if query.repeat else words
