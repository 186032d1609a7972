"""The best samples of each prompt, for supervised fine-tuning and RAFT.

Words as `prompt` and `completion`, as TRL's SFT trainer reads them; pictures as `image` and `text`, the columns of the
text-to-image scripts of diffusers; videos as `video` and `text`. What the question shows stands beside them.
Streaming gives one prompt after the other: nothing of another prompt is needed to know the best of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import FLOAT64, IMAGE, STRING, VIDEO, Columns, ListOf
from curation.exports.conversations import (
    MESSAGES,
    WORDED,
    answer,
    answer_obstacle,
    conversation,
    images,
    question_obstacle,
    write_splits,
)
from curation.exports.formats import Format, Option, Proof, Row, Written, config_of
from curation.exports.gathered import ExportGroup
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportPrompt, ExportSource, ExportSubject
from curation.exports.shards import ShardWriter
from curation.exports.signals import reward_of

TOP = Option("top", ("1", "2", "4"), "How many samples of a prompt are taken, the best first.")

_ABOUT: Columns = {"reward": FLOAT64, "reward_name": STRING, "prompt_id": STRING, "sample_id": STRING}
_INPUTS: Columns = {"input_images": ListOf(IMAGE), "input_images_sha256": ListOf(STRING)}
_IMAGE: Columns = {"image": IMAGE, "text": STRING, "sha256": STRING}
_VIDEO: Columns = {"video": VIDEO, "text": STRING, "sha256": STRING}
_FILMED = ("text-to-video", "image-to-video")


def columns(config: str, task: str) -> Columns:
    if task in WORDED:
        words: Columns = {"prompt": MESSAGES, "completion": MESSAGES}
        seen: Columns = {"images": ListOf(IMAGE), "images_sha256": ListOf(STRING)} if task == "understanding" else {}
        return words | seen | _ABOUT
    shown = _VIDEO if task in _FILMED else _IMAGE
    return shown | ({} if task.startswith("text-to") else _INPUTS) | _ABOUT


def refusal(task: str) -> str | None:
    if task == "image-sets":
        return (
            "The format best-of cannot carry a project of the task image-sets: its row holds one picture. "
            "Use groups, whose rows hold every picture of every sample."
        )
    return None


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `best-of`. Memory: one group and what a row group holds."""
    features = columns("best-of", source.context.task)
    media = MediaReader(source.open_media)
    top = int(source.option("best-of", TOP))
    left_out: Counter[str] = Counter()

    def fill(split: str, shard: ShardWriter) -> None:
        for group in source.groups(split):
            best = list(_best(group, features, top, left_out))
            if not best:
                left_out["a prompt without a sample that can be a row"] += 1
            for subject, reward, name in best:
                shard.add(_row(subject, reward, name, features, media), media.take_bytes())

    return Written([config_of("best-of", features, write_splits(source, root, "best-of", features, fill))], left_out)


def _best(
    group: ExportGroup, features: Columns, top: int, left_out: Counter[str]
) -> Iterator[tuple[ExportSubject, float, str]]:
    """The best samples that can be rows, the first sample first where two are equal.

    Never one that is flagged unsafe, nor one of two of which somebody said that both are bad.
    """
    reward = reward_of(group)
    refused = [one for one in group.opinions if one.outcome == "both_bad" and not one.is_apart]
    bad = {key for one in refused for key in (one.left, one.right)}
    order = sorted(reward.by_place, key=lambda place: (-reward.by_place[place], place))
    taken = 0
    for place in order:
        subject = group.candidates[place].subject
        reason = "a sample called bad together with another" if subject.key in bad else _obstacle(subject, features)
        if reason:
            left_out[reason] += 1
        elif taken < top:
            taken += 1
            yield subject, reward.by_place[place], reward.name


def _obstacle(subject: ExportSubject, features: Columns) -> str | None:
    if subject.is_unsafe:
        return "a sample flagged unsafe"
    if "completion" in features:
        return answer_obstacle(subject) or question_obstacle(subject.prompt, with_images="images" in features)
    kind = "image" if "image" in features else "video"
    if [item.kind for item in subject.sample.media] != [kind]:
        return f"an answer that is not exactly one {kind}"
    return _input_obstacle(subject.prompt, features)


def _input_obstacle(prompt: ExportPrompt, features: Columns) -> str | None:
    if prompt.inputs and "input_images" not in features:
        return "a prompt with inputs: the row has a caption only"
    if any(item.kind == "video" for item in prompt.inputs):
        return "a video in the question: the row has pictures only"
    return None


def _row(subject: ExportSubject, reward: float, name: str, features: Columns, media: MediaReader) -> Row:
    prompt, sample = subject.prompt, subject.sample
    row: Row = {"reward": reward, "reward_name": name, "prompt_id": prompt.id, "sample_id": sample.id}
    if "completion" in features:
        row |= {"prompt": conversation(prompt), "completion": answer(subject)}
        return row | images(prompt, media) if "images" in features else row
    shown = sample.media[0]
    row |= {shown.kind: media.struct(shown), "text": prompt.text, "sha256": shown.sha256}
    return row | _inputs(prompt, media) if "input_images" in features else row


def _inputs(prompt: ExportPrompt, media: MediaReader) -> Row:
    return {f"input_{name}": value for name, value in images(prompt, media).items()}


def media_of(config: str, row: Row) -> Iterator[Stored]:
    for name in ("images", "input_images"):
        if name in row:
            yield from stored_media(name, row[name], row[f"{name}_sha256"])
    for name in ("image", "video"):
        if name in row:
            yield from stored_media(name, [row[name]], [row["sha256"]])


BEST_OF = Format(
    name="best-of",
    label="Best of each prompt (SFT, RAFT)",
    purpose="The best sample of every prompt, ready for supervised fine-tuning.",
    configs=("best-of",),
    columns=columns,
    refusal=refusal,
    write=write,
    proof=Proof("package", "trl.SFTTrainer"),
    ties="Rows are single samples: where two are equally good, the earlier one is taken.",
    options=(TOP,),
    media_of=media_of,
    is_by_pair=False,
    counts_pairs=False,
    snippet="""\
from datasets import load_dataset

# Words: give it to trl.SFTTrainer as it is. Pictures: columns `image` and `text`.
best = load_dataset("{place}", "best-of", split="{split}", streaming=True)
print(next(iter(best)))
""",
)
