"""A client of Pairwright's scoring service: one file, nothing but Python's own library. Copy it into your trainer.

    client = Client("http://127.0.0.1:8100", token)
    client.score([{"text": "Rome"}], prompt={"text": "The capital of Italy?", "facts": {"answer": "Rome"}})
    client.reward([{"media": [picture]}, {"media": [other]}], plan={"recipe": "two stages"}, prompt="a red fox")

A medium is bytes, a path, or a picture of Pillow (sent as PNG, which loses nothing).
"""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


class Refused(Exception):
    """The service gave no answer; `status` and `said` are what it gave instead."""

    def __init__(self, status: int, said: Any) -> None:
        super().__init__(f"{status}: {said.get('error', said) if isinstance(said, dict) else said}")
        self.status, self.said = status, said


class Client:
    """
    Args:
        address: of the service, such as https://scores.example.org
        token: of one project.
        timeout: seconds to wait for one answer.
        patience: seconds during which a busy or starting service (429, 503) is asked again.
    """

    def __init__(self, address: str, token: str, *, timeout: float = 300.0, patience: float = 300.0) -> None:
        self.address, self._token, self._timeout, self._patience = address.rstrip("/"), token, timeout, patience

    def score(self, samples: Sequence[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
        """One result a sample. Options: `scorers`, `prompt` (for samples by content without one), `detail`.

        What is wrong with a sample stands in its `errors`, even where nothing could be scored; a call that is wrong as
        a whole is raised as `Refused`."""
        return self._post("/score", {"samples": samples, **options})["results"]

    def reward(self, samples: Sequence[dict[str, Any]], plan: Any, **options: Any) -> list[float | None]:
        """One total a sample, None where a member is missing."""
        return [one["value"] for one in self._post("/reward", {"samples": samples, "plan": plan, **options})["results"]]

    def prompts(self, **narrowed_by: Any) -> Iterator[dict[str, Any]]:
        """Every prompt of the pool, page by page; options: `tag`, `locale`, `dataset` with `split`, `size`."""
        query, has_more = dict(narrowed_by), True
        while has_more:
            page = self._call("GET", f"/prompts?{urllib.parse.urlencode(query)}")
            yield from page["prompts"]
            has_more = page["next"] is not None
            query |= {"after": page["next"], "digest": page["pool"]["digest"]}

    def media(self, sha256: str) -> bytes:
        """An input medium of a prompt of the pool, such as the picture that is to be edited."""
        return self._call("GET", f"/media/{sha256}")

    def _post(self, path: str, said: dict[str, Any]) -> Any:
        files: dict[str, bytes] = {}
        request = json.dumps(_with_parts(said, files)).encode()
        boundary = uuid.uuid4().hex
        parts = {"request": request, **files}
        head = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'
        body = b"".join(head.format(boundary, name).encode() + content + b"\r\n" for name, content in parts.items())
        kind = f"multipart/form-data; boundary={boundary}"
        try:
            return self._call("POST", path, body + f"--{boundary}--\r\n".encode(), kind)
        except Refused as refused:
            if isinstance(refused.said, dict) and "results" in refused.said:
                return refused.said  # nothing could be scored: each result says why, as it does beside good ones
            raise

    def _call(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self._token}", **({"Content-Type": kind} if kind else {})}
        until = time.monotonic() + self._patience
        while True:
            request = urllib.request.Request(self.address + path, body, headers, method=method)  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                    is_json = answer.headers.get_content_type() == "application/json"
                    return json.load(answer) if is_json else answer.read()
            except urllib.error.HTTPError as error:
                said, pause = _said(error), float(error.headers.get("Retry-After") or 0)
                if error.code not in (429, 503) or not pause or time.monotonic() + pause > until:
                    raise Refused(error.code, said) from error
                time.sleep(pause)


def _said(error: urllib.error.HTTPError) -> Any:
    text = error.read().decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:  # a proxy's own page
        return text[:500]


def _with_parts(value: Any, files: dict[str, bytes]) -> Any:
    """The same with every medium as a part of the body."""
    if isinstance(value, dict):
        return {key: _with_parts(inner, files) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_parts(inner, files) for inner in value]
    content = _content(value)
    if content is None:
        return value
    name = f"file-{len(files)}"
    files[name] = content
    return {"part": name}


def _content(value: Any) -> bytes | None:
    if isinstance(value, bytes):
        return value
    if isinstance(value, Path):
        return value.read_bytes()
    if hasattr(value, "save") and hasattr(value, "mode"):  # a picture of Pillow
        held = io.BytesIO()
        value.save(held, "PNG", compress_level=1)
        return held.getvalue()
    return None
