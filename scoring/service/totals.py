"""A reward over live scores: the rule and the arithmetic of stored ones, on numbers that were just computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from curation.errors import Refused
from curation.recipes.signals.means import mean_by
from curation.rewards.model import Member, RewardRule
from curation.rewards.reward import Reward, Totalled
from scoring.scorers.base import Json, Reading, ScorerFacts
from scoring.service.desk import Plan
from scoring.service.refusals import CallRefused
from scoring.service.scoring_calls import Scored
from scoring.service.telling import errors

Voices = Mapping[str, tuple[str, ...]]


def voices(
    rule: RewardRule, facts: Mapping[str, ScorerFacts], digests: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """The scorers held here that speak for each member, as the rule names them among raters.

    Args:
        digests: of the identities of those scorers, by name.

    Raises:
        CallRefused: 409 where a member's rater is not held, or several could be meant; 422 where a transform needs
            what a live group does not have.
    """
    return {member.name: _voices(member, facts, digests) for member in rule.members}


def _voices(member: Member, facts: Mapping[str, ScorerFacts], digests: Mapping[str, str]) -> tuple[str, ...]:
    _check_live(member)
    able = {name for name, one in facts.items() if any(out.criterion == member.criterion for out in one.outputs)}
    if not member.raters:
        if len(able) == 1:
            return tuple(able)
        held = ", ".join(sorted(able)) or "none"
        said = f"Scorers held here that score {member.criterion!r}: {held}."
        raise CallRefused(409, f"The member {member.name!r} names no rater. {said} Start the service with exactly one.")
    return tuple(_voice(rater, member, able, digests) for rater in member.raters)


def _voice(rater: str, member: Member, able: set[str], digests: Mapping[str, str]) -> str:
    meant = _meant(rater, able, digests)
    if len(meant) == 1:
        return meant[0]
    why = "which is held here in several revisions" if meant else "which is not held here"
    alike = meant or [name for name in sorted(able) if _plain(name) == _plain(rater)]
    here = ", ".join(f"{_plain(name)}@{digests.get(name, '')[:8]}" for name in alike)
    held = here or ", ".join(sorted(able)) or "nothing"
    raise CallRefused(409, f"The member {member.name!r} reads {member.criterion!r} of {rater!r}, {why}; held: {held}.")


def _meant(rater: str, able: set[str], digests: Mapping[str, str]) -> list[str]:
    """The scorers that a rater's name may mean. A head is held under a name with a revision in it, and is the rater
    of the name before that."""
    if rater in able:
        return [rater]
    revision = rater.partition("@")[2]
    alike = [name for name in sorted(able) if _plain(name) == _plain(rater)]
    return [name for name in alike if digests.get(name, "").startswith(revision)]


def _plain(name: str) -> str:
    return name.partition("@")[0]


def _check_live(member: Member) -> None:
    if member.transform.contrast:
        words = "compares with scores under other prompts, which a live group does not have"
        raise CallRefused(422, f"The member {member.name!r} {words}. Use a reward without `contrast`.")
    if member.transform.is_open:
        words = "names a reference set for its z-score, and a group is none"
        remedy = "`manage.py reward` prints its mean and deviation; write them into the plan"
        raise CallRefused(422, f"The member {member.name!r} {words}. {remedy}.")


def reward_of(plan: Plan) -> Reward:
    """
    Raises:
        CallRefused: 422 where the rule would throw together what may not be.
    """
    try:
        return Reward(plan.rule, plan.scales)
    except Refused as error:
        raise CallRefused(422, str(error)) from error


def total(reward: Reward, scored: Sequence[Scored], speakers: Voices) -> Totalled:
    """The totals of a group, in the order of the call. Steps that look at a prompt see what the call has of it.

    Raises:
        CallRefused: 422 where the rule refuses what it was given.
    """
    try:
        return reward.total(raw(reward.rule, scored, speakers))
    except Refused as error:
        raise CallRefused(422, str(error)) from error


def raw(rule: RewardRule, scored: Sequence[Scored], speakers: Voices) -> pl.DataFrame:
    """`sample_id` (the place in the call), `prompt_id`, `kind`, and a column of raw numbers for each member."""
    prompts = [one.item.prompt_id if one.item is not None else None for one in scored]
    frame = pl.DataFrame(
        {
            "sample_id": range(len(scored)),
            # What could not be taken is alone with its prompt: it must count in nobody's mean.
            "prompt_id": [_alone(place) if own is None else own for place, own in enumerate(prompts)],
            "kind": [one.kind for one in scored],
        },
        schema={"sample_id": pl.Int64, "prompt_id": pl.Int64, "kind": pl.String},
    )
    for member in rule.members:
        frame = frame.join(_column(member, scored, speakers[member.name]), on="sample_id", how="left")
    return frame.sort("sample_id")


def _alone(place: int) -> int:
    return -(2**62) + place


def _column(member: Member, scored: Sequence[Scored], names: Sequence[str]) -> pl.DataFrame:
    """The mean of the member's raters on each sample of which any of them spoke."""
    rows = [
        (place, outcome.results[member.criterion].value)
        for place, one in enumerate(scored)
        for name in names
        if isinstance(outcome := one.outcomes.get(name), Reading) and member.criterion in outcome.results
    ]
    table = pl.DataFrame(rows, schema={"sample_id": pl.Int64, "value": pl.Float64}, orient="row")
    return mean_by(table, ["sample_id"], "value").rename({"value": member.name})


def told(plan: Plan, made: Totalled, scored: Sequence[Scored]) -> dict[str, Json]:
    """The answer: which rule exactly, and each sample's total with what it was made of."""
    rule = plan.rule
    rows = made.frame.sort("sample_id").iter_rows(named=True)
    results = [_row(row, one, rule) for row, one in zip(rows, scored, strict=True)]
    return {
        "reward": {
            "name": rule.name,
            "version": rule.version,
            "digest": rule.digest(),
            "source": plan.source,
            "rule": rule.total.rule,
            "higher_is_better": rule.higher_is_better,
        },
        "results": results,
        "totals": made.totals,
        "missing": dict(made.missing),
        "clipped": dict(made.clipped),
    }


def _row(row: Mapping[str, Json], one: Scored, rule: RewardRule) -> dict[str, Json]:
    return {
        "sample": one.sent.id,
        "value": row["value"],
        "parts": row["parts"],
        "raw": {member.name: row[member.name] for member in rule.members},
        "why_missing": row["why_missing"],
        "errors": list(errors(one)),
    }
