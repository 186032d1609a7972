"""Wordings of one prompt as preferences, for a prompt optimiser: TRL's text preference format.

The answers of a version whose recipe lets rewrites compete under their original (`candidates: under: original`) say
which wording works: a wording is worth the mean reward of its samples, or their share of wins where nobody scored
them. Of every two wordings the better is `chosen`; `prompt` is the original. The original's own words take part, so
that an optimiser can learn when to leave a prompt alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from curation.exports.columns import FLOAT64, INT32, STRING, Columns
from curation.exports.conversations import MESSAGES, conversation, write_splits
from curation.exports.formats import Format, Proof, Row, Written, config_of
from curation.exports.gathered import ExportGroup
from curation.exports.rows import ExportPrompt, ExportSource
from curation.exports.shards import ShardWriter
from curation.exports.signals import Reward, reward_of
from curation.prompt_tools.rewrites import RewritePair, Worth, pairs, worths

CONFIG = "rewrites"
_COLUMNS: Columns = {
    "prompt": MESSAGES,  # the original
    "chosen": MESSAGES,  # the wording whose samples do better
    "rejected": MESSAGES,
    "margin": FLOAT64,  # the difference of the two means
    "reward_name": STRING,  # criterion/rater, or win_rate
    "chosen_score": FLOAT64,  # means over samples
    "rejected_score": FLOAT64,
    "chosen_samples": INT32,
    "rejected_samples": INT32,
    "standard_errors": FLOAT64,  # the margin over its standard error; null where a wording has one sample
    "chosen_is_original": STRING,  # yes or no
    "prompt_id": STRING,
    "chosen_prompt_id": STRING,
    "rejected_prompt_id": STRING,
}


def columns(config: str, task: str) -> Columns:
    return _COLUMNS


def refusal(task: str) -> str | None:
    return None


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `rewrites`, a row for every two wordings that differ. Memory: one group."""
    left_out: Counter[str] = Counter()

    def fill(split: str, shard: ShardWriter) -> None:
        for group in source.groups(split):
            reward = reward_of(group)
            found, wordings = _worths(group, reward)
            if len(found) < 2:
                left_out["a prompt with samples of one wording only"] += 1
                continue
            for pair in pairs(0, found):
                shard.add(_row(group.prompt, wordings, reward, pair), 0)

    return Written([config_of(CONFIG, _COLUMNS, write_splits(source, root, CONFIG, _COLUMNS, fill))], left_out)


def _worths(group: ExportGroup, reward: Reward) -> tuple[list[Worth], Mapping[int, ExportPrompt]]:
    """What each wording is worth, named by its place among the wordings in the order of their ids."""
    values: dict[str, list[float]] = defaultdict(list)
    prompts: dict[str, ExportPrompt] = {}
    for place, value in reward.by_place.items():
        made_for = group.candidates[place].subject.sample.prompt
        values[made_for.id].append(value)
        prompts[made_for.id] = made_for
    order = sorted(values)
    return worths({place: values[name] for place, name in enumerate(order)}), {
        place: prompts[name] for place, name in enumerate(order)
    }


def _row(original: ExportPrompt, wordings: Mapping[int, ExportPrompt], reward: Reward, pair: RewritePair) -> Row:
    chosen, rejected = wordings[pair.chosen.prompt_id], wordings[pair.rejected.prompt_id]
    return {
        "prompt": conversation(original),
        "chosen": _said(chosen),
        "rejected": _said(rejected),
        "margin": pair.gap,
        "reward_name": reward.name,
        "chosen_score": pair.chosen.mean,
        "rejected_score": pair.rejected.mean,
        "chosen_samples": pair.chosen.samples,
        "rejected_samples": pair.rejected.samples,
        "standard_errors": pair.sigmas,
        "chosen_is_original": "yes" if chosen.id == original.id else "no",
        "prompt_id": original.id,
        "chosen_prompt_id": chosen.id,
        "rejected_prompt_id": rejected.id,
    }


def _said(wording: ExportPrompt) -> list[Row]:
    """The wording as the one turn of an optimiser that was given the original."""
    return [{"role": "assistant", "content": wording.text}]


REWRITES = Format(
    name="rewrites",
    label="Rewrites (prompt optimiser)",
    purpose="For every two wordings of a prompt, the one whose samples do better against the other.",
    configs=(CONFIG,),
    columns=columns,
    refusal=refusal,
    write=write,
    proof=Proof("package", "trl.DPOTrainer"),
    ties="Two wordings whose means are equal make no row.",
    is_by_pair=False,
    counts_pairs=False,
    snippet="""\
from datasets import load_dataset
from trl import DPOTrainer

rewrites = load_dataset("{place}", "rewrites", split="{split}")
trainer = DPOTrainer(model="…", train_dataset=rewrites)  # a language model that words prompts
""",
)
