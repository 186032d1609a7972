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
    # The first boundary has no line end before it.
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), MOST_PARTS + 2)
    if len(pieces) < 3 or len(pieces) > MOST_PARTS + 2 or not pieces[-1].startswith(b"--"):
        raise CallRefused(400, f"The body does not end with its boundary, or has more than {MOST_PARTS} parts.")
    found: dict[str, bytes] = {}
    for piece in pieces[1:-1]:
        name, content = _part(piece)
        if name in found:
            raise CallRefused(400, f"The part {name!r} stands in the body twice.")
        found[name] = content
    return found


def _part(piece: bytes) -> tuple[str, bytes]:
    head, separator, content = piece.partition(b"\r\n\r\n")
    if not separator or len(head) > LONGEST_HEADER:
        raise CallRefused(400, "A part of the body has no end of its headers.")
    headers = BytesHeaderParser().parsebytes(head.lstrip(b"\r\n \t"))
    name = headers.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise CallRefused(400, 'A part of the body has no name: Content-Disposition: form-data; name="…".')
    return name, content


def _stated(content_type: str) -> Message:
    stated = Message()
    stated["content-type"] = content_type
    return stated
