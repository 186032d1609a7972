"""ms-swift's sets with their registry: DPO and reward models, KTO, and media against media.

What the reader demands (ms-swift 4.6.0, `dataset/preprocessor/core.py`, `template/template_inputs.py`, run): `messages`
end with the chosen answer, `rejected_response` differs from it, one tag a picture. Paths of media are looked up in
`ROOT_IMAGE_DIR`; `dataset_info.json` names the files relative to itself. Of all frameworks here it alone takes other
pictures on the rejected side; there every `rejected_*` field must be repeated, because the reader copies none.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from curation.exports.columns import BOOL, FLOAT64, STRING, Columns, ListOf
from curation.exports.conversations import MESSAGES, WORDED, answer_obstacle, text_refusal
from curation.exports.files import JsonLines, Layout, media_file, read_json_lines
from curation.exports.formats import Format, Proof, Recalled, RecalledLabel, RecalledVerdict, Row, Written
from curation.exports.labels import LABELS, is_good, label_obstacle, share_of
from curation.exports.layouts.common import TIE, write_pairs
from curation.exports.layouts.turns import (
    TAGS,
    files_of,
    registered_name,
    tag_obstacle,
    tagged_turns,
    tags,
    turns_obstacle,
    worded_obstacle,
)
from curation.exports.rows import ExportCandidate, ExportPair, ExportSource, ExportSubject
from curation.exports.trl import margin_of

DPO, KTO, MEDIA = "ms-swift-dpo", "ms-swift-kto", "ms-swift-media"

_PATHS = ListOf(STRING)
_SHOWN: Columns = {"images": _PATHS, "videos": _PATHS}
_PAIR: Columns = {"messages": MESSAGES, "rejected_response": STRING, "margin": FLOAT64, "pair_id": STRING}
_LABEL: Columns = {"messages": MESSAGES, "label": BOOL, "share": FLOAT64, "sample_id": STRING}
_MEDIA: Columns = {
    "messages": MESSAGES,
    "images": _PATHS,
    "videos": _PATHS,
    "rejected_messages": MESSAGES,
    "rejected_images": _PATHS,
    "rejected_videos": _PATHS,
    "margin": FLOAT64,
    "pair_id": STRING,
}

ASKED, ANSWERED = "Does this fulfil the request?", "Yes."


def columns(config: str, task: str) -> Columns:
    if config == MEDIA:
        return _MEDIA
    return (_PAIR if config == DPO else _LABEL) | (_SHOWN if task == "understanding" else {})


# -- words -----------------------------------------------------------------------------------------------------------


def write_dpo(source: ExportSource, root: Path) -> Written:
    """One record a decided pair, `SPLIT.jsonl`, and the registry."""
    layout = _layout(source, root, DPO)

    def why_not(pair: ExportPair) -> str | None:
        return _shown_obstacle(layout, pair.chosen) or worded_obstacle(pair)

    def row(pair: ExportPair) -> Row:
        return {
            **_conversation(layout, pair.chosen),
            "rejected_response": pair.rejected.sample.text,
            "margin": margin_of(pair),
            "pair_id": pair.pair_id,
        }

    return write_pairs(source, layout, records=_records(layout), why_not=why_not, row=row)


def write_kto(source: ExportSource, root: Path) -> Written:
    """One record a labelled answer, `SPLIT.jsonl`, and the registry."""
    layout = _layout(source, root, KTO)
    rule = source.option(KTO, LABELS)
    left_out: Counter[str] = Counter()
    for split in source.context.splits:
        with _records(layout)(split) as records:
            for candidate in source.candidates(split):
                if reason := _label_obstacle(layout, candidate, rule):
                    left_out[reason] += 1
                else:
                    records.add(_label_row(layout, candidate, rule))
    return Written([layout.written()], left_out, tuple(layout.extra))


def _label_obstacle(layout: Layout, candidate: ExportCandidate, rule: str) -> str | None:
    subject = candidate.subject
    return (
        label_obstacle(candidate, rule)
        or answer_obstacle(subject)
        or _shown_obstacle(layout, subject)
        or turns_obstacle(subject.prompt)
        or tag_obstacle(subject.sample.text)
    )


def _label_row(layout: Layout, candidate: ExportCandidate, rule: str) -> Row:
    return {
        **_conversation(layout, candidate.subject),
        "label": is_good(candidate, rule),
        "share": share_of(candidate),
        "sample_id": candidate.subject.sample.id,
    }


def _conversation(layout: Layout, subject: ExportSubject) -> Row:
    """The question and one answer, with the question's media where the set has any."""
    row: Row = {
        "messages": [*tagged_turns(subject.prompt), {"role": "assistant", "content": subject.sample.text}],
    }
    if "images" in layout.columns:
        row |= {f"{kind}s": files_of(layout, subject.prompt.inputs, kind) for kind in TAGS}
    return row


def _shown_obstacle(layout: Layout, subject: ExportSubject) -> str | None:
    if subject.prompt.inputs and "images" not in layout.columns:
        return "pictures in the question of a text project"
    return None


# -- media against media ---------------------------------------------------------------------------------------------


def media_refusal(task: str) -> str | None:
    if task in WORDED:
        return (
            f"The format {MEDIA} cannot carry a project of the task {task}: it compares pictures or videos. "
            f"Use {DPO} for answers in words."
        )
    return None


