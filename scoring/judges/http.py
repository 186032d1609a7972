"""A judge behind an address that speaks OpenAI's chat-completions protocol: vLLM, SGLang, hosted models.

Every request states its temperature; `do_sample`, which such servers ignore in silence, is never sent. Redirects are
not followed, answers are read up to a bound, and the key is read from the environment for each request and stands in
no message. A question that times out may have been answered, and paid for, on the other side.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict

import requests
import urllib3

from scoring.judges.answers import Rejected, Sent, answer_of, error_words
from scoring.judges.base import Decoding, Part, Passing, PictureForm, Question, Refusal, Reply
from scoring.judges.endpoints import Endpoint
from scoring.judges.limits import RequestsAMinute, backoff, retry_after
from scoring.judges.pictures import data_url, pictures_of
from scoring.scorers.base import Json, ScorerUnavailable

LARGEST_ANSWER = 32 * 1024 * 1024  # bytes; log-probabilities of a long answer take a few megabytes
LARGEST_ERROR = 64 * 1024
# Whoever asks for more time than this is not waited for here: the job comes back later.
LONGEST_WAIT = 120.0
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
READ_BYTES = 1 << 16
TOKENS_OF_A_PICTURE = 16_384  # Qwen2-VL's most; others take a tenth


_Piece = dict[str, object]


class _Message(TypedDict):
    role: str
    content: str | list[_Piece]


@dataclass(frozen=True)
class Timing:
    """Where time and chance come from; tests bring their own."""

    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = field(default=random.random)


class OpenAIBackend:
    """One model at one endpoint. Thread-safe; never more requests under way than the endpoint allows."""

    def __init__(self, endpoint: Endpoint, model: str, timing: Timing | None = None) -> None:
        """Raises ScorerUnavailable when the endpoint's entry does not list the model."""
        if not endpoint.allows(model):
            listed = f"; its entry lists {', '.join(endpoint.models)}" if endpoint.models else ""
            raise ScorerUnavailable(f"The endpoint “{endpoint.name}” does not offer the model “{model}”{listed}.")
        self.endpoint = endpoint
        self.model = model
        self.at_once = endpoint.requests_at_once
        self._timing = timing or Timing()
        self._slots = threading.BoundedSemaphore(self.at_once)
        self._minute = RequestsAMinute(endpoint.requests_a_minute, clock=self._timing.clock, pause=self._timing.pause)
        self._local = threading.local()

    def identity(self) -> dict[str, Json]:
        return {
            "backend": "openai-compatible",
            "endpoint": self.endpoint.name,
            "model": self.model,
            "weights": self.endpoint.weights,
            "precision": self.endpoint.precision or "as served",
        }

    def ready(self) -> None:
        """Asks the endpoint once what it serves. Costs nothing; a server without such a list is taken at its word.

        Raises:
            ScorerUnavailable: no key, no connection, the key is refused, or the model is not served there.
        """
        try:
            with self._request("GET", "/models") as response:
                if response.status_code in (401, 403):
                    raise ScorerUnavailable(
                        f"The endpoint “{self.endpoint.name}” refuses the key in {self._key_words()} "
                        f"({response.status_code}). Put the right one into the worker's environment."
                    )
                served = _served(self._body_of(response, LARGEST_ANSWER)) if response.status_code == 200 else set()
        except (requests.RequestException, urllib3.exceptions.HTTPError, Refusal) as error:
            raise ScorerUnavailable(
                f"The endpoint “{self.endpoint.name}” cannot be reached ({type(error).__name__}). Start its server, or "
                "correct its address in the file of endpoints."
            ) from error
        if served and self.model not in served:
            raise ScorerUnavailable(
                f"The endpoint “{self.endpoint.name}” serves {', '.join(sorted(served)[:10])}, not “{self.model}”."
            )

    def ask(self, question: Question) -> Reply:
        """One answer, sent again after each passing trouble up to the endpoint's number of attempts.

        Raises:
            Refusal: the endpoint will not answer this.
            Passing: it did not answer in any attempt, or asks for more time than is waited for here.
            ScorerUnavailable: the key is gone from the environment.
            ValueError: a picture is missing or cannot be read.
        """
        sent = self._sent(question)
        begun = self._timing.clock()
        troubles: list[str] = []
        while True:
            try:
                reply = self._attempt(sent)
                break
            except Passing as trouble:
                troubles.append(str(trouble))
                self._wait_or_give_up(trouble, troubles)
        return Reply(
            text=reply.text,
            model=reply.model,
            finish=reply.finish,
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens,
            seconds=self._timing.clock() - begun,
            cost=reply.cost,
            tokens=reply.tokens,
            attempts=len(troubles) + 1,
            troubles=(*troubles, *reply.troubles),
        )

    def _wait_or_give_up(self, trouble: Passing, troubles: list[str]) -> None:
        stated = trouble.retry_after
        if len(troubles) >= self.endpoint.attempts or (stated or 0.0) > LONGEST_WAIT:
            said = "; ".join(dict.fromkeys(troubles))
            count = "one attempt" if len(troubles) == 1 else f"{len(troubles)} attempts"
            raise Passing(f"“{self.endpoint.name}” gave no answer in {count}: {said}", stated) from trouble
        self._timing.pause(backoff(len(troubles), self._timing.chance(), stated=stated))

    # -- one request ------------------------------------------------------------------------------------------------

    def _attempt(self, sent: Sent) -> Reply:
        with self._slots:
            self._minute.wait()
            try:
                return self._posted(sent)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                raise self._of_connection(error) from error

    def _posted(self, sent: Sent) -> Reply:
        with self._request("POST", "/chat/completions", sent.body) as response:
            if response.status_code >= 300:
                raise self._of_status(response)
            content = self._body_of(response, LARGEST_ANSWER)
            kind = response.headers.get("Content-Type", "")
        try:
            return answer_of(content, kind, self.endpoint, sent)
        except Rejected as error:
            raise self._of_error(error.status, error.words, None) from error

    def _request(self, method: str, path: str, body: bytes | None = None) -> requests.Response:
        endpoint = self.endpoint
        return self._session().request(
            method,
            endpoint.url + path,
            data=body,
            headers={"Content-Type": "application/json"} if body else None,
            timeout=(endpoint.connect_seconds, endpoint.timeout_seconds),
            stream=True,
            allow_redirects=False,
            auth=self._authorise,
        )

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sets the key, or nothing; being there at all, it keeps requests from sending what a netrc file holds."""
        if key := self._key():
            request.headers["Authorization"] = f"Bearer {key}"
        return request

    def _key(self) -> str:
        variable = self.endpoint.key_variable
        if not variable:
            return ""
        key = os.environ.get(variable, "").strip()
        if not key:
            raise ScorerUnavailable(
                f"The endpoint “{self.endpoint.name}” needs a key; set {variable} in the environment of this worker."
            )
        return key

    def _key_words(self) -> str:
        return self.endpoint.key_variable or "no variable (its entry names none)"

    def _session(self) -> requests.Session:
        """A session for each thread: connections are kept, and none is shared."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session

    def _body_of(self, response: requests.Response, largest: int) -> bytes:
        """The body, within bounds of size and of time, however slowly it drips."""
        ends = time.monotonic() + self.endpoint.timeout_seconds
        found = bytearray()
        while block := response.raw.read1(READ_BYTES, decode_content=True):
            found += block
            if len(found) > largest:
                raise Refusal(f"the answer of “{self.endpoint.name}” is larger than {largest // 1024:,} KiB")
            if time.monotonic() > ends:
                raise requests.ReadTimeout
        return bytes(found)

    # -- troubles in words --------------------------------------------------------------------------------------------

    def _of_connection(self, error: Exception) -> Passing | Refusal:
        """The error's own text names addresses and objects, so its kind is said in our words."""
        endpoint = self.endpoint
        if isinstance(error, requests.ConnectTimeout):
            return Passing(f"no connection within {endpoint.connect_seconds:g} seconds")
        if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
            return Passing(f"no answer within {endpoint.timeout_seconds:g} seconds")
        if isinstance(error, requests.exceptions.SSLError):
            return Refusal(f"the certificate of “{endpoint.name}” is not accepted")
        if isinstance(error, requests.ConnectionError | urllib3.exceptions.HTTPError):
            return Passing("the connection failed or broke")
        if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
            return Passing("the connection broke in the middle of the answer")
        return Refusal(f"the request to “{endpoint.name}” could not be made ({type(error).__name__})")

    def _of_status(self, response: requests.Response) -> Passing | Refusal:
        status = response.status_code
        if status < 400:
            return Refusal(f"“{self.endpoint.name}” sends us to another address ({status}), which is not followed")
        try:
            content = self._body_of(response, LARGEST_ERROR)
        except Refusal:
            content = b""
        return self._of_error(status, error_words(content), retry_after(response.headers.get("Retry-After")))

    def _of_error(self, status: int, words: str, stated: float | None) -> Passing | Refusal:
        said = self._without_key(words)
        is_spent = "insufficient_quota" in words
        if status in AGAIN and not is_spent:
            return Passing(f"{status}" + (f": {said}" if said else ""), stated)
        return Refusal(f"“{self.endpoint.name}” refuses ({status})" + (f": {said}" if said else ""))

    def _without_key(self, words: str) -> str:
        """Some servers repeat the key they refuse."""
        key = os.environ.get(self.endpoint.key_variable, "").strip() if self.endpoint.key_variable else ""
        return words.replace(key, "…") if key else words

    # -- the question as JSON -----------------------------------------------------------------------------------------

    def _sent(self, question: Question) -> Sent:
        decoding = question.decoding
        if decoding.top_logprobs and not self.endpoint.supports_logprobs:
            raise Refusal(
                f"the template reads log-probabilities, which “{self.endpoint.name}” does not give; take a template "
                "that reads words, or say supports_logprobs: true in its entry where it does"
            )
        messages = _messages(question)
        said: dict[str, object] = {
            "model": self.model,
            "messages": messages,
            **self._drawn(decoding, question.repeat),
        }
        return Sent(json.dumps(said, ensure_ascii=False).encode(), _most_tokens(messages), decoding.max_tokens)

    def _drawn(self, decoding: Decoding, repeat: int) -> dict[str, object]:
        said: dict[str, object] = {
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            self.endpoint.limit_field: decoding.max_tokens,
        }
        if decoding.temperature > 0:
            said["seed"] = decoding.seed + repeat
        if decoding.top_logprobs:
            said |= {"logprobs": True, "top_logprobs": decoding.top_logprobs}
        return said


