"""A real browser on a live server. The browser is the system's Chromium; none is downloaded."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import psutil
import pytest
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.stage_page import StagePage

if TYPE_CHECKING:
    from curation.models import User

LONGEST = 180  # seconds a test may take before its browser is held for dead
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A container's /dev/shm is often too small for a page of pictures.
    "--disable-dev-shm-usage",
]


def _chromium() -> str:
    named = os.environ.get("PAIRWRIGHT_CHROMIUM")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    if not found:
        pytest.fail(
            "The browser tests need Chromium and found none. Install it (Debian: apt-get install chromium) "
            "or name it with PAIRWRIGHT_CHROMIUM.",
            pytrace=False,
        )
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test whose Chromium had to be ended gets a new one and a second go; any other failure stands."""
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=["TargetClosedError"]))


class Chromium:
    """The browser of a session. One that stopped answering is ended, so that whoever waits for it hears of it."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._running: Browser | None = None

    def answering(self) -> Browser:
        """The running browser, or a new one in place of one that ended."""
        if self._running is None or not self._running.is_connected():
            self._running = self._playwright.chromium.launch(executable_path=_chromium(), headless=True, args=ARGUMENTS)
        return self._running

    def kill(self) -> None:
        """From another thread: Playwright's calls without a time limit then raise."""
        for process in psutil.Process().children(recursive=True):
            if "chrom" in process.name():
                process.kill()

    def close(self) -> None:
        if self._running is not None and self._running.is_connected():
            self._running.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        chromium = Chromium(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def browser(chromium) -> Iterator[Browser]:
    browser = chromium.answering()
    watch = threading.Timer(LONGEST, chromium.kill)
    watch.daemon = True
    watch.start()
    yield browser
    watch.cancel()


class RequestsUnderWay:
    """How many requests the server of a test is still answering."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def started(self, **_signal: object) -> None:
        with self._lock:
            self._count += 1

    def finished(self, **_signal: object) -> None:
        with self._lock:
            self._count -= 1

    def wait_for_the_last(self, seconds: float = 20) -> None:
        """A page that is gone may have asked for something a moment ago; one quiet look is not enough."""
        quiet, end = 0, time.monotonic() + seconds
        while quiet < 3 and time.monotonic() < end:
            time.sleep(0.02)
            quiet = quiet + 1 if self._count <= 0 else 0
        assert quiet == 3, f"{self._count} requests were still being answered after {seconds} s"


@pytest.fixture
def quiet_server(live_server) -> Iterator[None]:
    """Empties the database only when no request reads it: the two would wait for each other's locks."""
    under_way = RequestsUnderWay()
    request_started.connect(under_way.started)
    request_finished.connect(under_way.finished)
    yield
    under_way.wait_for_the_last()
    request_started.disconnect(under_way.started)
    request_finished.disconnect(under_way.finished)


@pytest.fixture
def open_page(browser, live_server, quiet_server) -> Iterator[Callable[..., Page]]:
    """`open_page(user, width=390, theme="dark")`: a page of a browser of its own, signed in as the user.

    A script that failed, or something that the content policy refused, fails the test.
    """
    contexts, complaints = [], []

    def open_one(user: User | None = None, *, width: int = 1440, height: int = 900, theme: str = "light") -> Page:
        context = browser.new_context(
            base_url=live_server.url, viewport={"width": width, "height": height}, color_scheme=theme
        )
        contexts.append(context)
        if user is not None:
            context.add_cookies([{"name": "sessionid", "value": _session(user), "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_refusal(said.text) else None)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not complaints


def _is_refusal(text: str) -> bool:
    return "Content Security Policy" in text


def _session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


@pytest.fixture
def open_stage(browser) -> Iterator[Callable[..., StagePage]]:
    """A script that failed, or something that the content policy refused, fails the test."""
    contexts, complaints = [], []

    def open_one(**options: object) -> StagePage:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
        return StagePage(page).open()

    yield open_one
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def stage(open_stage) -> StagePage:
    return open_stage()


@pytest.fixture
def phone(open_stage) -> StagePage:
    return open_stage(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
