"""A judge behind an address: real HTTP to a real server that looks at the pictures it is sent."""

import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from scoring.judges import library, parsing, questions
from scoring.judges.base import Decoding, Mode, Part, Passing, PictureForm, Question, Refusal
from scoring.judges.http import OpenAIBackend, Timing
from scoring.judges.questions import bound, render
from scoring.scorers.base import MediaFile, ScorerUnavailable
from tests.scoring.judges import shown
from tests.scoring.judges.server import MODEL, QUICK, Behaviour, Rules, hanging, raw, refused, saying, serving
from tests.scoring.making import filmed, noise, saved, scene

HELLO = Question("", (Part("hello"),), Decoding())


def asking(server, **fields):
    return OpenAIBackend(server.endpoint(**fields), MODEL, QUICK)


def seconds(waited):
    """A clock and a pause of our own: what was slept is written down, and no time passes."""
    return Timing(pause=waited.append, chance=lambda: 0.0)


# -- every template, from the question to the verdict ------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(library.builtin()))
def test_every_builtin_template_is_asked_answered_and_read(name, tmp_path):
    template = shown.template(name)
    subjects = shown.subjects(template, [200, 90, 40][: shown.how_many(template)], tmp_path)
    reasons = "Image 1 has a light of 200.0. Image 2 has a light of 90.0." if template.mode == Mode.LISTENER else ""

    with serving() as server:
        reply = asking(server).ask(render(template, subjects, reasoning=reasons))

    verdict = parsing.parse(bound(template, subjects), reply, len(subjects))
    assert {criterion.key for criterion in template.criteria} == {*verdict.scores, *verdict.preferences, *verdict.ranks}
    assert {preference.outcome for preference in verdict.preferences.values()} <= {"left"}
    assert all(list(ranks) == [1, 2, 3] for ranks in verdict.ranks.values())


@pytest.mark.parametrize("name", [name for name, one in library.builtin().items() if one.mode == Mode.PAIR])
def test_every_pair_template_names_the_right_one_when_it_is_better(name, tmp_path):
    template = shown.template(name)
    subjects = shown.subjects(template, [60, 190], tmp_path)

    with serving() as server:
        reply = asking(server).ask(render(template, subjects))

    verdict = parsing.parse(template, reply, 2)
    assert {preference.outcome for preference in verdict.preferences.values()} == {"right"}


def test_the_same_pair_turns_out_otherwise_under_another_principle(tmp_path):
    template = shown.template("image-pair-critique")
    pair = shown.subjects(template, [60, 190], tmp_path)

    with serving() as server:
        backend = asking(server)
        plain, dark = (
            parsing.parse(template, backend.ask(render(template, pair, questions.Instruction(principle=words))), 2)
            for words in ("The brighter one is better.", "The darker one is better.")
        )

    assert plain.preferences["overall"].outcome == "right"
    assert dark.preferences["overall"].outcome == "left"


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_pictures_arrive_with_the_same_pixels(tmp_path):
    original = noise(67, 41, seed=3)
    question = Question("", (Part("look"), Part(media=saved(original, tmp_path))), Decoding())

    with serving() as server:
        asking(server).ask(question)

    assert np.array_equal(np.asarray(server.requests[0].pictures[0]), np.asarray(original))
    assert server.requests[0].pictures[0].format == "PNG"


def test_a_transparent_picture_arrives_on_white(tmp_path):
    media = saved(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), tmp_path)

    with serving() as server:
        asking(server).ask(Question("", (Part(media=media),), Decoding()))

    assert np.asarray(server.requests[0].pictures[0]).min() == 255


def test_a_template_may_ask_for_small_jpegs(tmp_path):
    media = saved(scene(400, 200), tmp_path)
    form = PictureForm(format="jpeg", quality=80, longest_side=100)

    with serving() as server:
        asking(server).ask(Question("", (Part(media=media),), Decoding(), form))

    assert server.requests[0].pictures[0].format == "JPEG"
    assert server.requests[0].pictures[0].size == (100, 50)


def test_a_video_arrives_as_evenly_spaced_frames_in_order(tmp_path):
    rising = [Image.new("RGB", (32, 32), (level,) * 3) for level in range(0, 240, 30)]
    video = filmed(rising, tmp_path)

    with serving() as server:
        asking(server).ask(Question("", (Part(media=video),), Decoding(), PictureForm(frames=4)))

    levels = [np.asarray(frame).mean() for frame in server.requests[0].pictures]
    assert levels == pytest.approx([30, 90, 150, 210], abs=6)  # middles of four quarters: frames 1, 3, 5, 7


