"""Bodies of several parts (multipart/form-data, RFC 7578): a part `request` with JSON, and files by name."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser

from scoring.service.refusals import CallRefused

MOST_PARTS = 4096
LONGEST_HEADER = 4096


def parts(body: bytes, content_type: str) -> dict[str, bytes]:
    """The content of each part by its name.

    Raises:
        CallRefused: 400 where the body is not what its type says, or a name stands twice.
    """
    boundary = _stated(content_type).get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= 70 or not boundary.isascii():
        raise CallRefused(400, "The content type multipart/form-data states no boundary.")
    found: dict[str, bytes] = {}
    for begin, end in _between(body, b"\r\n--" + boundary.encode()):
        name, content = _part(body, begin, end)
        if name in found:
            raise CallRefused(400, f"The part {name!r} stands in the body twice.")
        found[name] = content
    return found


def _between(body: bytes, mark: bytes) -> list[tuple[int, int]]:
    """Where each part begins and ends: a body of many megabytes is copied once, file by file, and never whole."""
    # The first boundary may have no line end before it.
    first = 0 if body.startswith(mark[2:]) else body.find(mark) + 2
    begin = first + len(mark) - 2
    found: list[tuple[int, int]] = []
    while first != 1 and len(found) <= MOST_PARTS and (end := body.find(mark, begin)) >= 0:
        found.append((begin, end))
        begin = end + len(mark)
    if not found or len(found) > MOST_PARTS or not body.startswith(b"--", begin):
        raise CallRefused(400, f"The body does not end with its boundary, or has more than {MOST_PARTS} parts.")
    return found


def _part(body: bytes, begin: int, end: int) -> tuple[str, bytes]:
    blank = body.find(b"\r\n\r\n", begin, min(end, begin + LONGEST_HEADER + 4))
    if blank < 0:
        raise CallRefused(400, "A part of the body has no end of its headers.")
    headers = BytesHeaderParser().parsebytes(body[begin:blank].lstrip(b"\r\n \t"))
    name = headers.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise CallRefused(400, 'A part of the body has no name: Content-Disposition: form-data; name="…".')
    return name, body[blank + 4 : end]


def _stated(content_type: str) -> Message:
    stated = Message()
    stated["content-type"] = content_type
    return stated
