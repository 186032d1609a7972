"""Which task a sample belongs to, for a project that an import creates."""

from __future__ import annotations

from curation.formats.media_paths import is_video
from curation.formats.rows import SampleRow


def guess_task(row: SampleRow) -> str:
    """The task that fits one sample: what it answers with, and what it was given.

    Returns:
        One of text-to-image, image-editing, inpainting, subject-driven, text-to-video, image-to-video, image-sets,
        understanding, text.
    """
    if not row.media:
        return "understanding" if row.roles else "text"
    if is_video(row.media[0].name):
        return "image-to-video" if row.roles else "text-to-video"
    for role, task in (("mask", "inpainting"), ("reference", "subject-driven"), ("source", "image-editing")):
        if role in row.roles:
            return task
    return "image-sets" if len(row.media) > 1 else "text-to-image"
