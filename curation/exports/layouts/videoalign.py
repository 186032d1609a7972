"""VideoAlign's table of pairs of videos: a verdict A, B or same for visual quality, motion quality and text alignment.

Its reader (`data.py`) wants these heads exactly and joins `path_A` to the folder of the data. Any other word than A, B
and same is an invalid mark, so a dimension nobody judged takes the verdict of the pair, or `same` where somebody chose
so (`--option videoalign.unjudged=same`), which `use_tied_data: false` keeps out of training.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import FLOAT64, STRING, Columns
from curation.exports.files import Layout, media_file, read_csv
from curation.exports.formats import Format, Option, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.layouts.common import VIDEOS, criteria_of, medium_of, obstacle, other_format, refused, write_pairs
from curation.exports.rows import ExportMedia, ExportPair, ExportSource
from curation.exports.sides import Sided, draw_sides

NAME = "videoalign"
# Criteria that count for a dimension, beside its own short name.
DIMENSIONS = {
    "VQ": ("visual-quality", "visual_quality", "quality"),
    "MQ": ("motion-quality", "motion_quality", "motion"),
    "TA": ("text-alignment", "text_alignment", "alignment"),
}
WORDS = {"a": "A", "b": "B", "tie": "same", "both_bad": "same"}
OTHERS = Option(
    "unjudged",
    ("verdict", "same"),
    "what a dimension without votes of its own says: the verdict of the pair, or same",
)

COLUMNS: Columns = {
    **dict.fromkeys(("path_A", "path_B", "prompt", "VQ", "MQ", "TA"), STRING),
    **dict.fromkeys(("fps_A", "num_frames_A", "fps_B", "num_frames_B"), FLOAT64),
    **dict.fromkeys(("A_model", "B_model", "Overall", "pair_id"), STRING),
}


def refusal(task: str) -> str | None:
    if task in VIDEOS:
        return None
    return refused(NAME, task, because="compares two videos made for one prompt", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    layout = Layout(source, root, NAME, COLUMNS)
    says_same = source.option(NAME, OTHERS) == "same"
    return write_pairs(
        source,
        layout,
        records=lambda split: layout.csv(split, f"{split}.csv", list(COLUMNS)),
        why_not=lambda pair: obstacle(pair, "video", with_ties=True, with_inputs=True),
        row=lambda pair: _row(pair, layout, source.context.side_seed, says_same),
    )


def _row(pair: ExportPair, layout: Layout, seed: int, says_same: bool) -> Row:
    sided = draw_sides(pair, seed)
    videos = [medium_of(side) for side in (sided.a, sided.b)]
    overall = WORDS[sided.preference(pair.preference)]
    return {
        "path_A": layout.medium(videos[0], "videos"),
        "path_B": layout.medium(videos[1], "videos"),
        "prompt": pair.prompt.text,
        **{name: _dimension(sided, name, "same" if says_same else overall) for name in DIMENSIONS},
        **_measures(videos[0], "A"),
        **_measures(videos[1], "B"),
        "A_model": sided.a.sample.generator.name,
        "B_model": sided.b.sample.generator.name,
        "Overall": overall,
        "pair_id": pair.pair_id,
    }


def _measures(video: ExportMedia, side: str) -> Row:
    return {f"fps_{side}": video.fps, f"num_frames_{side}": float(video.frames)}


def _dimension(sided: Sided, name: str, otherwise: str) -> str:
    """The majority of the votes on the dimension's criterion; `same` without one."""
    said = criteria_of(sided.pair)
    criterion = next((key for key in (name, name.lower(), *DIMENSIONS[name]) if key in said), None)
    if criterion is None:
        return otherwise
    ranked = said[criterion].most_common(2)
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return "same"
    return WORDS[sided.preference(ranked[0][0])]


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_csv(folder / f"{split}.csv"):
        first, second = (media_file(folder, row[name]) for name in ("path_A", "path_B"))
        if row["Overall"] == "same":
            yield Recalled((first, second))
            continue
        winner, loser = (first, second) if row["Overall"] == "A" else (second, first)
        yield Recalled((first, second), (RecalledVerdict(row["pair_id"], (winner,), (loser,)),))


VIDEOALIGN = Format(
    name=NAME,
    label="VideoAlign",
    purpose="Pairs of videos with a verdict by dimension, for training VideoReward.",
    ties="Carried: the word `same`.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    options=(OTHERS,),
    proof=Proof("external", "https://github.com/KwaiVGI/VideoAlign data.py, convert_GSB_csv_to_reward_data"),
    snippet="""\
# VideoAlign, train_reward.py
# --meta_data {place}/videoalign/{split}.csv --data_dir {place}/videoalign --eval_dim VQ MQ TA
""",
)
