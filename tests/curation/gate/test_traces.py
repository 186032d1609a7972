"""Rules of thumb about personal data: what they find, and the many things that only look like it."""

import polars as pl
import pytest

from curation.gate.traces import EMAIL, IP, MAYBE, MAYBE_PATH, TELEPHONE, USER_PATH, kinds_in, names_a_local_path

FOUND = [
    ("write to ada.lovelace+news@babbage-engine.co.uk today", EMAIL),
    ("Ada <ada@babbage.org>, London", EMAIL),
    ("call +44 20 7946 0958", TELEPHONE),
    ("call +4915123456789 now", TELEPHONE),
    ("0049 151 2345678", TELEPHONE),
    ("(212) 736-5000", TELEPHONE),
    ("212-736-5000", TELEPHONE),
    ("1-212-736-5000", TELEPHONE),
    ("030/1234567", TELEPHONE),
    ("ring 0151 23456789 after six", TELEPHONE),
    ("a shop window that says: Tel. 7946 0958", TELEPHONE),
    ("phone: 5551234567", TELEPHONE),
    ("logged in from 84.17.46.201", IP),
    ("from 2a00:1450:4001:81b::200e again", IP),
    ("see /home/ada/pictures/cat.png", USER_PATH),
    (r"see C:\Users\Ada\Desktop", USER_PATH),
    ("/Users/charles/models", USER_PATH),
]

FINE = [
    "a portrait, 35mm f/1.8, 1920x1080 --ar 16:9 --seed 4211334455",
    "seed 0012345678 and 0123456789012",
    "masterpiece, (best quality:1.2), [bokeh::0.5], <lora:add_detail:0.8>",
    "taken 2024-01-02, again on 02.03.2025 10 and 01/02/2024",
    "at 12:30:45, lap 1:23:45.678",
    "version 12.34.56.78 of the firmware, v2.10.14.3, section 1.2.3.4",
    "192.168.0.12, 127.0.0.1, 10.0.0.1 and 0.0.0.0 are nobody's",
    "192.0.2.44 and 2001:db8::1 are for examples",
    "999.1.1.1 is no address, nor is 1.2.3",
    "pi is 3.14159265358979, and 48.8566, 2.3522 is Paris",
    "price 1,234,567.89 or 1 234 567 890",
    "ISBN 978-0-306-40615-7",
    "200 300 4000 sheep in rows of 120 240 3600",
    "tones: #ff00aa, rgb(12 200 34), 0.5 0.25 0.125",
    "@midjourney style, user@ and @home, me@localhost, ada@example.org",
    "retina@2x, 8k@60fps",
    "std::vector<int> dead::beef face:cafe",
    "a plate with the words OPEN 24/7 365",
    "https://example.org/users/list and the folder Users",
    "/home/user/file and /Users/shared/x",
    "matrix 10 20 30 40 50 60 70 80",
    "1-2-3-4-5-6-7-8-9-10",
    "the years 1914-1918, 1939-1945 and 2001-2010",
    "row 001 002 003 004 005 006, and 001 002 003",
]


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_what_names_somebody_is_found(text, kind):
    assert kinds_in(text) == [kind]


@pytest.mark.parametrize("text", FINE)
def test_what_only_looks_like_it_is_left_alone(text):
    assert kinds_in(text) == []


def test_the_quick_look_lets_nothing_pass_that_the_slow_one_finds():
    texts = pl.Series([text for text, _kind in FOUND])

    assert texts.str.contains(MAYBE).all()


LOCAL = [
    "/home/ada/x.pt",
    "--ckpt=/mnt/disk3/x.pt",
    "load '/scratch/run 7/x'",
    r"C:\models\x.pt",
    r"\\server\share\x",
    "~/models/x.pt",
    "file:///data/x",
]
NOT_LOCAL = [
    "org/model",
    "https://host.org/data/v1/x",
    "s3://bucket/data/x",
    "/v1/images/generations",
    "and/or, 16/9, 1/2",
    "a\\b",
    "C: major",
]


@pytest.mark.parametrize("text", LOCAL)
def test_paths_of_some_machine(text):
    assert names_a_local_path(text)
    assert pl.Series([text]).str.contains(MAYBE_PATH).all()


@pytest.mark.parametrize("text", NOT_LOCAL)
def test_addresses_and_names_of_models_are_no_paths(text):
    assert not names_a_local_path(text)
