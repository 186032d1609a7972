"""What was said of a call's samples, as the JSON of its answer.

Numbers are written in full: the shortest decimals that read back as the same 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from scoring.scorers.base import ItemError, Json, NotApplicable, Outcome, Output, Reading, ScorerFacts
from scoring.service.batcher import Batcher
from scoring.service.scoring_calls import Scored

# The status of an item that was taken and that a scorer failed on.
UNSCORABLE = 422


def identities(names: Sequence[str], batcher: Batcher) -> dict[str, Json]:
    """Who answered: what a number depends on, by its digest, and what the scorer is made of."""
    return {name: _identity(batcher.facts[name], batcher) for name in names}


def _identity(facts: ScorerFacts, batcher: Batcher) -> dict[str, Json]:
    identity = batcher.identities.get(facts.name, {})
    return {
        "identity": batcher.digests.get(facts.name, ""),
        "version": facts.version,
        "kind": facts.kind,
        "scope": facts.scope,
        "precision": str(identity.get("precision", "")),
        "batching": str(identity.get("batching", "together")),
        "criteria": [_criterion(output) for output in facts.outputs],
    }


def _criterion(output: Output) -> dict[str, Json]:
    return {
        "criterion": output.criterion,
        "unit": output.unit,
        "low": output.low,
        "high": output.high,
        "higher_is_better": output.higher_is_better,
    }


def told(one: Scored, *, wants_detail: bool) -> dict[str, Json]:
    """One sample as the answer has it."""
    scores = [score for name, outcome in one.outcomes.items() for score in _scores(name, outcome)]
    found: dict[str, Json] = {"sample": one.sent.id, "scores": scores, "errors": list(errors(one))}
    skipped = [
        {"scorer": name, "reason": said.reason}
        for name, said in one.outcomes.items()
        if isinstance(said, NotApplicable)
    ]
    found["not_applicable"] = skipped
    if wants_detail:
        readings = {name: outcome for name, outcome in one.outcomes.items() if isinstance(outcome, Reading)}
        found["detail"] = {name: dict(reading.detail) for name, reading in readings.items()}
        found["places"] = {
            name: [asdict(place) for place in own.places] for name, own in readings.items() if own.places
        }
    return found


def _scores(name: str, outcome: Outcome) -> Iterator[dict[str, Json]]:
    if isinstance(outcome, Reading):
        for criterion, result in outcome.results.items():
            yield {"scorer": name, "criterion": criterion, "value": result.value, "spread": result.spread}


def errors(one: Scored) -> Iterator[dict[str, Json]]:
    """What went wrong with one sample, each with the status it would give a call of its own."""
    for scorer, status, reason in _faults(one):
        yield {"scorer": scorer, "status": status, "reason": reason}


def _faults(one: Scored) -> Iterator[tuple[str | None, int, str]]:
    if one.fault is not None:
        yield None, one.fault.status, str(one.fault)
    for name, outcome in one.outcomes.items():
        if isinstance(outcome, ItemError):
            yield name, UNSCORABLE, f"samples[{one.sent.place}]: {outcome.reason}"


def status_of(scored: Sequence[Scored]) -> int:
    """200 as soon as anything could be said; else that of the first fault. Nothing to say is an answer as well."""
    statuses = [status for one in scored for _scorer, status, _reason in _faults(one)]
    if not statuses or any(one.has_numbers for one in scored):
        return 200
    return statuses[0]
