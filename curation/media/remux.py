"""A video without the notes in its container: its compressed frames and sound, copied untouched."""

import tempfile
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from curation.media.errors import MediaRefused
from curation.media.kinds import WEBM, MediaType
from curation.media.video import opened


def without_notes(source: Path | bytes, media_type: MediaType, *, name: str) -> bytes:
    """The same frames and sound in a container without tags or chapters, playable from its beginning.

    Raises:
        MediaRefused: the container cannot hold these streams.
    """
    format_name = "webm" if media_type == WEBM else "mp4"
    # bitexact: no date and no version of the writer, so the same video gives the same bytes.
    options = {"fflags": "+bitexact", "movflags": "+faststart"} if format_name == "mp4" else {"fflags": "+bitexact"}
    # A real file: to put its index first, the writer reads again what it wrote.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        try:
            with (
                opened(source, name) as (container, picture),
                av.open(str(copy), "w", format=format_name, options=options) as target,
            ):
                _copy_streams(container, picture, target)
        except (av.FFmpegError, ValueError) as error:
            reason = f"its streams cannot be written without their notes ({error})"
            raise MediaRefused(name, reason, "Write it again: ffmpeg -i IN -map_metadata -1 -c copy OUT") from error
        return copy.read_bytes()


def _copy_streams(container: InputContainer, picture: VideoStream, target: OutputContainer) -> None:
    streams = [picture, *container.streams.audio[:1]]
    copies = {stream.index: target.add_stream_from_template(stream) for stream in streams}
    for packet in container.demux(streams):
        if packet.dts is not None:
            packet.stream = copies[packet.stream.index]
            target.mux(packet)
