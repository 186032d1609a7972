"""Totals of several scores: the plan stands in the recipe, so that a version is pinned to what it computed."""

import polars as pl

from curation.recipes.model import Signal
from curation.recipes.signals import scores
from curation.recipes.signals.heard import COMPARED, NO_BAD, SCORED, SHARES, Heard
from curation.recipes.signals.means import mean_by
from curation.recipes.signals.selecting import statements_of
from curation.recipes.steps.evidence import Read
from curation.rewards.model import Member, RewardRule
from curation.rewards.reward import Reward
from curation.rewards.scale import Scale


def hear(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    """The totals of these samples (sample_id, prompt_id) under the signal's plan.

    Steps that look at a prompt, or at its references, see all candidates of it, whatever the filters leave.

    Raises:
        Refused: what the members or `curation.rewards.reward.Reward` refuse.
    """
    rule = signal.reward
    if rule is None:
        raise ValueError(f"the signal {signal.criterion!r} has no plan")
    everybody = read.considered if read.considered is not None else samples
    frame, heard = raw(rule, read, everybody)
    totals = Reward(rule, scales(rule, read.evidence.scales)).apply(frame)
    values = totals.select("sample_id", "value").drop_nulls("value")
    sign = 1.0 if rule.higher_is_better else -1.0
    here = samples.select("sample_id")
    members = tuple(_only(member, here) for member in heard)
    return Heard(
        signal=signal,
        values=values.join(here, on="sample_id", how="semi")
        .sort("sample_id")
        .with_columns(rank_value=pl.col("value") * sign),
        shares=pl.DataFrame(schema=SHARES),
        bad=pl.DataFrame(schema=NO_BAD),
        about_samples=pl.concat([pl.DataFrame(schema=SCORED), *(member.about_samples for member in members)]).unique(
            maintain_order=True
        ),
        about_couples=pl.DataFrame(schema=COMPARED),
        unit="reward",
        members=members,
        higher_is_better=rule.higher_is_better,
    )


def _only(heard: Heard, samples: pl.DataFrame) -> Heard:
    return Heard(
        signal=heard.signal,
        values=heard.values.join(samples, on="sample_id", how="semi", maintain_order="left"),
        shares=heard.shares,
        bad=heard.bad,
        about_samples=heard.about_samples.join(samples, on="sample_id", how="semi", maintain_order="left"),
        about_couples=heard.about_couples,
    )


def scales(rule: RewardRule, stated: pl.DataFrame) -> dict[str, Scale]:
    """What the members are measured in, by member; one whose criterion states nothing is told by its key.

    Args:
        stated: `frames.SCALES`.
    """
    known = {row["criterion"]: row for row in stated.to_dicts()}
    found = {}
    for member in rule.members:
        row = known.get(member.criterion)
        found[member.name] = (
            Scale(member.criterion, row["unit"], row["low"], row["high"], row["higher_is_better"])
            if row
            else Scale(member.criterion)
        )
    return found


def raw(rule: RewardRule, read: Read, samples: pl.DataFrame) -> tuple[pl.DataFrame, list[Heard]]:
    """Every sample with the members' raw numbers, null where nothing was said, and what was heard of each member.

    Args:
        samples: sample_id, prompt_id, kind.

    Returns:
        sample_id, prompt_id, kind, a column a member, and `contrast:MEMBER` where its transform asks for it.
    """
    frame = samples.select("sample_id", "prompt_id", "kind").sort("sample_id")
    members = []
    for member in rule.members:
        heard = scores.hear(signal_of(member), read, frame)
        own = heard.values.select("sample_id", pl.col("value").alias(member.name))
        frame = frame.join(own, on="sample_id", how="left", maintain_order="left")
        if member.transform.contrast:
            found = _contrasts(member, read, frame)
            frame = frame.join(found, on="sample_id", how="left", maintain_order="left")
        members.append(heard)
    return frame, members


def signal_of(member: Member) -> Signal:
    """The member as a signal of its own."""
    return Signal("scores", member.criterion, member.raters, member.where)


def _contrasts(member: Member, read: Read, frame: pl.DataFrame) -> pl.DataFrame:
    """What the member's raters said of each sample under other prompts than its own."""
    said = statements_of(signal_of(member), read, read.evidence.scores)
    others = said.join(frame.select("sample_id", own_id="prompt_id"), on="sample_id").filter(
        pl.col("prompt_id") != pl.col("own_id")
    )
    voices = mean_by(others, ["sample_id", "prompt_id", "rater_id"], "value")
    prompts = mean_by(voices, ["sample_id", "prompt_id"], "value")
    highest = prompts.group_by("sample_id").agg(pl.col("value").max())
    found = mean_by(prompts, ["sample_id"], "value") if member.transform.contrast == "mean" else highest
    return found.rename({"value": f"contrast:{member.name}"})
