"""Calls of the service: what they are answered, and what they are refused for."""

from __future__ import annotations

import io
import json
import threading
import zlib

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from PIL import Image

from curation.models import Project, Sample, Score
from scoring.actions.starting import start_scoring
from tests import factories
from tests.curation.media import drawn
from tests.scoring import making
from tests.scoring.job_helpers import texts, values, work_through
from tests.scoring.service import asking
from tests.scoring.service.asking import Serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_scorers")]


def png(picture: Image.Image) -> bytes:
    held = io.BytesIO()
    picture.save(held, "PNG")
    return held.getvalue()


def value(result: dict) -> float:
    (score,) = result["scores"]
    return score["value"]


# -- what is answered -------------------------------------------------------------------------------------------------


def test_texts_get_the_number_of_the_job_and_who_said_it(project: Project, serve: Serve):
    samples = texts(project, "one", "three")
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    work_through(job)
    client = serve("length")

    said = client.score({"id": samples[1].pk}, {"text": "three"})

    assert said.status == 200
    assert [value(one) for one in said.body["results"]] == [values(project)["three"]] * 2 == [5.0, 5.0]
    assert said.body["results"][0]["sample"] == samples[1].pk
    who = said.body["scorers"]["length"]
    rater = Score.objects.first().rater
    assert (who["identity"], who["version"]) == (rater.identity_digest, rater.identity["version"])


def test_asking_twice_changes_nothing_and_keeps_no_evidence(project: Project, serve: Serve):
    (sample,) = texts(project, "one")
    client = serve()

    first, second = client.score({"id": sample.pk}), client.score({"id": sample.pk})

    assert first.body == second.body
    assert not Score.objects.exists()
    assert not list(client.scratch.iterdir())


def test_a_bad_item_spoils_no_other(serve: Serve):
    said = serve().score({"text": "one"}, {"text": "bad thing"}, {"text": "skip this"}, {"text": "three"})

    one, bad, skipped, three = said.body["results"]
    assert said.status == 200
    assert (value(one), value(three)) == (3.0, 5.0)
    assert bad["errors"] == [{"scorer": "length", "status": 422, "reason": "samples[1]: cannot read 'bad thing'"}]
    assert skipped["not_applicable"] == [{"scorer": "length", "reason": "nothing to measure"}]


def test_a_number_that_is_none_is_an_error_of_its_item(monkeypatch, serve: Serve):
    from tests.scoring import fakes

    monkeypatch.setattr(fakes.LengthScorer, "value", lambda self, text: float("nan") if text == "x" else 1.0)

    said = serve().score({"text": "x"}, {"text": "y"})

    assert "nan" in said.body["results"][0]["errors"][0]["reason"]
    assert value(said.body["results"][1]) == 1.0


def test_a_sample_may_be_scored_under_another_prompt_in_words_or_by_id(project: Project, serve: Serve):
    sample = factories.sample(factories.prompt(project, facts={"answer": "Paris"}), text="Rome")
    other = factories.prompt(project, text="the capital of Italy", facts={"answer": ["Rome", "Roma"]})
    client = serve("exact_match")

    own = client.score({"id": sample.pk})
    by_id = client.score({"id": sample.pk, "prompt": {"id": other.pk}})
    in_words = client.score({"text": "Rome"}, prompt={"text": "?", "facts": {"answer": "Rome"}})

    assert [value(said.body["results"][0]) for said in (own, by_id, in_words)] == [0.0, 1.0, 1.0]


def test_a_group_is_scored_whole_whoever_of_it_is_asked_about(project: Project, serve: Serve):
    samples = texts(project, "a", "b", "c")
    texts(project, "of another prompt")

    said = serve("crowd").score({"id": samples[1].pk})

    assert [value(one) for one in said.body["results"]] == [3.0]


def test_groups_sent_as_content_are_told_apart_by_their_prompts(serve: Serve):
    said = serve("crowd").score(
        {"text": "a", "prompt": "one"}, {"text": "b", "prompt": "two"}, {"text": "c", "prompt": {"text": "one"}}
    )

    assert [value(one) for one in said.body["results"]] == [2.0, 1.0, 2.0]


def test_pictures_come_in_base_64_or_as_parts_and_are_the_same(serve: Serve):
    picture = png(making.scene(90, 60))
    client = serve("technical")

    first = client.score({"media": [asking.media(picture)]})
    body, kind = asking.multipart({"samples": [{"media": [{"part": "a"}]}]}, {"a": picture})
    second = client.call("POST", "/score", body, kind)

    assert first.status == second.status == 200, first.body
    assert first.body == second.body
    assert len(first.body["results"][0]["scores"]) > 2


