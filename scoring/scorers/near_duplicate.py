"""Whether a sample is almost the same picture or video as another sample of its prompt."""

from __future__ import annotations

from collections.abc import Sequence

from curation.media.fingerprint import VERSION, fingerprint, near_duplicates
from scoring.scorers.base import Decoded, Item, Json, Outcome, Reading, Result, Scorer

# Frames at these many equal parts are what the media store takes for a video's fingerprint.
VIDEO_VIEWS = 3


class NearDuplicate(Scorer[list[bytes]]):
    """Compares every medium of a sample with every medium of the others; keeps fingerprints only."""

    def identity_parts(self) -> dict[str, Json]:
        return {"preprocessing": f"fingerprint version {VERSION}", "scale": "1 - distance"}

    def prepare(self, item: Item, decoded: Decoded) -> list[bytes]:
        if item.media and all(file.fingerprint for file in item.media):
            return [file.fingerprint for file in item.media]  # stored with the rendition: nothing to decode
        pictures = [fingerprint([picture]) for picture in decoded.pictures()]
        videos = [fingerprint([frame.image for frame in frames]) for frames in decoded.frames(VIDEO_VIEWS)]
        return [*pictures, *videos]

    def score(self, items: Sequence[Item], prepared: Sequence[list[bytes]]) -> list[Outcome]:
        nearest = nearest_in_group(prepared)
        return [
            Reading(
                {"near_duplicate": Result(similarity)},
                {"nearest": None if other is None else items[other].sample_id, "group": len(items)},
            )
            for other, similarity in nearest
        ]


def nearest_in_group(prepared: Sequence[Sequence[bytes]]) -> list[tuple[int | None, float]]:
    """For each sample of a group, which other one is most like it, and how much.

    Args:
        prepared: for each sample its media's fingerprints.

    Returns:
        For each sample (position of the nearest other, similarity 0 to 1); (None, 0.0) where no other is alike at
        all or there is no other. The first of equally near ones is named.
    """
    owners = [owner for owner, fingerprints in enumerate(prepared) for _one in fingerprints]
    flat = [one for fingerprints in prepared for one in fingerprints]
    nearest: list[tuple[int | None, float]] = [(None, 0.0)] * len(prepared)
    # Nearest first, so the first pair that names a sample is its nearest.
    for pair in near_duplicates(flat, limit=1.0):
        left, right = owners[pair.first], owners[pair.second]
        if left == right or pair.distance >= 1.0:
            continue
        for one, other in ((left, right), (right, left)):
            if nearest[one][0] is None:
                nearest[one] = (other, 1.0 - pair.distance)
    return nearest
