"""Texts: normalisation, quotes, distances; the scorers `text_rules` and `exact_match`; the comparison of `ocr`."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.scorers import exact_match, ocr, text, text_rules
from scoring.scorers.base import Item, ItemError, NotApplicable, NothingToJudge, Reading
from tests.scoring import making


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("  Grand—OPENING,\n50% off! ", "grand opening 50 off"),
        ("Don’t", "dont"),
        ("DON'T", "dont"),
        ("ﬁsh & Straße", "fish strasse"),  # NFKC and case folding
        ("２０２４", "2024"),
        ("東京タワー", "東 京 タ ワ ー"),
        ("हिन्दी में", "हिन्दी में"),  # vowel signs belong to their words
        ("★ … !", ""),
    ],
)
def test_the_form_in_which_texts_are_compared(written: str, compared: str) -> None:
    assert text.comparable(written) == compared


@pytest.mark.parametrize(
    ("prompt", "phrases"),
    [
        ('A sign that says "OPEN" beside one with “Closed today”', ["OPEN", "Closed today"]),
        ("the words 'It's ok' on it, don't you know the dogs' house", ["It's ok"]),
        ("„Guten Tag“ und «Bonjour» 「こんにちは」 ‘hi there’", ["Guten Tag", "Bonjour", "こんにちは", "hi there"]),
        ("He wrote “she said 'no' loudly”", ["she said 'no' loudly"]),
        ('nothing: "" and " " and "!"', []),
        ("a 5\" by 3\" board, rock 'n' roll", []),
        ("don't, won't, can't", []),
        ('one that is never closed: "HELLO', []),
        ("", []),
    ],
)
def test_quoted_phrases_are_found_in_order(prompt: str, phrases: list[str]) -> None:
    assert text.quoted(prompt) == phrases


def test_hostile_quotes_do_not_hang() -> None:
    began = time.monotonic()

    text.quoted("'" + "ab'c" * 5_000 + '"' * 3_001 + "“" * 3_000)
    text_rules.broken_rules("[" * 20_000 + "`" * 20_001 + "<a" * 20_000, {"plain": True})

    assert time.monotonic() - began < 5


def slow_distance(left: str, right: str) -> int:
    """Levenshtein's recursive definition, as far from the product's loop as can be."""

    @functools.cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        same = distance(i - 1, j - 1) + (left[i - 1] != right[j - 1])
        return min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, same)

    return distance(len(left), len(right))


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_edit_distance_agrees_with_its_definition(left: str, right: str) -> None:
    assert text.edit_distance(left, right) == slow_distance(left, right)


def test_recall_uses_each_found_word_once() -> None:
    assert text.recall(["fresh", "bread", "bread"], ["bread", "fresh", "daily"]) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="no expected words"):
        text.recall([], ["word"])


# -- ocr's comparison -------------------------------------------------------------------------------------------------


@pytest.mark.capability("C6")
@pytest.mark.parametrize(
    ("expected", "lines", "exact", "recall", "similarity"),
    [
        (["OPEN"], ["open"], 1, 1, 1),
        (["Grand Opening"], ["GRAND", "OPENING!"], 1, 1, 1),
        (["Grand Opening"], ["GRANDOPENING"], 1, 0, 1),  # a lost space: the words are gone, the letters are not
        (["open"], ["opan"], 0, 0, 0.75),
        (["open"], [], 0, 0, 0),
        (["open"], ["open", "daily"], 0, 1, 4 / 9),  # text nobody asked for
        (["left", "right"], ["right", "left"], 1, 1, 1),  # two signs in the other order
        (["a b c d"], ["a b"], 0, 0.5, 0.5),
    ],
)
def test_what_was_read_is_compared_as_stated(
    expected: list[str], lines: list[str], exact: float, recall: float, similarity: float
) -> None:
    found = ocr.compare(expected, lines)

    assert (found.exact, found.word_recall) == (exact, recall)
    assert found.similarity == pytest.approx(similarity)


def test_the_fact_goes_before_the_quotes() -> None:
    prompt = 'a sign "CLOSED"'

    assert ocr.expected_phrases(Item(1, 1, prompt, facts={"text": "OPEN"})) == ["OPEN"]
    assert ocr.expected_phrases(Item(1, 1, prompt, facts={"text": ["OPEN", "24 hours"]})) == ["OPEN", "24 hours"]
    assert ocr.expected_phrases(Item(1, 1, prompt)) == ["CLOSED"]


def test_nothing_to_compare_is_not_applicable_and_a_wrong_fact_is_an_error() -> None:
    with pytest.raises(NothingToJudge):
        ocr.expected_phrases(Item(1, 1, "a cat", facts={"text": "★"}))
    with pytest.raises(ValueError, match="must be a phrase or a list of phrases, not 7"):
        ocr.expected_phrases(Item(1, 1, "a cat", facts={"text": 7}))


# -- text_rules -------------------------------------------------------------------------------------------------------


@pytest.mark.capability("C6")
def test_text_rules_gives_the_numbers_counted_by_hand() -> None:
    (said,) = making.outcomes("text_rules", [making.item(text="  One two, one two, one two.  ")])

    assert isinstance(said, Reading)
    values = {key: result.value for key, result in said.results.items()}
    # one-two-one, two-one-two, one-two-one, two-one-two: two of four occurred before.
    assert values == {"text_characters": 26, "text_words": 6, "text_format": 1, "text_repetition": 0.5}


@pytest.mark.parametrize(
    ("answer", "rules", "broken"),
    [
        ("", {}, ["not_empty"]),
        ("word", {}, []),
        ("one two three", {"max_words": 2, "min_words": 1}, ["max_words"]),
        ("abc", {"min_characters": 3, "max_characters": 3}, []),
        ("abcd", {"max_characters": 3}, ["max_characters"]),
        ("plain words, 3 < 4 and 5 > 2; a * b", {"plain": True}, []),
        ("<b>bold</b>", {"plain": True}, ["plain"]),
        ("# Title\ntext", {"plain": True}, ["plain"]),
        ("see [here](https://example.org)", {"plain": True}, ["plain"]),
        ("- a point", {"plain": True}, ["plain"]),
        ("**bold**", {"plain": False}, []),
        ('{"a": [1, 2]}', {"json": True}, []),
        ('{"a": NaN}', {"json": True}, ["json"]),
        ("{'a': 1}", {"json": True}, ["json"]),
        ("[" * 100_000, {"json": True}, ["json"]),
    ],
)
def test_rules_that_are_broken_are_named(answer: str, rules: Mapping[str, object], broken: list[str]) -> None:
    (said,) = making.outcomes("text_rules", [making.item(text=answer, facts={"format": rules})])

    assert isinstance(said, Reading)
    assert said.detail["broken"] == broken
    assert said.results["text_format"].value == float(not broken)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"colour": 1}, "unknown rule “colour”"),
        ({"max_words": "ten"}, "rule “max_words” needs a int, not 'ten'"),
        ({"max_words": True}, "rule “max_words” needs a int, not True"),
        ("short", "must be an object of rules"),
    ],
)
def test_a_rule_that_makes_no_sense_is_an_error_and_not_a_zero(rules: object, words: str) -> None:
    (said,) = making.outcomes("text_rules", [making.item(text="a", facts={"format": rules})])

    assert isinstance(said, ItemError)
    assert words in said.reason


def test_words_and_repetition_are_counted_in_any_script() -> None:
    assert text_rules.repetition("東京東京東京") == pytest.approx(0.5)
    assert text_rules.repetition("Ja ja JA ja") == pytest.approx(0.5)
    assert text_rules.repetition("too short") == 0.0


# -- exact_match ------------------------------------------------------------------------------------------------------


@pytest.mark.capability("C6")
@pytest.mark.parametrize(
    ("answer", "references", "value"),
    [
        ("The  Eiffel tower.", ("the Eiffel Tower",), 1),
        ("“Paris”", ("London", "paris!"), 1),
        ("3.14", ("314",), 0),
        ("-5", ("5",), 0),
        ("−5", ("-5",), 1),
        ("50%", ("50",), 0),
        ("in Paris", ("Paris",), 0),
        ("", ("Paris",), 0),
        ("ＰＡＲＩＳ", ("Paris",), 1),
    ],
)
def test_exact_match_is_one_or_zero(answer: str, references: tuple[str, ...], value: float) -> None:
    (said,) = making.outcomes("exact_match", [making.item(text=answer, reference_texts=references)])

    assert isinstance(said, Reading)
    assert said.results["exact_match"].value == value


def test_answers_may_stand_in_the_facts() -> None:
    asked = [
        making.item(text="42", facts={"answer": 42}),
        making.item(text="blue", facts={"answer": ["red", "Blue"]}),
        making.item(text="x", facts={"answer": {"value": 1}}),
    ]

    number, listed, wrong = making.outcomes("exact_match", asked)

    assert isinstance(number, Reading)
    assert isinstance(listed, Reading)
    assert (number.results["exact_match"].value, listed.results["exact_match"].value) == (1.0, 1.0)
    assert isinstance(wrong, ItemError)
    assert "“answer” must be a text" in wrong.reason


def test_without_a_reference_answer_exact_match_does_not_apply() -> None:
    said = making.outcomes("exact_match", [making.item(text="a"), making.item(text="a", reference_texts=(" . ",))])

    assert said == [NotApplicable("the prompt has no reference answer")] * 2
    assert exact_match.canonical_answer("...") == ""