def test_places_are_told_with_the_detail(monkeypatch, serve: Serve):
    from scoring.scorers.base import Place, Reading, Result
    from tests.scoring import fakes

    place = Place("length_value", 2.0, "span", target="answer", start=0, end=1, label="a")
    reading = Reading({"length_value": Result(1.0)}, places=(place,))
    monkeypatch.setattr(fakes.LengthScorer, "score", lambda self, items, prepared: [reading for _item in items])

    (told,) = serve().score({"text": "a"}, detail=True).body["results"]

    assert told["places"]["length"][0]["label"] == "a"
    assert (told["places"]["length"][0]["start"], told["places"]["length"][0]["value"]) == (0, 2.0)


def test_detail_is_told_where_it_is_asked_for(serve: Serve):
    client = serve("technical")
    picture = {"media": [asking.media(png(making.scene()))]}

    assert "detail" not in client.score(picture).body["results"][0]
    assert set(client.score(picture, detail=True).body["results"][0]["detail"]) == {"technical"}


def test_a_picture_is_turned_and_converted_as_an_import_does(project: Project, serve: Serve):
    """The sample lies in the storage as an import leaves it; its bytes as they were sent say the same."""
    turned = making.scene(120, 80)
    held = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(held, "JPEG", exif=exif, quality=90)
    sample = factories.sample(factories.prompt(project))
    factories.place(sample, factories.stored(held.getvalue(), "a.jpg"))

    said = serve("technical").score({"id": sample.pk}, {"media": [asking.media(held.getvalue())]})

    by_id, by_bytes = said.body["results"]
    assert by_id["scores"] == by_bytes["scores"]
    aspects = [one["value"] for one in by_bytes["scores"] if "aspect" in one["criterion"]]
    assert aspects == [pytest.approx(80 / 120)]


# -- what is refused --------------------------------------------------------------------------------------------------


def bomb(side: int = 40_000) -> bytes:
    """A PNG whose header promises more pixels than anybody would decode."""
    data = bytearray(png(Image.new("L", (8, 8))))
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (b"<html>not a picture</html>", "an HTML page"),
        (b"PK\x03\x04 something", "a zip archive"),
        (bomb(), "pixels"),
        (png(making.scene())[:-200], "samples[0].media[0]"),
        (b"", "empty"),
    ],
)
def test_bad_bytes_are_refused_by_name_and_spoil_no_other(serve: Serve, content: bytes, because: str):
    client = serve("technical")

    alone = client.score({"media": [asking.media(content)]})
    beside = client.score({"media": [asking.media(content)]}, {"media": [asking.media(png(making.scene()))]})

    assert alone.status == 422
    (error,) = alone.body["results"][0]["errors"]
    assert error["reason"].startswith("samples[0].media[0]: ")
    assert because in error["reason"]
    assert beside.status == 200
    assert beside.body["results"][1]["scores"]


def test_a_picture_over_the_limit_is_refused(serve: Serve):
    from curation.media.limits import Limits

    client = serve("technical", media=Limits(picture_pixels=100 * 100))

    assert client.score({"media": [asking.media(png(making.scene(100, 100)))]}).status == 200
    assert client.score({"media": [asking.media(png(making.scene(101, 100)))]}).status == 422


def test_samples_of_another_project_are_as_unknown_as_none(serve: Serve):
    theirs = texts(factories.project("theirs", task="text"), "secret")[0]
    their_prompt = theirs.prompt
    client = serve()

    other = client.score({"id": theirs.pk})
    none = client.score({"id": theirs.pk + 1_000_000})

    assert other.status == none.status == 404
    words = [said.body["results"][0]["errors"][0]["reason"] for said in (other, none)]
    assert words[0].replace(str(theirs.pk), "N") == words[1].replace(str(theirs.pk + 1_000_000), "N")
    assert client.score({"text": "x", "prompt": {"id": their_prompt.pk}}).status == 404


def test_a_sample_whose_file_is_not_here_is_unknown(project: Project, serve: Serve):
    absent = factories.sample(factories.prompt(project), media_state=Sample.MediaState.ABSENT)

    assert serve().score({"id": absent.pk}).status == 404


