"""A Hub on this machine: the part of its protocol that publishing and reading a data set use, on the loopback.

It keeps repositories of data sets with commits, tags and large files in memory, writes down every request, and fails
on demand. The steps are those that huggingface_hub 2.4.0 and datasets 5.2.0 were seen to take.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_a_token_for_the_stand_in_and_nothing_else"
LARGE = 100_000  # bytes; smaller files that are no Parquet travel inside the commit


@dataclass(frozen=True)
class Stored:
    """A file of a commit; a large one is named by its digest as git LFS names it."""

    content: bytes
    is_large: bool
    # Of a file whose bytes came by Xet: they lie in its own blocks, where this stand-in does not look.
    stated: tuple[str, int] | None = None

    @property
    def sha256(self) -> str:
        return self.stated[0] if self.stated else hashlib.sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        return self.stated[1] if self.stated else len(self.content)

    @property
    def oid(self) -> str:
        return self.sha256 if self.is_large else git_oid(self.content)


@dataclass
class Repository:
    is_private: bool
    head: str = ""
    commits: dict[str, dict[str, Stored]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, Stored], header: dict[str, Any]) -> str:
        said = json.dumps([self.head, header, sorted((name, file.oid) for name, file in files.items())])
        self.head = hashlib.sha1(said.encode()).hexdigest()
        self.commits[self.head] = files
        self.messages.append({**header, "oid": self.head})
        return self.head

    def revision(self, name: str) -> str | None:
        if name in ("main", "refs/heads/main"):
            return self.head
        return self.tags.get(name) or (name if name in self.commits else None)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    status: int
    token: str
    size: int


@dataclass
class Fault:
    """What to do instead of answering: a status, nothing at all, or the answer late; `times` requests long."""

    method: str
    pattern: str
    status: int = 0
    times: int = 1
    seconds: float = 0.0
    # The request is carried out and its answer lost.
    is_done: bool = False
    # Called before the request is looked at, such as to commit something else meanwhile.
    before: Callable[[], object] = lambda: None

    def happens(self) -> None:
        self.before()
        time.sleep(self.seconds)


NO_FAULT = Fault("", "")


@dataclass
class StandIn:
    """The Hub itself. `faults` are consumed in order by the requests they fit."""

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    # Where Xet keeps its blocks; None answers that the server speaks LFS only.
    xet_folder: Path | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def make(self, name: str, files: dict[str, bytes] | None = None, *, is_private: bool = True) -> Repository:
        """A repository as its owner made it by hand, with git's own file of attributes."""
        given = {".gitattributes": b"*.parquet filter=lfs\n", **(files or {})}
        made = self.repositories[name] = Repository(is_private)
        made.commit({path: Stored(content, is_large(path, len(content))) for path, content in given.items()}, FIRST)
        self.large |= {file.sha256: file.content for file in made.commits[made.head].values() if file.is_large}
        return made

    def fails(self, method: str, pattern: str, **what: Any) -> None:
        self.faults.append(Fault(method, pattern, **what))

    def sent(self, method: str, pattern: str) -> list[Request]:
        return [one for one in self.requests if one.method == method and re.search(pattern, one.path)]

    def files(self, name: str, revision: str = "main") -> dict[str, Stored]:
        repository = self.repositories[name]
        return repository.commits[repository.revision(revision) or ""]

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.pattern, path):
                    fault.times -= 1
                    return fault
        return None


FIRST = {"summary": "initial commit", "description": ""}


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(path: str, size: int) -> bool:
    return path.endswith((".parquet", ".png", ".tar")) or size > LARGE


@contextmanager
def serving(port: int = 0) -> Iterator[StandIn]:
    """A stand-in at a free port of this machine."""
    hub = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", port), type("HandlerOfThisHub", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def missing(code: str) -> Answer:
    return Answer(404, {"error": code}, {"X-Error-Code": code, "X-Error-Message": code})


