"""What all votes on a criterion add up to: strengths in logits, with the probability of every couple's next vote.

Whatever is weighed or learnt is learnt from the evidence that the recipe counts, so that a version rebuilds from what
it read. Only candidates take part: what is said of other samples says nothing here.
"""

import numpy as np
import polars as pl

from curation.consensus import rules
from curation.consensus.adding_up import Consensus, add_up, learn
from curation.consensus.noise import noise
from curation.consensus.opinions import VERDICTS
from curation.consensus.votes import COMPARISONS, SCORES, Told
from curation.errors import Refused
from curation.recipes.model import Signal
from curation.recipes.signals.heard import COMPARED, SCORED, SHARES, Heard
from curation.recipes.steps.evidence import Read

# Numbers are rounded before they are compared or kept: the last bits of a matrix product are a processor's own.
_DIGITS = 9


def hear(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    """Strengths of these samples (sample_id, prompt_id), of all that are known by the signal's basis.

    Raises:
        Refused: the signal asks for machines alone, and people's votes do not say what they are worth.
    """
    told = told_of(signal, read, samples)
    found = add_up(told, learn(told))
    if signal.basis == "machines" and not found.learnt.block.is_heard:
        raise Refused(_unknown_worth(signal, found))
    compared = _compared(signal, read, samples, found)
    return Heard(
        signal=signal,
        values=_values(signal, found, samples).with_columns(rank_value="value"),
        shares=_shares(signal, found, samples),
        bad=compared.filter(pl.col("outcome") == "both-bad").select("low", "high").unique().sort("low", "high"),
        about_samples=_scored(signal, read, samples, found).select(SCORED.names()).cast(SCORED),
        about_couples=compared.select(COMPARED.names()).cast(COMPARED),
        unit="strength",
    )


def hear_spread(signal: Signal, read: Read, samples: pl.DataFrame) -> pl.DataFrame:
    """How uncertain the strength of each sample is: sample_id, spread, a standard deviation in logits."""
    told = told_of(signal, read, samples)
    found = add_up(told, learn(told))
    _strength, variance = found.columns[signal.basis].values()
    return _by_sample(signal, found, samples, np.sqrt(variance), "spread")


def _unknown_worth(signal: Signal, found: Consensus) -> str:
    votes = found.learnt.votes
    because = {
        rules.Verdict.SILENT: "no machine is surely better than tossing a coin",
        rules.Verdict.NOT_BETTER: "together the machines are not surely better than tossing a coin",
    }.get(found.learnt.block.verdict, "there are too few of them")
    return (
        f"What machines are worth on {signal.criterion!r} is learnt from votes of people. There are {votes:,}, and "
        f"{because}. Take `{{scores: CRITERION, raters: [NAME]}}`, or have people compare at least 125 pairs drawn at "
        "random."
    )


# -- what is added up -------------------------------------------------------------------------------------------------


def told_of(signal: Signal, read: Read, samples: pl.DataFrame) -> Told:
    """What the recipe counts, on the signal's criterion and the criteria of its numbers, of candidates."""
    universe = (read.considered if read.considered is not None else samples).select("sample_id", "prompt_id").unique()
    return Told(
        comparisons=_comparisons(signal, read, universe),
        scores=_numbers(signal, read, universe),
        related=read.evidence.related,
        samples=universe,
    )


def _comparisons(signal: Signal, read: Read, universe: pl.DataFrame) -> pl.DataFrame:
    said = _between(read.about(signal.criterion, read.comparisons), universe)
    purposes = read.evidence.judgements.select("judgement_id", "purpose")
    said = said.join(purposes, on="judgement_id", maintain_order="left")
    picked = pl.col("judgement_id").is_in(read.evidence.picked["judgement_id"].implode())
    said = said.with_columns(
        is_label=pl.col("purpose") == rules.PURPOSE, is_picked=picked, prompt_id=pl.col("left_prompt_id")
    )
    kept = said.filter("is_label")
    return kept.select(pl.col(name).cast(dtype) for name, dtype in COMPARISONS.items())


def _between(said: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Comparisons of two of the samples under their prompt, with the couple as (low, high)."""
    mine = samples.select("sample_id", "prompt_id")
    for side in ("left", "right"):
        keys = [f"{side}_id", f"{side}_prompt_id"]
        said = said.join(mine, left_on=keys, right_on=["sample_id", "prompt_id"], how="semi", maintain_order="left")
    said = said.filter(pl.col("left_prompt_id") == pl.col("right_prompt_id"))
    return said.with_columns(
        low=pl.min_horizontal("left_id", "right_id"), high=pl.max_horizontal("left_id", "right_id")
    )


def _scores_on(signal: Signal, read: Read, samples: pl.DataFrame) -> pl.DataFrame:
    """Labels in numbers: people's ratings on the criterion itself, machines' on all that are named."""
    labels = read.evidence.judgements.filter(pl.col("purpose") == rules.PURPOSE)
    parts = []
    for criterion in (signal.criterion, *signal.numbers):
        here = read.about(criterion, read.evidence.scores).join(labels, on="judgement_id", how="semi")
        here = here.join(samples.select("sample_id", "prompt_id"), on=["sample_id", "prompt_id"], how="semi")
        here = here if criterion == signal.criterion else here.filter(~pl.col("is_person"))
        parts.append(here.with_columns(column=pl.lit(f"scores:{criterion}")))
    return pl.concat(parts)


def _numbers(signal: Signal, read: Read, universe: pl.DataFrame) -> pl.DataFrame:
    said = _scores_on(signal, read, universe)
    upward = pl.when("higher_is_better").then("value").otherwise(-pl.col("value"))
    return said.with_columns(value=upward).select(pl.col(name).cast(dtype) for name, dtype in SCORES.items())


# -- in the form of a signal ------------------------------------------------------------------------------------------


def _by_sample(signal: Signal, found: Consensus, samples: pl.DataFrame, numbers: np.ndarray, name: str) -> pl.DataFrame:
    known = found.known[signal.basis]
    table = pl.DataFrame(
        {
            "sample_id": found.layout.sample[known],
            "prompt_id": found.layout.prompt[found.layout.group[known]],
            name: numbers[known].round(_DIGITS) + 0.0,
        }
    )
    mine = table.join(samples.select("sample_id", "prompt_id"), on=["sample_id", "prompt_id"], how="semi")
    return mine.select("sample_id", name).sort("sample_id")


def _values(signal: Signal, found: Consensus, samples: pl.DataFrame) -> pl.DataFrame:
    strength, _variance = found.columns[signal.basis].values()
    return _by_sample(signal, found, samples, strength, "value")


def _shares(signal: Signal, found: Consensus, samples: pl.DataFrame) -> pl.DataFrame:
    """Every couple of known samples: P(the next vote of a person prefers low), and the votes on exactly these two."""
    layout, known = found.layout, found.known[signal.basis]
    mine = samples.select("sample_id", "prompt_id").join(layout.table, on=["sample_id", "prompt_id"]).sort("row")
    mine = mine.filter(pl.Series(known[mine["row"].to_numpy()], dtype=pl.Boolean)).select(
        "prompt_id", "sample_id", "row"
    )
    pairs = mine.join(mine, on="prompt_id", suffix="_high").filter(pl.col("row") < pl.col("row_high"))
    pairs = pairs.sort("row", "row_high")
    share = found.probability(signal.basis, pairs["row"].to_numpy(), pairs["row_high"].to_numpy())
    counted = pairs.select(low="sample_id", high="sample_id_high").with_columns(
        share=pl.Series(share.round(_DIGITS), dtype=pl.Float64)
    )
    both = counted.join(_tally(found), on=["low", "high"], how="left", maintain_order="left")
    votes = [pl.col(name).fill_null(0) for name in ("votes_low", "votes_high", "votes_tie")]
    weight = pl.sum_horizontal("votes_low", "votes_high", "votes_tie").cast(pl.Float64)
    return both.with_columns(votes).with_columns(weight=weight).select(list(SHARES)).cast(SHARES)  # type: ignore[arg-type]


def _tally(found: Consensus) -> pl.DataFrame:
    """People's votes on each couple."""
    said, ids = found.said, found.layout.sample
    low, high = np.minimum(said.left, said.right), np.maximum(said.left, said.right)
    toward = np.where(said.left == low, said.outcome, 1 - said.outcome)
    rows = pl.DataFrame({"low": ids[low], "high": ids[high], "toward": toward})
    return rows.group_by("low", "high").agg(
        votes_low=(pl.col("toward") == 1).sum(),
        votes_high=(pl.col("toward") == 0).sum(),
        votes_tie=(pl.col("toward") == 0.5).sum(),
    )


def _speaks(signal: Signal, found: Consensus, column: pl.Expr, related: pl.DataFrame) -> pl.Expr:
    """Whether a statement had a part in the values: people's by the basis, a machine's where it has a weight.

    Args:
        column: which of its machine's columns a statement belongs to.
        related: machines and the prompts they are kept from.
    """
    heard = {(one.column.rater_id, one.column.column) for one in found.learnt.block.weights if one.weight != 0}
    machine = pl.lit(False)
    if signal.basis != "people" and found.learnt.block.is_heard:
        keys = [f"{rater}|{name}" for rater, name in sorted(heard)]
        machine = pl.concat_str(pl.col("rater_id").cast(pl.String), pl.lit("|"), column).is_in(keys)
        kin = [f"{rater}|{prompt}" for rater, prompt in related.select("rater_id", "prompt_id").iter_rows()]
        machine &= ~pl.concat_str(pl.col("rater_id").cast(pl.String), pl.lit("|"), pl.col("of_prompt")).is_in(kin)
    person = pl.lit(signal.basis != "machines")
    return pl.when("is_person").then(person).otherwise(machine)


def _compared(signal: Signal, read: Read, samples: pl.DataFrame, found: Consensus) -> pl.DataFrame:
    labels = read.evidence.judgements.filter(pl.col("purpose") == rules.PURPOSE)
    said = _between(read.about(signal.criterion, read.comparisons), samples)
    said = said.join(labels, on="judgement_id", how="semi").with_columns(
        of_prompt=pl.col("left_prompt_id").cast(pl.String)
    )
    return said.filter(_speaks(signal, found, pl.lit(VERDICTS), read.evidence.related))


def _scored(signal: Signal, read: Read, samples: pl.DataFrame, found: Consensus) -> pl.DataFrame:
    said = _scores_on(signal, read, samples).with_columns(of_prompt=pl.col("prompt_id").cast(pl.String))
    is_read = _speaks(signal, found, pl.col("column"), read.evidence.related)
    if not found.learnt.scale:
        is_read &= ~pl.col("is_person")
    return said.filter(is_read)


# -- soft votes -------------------------------------------------------------------------------------------------------


def softened(signal: Signal, read: Read, samples: pl.DataFrame) -> pl.DataFrame:
    """What each vote of a person still counts for on its own side: judgement_id, position, kept (½ to 1)."""
    told = told_of(Signal("consensus", signal.criterion), read, samples)
    told = Told(comparisons=told.comparisons.filter("is_person"), samples=told.samples)
    found = noise(add_up(told, learn(told)))
    table = pl.DataFrame(
        {"judgement_id": found.judgement, "position": found.position, "kept": found.kept.round(_DIGITS)}
    )
    return table.cast({"position": pl.Int32})