def test_temperature_is_always_stated_and_do_sample_never(tmp_path):
    with serving() as server:
        backend = asking(server)
        backend.ask(HELLO)
        backend.ask(Question("be kind", (Part("hello"),), Decoding(temperature=0.7, top_p=0.9, seed=40), repeat=2))

    greedy, drawn = (seen.body for seen in server.requests)
    assert greedy["temperature"] == 0
    assert drawn["temperature"] == 0.7
    assert drawn["top_p"] == 0.9
    assert drawn["seed"] == 42
    assert drawn["messages"][0] == {"role": "system", "content": "be kind"}
    assert not {"do_sample", "seed"} & set(greedy)
    assert "do_sample" not in drawn


def test_the_longest_answer_goes_under_the_name_the_endpoint_wants():
    with serving() as server:
        reply = asking(server, limit_field="max_completion_tokens").ask(HELLO)

    assert server.requests[0].body["max_completion_tokens"] == 2048
    assert "max_tokens" not in server.requests[0].body
    assert reply.finish == "stop"


def test_a_picture_that_is_gone_is_named_and_nothing_is_sent(tmp_path):
    media = MediaFile(tmp_path / "gone.png", "image", 4, 4)

    with serving() as server, pytest.raises(ValueError, match=r"gone\.png is not in the media storage"):
        asking(server).ask(Question("", (Part(media=media),), Decoding()))

    assert server.requests == []


# -- limits ------------------------------------------------------------------------------------------------------------


def test_never_more_requests_are_under_way_than_the_endpoint_allows():
    with serving(Rules(seconds=0.03)) as server, ThreadPoolExecutor(12) as pool:
        backend = asking(server, requests_at_once=3)
        list(pool.map(lambda _k: backend.ask(HELLO), range(24)))

    assert server.peak == 3
    assert len(server.requests) == 24


def test_no_more_requests_begin_in_a_minute_than_the_endpoint_allows():
    now = [0.0]
    lock = threading.Lock()

    def pause(seconds):
        with lock:
            now[0] += seconds

    begun = []
    with serving(Rules(always=lambda number: begun.append(now[0]))) as server:
        backend = OpenAIBackend(
            server.endpoint(requests_a_minute=5, requests_at_once=1), MODEL, Timing(pause=pause, clock=lambda: now[0])
        )
        for _k in range(17):
            backend.ask(HELLO)

    assert all(later - first >= 60 for first, later in zip(begun, begun[5:], strict=False))
    assert now[0] == pytest.approx(180)  # 17 requests of 5 a minute begin in the fourth minute


# -- troubles that pass ------------------------------------------------------------------------------------------------


def test_a_refusal_for_now_is_sent_again_after_the_time_the_server_asks_for():
    waited = []
    with serving(Rules(plan={1: refused(429, "slow down", retry_after="7"), 2: refused(503)})) as server:
        reply = OpenAIBackend(server.endpoint(), MODEL, seconds(waited)).ask(HELLO)

    assert waited == [7, 1]  # as stated; then 2 seconds, of which chance took half
    assert reply.attempts == 3
    assert reply.troubles == ("429: slow down", "503")
    assert [seen.status for seen in server.requests] == [429, 503, 200]


def test_a_date_to_come_back_at_is_kept_too():
    waited = []
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    with serving(Rules(plan={1: refused(429, retry_after=date)})) as server:
        OpenAIBackend(server.endpoint(), MODEL, seconds(waited)).ask(HELLO)

    assert waited[0] == pytest.approx(30, abs=3)


def test_who_asks_for_very_much_time_is_not_waited_for():
    with (
        serving(Rules(plan={1: refused(429, retry_after="3600")})) as server,
        pytest.raises(Passing, match="429") as caught,
    ):
        asking(server).ask(HELLO)

    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


