"""Marked regions as maps: one grey value a pixel, how many of those who marked the picture marked that place."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from curation.exports.rows import ExportMark

# A point stands for a disc: RichHF-18K takes a twentieth of the picture's height as its radius.
POINT_RADIUS = 1 / 20


@dataclass(frozen=True)
class Canvas:
    """The size a map has, and the size of the rendition its marks were made on, both (width, height) in pixels."""

    size: tuple[int, int]
    marked_on: tuple[int, int]

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        return (point[0] * self.size[0] / self.marked_on[0], point[1] * self.size[1] / self.marked_on[1])


def region_map(marks: Iterable[ExportMark], canvas: Canvas, heatmap: Callable[[str], bytes]) -> bytes:
    """A grey PNG: 255 times the share of raters whose marks cover a pixel; a heatmap counts with its own value.

    Args:
        marks: of one picture, at least one; a rater's marks are one opinion, the strongest at each place.
        heatmap: the bytes of a heatmap by digest; any size, its grey value 0 to 255.

    Source: RichHF-18K averages the maps of its annotators (Liang et al., Rich Human Feedback for Text-to-Image
    Generation, 2024, section 3.1).
    """
    width, height = canvas.size
    opinions: dict[str, np.ndarray] = {}
    for mark in marks:
        drawn = np.asarray(_drawn(mark, canvas, heatmap), dtype=np.float64)  # (height, width)
        before = opinions.get(mark.rater.id)
        opinions[mark.rater.id] = drawn if before is None else np.maximum(before, drawn)
    total = sum(opinions.values(), np.zeros((height, width)))
    grey = np.rint(total / len(opinions)).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(grey).save(target, "PNG")
    return target.getvalue()


def _drawn(mark: ExportMark, canvas: Canvas, heatmap: Callable[[str], bytes]) -> Image.Image:
    if mark.shape == "heatmap":
        with Image.open(io.BytesIO(heatmap(mark.asset_sha256))) as picture:
            return picture.convert("L").resize(canvas.size, Image.Resampling.BILINEAR)
    drawn = Image.new("L", canvas.size, 0)
    pen = ImageDraw.Draw(drawn)
    points = [canvas.place(point) for point in mark.points]
    if mark.shape == "point":
        radius = canvas.size[1] * POINT_RADIUS
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    elif mark.shape == "box":
        xs, ys = zip(*points, strict=True)
        # Corners are half-open like every range; the pen's are not.
        pen.rectangle((min(xs), min(ys), max(max(xs) - 1, min(xs)), max(max(ys) - 1, min(ys))), fill=255)
    elif mark.shape == "polygon":
        pen.polygon(points, fill=255)
    return drawn
