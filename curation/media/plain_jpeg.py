"""The common case, made fast: a plain JPEG is its own rendition, so only its small views are needed from its pixels.

FFmpeg reads every coefficient of the JPEG, to the last block, and so meets every fault there is: what could still go
wrong between coefficients and pixels is nothing, because their transform is defined for any values. Only as many
pixels are made of them as the thumbnail needs (a block of 8 x 8 becomes 2 x 2 where the sides are divided by four), in
the stored planes, lightness and two small ones of colour; Pillow makes all of them and turns them into colours first.
That saves a third of the time of an import, which is mostly decoding. FFmpeg is told to stop at the first fault, and
is the stricter of the two: of damaged files it took half of those that Pillow takes, the same ones at every size. What
it does not take, and every JPEG that is not plain, goes the long way through `pictures`, which also words the refusals.
"""

from dataclasses import dataclass

import av
from av.video.plane import VideoPlane
from PIL import Image

from curation.media.containers import jpeg
from curation.media.errors import Damaged
from curation.media.limits import Limits
from curation.media.thumbnails import shrinking_factor

# Larger pictures have a second thumbnail and gain less.
_LONGEST_SIDE = 2047
# How FFmpeg calls the three stored planes, by the size of the two of colour.
_PLANAR = frozenset({"yuvj420p", "yuvj422p", "yuvj440p", "yuvj444p"})


# As often FFmpeg can halve the sides while decoding.
_MOST_HALVINGS = 3


@dataclass(frozen=True)
class PlainJpeg:
    """A decoded JPEG that needs no change: the sides of the whole, and the small view of it."""

    width: int
    height: int
    small: Image.Image  # mode YCbCr


def decode_plain(data: bytes, *, longest_side: int, limits: Limits) -> PlainJpeg | None:
    """Decodes a JPEG that can be taken as it is; None for any other, and for one with a fault.

    Plain is: JFIF colours, nothing in it but the picture, and within the limits.

    Args:
        data: the file.
        longest_side: of the small view, at least, in pixels; below twice that. A smaller picture stays as it is.
    """
    try:
        container = jpeg.read(data)
    except Damaged:
        return None
    width, height = container.width, container.height
    is_within = min(width, height) > 0 and max(width, height) <= min(_LONGEST_SIDE, limits.picture_side)
    if not (container.is_plain and is_within and width * height <= limits.picture_pixels) or container.dropped:
        return None
    factor = shrinking_factor((width, height), longest_side)
    halvings = _halvings(factor)
    frame = _decode(data, halvings)
    # Halved, an odd side is rounded up.
    expected = (-(-width >> halvings), -(-height >> halvings))
    if frame is None or (frame.width, frame.height) != expected or frame.format.name not in _PLANAR:
        return None
    return PlainJpeg(width, height, _shrunk(frame, factor >> halvings))


def _halvings(factor: int) -> int:
    """How often a whole factor can be halved without a remainder: that part of it costs nothing to reduce by."""
    return min(_MOST_HALVINGS, (factor & -factor).bit_length() - 1)


def _decode(data: bytes, halvings: int) -> av.VideoFrame | None:
    """The picture with its sides halved so often and rounded up; None where FFmpeg finds any fault."""
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1  # whoever wants more speed starts more processes
    decoder.options = {"err_detect": "explode", "lowres": str(halvings)}
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
    return reduced if reduced.size == size else reduced.resize(size, _way(reduced.size, size))


def _way(sides: tuple[int, int], wanted: tuple[int, int]) -> Image.Resampling:
    if sides[0] >= wanted[0] and sides[1] >= wanted[1]:
        return Image.Resampling.BOX
    if wanted[0] % sides[0] == 0 and wanted[1] % sides[1] == 0:
        # The thumbnail's JPEG halves the colours again: a value repeated comes out as it was, in a sixth of the time.
        return Image.Resampling.NEAREST
    return Image.Resampling.BILINEAR


def _plane(plane: VideoPlane) -> Image.Image:
    size = (plane.width, plane.height)
    return Image.frombuffer("L", size, plane, "raw", "L", plane.line_size, 1)  # type: ignore[arg-type]