def _messages(question: Question) -> list[_Message]:
    """The whole conversation; what a judge was shown for its calls is not scaled again."""
    found: list[_Message] = [{"role": "system", "content": question.system}] if question.system else []
    found.append({"role": "user", "content": _content(question.parts, question.pictures)})
    as_made = replace(question.pictures, longest_side=0)
    for turn in question.turns:
        found.append({"role": "assistant", "content": turn.said})
        found.append({"role": "user", "content": _content(turn.parts, as_made)})
    return found


def _content(parts: Sequence[Part], form: PictureForm) -> list[_Piece]:
    return [piece for part in parts for piece in _pieces(part, form)]


def _pieces(part: Part, form: PictureForm) -> list[_Piece]:
    if part.media is None:
        return [{"type": "text", "text": part.text}]
    return [{"type": "image_url", "image_url": {"url": data_url(one, form)}} for one in pictures_of(part.media, form)]


def _most_tokens(messages: Sequence[_Message]) -> int:
    """No question has more tokens than this: one a byte of text, and what a large picture takes."""
    count = 0
    for message in messages:
        content = message["content"]
        pieces = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for piece in pieces:
            count += TOKENS_OF_A_PICTURE if piece["type"] == "image_url" else len(str(piece["text"]).encode())
    return count


def _served(content: bytes) -> set[str]:
    """The names in a list of models; empty when it is no such list."""
    try:
        listed = json.loads(content)
    except ValueError:
        return set()
    rows = listed.get("data") if isinstance(listed, Mapping) else None
    found = [row.get("id") for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return {name for name in found if isinstance(name, str)}
