"""What may leave the house."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

import pytest

from curation.exports.privacy import Pseudonyms, day_of, without_traces


def test_a_person_is_a_keyed_digest_and_a_machine_has_its_name():
    names = Pseudonyms(b"k" * 32)

    person = names.rater(internal_id="17", kind="person", name="Ada Lovelace")
    rule = names.rater(internal_id="18", kind="rule", name="ocr 1")

    assert person.id == hmac.new(b"k" * 32, b"17", "sha256").hexdigest()[:16]
    assert (rule.id, rule.kind) == ("ocr 1", "rule")


def test_another_export_gives_another_pseudonym():
    assert Pseudonyms(b"a" * 32).of("17") != Pseudonyms(b"b" * 32).of("17")


def test_annotators_can_be_dropped():
    names = Pseudonyms(b"k" * 32, are_kept=False)

    assert names.rater(internal_id="17", kind="person", name="Ada").id == ""


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="at least 16"):
        Pseudonyms(b"short")


def test_a_moment_of_a_person_is_cut_to_its_day():
    moment = datetime(2026, 3, 4, 15, 16, 17, tzinfo=UTC)

    assert day_of(moment, "person") == datetime(2026, 3, 4, tzinfo=UTC)
    assert day_of(moment, "rule") == moment


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/home/ada/models/sd.safetensors", "sd.safetensors"),
        ("~/models/sd.safetensors", "sd.safetensors"),
        ("C:\\Users\\ada\\sd.ckpt", "sd.ckpt"),
        ("file:///srv/data/x.png", "x.png"),
        ("asked by ada@example.org", "asked by [address removed]"),
        ({"list": ["/a/b/c.pt", 3, None]}, {"list": ["c.pt", 3, None]}),
        ("runwayml/stable-diffusion-v1-5", "runwayml/stable-diffusion-v1-5"),
        ("https://example.org/model", "https://example.org/model"),
        ("/imagine a cat", "/imagine a cat"),
        ("and/or", "and/or"),
    ],
)
def test_settings_lose_local_paths_and_addresses_and_nothing_else(before, after):
    assert without_traces(before) == after
