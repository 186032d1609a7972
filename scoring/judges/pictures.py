"""How pictures and videos travel to a judge: as every pixel (PNG), or smaller where the template says so."""

from __future__ import annotations

import base64
import io

from PIL import Image

from scoring.decoding import read_frames, read_picture
from scoring.judges.base import PictureForm
from scoring.scorers.base import MediaFile

PNG, JPEG = "png", "jpeg"
# Pixels are the same at every level; higher ones are many times slower and a tenth smaller.
PNG_LEVEL = 1


def pictures_of(file: MediaFile, form: PictureForm) -> list[Image.Image]:
    """A picture, or the frames of a video at the middles of equal parts of its length; mode RGB, scaled as stated.

    Raises:
        ValueError: the file is missing or cannot be decoded; names it.
    """
    if file.kind == "video":
        return [scaled(frame.image, form.longest_side) for frame in read_frames(file, form.frames)]
    return [scaled(read_picture(file.path), form.longest_side)]


def scaled(picture: Image.Image, longest_side: int) -> Image.Image:
    """The picture, its longer side brought down to so many pixels (Pillow bicubic); 0, and smaller ones, stay."""
    longest = max(picture.size)
    if not longest_side or longest <= longest_side:
        return picture
    width, height = (max(1, round(side * longest_side / longest)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, form: PictureForm) -> bytes:
    """PNG, which keeps every pixel, or JPEG of the stated quality without colour subsampling."""
    buffer = io.BytesIO()
    if form.format == JPEG:
        picture.save(buffer, "JPEG", quality=form.quality, subsampling=0)
    else:
        picture.save(buffer, "PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def data_url(picture: Image.Image, form: PictureForm) -> str:
    """The picture inside an address, as chat protocols take it."""
    return f"data:image/{form.format};base64,{base64.b64encode(encoded(picture, form)).decode()}"
