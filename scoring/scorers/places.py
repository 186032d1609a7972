"""Numbers for parts of a sample: whether a scorer's places can be kept, and the shapes that several scorers make.

A place that cannot be kept is its item's error, and the item then has no number at all; nothing is clipped to fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from curation.media.heatmaps import Corners, fault_of
from scoring.scorers.base import Item, MediaFile, Place, Reading

# More are not numbers for parts but another sample: 300 words of a prompt, the objects of 64 classes, 16 frames.
MOST_PLACES = 2_000
# Of all heatmaps of one item together.
MOST_CELLS = 65_536
LONGEST_LABEL = 500
CORNERS = {"point": (1, 1), "box": (2, 2), "polygon": (3, 500), "heatmap": (2, 2), "span": (0, 0), "interval": (0, 0)}
TEXTS = ("prompt", "answer")


def fault(item: Item, reading: Reading) -> str:
    """What is wrong with the first bad place of a reading, in words; empty when all can be kept."""
    places = reading.places
    if len(places) > MOST_PLACES:
        return f"numbers for {len(places):,} parts; at most {MOST_PLACES:,} are kept of one sample"
    cells = sum(len(row) for place in places for row in place.grid)
    if cells > MOST_CELLS:
        return f"heatmaps of {cells:,} cells; at most {MOST_CELLS:,} are kept of one sample"
    return next((found for place in places if (found := _fault(item, reading, place))), "")


def _fault(item: Item, reading: Reading, place: Place) -> str:
    if place.criterion not in reading.results:
        return f"a {place.shape} for {place.criterion}, of which it gave no number for the whole"
    if place.shape not in CORNERS:
        return f"a place of the unknown shape “{place.shape}”; there are {', '.join(CORNERS)}"
    if not math.isfinite(place.value):
        return f"{place.value} for a {place.shape} of {place.criterion}, not a number that can be stored"
    if len(place.label) > LONGEST_LABEL or "\0" in place.label:
        return f"a label of {place.shape} that is longer than {LONGEST_LABEL} characters or holds a null"
    if place.target in TEXTS:
        return _fault_in_text(item, place)
    return _fault_on_media(item, place)


def _fault_in_text(item: Item, place: Place) -> str:
    if place.shape != "span" or place.media_index is not None:
        return f"a {place.shape} on the {place.target}; words have spans"
    text = item.prompt_text if place.target == "prompt" else item.text
    if text is None:
        return "a span of the answer, but the sample has no words"
    return _fault_of_range(place, len(text), f"characters of the {place.target}")


def _fault_on_media(item: Item, place: Place) -> str:
    files = _files(item, place)
    if files is None:
        return f"a place on the unknown target “{place.target}”; there are media, input, prompt and answer"
    index = place.media_index
    if index is None or not 0 <= index < len(files):
        return f"a {place.shape} on the file of index {index}, of {len(files)}"
    file = files[index]
    if place.shape == "span":
        return "a span on a file; spans are for words"
    if place.shape == "interval":
        if file.kind != "video":
            return f"an interval of time on a {file.kind}"
        return _fault_of_range(place, file.duration_us, "microseconds of the video")
    if place.start is not None or place.end is not None:
        return f"a {place.shape} with a start and an end, which only spans and intervals have"
    if place.shape == "heatmap" and (found := _fault_of_grid(place)):
        return found
    return "" if place.shape == "heatmap" and not place.points else _fault_of_points(place, file)


def _files(item: Item, place: Place) -> Sequence[MediaFile] | None:
    if place.target == "media":
        return item.media
    return item.roles.get(place.input_role, ()) if place.target == "input" else None


def _fault_of_range(place: Place, length: int, what: str) -> str:
    start, end = place.start, place.end
    if start is None or end is None or not 0 <= start < end <= length:
        return f"a {place.shape} from {start} to {end}, not within the {length:,} {what}"
    return ""


def _fault_of_grid(place: Place) -> str:
    if found := fault_of(place.grid):
        return found
    cells = [cell for row in place.grid for cell in row]
    mean, span = math.fsum(cells) / len(cells), max(cells) - min(cells)
    # Models count in 32 bits or fewer.
    if abs(place.value - mean) > 0.001 * span + 1e-6 * abs(mean):
        return f"{place.value:g} for a heatmap whose cells have the mean {mean:g}"
    return ""


def _fault_of_points(place: Place, file: MediaFile) -> str:
    least, most = CORNERS[place.shape]
    if not least <= len(place.points) <= most:
        return f"a {place.shape} of {len(place.points)} points"
    for x, y in place.points:
        if not (0 <= x <= file.width and 0 <= y <= file.height):
            return f"a {place.shape} at ({x:g}, {y:g}), outside the {file.width} × {file.height} pixels"
    if place.shape in ("box", "heatmap") and not (
        place.points[0][0] < place.points[1][0] and place.points[0][1] < place.points[1][1]
    ):
        return f"a {place.shape} whose second corner is not to the right of and below the first"
    return ""


# -- shapes that several scorers make ---------------------------------------------------------------------------------


def each_shown(item: Item, criterion: str, values: Sequence[float], frames: int) -> tuple[Place, ...]:
    """The number of each picture and of each frame beside their mean, where there is more than one.

    Args:
        values: one for each picture of the sample in order, then `frames` for each video, as `several.shown` has them.

    Returns:
        Nothing for a single number. For a picture a box around all of it; for a video an interval for each of its
        `frames` equal parts. Frames are taken at the middles of these parts, so each stands for its own.

    Raises:
        ValueError: there are not so many values.
    """
    images, videos = indices(item, "image"), indices(item, "video")
    if len(values) != len(images) + frames * len(videos):
        counts = f"{len(images)} pictures and {len(videos)} videos of {frames} frames"
        raise ValueError(f"{len(values)} values for {counts}")
    if not 2 <= len(values) <= MOST_PLACES:
        return ()
    given = iter(values)
    places = [whole_picture(criterion, next(given), index, item.media[index]) for index in images]
    for index in videos:
        places += in_time(criterion, [next(given) for _ in range(frames)], index, item.media[index])
    return tuple(places)


def whole_picture(criterion: str, value: float, index: int, file: MediaFile) -> Place:
    """A number for one of several pictures: a box around all of it."""
    corners = ((0.0, 0.0), (float(file.width), float(file.height)))
    return Place(criterion, value, "box", media_index=index, points=corners)


def in_time(criterion: str, values: Sequence[float], index: int, file: MediaFile) -> list[Place]:
    """A number for each of equal parts of a video's length; parts of less than a microsecond have none."""
    edges = [file.duration_us * part // len(values) for part in range(len(values) + 1)]
    return [
        Place(criterion, value, "interval", media_index=index, start=start, end=end)
        for value, start, end in zip(values, edges[:-1], edges[1:], strict=True)
        if end > start
    ]


def over_picture(
    criterion: str, grid: Sequence[Sequence[float]], index: int, *, label: str = "", corners: Corners = ()
) -> Place:
    """A heatmap over a picture, or over the part of it between two corners."""
    cells = [cell for row in grid for cell in row]
    rows = tuple(tuple(row) for row in grid)
    mean = math.fsum(cells) / len(cells)
    return Place(criterion, mean, "heatmap", media_index=index, points=tuple(corners), grid=rows, label=label)


def box_within(points: Sequence[tuple[float, float]], size: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """The smallest box around points, as two corners; empty where none of it is in a picture of this width and height.

    It is cut to the picture: detectors widen what they find, and may reach beyond the edge by a few pixels.
    """
    left, right = (min(max(edge(x for x, _y in points), 0.0), float(size[0])) for edge in (min, max))
    top, bottom = (min(max(edge(y for _x, y in points), 0.0), float(size[1])) for edge in (min, max))
    return ((left, top), (right, bottom)) if left < right and top < bottom else ()


def bounded(places: Sequence[Place]) -> tuple[Place, ...]:
    """The places themselves, or none at all where a sample has more of them than can be kept: never some of them."""
    cells = sum(len(row) for place in places for row in place.grid)
    return tuple(places) if len(places) <= MOST_PLACES and cells <= MOST_CELLS else ()


def indices(item: Item, kind: str) -> list[int]:
    """Which of the sample's media are pictures, or videos, in order."""
    return [index for index, file in enumerate(item.media) if file.kind == kind]
