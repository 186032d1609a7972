"""Readers of points: recorded-style answers, broken ones, and ones that try to be taken for a score."""

import json
import math
from dataclasses import replace

import pytest

from scoring.judges.base import Decoding, Malformed, Reply
from scoring.judges.parsing import parse
from tests.scoring.judges.shown import reply, template, tokens

POINT = template("unifiedreward-image-point")
AXES = template("unifiedreward-image-axes")
PARTS = template("unifiedreward-edit-following")

RECORDED = """cat (object): 1
black (color): 1
asleep (activity): 0

The fur is well drawn, but the eyes are open.
Final Score: 3.5"""


def value(found, said, **fields):
    verdict = parse(found, reply(said, **fields), 1)
    return next(iter(verdict.scores.values())).value


def fault(found, said, **fields):
    with pytest.raises(Malformed) as caught:
        parse(found, reply(said, **fields), 1)
    return str(caught.value)


# -- one score at the end ----------------------------------------------------------------------------------------------


def test_the_recorded_form_of_unifiedreward_is_read_with_its_elements():
    verdict = parse(POINT, reply(RECORDED), 1)

    assert verdict.scores["unifiedreward"].value == 3.5
    assert verdict.detail["marks"] == [["cat (object)", 1], ["black (color)", 1], ["asleep (activity)", 0]]
    assert "The fur is well drawn" in verdict.reasoning
    assert "Final Score" not in verdict.reasoning
    assert "3.5" not in verdict.reasoning


def test_the_marks_of_a_video_are_kept():
    said = "visual quality: 4\ntemporal consistency: 3\ndynamic degree: 2\nFinal Score: 6"
    verdict = parse(template("unifiedreward-video-point"), reply(said), 1)

    assert verdict.scores["unifiedreward_video"].value == 6
    assert verdict.detail["marks"] == [["visual quality", 4], ["temporal consistency", 3], ["dynamic degree", 2]]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Final Score: 4", 4),
        ("final score: 4.25", 4.25),
        ("**Final Score:** 4", 4),
        ("Final Score: **4**", 4),
        ("Final Score (1-5): 4.", 4),
        ("FINAL SCORE : [4]", 4),
        ("Final Score: 4/5", 4),
        ("Final Score: 4 out of 5", 4),
        ("Some words. Final Score: 2", 2),
        ("Final Score: 2\nOn second thought.\nFinal Score: 5", 5),
        ("<think>Final Score: 1</think>Final Score: 5", 5),
        ("Final Score: 5\n\nI hope this helps.", 5),
        ("Final Score: 1.0", 1),
    ],
)
def test_the_last_final_score_counts_in_any_dress(said, found):
    assert value(POINT, said) == found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("The picture is very good, 5 of 5.", "there is no “Final Score: …”"),
        ("Final Score: 7", "is 7, outside the scale 1 to 5"),
        ("Final Score: 0", "is 0, outside the scale 1 to 5"),
        ("Final Score: -3", "is -3, outside the scale"),
        ("Final Score: −3", "is -3, outside the scale"),
        ("Final Score: 4\nFinal Score: ten", "“ten”, which is not one number"),
        ("Final Score: four", "is not one number"),
        ("Final Score: 4 or 5", "is not one number"),
        ("Final Score: 3-4", "is not one number"),
        ("Final Score: 3,5", "is not one number"),
        ("Final Score: 4/10", "not on the scale 1 to 5"),
        ("Final Score: 8 out of 10", "not on the scale"),
        ("Final Score: NaN", "is not one number"),
        ("Final Score: 1e0", "is not one number"),
        ("Final Score: ٤", "is not one number"),
        ("Final Score:", "is not one number"),
        ("", "the answer is empty"),
        ("   \n ", "the answer is empty"),
        ("<think>it is a four", "begins to think and never ends"),
        ("<think>Final Score: 4</think>", "the answer is empty after the thought"),
        ("a</think>b</think>Final Score: 4", "closes its thought more than once"),
    ],
)
def test_what_is_no_score_is_a_failure_that_says_why(said, words):
    assert words in fault(POINT, said)


