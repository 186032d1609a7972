"""Pictures and videos for tests, drawn from a seed."""

import io
import struct
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw


def scene(seed: int = 1, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A smooth ground with a few shapes: enough structure for a fingerprint, different for every seed."""
    random = np.random.default_rng(seed)
    ground = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    picture = ground.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = random.integers(0, size[0]), random.integers(0, size[1])
        radius = int(random.integers(size[0] // 16, size[0] // 5))
        colour = tuple(int(level) for level in random.integers(0, 256, 3))
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape([x - radius, y - radius // 2, x + radius, y + radius // 2], fill=colour)
    return picture


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture)


def png_of_bomb(side: int) -> bytes:
    """A well-formed PNG of side x side black pixels: a few kilobytes that unpack to side² bytes."""
    packer, row = zlib.compressobj(9), b"\0" * (side // 8 + 1)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def video(
    frames: int = 24,
    *,
    fps: int = 12,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    format: str = "mp4",
    pixel_format: str = "yuv420p",
    rotation: int = 0,
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """A video whose frame k is the grey level 8 * k (mod 256), with a white square in its top left quarter."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "video")
        _write_video(path, frames, fps, size, codec, format, pixel_format, rotation, tags or {}, options or {})
        return path.read_bytes()


def _write_video(path, frames, fps, size, codec, format, pixel_format, rotation, tags, options) -> None:
    with av.open(str(path), "w", format=format, options=options) as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.time_base = Fraction(1, fps)
        if rotation:
            stream.set_display_rotation(rotation)
        for k in range(frames):
            picture = Image.new("RGB", size, (8 * k % 256,) * 3)
            picture.paste("white", (0, 0, size[0] // 2, size[1] // 2))
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))
