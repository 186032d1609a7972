"""Metadata in pictures: found in every type, and in an export."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from curation.exports.picture_traces import traces_in
from curation.exports.readback import read_back
from curation.exports.rows import ExportPrompt
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, pair, source, subject


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x013B] = "Ada Lovelace"
    return made


def chunks() -> PngInfo:
    made = PngInfo()
    made.add_text("parameters", "a cat, steps 20, /home/ada/model.safetensors")
    return made


DIRTY = {
    "JPEG with EXIF": ("JPEG", {"exif": exif()}, ["EXIF or XMP"]),
    "JPEG with a comment": ("JPEG", {"comment": b"from Ada"}, ["a comment"]),
    "PNG with a prompt": ("PNG", {"pnginfo": chunks()}, ["text"]),
    "PNG with EXIF": ("PNG", {"exif": exif()}, ["EXIF"]),
    "WebP with EXIF": ("WEBP", {"exif": exif()}, ["EXIF"]),
    "WebP with XMP": ("WEBP", {"xmp": b"<x/>"}, ["XMP"]),
}


def saved(kind: str, **options) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(target, kind, **options)
    return target.getvalue()


@pytest.mark.parametrize("name", DIRTY)
def test_metadata_is_found(name):
    kind, options, expected = DIRTY[name]

    assert traces_in(saved(kind, **options)) == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_plain_picture_has_none(kind):
    assert traces_in(saved(kind)) == []


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes():
    content = saved("PNG", pnginfo=chunks())

    assert traces_in(content[:40]) == []
    assert traces_in(content[:-20]) == ["text"]


@pytest.mark.parametrize("format_", ["canonical", "pickapic", "hpsv3", "webdataset"])
def test_an_export_that_carries_them_is_found_when_it_is_read_back(tmp_path, format_):
    store = Store()
    prompt = ExportPrompt("p", "red")
    dirty = store.picture(1, "JPEG", exif=exif())
    made = source([pair(1, subject(1, prompt, media=[dirty]), subject(2, prompt, media=[store.picture(2)]))], store)
    write_export(made, [format_], tmp_path / "out")

    assert {finding.code for finding in read_back(tmp_path / "out", made).findings} == {"traces"}