REFUSED = [
    (b"no json", 400, "not valid JSON"),
    (b'{"samples": [{"text": NaN}]}', 400, "NaN"),
    (b'{"samples": []}', 400, "at least one"),
    (b'{"samples": [{}]}', 400, "samples[0]"),
    (b'{"samples": [{"text": "x", "colour": 1}]}', 400, "'colour'"),
    (b'{"samples": [{"id": 1, "text": "x"}]}', 400, "takes no `text`"),
    (b'{"samples": [{"id": -1}]}', 400, "above 0"),
    (b'{"samples": [{"text": 5}]}', 400, "samples[0].text is a text"),
    (b'{"samples": [{"media": [{"base64": "%%%"}]}]}', 400, "samples[0].media[0].base64"),
    (b'{"samples": [{"media": [{"part": "a"}]}]}', 400, "'a'"),
    (b'{"samples": [{"text": "x"}], "scorers": ["weather"]}', 404, "It holds: length"),
    (b'{"samples": [{"text": "x", "prompt": {"turns": [{"role": "user"}]}}]}', 400, "turns[0].content"),
    (b"[" * 100_000, 400, "nested"),
    (b'{"samples": [{"text": "x"}], "scorers": ["\\ud800"]}', 404, "It holds: length"),
]


@pytest.mark.parametrize(("body", "status", "because"), REFUSED)
def test_a_request_that_is_wrong_is_told_where(serve: Serve, body: bytes, status: int, because: str):
    said = serve().call("POST", "/score", body)

    assert (said.status, said.body["status"]) == (status, status)
    assert because in said.body["error"]


def test_half_characters_and_nulls_are_scored_or_refused_and_break_nothing(serve: Serve):
    client = serve()

    said = client.call(
        "POST", "/score", b'{"samples": [{"text": "\\ud800"}, {"text": "bad \\ud800"}, {"text": "\\u0000"}]}'
    )

    assert said.status == 200
    assert [value(said.body["results"][place]) for place in (0, 2)] == [1.0, 1.0]
    assert said.body["results"][1]["errors"]
    assert client.post("/reward", plan={"recipe": "\x00"}, samples=[{"text": "x"}]).status == 400
    assert client.get("/prompts?tag=%00").status == 400
    assert client.holding("pws_\x00_x").get("/scorers").status == 401
    deep = b'{"samples": [{"text": "x", "prompt": {"facts": {"a": %b%b}}}]}' % (b"[" * 950, b"]" * 950)
    assert client.call("POST", "/score", deep).status in (200, 400)


def test_bodies_are_bounded_before_they_are_read(serve: Serve):
    client = serve(body_bytes=100, items=2, queued=2)

    class Unread:
        def read(self, _count: int) -> bytes:
            raise AssertionError("read")

    over = client.call("POST", "/score", CONTENT_LENGTH="101", **{"wsgi.input": Unread()})
    many = client.score({"text": "a"}, {"text": "b"}, {"text": "c"})
    unstated = client.call("POST", "/score", CONTENT_LENGTH="")
    cut_off = client.call("POST", "/score", b"{}", CONTENT_LENGTH="50")
    other_kind = client.call("POST", "/score", b"{}", kind="text/plain")

    statuses = [said.status for said in (over, many, unstated, cut_off, other_kind)]
    assert statuses == [413, 413, 411, 400, 415]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--a7e1--",
        b'--a7e1\r\nContent-Disposition: form-data; name="request"\r\n\r\n{}',
        b'--a7e1\r\nContent-Disposition: form-data; name="file"\r\n\r\n{}\r\n--a7e1--\r\n',
        b"--a7e1\r\nContent-Disposition: form-data\r\n\r\n{}\r\n--a7e1--\r\n",
        b'--a7e1\r\nX: 1; name="request"\r\n{}\r\n--a7e1--\r\n',
    ],
)
def test_a_body_of_parts_that_is_none_is_refused(serve: Serve, body: bytes):
    assert serve().call("POST", "/score", body, "multipart/form-data; boundary=a7e1").status == 400


def test_a_part_holds_whatever_bytes_it_holds(serve: Serve):
    """Line ends, dashes and things like a boundary inside a file are the file's own."""
    from scoring.service.multipart import parts

    content = b"\r\n--a7e\r\n--a7e1x"[:-2] + b"\r\n\r\n\x00\xff--"
    body, kind = asking.multipart({}, {"a": content})

    assert parts(body, kind)["a"] == content


