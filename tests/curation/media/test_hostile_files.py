"""Every file that is not what it should be is refused with a sentence that names it, the reason and a remedy."""

import io
import pickle
import struct
import zipfile

import pytest
from PIL import Image

from curation.media.errors import MediaRefused
from curation.media.ingestion import ingest, inspect
from curation.media.limits import Limits
from tests.curation.media import drawn
from tests.curation.media.drawn import encoded, scene

FORMATS = {"JPEG": {}, "PNG": {}, "WEBP": {"lossless": True}, "GIF": {}, "BMP": {}, "TIFF": {}, "AVIF": {}}


def refusal(data: bytes, name: str = "cat.png", **limits: int) -> str:
    with pytest.raises(MediaRefused) as refused:
        ingest(data, name=name, limits=Limits(**limits))
    assert str(refused.value).startswith(f"{name}: ")
    assert refused.value.remedy
    return refused.value.reason


def zip_archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty (0 bytes)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "SVG"),
        (b"<?xml version='1.0'?>\n<!-- a comment -->\n<svg/>", "SVG"),
        (b"<?xml version='1.0'?><note/>", "XML document"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><html></html>", "HTML page"),
        (b"<HTML><body>404 Not Found</body></HTML>", "HTML page"),
        (b"%PDF-1.7\n", "PDF document"),
        (zip_archive(), "zip archive"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"MZ\x90\x00\x03", "Windows program"),
        (b"\x7fELF\x02", "Linux program"),
        (b"#!/bin/sh\nrm -rf /", "script"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        ("a café, 日本".encode(), "plain text"),
        (bytes(range(128, 200)), "unknown kind"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypavis\0\0\0\0avisavif", "animated AVIF"),
    ],
)
def test_what_is_no_picture_is_called_by_its_content_whatever_its_name(data, reason):
    assert reason in refusal(data, name="cat.png")


def test_text_cut_in_the_middle_of_a_character_is_still_text():
    text = ("x" * 511 + "é").encode()

    assert "plain text" in refusal(text)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_a_picture_that_was_cut_off_is_refused(format, share):
    data = encoded(scene(), format, **FORMATS[format])

    reason = refusal(data[: int(len(data) * share)])

    assert "cannot be read" in reason


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_lacks_its_last_byte_is_refused(format):
    data = encoded(scene(), format)

    assert "cut off" in refusal(data[:-1])


def test_a_progressive_jpeg_that_lacks_its_last_scans_is_refused():
    data = encoded(scene(), "JPEG", progressive=True)

    assert "cut off" in refusal(data[: len(data) // 2])


@pytest.mark.parametrize("format", FORMATS)
def test_noise_in_the_place_of_a_picture_never_escapes_as_another_error(format):
    data = encoded(scene(size=(64, 48)), format, **FORMATS[format])
    for position in range(0, len(data) - 8, max(1, len(data) // 200)):
        broken = data[:position] + b"\xff\x00\xd9\x7f" + data[position + 4 :]
        try:
            ingest(broken, name="broken")
        except MediaRefused as error:
            assert str(error).startswith("broken: ")  # noqa: PT017 - an intact decode is as good an answer


def test_a_damaged_check_sum_is_refused():
    data = bytearray(encoded(scene(), "PNG"))
    data[len(data) // 2] ^= 0xFF

    assert "cannot be read" in refusal(bytes(data))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    bomb = drawn.png_of_bomb(12_000)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was unpacked"))

    assert len(bomb) < 100_000
    assert "unpacks to 144,000,000 pixels" in refusal(bomb)


def test_a_bomb_beyond_pillows_own_threshold_is_refused_too():
    assert "larger than any picture" in refusal(drawn.encoded(Image.new("1", (15_000, 15_000)), "BMP"))


def test_a_webp_that_claims_a_huge_canvas_is_refused_before_the_decoder_allocates_it(monkeypatch):
    small = encoded(scene(), "WEBP", lossless=True, xmp=b"<x/>")
    huge = bytearray(small)
    place = small.index(b"VP8X") + 8
    huge[place + 4 : place + 10] = struct.pack("<I", 16_382)[:3] * 2
    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: pytest.fail("it was opened"))

    assert "unpacks to" in refusal(bytes(huge))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"picture_bytes": 100}, "bytes and a picture may have 100"),
        ({"picture_side": 319}, "no side may exceed 319"),
        ({"picture_pixels": 76_799}, "unpacks to 76,800 pixels"),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "BMP"])
def test_a_picture_over_a_limit_is_refused_and_one_at_the_limit_is_taken(format, limits, reason):
    data = encoded(scene(size=(320, 240)), format)
    at_the_limit = {"picture_bytes": len(data), "picture_side": 320, "picture_pixels": 76_800}

    assert reason in refusal(data, **limits)
    assert ingest(data, limits=Limits(**at_the_limit)).facts.width == 320


def test_a_file_over_the_byte_limit_is_not_read_from_disk(tmp_path):
    path = tmp_path / "cat.bmp"
    with path.open("wb") as file:
        file.write(encoded(scene(), "BMP"))
        file.truncate(2**34)  # sixteen gibibytes, none of them on disk

    with pytest.raises(MediaRefused, match="a picture may have"):
        ingest(path)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animated_picture_is_refused_with_its_number_of_frames(format):
    frames = [scene(seed) for seed in (1, 2, 3)]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100)

    assert refusal(data) == f"it is an animated {format} of 3 frames, not one picture"


def test_a_tiff_of_several_pages_is_refused():
    data = encoded(scene(1), "TIFF", save_all=True, append_images=[scene(2)])

    assert refusal(data) == "it holds 2 pages"


def test_numbers_without_black_and_white_are_refused():
    assert "32-bit numbers" in refusal(encoded(Image.new("F", (8, 8), 0.5), "TIFF"))


def test_a_folder_or_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(MediaRefused, match=r"gone\.png: the file cannot be read"):
        ingest(tmp_path / "gone.png")
    with pytest.raises(MediaRefused, match="cannot be read"):
        ingest(tmp_path)


def test_the_dry_look_refuses_what_the_header_shows():
    with pytest.raises(MediaRefused, match="unpacks to"):
        inspect(drawn.png_of_bomb(12_000), name="bomb.png")


def test_a_refusal_survives_the_way_between_processes():
    error = MediaRefused("cat.png", "it is a dog", "Ask the cat")

    again = pickle.loads(pickle.dumps(error))

    assert str(again) == "cat.png: it is a dog. Ask the cat."
