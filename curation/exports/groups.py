"""All samples of a prompt with their rewards, for the GRPO family: centred values, win rates and who made each sample.

The question stands in `prompt` as TRL's GRPO and RLOO trainers read it; they hand every other column on to the reward
functions. A trainer that learns from samples made before finds the advantage of each in `scaled`. In a group whose
rewards are all equal every advantage is zero and nothing can be learned from it: such groups are left out and counted,
or with `--option groups.equal=keep` written and flagged.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from statistics import fmean

from curation.exports.answers import answer_columns, answers, asked_obstacle, media_of, question, question_columns
from curation.exports.columns import BOOL, FLOAT64, INT32, INT64, STRING, Columns, ListOf
from curation.exports.conversations import write_splits
from curation.exports.formats import Format, Option, Proof, Row, Written, config_of
from curation.exports.gathered import ExportGroup
from curation.exports.media import MediaReader
from curation.exports.rows import ExportSample, ExportSource
from curation.exports.shards import ShardWriter
from curation.exports.signals import Reward, are_equal, reward_of, win_rates

_NUMBERS: Columns = {
    "reward_name": STRING,  # criterion/rater, or win_rate
    "rewards": ListOf(FLOAT64),
    "centred": ListOf(FLOAT64),  # reward less the group's mean
    "scaled": ListOf(FLOAT64),  # centred over the group's standard deviation; 0 where all are equal
    "reward_mean": FLOAT64,
    "reward_deviation": FLOAT64,  # of the group as it is, not of a population it stands for
    "has_equal_rewards": BOOL,
    "win_rates": ListOf(FLOAT64),  # 0.5 where nobody compared it
    "comparisons": ListOf(INT32),
    "policies": ListOf(STRING),
    "policy_versions": ListOf(STRING),
    "rounds": ListOf(INT32),
    "seeds": ListOf(INT64),  # -1 for unknown
}


EQUAL = Option(
    "equal",
    ("leave-out", "keep"),
    "Groups whose rewards are all equal teach nothing: left out and counted, or kept and flagged.",
)


def columns(config: str, task: str) -> Columns:
    return question_columns(task) | answer_columns(task) | _NUMBERS


def refusal(task: str) -> str | None:
    return None


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `groups`, one row a prompt. Memory: one group and what a row group holds."""
    features = columns("groups", source.context.task)
    media = MediaReader(source.open_media)
    left_out: Counter[str] = Counter()
    leaves_equal_out = source.option("groups", EQUAL) == "leave-out"

    def fill(split: str, shard: ShardWriter) -> None:
        for group in source.groups(split):
            reward = reward_of(group)
            reason = asked_obstacle(group.prompt, features)
            if reason or len(reward.by_place) < 2:
                left_out[reason or "a prompt with fewer than two samples that have a reward"] += 1
                continue
            if unscored := len(group.candidates) - len(reward.by_place):
                left_out["a sample without the reward of its group"] += unscored
            if leaves_equal_out and are_equal(list(reward.by_place.values())):
                left_out["a prompt whose samples all have the same reward"] += 1
                continue
            shard.add(_row(group, reward, features, media), media.take_bytes())

    return Written([config_of("groups", features, write_splits(source, root, "groups", features, fill))], left_out)


def _row(group: ExportGroup, reward: Reward, features: Columns, media: MediaReader) -> Row:
    places = sorted(reward.by_place)
    subjects = [group.candidates[place].subject for place in places]
    rates = win_rates(group)
    return {
        **question(group.prompt, features, media),
        **answers(subjects, features, media),
        "reward_name": reward.name,
        **centred([reward.by_place[place] for place in places]),
        "win_rates": [rates[place][0] for place in places],
        "comparisons": [rates[place][1] for place in places],
        "policies": [subject.sample.generator.name for subject in subjects],
        "policy_versions": [_version(subject.sample) for subject in subjects],
        "rounds": [subject.sample.round for subject in subjects],
        "seeds": [-1 if subject.sample.seed is None else subject.sample.seed for subject in subjects],
    }


def _version(sample: ExportSample) -> str:
    """The generator's revision, or its name alone where none was given: what made the sample, as exactly as known."""
    return "@".join(part for part in (sample.generator.name, sample.generator.revision) if part)


def centred(rewards: list[float]) -> Row:
    """Rewards with their mean taken away, and that over their deviation, as GRPO computes its advantages.

    Args:
        rewards: of one group, at least one.

    Returns:
        `rewards`, `centred`, `scaled`, `reward_mean`, `reward_deviation` (the root of the mean square) and
        `has_equal_rewards`. Rewards that differ by less than rounding does are equal.
    """
    mean = fmean(rewards)
    away = [reward - mean for reward in rewards]
    is_equal = are_equal(rewards)
    deviation = 0.0 if is_equal else math.sqrt(fmean(value * value for value in away))
    return {
        "rewards": rewards,
        "centred": away,
        "scaled": [value / deviation if deviation else 0.0 for value in away],
        "reward_mean": mean,
        "reward_deviation": deviation,
        "has_equal_rewards": is_equal,
    }


GROUPS = Format(
    name="groups",
    label="Groups with rewards (GRPO)",
    purpose="All samples of a prompt with rewards, centred values, win rates and policy versions.",
    configs=("groups",),
    columns=columns,
    refusal=refusal,
    write=write,
    proof=Proof("package", "trl.GRPOTrainer"),
    ties="Rows are groups: equal rewards stay equal. A group of equal rewards alone is left out and counted; with the "
    "option `equal` at `keep` it is written and flagged in `has_equal_rewards`.",
    options=(EQUAL,),
    media_of=media_of,
    is_by_pair=False,
    counts_pairs=False,
    snippet="""\
from datasets import load_dataset

groups = load_dataset("{place}", "groups", split="{split}")
advantages = groups["scaled"]  # one list a prompt, beside `texts` or `answer_images`
""",
)
