"""A step of the demonstration: its title before, its seconds after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], object]


@contextmanager
def step(say: Say, title: str) -> Iterator[None]:
    say(f"\n{title}")
    began = time.perf_counter()
    yield
    say(f"  {time.perf_counter() - began:.1f} s")
