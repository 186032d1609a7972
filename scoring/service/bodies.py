"""The body of a call, read within its bounds of bytes and time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from scoring.service.limits import MEBI, Limits
from scoring.service.refusals import CallRefused

READ_AT_ONCE = 64 * 1024


def read(environ: Mapping[str, Any], limits: Limits) -> bytes:
    """
    Raises:
        CallRefused: 411 without a length, 413 over the limit (unread, where the length says so), 408 for a client
            that sends too slowly, 400 for one that ends before its body does.
    """
    length = _length(environ, limits)
    overdue = time.monotonic() + limits.body_seconds
    _wait_no_longer_than(environ, limits.body_seconds)
    try:
        return _read(environ["wsgi.input"], length, overdue, limits)
    except TimeoutError as error:
        raise _too_slow(limits) from error
    finally:
        _wait_no_longer_than(environ, None)


def _length(environ: Mapping[str, Any], limits: Limits) -> int:
    stated = str(environ.get("CONTENT_LENGTH") or "")
    if not stated.isascii() or not stated.isdigit():
        raise CallRefused(411, "Send the body with its Content-Length.")
    length = int(stated)
    if length > limits.body_bytes:
        words = f"The body has {length / MEBI:,.1f} MiB and may have {limits.body_bytes / MEBI:,.1f}."
        raise CallRefused(413, f"{words} Send fewer samples a call.")
    return length


def _read(source: Any, length: int, overdue: float, limits: Limits) -> bytes:
    blocks: list[bytes] = []
    left = length
    while left:
        block = source.read(min(left, READ_AT_ONCE))
        if not block:
            raise CallRefused(400, f"The body ends {left:,} bytes before its Content-Length.")
        if time.monotonic() > overdue:
            raise _too_slow(limits)
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


def _too_slow(limits: Limits) -> CallRefused:
    return CallRefused(408, f"The body did not arrive within {limits.body_seconds:g} seconds.")


def _wait_no_longer_than(environ: Mapping[str, Any], seconds: float | None) -> None:
    """gunicorn's own sockets wait for ever; other servers have bounds of their own."""
    socket = environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(seconds)
