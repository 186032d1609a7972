"""Readers of pairs and lists: recorded-style answers, contradictions, and sentences that only look like verdicts."""

import json

import pytest

from scoring.judges.base import Malformed, Reply
from scoring.judges.parsing import parse
from tests.scoring.judges.shown import reply, template, tokens

VERDICT = template("image-pair-critique")
SENTENCE = template("unifiedreward-image-pair")
THINK = template("unifiedreward-think-image-pair")
SCORES = template("unifiedreward-image-pair-scores")
EDITS = template("unifiedreward-edit-pair-scores")
FLEX = template("unifiedreward-flex-image-pair")
LIST = template("image-list")


def outcome(found, said, n=2, **fields):
    return next(iter(parse(found, reply(said, **fields), n).preferences.values())).outcome


def fault(found, said, n=2, **fields):
    with pytest.raises(Malformed) as caught:
        parse(found, reply(said, **fields), n)
    return str(caught.value)


# -- labelled lines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Verdict: Image 1", "left"),
        ("The second has no cat.\nVerdict: image 2", "right"),
        ("**Verdict:** Image 2.", "right"),
        ("verdict: 1", "left"),
        ("Verdict: Tie", "tie"),
        ("Verdict: both images are equally good", "tie"),
        ("Verdict: Image 2 is better than Image 1.", "right"),
        ("Verdict: Image 1\nVerdict: Image 1", "left"),
    ],
)
def test_a_labelled_verdict_is_read(said, found):
    assert outcome(VERDICT, said) == found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Image 1 is better.", "no line “Verdict: …”"),
        ("Verdict: Image 1\nVerdict: Image 2", "“Verdict” says both left and right"),
        ("Verdict: Image 1 or Image 2", "names neither Image 1 nor Image 2"),
        ("Verdict: Image 1 | Image 2 | Tie", "names neither"),
        ("Verdict: Image 3", "names neither"),
        ("Verdict: not Image 1", "names neither"),
        ("Verdict: Video 1", "names neither"),
        ("Verdict: Image 1 is better than Image 1", "names neither"),
        ("Verdict:", "names neither"),
        ("Verdict: Both bad", "not among the answers to choose from"),
        ("I think that the verdict: Image 1", "no line “Verdict: …”"),
    ],
)
def test_a_verdict_that_is_none_or_two_is_a_failure(said, words):
    assert words in fault(VERDICT, said)


def test_reasoning_is_kept_without_the_verdict():
    verdict = parse(VERDICT, reply("<think>Hm.</think>The first lacks a cat.\n\nVerdict: Image 2"), 2)

    assert verdict.reasoning == "Hm.\n\nThe first lacks a cat."


def test_each_criterion_has_a_verdict_of_its_own():
    said = "Alignment: Image 1\nQuality: Image 2\nAesthetics: Tie\nOverall: Image 1"
    verdict = parse(template("image-pair-criteria"), reply(said), 2)

    assert {key: one.outcome for key, one in verdict.preferences.items()} == {
        "alignment": "left",
        "quality": "right",
        "aesthetics": "tie",
        "overall": "left",
    }
    assert "no line “Aesthetics: …”" in fault(template("image-pair-criteria"), said.replace("Aesthetics", "Beauty"))


def test_strength_is_read_where_it_is_asked_for():
    strong = template("image-pair-strength")
    preference = parse(strong, reply("Verdict: Image 2, 3"), 2).preferences["overall"]

    assert (preference.outcome, preference.strength) == ("right", 3)
    assert outcome(strong, "Verdict: Both bad") == "both-bad"
    assert "does not say by how much, from 1 to 3" in fault(strong, "Verdict: Image 2")
    assert "does not say by how much" in fault(strong, "Verdict: Image 2, 4")
    assert "names neither" in fault(VERDICT, "Verdict: Image 2, 3")


def test_a_tie_is_refused_where_it_was_not_offered():
    assert "not among the answers" in fault(template("image-pair", options={"ties": False}), "Verdict: Tie")


# -- a sentence at the end ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Image 1 is better", "left"),
        ("Image 1 shows the cat, Image 2 does not.\n\nImage 1 is better than Image 2.", "left"),
        ("In colour, Image 1 is better, but it lacks the cat.\nConclusion: Image 2 is better", "right"),
        ("Both images are equally good.", "tie"),
        ("**Final Verdict: Image 2 is better**", "right"),
        ("Therefore, Image 2 is better than Image 1", "right"),
        ("My final answer is: image 1 is better.", "left"),
    ],
)
def test_the_concluding_sentence_is_read(said, found):
    assert outcome(SENTENCE, said) == found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Nothing in Image 1 is better than Image 2.", "names no better image"),
        ("It is not true that Image 1 is better", "names no better image"),
        ("Image 1 is better and Image 2 is better", "names no better image"),
        ("Image 1 is better in colour", "names no better image"),
        ("Image 1 is better\nImage 2 is better", "the answer says both left and right"),
        ("Image 1 is better\nBoth images are equally good", "says both left and tie"),
        ("Image 1 is better than Image 1", "names no better image"),
        ("Image 1 is better\nBut who knows.", "ends with “But who knows.”"),
        ("Image 3 is better", "names no better image"),
        ("1", "names no better image"),
        ("Video 1 is better", "names no better image"),
    ],
)
def test_a_sentence_that_decides_nothing_is_a_failure(said, words):
    assert words in fault(SENTENCE, said)


