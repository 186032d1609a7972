"""The columns of RewardBench 2: a prompt, its good answers and its bad ones, to be told apart by a reward model.

An answer is good where it won every pair it is in and bad where it lost every one. A prompt without one of each cannot
be a row.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from curation.exports.columns import INT64, STRING, Columns, ListOf
from curation.exports.conversations import answer_obstacle, write_splits
from curation.exports.formats import Format, Proof, Row, Written, config_of
from curation.exports.gathered import ExportGroup
from curation.exports.rows import ExportSource, ExportSubject
from curation.exports.shards import ShardWriter

NAME = "rewardbench2"

COLUMNS: Columns = {
    "id": STRING,
    "prompt": STRING,
    "chosen": ListOf(STRING),
    "rejected": ListOf(STRING),
    "num_correct": INT64,
    "num_incorrect": INT64,
    "total_completions": INT64,
    "models": ListOf(STRING),  # of the chosen, then of the rejected
    "subset": STRING,
    "additional_metadata": STRING,
}


def refusal(task: str) -> str | None:
    if task == "text":
        return None
    use = {"text-to-image": "genai-bench", "understanding": "vl-rewardbench", "text-to-video": "genai-bench-video"}
    return (
        f"The format {NAME} cannot carry a project of the task {task}: its rows are words alone. "
        f"Use {use.get(task, 'canonical')}."
    )


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `rewardbench2`, one row a prompt with a good and a bad answer."""
    left_out: Counter[str] = Counter()

    def fill(split: str, shard: ShardWriter) -> None:
        for group in source.groups(split):
            if reason := _obstacle(group):
                left_out[reason] += 1
            else:
                shard.add(_row(group, source.context.project), 0)

    return Written([config_of(NAME, COLUMNS, write_splits(source, root, NAME, COLUMNS, fill))], left_out)


def _obstacle(group: ExportGroup) -> str | None:
    if len(group.prompt.turns) > 1:
        return "a question of several turns: the row has one"
    if group.prompt.inputs:
        return "pictures in the question of a text project"
    if not (_labelled(group, True) and _labelled(group, False)):
        return "a prompt without a good and a bad answer"
    return None


def _labelled(group: ExportGroup, label: bool) -> list[ExportSubject]:
    return [
        candidate.subject
        for candidate in group.candidates
        if candidate.label is label and answer_obstacle(candidate.subject) is None
    ]


def _row(group: ExportGroup, project: str) -> Row:
    chosen, rejected = _labelled(group, True), _labelled(group, False)
    return {
        "id": group.prompt.id,
        "prompt": group.prompt.text,
        "chosen": [subject.sample.text for subject in chosen],
        "rejected": [subject.sample.text for subject in rejected],
        "num_correct": len(chosen),
        "num_incorrect": len(rejected),
        "total_completions": len(chosen) + len(rejected),
        "models": [subject.sample.generator.name for subject in (*chosen, *rejected)],
        "subset": project,
        "additional_metadata": "{}",
    }


REWARDBENCH2 = Format(
    name=NAME,
    label="RewardBench 2 layout",
    purpose="A benchmark of reward models: good and bad answers of each prompt, in the columns of RewardBench 2.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    ties="Rows are prompts: an answer that did not win every pair, or lose every one, is in none of the two lists.",
    is_by_pair=False,
    counts_pairs=False,
    proof=Proof("contract", "the card of allenai/reward-bench-2"),
    snippet="""\
from datasets import load_dataset

bench = load_dataset("{place}", "rewardbench2", split="{split}")
# A row is right where every one of `chosen` gets a higher reward than every one of `rejected`.
""",
)
