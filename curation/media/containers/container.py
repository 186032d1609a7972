"""What every reader of a picture container answers."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Container:
    """A picture file taken apart.

    `clean` joins the pieces that make up the picture; `dropped` names the others, in words, once each.
    A file with nothing to drop is clean already.
    """

    width: int
    height: int
    bits: int  # per channel
    frames: int
    dropped: tuple[str, ...]
    clean: Callable[[], bytes]
    is_plain: bool = False  # JPEG only: JFIF with three components of 8 bits, so its colours need no guess


def once_each(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
