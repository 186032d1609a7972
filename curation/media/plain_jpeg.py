"""The common case, made fast: a plain JPEG is its own rendition, so only its small views are needed from its pixels.

FFmpeg decodes a JPEG to its stored planes, lightness and two small ones of colour, and only the thumbnail of these is
ever put together; Pillow turns all of the picture into colours first. That saves a fifth of the time of an import,
which is mostly decoding. FFmpeg is told to stop at the
first fault, and is the stricter of the two: of damaged files it took half of those that Pillow takes. What it does not
take, and every JPEG that is not plain, goes the long way through `pictures`, which also words the refusals.
"""

from collections.abc import Callable
from dataclasses import dataclass

import av
from av.video.plane import VideoPlane
from PIL import Image

from curation.media.containers import jpeg
from curation.media.errors import Damaged
from curation.media.limits import Limits

# Larger pictures have a second thumbnail and gain less.
_LONGEST_SIDE = 2047
# How FFmpeg calls the three stored planes, by the size of the two of colour.
_PLANAR = frozenset({"yuvj420p", "yuvj422p", "yuvj440p", "yuvj444p"})


@dataclass(frozen=True)
class PlainJpeg:
    """A decoded JPEG that needs no change. `shrunk` divides its sides by a whole number."""

    width: int
    height: int
    shrunk: Callable[[int], Image.Image]


def decode_plain(data: bytes, *, limits: Limits) -> PlainJpeg | None:
    """Decodes a JPEG that can be taken as it is; None for any other, and for one with a fault.

    Plain is: JFIF colours, nothing in it but the picture, and within the limits.
    """
    try:
        container = jpeg.read(data)
    except Damaged:
        return None
    width, height = container.width, container.height
    is_within = min(width, height) > 0 and max(width, height) <= min(_LONGEST_SIDE, limits.picture_side)
    if not (container.is_plain and is_within and width * height <= limits.picture_pixels) or container.dropped:
        return None
    frame = _decode(data)
    if frame is None or (frame.width, frame.height) != (width, height) or frame.format.name not in _PLANAR:
        return None
    return PlainJpeg(width, height, lambda factor: _shrunk(frame, factor))


def _decode(data: bytes) -> av.VideoFrame | None:
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1  # whoever wants more speed starts more processes
    decoder.options = {"err_detect": "explode"}
    try:
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except av.FFmpegError:
        return None
    return frames[0] if len(frames) == 1 and not frames[0].is_corrupt else None


def _shrunk(frame: av.VideoFrame, factor: int) -> Image.Image:
    """The frame with each side divided by `factor` and rounded up, every pixel the mean of the area it covers.

    Mode YCbCr, as it is stored: a thumbnail is a JPEG again, so the colours need not go through RGB and back.
    """
    luma, *chroma = (_plane(plane) for plane in frame.planes[:3])
    luma = luma.reduce(factor)
    return Image.merge("YCbCr", (luma, *(_fitted(part, luma.size) for part in chroma)))


def _fitted(part: Image.Image, size: tuple[int, int]) -> Image.Image:
    whole = (max(1, part.width // size[0]), max(1, part.height // size[1]))
    reduced = part.reduce(whole)  # five times as fast as the resize, which is then mostly not needed
    is_smaller = reduced.width < size[0] or reduced.height < size[1]
    way = Image.Resampling.BILINEAR if is_smaller else Image.Resampling.BOX
    return reduced if reduced.size == size else reduced.resize(size, way)


def _plane(plane: VideoPlane) -> Image.Image:
    size = (plane.width, plane.height)
    return Image.frombuffer("L", size, plane, "raw", "L", plane.line_size, 1)  # type: ignore[arg-type]
