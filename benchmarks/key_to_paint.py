"""How long from the key of a verdict to the next pair on the screen, behind a slow network.

    python benchmarks/key_to_paint.py [--verdicts 30] [--size 1024] [--delay 150] [--every 1.0]

A real server (gunicorn), the real page in Chromium, every request delayed by `--delay` milliseconds, distinct drawn
pictures, one verdict every `--every` seconds. The time runs from the time stamp of the key event to the start of the
frame after the one in which the next pair stands there, with `decode()` of each of its pictures resolved: when that
frame begins, the one with the pair has been handed to the screen, so the figure is an upper bound, at most one frame
(about 17 ms) too long. A pair that is not ready makes the figure as long as it takes.

The last line is one JSON object: `median_ms` (target: below 100), `p95_ms`, `max_ms`; `delay_ms` as the page itself
measures it; `stored` answers, read from the database; `browser_median_ms`, the browser's own figure from key to paint
(Event Timing, in steps of 8 ms).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
KEYS = ("ArrowLeft", "ArrowRight", "ArrowDown", "ArrowUp")

# In the page, before anything of ours runs.
OBSERVER = """
window.keyToPaint = [];
window.eventTimes = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (one.name === "keydown") window.eventTimes.push(one.duration);
}).observe({ type: "event", durationThreshold: 16, buffered: true });
const shown = ".canvas-scene:not(.is-waiting) .canvas-view > img.canvas-medium";
const pictures = () => [...document.querySelectorAll(shown)];
const names = () => pictures().map((one) => one.src).join(" ");
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
addEventListener("keydown", async (event) => {
  if (!event.key.startsWith("Arrow")) return;
  const before = names();
  do { await frame(); } while (names() === before || !pictures().length || document.querySelector("body.has-no-item"));
  await Promise.all(pictures().map((one) => one.decode()));
  await frame();
  window.keyToPaint.push(performance.now() - event.timeStamp);
}, { capture: true });
"""


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pairwright-paint-") as folder:
        _settle_django(Path(folder, "data"))
        try:
            report = measure(arguments)
        finally:
            _stop_services()
    print(json.dumps(report))
    if report["stored"] != arguments.verdicts:
        raise SystemExit(1)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from annotation_race import Server, _free_port

    path, session, batch_id = set_up(arguments.verdicts + 1, arguments.size)
    server = Server(_free_port())
    try:
        server.wait_until_up()
        seen = judge(f"http://127.0.0.1:{server.port}", path, session, arguments)
    finally:
        server.stop()
    times = sorted(seen["times"])
    return {
        "verdicts": len(times),
        "stored": stored(batch_id),
        "delay_ms": round(seen["delay"], 1),
        "median_ms": round(statistics.median(times), 1),
        "p95_ms": round(times[max(0, -(-95 * len(times) // 100) - 1)], 1),
        "max_ms": round(times[-1], 1),
        "browser_median_ms": statistics.median(seen["events"]) if seen["events"] else 0,
    }


# -- the browser ------------------------------------------------------------------------------------------------------


def judge(origin: str, path: str, session: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One verdict after the other; returns the times in milliseconds as the page took them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_browser(), headless=True, args=FLAGS)
        context = browser.new_context(base_url=origin, viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": session, "url": origin}])
        page = context.new_page()
        page.add_init_script(OBSERVER)
        slow_down(page, arguments.delay)
        page.goto(path)
        page.wait_for_function("() => document.querySelectorAll('.canvas-scene').length === 3")
        page.wait_for_timeout(2000)
        delay = page.evaluate(
            "async () => { const from = performance.now(); await fetch('/healthz'); return performance.now() - from; }"
        )
        press_all(page, arguments)
        page.wait_for_function("() => Object.keys(localStorage).every((key) => !key.startsWith('pairwright-outbox/'))")
        times = page.evaluate("() => window.keyToPaint")
        events = page.evaluate("() => window.eventTimes")
        browser.close()
    return {"times": times, "delay": delay, "events": events}


def slow_down(page: Any, milliseconds: int) -> None:
    """Every request that leaves the browser takes so much longer."""
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    limits = {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1}
    tools.send("Network.emulateNetworkConditions", limits)


def press_all(page: Any, arguments: argparse.Namespace) -> None:
    began = time.perf_counter()
    for number in range(arguments.verdicts):
        time.sleep(max(0.0, began + number * arguments.every - time.perf_counter()))
        page.keyboard.press(KEYS[number % len(KEYS)])
        # Never two verdicts on one pair, however late it comes.
        page.wait_for_function("count => window.keyToPaint.length === count", arg=number + 1, timeout=60_000)


def _browser() -> str:
    found = os.environ.get("PAIRWRIGHT_CHROMIUM") or next((p for name in BROWSERS if (p := shutil.which(name))), None)
    if not found:
        raise SystemExit("This needs Chromium. Install it, or name it with PAIRWRIGHT_CHROMIUM.")
    return found


# -- the batch --------------------------------------------------------------------------------------------------------


def set_up(items: int, size: int) -> tuple[str, str, int]:
    """An open batch of drawn pairs; returns its page, the session of a person, and its number."""
    from django.test import Client
    from django.utils import timezone

    from annotation.actions import leasing
    from annotation.models import Batch, Item
    from curation.actions import criteria, projects
    from curation.models import Membership, User

    project = projects.create(name="Paint", slug="paint", task="text-to-image", by=None)
    criterion = criteria.ensure(project=project, key="overall").pk
    question = {"key": "overall", "kind": "compare", "text": "Which is better?", "criterion": criterion}
    batch = Batch.objects.create(
        project=project, name="Paint", questions=[question], seed=1, state=Batch.State.OPEN, opened_at=timezone.now()
    )
    for position in range(items):
        prompt, samples = drawn_pair(project, position, size)
        Item.objects.create(batch=batch, position=position, prompt=prompt, sample_ids=samples)
    leasing.add_slots(batch=batch)
    user = User.objects.create_user(username="judge", email="judge@example.org")
    Membership.objects.create(project=project, user=user, role="annotator")
    client = Client()
    client.force_login(user)
    return f"/projects/paint/annotate/{batch.pk}/", client.cookies["sessionid"].value, batch.pk


def drawn_pair(project: Any, number: int, size: int) -> tuple[Any, list[int]]:
    from curation.identity import digest
    from curation.models import Generator, Prompt, Sample, SampleMedia

    prompt = Prompt.objects.create(project=project, text=f"picture {number}", identity=digest({"n": number}))
    samples = []
    for side in range(2):
        painter, _made = Generator.objects.get_or_create(project=project, name=f"g{side}")
        sample = Sample.objects.create(
            project=project,
            prompt=prompt,
            generator=painter,
            media_state="present",
            identity=digest({"n": number, "side": side}),
        )
        SampleMedia.objects.create(sample=sample, asset_id=kept(picture(2 * number + side, size)))
        samples.append(sample.pk)
    return prompt, samples


def picture(seed: int, size: int) -> bytes:
    """A PNG of smooth colour with grain, which takes as long to decode as a real one."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(seed)
    ground = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    grain = random.normal(0, 6, (size, size, 1))
    pixels = np.clip(np.asarray(ground, dtype=np.float32) + grain, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def kept(content: bytes) -> int:
    from curation.actions import media
    from curation.media.ingestion import ingest

    taken = ingest(content, name="drawn.png", limits=media.limits())
    return media.store_many_from({taken.sha256: taken}, {taken.sha256: content})[taken.sha256]


def stored(batch_id: int) -> int:
    from annotation.models import Answer

    return Answer.objects.filter(assignment__batch=batch_id, replaced_by=None).count()


# -- a place of its own -----------------------------------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verdicts", type=int, default=30)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--delay", type=int, default=150, help="milliseconds added to every request")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two verdicts")
    return parser.parse_args()


def _settle_django(data: Path) -> None:
    from annotation_race import _settle_django as settle

    # Playwright's own loop runs in the thread that also asks the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    settle(data)


def _stop_services() -> None:
    from config import embedded

    embedded.stop()


if __name__ == "__main__":
    main()
