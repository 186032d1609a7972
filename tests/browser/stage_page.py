"""A page with nothing but the canvas of the annotate page, and the pictures and videos it is given.

No server and no database: the browser's own routing answers everything, scripts and styles from the checkout.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from playwright.sync_api import Page, Route

from annotation.views.stage_texts import STAGE_TEXTS
from config.middleware import CONTENT_SECURITY_POLICY

STATIC = Path(__file__).resolve().parents[2] / "static"
ORIGIN = "http://localhost:1"  # nobody listens there; a browser trusts the name as it trusts https
_MIME = {".css": "text/css", ".js": "text/javascript", ".woff2": "font/woff2"}
_STYLES = ("vendor/bootstrap-5.3.8/bootstrap.min.css", *(f"css/{name}.css" for name in ("tokens", "app", "stage")))

_HTML = """<!doctype html><html lang="en" data-bs-theme="light"><head><meta charset="utf-8"><title>Stage</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{styles}
<link rel="stylesheet" href="/page.css"></head>
<body><header id="bar"></header><main id="stage"></main>
<script type="application/json" id="texts">{texts}</script>
<script type="module" src="/page.js"></script></body></html>"""

_CSS = """body { height: 100vh; margin: 0; display: grid; grid-template-rows: 40px minmax(0, 1fr); }
#bar { background: #232322; overflow: hidden; }"""

_JS = """
import { createStage } from "/static/js/annotate/stage.js";
import { nameOf } from "/static/js/annotate/keys.js";
const heard = { picked: [], said: [], shifts: 0, changes: [] };
const stage = createStage(document.querySelector("#stage"), {
  texts: JSON.parse(document.querySelector("#texts").textContent),
  onChange: (name) => heard.changes.push(name),
  onPick: (place) => heard.picked.push(place),
  announce: (text) => heard.said.push(text),
});
document.querySelector("#bar").append(stage.toolbar);
document.addEventListener("keydown", (event) => {
  const action = stage.actions.find(({ keys, isAvailable }) => keys.includes(nameOf(event)) && isAvailable());
  if (!action || event.defaultPrevented) return;
  event.preventDefault();
  action.run(event);
});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) heard.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
Object.assign(window, {
  stage, heard,
  // A promise that is never kept would be waited for without end.
  inTime: (promise, what) => Promise.race([
    promise,
    new Promise((_, refuse) => setTimeout(() => refuse(new Error(`${what} took too long`)), 30000)),
  ]),
  painted: () => inTime(
    new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))), "painting"),
  async put(item) {
    const before = stage.scene;
    const scene = await inTime(stage.prepare(item), "preparing an item");
    stage.show(scene);
    if (before) stage.release(before);
    await window.painted();
  },
});
"""


@dataclass
class StagePage:
    """The page, and the files that it can ask for by name."""

    page: Page
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def open(self) -> StagePage:
        self.page.set_default_timeout(15_000)
        self.page.route("**/*", self._answer)
        self.page.goto(f"{ORIGIN}/page.html")
        self.page.wait_for_function("() => window.painted")
        return self

    def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN).split("?")[0]
        found = self._found(path)
        if not path.startswith("/static/"):
            self.asked.append(path)
        if found is None:
            route.fulfill(status=404, body="")
            return
        mime, body = found
        policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "max-age=600"}
        route.fulfill(status=200, headers={"Content-Type": mime, **policy}, body=body)

    def _found(self, path: str) -> tuple[str, bytes] | None:
        if path.startswith("/static/"):
            file = STATIC / path.removeprefix("/static/")
            return _MIME[file.suffix], file.read_bytes()
        name = path.removeprefix("/")
        return self._own().get(name) or self.files.get(name)

    def _own(self) -> dict[str, tuple[str, bytes]]:
        styles = "".join(f'<link rel="stylesheet" href="/static/{name}">' for name in _STYLES)
        texts = json.dumps({key: str(text) for key, text in STAGE_TEXTS.items()})
        return {
            "page.html": ("text/html", _HTML.format(styles=styles, texts=texts).encode()),
            "page.css": ("text/css", _CSS.encode()),
            "page.js": ("text/javascript", _JS.encode()),
        }

    # -- what it shows ----------------------------------------------------------------------------
    def picture(self, name: str, pixels: np.ndarray) -> dict[str, Any]:
        """A PNG of these pixels (height, width, 3; uint8), as an item names it."""
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        self.files[name] = ("image/png", file.getvalue())
        return _medium(name, "image", pixels.shape[1], pixels.shape[0])

    def video(
        self, name: str, levels: list[int], *, fps: int = 10, size: tuple[int, int] = (160, 96)
    ) -> dict[str, Any]:
        """A WebM whose frame k is grey of brightness `levels[k]` (0 to 255), at `fps` frames a second."""
        self.files[name] = ("video/webm", webm(levels, fps=fps, size=size))
        timing = {"fps": fps, "frames": len(levels), "duration_us": len(levels) * 1_000_000 // fps}
        return {**_medium(name, "video", *size), **timing}

    def put(self, *samples: dict[str, Any], prompt: dict[str, Any] | None = None) -> None:
        self.page.evaluate("item => put(item)", item(*samples, prompt=prompt))

    def shot(self) -> np.ndarray:
        """What the window shows: (height, width, 3), uint8."""
        return np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"))

    def at(self, place: int, x: float, y: float, *, media: int = 0) -> tuple[float, float]:
        """Where the window shows the pixel (x, y) of a sample's medium."""
        script = "([place, media, x, y]) => stage.panes.find(pane => pane.place === place).toClient(media, x, y)"
        point = self.page.evaluate(script, [place, media, x, y])
        return point["x"], point["y"]

    def pixel(self, place: int, client: tuple[float, float]) -> tuple[float, float]:
        """Which pixel of a sample's medium stands at this point of the window."""
        script = "([place, x, y]) => stage.panes.find(pane => pane.place === place).toPixels(x, y)"
        found = self.page.evaluate(script, [place, *client])
        return found["x"], found["y"]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.page.evaluate("painted()")


def _medium(name: str, kind: str, width: int, height: int) -> dict[str, Any]:
    timing = {"duration_us": None, "fps": None, "frames": None, "poster": None}
    return {"url": f"/{name}", "kind": kind, "width": width, "height": height, "mime": "", **timing}


def item(*samples: dict[str, Any], prompt: dict[str, Any] | None = None) -> dict[str, Any]:
    """An item as the page gets it; each sample states only what matters."""
    blank: dict[str, Any] = {"text": None, "is_unsafe": False, "media": []}
    question = {"text": "a boat", "turns": None, "locale": "en", "media": [], **(prompt or {})}
    return {"assignment": 1, "prompt": question, "samples": [{"place": n, **blank, **s} for n, s in enumerate(samples)]}


def noise(width: int, height: int, seed: int) -> np.ndarray:
    """Pixels that no other place has: (height, width, 3), uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plain(width: int, height: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def webm(levels: list[int], *, fps: int, size: tuple[int, int]) -> bytes:
    """A VP8 video of grey frames."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.bit_rate = 1_000_000
        for level in levels:
            frame = av.VideoFrame.from_ndarray(plain(*size, (level, level, level)), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def shows(read: Callable[[], object], expected: object) -> None:
    """What is painted reaches a screenshot a moment after the script is done, on a busy machine several."""
    for _ in range(20):
        if read() == expected:
            return
        time.sleep(0.1)
    assert read() == expected


def colour(shot: np.ndarray, point: tuple[float, float]) -> tuple[int, ...]:
    return tuple(int(value) for value in shot[int(point[1]), int(point[0])])
