"""What an OpenAI-compatible server sends back, taken apart: the text, its tokens, what it used and cost."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from scoring.judges.base import Passing, Refusal, Reply, Token
from scoring.judges.endpoints import Endpoint
from scoring.judges.readers.base import shortened
from scoring.scorers.base import Json

NO_USAGE = "the answer does not say what it used; its cost is reckoned from above"
_LONGEST_ERROR = 300


class Rejected(Exception):
    """An error that came under the status of a success, as some gateways send it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


@dataclass(frozen=True)
class Sent:
    """A question as it travels, and the most tokens that it and its answer can have."""

    body: bytes
    most_prompt_tokens: int
    most_answer_tokens: int


def answer_of(content: bytes, kind: str, endpoint: Endpoint, sent: Sent) -> Reply:
    """The reply in a body.

    Args:
        content: the body.
        kind: its Content-Type.
        endpoint: for prices.
        sent: the question, for a bound on the cost where no usage is stated.

    Raises:
        Refusal: it is no JSON at all (a page of some proxy).
        Passing: broken JSON, or no choice in it.
        Rejected: an error inside.
    """
    fields = _fields(content, kind)
    if fields.get("error"):
        raise Rejected(_status(fields["error"]), error_words(content))
    choices = fields.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        raise Passing("the answer holds no choice")
    used = _usage(fields.get("usage"))
    prompt, answer = used or (0, 0)
    is_dear = endpoint.price_prompt > 0 or endpoint.price_answer > 0
    return Reply(
        text=_text(message),
        model=str(fields.get("model") or ""),
        finish=str(choice.get("finish_reason") or "stop"),
        prompt_tokens=prompt,
        answer_tokens=answer,
        cost=endpoint.cost(*(used or (sent.most_prompt_tokens, sent.most_answer_tokens))),
        tokens=_tokens(choice.get("logprobs")),
        troubles=() if used or not is_dear else (NO_USAGE,),
    )


def error_words(content: bytes) -> str:
    """What a server says about an error: its JSON's message, or the beginning of its text."""
    text = content.decode("utf-8", errors="replace").strip()
    try:
        fields: Json = json.loads(text)
    except (ValueError, RecursionError):
        return shortened(text, _LONGEST_ERROR) if not text.startswith("<") else ""
    error = fields.get("error", fields) if isinstance(fields, Mapping) else fields
    if isinstance(error, Mapping):
        said = [str(error[key]) for key in ("message", "detail", "code") if error.get(key)]
        return shortened(" · ".join(said), _LONGEST_ERROR)
    return shortened(str(error), _LONGEST_ERROR)


def _fields(content: bytes, kind: str) -> Mapping[str, Json]:
    try:
        fields: Json = json.loads(content)
    except (ValueError, RecursionError) as error:
        if "json" in kind.lower():
            raise Passing("the answer is broken JSON") from error
        begins = shortened(content[:200].decode("utf-8", errors="replace"), 60)
        raise Refusal(f"what came back is no JSON ({kind or 'of no stated type'}): “{begins}”") from error
    if not isinstance(fields, Mapping):
        raise Refusal("what came back is no JSON object")
    return fields


def _status(error: Json) -> int:
    code = error.get("code", error.get("status")) if isinstance(error, Mapping) else None
    return code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else 500


def _text(message: Mapping[str, Json]) -> str:
    """The words of a message; a thought that the server took out is put back before them, as the model wrote it."""
    content = message.get("content")
    if isinstance(content, list):
        said = "".join(str(one.get("text", "")) for one in content if isinstance(one, Mapping))
    else:
        said = content if isinstance(content, str) else ""
    thought = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thought, str) and thought.strip() and "</think>" not in said:
        return f"<think>{thought}</think>{said}"
    return said


def _usage(usage: Json) -> tuple[int, int] | None:
    """Tokens of question and answer; None where they are not stated."""
    fields = usage if isinstance(usage, Mapping) else {}
    prompt, answer = _count(fields.get("prompt_tokens")), _count(fields.get("completion_tokens"))
    return None if prompt is None or answer is None else (prompt, answer)


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _tokens(logprobs: Json) -> tuple[Token, ...]:
    rows = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(rows, list):
        return ()
    return tuple(token for row in rows if isinstance(row, Mapping) for token in _token(row))


def _token(row: Mapping[str, Json]) -> list[Token]:
    chance = _logprob(row)
    if chance is None:
        return []
    listed = row.get("top_logprobs")
    rivals = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    chances = {str(one.get("token", "")): _logprob(one) for one in rivals}
    known = {text: value for text, value in chances.items() if value is not None}
    return [Token(str(row.get("token", "")), chance, known)]


def _logprob(row: Mapping[str, Json]) -> float | None:
    value = row.get("logprob")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
