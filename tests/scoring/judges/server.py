"""A real HTTP server on this machine that speaks the chat-completions protocol and looks at what it is sent.

    with serving(Rules(bias=30, malformed=0.1)) as server:
        backend = OpenAIBackend(server.endpoint(), "eye-1", QUICK)
        ...
        assert server.peak <= 4
        assert [seen.status for seen in server.requests] == [429, 200]

`server.url` ends with `/v1`; `server.requests` lists what came, with pictures decoded from the bytes; `server.peak`
is the largest number of requests under way at once; `server.endpoint(**fields)` is an `Endpoint` for it, and
`server.endpoints_text(**fields)` the same as a file for PAIRWRIGHT_ENDPOINTS_FILE. `mind.py` says what is answered.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, ClassVar

from PIL import Image

from scoring.judges.endpoints import Endpoint
from scoring.judges.http import Timing
from tests.scoring.judges import mind

MODEL = "eye-1"
PICTURE_TOKENS = 256
# Backends of tests do not sleep through their backoff.
QUICK = Timing(pause=lambda seconds: time.sleep(min(seconds, 0.02)))


@dataclass(frozen=True)
class Behaviour:
    """What becomes of one request in place of a proper answer.

    Attributes:
        status, message, headers: of an error.
        seconds: waits so long first.
        body, kind: sends these bytes as they are, with this Content-Type.
        drops: closes the connection without a word.
        drips: sends the body byte by byte, so many seconds apart.
        text: a proper answer that says this.
    """

    status: int = 200
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    body: bytes | None = None
    kind: str = "application/json"
    drops: bool = False
    drips: float = 0.0
    text: str | None = None


def refused(status: int, message: str = "", *, retry_after: str = "") -> Behaviour:
    return Behaviour(status, message, {"Retry-After": retry_after} if retry_after else {})


def hanging(seconds: float) -> Behaviour:
    return Behaviour(seconds=seconds)


def saying(text: str) -> Behaviour:
    return Behaviour(text=text)


def raw(body: bytes, kind: str = "application/json") -> Behaviour:
    return Behaviour(body=body, kind=kind)


@dataclass
class Rules:
    """How the server behaves.

    Attributes:
        plan: what becomes of the first, second, … request (counted from 1); the others are answered.
        always: asked for each request that the plan says nothing about.
        seconds: how long an answer takes.
        bias: grey levels that the first picture gets for standing first.
        tie_below: differences in brightness below this many grey levels are ties.
        noise: grey levels of chance, the same for the same question; at a temperature above 0 it depends on the seed.
        malformed: share of answers (0 to 1, drawn by the question) that are not in the form asked for.
        key: the key that must come with every request; empty for none.
        usage: whether answers say what they used.
        logprobs: whether log-probabilities are given when asked for.
        says: asked what to say to a request before the mind is; None leaves it to the mind.
    """

    plan: Mapping[int, Behaviour] = field(default_factory=dict)
    always: Callable[[int], Behaviour | None] = lambda number: None
    seconds: float = 0.0
    bias: float = 0.0
    tie_below: float = 1.0
    noise: float = 0.0
    malformed: float = 0.0
    key: str = ""
    usage: bool = True
    logprobs: bool = True
    says: Callable[[Seen], str | None] = lambda seen: None
    models: tuple[str, ...] = (MODEL,)


@dataclass
class Seen:
    """One request: its number from 1, its JSON, the words and pictures in it, when it came, and its status."""

    number: int
    body: dict[str, Any]
    text: str
    pictures: list[Image.Image]
    headers: Mapping[str, str]
    at: float
    digest: str
    status: int = 0

    @property
    def turns(self) -> int:
        """How many replies of its own the model is sent back."""
        return sum(message["role"] == "assistant" for message in self.body["messages"])


class Server:
    """What a test sees of the server."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.requests: list[Seen] = []
        self.peak = 0
        self.under_way = 0
        self.lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"seen_by": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def answered(self) -> int:
        """How many requests got a proper answer."""
        return sum(seen.status == 200 for seen in self.requests)

    def endpoint(self, name: str = "eye", **fields: Any) -> Endpoint:
        return Endpoint(name, self.url, **{"timeout_seconds": 10.0, "supports_logprobs": True, **fields})

    def endpoints_text(self, name: str = "eye", **fields: Any) -> str:
        """A file of endpoints, as YAML (which JSON is)."""
        stated = {"url": self.url, "supports_logprobs": True, "timeout_seconds": 10, **fields}
        return json.dumps({"endpoints": {name: stated}})

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


@contextmanager
def serving(rules: Rules | None = None) -> Iterator[Server]:
    """A running server; it is gone afterwards."""
    server = Server(rules or Rules())
    server.start()
    try:
        yield server
    finally:
        server.stop()


