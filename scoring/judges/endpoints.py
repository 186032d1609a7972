"""The addresses that judges may be asked at, stated by whoever runs this installation.

    endpoints:
      vllm:
        url: http://127.0.0.1:8000/v1
        models: [UnifiedReward-2.0-qwen-7b]
        requests_at_once: 16
        supports_logprobs: true
      hosted:
        url: https://api.example.org/v1
        key_variable: HOSTED_API_KEY
        requests_a_minute: 60
        price_prompt: 2.5
        price_answer: 10

Only names in this file can be chosen on a page: an admin of a project cannot point a worker at an inner address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scoring.judges.tables import Table, Unreadable, read

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True)
class Endpoint:
    """An address that speaks OpenAI's chat-completions protocol.

    Attributes:
        url: up to and without `/chat/completions`.
        models: the models that may be asked; empty for any.
        key_variable: the environment variable of the worker that holds the key; empty for none. The key itself is
            never in this file, in the database or in a log.
        requests_at_once, requests_a_minute: limits for each worker process; 0 a minute is no limit.
        price_prompt, price_answer: money for a million tokens, in the currency of the budgets; 0 is free.
        timeout_seconds: for a whole answer.
        connect_seconds: for a connection.
        attempts: how often one question is sent before it is given up.
        supports_logprobs: whether log-probabilities of answered tokens can be had.
        limit_field: under which name the longest answer is sent; newer hosted models want `max_completion_tokens`.
        weights, precision: what serves there, where the operator knows (`owner/name@commit`, `bfloat16`); part of
            the rater's identity, so change them when the server changes.
    """

    name: str
    url: str
    models: tuple[str, ...] = ()
    key_variable: str = ""
    requests_at_once: int = 4
    requests_a_minute: int = 0
    price_prompt: float = 0.0
    price_answer: float = 0.0
    timeout_seconds: float = 120.0
    connect_seconds: float = 10.0
    attempts: int = 5
    supports_logprobs: bool = False
    limit_field: str = "max_tokens"
    weights: str = ""
    precision: str = ""

    def allows(self, model: str) -> bool:
        return bool(model) and (not self.models or model in self.models)

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Money for one answer."""
        return (prompt_tokens * self.price_prompt + answer_tokens * self.price_answer) / 1_000_000


def load(path: str | Path) -> Mapping[str, Endpoint]:
    """The endpoints of a file by name.

    Raises:
        Unreadable: no file is named, it is absent, or an entry cannot be used; names file, line and remedy.
    """
    if not str(path):
        raise Unreadable(
            "No file of endpoints is named. Write one (docs/judges.md) and put its path into PAIRWRIGHT_ENDPOINTS_FILE."
        )
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Unreadable(
            f"No model behind an address is set up yet: there is no file {path}. Whoever runs this installation writes "
            "it (docs/judges.md), or names another in PAIRWRIGHT_ENDPOINTS_FILE."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        words = f"The file of endpoints {path} cannot be read ({type(error).__name__})."
        raise Unreadable(f"{words} Check PAIRWRIGHT_ENDPOINTS_FILE.") from error
    return from_text(text, Path(path).name)


def from_text(text: str, name: str) -> Mapping[str, Endpoint]:
    """The endpoints of one text; `name` is what complaints call it. Raises `Unreadable`."""
    document = read(text, name)
    table = document.table("endpoints")
    document.finish()
    return {key: _endpoint(key, entry, table) for key, entry in table.entries()}


def _endpoint(name: str, table: Table, around: Table) -> Endpoint:
    if not NAME.fullmatch(name):
        raise around.complaint(name, f"the name “{name}” must be lower-case letters, digits and hyphens.")
    usual = Endpoint("", "")
    found = Endpoint(
        name=name,
        url=_url(table),
        models=table.texts("models", ()),
        key_variable=_variable(table),
        requests_at_once=table.whole("requests_at_once", usual.requests_at_once, low=1, high=1024),
        requests_a_minute=table.whole("requests_a_minute", usual.requests_a_minute, low=0, high=1_000_000),
        price_prompt=table.number("price_prompt", usual.price_prompt, low=0, high=1e6),
        price_answer=table.number("price_answer", usual.price_answer, low=0, high=1e6),
        timeout_seconds=table.number("timeout_seconds", usual.timeout_seconds, low=0.1, high=3600),
        connect_seconds=table.number("connect_seconds", usual.connect_seconds, low=0.1, high=300),
        attempts=table.whole("attempts", usual.attempts, low=1, high=20),
        supports_logprobs=table.flag("supports_logprobs", usual.supports_logprobs),
        limit_field=_limit_field(table, usual.limit_field),
        weights=table.text("weights", ""),
        precision=table.text("precision", ""),
    )
    table.finish()
    return found


def _url(table: Table) -> str:
    stated = table.text("url").rstrip("/")
    parts = urlsplit(stated)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise table.complaint("url", f"“{stated}” is no address; write it with http:// or https:// and a host.")
    if parts.username or parts.password or parts.query or parts.fragment:
        words = "“url” must hold neither user, password, query nor fragment; a key is named by key_variable."
        raise table.complaint("url", words)
    if stated.endswith("/chat/completions"):
        raise table.complaint("url", "“url” ends before /chat/completions, which is added to it.")
    return stated


def _variable(table: Table) -> str:
    stated = table.text("key_variable", "")
    if stated and not VARIABLE.fullmatch(stated):
        # Somebody may have pasted the key itself, so the value is not repeated.
        words = "“key_variable” must be the name of an environment variable (A-Z, 0-9, _), never the key itself."
        raise table.complaint("key_variable", words)
    return stated


def _limit_field(table: Table, usual: str) -> str:
    stated = table.text("limit_field", usual)
    if stated not in LIMIT_FIELDS:
        raise table.complaint("limit_field", f"“limit_field” must be one of {', '.join(LIMIT_FIELDS)}.")
    return stated
