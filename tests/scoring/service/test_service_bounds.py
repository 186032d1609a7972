"""Bounds on what a call costs, and what happens to the rare things that no number or text can say."""

from __future__ import annotations

import base64
import time

import pytest

from scoring.service import taking
from tests.scoring import making
from tests.scoring.service import asking
from tests.scoring.service.asking import Serve
from tests.scoring.service.test_service_calls import png

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_scorers")]


@pytest.mark.parametrize("element", [b"[]", b"{}", b"0"])
@pytest.mark.parametrize("kind", ["json", "parts"])
def test_a_body_of_a_million_small_things_is_refused_unparsed(monkeypatch, serve: Serve, element: bytes, kind: str):
    monkeypatch.setattr("scoring.service.wire.strict_json.parse", lambda _data: 1 / 0)
    body = b'{"samples": [%b]}' % b",".join([element] * 600_000)
    if kind == "parts":
        head = b'--a7e1\r\nContent-Disposition: form-data; name="request"\r\n\r\n'
        said = serve().call("POST", "/score", head + body + b"\r\n--a7e1--", "multipart/form-data; boundary=a7e1")
    else:
        said = serve().call("POST", "/score", body)

    assert said.status == 413
    assert "commas and brackets" in said.body["error"]


def test_bytes_that_are_named_often_are_taken_once(monkeypatch, serve: Serve):
    taken = []
    ingest = taking.ingest
    monkeypatch.setattr(taking, "ingest", lambda content, **more: taken.append(1) or ingest(content, **more))
    picture, broken = png(making.scene(90, 60)), png(making.scene())[:-200]
    part = {"part": "a"}
    samples = [{"media": [part] * 3, "prompt": {"roles": {"source": [part]}}}, {"media": [part, asking.media(picture)]}]
    bad = [{"media": [{"part": "b"}]}, {"media": [part, {"part": "b"}]}]
    body, kind = asking.multipart({"samples": samples + bad}, {"a": picture, "b": broken})

    said = serve("technical").call("POST", "/score", body, kind)

    results = said.body["results"]
    assert len(taken) == 2
    assert [bool(one["scores"]) for one in results] == [True, True, False, False]
    reasons = [one["errors"][0]["reason"] for one in results[2:]]
    assert [reason.partition(": ")[0] for reason in reasons] == ["samples[2].media[0]", "samples[3].media[1]"]


def test_pictures_of_a_call_are_counted_with_those_of_prompts(serve: Serve):
    client = serve("technical", files=4)
    one = asking.media(png(making.scene(90, 60)))
    shared = {"roles": {"source": [one]}}

    assert client.score({"media": [one]}, {"media": [one]}, prompt=shared).status == 200
    said = client.score({"media": [one, one]}, {"media": [one]}, prompt=shared)

    assert said.status == 413
    assert "5 pictures and videos and may have 4" in said.body["error"]


def test_the_deadline_is_of_the_whole_call(monkeypatch, serve: Serve):
    """Decoding counts: what is overdue is decoded no further, and what the batch then has is what is left."""
    begun = []
    ingest = taking.ingest

    def slow(content: bytes, **more):
        begun.append(1)
        time.sleep(0.2)
        return ingest(content, **more)

    monkeypatch.setattr(taking, "ingest", slow)
    client = serve("technical", deadline_seconds=0.5)
    pictures = [asking.media(png(making.scene(60, 60, seed=seed))) for seed in range(20)]

    began = time.monotonic()
    answers = [client.score({"media": pictures}), client.score({"text": "x", "prompt": {"roles": {"a": pictures}}})]

    assert [said.status for said in answers] == [504, 504]
    assert time.monotonic() - began < 3  # of eight seconds
    assert len(begun) <= 8
    asking.until(lambda: not list(client.scratch.iterdir()), "nothing is left of it")
    assert client.batcher.in_hand == 0


def test_a_batch_gets_what_is_left_of_the_deadline(serve: Serve):
    from scoring.scorers.base import Item

    batcher = serve(deadline_seconds=60).batcher
    batcher.settings["length"], began = {}, time.monotonic()

    with pytest.raises(Exception, match="No answer within 60 seconds"):
        batcher.score([Item(1, 1, text="slow")], ["length"], overdue=time.monotonic() - 1)
    assert time.monotonic() - began < 5


def test_a_detail_that_is_no_number_breaks_its_call_alone(monkeypatch, serve: Serve, caplog):
    from scoring.scorers.base import Reading, Result
    from tests.scoring import fakes

    reading = Reading({"length_value": Result(1.0)}, {"ratio": float("nan")})
    monkeypatch.setattr(fakes.LengthScorer, "score", lambda self, items, prepared: [reading for _item in items])
    client = serve()

    said = client.score({"text": "a"}, detail=True)

    assert said.status == 500
    assert "the log" in said.body["error"]
    assert "a call broke" in caplog.text
    assert client.score({"text": "a"}).status == 200
    assert client.get("/metrics").body["answers"]["500"] == 1


@pytest.mark.parametrize("text", ['"\\ud800"', '"é"', '"abc"'])
def test_what_is_not_base_64_is_told_where(serve: Serve, text: str):
    body = f'{{"samples": [{{"media": [{{"base64": {text}}}]}}]}}'.encode()

    said = serve("technical").call("POST", "/score", body)

    assert said.status == 400
    assert said.body["error"].startswith("samples[0].media[0].base64 is not base 64")


def test_a_file_that_is_too_large_is_that_samples_fault(serve: Serve):
    from curation.media.limits import Limits

    content = png(making.noise(90, 60))
    client = serve("technical", media=Limits(picture_bytes=len(content) - 1, video_bytes=len(content) - 1))

    said = client.score({"media": [{"base64": base64.b64encode(content).decode()}]})

    assert said.status == 422
    assert "a picture may have" in said.body["results"][0]["errors"][0]["reason"]
