"""The addresses of the service, as a WSGI application that any server can call from several threads.

GET  /health   whether it lives (no token)
GET  /ready    whether its models are loaded (no token)
GET  /scorers  what it holds
GET  /metrics  queue, batches, throughput, memory
POST /score    scores of a group of samples
POST /reward   totals of a group under a reward
GET  /prompts  the pool of prompts, in pages
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from curation.errors import PairwrightError, Unavailable
from scoring import machine
from scoring.scorers.base import Json
from scoring.service import bodies, memory, scoring_calls, telling, totals, wire
from scoring.service.batcher import Batcher
from scoring.service.desk import Desk, Holder, Shown
from scoring.service.refusals import CallRefused

logger = logging.getLogger(__name__)

MEDIA = "/media/"
DIGEST = re.compile(r"[0-9a-f]{64}")
SENT_AT_ONCE = 2**20

Environ = Mapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True)
class Answer:
    """What goes back. `noted` are words and counts for the log: nothing of a token, a prompt or an answer."""

    status: int
    content: Mapping[str, Json]
    noted: Mapping[str, Json] = field(default_factory=dict)
    retry_after: int = 0
    file: Shown | None = None  # sent in place of the content

    @cached_property
    def encoded(self) -> bytes:
        """Escaped to ASCII: what is told may hold half a character that a client sent, and no encoding has those."""
        return json.dumps(self.content, allow_nan=False).encode()

    @classmethod
    def refused(cls, error: CallRefused) -> Answer:
        return cls(error.status, {"error": str(error), "status": error.status}, {}, error.retry_after)


class Application:
    """
    Args:
        batcher: started by whoever makes this.
        desk: keeps the rows.
        scratch: where the files of calls lie while they are scored.
    """

    def __init__(self, batcher: Batcher, desk: Desk, scratch: Path) -> None:
        self._batcher = batcher
        self._desk = desk
        self._scratch = scratch
        self._limits = batcher.limits
        self._takers = ThreadPoolExecutor(machine.cores(), thread_name_prefix="take")
        self._lock = threading.Lock()
        self._at_once: Counter[int] = Counter()
        self._open = {"/health": self._health, "/ready": self._ready}
        self._closed: dict[str, tuple[str, Callable[[Environ, Holder], Answer]]] = {
            "/scorers": ("GET", self._scorers),
            "/metrics": ("GET", self._metrics),
            "/score": ("POST", self._score),
            "/reward": ("POST", self._reward),
            "/prompts": ("GET", self._prompts),
            MEDIA: ("GET", self._media),
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        holder: Holder | None = None
        path, method = _address(environ), str(environ.get("REQUEST_METHOD", "GET"))
        try:
            if path in self._open:
                answer = self._open[path]() if method in ("GET", "HEAD") else _not_allowed("GET")
            else:
                holder = self._holder(environ)
                answer = self._routed(path, method, environ, holder)
            answer.encoded  # noqa: B018 - here, where a number that JSON does not have is an answer of its own
        except CallRefused as error:
            answer = Answer.refused(error)
        except RecursionError:
            answer = Answer.refused(CallRefused(400, "The request is nested too deeply to be read."))
        except PairwrightError as error:
            status = 503 if isinstance(error, Unavailable) else 422
            answer = Answer.refused(CallRefused(status, str(error)))
        except Exception:  # the top of a request: the client must hear of it, and learn nothing else
            logger.exception("a call broke")
            answer = Answer(500, {"error": "Something broke here; the log of the service says what.", "status": 500})
        self._note(path, method, answer, holder, time.perf_counter() - began)
        return _sent(answer, start_response, has_body=method != "HEAD")

    def _routed(self, path: str, method: str, environ: Environ, holder: Holder) -> Answer:
        if path not in self._closed:
            raise CallRefused(404, f"There is nothing at this address. Addresses: {', '.join(self._closed)}.")
        allowed, view = self._closed[path]
        return view(environ, holder) if method == allowed else _not_allowed(allowed)

    def _holder(self, environ: Environ) -> Holder:
        scheme, _space, token = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        holder = self._desk.holder(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        if holder is None:
            raise CallRefused(401, "Send a token of the project that was not revoked: Authorization: Bearer TOKEN.")
        return holder

    # -- views --------------------------------------------------------------------------------------------------------

    def _health(self) -> Answer:
        return Answer(200, {"alive": True})

    def _ready(self) -> Answer:
        is_ready = self._batcher.serves
        return Answer(200 if is_ready else 503, {"ready": is_ready}, retry_after=0 if is_ready else 5)

    def _scorers(self, _environ: Environ, holder: Holder) -> Answer:
        held = self._batcher.held(holder.project_id)
        return Answer(200, {"scorers": telling.identities(list(held), self._batcher)})

    def _metrics(self, _environ: Environ, holder: Holder) -> Answer:
        held = self._batcher.held(holder.project_id)
        with self._lock:
            calls = self._at_once.total()
        found: dict[str, Json] = {
            "ready": self._batcher.serves,
            "calls": calls,
            "samples_in_hand": self._batcher.in_hand,
            "samples_waiting": self._batcher.waiting,
            "memory": memory.held(self._batcher, held),
        }
        return Answer(200, found | self._batcher.figures.as_json(held))

    def _score(self, environ: Environ, holder: Holder) -> Answer:
        with self._turn(holder):
            ask = self._ask(environ)
            if ask.plan is not None:
                raise CallRefused(400, "A plan is for POST /reward.")
            names = scoring_calls.names_of(ask, self._batcher.held(holder.project_id))
            scored = self._scored(ask, names, holder)
        content: dict[str, Json] = {
            "scorers": telling.identities(names, self._batcher),
            "results": [telling.told(one, wants_detail=ask.wants_detail) for one in scored],
        }
        return Answer(telling.status_of(scored), content, {"samples": len(scored), "scorers": list(names)})

    def _reward(self, environ: Environ, holder: Holder) -> Answer:
        with self._turn(holder):
            ask = self._ask(environ)
            if ask.plan is None or ask.scorers is not None:
                raise CallRefused(400, "A reward is named by `plan`, and names its scorers itself.")
            plan = self._desk.plan(holder, ask.plan)
            reward = totals.reward_of(plan)
            speakers = totals.voices(plan.rule, self._batcher.held(holder.project_id), self._batcher.digests)
            names = tuple(dict.fromkeys(name for own in speakers.values() for name in own))
            scored = self._scored(ask, names, holder)
        content = totals.told(plan, totals.total(reward, scored, speakers), scored)
        identities: dict[str, Json] = {"scorers": telling.identities(names, self._batcher)}
        noted: dict[str, Json] = {"samples": len(scored), "scorers": names, "reward": plan.rule.digest()[:12]}
        return Answer(telling.status_of(scored), {**content, **identities}, noted)

    def _prompts(self, environ: Environ, holder: Holder) -> Answer:
        query = dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True))
        return Answer(200, self._desk.prompts(holder, query))

    def _media(self, environ: Environ, holder: Holder) -> Answer:
        digest = str(environ["PATH_INFO"]).removeprefix(MEDIA)
        found = self._desk.media(holder, digest) if DIGEST.fullmatch(digest) else None
        if found is None:
            raise CallRefused(404, "No prompt that may be trained on has a medium of this digest.")
        return Answer(200, {}, file=found)

    # -- what they share ----------------------------------------------------------------------------------------------

    def _ask(self, environ: Environ) -> wire.Ask:
        self._batcher.check_serves()  # before a body of megabytes is read for nothing
        return wire.read(bodies.read(environ, self._limits), str(environ.get("CONTENT_TYPE", "")), self._limits)

    def _scored(self, ask: wire.Ask, names: tuple[str, ...], holder: Holder) -> list[scoring_calls.Scored]:
        return scoring_calls.score(
            ask,
            names,
            holder=holder,
            desk=self._desk,
            batcher=self._batcher,
            takers=self._takers,
            scratch=self._scratch,
        )

    @contextmanager
    def _turn(self, holder: Holder) -> Iterator[None]:
        """One of the calls that may be at work at once, before its body is read."""
        with self._lock:
            if self._at_once[holder.token_id] >= self._limits.calls_a_token:
                words = f"{self._limits.calls_a_token} calls of this token are at work, and no more may be."
                raise CallRefused(429, words, retry_after=1)
            if self._at_once.total() >= self._limits.calls:
                raise CallRefused(429, f"{self._limits.calls} calls are at work, and no more may be.", retry_after=1)
            self._at_once[holder.token_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_once[holder.token_id] -= 1

    def _note(self, path: str, method: str, answer: Answer, holder: Holder | None, seconds: float) -> None:
        """One line a call. An address nobody knows is not repeated: it may hold what was meant for elsewhere."""
        self._batcher.figures.answered(answer.status)
        known = path if path in self._open or path in self._closed else "another address"
        level = logging.DEBUG if path in self._open else logging.INFO
        whose = {"token": holder.token_name, "project": holder.project} if holder else {}
        facts = {"status": answer.status, "seconds": round(seconds, 4), **whose, **answer.noted}
        logger.log(level, "%s %s", method if method.isalpha() else "?", known, extra=facts)


def _not_allowed(allowed: str) -> Answer:
    return Answer(405, {"error": f"This address answers {allowed}.", "status": 405})


def _address(environ: Environ) -> str:
    path = str(environ.get("PATH_INFO", "/"))
    return MEDIA if path.startswith(MEDIA) else path


def _sent(answer: Answer, start_response: StartResponse, *, has_body: bool) -> Iterable[bytes]:
    if answer.file is not None:
        return _file_sent(answer.file, start_response, has_body=has_body)
    headers = [*_headers("application/json", len(answer.encoded)), *_headers_of(answer)]
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
    return [answer.encoded] if has_body else []


def _headers(mime: str, size: int) -> list[tuple[str, str]]:
    never = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
    return [("Content-Type", mime), ("Content-Length", str(size)), *never]


def _headers_of(answer: Answer) -> Iterator[tuple[str, str]]:
    if answer.retry_after:
        yield "Retry-After", str(answer.retry_after)
    if answer.status == 401:
        yield "WWW-Authenticate", "Bearer"


def _file_sent(file: Shown, start_response: StartResponse, *, has_body: bool) -> Iterable[bytes]:
    source = file.path.open("rb")
    start_response("200 OK", _headers(file.mime, os.fstat(source.fileno()).st_size))
    return _blocks(source, has_body=has_body)


def _blocks(source: BinaryIO, *, has_body: bool) -> Iterator[bytes]:
    with source:
        while has_body and (block := source.read(SENT_AT_ONCE)):
            yield block