def test_the_sentence_of_a_kind_is_that_of_its_media():
    assert outcome(template("unifiedreward-video-pair"), "Video 2 is better") == "right"
    assert outcome(template("unifiedreward-understanding-pair"), "Answer 1 is better.") == "left"
    assert outcome(template("unifiedreward-edit-pair"), "Edited Image 2 is better") == "right"
    assert parse(SENTENCE, reply("The cat.\nImage 1 is better"), 2).reasoning == "The cat."


# -- tags --------------------------------------------------------------------------------------------------------------


def test_a_thought_and_an_answer_in_tags():
    thought = "1. Alignment: Image 1 (8/10), Image 2 (6/10).\nTotal: 25 to 20."
    said = f"<think>{thought}</think>\n<answer>Image 1 is better</answer>"
    verdict = parse(THINK, reply(said), 2)

    assert verdict.preferences["overall"].outcome == "left"
    assert verdict.reasoning.endswith("Total: 25 to 20.")
    assert "better" not in verdict.reasoning


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("<answer>Image 1 is better</answer>", "there is no <think>"),
        ("<think>a</think>Image 1 is better", "not exactly one <answer>"),
        ("<think>a</think><answer>Image 1 is better", "not exactly one <answer>"),
        ("<think>a</think><answer>Image 1 is better</answer><answer>Image 2 is better</answer>", "not exactly one"),
        ("<think>a</think><answer>Image 1 is better</answer> or not", "not exactly one"),
        ("<think>a</think><answer>Image 1</answer>", "names no better image"),
        ("<think>a</think><answer></answer>", "names no better image"),
        ("<think>Image 1 is better", "never ends"),
    ],
)
def test_broken_tags_are_a_failure(said, words):
    assert words in fault(THINK, said)


# -- two numbers -------------------------------------------------------------------------------------------------------

RELATIVE = """Alignment Score:
 Image 1: 0.435699999332428
 Image 2: 0.564300000667572

Coherence Score:
 Image 1: 0.4180000126361847
 Image 2: 0.5820000171661377

Style Score:
 Image 1: 0.60790000557899475
 Image 2: 0.3921000242233276
"""


def test_relative_scores_as_unifiedreward_2_writes_them():
    verdict = parse(SCORES, reply(RELATIVE), 2)

    assert [one.outcome for one in verdict.preferences.values()] == ["right", "right", "left"]
    assert verdict.preferences["style"].strength == pytest.approx(0.2158, abs=1e-4)
    assert verdict.detail["scores"]["alignment"] == pytest.approx([0.4357, 0.5643], abs=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("Image 2: 0.5643", "Image 2: 0.6643"), "add up to 1.1, not to 1"),
        ((" Image 2: 0.5820000171661377\n", ""), "no score of Image 2 under “Coherence Score”"),
        (("Style Score:", "Beauty:"), "Image 1 has two scores on coherence"),
        (("Image 1: 0.4356", "Image 1: 1.4356"), "outside the scale 0 to 1"),
        (("Image 1: 0.418", "Image 1: high, 0.418"), "is not one number"),
    ],
)
def test_relative_scores_that_do_not_add_up_are_a_failure(change, words):
    assert words in fault(SCORES, RELATIVE.replace(*change))


def test_scores_of_edits_may_be_negative_and_whole():
    verdict = parse(EDITS, reply("Image 1: -1.25\nImage 2: -3"), 2)

    assert verdict.preferences["overall"].outcome == "left"
    assert verdict.detail["scores"]["overall"] == [-1.25, -3]
    assert outcome(EDITS, "Edited Image 1 Score: 0.5\nEdited Image 2 Score: 0.5") == "tie"
    assert "no score of Image 2" in fault(EDITS, "Image 1: 3.5")


# -- flex --------------------------------------------------------------------------------------------------------------


def flex(**changes):
    dims = [
        {"name": "cat", "reason_1": "there", "reason_2": "absent", "score_1": 8, "score_2": 2},
        {"name": "sleep", "reason_1": "awake", "reason_2": "asleep", "score_1": 4, "score_2": 6},
    ]
    looks = [{"name": "light", "score_1": 5, "score_2": 5}]
    said = {
        "prompt": "a cat",
        "categories": [
            {"name": "A. Alignment", "dims": dims, "cat_reason": "the cat counts", "cat_winner": "Image 1"},
            {"name": "B. Looks", "dims": looks, "cat_reason": "alike", "cat_winner": "Image 2"},
        ],
        "reason": "the cat decides",
        "winner": "Image 1",
    }
    return {**said, **changes}


