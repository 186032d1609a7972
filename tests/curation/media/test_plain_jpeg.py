"""The fast way for plain JPEGs says what the long way says, and leaves everything else to it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from curation.media import ingestion
from curation.media.fingerprint import distance
from curation.media.ingestion import ingest
from curation.media.limits import DEFAULT_LIMITS, Limits
from curation.media.plain_jpeg import decode_plain
from tests.curation.media.drawn import decoded, encoded, pixels, scene

PLAIN = [
    {"quality": 90},
    {"quality": 95, "subsampling": "4:4:4"},
    {"quality": 80, "subsampling": "4:2:2"},
    {"quality": 75, "progressive": True},
    {"quality": 90, "optimize": True, "restart_marker_rows": 2},
]


@pytest.mark.parametrize("options", PLAIN)
@pytest.mark.parametrize("size", [(1024, 1024), (1000, 701), (2047, 333), (90, 61), (1, 1), (17, 900)])
def test_the_fast_way_says_what_the_long_way_says(monkeypatch, options, size):
    data = encoded(scene(5, (max(64, size[0]), max(64, size[1]))).resize(size), "JPEG", **options)

    fast = ingest(data)
    assert decode_plain(data, longest_side=256, limits=DEFAULT_LIMITS) is not None
    monkeypatch.setattr(ingestion, "decode_plain", lambda data, *, longest_side, limits: None)
    long = ingest(data)

    assert replace(fast, fingerprint=b"", files=None) == replace(long, fingerprint=b"", files=None)
    ours, theirs = (decoded(taken.files.thumbnails[256]) for taken in (fast, long))
    assert ours.size == theirs.size
    assert apart(ours.convert("L"), theirs.convert("L")) < 2
    # Between two stored values of colour the long way draws a line; few pixels wide that is seen.
    assert apart(ours, theirs) < (3 if min(size) > 256 else 8)
    if min(size) > 60:
        assert distance(fast.fingerprint, long.fingerprint) < 0.01


def apart(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(pixels(a).astype(int) - pixels(b).astype(int)).mean())


def test_the_colours_of_the_fast_way_are_right():
    for colour in ((230, 20, 30), (20, 200, 40), (30, 40, 220), (255, 255, 255), (0, 0, 0)):
        taken = ingest(encoded(Image.new("RGB", (300, 200), colour), "JPEG", quality=95))
        assert decoded(taken.files.thumbnails[256]).getpixel((5, 5)) == pytest.approx(colour, abs=6)


@pytest.mark.parametrize(
    "data",
    [
        encoded(scene().convert("L"), "JPEG"),
        encoded(scene().convert("CMYK"), "JPEG"),
        encoded(scene(), "JPEG", comment=b"words"),
        encoded(scene(), "JPEG", keep_rgb=True),
        encoded(scene(size=(2048, 100)), "JPEG"),
        encoded(scene(), "JPEG")[:-1],
        encoded(scene(), "JPEG") + b"more",
        b"\xff\xd8\xff",
    ],
    ids=["grey", "CMYK", "a comment", "stored as RGB", "large", "cut off", "more behind it", "nothing"],
)
def test_what_is_not_plain_goes_the_long_way(data):
    assert decode_plain(data, longest_side=256, limits=DEFAULT_LIMITS) is None


def test_what_exceeds_a_limit_goes_the_long_way_and_is_refused_there():
    assert decode_plain(encoded(scene(), "JPEG"), longest_side=256, limits=Limits(picture_side=319)) is None
    assert decode_plain(encoded(scene(), "JPEG"), longest_side=256, limits=Limits(picture_pixels=76_799)) is None


def test_a_picture_whose_middle_is_missing_goes_the_long_way():
    data = encoded(scene(), "JPEG")
    hole = data[: len(data) // 2] + data[-2:]

    assert decode_plain(hole, longest_side=256, limits=DEFAULT_LIMITS) is None


@pytest.mark.parametrize("longest_side", [320, 160, 80, 40], ids=["whole", "halved", "quartered", "an eighth"])
def test_damage_is_found_whatever_the_size_of_the_small_view(longest_side):
    data = encoded(scene(), "JPEG", restart_marker_rows=1)
    random = np.random.default_rng(3)
    damaged = [bytearray(data) for _ in range(60)]
    for copy in damaged:
        copy[int(random.integers(len(data) // 2, len(data) - 2))] ^= int(random.integers(1, 256))

    at_once = [decode_plain(bytes(copy), longest_side=longest_side, limits=DEFAULT_LIMITS) for copy in damaged]

    whole = [decode_plain(bytes(copy), longest_side=320, limits=DEFAULT_LIMITS) for copy in damaged]
    assert [found is None for found in at_once] == [found is None for found in whole]
    assert any(found is None for found in whole)


@pytest.mark.parametrize("longest_side", [320, 160, 107, 80, 64, 40])
def test_the_small_view_is_the_mean_of_what_it_covers(longest_side):
    data = encoded(scene(), "JPEG", quality=95)
    plain = decode_plain(data, longest_side=longest_side, limits=DEFAULT_LIMITS)

    expected = decoded(data).reduce(320 // longest_side)

    assert plain.small.size == expected.size
    assert apart(plain.small.convert("L"), expected.convert("L")) < 1
    # The colours may be half as fine, because the JPEG made of them halves them in any case.
    ours, theirs = (decoded(encoded(image, "JPEG", quality=95)) for image in (plain.small, expected))
    assert apart(ours, theirs) < 4
