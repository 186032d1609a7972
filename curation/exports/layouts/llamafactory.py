"""LLaMA-Factory's ranking and KTO sets with their `dataset_info.json`: the folder is its `dataset_dir` as it is.

What the reader demands (LLaMA-Factory 0.9.5, `data/parser.py`, `data/converter.py`, `data/mm_plugin.py`, run): an odd
number of turns that ends with the human, answers as objects of `from` and `value`, one tag a picture, paths relative to
the folder, `kto_tag` a bool. A row that breaks one of these rules is skipped with a warning, so the check counts rows.
Both answers share the pictures of the question: it cannot say which of two pictures is better.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import BOOL, FLOAT64, STRING, Columns, ListOf, Struct
from curation.exports.conversations import answer_obstacle, text_refusal
from curation.exports.files import Layout, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, RecalledLabel, RecalledVerdict, Row, Written
from curation.exports.labels import LABELS, is_good, label_obstacle, share_of
from curation.exports.layouts.common import write_pairs
from curation.exports.layouts.turns import (
    files_of,
    registered_name,
    tag_obstacle,
    tagged_turns,
    turns_obstacle,
    worded_obstacle,
)
from curation.exports.rows import ExportCandidate, ExportPair, ExportPrompt, ExportSource

DPO, KTO = "llamafactory-dpo", "llamafactory-kto"

_TURN = Struct({"from": STRING, "value": STRING})
_MEDIA: Columns = {"images": ListOf(STRING), "videos": ListOf(STRING)}
_PAIR: Columns = {"conversations": ListOf(_TURN), "chosen": _TURN, "rejected": _TURN, "pair_id": STRING}
_LABEL: Columns = {"conversations": ListOf(_TURN), "label": BOOL, "share": FLOAT64, "sample_id": STRING}
_SAYS = {"user": "human", "assistant": "gpt", "system": "system"}


def columns(config: str, task: str) -> Columns:
    return (_PAIR if config == DPO else _LABEL) | (_MEDIA if task == "understanding" else {})


def write_dpo(source: ExportSource, root: Path) -> Written:
    """One record a decided pair, `SPLIT.json`, and the registry."""
    features = columns(DPO, source.context.task)
    layout = Layout(source, root, DPO, features)
    registered = {"conversations": "messages", "chosen": "chosen", "rejected": "rejected"}
    _register(layout, source, registered, is_ranking=True)

    def why_not(pair: ExportPair) -> str | None:
        return _shown_obstacle(pair.prompt, features) or worded_obstacle(pair)

    def row(pair: ExportPair) -> Row:
        return {
            "conversations": _turns(pair.prompt),
            "chosen": {"from": "gpt", "value": pair.chosen.sample.text},
            "rejected": {"from": "gpt", "value": pair.rejected.sample.text},
            "pair_id": pair.pair_id,
            **_shown(layout, pair.prompt),
        }

    return write_pairs(
        source, layout, records=lambda split: layout.json_list(split, f"{split}.json"), why_not=why_not, row=row
    )


def write_kto(source: ExportSource, root: Path) -> Written:
    """One record a labelled answer, `SPLIT.json`, and the registry."""
    features = columns(KTO, source.context.task)
    layout = Layout(source, root, KTO, features)
    _register(layout, source, {"conversations": "messages", "label": "kto_tag"}, is_ranking=False)
    rule = source.option(KTO, LABELS)
    left_out: Counter[str] = Counter()
    for split in source.context.splits:
        with layout.json_list(split, f"{split}.json") as records:
            for candidate in source.candidates(split):
                if reason := _label_obstacle(candidate, rule, features):
                    left_out[reason] += 1
                else:
                    records.add(_label_row(layout, candidate, rule))
    return Written([layout.written()], left_out, tuple(layout.extra))


def _shown_obstacle(prompt: ExportPrompt, features: Columns) -> str | None:
    return "pictures in the question of a text project" if prompt.inputs and "images" not in features else None


def _label_obstacle(candidate: ExportCandidate, rule: str, features: Columns) -> str | None:
    subject = candidate.subject
    return (
        label_obstacle(candidate, rule)
        or answer_obstacle(subject)
        or _shown_obstacle(subject.prompt, features)
        or turns_obstacle(subject.prompt)
        or tag_obstacle(subject.sample.text)
    )


def _label_row(layout: Layout, candidate: ExportCandidate, rule: str) -> Row:
    subject = candidate.subject
    return {
        "conversations": [*_turns(subject.prompt), {"from": "gpt", "value": subject.sample.text}],
        "label": is_good(candidate, rule),
        "share": share_of(candidate),
        "sample_id": subject.sample.id,
        **_shown(layout, subject.prompt),
    }


def _turns(prompt: ExportPrompt) -> list[dict[str, str]]:
    return [{"from": _SAYS[turn["role"]], "value": turn["content"]} for turn in tagged_turns(prompt)]


def _shown(layout: Layout, prompt: ExportPrompt) -> Row:
    if "images" not in layout.columns:
        return {}
    return {f"{kind}s": files_of(layout, prompt.inputs, kind) for kind in ("image", "video")}


def _register(layout: Layout, source: ExportSource, read: dict[str, str], *, is_ranking: bool) -> None:
    """Writes `dataset_info.json`: a name a split, and which field is which column."""
    columns_ = {name: field for field, name in read.items()}
    columns_ |= {name: name for name in _MEDIA if name in layout.columns}
    what = "dpo" if is_ranking else "kto"
    entries = {
        registered_name(source.context.dataset, what, split): {
            "file_name": f"{split}.json",
            "formatting": "sharegpt",
            **({"ranking": True} if is_ranking else {}),
            "columns": columns_,
        }
        for split in source.context.splits
    }
    layout.write_json("dataset_info.json", entries)


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_list(folder / f"{split}.json"):
        media = tuple(media_file(folder, name) for kind in _MEDIA for name in row.get(kind, ()))
        if config == DPO:
            yield Recalled(
                media, (RecalledVerdict(row["pair_id"], (row["chosen"]["value"],), (row["rejected"]["value"],)),)
            )
            continue
        said = row["conversations"][-1]["value"]
        is_sure = row["share"] in (0.0, 1.0)
        yield Recalled(media, (RecalledLabel(row["sample_id"], (said,), row["label"]),) if is_sure else ())


LLAMAFACTORY_DPO = Format(
    name=DPO,
    label="LLaMA-Factory: DPO, reward models",
    purpose="Ranked answers with dataset_info.json, for DPO and reward models of LLaMA-Factory.",
    configs=(DPO,),
    columns=columns,
    refusal=functools.partial(text_refusal, DPO),
    write=write_dpo,
    read_back=read_back,
    proof=Proof("package", "llamafactory 0.9.5, stage dpo"),
    snippet="""\
# dataset_info.json names a set for each split: DATASET-dpo-SPLIT.
llamafactory-cli train --stage dpo --do_train --dataset_dir {place}/llamafactory-dpo \\
  --dataset DATASET-dpo-{split} --model_name_or_path your-model --template llava --output_dir out
""",
)
LLAMAFACTORY_KTO = Format(
    name=KTO,
    label="LLaMA-Factory: KTO",
    purpose="Single answers called good or bad with dataset_info.json, for KTO of LLaMA-Factory.",
    configs=(KTO,),
    columns=columns,
    refusal=functools.partial(text_refusal, KTO),
    write=write_kto,
    read_back=read_back,
    ties="Rows are single answers: an answer whose pairs agree gets a label, whatever else tied.",
    options=(LABELS,),
    is_by_pair=False,
    counts_pairs=False,
    proof=Proof("package", "llamafactory 0.9.5, stage kto"),
    snippet="""\
# dataset_info.json names a set for each split: DATASET-kto-SPLIT.
llamafactory-cli train --stage kto --do_train --dataset_dir {place}/llamafactory-kto \\
  --dataset DATASET-kto-{split} --model_name_or_path your-model --template llava --output_dir out
""",
)