def test_the_winner_of_flex_is_read_with_its_categories():
    verdict = parse(FLEX, reply("```json\n" + json.dumps(flex()) + "\n```"), 2)

    assert verdict.preferences["overall"].outcome == "left"
    assert verdict.detail["categories"][0]["scores"] == [12, 8]
    assert verdict.detail["categories"][0]["dimensions"] == [["cat", 8, 2], ["sleep", 4, 6]]
    assert "the cat counts" in verdict.reasoning
    assert "winner" not in verdict.reasoning
    assert "8" not in verdict.reasoning


def broken(path, value):
    said = json.loads(json.dumps(flex()))
    place = said
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(said)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("categories", 0, "dims", 0, "score_1"), 9, "the scores of “cat” add up to 11, not to 10"),
        (("categories", 0, "dims", 0, "score_1"), "8", "which is not a number"),
        (("categories", 0, "dims", 0, "score_1"), 12, "outside the scale 0 to 10"),
        (("categories", 0, "dims"), [], "“A. Alignment” has no list of dims"),
        (("categories", 0, "cat_winner"), "Image 2", "names right the winner, but its scores are 12 to 8"),
        (("categories", 0, "cat_winner"), "Image 1/2", "names neither"),
        (("categories",), [], "has no list of categories"),
        (("categories", 1), "none", "a category is no JSON object"),
        (("winner",), "Image 1/2", "names neither"),
        (("winner",), None, "has no winner"),
        (("winner",), "Tie", "winner is tie, which wins no category"),
    ],
)
def test_flex_answers_that_contradict_themselves_are_a_failure(path, value, words):
    assert words in fault(FLEX, broken(path, value))


def test_a_cut_flex_answer_is_a_failure():
    assert "is not JSON" in fault(FLEX, json.dumps(flex())[:-40])
    assert "cut off" in fault(FLEX, json.dumps(flex()), finish="length")


# -- probability -------------------------------------------------------------------------------------------------------


def test_the_probability_of_the_left_one_is_its_share():
    found = template("image-pair-probability")
    said = Reply("2", finish="length", tokens=tokens(("2", {"1": 0.27, "2": 0.63, "Both": 0.1})))

    preference = parse(found, said, 2).preferences["overall"]

    assert preference.outcome == "right"
    assert preference.probability == pytest.approx(0.3)


def test_a_probability_near_one_half_may_be_a_tie():
    found = template("image-pair-probability", options={"tie_within": 0.05})
    said = Reply("1", tokens=tokens(("1", {"1": 0.52, "2": 0.48})))

    assert parse(found, said, 2).preferences["overall"].outcome == "tie"


# -- lists -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "ranks"),
    [
        ("Ranking: 3 > 1 > 2 > 4", [2, 3, 1, 4]),
        ("The third is best.\n**Ranking:** Image 3 > Image 1 = Image 2 > Image 4.", [2, 2, 1, 4]),
        ("Ranking: 1 = 2 = 3 = 4", [1, 1, 1, 1]),
        ("ranking: [4] > [3] > [2] > [1]", [4, 3, 2, 1]),
    ],
)
def test_an_order_gives_a_rank_to_each_in_the_order_asked(said, ranks):
    assert list(parse(LIST, reply(said), 4).ranks["overall"]) == ranks


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("3 > 1 > 2 > 4", "no line “Ranking: …”"),
        ("Ranking: 3 > 1 > 4", "leaves out 2; there are 4 to rank"),
        ("Ranking: 3 > 1 > 2 > 4 > 3", "names one twice"),
        ("Ranking: 3 > 1 > 2 > 5", "is none of 1 to 4"),
        ("Ranking: 3, 1, 2, 4", "is none of 1 to 4"),
        ("Ranking: best > second", "is none of 1 to 4"),
        ("Ranking: 1 > 2 > 3 > 4\nRanking: 4 > 3 > 2 > 1", "different orders"),
    ],
)
def test_an_order_that_is_not_whole_is_a_failure(said, words):
    assert words in fault(LIST, said, 4)


def test_ties_in_an_order_are_refused_where_they_were_not_allowed():
    strict = template("image-list", options={"ties": False})

    assert "has ties, which were not allowed" in fault(strict, "Ranking: 1 = 2 > 3", 3)


# -- listener ----------------------------------------------------------------------------------------------------------


def test_a_listener_says_what_follows():
    listener = template("listener")

    assert outcome(listener, "It praises the first.\nVerdict: Image 1") == "left"
    assert "no line “Verdict: …”" in fault(listener, "I cannot say.")
