"""A client of the service that needs no socket: it calls the application as a server would."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curation.models import Project
from scoring.actions.serving import tokens
from scoring.actions.serving.desk import Rows
from scoring.actions.serving.keeping import ROWS
from scoring.actions.serving.rewards import Given
from scoring.service.batcher import Batcher
from scoring.service.limits import Limits
from scoring.service.web import Application


@dataclass(frozen=True)
class Said:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Client:
    application: Application
    token: str
    batcher: Batcher
    scratch: Path

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json", **environ: Any) -> Said:
        path, _mark, query = path.partition("?")
        asked = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            **({"HTTP_AUTHORIZATION": f"Bearer {self.token}"} if self.token else {}),
            **environ,
        }
        began: list[Any] = []
        content = b"".join(self.application(asked, lambda status, headers: began.extend([status, headers])))
        status, headers = began
        return Said(int(status.split()[0]), dict(headers), json.loads(content) if content else None)

    def post(self, path: str, **said: Any) -> Said:
        return self.call("POST", path, json.dumps(said).encode())

    def get(self, path: str) -> Said:
        return self.call("GET", path)

    def score(self, *samples: Mapping[str, Any], **said: Any) -> Said:
        return self.post("/score", samples=list(samples), **said)

    def values(self, *texts: str) -> list[float]:
        """What the one scorer says of texts."""
        said = self.score(*({"text": text} for text in texts))
        assert said.status == 200, said.body
        return [one["scores"][0]["value"] for one in said.body["results"]]

    def holding(self, token: str) -> Client:
        return replace(self, token=token)


class Serve:
    """Starts services and stops them. Rows are read in the caller's own thread, so that they may be of its
    transaction."""

    def __init__(self, folder: Path, project: Project) -> None:
        self._folder = folder
        self._project = project
        self._batchers: list[Batcher] = []

    def __call__(
        self,
        *names: str,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        rewards: Mapping[str, Given] | None = None,
        **limits: Any,
    ) -> Client:
        scorers = {name: (settings or {}).get(name, {}) for name in names or ("length",)}
        batcher = Batcher(scorers, Limits(**{"wait_seconds": 0.0, **limits}), keeper=ROWS)
        self._batchers.append(batcher)
        batcher.start()
        assert batcher.is_ready.wait(60)
        scratch = self._folder / f"scratch-{len(self._batchers)}"
        scratch.mkdir()
        application = Application(batcher, Rows(rewards or {}, batcher.held, threads=0), scratch)
        text = tokens.make(project=self._project, name=f"a trainer {len(self._batchers)}", by=None).text
        return Client(application, text, batcher, scratch)

    def stop(self) -> None:
        for batcher in self._batchers:
            batcher.stop(10)


def media(content: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(content).decode()}


def multipart(request: Mapping[str, Any], files: Mapping[str, bytes], boundary: str = "a7e1") -> tuple[bytes, str]:
    """The body and its type."""
    parts = {"request": json.dumps(request).encode(), **files}
    body = b"".join(
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (boundary.encode(), name.encode(), content)
        for name, content in parts.items()
    )
    return body + b"--%b--\r\n" % boundary.encode(), f"multipart/form-data; boundary={boundary}"


def until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    overdue = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < overdue, f"waited {seconds} s for: {what}"
        time.sleep(0.005)
