"""Videos: what they are, whether they are whole, their first frame and the views of their fingerprint.

Taken are MP4 (also QuickTime) and WebM (also Matroska) with one of the codecs that browsers play, 8 bits a
channel and square pixels. Time is in microseconds from the first frame; a frame is shown from its own time to
that of the next. Frames come out upright, as RGB: the rotation that players apply is applied here too.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from curation.media.errors import MediaRefused
from curation.media.facts import MediaFacts
from curation.media.kinds import MediaType
from curation.media.limits import Limits

# FFmpeg's names of the decoders; AV1 and the VPs have two each.
CODECS = {
    "h264": "h264",
    "vp8": "vp8",
    "libvpx": "vp8",
    "vp9": "vp9",
    "libvpx-vp9": "vp9",
    "av1": "av1",
    "libdav1d": "av1",
}
# Parts of the duration at which the three views of a video's fingerprint are taken.
VIEWS_AT = (Fraction(1, 6), Fraction(1, 2), Fraction(5, 6))
# Written by every encoder. They say nothing of the prompt or the person, so they need not be removed.
_TECHNICAL_TAGS = frozenset(
    {
        "major_brand",
        "minor_version",
        "compatible_brands",
        "encoder",
        "handler_name",
        "vendor_id",
        "language",
        "duration",
    }
)
# Frames may end so much before the stated end: one frame and rounding where the container states the length of
# the picture, more where it only states that of picture and sound together.
_ROUNDED_FRAMES = 1.5
_SOUND_LONGER_US = 250_000
_H264_FORMATS = frozenset({"yuv420p", "yuvj420p"})
_REMEDY = "Export or download it again"
_CONVERT = "Convert it, for example: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"


@dataclass(frozen=True)
class Watched:
    """What one pass over all frames of a video gives."""

    facts: MediaFacts
    first: Image.Image
    views: tuple[Image.Image, ...]
    notes: tuple[str, ...]  # names of the tags that are not technical


@dataclass(frozen=True)
class TimedFrame:
    time_us: int
    end_us: int
    frame: VideoFrame


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    fps: float
    duration_us: int
    missing_us: float  # how much earlier the last frame may end
    frames: int  # 0 where the container does not say


def inspect_video(source: Path | bytes, media_type: MediaType, *, size: int, name: str, limits: Limits) -> MediaFacts:
    """Facts from the header and the first frame; whether the other frames are there is not looked at.

    Raises:
        MediaRefused: unreadable, too large or too long, or in a codec that browsers do not play.
    """
    with opened(source, name) as (container, stream):
        header = _header(container, stream, name)
        _check(header, stream, size, name, limits)
        first = next(timed_frames(container, stream, name), None)
        if first is None:
            raise MediaRefused(name, "the video holds no frame", _REMEDY)
        return _facts(media_type, stream, header, first.frame, (size, header.frames, header.duration_us))


def watch(source: Path | bytes, media_type: MediaType, *, size: int, name: str, limits: Limits) -> Watched:
    """Decodes every frame once; keeps the first and the three of the fingerprint.

    Raises:
        MediaRefused: as `inspect_video`, or a frame is damaged, or the frames end before the header says.
    """
    with opened(source, name) as (container, stream):
        header = _header(container, stream, name)
        _check(header, stream, size, name, limits)
        wanted = [int(header.duration_us * part) for part in VIEWS_AT]
        kept: list[VideoFrame] = []
        views: list[Image.Image] = []
        count = end_us = 0
        for count, timed in enumerate(timed_frames(container, stream, name), start=1):
            _check_length(count, timed.time_us, name, limits)
            while len(views) < len(wanted) and wanted[len(views)] < timed.end_us:
                views.append(upright(timed.frame))
            kept = [*kept[:1], timed.frame]
            end_us = timed.end_us
        if not kept:
            raise MediaRefused(name, "the video holds no frame", _REMEDY)
        _check_whole(header, end_us, name)
        views += [upright(kept[-1])] * (len(wanted) - len(views))
        facts = _facts(media_type, stream, header, kept[0], (size, count, end_us))
        return Watched(facts, upright(kept[0]), tuple(views), _notes(container))


@contextmanager
def opened(source: Path | bytes, name: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """An open container and its picture stream, in a codec that is taken; closed afterwards."""
    file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    try:
        # Only these readers: others follow references to further files or to the network.
        container = av.open(file, "r", options={"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"})
    except (av.FFmpegError, ValueError) as error:
        raise MediaRefused(name, f"the video cannot be opened ({_words(error)})", _REMEDY) from error
    with container:
        yield container, _stream(container, name)


def timed_frames(container: InputContainer, stream: VideoStream, name: str) -> Iterator[TimedFrame]:
    """All frames in the order they are shown, with the times they appear and vanish; the first is at 0.

    Raises:
        MediaRefused: a frame cannot be decoded, is damaged, or has no time.
    """
    start: int | None = None
    try:
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None or frame.is_corrupt:
                raise MediaRefused(name, "a frame is damaged or has no time", _REMEDY)
            start = frame.pts if start is None else start
            length = frame.duration or 1 / (_fps(stream) * frame.time_base)
            yield TimedFrame(
                _microseconds((frame.pts - start) * frame.time_base),
                _microseconds((frame.pts - start + Fraction(length)) * frame.time_base),
                frame,
            )
    except av.FFmpegError as error:
        raise MediaRefused(name, f"the video is damaged or cut off ({_words(error)})", _REMEDY) from error


def frames_stated(container: InputContainer, stream: VideoStream) -> tuple[int, Fraction]:
    """How many frames the header lets expect, 0 where it says nothing, and how many pass in a second."""
    seconds = Fraction(_picture_duration_us(stream) or container.duration or 0, 1_000_000)
    return stream.frames or round(seconds * _fps(stream)), _fps(stream)


def upright(frame: VideoFrame) -> Image.Image:
    """The frame as a player shows it: RGB, rotated as the container asks."""
    image = frame.to_image()
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


# -- header ----------------------------------------------------------------------------------


def _stream(container: InputContainer, name: str) -> VideoStream:
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise MediaRefused(name, "the file holds no moving picture", "Give an MP4 or WebM video")
    stream = streams[0]
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    if codec not in CODECS:
        raise MediaRefused(name, f"its codec {codec} is not one that every browser plays", _CONVERT)
    if codec == "h264" and "matroska" in container.format.name:
        raise MediaRefused(name, "it is H.264 in a Matroska file", "Change the container: ffmpeg -i IN -c copy OUT.mp4")
    stream.thread_type = "AUTO"
    return stream


def _header(container: InputContainer, stream: VideoStream, name: str) -> _Header:
    of_picture, of_all = _picture_duration_us(stream), container.duration or 0
    # An edit list makes the presentation shorter than the stream.
    duration_us = min(of_picture, of_all) if of_picture and of_all else of_picture or of_all
    if duration_us <= 0:
        raise MediaRefused(
            name, "it states no duration, as unfinished recordings do", "Finish it: ffmpeg -i IN -c copy OUT"
        )
    fps = float(_fps(stream))
    return _Header(
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        fps=fps,
        duration_us=duration_us,
        missing_us=max(_ROUNDED_FRAMES * 1e6 / fps, 0 if of_picture else _SOUND_LONGER_US),
        frames=stream.frames,
    )


def _picture_duration_us(stream: VideoStream) -> int:
    """What the container states for the picture alone; 0 where it does not."""
    if stream.duration and stream.time_base:
        return _microseconds(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska: 00:00:05.250000000
    if tag.count(":") == 2:
        hours, minutes, seconds = tag.split(":")
        return _microseconds(Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds))
    return 0


def _fps(stream: VideoStream) -> Fraction:
    return stream.average_rate or stream.base_rate or Fraction(25)


def _check(header: _Header, stream: VideoStream, size: int, name: str, limits: Limits) -> None:
    if size > limits.video_bytes:
        reason = f"the file has {size:,} bytes and a video may have {limits.video_bytes:,}"
        raise MediaRefused(name, reason, "Save it smaller, or ask the administrator to raise the limit")
    if max(header.width, header.height) > limits.video_side:
        reason = f"it is {header.width} x {header.height} pixels and no side may exceed {limits.video_side:,}"
        raise MediaRefused(name, reason, "Scale it down")
    _check_length(header.frames, header.duration_us, name, limits)
    _check_pixels(stream, name)


def _check_length(frames: int, time_us: int, name: str, limits: Limits) -> None:
    if time_us > limits.video_seconds * 1_000_000:
        reason = f"it runs for at least {time_us / 1e6:.1f} s and a video may run for {limits.video_seconds} s"
        raise MediaRefused(name, reason, "Cut it")
    if frames > limits.video_frames:
        reason = f"it holds at least {frames:,} frames and a video may hold {limits.video_frames:,}"
        raise MediaRefused(name, reason, "Cut it, or lower its frame rate")


def _check_pixels(stream: VideoStream, name: str) -> None:
    if stream.sample_aspect_ratio not in (None, 0, 1):
        raise MediaRefused(name, f"its pixels are not square ({stream.sample_aspect_ratio})", _CONVERT)
    pixels = stream.codec_context.format
    if pixels is None:
        raise MediaRefused(name, "the video is damaged or cut off (no pixel format)", _REMEDY)
    if max(component.bits for component in pixels.components) > 8:
        raise MediaRefused(name, f"it has more than 8 bits a channel ({pixels.name})", _CONVERT)
    if stream.codec_context.name == "h264" and pixels.name not in _H264_FORMATS:
        raise MediaRefused(name, f"its pixel format {pixels.name} is not one that every browser plays", _CONVERT)


def _check_whole(header: _Header, end_us: int, name: str) -> None:
    if header.duration_us - end_us > header.missing_us:
        reason = f"it is cut off: it states {header.duration_us / 1e6:.2f} s and its frames end at {end_us / 1e6:.2f} s"
        raise MediaRefused(name, reason, _REMEDY)


def _notes(container: InputContainer) -> tuple[str, ...]:
    tags = {**container.metadata}
    for stream in container.streams:
        tags.update(stream.metadata)
    return tuple(sorted(key for key in tags if key.lower() not in _TECHNICAL_TAGS))


def _facts(
    media_type: MediaType, stream: VideoStream, header: _Header, first: VideoFrame, counted: tuple[int, int, int]
) -> MediaFacts:
    size, frames, duration_us = counted
    turned = first.rotation % 180 != 0
    return MediaFacts(
        kind=media_type.kind,
        format=media_type.format,
        mime=media_type.mime,
        size=size,
        width=header.height if turned else header.width,
        height=header.width if turned else header.height,
        stored_width=header.width,
        stored_height=header.height,
        codec=CODECS[stream.codec_context.name],
        duration_us=duration_us,
        fps=header.fps,
        frames=frames or None,
        rotation=-first.rotation % 360,
    )


def _microseconds(seconds: Fraction) -> int:
    return round(seconds * 1_000_000)


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)