# -- lines ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def held_up(monkeypatch):
    """A scorer that waits until it is let go, so that a test decides what waits behind it."""
    from tests.scoring import fakes

    go, begun, sizes = threading.Event(), threading.Event(), []
    plain = fakes.LengthScorer.score

    def score(self, items, prepared):
        sizes.append(len(items))
        begun.set()
        assert go.wait(30)
        return plain(self, items, prepared)

    monkeypatch.setattr(fakes.LengthScorer, "score", score)
    yield type("HeldUp", (), {"go": go, "begun": begun, "sizes": sizes})
    go.set()


def together(client: asking.Client, *groups: list[str]) -> list[threading.Thread]:
    """Calls at once; each writes its answer on its thread."""

    def ask(thread: threading.Thread, group: list[str]) -> None:
        thread.said = client.score(*({"text": text} for text in group))
        connection.close()  # of this thread

    threads = []
    for group in groups:
        thread = threading.Thread()
        thread.run = lambda thread=thread, group=group: ask(thread, group)
        thread.start()
        threads.append(thread)
    return threads


@pytest.mark.django_db(transaction=True)
def test_clients_at_once_share_a_batch_and_each_gets_its_own_numbers(serve: Serve, held_up):
    client = serve()
    first = together(client, ["x"])
    held_up.begun.wait(10)
    others = together(client, ["aa", "bbb"], ["cccc"])
    asking.until(lambda: client.batcher.waiting == 3, "both calls wait")
    held_up.go.set()
    for thread in first + others:
        thread.join(20)

    assert held_up.sizes == [1, 3]
    answered = [[value(one) for one in thread.said.body["results"]] for thread in first + others]
    assert answered == [[1.0], [2.0, 3.0], [4.0]]


@pytest.mark.django_db(transaction=True)
def test_who_comes_too_late_is_told_when_to_come_again(serve: Serve, held_up):
    client = serve(queued=3, items=3)
    threads = together(client, ["a", "b"])
    held_up.begun.wait(10)

    refused = client.score({"text": "c"}, {"text": "d"})
    held_up.go.set()
    threads[0].join(20)

    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert client.score({"text": "c"}, {"text": "d"}).status == 200
    assert client.batcher.in_hand == 0


@pytest.mark.django_db(transaction=True)
def test_a_token_has_so_many_calls_at_once(serve: Serve, held_up):
    client = serve(calls_a_token=1)
    threads = together(client, ["a"])
    held_up.begun.wait(10)

    refused = client.score({"text": "b"})
    held_up.go.set()
    threads[0].join(20)

    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert client.score({"text": "b"}).status == 200


@pytest.mark.django_db(transaction=True)
def test_a_call_that_waits_too_long_is_let_go_and_leaves_no_trace(serve: Serve, held_up):
    client = serve(deadline_seconds=0.3)
    threads = together(client, ["a"])
    held_up.begun.wait(10)

    late = client.score({"text": "b"})
    held_up.go.set()
    threads[0].join(20)
    asking.until(lambda: client.batcher.waiting == 0, "nothing waits")

    assert late.status == 504
    assert client.values("ccc") == [3.0]
    assert held_up.sizes == [1, 1]  # the one that waited too long was never scored
    assert client.batcher.in_hand == 0


def test_what_breaks_in_the_thread_of_the_models_is_told_and_the_thread_lives_on(monkeypatch, serve: Serve):
    client = serve()
    with monkeypatch.context() as patch:
        patch.setattr("scoring.service.batcher.run", lambda *_arguments: 1 / 0)
        broken = client.score({"text": "a"})

    assert broken.status == 500
    assert "ZeroDivision" not in broken.body["error"]
    assert client.values("abc") == [3.0]


def test_a_stopping_service_takes_no_more(serve: Serve):
    client = serve()
    client.batcher.stop(10)

    said = client.score({"text": "a"})

    assert (said.status, "Retry-After" in said.headers) == (503, True)


# -- who watches ------------------------------------------------------------------------------------------------------


def test_figures_tell_of_batches_and_answers(serve: Serve):
    client = serve("length", "vowels")
    client.score({"text": "aeio"}, {"text": "b"})
    client.call("POST", "/score", b"no")

    found = client.get("/metrics").body

    assert found["opinions"] == {"length": 2, "vowels": 2}
    assert found["batch_sizes"] == {"length": {"2": 1}, "vowels": {"2": 1}}
    assert (found["answers"]["200"], found["answers"]["400"]) == (1, 1)
    assert (found["samples_in_hand"], found["samples_waiting"]) == (0, 0)
    assert found["memory"]["process_bytes"] > 10_000_000
    assert found["opinions_a_second"] > 0


