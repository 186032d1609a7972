"""How large a file may be before it is refused unread."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on untrusted media, all inclusive.

    `picture_pixels` bounds memory: a decoded picture costs four bytes a pixel, so the default allows 256 MiB
    for one process. It also lies below Pillow's own bomb threshold of 89 million, so that ours always speaks.
    """

    picture_bytes: int = 64 * 2**20
    picture_pixels: int = 64 * 2**20
    picture_side: int = 16_384  # also the largest side WebP can hold
    video_bytes: int = 2**30
    video_side: int = 4_096
    video_seconds: int = 600
    video_frames: int = 20_000
    side_file_bytes: int = 2**30  # latents and log-probabilities, carried along unread


DEFAULT_LIMITS = Limits()
