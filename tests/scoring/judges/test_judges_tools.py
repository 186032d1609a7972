"""Tools of judges: calls read strictly, boxes against Pillow's own cuts, moments against the frames of a film."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scoring.judges import checking, library
from scoring.judges.base import Decoding, Malformed, Mode, Part, Question, Reply, Template, Tools, Turn
from scoring.judges.questions import render
from scoring.judges.tools import arithmetic, conversation, looking
from scoring.judges.tools.catalogue import TOOLS
from scoring.judges.tools.protocol import Call, Misused, asked
from tests.scoring.judges import shown
from tests.scoring.judges.shown import digested, template
from tests.scoring.making import filmed, noise, saved

CROP = {"tool": "crop", "image": 1, "box": [0, 0, 500, 500]}


def fenced(call: object, label: str = "tool") -> str:
    return f"```{label}\n{call if isinstance(call, str) else json.dumps(call)}\n```"


def called(text: str) -> Call:
    found = asked(Reply(text))
    assert found is not None
    return found.call()


def with_tools(name: str = "image-pair-look", **changes) -> Template:
    found = template(name)
    return replace(found, tools=replace(found.tools, **changes))


def look(tmp_path, tool: str, pictures=None, *, left: int = 10**9, tools=None, **arguments):
    """What a tool shows of two pictures of noise, 400 × 200."""
    pictures = pictures or [noise(400, 200, seed=seed) for seed in (1, 2)]
    subjects = [shown.subject(media=(digested(saved(one, tmp_path)),)) for one in pictures]
    names = ("crop", "zoom", "calculate")
    used = with_tools(names=names, **(tools or {}))
    return pictures, looking.carried_out(used, subjects, Call(tool, arguments), pixels_left=left)


# -- the protocol -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["tool", "TOOL", "json", ""])
def test_a_fenced_object_at_the_end_of_a_reply_is_a_call(label):
    found = asked(Reply(f"The hand looks odd.\n{fenced(CROP, label)}\n"))

    assert found is not None
    assert found.words == "The hand looks odd."
    assert found.call() == Call("crop", {"image": 1, "box": [0, 0, 500, 500]})


@pytest.mark.parametrize(
    "text",
    [
        "Verdict: Image 1",
        f"```json\n{json.dumps({'verdict': 1})}\n```\nVerdict: Image 1",
        "```python\nprint('tool')\n```\nVerdict: Image 2",
        "I used no tool.\nVerdict: Tie",
        "<think>I could write\n" + fenced(CROP) + "\nbut need not.</think>Verdict: Image 1",
    ],
)
def test_a_reply_without_a_call_is_left_to_the_reader(text):
    assert asked(Reply(text)) is None


def test_a_reply_that_was_cut_off_is_left_to_the_reader_which_says_so():
    assert asked(Reply(fenced(CROP), finish="length")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (fenced("{crop}"), "is no JSON"),
        (fenced("[1, 2]"), "no JSON object that names its tool"),
        (fenced({"tool": 7}), "no JSON object that names its tool"),
        (fenced('{"tool": "crop", "image": 1, "image": 2}'), "says the same thing twice"),
        (fenced('{"tool": "crop", "box": [NaN, 0, 1, 1]}'), "NaN is no number"),
        (fenced('{"tool": "crop", "x": ' + "[" * 900 + "]" * 900 + "}"), "lists in lists"),
        (fenced('{"tool": "crop", "x": 1e999}'), "beyond all bounds"),
        (fenced({"tool": "crop", "x": "y" * 3000}), "keep it below 2,000"),
        (f"{fenced(CROP)}\nThe crop shows six fingers.\nVerdict: Image 2", "something follows your call"),
        (f"{fenced(CROP)}\n{fenced(CROP)}", "something follows your call"),
        ("```tool\n" + json.dumps(CROP), "never closed"),
        ("```tool " + json.dumps(CROP) + " ```", "is no JSON"),
        ("```tool\n```", "is no JSON"),
    ],
)
def test_a_malformed_call_says_what_is_wrong_with_it(text, said):
    with pytest.raises(Misused, match=said):
        called(text)


@given(st.text(alphabet=st.sampled_from('`{}[]":,\ntoolcrp 019.-eE\\u<>/think'), max_size=200))
def test_no_text_breaks_the_reading_of_calls(text):
    found = asked(Reply(text))
    if found is not None:
        with suppress(Misused):
            assert isinstance(found.call().tool, str)


# -- looking ----------------------------------------------------------------------------------------------------------


def test_a_crop_is_pillows_own_cut_of_the_original(tmp_path):
    pictures, seen = look(tmp_path, "crop", image=2, box=[250, 100, 500, 400])

    assert seen.box == (100, 20, 200, 80)
    assert np.array_equal(np.asarray(seen.picture), np.asarray(pictures[1])[20:80, 100:200])
    assert seen.place == "Image 2"
    assert seen.told == ("Image 2, the box [250, 100, 500, 400]: 100 × 60 pixels of it, shown at 100 × 60.")


def test_a_box_covers_every_pixel_it_touches(tmp_path):
    _pictures, seen = look(tmp_path, "crop", image=1, box=[1, 2.4, 333.3, 998.7])

    assert seen.box == (0, 0, 134, 200)


def test_a_large_crop_is_scaled_down_and_never_up(tmp_path):
    _pictures, seen = look(tmp_path, "crop", image=1, box=[0, 0, 1000, 1000], tools={"longest_side": 100})

    assert (seen.picture.size, seen.box) == ((100, 50), (0, 0, 400, 200))
    assert "400 × 200 pixels of it, shown at 100 × 50" in seen.told


def test_zoom_enlarges_around_a_point_to_the_size_of_the_picture(tmp_path):
    pictures, seen = look(tmp_path, "zoom", image=1, at=[500, 500], times=4)

    assert seen.box == (150, 75, 250, 125)
    expected = pictures[0].crop(seen.box).resize((400, 200), Image.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(seen.picture), np.asarray(expected))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 16), st.integers(1, 5000), st.integers(1, 5000))
def test_an_enlargement_never_leaves_the_picture(x, y, times, width, height):
    left, top, right, bottom = looking._around((width, height), x, y, times)

    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert right - left == max(round(width / times), 1)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("paint", {}, "there is no tool “paint”; there are crop, zoom, calculate"),
        ("crop", {"image": 1}, "crop needs “box”"),
        ("crop", {"image": 1, "box": "all"}, "not a list of 4 numbers"),
        ("crop", {"image": 1, "box": [0, 0, 500]}, "not a list of 4 numbers"),
        ("crop", {"image": 1, "box": [0, 0, True, 500]}, "not a number from 0 to 1000"),
        ("crop", {"image": 1, "box": [0, 0, 1001, 500]}, "“1001”, not a number from 0 to 1000"),
        ("crop", {"image": 1, "box": [0, 0, 10**400, 500]}, "not a number from 0 to 1000"),
        ("crop", {"image": 1, "box": [-1, 0, 10, 500]}, "not a number from 0 to 1000"),
        ("crop", {"image": 1, "box": [500, 0, 500, 500]}, "the box is empty"),
        ("crop", {"image": 1, "box": [500, 0, 400, 500]}, "the box is empty"),
        ("crop", {"image": 1, "box": [0, 0, 10, 10]}, "4 × 2 pixels, too little"),
        ("crop", {"image": 3, "box": [0, 0, 500, 500]}, "not a whole number from 1 to 2"),
        ("crop", {"image": 1.5, "box": [0, 0, 500, 500]}, "not a whole number from 1 to 2"),
        ("crop", {"image": "../etc/passwd", "box": [0, 0, 500, 500]}, "not a whole number from 1 to 2"),
        ("crop", {"image": 1, "part": 2, "box": [0, 0, 500, 500]}, "not a whole number from 1 to 1"),
        ("crop", {"image": 1, "box": [0, 0, 500, 500], "url": "http://here/x.png"}, "crop takes no “url”"),
        ("crop", {"image": "source", "box": [0, 0, 500, 500]}, "not a whole number"),
        ("zoom", {"image": 1, "at": [500, 500], "times": 17}, "not a number from 1 to 16"),
        ("zoom", {"image": 1, "at": [500, 500], "times": 16}, "too little to be shown"),
        ("calculate", {"expression": "2 + x"}, "holds something else"),
        ("calculate", {"expression": 7}, "not a text"),
        ("frame", {"video": 1, "second": 0}, "there is no tool “frame”"),
    ],
)
def test_what_cannot_be_carried_out_is_said(tmp_path, tool, arguments, said):
    with pytest.raises(Misused, match="^" + said if said.startswith("there") else said):
        look(tmp_path, tool, **arguments)


def test_a_strip_that_models_refuse_is_refused_here(tmp_path):
    with pytest.raises(Misused, match="no side more than 50 times the other"):
        look(tmp_path, "crop", [noise(2000, 40, seed=seed) for seed in (1, 2)], image=1, box=[0, 0, 1000, 500])


def test_what_one_answer_may_be_shown_has_an_end(tmp_path):
    look(tmp_path, "crop", image=1, box=[0, 0, 500, 500], left=20_000)

    with pytest.raises(Misused, match="200 × 100 pixels, and of all that you may be shown 19,999 are left"):
        look(tmp_path, "crop", image=1, box=[0, 0, 500, 500], left=19_999)


def test_the_source_of_an_edit_can_be_looked_at(tmp_path):
    edits = shown.subjects(template("edit-pair"), [200, 60], tmp_path)
    used = replace(template("edit-pair"), tools=Tools(names=("crop",)))

    seen = looking.carried_out(
        used, edits, Call("crop", {"image": "source", "box": [0, 0, 1000, 1000]}), pixels_left=9999
    )

    assert (seen.place, seen.digest) == ("Source image", edits[0].roles["source"][0].digest)


def test_one_of_several_pictures_of_a_sample_is_named_by_its_part(tmp_path):
    files = tuple(shown.grey(level, tmp_path) for level in (10, 90))
    used = replace(template("image-points"), tools=Tools(names=("crop",)))
    call = Call("crop", {"image": 1, "part": 2, "box": [0, 0, 1000, 1000]})

    seen = looking.carried_out(used, [shown.subject(media=files)], call, pixels_left=9999)

    assert (seen.place, seen.picture.getpixel((0, 0))) == ("Image, part 2", (90, 90, 90))


def film(tmp_path):
    frames = [Image.new("RGB", (64, 48), (40 * number, 40 * number, 40 * number)) for number in range(6)]
    return shown.subject(media=(digested(filmed(frames, tmp_path)),))


def test_a_frame_is_the_one_that_is_shown_at_its_moment(tmp_path):
    one, other = film(tmp_path), film(tmp_path)
    step = one.media[0].duration_us / 6e6

    for number in range(6):
        call = Call("frame", {"video": 2, "second": (number + 0.5) * step})
        seen = looking.carried_out(template("video-pair-look"), [one, other], call, pixels_left=99_999)

        assert seen.picture.getpixel((30, 20))[0] == pytest.approx(40 * number, abs=6)
        assert seen.time_us == pytest.approx(number * step * 1e6, abs=2)
        assert seen.told.startswith(f"Video 2 at {seen.time_us / 1e6:.3f} seconds, the whole frame: 64 × 48")


def test_a_part_of_a_moment_can_be_seen(tmp_path):
    call = Call("crop", {"video": 1, "second": 0, "box": [0, 0, 500, 500]})

    seen = looking.carried_out(template("video-pair-look"), [film(tmp_path)] * 2, call, pixels_left=99_999)

    assert (seen.box, seen.time_us) == ((0, 0, 32, 24), 0)


def test_a_moment_after_the_end_is_refused(tmp_path):
    with pytest.raises(Misused, match="“second” holds “99”, not a number from 0 to"):
        looking.carried_out(
            template("video-pair-look"), [film(tmp_path)] * 2, Call("frame", {"video": 1, "second": 99}), pixels_left=9
        )


def test_a_missing_file_is_no_fault_of_the_judge(tmp_path):
    one = film(tmp_path)
    one.media[0].path.unlink()

    with pytest.raises(ValueError, match="is not in the media storage") as caught:
        looking.carried_out(template("video-pair-look"), [one], Call("frame", {"video": 1, "second": 0}), pixels_left=9)
    assert not isinstance(caught.value, Misused)


# -- sums -------------------------------------------------------------------------------------------------------------


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(1, 50))
def test_sums_are_those_of_python(one, other, third):
    text = f"({one} + {other}) * {third} - {one} / {third} + {other} // {third} + {one} % {third} ** 2"

    assert arithmetic.worked_out(text) == pytest.approx(eval(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "1 +", "x", "__import__('os')", "(1).real", "[1][0]", "1 if 1 else 2", "'a' * 9", "True + 1", "1 < 2",
        "1 / 0", "9 ** 9 ** 9", "2 ** 65", "(-8) ** 0.5", "1e999", "1" * 60, "lambda: 1", "~1", "10 ** 15 * 10",
        "(" * 99 + "1" + ")" * 98, "0 ** -1",
    ],
)  # fmt: skip
def test_what_is_no_sum_is_refused(text):
    with pytest.raises(Misused):
        arithmetic.worked_out(text)


# -- the conversation -------------------------------------------------------------------------------------------------


def pair_question(tmp_path, used: Template):
    both = shown.subjects(used, [200, 60], tmp_path)
    return both, render(used, both)


def gone_on(question: Question, times: int, media=None) -> Question:
    for _turn in range(times):
        question = conversation.continued(question, Reply(f"Let me see.\n{fenced(CROP)}"), "Here.", media)
    return question


def test_the_question_names_the_tools_and_how_they_are_called(tmp_path):
    used = template("image-pair-look")
    large = [shown.subject(media=(shown.grey(level, tmp_path, (400, 300)),)) for level in (200, 60)]

    question = render(used, large)

    text = "\n".join(part.text for part in question.parts)
    assert "```tool\n{" in text
    assert "- crop shows" in text
    assert "There are 6 calls at most" in text
    examples = [json.loads(line) for line in text.splitlines() if line.strip().startswith('{"tool"')]
    assert [one["tool"] for one in examples] == ["crop", "zoom", "crop"]
    for one in examples:
        assert looking.carried_out(used, large, Call(one.pop("tool"), one), pixels_left=10**9).picture


def test_a_video_question_says_how_long_they_are(tmp_path):
    both = [film(tmp_path), film(tmp_path)]

    text = "\n".join(part.text for part in render(template("video-pair-look"), both).parts)

    lengths = ", ".join(f"{one.media[0].duration_us / 1e6:.3f}" for one in both)
    assert f"The videos last {lengths} seconds, in this order." in text


def test_a_wish_comes_with_the_words_before_it(tmp_path):
    used = template("image-pair-look")
    _both, question = pair_question(tmp_path, used)

    wish = conversation.wish(used, question, Reply(f"The left hand?\n{fenced(CROP)}"), 2)

    assert wish == conversation.Wish("The left hand?", Call("crop", {"image": 1, "box": [0, 0, 500, 500]}))


def test_a_template_without_tools_reads_no_calls(tmp_path):
    used = template("image-pair-critique")
    _both, question = pair_question(tmp_path, used)

    assert conversation.wish(used, question, Reply(fenced(CROP)), 2) is None


def test_a_verdict_beside_a_call_is_neither(tmp_path):
    used = template("image-pair-look")
    _both, question = pair_question(tmp_path, used)

    wish = conversation.wish(used, question, Reply(f"It is clear.\nVerdict: Image 1\n{fenced(CROP)}"), 2)

    assert wish.call is None
    assert "holds a verdict and a call" in wish.fault


def test_the_last_call_is_followed_by_a_verdict_or_a_failure(tmp_path):
    used = with_tools(steps=2)
    _both, question = pair_question(tmp_path, used)

    assert conversation.wish(used, gone_on(question, 1), Reply(fenced(CROP)), 2) is not None
    with pytest.raises(Malformed, match="used its tools 2 times, which is all it may, and called once more"):
        conversation.wish(used, gone_on(question, 2), Reply(fenced(CROP)), 2)


def test_what_is_left_is_said_with_every_answer(tmp_path):
    used = with_tools(steps=3)
    _both, question = pair_question(tmp_path, used)

    said = [conversation.answered(used, gone_on(question, turns), told="A part.", fault="") for turns in range(3)]

    assert [text.splitlines()[-1] for text in said] == [
        "There may be 2 more calls.",
        "There may be one more call.",
        "There are no more calls. Give your verdict now, in the form asked for.",
    ]
    fault = conversation.answered(used, question, told="", fault="the box is empty")
    assert fault.startswith("That call could not be carried out: the box is empty.\n")


def test_pixels_are_counted_over_all_looks(tmp_path):
    used = with_tools(pixels=10_000)
    _both, question = pair_question(tmp_path, used)

    assert conversation.pixels_left(used, gone_on(question, 3, shown.grey(1, tmp_path, (40, 20)))) == 10_000 - 2400


def test_a_turn_is_another_question_and_no_turn_the_same_as_ever(tmp_path):
    _both, question = pair_question(tmp_path, template("image-pair-look"))
    media = shown.grey(1, tmp_path)
    model = {"model": "m"}

    digests = {
        one.digest(model)
        for one in (
            question,
            gone_on(question, 1),
            gone_on(question, 2),
            gone_on(question, 1, media),
            gone_on(question, 1, shown.grey(2, tmp_path)),
            replace(question, turns=(Turn("other words", (Part("Here."),)),)),
        )
    }
    plain = Question("s", (Part("w"),), Decoding())

    assert len(digests) == 6
    # Written down before there were turns: what was paid for then is found now.
    assert plain.digest(model) == "f6650addcebec0394ebe37fa7f9273e54381e0198b8881c96c827d393cb97498"


def test_thoughts_stay_behind(tmp_path):
    _both, question = pair_question(tmp_path, template("image-pair-look"))

    after = conversation.continued(question, Reply(f"<think>secret</think>Look.\n{fenced(CROP)}"), "Here.", None)

    assert after.turns[0].said == f"Look.\n{fenced(CROP)}"


# -- templates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("image-pair-look", {"tools": Tools(names=("paint",))}, "There is no tool “paint”"),
        ("image-pair-look", {"tools": Tools(names=("crop", "crop"))}, "A tool is named twice"),
        ("image-pair-look", {"tools": Tools(names=("frame",))}, "The tool “frame” is for video, not for image"),
        ("image-pair-look", {"tools": Tools()}, "{tools} and the template's tools belong together"),
        ("image-pair-critique", {"tools": Tools(names=("crop",))}, "{tools} and the template's tools belong together"),
        ("text-pair", {"tools": Tools(names=("crop",))}, "The tool “crop” is for image, edit, video, not for text"),
        ("image-pair-probability", {"tools": Tools(names=("crop",))}, "reads the first token of one answer"),
    ],
)
def test_tools_that_do_not_fit_a_template_are_refused(name, changes, said):
    assert said in " ".join(checking.problems(template(name, **changes)))


def test_a_listener_may_calculate_and_not_look():
    found = next(one for one in library.builtin().values() if one.mode == Mode.LISTENER)
    body = found.body + "\n{tools}"

    assert checking.problems(replace(found, body=body, tools=Tools(names=("calculate",)))) == []
    assert "a listener is shown none" in " ".join(
        checking.problems(replace(found, body=body, media="image", tools=Tools(names=("crop",))))
    )


def test_limits_are_read_within_their_ranges():
    text = library.to_plain(template("image-pair-look"))

    assert library.from_plain(text).tools == template("image-pair-look").tools
    for wrong in ({"steps": 0}, {"steps": 17}, {"longest_side": 10}, {"pixels": 1}, {"names": []}, {"depth": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            library.from_plain({**text, "tools": {**text["tools"], **wrong}})


def test_every_tool_is_offered_by_a_template_or_is_for_everything():
    offered = {name for one in library.builtin().values() for name in one.tools.names}

    assert {name for name, tool in TOOLS.items() if tool.looks} <= offered