def test_every_kind_of_passing_trouble_is_named_and_answered_by_another_attempt():
    plan = {
        1: refused(500, "cuda out of memory"),
        2: Behaviour(drops=True),
        3: hanging(1.5),
        4: raw(b'{"choices": [', "application/json"),
        5: raw(b'{"choices": []}'),
        6: raw(json.dumps({"error": {"code": 429, "message": "upstream is busy"}}).encode()),
        7: refused(408),
        8: refused(529, "overloaded"),
    }
    with serving(Rules(plan=plan)) as server:
        reply = asking(server, timeout_seconds=0.5, attempts=9).ask(HELLO)

    assert reply.troubles == (
        "500: cuda out of memory",
        "the connection failed or broke",
        "no answer within 0.5 seconds",
        "the answer is broken JSON",
        "the answer holds no choice",
        "429: upstream is busy · 429",
        "408",
        "529: overloaded",
    )
    assert reply.attempts == 9
    assert reply.text


def test_an_answer_that_drips_is_given_up_when_its_time_is_over():
    plan = {1: Behaviour(drips=0.05)}
    with serving(Rules(plan=plan)) as server:
        reply = asking(server, timeout_seconds=0.4).ask(HELLO)

    assert reply.troubles == ("no answer within 0.4 seconds",)


def test_after_the_last_attempt_the_troubles_are_said():
    with (
        serving(Rules(always=lambda number: refused(502, "bad gateway"))) as server,
        pytest.raises(Passing, match="“eye” gave no answer in 3 attempts: 502: bad gateway"),
    ):
        asking(server, attempts=3).ask(HELLO)

    assert len(server.requests) == 3


def test_waiting_grows_with_every_attempt_and_stays_within_bounds():
    waited = []
    with serving(Rules(always=lambda number: refused(503))) as server, pytest.raises(Passing):
        OpenAIBackend(server.endpoint(attempts=9), MODEL, seconds(waited)).ask(HELLO)

    assert waited == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_an_address_where_nobody_listens_is_a_passing_trouble():
    with serving() as server:
        endpoint = server.endpoint(attempts=2)

    with pytest.raises(Passing, match="2 attempts: the connection failed or broke"):
        OpenAIBackend(endpoint, MODEL, QUICK).ask(HELLO)


# -- troubles that stay ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (refused(400, "max_tokens is too large"), r"“eye” refuses \(400\): max_tokens is too large"),
        (refused(404, "no such model"), r"\(404\): no such model"),
        (refused(429, "insufficient_quota: pay first"), r"\(429\): insufficient_quota"),
        (
            Behaviour(302, headers={"Location": "http://127.0.0.1:1/"}),
            r"another address \(302\), which is not followed",
        ),
        (raw(b"<html>a proxy's page</html>", "text/html"), r"no JSON \(text/html\): “<html>a proxy's page"),
        (raw(b"[1, 2]"), "no JSON object"),
    ],
)
def test_what_will_not_change_is_refused_at_once(behaviour, said):
    with serving(Rules(always=lambda number: behaviour)) as server, pytest.raises(Refusal, match=said):
        asking(server).ask(HELLO)

    assert len(server.requests) == 1


def test_an_answer_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("scoring.judges.http.LARGEST_ANSWER", 200_000)
    with serving(Rules(plan={1: raw(b" " * 400_000)})) as server, pytest.raises(Refusal, match="larger than 195 KiB"):
        asking(server).ask(HELLO)


def test_the_key_is_sent_and_never_said(monkeypatch):
    monkeypatch.setenv("EYE_KEY", "sk-very-secret")
    with serving(Rules(key="another")) as server, pytest.raises(Refusal) as caught:
        asking(server, key_variable="EYE_KEY").ask(HELLO)

    assert server.requests[0].headers["Authorization"] == "Bearer sk-very-secret"
    assert "Incorrect API key provided: Bearer …" in str(caught.value)
    assert "sk-very-secret" not in str(caught.value)
    assert "sk-very-secret" not in json.dumps(asking(server, key_variable="EYE_KEY").identity())


def test_without_a_key_in_the_environment_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("EYE_KEY", raising=False)
    with serving() as server:
        with pytest.raises(ScorerUnavailable, match="set EYE_KEY in the environment"):
            asking(server, key_variable="EYE_KEY").ready()
        with pytest.raises(ScorerUnavailable, match="EYE_KEY"):
            asking(server, key_variable="EYE_KEY").ask(HELLO)

    assert server.requests == []


