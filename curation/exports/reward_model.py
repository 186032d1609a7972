"""Training rows for reward models: pairs with margins, ties, and lists of all samples, each by criterion.

Three configs of the same columns for question and answers:

- `reward-pairs`: two answers and which is better, one row a pair and criterion: the one the version was made on, and
  every other that its votes or scores speak of;
- `reward-ties`: two answers that most people called equally good, for models that know ties;
- `reward-lists`: all answers of a prompt with rank and value, one row a criterion, for listwise losses.

Sides of pairs are drawn by the version's coin; `label` is the probability that the first answer is better: 1, 0 or 0.5.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from curation.exports.answers import (
    answer_columns,
    answers,
    asked_obstacle,
    media_of,
    question,
    question_columns,
    words_at,
)
from curation.exports.columns import BOOL, FLOAT64, INT32, STRING, Columns, ListOf
from curation.exports.conversations import write_splits
from curation.exports.formats import Format, Proof, Row, Verdict, Written, config_of
from curation.exports.gathered import ExportGroup
from curation.exports.media import MediaReader
from curation.exports.rows import ExportPair, ExportSource, ExportSubject
from curation.exports.shards import ShardWriter
from curation.exports.sides import draw_sides
from curation.exports.signals import WIN_RATE, are_equal, ranks, signals_of, win_rates
from curation.exports.trl import margin_of

PAIRS, TIES, LISTS = "reward-pairs", "reward-ties", "reward-lists"

_PAIR: Columns = {
    "pair_id": STRING,
    "criterion": STRING,
    "is_main": BOOL,  # the criterion the version was made on
    "label": FLOAT64,
    "margin": FLOAT64,  # how much better, never below 0; 0 for a tie and where nothing says
    "votes_first": INT32,
    "votes_second": INT32,
    "votes_tie": INT32,
}
_LIST: Columns = {
    "criterion": STRING,
    "value_name": STRING,  # criterion/rater, or win_rate
    "values": ListOf(FLOAT64),  # more is better
    "ranks": ListOf(INT32),  # 1 is best, equal ones share a rank
}


def columns(config: str, task: str) -> Columns:
    return question_columns(task) | answer_columns(task) | (_LIST if config == LISTS else _PAIR)


def refusal(task: str) -> str | None:
    return None


def write(source: ExportSource, root: Path) -> Written:
    """Writes the three configs. Memory: one group and what a row group holds."""
    writer = _Writer(source)
    fills = {PAIRS: writer.pairs, TIES: writer.ties, LISTS: writer.lists}
    configs = []
    for config, fill in fills.items():
        features = columns(config, source.context.task)
        configs.append(config_of(config, features, write_splits(source, root, config, features, fill)))
    return Written(configs, writer.left_out)


class _Writer:
    def __init__(self, source: ExportSource) -> None:
        self.left_out: Counter[str] = Counter()
        self._source = source
        self._media = MediaReader(source.open_media)

    def pairs(self, split: str, shard: ShardWriter) -> None:
        for pair in self._source.pairs(split):
            reason = _obstacle(pair, shard.columns)
            if reason:
                self.left_out[reason] += 1
                continue
            for row in self._pair_rows(pair, shard.columns):
                shard.add(row, self._media.take_bytes())

    def _pair_rows(self, pair: ExportPair, features: Columns) -> Iterator[Row]:
        sided = draw_sides(pair, self._source.context.side_seed)
        first_won = sided.preference(pair.preference) == "a"
        subjects = (sided.a, sided.b)
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        for vote in pair.votes:
            counted[vote.criterion][sided.preference(vote.outcome)] += 1
        main = Row(criterion=pair.criterion, is_main=True, label=float(first_won), margin=max(margin_of(pair), 0.0))
        others = (
            Row(criterion=criterion, is_main=False, label=label, margin=0.0)
            for criterion in sorted({*counted, *_criteria(subjects)} - {pair.criterion})
            if (label := _label(counted[criterion], subjects, criterion)) is not None
        )
        for row in (main, *others):
            votes = counted[row["criterion"]]
            yield self._sides(pair, subjects, features) | row | _votes(votes) | {"pair_id": pair.pair_id}

    def _sides(self, pair: ExportPair, subjects: tuple[ExportSubject, ExportSubject], features: Columns) -> Row:
        return question(pair.prompt, features, self._media) | answers(subjects, features, self._media)

    def ties(self, split: str, shard: ShardWriter) -> None:
        for group in self._source.groups(split):
            if asked_obstacle(group.prompt, shard.columns):
                continue
            for first, second, criterion, votes in tied(group):
                row: Row = {
                    **question(group.prompt, shard.columns, self._media),
                    **answers((first, second), shard.columns, self._media),
                    "pair_id": _tie_id(first, second),
                    "criterion": criterion,
                    "is_main": False,
                    "label": 0.5,
                    "margin": 0.0,
                    **_votes(votes),
                }
                shard.add(row, self._media.take_bytes())

    def lists(self, split: str, shard: ShardWriter) -> None:
        for group in self._source.groups(split):
            if reason := asked_obstacle(group.prompt, shard.columns):
                self.left_out[f"{reason} (lists)"] += 1
                continue
            for name, values in listed(group):
                if are_equal(list(values.values())):
                    self.left_out["a signal that is equal for all samples of a prompt (lists)"] += 1
                    continue
                places = sorted(values)
                subjects = [group.candidates[place].subject for place in places]
                row = question(group.prompt, shard.columns, self._media)
                row |= answers(subjects, shard.columns, self._media)
                ordered = [values[place] for place in places]
                row |= {
                    "criterion": name.partition("/")[0],
                    "value_name": name,
                    "values": ordered,
                    "ranks": ranks(ordered),
                }
                shard.add(row, self._media.take_bytes())


def _obstacle(pair: ExportPair, features: Columns) -> str | None:
    if not pair.is_decided:
        return "a tie or both bad: reward-ties has what most people called equal"
    if pair.first.prompt.id != pair.second.prompt.id:
        return "two prompts in one pair: the row has one question"
    return asked_obstacle(pair.prompt, features)


def _criteria(subjects: tuple[ExportSubject, ExportSubject]) -> set[str]:
    """Criteria on which one and the same rater scored both answers."""
    first, second = (signals_of(subject) for subject in subjects)
    return {first[name].criterion for name in first.keys() & second.keys()}


def _label(votes: Counter[str], subjects: tuple[ExportSubject, ExportSubject], criterion: str) -> float | None:
    """The probability that the first answer is better on a criterion: by its votes, else by the scores of both."""
    if decided := votes["a"] + votes["b"] + votes["tie"]:
        for side, label in (("a", 1.0), ("b", 0.0), ("tie", 0.5)):
            if 2 * votes[side] > decided:
                return label
        return None
    first, second = (signals_of(subject) for subject in subjects)
    gaps = [
        first[name].worth - second[name].worth
        for name in first.keys() & second.keys()
        if first[name].criterion == criterion
    ]
    # Scores of several raters count where they agree: their scales are not one.
    signs = {(gap > 0) - (gap < 0) for gap in gaps}
    return {1: 1.0, -1: 0.0, 0: 0.5}[signs.pop()] if len(signs) == 1 else None


def _votes(votes: Counter[str]) -> Row:
    return {"votes_first": votes["a"], "votes_second": votes["b"], "votes_tie": votes["tie"]}


def tied(group: ExportGroup) -> Iterator[tuple[ExportSubject, ExportSubject, str, Counter[str]]]:
    """Two candidates and a criterion where more than half of the people who compared them said: equally good."""
    subjects = {candidate.subject.key: candidate.subject for candidate in group.candidates}
    counted: dict[tuple[tuple[str, str], tuple[str, str], str], Counter[str]] = defaultdict(Counter)
    for one in group.opinions:
        if one.rater.kind == "person" and not one.is_apart and one.outcome != "both_bad":
            low, high = sorted((one.left, one.right))
            side = "tie" if one.outcome == "tie" else "a" if (one.outcome == "left") == (one.left == low) else "b"
            counted[low, high, one.criterion][side] += 1
    for (low, high, criterion), votes in sorted(counted.items()):
        if 2 * votes["tie"] > votes.total():
            yield subjects[low], subjects[high], criterion, votes


def _tie_id(first: ExportSubject, second: ExportSubject) -> str:
    """A name for two answers that no pair of the version has: the same in every version."""
    return hashlib.sha256(f"tie:1\n{first.prompt.id}\n{first.sample.id}\n{second.sample.id}".encode()).hexdigest()


def listed(group: ExportGroup) -> Iterator[tuple[str, dict[int, float]]]:
    """Every signal, and the win rates, that two or more candidates have: its name, and the values by place."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for place, candidate in enumerate(group.candidates):
        for name, signal in signals_of(candidate.subject).items():
            found[name][place] = signal.worth
    rates = {place: rate for place, (rate, count) in enumerate(win_rates(group)) if count}
    yield from ((name, values) for name, values in sorted(found.items()) if len(values) > 1)
    if len(rates) > 1:
        yield WIN_RATE, rates


def verdict(config: str, row: Row) -> Verdict | None:
    if config != PAIRS or not row["is_main"]:
        return None
    winner = 0 if row["label"] == 1.0 else 1
    return Verdict(row["pair_id"], words_at(row, winner), words_at(row, 1 - winner))


REWARD_MODEL = Format(
    name="reward-model",
    label="Reward models: pairs, ties, lists",
    purpose="Pairs with margins by criterion, ties, and ranked lists of all samples, for training reward models.",
    configs=(PAIRS, TIES, LISTS),
    columns=columns,
    refusal=refusal,
    write=write,
    proof=Proof("contract", "a Bradley-Terry head trained in the test"),
    ties="Ties have a config of their own, reward-ties, with the label 0.5; reward-pairs has winners only.",
    media_of=media_of,
    verdict=verdict,
    counts_pairs=False,
    snippet="""\
from datasets import load_dataset

pairs = load_dataset("{place}", "reward-pairs", split="{split}")
ties = load_dataset("{place}", "reward-ties", split="{split}")
# loss = binary_cross_entropy_with_logits(reward(first) - reward(second) - margin_towards_winner, label)
""",
)
