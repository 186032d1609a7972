"""UnifiedReward's training files: verdicts on pairs for its supervised stage, and understanding pairs for DPO.

What its readers take (UnifiedReward ff6f520, `llava/train/train.py`, `train_dpo.py`, `dataset/train_data.yaml`, read):
a YAML list names JSON files with their folder of pictures; a record of the supervised stage is `id`, `image` (paths)
and `conversations` whose words hold a tag a picture; a record of DPO is `id`, `image`, `prompt`, `chosen`, `rejected`,
and `answer`, which its sampler measures. DPO of generators takes the folder of diffusion-dpo.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import STRING, Columns, ListOf, Struct
from curation.exports.files import Layout, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, RecalledVerdict, Row, Word, Written
from curation.exports.layouts.common import obstacle, other_format, refused, write_pairs
from curation.exports.layouts.mm_rlhf import why_not as worded_obstacle
from curation.exports.layouts.turns import tag_obstacle, tags
from curation.exports.rows import ExportPair, ExportSource
from curation.exports.sides import Sided, draw_sides

SFT, DPO = "unifiedreward-sft", "unifiedreward-dpo"

_SFT: Columns = {
    "id": STRING,
    "image": ListOf(STRING),
    "conversations": ListOf(Struct({"from": STRING, "value": STRING})),
    "answers": ListOf(STRING),  # as shown; ours, and empty for pictures
}
_DPO: Columns = {
    "id": STRING,
    "image": STRING,
    "prompt": STRING,
    "chosen": STRING,
    "rejected": STRING,
    "answer": STRING,
}
# One picture an answer, or words about pictures.
_DRAWN = ("text-to-image", "image-editing", "inpainting", "subject-driven")
EQUAL = "Both are equally good."
_BETTER = re.compile(r"^(Image|Answer) ([12]) is better than \1 [12]\.")


# -- supervised stage -----------------------------------------------------------------------------------------------


def sft_refusal(task: str) -> str | None:
    if task in (*_DRAWN, "understanding"):
        return None
    return refused(SFT, task, because="compares pictures, or answers about pictures", use=other_format(task))


def write_sft(source: ExportSource, root: Path) -> Written:
    """Writes `SPLIT.json` and `SPLIT.yaml`, which names it."""
    layout = Layout(source, root, SFT, _SFT)
    for split in source.context.splits:
        entry = {"json_path": f"{split}.json", "sampling_strategy": "all", "image_folder": "."}
        layout.write_yaml(f"{split}.yaml", {"datasets": [entry]})
    is_drawn = source.context.task in _DRAWN
    return write_pairs(
        source,
        layout,
        records=lambda split: layout.json_list(split, f"{split}.json"),
        why_not=_drawn_obstacle if is_drawn else worded_obstacle,
        row=lambda pair: _sft_row(draw_sides(pair, source.context.side_seed), layout, is_drawn=is_drawn),
    )


def _drawn_obstacle(pair: ExportPair) -> str | None:
    if any(item.kind == "video" for item in pair.prompt.inputs):
        return "a video in the question: the reader knows pictures only"
    return obstacle(pair, "image", with_ties=True, with_inputs=True) or tag_obstacle(pair.prompt.text)


def _sft_row(sided: Sided, layout: Layout, *, is_drawn: bool) -> Row:
    pair, sides = sided.pair, (sided.a, sided.b)
    shown = [*pair.prompt.inputs, *(item for side in sides for item in side.sample.media)]
    asked = _drawn_words(sided) if is_drawn else _worded_words(sided)
    return {
        "id": pair.pair_id,
        "image": [layout.medium(item) for item in shown],
        "conversations": [
            {"from": "human", "value": asked},
            {"from": "gpt", "value": verdict_words(sided, "Image" if is_drawn else "Answer")},
        ],
        "answers": [] if is_drawn else [side.sample.text for side in sides],
    }


def _drawn_words(sided: Sided) -> str:
    inputs = sided.pair.prompt.inputs
    given = f"{tags(inputs)}The request came with {len(inputs)} pictures, shown first.\n" if inputs else ""
    shown = "\n".join(f"Image {number}: {tags(side.sample.media)}" for number, side in ((1, sided.a), (2, sided.b)))
    return f"{given}Request: {sided.pair.prompt.text}\n{shown}\nWhich image fulfils the request better?"


def _worded_words(sided: Sided) -> str:
    prompt = sided.pair.prompt
    said = "\n".join(f"Answer {number}: {side.sample.text}" for number, side in ((1, sided.a), (2, sided.b)))
    return f"{tags(prompt.inputs)}\nQuestion: {prompt.text}\n{said}\nWhich answer is better?"


def verdict_words(sided: Sided, noun: str) -> str:
    """The verdict as one sentence, then what was noted about the comparison."""
    preference = sided.preference(sided.pair.preference)
    if preference == "tie":
        sentence = EQUAL
    else:
        winner, loser = (1, 2) if preference == "a" else (2, 1)
        sentence = f"{noun} {winner} is better than {noun} {loser}."
    return "\n".join([sentence, *(note.text for note in sided.pair.notes)])


def read_back_sft(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_list(folder / f"{split}.json"):
        media = [media_file(folder, name) for name in row["image"]]
        sides: list[Word] = list(row["answers"] or media[-2:])
        found = _BETTER.match(row["conversations"][-1]["value"])
        claims: tuple[RecalledVerdict, ...] = ()
        if found:
            winner, loser = sides if found[2] == "1" else sides[::-1]
            claims = (RecalledVerdict(row["id"], (winner,), (loser,)),)
        yield Recalled(tuple(dict.fromkeys(media)), claims)


# -- understanding DPO ----------------------------------------------------------------------------------------------


def dpo_refusal(task: str) -> str | None:
    if task == "understanding":
        return None
    use = "diffusion-dpo for pictures, or canonical" if task == "text-to-image" else other_format(task)
    return refused(DPO, task, because="compares answers in words about a picture", use=use)


def write_dpo(source: ExportSource, root: Path) -> Written:
    """Writes `SPLIT/data.json` with one picture a record."""
    layout = Layout(source, root, DPO, _DPO)

    def row(pair: ExportPair) -> Row:
        return {
            "id": pair.pair_id,
            "image": layout.medium(pair.prompt.inputs[0]),
            "prompt": pair.prompt.text,
            "chosen": pair.chosen.sample.text,
            "rejected": pair.rejected.sample.text,
            "answer": pair.chosen.sample.text,
        }

    return write_pairs(
        source,
        layout,
        records=lambda split: layout.json_list(split, f"{split}/data.json"),
        why_not=_dpo_obstacle,
        row=row,
    )


def _dpo_obstacle(pair: ExportPair) -> str | None:
    if len(pair.prompt.inputs) != 1:
        return "a question that does not show exactly one picture"
    return worded_obstacle(pair)


def read_back_dpo(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_list(folder / split / "data.json"):
        media = (media_file(folder, row["image"]),)
        yield Recalled(media, (RecalledVerdict(row["id"], (row["chosen"],), (row["rejected"],)),))


UNIFIEDREWARD_SFT = Format(
    name=SFT,
    label="UnifiedReward: verdicts (SFT)",
    purpose="Verdicts on two pictures or two answers as conversations, for the supervised stage of UnifiedReward.",
    configs=(SFT,),
    columns=lambda config, task: _SFT,
    refusal=sft_refusal,
    write=write_sft,
    read_back=read_back_sft,
    ties="A tie between two pictures is a verdict like any other: both are equally good.",
    proof=Proof("contract", "UnifiedReward ff6f520, llava/train/train.py and dataset/train_data.yaml"),
    snippet="""\
# UnifiedReward's train.sh: --data_path {place}/unifiedreward-sft/{split}.yaml
# Its paths are relative to the folder: start there, or write the whole path into the YAML.
""",
)
UNIFIEDREWARD_DPO = Format(
    name=DPO,
    label="UnifiedReward: understanding (DPO)",
    purpose="Two answers about a picture, for the DPO of understanding models in UnifiedReward.",
    configs=(DPO,),
    columns=lambda config, task: _DPO,
    refusal=dpo_refusal,
    write=write_dpo,
    read_back=read_back_dpo,
    proof=Proof("contract", "UnifiedReward ff6f520, llava/train/train_dpo.py"),
    snippet="""\
# UnifiedReward's dpo_image_understand_ov7b.sh:
#   --data_path {place}/unifiedreward-dpo/{split}/data.json --image_folder {place}/unifiedreward-dpo
""",
)