def test_ready_says_what_is_wrong(monkeypatch):
    monkeypatch.setenv("EYE_KEY", "wrong")
    with serving(Rules(key="right", models=("other-1",))) as server:
        with pytest.raises(ScorerUnavailable, match=r"refuses the key in EYE_KEY \(401\)"):
            asking(server, key_variable="EYE_KEY").ready()
        monkeypatch.setenv("EYE_KEY", "right")
        with pytest.raises(ScorerUnavailable, match="serves other-1, not “eye-1”"):
            asking(server, key_variable="EYE_KEY").ready()
        endpoint = server.endpoint()

    with pytest.raises(ScorerUnavailable, match=r"cannot be reached \(ConnectionError\)"):
        OpenAIBackend(endpoint, MODEL).ready()


def test_a_model_that_the_entry_does_not_list_is_refused():
    with (
        serving() as server,
        pytest.raises(ScorerUnavailable, match="does not offer the model “eye-1”; its entry lists"),
    ):
        asking(server, models=("another",))


# -- what comes back ---------------------------------------------------------------------------------------------------


def test_tokens_and_cost_are_those_the_server_states():
    with serving(Rules(plan={1: saying("four words are here")})) as server:
        reply = asking(server, price_prompt=3.0, price_answer=15.0).ask(HELLO)

    assert (reply.prompt_tokens, reply.answer_tokens) == (1, 4)
    assert reply.cost == pytest.approx((1 * 3 + 4 * 15) / 1e6)
    assert reply.model == MODEL


def test_without_stated_usage_the_cost_is_reckoned_from_above(tmp_path):
    question = Question("s", (Part("hello"), Part(media=shown.grey(9, tmp_path))), Decoding(max_tokens=100))
    with serving(Rules(usage=False)) as server:
        dear = asking(server, price_prompt=1.0, price_answer=2.0).ask(question)
        free = asking(server).ask(question)

    assert dear.cost == pytest.approx((6 + 16_384 + 200) / 1e6)  # bytes of text, a picture, the longest answer twice
    assert dear.troubles == ("the answer does not say what it used; its cost is reckoned from above",)
    assert (free.cost, free.troubles) == (0, ())


def test_log_probabilities_come_with_their_rivals(tmp_path):
    template = shown.template("image-yes-probability")
    with serving() as server:
        reply = asking(server).ask(render(template, shown.subjects(template, [204], tmp_path)))

    assert reply.tokens[0].text == "yes"
    assert {name: math.exp(value) for name, value in reply.tokens[0].rivals.items()} == pytest.approx(
        {"yes": 0.72, "no": 0.18, "maybe": 0.1}
    )
    assert reply.tokens[0].logprob == pytest.approx(math.log(0.72))


def test_an_endpoint_without_log_probabilities_is_not_asked_for_them(tmp_path):
    template = shown.template("image-yes-probability")
    with serving() as server, pytest.raises(Refusal, match="log-probabilities, which “eye” does not give"):
        asking(server, supports_logprobs=False).ask(render(template, shown.subjects(template, [9], tmp_path)))

    assert server.requests == []


def test_a_cut_answer_says_so(tmp_path):
    template = shown.template("image-points", decoding=Decoding(max_tokens=3))
    with serving() as server:
        reply = asking(server).ask(render(template, shown.subjects(template, [9], tmp_path)))

    assert reply.finish == "length"


def test_a_thought_that_the_server_took_out_is_put_back():
    message = {"role": "assistant", "reasoning_content": "hmm", "content": "<answer>Image 1 is better</answer>"}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    with serving(Rules(plan={1: raw(body)})) as server:
        reply = asking(server).ask(HELLO)

    assert reply.text == "<think>hmm</think><answer>Image 1 is better</answer>"


def test_hostile_answers_of_a_server_do_no_harm():
    odd = [
        {"choices": [{"message": {"content": None}, "finish_reason": None, "logprobs": {"content": [None, {}, 3]}}]},
        {"choices": [{"message": {"content": [{"text": "a"}, 5, {"text": "b"}]}}], "usage": {"prompt_tokens": -4}},
        {"choices": [{"message": {"content": {"x": 1}}}], "usage": "many", "model": None},
    ]
    plan = {number: raw(json.dumps(body).encode()) for number, body in enumerate(odd, start=1)}
    with serving(Rules(plan=plan)) as server:
        backend = asking(server)
        texts = [backend.ask(HELLO).text for _body in odd]

    assert texts == ["", "ab", ""]