def test_it_lives_before_it_is_ready(tmp_path, project: Project):
    from scoring.actions.serving import tokens
    from scoring.actions.serving.desk import Rows
    from scoring.service.batcher import Batcher
    from scoring.service.limits import Limits
    from scoring.service.web import Application

    batcher = Batcher({"length": {}}, Limits())
    token = tokens.make(project=project, name="t", by=None).text
    client = asking.Client(Application(batcher, Rows({}, batcher.held, threads=0), tmp_path), token, batcher, tmp_path)

    assert client.get("/health").status == 200
    assert (client.get("/ready").status, client.score({"text": "a"}).status) == (503, 503)
    batcher.start()
    assert batcher.is_ready.wait(10)
    assert client.get("/ready").body == {"ready": True}
    batcher.stop(10)


def test_lines_of_the_log_hold_no_token_and_no_words(serve: Serve, caplog):
    client = serve()
    with caplog.at_level("DEBUG"):
        client.score({"text": "a very private text"}, prompt="a private prompt")
        client.get("/secret-address")
        client.holding("pws_0000_wrong").score({"text": "x"})

    lines = "\n".join(json.dumps(record.__dict__, default=str) for record in caplog.records)
    assert '"token": "a trainer 1"' in lines
    assert '"samples": 1' in lines
    assert not [word for word in ("private", client.token, "secret-address", "pws_") if word in lines]


# -- who may ----------------------------------------------------------------------------------------------------------

OPEN = [("GET", "/health"), ("GET", "/ready")]
CLOSED = [("GET", "/scorers"), ("GET", "/metrics"), ("POST", "/score"), ("POST", "/reward"), ("GET", "/prompts")]
CLOSED += [("GET", "/media/")]


def test_every_address_is_in_this_table(serve: Serve):
    application = serve().application

    assert set(application._open) == {path for _method, path in OPEN}
    assert {(method, path) for path, (method, _view) in application._closed.items()} == set(CLOSED)


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_nobody_learns_anything_without_a_living_token(project: Project, serve: Serve, method: str, path: str):
    from scoring.actions.serving import tokens

    client = serve()
    body = json.dumps({"samples": [{"text": "a"}], **({"plan": "x"} if path == "/reward" else {})}).encode()
    revoked = tokens.make(project=project, name="gone", by=None)
    tokens.revoke(token=revoked.token, by=None)
    strangers = [
        "",
        "nonsense",
        "pws__",
        revoked.text,
        client.token + "x",
        client.token.upper(),
        "pws_" + "0" * 12 + "_x",
    ]

    answers = [client.holding(token).call(method, path, body) for token in strangers]

    assert {said.status for said in answers} == {401}
    assert {json.dumps(said.body) for said in answers} == {json.dumps(answers[0].body)}
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert client.call(method, path, body).status != 401
    assert client.holding("").call(method, path, body, HTTP_AUTHORIZATION=f"Basic {client.token}").status == 401


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_health_is_told_to_anybody(serve: Serve, method: str, path: str):
    assert serve().holding("").call(method, path).status == 200


def test_a_token_is_asked_for_before_an_address_is_looked_up(serve: Serve):
    client = serve()

    assert client.holding("").get("/nothing").status == 401
    assert client.get("/nothing").status == 404
    assert client.get("/score").status == 405
    assert client.call("HEAD", "/health").body is None


def test_drawn_pictures_of_the_tests_are_taken(serve: Serve):
    """The generator of test pictures and the service agree on what a picture is."""
    content = drawn.encoded(drawn.scene(3), "PNG")

    assert serve("technical").score({"media": [asking.media(content)]}).status == 200


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (["--scorer", "weather"], "no scorer “weather”"),
        (["--scorer", "clipscore", "--set", "clipscore.colour=red"], "no setting “colour”"),
        (["--scorer", "ocr", "--port", "0"], "no port"),
        (["--scorer", "ocr", "--items", "0"], "at least 1"),
        (["--scorer", "ocr", "--files", "0"], "at least 1"),
        (["--scorer", "ocr", "--items", "10", "--queue", "5"], "only 5 may wait"),
        (["--scorer", "ocr", "--reward", "nowhere.yaml"], "not a file"),
    ],
)
def test_a_mistaken_start_is_refused_at_once(arguments: list[str], because: str):
    with pytest.raises(CommandError, match=because):
        call_command("serve_scorers", *arguments)