# -- the protocol -----------------------------------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    seen_by: ClassVar[Server]
    protocol_version = "HTTP/1.1"
    _is_inside = False

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        if not self._knows_key():
            return
        listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in self.seen_by.rules.models]}
        self._send(200, json.dumps(listed).encode())

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        with self.seen_by.lock:
            self.seen_by.under_way += 1
            self._is_inside = True
            self.seen_by.peak = max(self.seen_by.peak, self.seen_by.under_way)
            seen = _seen(len(self.seen_by.requests) + 1, content, self.headers)
            self.seen_by.requests.append(seen)
        try:
            self._answer(seen)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # whoever asked has given up
        finally:
            self._leave()

    def _leave(self) -> None:
        """Before the answer goes out: whoever got it may ask again at once, and is then no second guest."""
        with self.seen_by.lock:
            self.seen_by.under_way -= self._is_inside
            self._is_inside = False

    def _answer(self, seen: Seen) -> None:
        rules = self.seen_by.rules
        behaviour = rules.plan.get(seen.number) or rules.always(seen.number) or Behaviour(seconds=rules.seconds)
        time.sleep(behaviour.seconds)
        seen.status = behaviour.status
        if behaviour.drops:
            self._leave()
            self.close_connection = True
            return
        if not self._knows_key(seen):
            return
        if behaviour.status >= 300:
            body = json.dumps({"error": {"message": behaviour.message}}).encode()
            self._send(behaviour.status, body, headers=behaviour.headers)
            return
        body = behaviour.body
        if body is None:
            body = json.dumps(_completion(seen, rules, behaviour.text)).encode()
        self._send(200, body, kind=behaviour.kind, drips=behaviour.drips)

    def _knows_key(self, seen: Seen | None = None) -> bool:
        key = self.seen_by.rules.key
        if not key or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        said = f"Incorrect API key provided: {self.headers.get('Authorization', '')}"
        if seen:
            seen.status = 401
        self._send(401, json.dumps({"error": {"message": said}}).encode())
        return False

    def _send(
        self,
        status: int,
        body: bytes,
        *,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
        drips: float = 0.0,
    ) -> None:
        self._leave()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if not drips:
            self.wfile.write(body)
            return
        for place in range(len(body)):
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            time.sleep(drips)


def _seen(number: int, content: bytes, headers: Any) -> Seen:
    body = json.loads(content)
    pieces = [piece for message in body["messages"] for piece in _pieces(message["content"])]
    for piece in pieces:
        if piece["type"] == "image_url":
            piece["picture"] = _picture(piece["image_url"]["url"])
    text = "\n".join(piece["text"] for piece in pieces if piece["type"] == "text")
    pictures = [piece["picture"] for piece in pieces if piece["type"] == "image_url"]
    digest = hashlib.sha256(content).hexdigest()
    return Seen(number, body, text, pictures, dict(headers), time.monotonic(), digest)


def _pieces(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _picture(url: str) -> Image.Image:
    match = re.fullmatch(r"data:image/(png|jpeg);base64,(.+)", url)
    assert match, url[:40]
    picture = Image.open(io.BytesIO(base64.b64decode(match[2], validate=True)))
    picture.load()
    assert picture.format == match[1].upper()
    return picture


# -- the answer -------------------------------------------------------------------------------------------------------


def _completion(seen: Seen, rules: Rules, text: str | None) -> dict[str, Any]:
    said = mind.Said(text) if text is not None else _said(seen, rules)
    tokens = re.findall(r"\s*\w+|\s*[^\w\s]", said.text) or [said.text]
    limit = seen.body.get("max_tokens") or seen.body["max_completion_tokens"]
    finish = "length" if len(tokens) > limit else "stop"
    tokens = tokens[:limit]
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": "".join(tokens)},
    }
    if seen.body.get("logprobs") and rules.logprobs:
        rivals = seen.body["top_logprobs"]
        choice["logprobs"] = {"content": [_token(token, said.chances, rivals) for token in tokens]}
    answer: dict[str, Any] = {"id": f"chat-{seen.number}", "model": seen.body["model"], "choices": [choice]}
    if rules.usage:
        prompt = len(seen.text.split()) + PICTURE_TOKENS * len(seen.pictures)
        answer["usage"] = {"prompt_tokens": prompt, "completion_tokens": len(tokens)}
    return answer


def _said(seen: Seen, rules: Rules) -> mind.Said:
    chance = Random(seen.digest)
    if chance.random() < rules.malformed:
        return mind.Said("Both of them have something, it is hard to say; perhaps the one on the left?")
    said = rules.says(seen)
    if said is not None:
        return mind.Said(said)
    asked = next(message for message in seen.body["messages"] if message["role"] == "user")
    content = _pieces(asked["content"])
    things = mind.things_in(content) or mind.answers_in(seen.text)
    lights = mind.lights_of(things, seen.text, chance, rules.noise)
    return mind.speak(seen.text, things, lights, bias=rules.bias, tie_below=rules.tie_below)


def _token(token: str, chances: Mapping[str, float], rivals: int) -> dict[str, Any]:
    """A token with its rivals: those of the answer's candidates where it is one of them, else itself alone."""
    space = token[: len(token) - len(token.lstrip())]
    word = token.strip()
    known = {space + name: _log(chance) for name, chance in chances.items()} if word in chances else {token: -0.01}
    best = sorted(known.items(), key=lambda item: -item[1])[:rivals]
    own = known[token]
    return {
        "token": token,
        "logprob": own,
        "top_logprobs": [{"token": name, "logprob": chance} for name, chance in best],
    }


def _log(chance: float) -> float:
    return math.log(max(chance, 1e-30))