def test_an_answer_that_was_cut_or_withheld_is_a_failure_even_with_a_score_in_it():
    assert "cut off after 512 tokens; raise max_tokens" in fault(POINT, RECORDED, finish="length", answer_tokens=512)
    assert "content filter" in fault(POINT, RECORDED, finish="content_filter")


def test_scales_differ_between_templates_and_are_not_mixed():
    understanding = template("unifiedreward-understanding-point")

    assert value(understanding, "Final Score: 87") == 87
    assert "outside the scale 1 to 5" in fault(POINT, "Final Score: 87")
    assert "outside the scale 0 to 100" in fault(understanding, "Final Score: 101")


# -- a line for each criterion -----------------------------------------------------------------------------------------


def test_three_axes_as_unifiedreward_2_writes_them():
    said = (
        "Alignment Score (1-5): 2.694700002670288\nCoherence Score (1-5): 2.371500015258789\n"
        "Style Score (1-5): 2.802500009536743"
    )
    verdict = parse(AXES, reply(said), 1)

    assert {key: round(result.value, 4) for key, result in verdict.scores.items()} == {
        "unifiedreward_alignment": 2.6947,
        "unifiedreward_coherence": 2.3715,
        "unifiedreward_style": 2.8025,
    }


def test_reasons_around_the_lines_are_kept_without_them():
    said = "Well made.\n- **Alignment Score**: 4\n- **Coherence Score**: 3\n# Style Score: 5\nThat is all."
    verdict = parse(AXES, reply(said), 1)

    assert verdict.scores["unifiedreward_style"].value == 5
    assert verdict.reasoning == "Well made.\nThat is all."


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Alignment Score: 4\nStyle Score: 3", "no line “Coherence Score: …”"),
        ("Alignment Score: 4\nCoherence Score: 6\nStyle Score: 3", "“Coherence Score” is 6, outside the scale 1 to 5"),
        ("Alignment Score: 4\nCoherence Score: good\nStyle Score: 3", "is not one number"),
        ("Alignment Score: X\nCoherence Score: Y\nStyle Score: Z", "is not one number"),
        ("The Alignment Score: 4 and Coherence Score: 4 and Style Score: 4", "no line “Alignment Score: …”"),
    ],
)
def test_lines_that_are_missing_or_wrong_are_named(said, words):
    assert words in fault(AXES, said)


# -- parts in JSON -----------------------------------------------------------------------------------------------------


def test_the_smaller_part_counts_on_a_scale_of_ten():
    # EditScore: min(20, 15) / 2.5
    verdict = parse(PARTS, reply('{"reasoning": "The bowl is there.", "score": [20, 15]}'), 1)

    assert verdict.scores["unifiedreward_edit_following"].value == pytest.approx(6.0)
    assert verdict.detail["parts"] == {"unifiedreward_edit_following": [20, 15]}
    assert verdict.reasoning == "The bowl is there."


@pytest.mark.parametrize(
    "said", ["[25, 10]", '```json\n{"score": [25, 10.0]}\n```', 'Here it is: {"score": [25, 10]} I think.']
)
def test_json_may_stand_alone_in_a_fence_or_in_a_sentence(said):
    assert value(PARTS, said) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('{"score": [26, 15]}', "“success” is 26, outside the scale 0 to 25"),
        ('{"score": [20, -1]}', "“restraint” is -1, outside the scale"),
        ('{"score": [20]}', "not a list of 2 scores (success, restraint)"),
        ('{"score": [20, 15, 3]}', "not a list of 2 scores"),
        ('{"score": 20}', "not a list of 2 scores"),
        ('{"score": ["20", 15]}', "which is not a number"),
        ('{"score": [true, 15]}', "which is not a number"),
        ('{"score": [20, 15]', "the answer is not JSON"),
        ('{"score": [NaN, 15]}', "NaN is not a number"),
        ('{"score": [1e999, 15]}', "outside the scale"),
        ('{"score": [20, 15], "score": [1, 1]}', "a key stands twice"),
        ('```json\n{"score": [1, 2]}\n```\n```json\n{"score": [3, 4]}\n```', "several blocks"),
        ("20 and 15", "there is no JSON"),
        ("[" * 100_000, "there is no JSON"),
        ("[" * 100_000 + "]", "is not JSON"),
    ],
)
def test_broken_json_is_never_repaired(said, words):
    assert words in fault(PARTS, said)


