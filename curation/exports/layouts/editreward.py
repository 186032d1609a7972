"""EditReward's pairs of edits: the source, `path1` that wins, `path2`, and scores by dimension.

Its reader (`EditReward/dataset/pairwise_edit_dataset.py`) keeps only the last key it finds among
`model1_dim1_score`, `model1_dim2_score`, so several heads need one key with a list: `model1_dim_score: [d1, d2]`. A
confidence of null fails against a threshold, so the key is left out. Ties are carried: equal scores and `tie_case`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from curation.exports.columns import BOOL, FLOAT64, STRING, Columns, ListOf
from curation.exports.files import Layout, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.layouts.common import EDITS, medium_of, obstacle, other_format, refused, votes_for, write_pairs
from curation.exports.rows import ExportMedia, ExportPair, ExportPrompt, ExportSource, ExportSubject
from curation.exports.sides import draw_sides

NAME = "editreward"

COLUMNS: Columns = {
    "prompt": STRING,
    "path_src": STRING,
    "path1": STRING,
    "path2": STRING,
    "model1": STRING,
    "model2": STRING,
    "model1_dim_score": ListOf(FLOAT64),
    "model2_dim_score": ListOf(FLOAT64),
    "model1_overall_score": FLOAT64,
    "model2_overall_score": FLOAT64,
    "choice_dist": ListOf(FLOAT64),
    "confidence": FLOAT64,
    "tie_case": BOOL,
    "dimensions": ListOf(STRING),
    "pair_id": STRING,
}


def refusal(task: str) -> str | None:
    if task in EDITS:
        return None
    return refused(NAME, task, because="compares two edits of one source picture", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    layout = Layout(source, root, NAME, COLUMNS)
    return write_pairs(
        source,
        layout,
        records=lambda split: layout.json_list(split, f"{split}.json"),
        why_not=_obstacle,
        row=lambda pair: _row(pair, layout, source.context.side_seed),
    )


def _obstacle(pair: ExportPair) -> str | None:
    reason = obstacle(pair, "image", with_ties=True, with_inputs=True)
    if reason is None and _source_picture(pair.prompt) is None:
        return "a prompt without a source picture"
    return reason


def _source_picture(prompt: ExportPrompt) -> ExportMedia | None:
    """The picture that is edited: the input of that role, or the first picture of another role."""
    pictures = [item for item in prompt.inputs if item.kind == "image" and item.role != "mask"]
    return next((item for item in pictures if item.role == "source"), pictures[0] if pictures else None)


def _row(pair: ExportPair, layout: Layout, seed: int) -> Row:
    sided = draw_sides(pair, seed)
    sides = (pair.chosen, pair.rejected) if pair.is_decided else (sided.a, sided.b)
    original = _source_picture(pair.prompt)
    assert original is not None  # `_obstacle` has seen it
    row: Row = {
        "prompt": pair.prompt.text,
        "path_src": layout.medium(original, "images"),
        "path1": layout.medium(medium_of(sides[0]), "images"),
        "path2": layout.medium(medium_of(sides[1]), "images"),
        "model1": sides[0].sample.generator.name,
        "model2": sides[1].sample.generator.name,
        **_scores(pair, sides),
        "tie_case": not pair.is_decided,
        "pair_id": pair.pair_id,
    }
    return row if pair.confidence is None else {**row, "confidence": pair.confidence}


def _scores(pair: ExportPair, sides: tuple[ExportSubject, ExportSubject]) -> Row:
    """Scores by dimension, equal on both sides of a tie; nothing where no dimension was scored on both sides."""
    chosen, rejected = votes_for(pair)
    votes = {"choice_dist": [float(chosen), float(rejected)]} if pair.is_decided and chosen > rejected else {}
    means = [mean_scores(subject) for subject in sides]
    names = sorted(means[0].keys() & means[1].keys())
    if not names:
        return votes
    values = [[found[name] for name in names] for found in means]
    if not pair.is_decided:
        values = [[fmean(both) for both in zip(*values, strict=True)]] * 2
    return votes | {
        "dimensions": names,
        "model1_dim_score": values[0],
        "model2_dim_score": values[1],
        "model1_overall_score": sum(values[0]),
        "model2_overall_score": sum(values[1]),
    }


def mean_scores(subject: ExportSubject) -> dict[str, float]:
    """The mean of all raters' scores by criterion."""
    said: dict[str, list[float]] = {}
    for score in subject.scores:
        said.setdefault(score.criterion, []).append(score.value)
    return {criterion: fmean(values) for criterion, values in said.items()}


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_list(folder / f"{split}.json"):
        original, chosen, rejected = (media_file(folder, row[name]) for name in ("path_src", "path1", "path2"))
        claims = () if row["tie_case"] else (RecalledVerdict(row["pair_id"], (chosen,), (rejected,)),)
        yield Recalled((original, chosen, rejected), claims)


EDITREWARD = Format(
    name=NAME,
    label="EditReward",
    purpose="Pairs of edits with their source and scores by dimension, for training EditReward.",
    ties="Carried: equal scores on both sides and `tie_case`.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    proof=Proof("contract", "EditReward edb027e, dataset/pairwise_edit_dataset.py and TRAIN_README.md"),
    snippet="""\
# EditReward, config yaml
# train_json_list: [{place}/editreward/{split}.json]
# image_folder: {place}/editreward
""",
)