class Handler(BaseHTTPRequestHandler):
    """Reads a request, lets a fault happen, answers, and writes both down."""

    protocol_version = "HTTP/1.1"
    hub: StandIn

    def log_message(self, *_words: Any) -> None:
        pass

    def do_any(self) -> None:
        body = self._body()
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        path = unquote(urlsplit(self.path).path)
        fault = self.hub.fault_for(self.command, path) or NO_FAULT
        fault.happens()
        if fault.status:
            return self._send(path, token, body, Answer(fault.status, {"error": "on demand"}))
        query = parse_qs(urlsplit(self.path).query)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.hub.lock:
            answer = Ask(self.hub, self.command, path, query, headers, body, token).answer()
        if fault.is_done:
            self.hub.requests.append(Request(self.command, path, 0, token, len(body)))
            self.close_connection = True
            self.connection.close()
            return None
        return self._send(path, token, body, answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, path: str, token: str, body: bytes, answer: Answer) -> None:
        self.hub.requests.append(Request(self.command, path, answer.status, token, len(body)))
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@dataclass
class Ask:
    """One request and its answer."""

    hub: StandIn
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    token: str

    def answer(self) -> Answer:
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", r"/api/whoami-v2", self.who),
            ("POST", r"/api/repos/create", self.create),
            ("POST", r"/api/validate-yaml", self.validate),
            ("POST", r"/api/datasets/([^/]+/[^/]+)/preupload/(.+)", self.modes),
            ("POST", r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch", self.batch),
            ("PUT", r"/large/([0-9a-f]{64})", self.put),
            ("POST", r"/verify", self.verify),
            ("GET", r"/api/datasets/([^/]+/[^/]+)/xet-write-token/(.+)", self.xet),
            ("POST", r"/api/datasets/([^/]+/[^/]+)/commit/(.+)", self.commit),
            ("POST", r"/api/datasets/([^/]+/[^/]+)/tag/(.+)", self.tag),
            ("DELETE", r"/api/datasets/([^/]+/[^/]+)/tag/(.+)", self.untag),
            ("GET", r"/api/datasets/([^/]+/[^/]+)/refs", self.refs),
            ("GET", r"/api/datasets/([^/]+/[^/]+)/tree/(.+)", self.tree),
            ("POST", r"/api/datasets/([^/]+/[^/]+)/paths-info/(.+)", self.paths),
            ("GET", r"/api/datasets/([^/]+/[^/]+)/revision/(.+)", self.info),
            ("GET", r"/api/datasets/([^/]+/[^/]+)", self.info),
            ("GET|HEAD", r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.resolve),
        ]
        for method, pattern, answers in routes:
            found = re.fullmatch(pattern, self.path)
            if found and self.method in method.split("|"):
                return answers(*found.groups())
        return missing("EntryNotFound")

    @property
    def is_known(self) -> bool:
        return self.token in self.hub.tokens

    def _repository(self, name: str) -> Repository | None:
        found = self.hub.repositories.get(name)
        return found if found and (self.is_known or not found.is_private) else None

    def _json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")

    def who(self) -> Answer:
        return Answer(200, {"name": "ada", "type": "user"}) if self.is_known else Answer(401, {"error": "no"})

    def create(self) -> Answer:
        if not self.is_known:
            return Answer(401, {"error": "Invalid username or password."})
        said = self._json()
        name = f"{said.get('organization') or 'ada'}/{said['name']}"
        address = {"url": f"{self.hub.address}/datasets/{name}", "name": name}
        if name in self.hub.repositories:
            return Answer(409, {**address, "error": "You already created this dataset repo"})
        self.hub.make(name, is_private=said.get("visibility") == "private" or bool(said.get("private")))
        return Answer(200, address)

    def validate(self) -> Answer:
        return Answer(200, {"errors": [], "warnings": []})

    def modes(self, name: str, revision: str) -> Answer:
        repository = self._repository(name)
        if repository is None:
            return missing("RepoNotFound")
        if not self.is_known:
            return Answer(403, {"error": "Forbidden"})
        files = repository.commits[repository.revision(revision) or ""]
        modes = []
        for file in self._json()["files"]:
            mode = "lfs" if is_large(file["path"], file["size"]) else "regular"
            there = files.get(file["path"])
            modes.append(
                {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": there.oid if there else None}
            )
        return Answer(200, {"files": modes})

    def batch(self, _name: str) -> Answer:
        if not self.is_known:
            return Answer(401, {"error": "no"})
        objects: list[dict[str, Any]] = []
        for wanted in self._json()["objects"]:
            one = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.large:
                actions = {
                    "upload": {"href": f"{self.hub.address}/large/{wanted['oid']}"},
                    "verify": {"href": f"{self.hub.address}/verify"},
                }
                one["actions"] = actions
            objects.append(one)
        return Answer(200, {"transfer": "basic", "objects": objects})

    def put(self, oid: str) -> Answer:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return Answer(400, {"error": "other bytes than announced"})
        self.hub.large[oid] = self.body
        return Answer(200, b"")

    def verify(self) -> Answer:
        said = self._json()
        is_here = len(self.hub.large.get(said["oid"], b"")) == said["size"]
        return Answer(200 if is_here else 404, {})

    def xet(self, _name: str, _revision: str) -> Answer:
        if self.hub.xet_folder is None:
            return Answer(404, {"error": "no Xet here"})
        said = {"accessToken": "x", "exp": 4_000_000_000, "casUrl": f"local://{self.hub.xet_folder}"}
        headers = {"X-Xet-Cas-Url": said["casUrl"], "X-Xet-Access-Token": "x", "X-Xet-Token-Expiration": "4000000000"}
        return Answer(200, said, headers)

    def commit(self, name: str, revision: str) -> Answer:
        repository = self._repository(name)
        if repository is None:
            return missing("RepoNotFound")
        if not self.is_known:
            return Answer(403, {"error": "Forbidden"})
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit") not in (None, repository.head):
            return Answer(412, {"error": "A commit has happened since. Please refresh and try again."})
        files = dict(repository.commits[repository.head])
        for line in lines[1:]:
            refusal = self._apply(line["key"], line["value"], files)
            if refusal:
                return refusal
        oid = repository.commit(files, header)
        return Answer(200, {"commitOid": oid, "commitUrl": f"{self.hub.address}/datasets/{name}/commit/{oid}"})

    def _apply(self, key: str, value: dict[str, Any], files: dict[str, Stored]) -> Answer | None:
        path = value["path"]
        if key == "file":
            files[path] = Stored(base64.b64decode(value["content"]), is_large=False)
        elif key == "lfsFile":
            content = self.hub.large.get(value["oid"])
            if content is None and self.hub.xet_folder is None:
                return Answer(400, {"error": f"the object {value['oid']} was never uploaded"})
            stated = None if content is not None else (value["oid"], value["size"])
            files[path] = Stored(content or b"", is_large=True, stated=stated)
        elif path not in files:
            return Answer(404, {"error": "A file with this name doesn't exist"}, {"X-Error-Code": "EntryNotFound"})
        else:
            del files[path]
        return None

    def tag(self, name: str, revision: str) -> Answer:
        repository, tag = self._repository(name), self._json()["tag"]
        if repository is None or not self.is_known:
            return Answer(403, {"error": "Forbidden"})
        at = repository.revision(revision)
        if at is None:
            return missing("RevisionNotFound")
        if tag in repository.tags:
            return Answer(409, {"error": "Tag reference exists already"})
        repository.tags[tag] = at
        return Answer(200, {"tag": tag})

    def untag(self, name: str, tag: str) -> Answer:
        repository = self._repository(name)
        if repository is None or tag not in repository.tags:
            return missing("RevisionNotFound")
        del repository.tags[tag]
        return Answer(200, {})

    def refs(self, name: str) -> Answer:
        repository = self._repository(name)
        if repository is None:
            return missing("RepoNotFound")
        tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": oid} for tag, oid in repository.tags.items()]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repository.head}
        return Answer(200, {"branches": [main], "converts": [], "tags": tags})

    def info(self, name: str, revision: str = "main") -> Answer:
        repository = self._repository(name)
        if repository is None:
            return missing("RepoNotFound")
        at = repository.revision(revision)
        if at is None:
            return missing("RevisionNotFound")
        siblings = [{"rfilename": path} for path in repository.commits[at]]
        said = {"id": name, "sha": at, "private": repository.is_private, "tags": [], "siblings": siblings}
        return Answer(200, {**said, "downloads": 0, "likes": 0, "disabled": False, "gated": False})

    def tree(self, name: str, rest: str) -> Answer:
        repository = self._repository(name)
        if repository is None:
            return missing("RepoNotFound")
        revision, _slash, folder = rest.partition("/")
        at = repository.revision(revision)
        if at is None:
            return missing("RevisionNotFound")
        below = f"{folder}/" if folder else ""
        files = {path: file for path, file in repository.commits[at].items() if path.startswith(below)}
        if folder and not files:
            return missing("EntryNotFound")
        is_deep = self.query.get("recursive", ["false"])[0].lower() == "true"
        entries = [_entry(path, file) for path, file in files.items() if is_deep or "/" not in path[len(below) :]]
        folders = {below + path[len(below) :].split("/")[0] for path in files if "/" in path[len(below) :]}
        entries += [{"type": "directory", "path": path, "size": 0, "oid": git_oid(path.encode())} for path in folders]
        return Answer(200, entries)

    def paths(self, name: str, revision: str) -> Answer:
        repository = self._repository(name)
        if repository is None:
            return missing("RepoNotFound")
        files = repository.commits[repository.revision(revision) or ""]
        wanted = parse_qs(self.body.decode()).get("paths") or self._json().get("paths", [])
        return Answer(200, [_entry(path, files[path]) for path in wanted if path in files])

    def resolve(self, name: str, revision: str, path: str) -> Answer:
        repository = self._repository(name)
        if repository is None:
            return missing("RepoNotFound")
        at = repository.revision(revision)
        if at is None:
            return missing("RevisionNotFound")
        file = repository.commits[at].get(path)
        if file is None:
            return missing("EntryNotFound")
        headers = {"X-Repo-Commit": at, "ETag": f'"{file.oid}"', "Accept-Ranges": "bytes"}
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if part is None:
            return Answer(200, file.content, headers)
        start, end = int(part[1]), min(int(part[2] or len(file.content)), len(file.content) - 1)
        span = f"bytes {start}-{end}/{len(file.content)}"
        return Answer(206, file.content[start : end + 1], {**headers, "Content-Range": span})


def _entry(path: str, file: Stored) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": file.size, "oid": git_oid(file.content)}
    if file.is_large:
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 130}
    return entry