def write_media(source: ExportSource, root: Path) -> Written:
    """One record a decided pair of pictures or videos, `SPLIT.jsonl`, and the registry."""
    layout = _layout(source, root, MEDIA)

    def row(pair: ExportPair) -> Row:
        return {
            **_judged(layout, pair.chosen, ""),
            **_judged(layout, pair.rejected, "rejected_"),
            "margin": margin_of(pair),
            "pair_id": pair.pair_id,
        }

    return write_pairs(source, layout, records=_records(layout), why_not=_media_obstacle, row=row)


def _judged(layout: Layout, subject: ExportSubject, prefix: str) -> Row:
    """A request, its result and the question whether they fit, so that only the media differ between the sides."""
    shown = [*subject.prompt.inputs, *subject.sample.media]
    words = f"{tags(subject.prompt.inputs)}{subject.prompt.text}\n\n{tags(subject.sample.media)}{ASKED}"
    return {
        f"{prefix}messages": [{"role": "user", "content": words}, {"role": "assistant", "content": ANSWERED}],
        **{f"{prefix}{kind}s": files_of(layout, shown, kind) for kind in TAGS},
    }


def _media_obstacle(pair: ExportPair) -> str | None:
    if not pair.is_decided:
        return TIE
    sides = (pair.chosen, pair.rejected)
    if pair.first.prompt.id != pair.second.prompt.id:
        return "two prompts in one pair: the reader would be asked two questions"
    if not all(side.sample.media for side in sides):
        return "an answer without pictures or videos"
    chosen, rejected = ([item.sha256 for item in side.sample.media] for side in sides)
    return "the same media on both sides" if chosen == rejected else tag_obstacle(pair.prompt.text)


# -- shared ----------------------------------------------------------------------------------------------------------


def _layout(source: ExportSource, root: Path, config: str) -> Layout:
    """The folder with its registry, `dataset_info.json`."""
    layout = Layout(source, root, config, columns(config, source.context.task))
    what = config.removeprefix("ms-swift-")
    layout.write_json(
        "dataset_info.json",
        [
            {
                "dataset_name": registered_name(source.context.dataset, what, split),
                "dataset_path": f"{split}.jsonl",
            }
            for split in source.context.splits
        ],
    )
    return layout


def _records(layout: Layout) -> Callable[[str], JsonLines]:
    return lambda split: layout.json_lines(split, f"{split}.jsonl")


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_lines(folder / f"{split}.jsonl"):
        shown, rejected = (
            [media_file(folder, name) for kind in TAGS for name in row.get(f"{prefix}{kind}s", ())]
            for prefix in ("", "rejected_")
        )
        if config == MEDIA:
            media = tuple(dict.fromkeys([*shown, *rejected]))
            asked = [one for one in shown if one in rejected]
            sides = [tuple(one for one in side if one not in asked) for side in (shown, rejected)]
            yield Recalled(media, (RecalledVerdict(row["pair_id"], *sides),))
        elif config == DPO:
            words = (row["messages"][-1]["content"],)
            yield Recalled(tuple(shown), (RecalledVerdict(row["pair_id"], words, (row["rejected_response"],)),))
        else:
            words = (row["messages"][-1]["content"],)
            is_sure = row["share"] in (0.0, 1.0)
            yield Recalled(tuple(shown), (RecalledLabel(row["sample_id"], words, row["label"]),) if is_sure else ())


MS_SWIFT_DPO = Format(
    name=DPO,
    label="ms-swift: DPO, reward models",
    purpose="Answers with a rejected response and a margin, for DPO and reward models of ms-swift.",
    configs=(DPO,),
    columns=columns,
    refusal=functools.partial(text_refusal, DPO),
    write=write_dpo,
    read_back=read_back,
    proof=Proof("package", "ms-swift 4.6.0, rlhf_type dpo and rm"),
    snippet="""\
ROOT_IMAGE_DIR={place}/ms-swift-dpo swift rlhf --rlhf_type dpo --model your-model \\
  --custom_dataset_info {place}/ms-swift-dpo/dataset_info.json --dataset DATASET-dpo-{split}
""",
)
MS_SWIFT_KTO = Format(
    name=KTO,
    label="ms-swift: KTO",
    purpose="Single answers called good or bad, for KTO of ms-swift.",
    configs=(KTO,),
    columns=columns,
    refusal=functools.partial(text_refusal, KTO),
    write=write_kto,
    read_back=read_back,
    ties="Rows are single answers: an answer whose pairs agree gets a label, whatever else tied.",
    options=(LABELS,),
    is_by_pair=False,
    counts_pairs=False,
    proof=Proof("package", "ms-swift 4.6.0, rlhf_type kto"),
    snippet="""\
# Its KL term pairs each answer with its neighbour and stops where both say the same: without it, answers may repeat.
ROOT_IMAGE_DIR={place}/ms-swift-kto swift rlhf --rlhf_type kto --loss_type apo_zero_unpaired --model your-model \\
  --custom_dataset_info {place}/ms-swift-kto/dataset_info.json --dataset DATASET-kto-{split}
""",
)
MS_SWIFT_MEDIA = Format(
    name=MEDIA,
    label="ms-swift: pictures and videos compared",
    purpose="Which picture or video fits the request, for reward models of ms-swift.",
    configs=(MEDIA,),
    columns=columns,
    refusal=media_refusal,
    write=write_media,
    read_back=read_back,
    proof=Proof("package", "ms-swift 4.6.0, rlhf_type rm with rejected_images"),
    snippet="""\
ROOT_IMAGE_DIR={place}/ms-swift-media swift rlhf --rlhf_type rm --model your-model \\
  --custom_dataset_info {place}/ms-swift-media/dataset_info.json --dataset DATASET-media-{split}
""",
)
