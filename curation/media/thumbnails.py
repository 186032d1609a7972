"""Small pictures for lists, and posters for videos.

Thumbnails are JPEG on white: WebP of the same size takes ten times as long to write (3.5 ms against 0.35 ms for
320² on one core), which would nearly double the cost of an import. The picture is reduced by a whole factor, an
exact box average, several times as fast as a resize to an exact size; so a thumbnail's long side lies between
the nominal size and twice that.
"""

import io

from PIL import Image

from curation.media.pictures import on_white

SIZES = (256, 1024)
_QUALITY = 82


def make_thumbnails(image: Image.Image) -> tuple[dict[int, bytes], Image.Image]:
    """The thumbnails of a picture by nominal size, and the smallest one as a picture for whoever needs few pixels.

    The smallest always exists. A larger one exists only where it has at most half the side of the picture:
    above that the rendition itself serves as well.

    Args:
        image: mode L, RGB or RGBA.
    """
    smallest = shrunk(image, SIZES[0])
    larger = {size: as_jpeg(shrunk(image, size)) for size in SIZES[1:] if max(image.size) >= 2 * size}
    return {SIZES[0]: as_jpeg(smallest), **larger}, smallest


def shrunk(image: Image.Image, size: int) -> Image.Image:
    """The picture on white, reduced by the largest whole factor that keeps its long side at least `size`."""
    return on_white(image.reduce(shrinking_factor(image.size, size)))


def shrinking_factor(sides: tuple[int, int], size: int) -> int:
    """By what the sides are divided so that the longer one is at least `size` and below twice that."""
    return max(1, max(sides) // size)


def as_jpeg(image: Image.Image) -> bytes:
    """The picture as JPEG, on white. Mode YCbCr is written as it is."""
    out = io.BytesIO()
    (image if image.mode == "YCbCr" else on_white(image)).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
