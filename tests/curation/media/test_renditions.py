"""The rendition: what stays as it is, what is cut out around the pixels, and what is written anew."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from curation.media.ingestion import ingest
from curation.media.pictures import on_white
from tests.curation.media.drawn import decoded, encoded, pixels, png_chunk, scene

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KEPT = {"JPEG": {}, "PNG": {}, "WEBP": {}}


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x0110] = "A camera with a name"
    return tags


def swapped_primaries() -> bytes:
    """An sRGB profile whose red and green primaries changed places: an unmistakable other colour space."""
    places = {SRGB[at : at + 4]: at for at in range(132, 132 + 12 * struct.unpack_from(">I", SRGB, 128)[0], 12)}
    profile = bytearray(SRGB)
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def rendition(data: bytes) -> bytes:
    taken = ingest(data)
    return data if taken.files.rendition is None else taken.files.rendition


@pytest.mark.parametrize("format", KEPT)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_plain_picture_is_its_own_rendition(format, mode):
    data = encoded(scene().convert(mode), format)

    taken = ingest(data)

    assert taken.is_original
    assert taken.rendition_sha256 == taken.sha256
    assert taken.facts.changes == ()
    assert taken.files.original is data


@pytest.mark.parametrize(
    "extra", [{"progressive": True}, {"quality": 95, "subsampling": 0}, {"restart_marker_rows": 1}]
)
def test_every_kind_of_plain_jpeg_is_its_own_rendition(extra):
    assert ingest(encoded(scene(), "JPEG", **extra)).is_original


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_metadata_is_cut_out_and_the_pixels_stay_bit_for_bit(format):
    words = b"<x:xmpmeta>secret words</x:xmpmeta>"
    options = {"exif": exif(1), "icc_profile": SRGB, **({} if format == "PNG" else {"xmp": words})}
    if format == "JPEG":
        options["comment"] = "secret words"
    data = encoded(scene(), format, **options)

    clean = rendition(data)

    assert len(clean) < len(data)
    assert b"secret" not in clean
    assert b"camera" not in clean
    assert {"exif", "icc_profile", "xmp", "comment"} & decoded(clean).info.keys() == set()
    assert decoded(clean).format == format
    assert np.array_equal(pixels(decoded(clean)), pixels(decoded(data)))


def test_the_prompt_a_program_wrote_into_a_png_is_cut_out():
    notes = PngImagePlugin.PngInfo()
    notes.add_text("parameters", "a cat by model-x, seed 7")
    notes.add_itxt("workflow", "secret graph")
    data = encoded(scene(), "PNG", pnginfo=notes)

    taken = ingest(data)

    assert b"model-x" in data
    assert b"model-x" not in taken.files.rendition
    assert b"secret" not in taken.files.rendition
    assert taken.facts.changes == ("removed: text",)
    assert np.array_equal(pixels(decoded(taken.files.rendition)), pixels(decoded(data)))


@pytest.mark.parametrize("format", KEPT)
def test_what_hangs_on_behind_a_picture_is_cut_off(format):
    data = encoded(scene(), format)

    taken = ingest(data + b"PK\x03\x04 a whole archive")

    assert taken.files.rendition == data
    assert taken.facts.changes == ("removed: 20 bytes after its end",)


def test_a_cleaned_picture_is_clean_already():
    once = rendition(encoded(scene(), "WEBP", exif=exif(1)))

    assert ingest(once).is_original


def test_the_thumbnail_inside_a_jfif_header_is_cut_out():
    data = encoded(scene(), "JPEG")
    header = b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    assert data[2:20] == header
    with_thumbnail = data[:2] + b"\xff\xe0\0\x13JFIF\0\x01\x01\0\0\x01\0\x01\x01\x01\xaa\xbb\xcc" + data[20:]

    assert rendition(with_thumbnail) == data


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_picture_is_shown_upright(format, orientation):
    upright = Image.new("RGB", (32, 16), "black")
    upright.paste("white", (0, 0, 8, 8))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    data = encoded(upright.transpose(undo[orientation]), format, exif=exif(orientation))

    taken = ingest(data)

    shown = decoded(taken.files.rendition)
    assert (taken.facts.width, taken.facts.height) == shown.size == (32, 16)
    assert shown.getpixel((2, 2))[0] > 200
    assert shown.getpixel((29, 2))[0] < 50
    assert shown.getpixel((2, 13))[0] < 50
    if format == "TIFF":
        return  # Pillow turns it while reading, so that its header already states the upright size
    assert f"orientation {orientation} applied" in taken.facts.changes
    stored = (16, 32) if orientation >= 5 else (32, 16)
    assert (taken.facts.stored_width, taken.facts.stored_height) == stored


def test_another_colour_space_becomes_srgb():
    red = Image.new("RGB", (8, 8), (250, 10, 10))

    taken = ingest(encoded(red, "PNG", icc_profile=swapped_primaries()))

    shown = decoded(taken.files.rendition)
    assert "icc_profile" not in shown.info
    assert shown.getpixel((4, 4))[1] > 200  # what was meant is green
    assert "converted from the profile" in taken.facts.changes[0]


def test_the_colours_of_a_transparent_picture_are_converted_and_its_alpha_stays():
    data = encoded(Image.new("RGBA", (8, 8), (250, 10, 10, 77)), "PNG", icc_profile=swapped_primaries())

    shown = decoded(rendition(data))

    assert shown.getpixel((4, 4))[1] > 200
    assert shown.getpixel((4, 4))[3] == 77


def test_an_unreadable_profile_is_ignored_and_said():
    data = encoded(scene(), "JPEG", icc_profile=b"not a profile" * 20)

    taken = ingest(data)

    assert "unreadable colour profile ignored" in taken.facts.changes
    assert np.array_equal(pixels(decoded(taken.files.rendition)), pixels(decoded(data)))


def test_cmyk_becomes_rgb():
    data = encoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", quality=100)

    taken = ingest(data)

    shown = decoded(taken.files.rendition)
    assert shown.mode == "RGB"
    assert shown.getpixel((4, 4)) == pytest.approx((0, 255, 255), abs=3)
    assert taken.rendition_mime == "image/png"
    assert taken.facts.mime == "image/jpeg"


def test_sixteen_bits_become_eight_by_the_high_byte_in_grey_and_in_colour():
    levels = np.array([[0, 255, 256, 511], [512, 32_768, 65_279, 65_535]], dtype=np.uint16)
    grey = encoded(Image.fromarray(levels), "PNG")
    rows = b"".join(b"\0" + row.astype(">u2").repeat(3).tobytes() for row in levels)
    colour = b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 2, 16, 2, 0, 0, 0)),
            png_chunk(b"IDAT", zlib.compress(rows)),
            png_chunk(b"IEND", b""),
        ]
    )

    expected = (levels >> 8).astype(np.uint8)
    assert np.array_equal(pixels(decoded(rendition(grey))), expected)
    assert np.array_equal(pixels(decoded(rendition(colour)))[..., 0], expected)
    assert "16 bits a channel made 8" in ingest(grey).facts.changes


def test_a_palette_becomes_colours():
    flat = scene().quantize(16)

    shown = decoded(rendition(encoded(flat, "PNG")))

    assert shown.mode == "RGB"
    assert np.array_equal(pixels(shown), pixels(flat.convert("RGB")))


def test_a_transparent_palette_keeps_its_transparency():
    flat = Image.new("P", (4, 4), 0)
    flat.putpalette([255, 0, 0, 0, 0, 255])
    flat.putpixel((0, 0), 1)

    taken = ingest(encoded(flat, "GIF", transparency=1))

    shown = decoded(taken.files.rendition)
    assert shown.getpixel((0, 0))[3] == 0
    assert shown.getpixel((1, 1)) == (255, 0, 0, 255)
    assert taken.facts.is_transparent


def test_one_bit_becomes_grey():
    shown = decoded(rendition(encoded(Image.new("1", (4, 4), 1), "PNG")))

    assert (shown.mode, shown.getpixel((0, 0))) == ("L", 255)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_transparency_stays_and_is_noted(format):
    picture = Image.new("RGBA", (64, 64), (200, 0, 0, 128))
    data = encoded(picture, format, **({"lossless": True} if format == "WEBP" else {}))

    taken = ingest(data)

    assert taken.is_original
    assert taken.facts.is_transparent
    white = decoded(taken.files.thumbnails[256]).getpixel((32, 32))
    assert white == pytest.approx((228, 127, 127), abs=4)


def test_an_alpha_channel_that_hides_nothing_is_not_transparency():
    assert not ingest(encoded(scene().convert("RGBA"), "PNG")).facts.is_transparent


def test_a_colour_named_transparent_becomes_alpha():
    data = encoded(Image.new("RGB", (4, 4), (1, 2, 3)), "PNG", transparency=(1, 2, 3))

    assert decoded(rendition(data)).getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "AVIF"])
def test_formats_that_browsers_or_scorers_may_not_read_become_png(format):
    data = encoded(scene(), format)

    taken = ingest(data)

    assert taken.rendition_mime == "image/png"
    assert np.array_equal(pixels(decoded(taken.files.rendition)), pixels(decoded(data).convert("RGB")))


def test_a_still_gif_and_a_png_with_one_frame_are_pictures():
    assert ingest(encoded(scene(), "GIF")).facts.width == 320
    data = encoded(scene(), "PNG")
    control = png_chunk(b"acTL", struct.pack(">II", 1, 0))
    assert rendition(data[:33] + control + data[33:]) == data


def test_a_phone_picture_with_a_second_picture_behind_it_is_its_first_one():
    data = encoded(scene(1), "MPO", save_all=True, append_images=[scene(2)])

    shown = rendition(data)

    assert decoded(shown).format == "JPEG"
    assert np.array_equal(pixels(decoded(shown)), pixels(decoded(data)))


def test_the_name_of_a_file_does_not_decide_what_it_is(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(encoded(scene(), "WEBP"))

    assert ingest(path).facts.mime == "image/webp"


def test_the_same_bytes_give_the_same_rendition():
    data = encoded(scene(), "GIF")

    assert ingest(data).rendition_sha256 == ingest(data).rendition_sha256


def test_a_large_picture_gets_a_large_thumbnail_and_a_small_one_does_not():
    small, large = (ingest(encoded(scene(size=size), "JPEG")) for size in ((2000, 1000), (2048, 1000)))

    assert small.thumbnail_sizes == (256,)
    assert large.thumbnail_sizes == (256, 1024)
    sides = {size: max(decoded(data).size) for size, data in large.files.thumbnails.items()}
    assert all(size <= side < 2 * size for size, side in sides.items())


def test_a_picture_smaller_than_its_thumbnail_is_not_blown_up():
    assert decoded(ingest(encoded(scene(size=(40, 30)), "PNG")).files.thumbnails[256]).size == (40, 30)


def test_a_very_long_picture_has_a_thumbnail_one_pixel_high():
    assert (
        decoded(ingest(encoded(scene(size=(4000, 16)).crop((0, 0, 4000, 2)), "PNG")).files.thumbnails[256]).height == 1
    )


def test_one_picture_is_decoded_once(monkeypatch):
    loads = []
    original = ImageFile.ImageFile.load

    def counted(self):
        loads.append(self.tile)
        return original(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counted)
    ingest(encoded(scene(size=(2100, 100)), "JPEG"))

    assert sum(bool(tiles) for tiles in loads) == 1


def test_on_white_leaves_opaque_pictures_alone():
    picture = scene()

    assert on_white(picture) is picture
    assert on_white(Image.new("L", (2, 2), 9)).getpixel((0, 0)) == (9, 9, 9)
    assert on_white(Image.new("RGBA", (2, 2), (0, 0, 0, 0))).getpixel((0, 0)) == (255, 255, 255)


def test_bytes_and_a_path_say_the_same(tmp_path):
    path = tmp_path / "a.png"
    data = encoded(scene(), "PNG")
    path.write_bytes(data)

    assert ingest(path) == ingest(io.BytesIO(data).getvalue())
