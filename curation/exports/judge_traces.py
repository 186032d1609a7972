"""Judges' reasoned answers as training rows for judges, in stages that share no question.

- `judge-sft`: answers worth imitating: people agree with the verdict, or nobody decided (`is_verified` says which);
- `judge-rl`: questions that people decided and every judge got wrong, one row each: the question and what is right,
  without the wrong reasoning, to be learned by trying;
- `judge-held-out`: all other answers, with the reason: readers of the reasoning alone came to another verdict, there is
  nothing to imitate, or the question belongs to one of the stages already;
- `judge-critiques`: notes about single answers.

Every answer of a judge is in exactly one of the first three, and no question in two of `judge-sft` and `judge-rl`, in
whatever order its answers were shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from curation.exports.columns import BOOL, FLOAT64, IMAGE, INT32, STRING, VIDEO, Columns, ListOf, Struct
from curation.exports.conversations import MESSAGES, write_splits
from curation.exports.formats import Format, Proof, Row, Written, config_of
from curation.exports.gathered import ExportTrace
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportNote, ExportPrompt, ExportSource, ExportSubject
from curation.exports.shards import ShardWriter

SFT, RL, HELD_OUT, CRITIQUES = "judge-sft", "judge-rl", "judge-held-out", "judge-critiques"

CONTRADICTED = "readers of its reasoning alone came to another verdict"
EMPTY = "neither reasoning nor a distribution"
WRONG_BESIDE_RIGHT = "people decided otherwise, and another answer to the same question is imitated"
ASKED_ALREADY = "people decided otherwise, and the question is in judge-rl already"

_ABOUT: Columns = {
    "trace_id": STRING,
    "judge": STRING,
    "mode": STRING,  # pair, list or points
    "prompt_id": STRING,
    "sample_ids": ListOf(STRING),  # as shown
    "context": STRING,
}
_CHANCES = ListOf(Struct({"criterion": STRING, "word": STRING, "chance": FLOAT64}))
_LOOKS = ListOf(
    Struct(
        {
            "words": STRING,
            "tool": STRING,
            "arguments": STRING,
            "place": STRING,
            "box": ListOf(INT32),
            "seconds": FLOAT64,
            "told": STRING,
            "sha256": STRING,
        }
    )
)
_ANSWERED: Columns = {
    "completion": MESSAGES,
    "reply": STRING,  # the whole answer as it was given
    "distribution": _CHANCES,
    "looks": _LOOKS,
    "is_verified": BOOL,
    "confirmed": INT32,
    "contradicted": INT32,
}
_CRITIQUE: Columns = {
    "completion": MESSAGES,
    "prompt_id": STRING,
    "sample_id": STRING,
    "criterion": STRING,
    "rater": STRING,
}

_FILMED = ("text-to-video", "image-to-video", "understanding")


def columns(config: str, task: str) -> Columns:
    asked: Columns = {"prompt": MESSAGES}
    if task != "text":
        asked |= {"images": ListOf(IMAGE), "images_sha256": ListOf(STRING)}
    if task in _FILMED:
        asked |= {"videos": ListOf(VIDEO), "videos_sha256": ListOf(STRING)}
    match config:
        case "judge-rl":
            return asked | {"solution": STRING} | _ABOUT
        case "judge-critiques":
            return asked | _CRITIQUE
        case "judge-held-out":
            return asked | _ANSWERED | _ABOUT | {"reason": STRING}
        case _:
            return asked | _ANSWERED | _ABOUT


def refusal(task: str) -> str | None:
    return None


def write(source: ExportSource, root: Path) -> Written:
    """Writes the four configs. Memory: the answers about one prompt and what a row group holds."""
    configs = []
    for config in (SFT, RL, HELD_OUT, CRITIQUES):
        features = columns(config, source.context.task)
        writer = _Writer(source, config, features)
        fill = writer.critiques if config == CRITIQUES else writer.answers
        configs.append(config_of(config, features, write_splits(source, root, config, features, fill)))
    return Written(configs, Counter())


# -- stages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Staged:
    """Where an answer goes, and why it is held out."""

    trace: ExportTrace
    config: str
    reason: str = ""


def staged(traces: Iterator[ExportTrace]) -> Iterator[Staged]:
    """Every answer with its stage, a prompt at a time.

    Args:
        traces: all of a prompt in a row.
    """
    for _prompt, about in groupby(traces, key=lambda trace: trace.prompt.id):
        yield from _stages(list(about))


def _stages(traces: Sequence[ExportTrace]) -> Iterator[Staged]:
    """Stages of the answers about one prompt."""
    sound = [trace for trace in traces if not _fault(trace)]
    answered = {_question(trace) for trace in sound if is_right(trace) is not False}
    asked = set()
    for trace in traces:
        if reason := _fault(trace):
            yield Staged(trace, HELD_OUT, reason)
        elif is_right(trace) is not False:
            yield Staged(trace, SFT)
        elif _question(trace) in answered:
            yield Staged(trace, HELD_OUT, WRONG_BESIDE_RIGHT)
        elif _question(trace) in asked:
            yield Staged(trace, HELD_OUT, ASKED_ALREADY)
        else:
            asked.add(_question(trace))
            yield Staged(trace, RL)


def _fault(trace: ExportTrace) -> str:
    if trace.contradicted:
        return CONTRADICTED
    return "" if trace.reasoning or trace.distribution else EMPTY


def _question(trace: ExportTrace) -> tuple[str, ...]:
    """What was asked about, in whatever order it was shown."""
    return (trace.mode, *sorted(subject.sample.id for subject in trace.subjects))


def is_right(trace: ExportTrace) -> bool | None:
    """Whether people agree on every criterion that both speak of; None where they decided none."""
    shared = trace.known.keys() & trace.outcomes.keys()
    return all(trace.known[key] == trace.outcomes[key] for key in shared) if shared else None


# -- rows ------------------------------------------------------------------------------------------------------------


class _Writer:
    """Fills one config."""

    def __init__(self, source: ExportSource, config: str, features: Columns) -> None:
        self._source, self._config, self._features = source, config, features
        self._media = MediaReader(source.open_media)

    def answers(self, split: str, shard: ShardWriter) -> None:
        for one in staged(self._source.traces(split)):
            if one.config == self._config:
                shard.add(self._answer_row(one), self._media.take_bytes())

    def _answer_row(self, one: Staged) -> Row:
        trace = one.trace
        row: Row = {
            "prompt": [{"role": "user", "content": question_words(trace, self._criteria(trace))}],
            **self._shown(trace.prompt, trace.subjects),
            "trace_id": trace.id,
            "judge": trace.rater.id,
            "mode": trace.mode,
            "prompt_id": trace.prompt.id,
            "sample_ids": [subject.sample.id for subject in trace.subjects],
            "context": trace.context,
        }
        if self._config == RL:
            return row | {"solution": "\n".join(_lines(trace.known))}
        row |= {
            "completion": [{"role": "assistant", "content": answer_words(trace)}],
            "reply": trace.reply,
            "distribution": list(_chances(trace)),
            "looks": [{**vars(look), "box": list(look.box)} for look in trace.looks],
            "is_verified": bool(is_right(trace)),
            "confirmed": trace.confirmed,
            "contradicted": trace.contradicted,
        }
        return row | {"reason": one.reason} if self._config == HELD_OUT else row

    def _criteria(self, trace: ExportTrace) -> list[str]:
        """What is asked about: all the judge spoke of, or what people decided where that is the answer."""
        return sorted(trace.known if self._config == RL else {*trace.outcomes, *trace.ranks, *trace.scores})

    def critiques(self, split: str, shard: ShardWriter) -> None:
        for candidate in self._source.candidates(split):
            for note in candidate.subject.notes:
                shard.add(self._critique_row(candidate.subject, note), self._media.take_bytes())

    def _critique_row(self, subject: ExportSubject, note: ExportNote) -> Row:
        about = f" with regard to {note.criterion}" if note.criterion else ""
        words = (
            f"{_request(subject.prompt)}\n\n{_answer_line('Answer', subject)}\n\nWrite a critique of the answer{about}."
        )
        return {
            "prompt": [{"role": "user", "content": words}],
            **self._shown(subject.prompt, [subject]),
            "completion": [{"role": "assistant", "content": note.text}],
            "prompt_id": subject.prompt.id,
            "sample_id": subject.sample.id,
            "criterion": note.criterion,
            "rater": note.rater.id,
        }

    def _shown(self, prompt: ExportPrompt, subjects: Sequence[ExportSubject]) -> Row:
        """Media in the order of the words: the question's, then each answer's."""
        items = [*prompt.inputs, *(item for subject in subjects for item in subject.sample.media)]
        row: Row = {}
        for name, kind in (("images", "image"), ("videos", "video")):
            if name in self._features:
                found = [item for item in items if item.kind == kind]
                row |= {
                    name: [self._media.struct(item) for item in found],
                    f"{name}_sha256": [item.sha256 for item in found],
                }
        return row


def question_words(trace: ExportTrace, criteria: Sequence[str]) -> str:
    """The question to a judge, the same words for every judge, whatever its template was."""
    answers = "\n".join(
        _answer_line(f"Answer {number}", subject) for number, subject in enumerate(trace.subjects, start=1)
    )
    return f"{_request(trace.prompt)}\n\n{answers}\n\n{_TASKS[trace.mode]}\nCriteria: {', '.join(criteria)}"


_TASKS: Mapping[str, str] = {
    "pair": (
        "Compare the two answers. Reason first; then end with a line for each criterion, its name and a colon, "
        "followed by 1, 2, equal or both bad."
    ),
    "list": (
        "Rank the answers. Reason first; then end with a line for each criterion, its name and a colon, "
        "followed by the rank of each answer in order; 1 is best."
    ),
    "points": (
        "Score the answer. Reason first; then end with a line for each criterion, its name and a colon, "
        "followed by a number."
    ),
}


def _request(prompt: ExportPrompt) -> str:
    turns = [f"{role}: {content}" for role, content in prompt.turns] or [prompt.text]
    seen = f"\n(With {len(prompt.inputs)} pictures or videos, shown first.)" if prompt.inputs else ""
    return "Request: " + "\n".join(turns) + seen


def _answer_line(name: str, subject: ExportSubject) -> str:
    shown = len(subject.sample.media)
    media = f"[{shown} {'picture or video' if shown == 1 else 'pictures or videos'}]" if shown else ""
    return f"{name}: " + " ".join(part for part in (media, subject.sample.text or "") if part)


_SAID = {"left": "1", "right": "2", "tie": "equal", "both-bad": "both bad"}


def _lines(outcomes: Mapping[str, str]) -> list[str]:
    return [f"{criterion}: {_SAID[outcome]}" for criterion, outcome in sorted(outcomes.items())]


def answer_words(trace: ExportTrace) -> str:
    """The reasoning, then the verdict in the form that `question_words` asks for."""
    lines = _lines(trace.outcomes)
    lines += [f"{key}: {' '.join(f'{rank:g}' for rank in said)}" for key, said in sorted(trace.ranks.items())]
    lines += [f"{key}: {value:g}" for key, value in sorted(trace.scores.items())]
    return "\n\n".join(part for part in (trace.reasoning, "\n".join(lines)) if part)


def _chances(trace: ExportTrace) -> Iterator[Row]:
    for criterion, chances in sorted(trace.distribution.items()):
        yield from (
            {"criterion": criterion, "word": word, "chance": chance} for word, chance in sorted(chances.items())
        )


def media_of(config: str, row: Row) -> Iterator[Stored]:
    for name in ("images", "videos"):
        if name in row:
            yield from stored_media(name, row[name], row[f"{name}_sha256"])


JUDGE_TRACES = Format(
    name="judge-traces",
    label="Judge training: traces in stages",
    purpose="Reasoned answers of judges and critiques, as files for supervised training and for learning by trying.",
    configs=(SFT, RL, HELD_OUT, CRITIQUES),
    columns=columns,
    refusal=refusal,
    write=write,
    proof=Proof("package", "trl.SFTTrainer"),
    ties="Rows are answers of judges: a judge may have said that two are equal.",
    media_of=media_of,
    is_by_pair=False,
    counts_pairs=False,
    snippet="""\
from datasets import load_dataset

imitate = load_dataset("{place}", "judge-sft", split="{split}")  # trl.SFTTrainer
explore = load_dataset("{place}", "judge-rl", split="{split}")  # trl.GRPOTrainer, `solution` to your reward function
""",
)