def test_two_criteria_of_two_parts_and_their_geometric_mean():
    said = json.dumps({"reasoning": "fine", "edit_following": [25, 20], "edit_quality": [12.5, 25]})
    verdict = parse(template("edit-points"), reply(said), 1)

    assert verdict.scores["edit_following"].value == pytest.approx(8.0)
    assert verdict.scores["edit_quality"].value == pytest.approx(5.0)
    assert verdict.scores["edit_overall"].value == pytest.approx(math.sqrt(8 * 5))


def test_the_best_edit_reaches_ten_and_not_more():
    said = json.dumps({"edit_following": [25, 25], "edit_quality": [25, 25]})

    assert parse(template("edit-points"), reply(said), 1).scores["edit_overall"].value == 10


# -- probabilities -----------------------------------------------------------------------------------------------------

YES = template("image-yes-probability")
DIGIT = template("image-expected-digit")


def at(found, *pieces, **fields):
    return parse(found, Reply("", tokens=tokens(*pieces), **fields), 1)


@pytest.mark.capability("C5")
def test_the_probability_of_yes_is_its_share_with_the_spread_of_the_answer():
    verdict = at(YES, ("Yes", {"Yes": 0.5, " yes": 0.1, "No": 0.2, "Maybe": 0.2}), finish="length")

    result = verdict.scores["alignment"]
    assert result.value == pytest.approx(0.6 / 0.8)
    assert result.spread == pytest.approx(math.sqrt(0.75 * 0.25))
    assert verdict.detail["distribution"]["alignment"] == pytest.approx({"yes": 0.6, "no": 0.2})


def test_the_probability_of_yes_may_be_taken_alone():
    bare = template("image-yes-probability", options={"rule": "first-token"})

    assert at(bare, ("Yes", {"Yes": 0.6, "No": 0.2})).scores["alignment"].value == pytest.approx(0.6)


@pytest.mark.capability("C5")
def test_a_digit_is_its_expected_value_with_the_spread_of_its_distribution():
    # Over 1 to 5, renormalised from 0.95: 0.1 0.0 0.2 0.5 0.2 in hundredths of 1.
    chances = {"1": 0.095, "3": 0.19, "4": 0.475, " 5": 0.19, "good": 0.05}
    verdict = at(DIGIT, ("4", chances), finish="length")

    mean = 0.1 * 1 + 0.2 * 3 + 0.5 * 4 + 0.2 * 5
    variance = 0.1 * (1 - mean) ** 2 + 0.2 * (3 - mean) ** 2 + 0.5 * (4 - mean) ** 2 + 0.2 * (5 - mean) ** 2
    assert verdict.scores["overall"].value == pytest.approx(mean)
    assert verdict.scores["overall"].spread == pytest.approx(math.sqrt(variance))
    assert verdict.detail["distribution"]["overall"] == pytest.approx({"1": 0.1, "2": 0, "3": 0.2, "4": 0.5, "5": 0.2})


def test_videoscore2_takes_the_likeliest_digit_times_its_probability():
    said = [("Visual", {}), (" quality", {}), (":", {}), (" 4", {" 4": 0.6, " 3": 0.3, "x": 0.1}), ("\n", {})]
    said += [("Text-to-video alignment:", {}), (" 2", {" 2": 0.9, " 1": 0.1}), ("\n", {})]
    said += [("Physical/common-sense consistency", {}), (" (1-5):", {}), (" 5", {" 5": 1.0})]
    text = "".join(piece for piece, _chances in said)
    reply = Reply("Think.\n" + text, tokens=tokens(*said))
    # As transformers' own scores are: logits over 0.7, then a softmax; here over the digits alone.
    six, three = 0.6 ** (1 / 0.7), 0.3 ** (1 / 0.7)
    nine, one = 0.9 ** (1 / 0.7), 0.1 ** (1 / 0.7)

    verdict = parse(template("videoscore2-points"), reply, 1)

    assert verdict.scores["videoscore2_quality"].value == pytest.approx(4 * six / (six + three))
    assert verdict.scores["videoscore2_alignment"].value == pytest.approx(2 * nine / (nine + one))
    assert verdict.scores["videoscore2_consistency"].value == pytest.approx(5)
    assert verdict.detail["said"] == {
        "videoscore2_quality": "4",
        "videoscore2_alignment": "2",
        "videoscore2_consistency": "5",
    }
    assert verdict.reasoning == "Think."


