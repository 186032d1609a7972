"""Reward vectors: every number of every sample, weights of pairs made from them, and answers under a stated goal.

- `reward-vectors`: one row a sample with the value of every signal;
- `pair-weights`: one row a pair with both vectors and a weight, all signals counting the same. Another mixture needs no
  scorer and no new export: `weighing.pair_weight` on the columns of the row gives the weight for any weights;
- `goal-rows`: question, goal in words (`overall: 3 of 4`), answer: for training under a condition.

The vectors hold worth: where less of a criterion is better, the number is negated, so that more is always better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from curation.exports.answers import (
    answer_columns,
    answers,
    asked_obstacle,
    media_of,
    question,
    question_columns,
)
from curation.exports.columns import FLOAT64, INT32, STRING, Columns, ListOf
from curation.exports.conversations import write_splits
from curation.exports.formats import Format, Proof, Row, Written, config_of
from curation.exports.media import MediaReader
from curation.exports.rows import ExportPair, ExportSource, ExportSubject
from curation.exports.shards import ShardWriter
from curation.exports.signals import signals_of
from curation.exports.weighing import Spread, level, pair_weight, spreads

VECTORS, WEIGHTS, GOALS = "reward-vectors", "pair-weights", "goal-rows"
LEVELS = 5

_VECTOR: Columns = {
    "sample_id": STRING,
    "names": ListOf(STRING),
    "values": ListOf(FLOAT64),
    "deviations": ListOf(FLOAT64),  # of each signal over the version
}
_WEIGHT: Columns = {
    "pair_id": STRING,
    "chosen_id": STRING,
    "rejected_id": STRING,
    "names": ListOf(STRING),  # the signals both have
    "chosen_values": ListOf(FLOAT64),
    "rejected_values": ListOf(FLOAT64),
    "deviations": ListOf(FLOAT64),
    "weight": FLOAT64,
}
_GOAL: Columns = {"sample_id": STRING, "goal": STRING, "names": ListOf(STRING), "levels": ListOf(INT32)}


def columns(config: str, task: str) -> Columns:
    if config == WEIGHTS:
        return _WEIGHT
    return question_columns(task) | answer_columns(task) | (_VECTOR if config == VECTORS else _GOAL)


def refusal(task: str) -> str | None:
    return None


def write(source: ExportSource, root: Path) -> Written:
    """Writes the three configs. Reads the candidates once more than it writes them, for the deviations."""
    writer = _Writer(source)
    fills = {WEIGHTS: writer.weights, VECTORS: writer.vectors, GOALS: writer.goals}
    configs = []
    for config, fill in fills.items():
        features = columns(config, source.context.task)
        configs.append(config_of(config, features, write_splits(source, root, config, features, fill)))
    return Written(configs, writer.left_out)


def worths(subject: ExportSubject) -> dict[str, float]:
    """The subject's vector: worth by signal, in the order of names."""
    return {name: signal.worth for name, signal in signals_of(subject).items()}


class _Writer:
    def __init__(self, source: ExportSource) -> None:
        self.left_out: Counter[str] = Counter()
        self._source = source
        self._media = MediaReader(source.open_media)
        self._spreads = spreads(
            worths(candidate.subject) for split in source.context.splits for candidate in source.candidates(split)
        )
        self._deviations = {name: spread.deviation for name, spread in self._spreads.items()}

    def weights(self, split: str, shard: ShardWriter) -> None:
        for pair in self._source.pairs(split):
            if not pair.is_decided:
                self.left_out["a tie or both bad: the row knows winners only"] += 1
            else:
                shard.add(self._weight_row(pair), 0)

    def _weight_row(self, pair: ExportPair) -> Row:
        chosen, rejected = worths(pair.chosen), worths(pair.rejected)
        names = [name for name in chosen if name in rejected]
        return {
            "pair_id": pair.pair_id,
            "chosen_id": pair.chosen.sample.id,
            "rejected_id": pair.rejected.sample.id,
            "names": names,
            "chosen_values": [chosen[name] for name in names],
            "rejected_values": [rejected[name] for name in names],
            "deviations": [self._deviations[name] for name in names],
            "weight": pair_weight(chosen, rejected, self._deviations),
        }

    def vectors(self, split: str, shard: ShardWriter) -> None:
        for subject, vector in self._scored(split, shard.columns):
            row = self._answer(subject, shard.columns) | {
                "names": list(vector),
                "values": list(vector.values()),
                "deviations": [self._deviations[name] for name in vector],
            }
            shard.add(row, self._media.take_bytes())

    def goals(self, split: str, shard: ShardWriter) -> None:
        for subject, vector in self._scored(split, shard.columns):
            levels = self._levels(subject, vector)
            row = self._answer(subject, shard.columns) | {
                "goal": goal_words(levels),
                "names": list(levels),
                "levels": list(levels.values()),
            }
            shard.add(row, self._media.take_bytes())

    def _scored(self, split: str, features: Columns) -> Iterator[tuple[ExportSubject, dict[str, float]]]:
        for candidate in self._source.candidates(split):
            vector = worths(candidate.subject)
            reason = asked_obstacle(candidate.subject.prompt, features)
            if not reason and not vector:
                reason = "a sample without a number"
            if reason is None:
                yield candidate.subject, vector
            elif "values" in features:
                self.left_out[reason] += 1

    def _answer(self, subject: ExportSubject, features: Columns) -> Row:
        asked = question(subject.prompt, features, self._media)
        return asked | answers([subject], features, self._media) | {"sample_id": subject.sample.id}

    def _levels(self, subject: ExportSubject, vector: Mapping[str, float]) -> dict[str, int]:
        """The level of each signal: of its declared range where it has one, of what the version holds otherwise."""
        signals = signals_of(subject)
        found = {}
        for name, worth in vector.items():
            signal, seen = signals[name], self._spreads[name]
            low, high = _declared(signal.low, signal.high, seen)
            value = worth if signal.is_higher_better else -worth
            step = level(value, low, high, LEVELS)
            found[name] = step if signal.is_higher_better else LEVELS - 1 - step
        return found


def _declared(low: float | None, high: float | None, seen: Spread) -> tuple[float, float]:
    if low is None or high is None:
        return seen.low, seen.high
    return low, high


def goal_words(levels: Mapping[str, int]) -> str:
    """The condition as a model reads it: `alignment/people: 4 of 4, overall/people: 1 of 4`."""
    return ", ".join(f"{name}: {step} of {LEVELS - 1}" for name, step in levels.items())


REWARD_VECTORS = Format(
    name="reward-vectors",
    label="Reward vectors, weights, goals",
    purpose="Every number of every sample, weights of pairs that change without rescoring, and answers under a goal.",
    configs=(WEIGHTS, VECTORS, GOALS),
    columns=columns,
    refusal=refusal,
    write=write,
    ties="Pairs without a winner are left out of pair-weights; a row there names its samples and not their content.",
    proof=Proof("contract", "docs/exports.md; weights recomputed from the rows in the test"),
    media_of=media_of,
    counts_pairs=False,
    snippet="""\
from datasets import load_dataset
from curation.exports.weighing import pair_weight, vector_of

# Other weights, without asking any scorer again.
for row in load_dataset("{place}", "pair-weights", split="{split}"):
    chosen, rejected, deviations = (
        vector_of(row["names"], row[name]) for name in ("chosen_values", "rejected_values", "deviations")
    )
    weight = pair_weight(chosen, rejected, deviations, {{"overall/people": 2.0}})
""",
)
