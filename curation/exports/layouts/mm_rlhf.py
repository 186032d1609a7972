"""MM-RLHF's pairs: `dpo_pairs.jsonl` with the pictures of the question beside it.

What its reader takes (MM-RLHF 7c8af1d, `llava/train/train_dpo.py`, read): `prompt`, `chosen` and `rejected` as plain
words, `image` as a path or a list of them, and optionally why each answer is as it is. A video is a folder of single
frames there; no rendition of ours is one, so questions with videos are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from curation.exports.columns import BOOL, FLOAT64, STRING, Columns, ListOf
from curation.exports.conversations import pair_obstacle
from curation.exports.files import Layout, media_file, read_json_lines
from curation.exports.formats import Format, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.layouts.common import other_format, refused, write_pairs
from curation.exports.layouts.turns import tag_obstacle
from curation.exports.rows import ExportNote, ExportPair, ExportSource

NAME, RECORDS = "mm-rlhf", "dpo_pairs.jsonl"

COLUMNS: Columns = {
    "id": STRING,
    "prompt": STRING,
    "chosen": STRING,
    "rejected": STRING,
    "image": ListOf(STRING),
    "chosen_reason": STRING,
    "rejected_reason": STRING,
    "is_tie": BOOL,
    "confidence": FLOAT64,
}


def refusal(task: str) -> str | None:
    if task == "understanding":
        return None
    return refused(NAME, task, because="compares answers in words about pictures", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    """Writes `SPLIT/dpo_pairs.jsonl` with the pictures in `media`."""
    layout = Layout(source, root, NAME, COLUMNS)
    return write_pairs(
        source,
        layout,
        records=lambda split: layout.json_lines(split, f"{split}/{RECORDS}"),
        why_not=why_not,
        row=lambda pair: _row(pair, layout),
    )


def why_not(pair: ExportPair) -> str | None:
    """Why a pair cannot be plain words about pictures, or None."""
    if len(pair.prompt.turns) > 1:
        return "a question of several turns: the reader knows one"
    return pair_obstacle(pair, with_images=True) or tag_obstacle(
        pair.prompt.text, pair.chosen.sample.text, pair.rejected.sample.text
    )


def _row(pair: ExportPair, layout: Layout) -> Row:
    return {
        "id": pair.pair_id,
        "prompt": pair.prompt.text,
        "chosen": pair.chosen.sample.text,
        "rejected": pair.rejected.sample.text,
        "image": [layout.medium(item) for item in pair.prompt.inputs],
        "chosen_reason": reasons(pair.chosen.notes),
        "rejected_reason": reasons(pair.rejected.notes),
        "is_tie": False,
        "confidence": 1.0 if pair.confidence is None else pair.confidence,
    }


def reasons(notes: Sequence[ExportNote]) -> str:
    """What was written about an answer, one note a paragraph; empty where nothing was, or may leave."""
    return "\n\n".join(note.text for note in notes)


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_lines(folder / split / RECORDS):
        media = tuple(media_file(folder, name) for name in row["image"])
        yield Recalled(media, (RecalledVerdict(row["id"], (row["chosen"],), (row["rejected"],)),))


MM_RLHF = Format(
    name=NAME,
    label="MM-RLHF",
    purpose="Two answers about pictures with reasons, for MM-RLHF.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    proof=Proof("contract", "MM-RLHF 7c8af1d, llava/train/train_dpo.py"),
    snippet="""\
# MM-RLHF's script of DPO: --data_path {place}/mm-rlhf/{split}/dpo_pairs.jsonl --image_folder {place}/mm-rlhf
""",
)