def test_without_a_temperature_nothing_is_sharpened():
    greedy = replace(template("videoscore2-points"), decoding=Decoding(max_tokens=64, top_logprobs=20))
    said = [
        (f"{label}:", {}) if not chances else (" 4", chances)
        for label in ("Visual quality", "\nText-to-video alignment", "\nPhysical/common-sense consistency")
        for chances in ({}, {" 4": 0.6, " 3": 0.3, "x": 0.1})
    ]

    verdict = parse(greedy, Reply("".join(piece for piece, _chances in said), tokens=tokens(*said)), 1)

    assert verdict.scores["videoscore2_quality"].value == pytest.approx(4 * 0.6 / 0.9)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([("4", {"4": 0.2, "good": 0.8})], "hold only 20.0% of the probability, less than 50%"),
        ([("good", {"good": 1.0})], "the numbers 1 to 5 hold only 0.0%"),
        ([("1", {"1": 0.9}), ("0", {"0": 1.0})], "spans several tokens; take a scale of single digits"),
        ([("3", {"3": 0.9}), (".", {}), ("5", {})], "spans several tokens"),
        ([("\n", {"\n": 1.0})], "the answer is empty"),
        ([("4", {})], "no log-probabilities; ask an endpoint whose entry says supports_logprobs: true"),
        ([], "no log-probabilities"),
    ],
)
def test_a_distribution_that_says_nothing_is_a_failure(pieces, words):
    with pytest.raises(Malformed) as caught:
        at(DIGIT, *pieces)

    assert words in str(caught.value)


# -- single words ----------------------------------------------------------------------------------------------------

WORDS = template("unifiedreward-image-words")
THREE = "\nAlignment Score (1-5): 4\nCoherence Score (1-5): 3\nStyle Score (1-5): 2"


def test_a_number_for_each_word_is_read_beside_the_axes():
    said = 'Word-wise Scores: [["A", 0.1], ["red", "0.75"], ["[No_mistakes]", 0.02]]' + THREE

    verdict = parse(WORDS, reply("Some thoughts.\n" + said), 1)

    assert verdict.detail["words"] == [["A", 0.1], ["red", 0.75], ["[No_mistakes]", 0.02]]
    assert [result.value for result in verdict.scores.values()] == [4, 3, 2]
    assert verdict.reasoning == "Some thoughts."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "no line “Word-wise Scores: …”"),
        ("Word-wise Scores: all fine", "no list of words and numbers"),
        ("Word-wise Scores: []", "no list of 1 to 2000 words"),
        ("Word-wise Scores: {}", "no list of 1 to 2000 words"),
        ('Word-wise Scores: [["red", "much"]]', "not a word and its number"),
        ('Word-wise Scores: [["red", NaN]]', "not a word and its number"),
        ('Word-wise Scores: [["red", true]]', "not a word and its number"),
        ('Word-wise Scores: [["red", 0.1, 0.2]]', "not a word and its number"),
        ("Word-wise Scores: [[1, 0.1]]", "not a word and its number"),
    ],
)
def test_words_in_another_form_are_no_answer(line, words):
    assert words in fault(WORDS, line + THREE)


def test_a_template_that_asks_for_no_words_reads_none():
    verdict = parse(AXES, reply('Word-wise Scores: [["A", 0.1]]' + THREE), 1)

    assert "words" not in verdict.detail
