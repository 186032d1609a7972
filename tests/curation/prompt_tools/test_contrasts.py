"""Contrast prompts: each names its operator and the code points it changed, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.prompt_tools.contrasts import OPERATORS, contrasts, written
from curation.prompt_tools.words import ACTIONS, COLOURS, NUMBERS, OBJECTS, QUALITIES, RELATIONS, plural

WORDS = sorted(
    {word for row in OBJECTS for noun in row for word in (noun, plural(noun))}
    | {*COLOURS, *NUMBERS, "with", "without", "a", "an", "the", "is", "🐈", "Straße", '"red cat"', "7", "and"}
    | {word for pair in (*RELATIONS, *QUALITIES, *ACTIONS) for word in pair}
)


@pytest.mark.capability("J3")
@pytest.mark.parametrize(
    ("operator", "text", "first"),
    [
        ("object", "A cat on a mat", "A dog on a mat"),
        ("object", "Three buses wait", "Three trucks wait"),
        ("object", "a pear", "a banana"),
        ("object", "an owl sleeps", "a parrot sleeps"),
        ("count", "two red cats", "three red cats"),
        ("count", "Eleven birds", "Twelve birds"),
        ("count", "photo of 3 apples", "photo of 4 apples"),
        ("colour", "an orange cube", "a purple cube"),
        ("attributes", "a red cube and a blue ball", "a blue cube and a red ball"),
        ("relation", "a cup to the left of a book", "a cup to the right of a book"),
        ("relation", "Behind the house", "In front of the house"),
        ("places", "A dog chasing two cats", "Two cats chasing a dog"),
        ("quality", "an old man", "a young man"),
        ("action", "a girl sitting", "a girl standing"),
        ("negation", "a man with a hat", "a man without a hat"),
        ("negation", "a road without any cars", "a road with cars"),
    ],
)
def test_each_edit_names_its_operator_and_is_a_small_change(operator, text, first):
    found = contrasts(text, [operator])

    assert found[0].text == first
    assert {one.operator for one in found} == {operator}
    assert all(one.edits for one in found)


@pytest.mark.parametrize(
    ("operator", "text"),
    [
        ("count", "at 10 pm, 50 mm lens, version 2.5, 4k"),
        ("colour", "an orange on a table"),
        ("object", 'a sign that says "cat"'),
        ("object", "a category of carpets"),
        ("attributes", "a red cube"),
        ("places", "a cat"),
    ],
)
def test_what_only_looks_like_it_is_left_alone(operator, text):
    assert contrasts(text, [operator]) == []


def test_an_orange_before_a_noun_is_a_colour_and_elsewhere_a_fruit():
    assert [one.text for one in contrasts("an orange cube", ["object"])] == ["an orange pyramid", "an orange cylinder"]
    assert [one.text for one in contrasts("an orange", ["object", "colour"])] == ["a pear", "a banana"]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_the_spans_are_exactly_what_differs_in_code_points(words):
    text = " ".join(words)
    for one in contrasts(text, OPERATORS):
        kept_before, kept_after, before, after = [], [], 0, 0
        for edit, (start, end) in zip(one.edits, one.spans(), strict=True):
            assert text[edit.start : edit.end] == edit.before
            assert one.text[start:end] == edit.after
            kept_before.append(text[before : edit.start])
            kept_after.append(one.text[after:start])
            before, after = edit.end, end
        assert [*kept_before, text[before:]] == [*kept_after, one.text[after:]]
        assert one.text != text
        assert one.text.count('"red cat"') == text.count('"red cat"')


def test_few_contrasts_are_of_many_kinds_and_each_is_there_once():
    text = "Two red cats to the left of a blue ball"

    found = contrasts(text, OPERATORS, most=5)

    assert len({one.operator for one in found}) == 5
    assert found == contrasts(text, OPERATORS)[:5]
    every = [one.text for one in contrasts(text, OPERATORS)]
    assert len(set(every)) == len(every)


def test_a_contrast_by_hand_finds_where_it_differs_in_any_language():
    one = written("ein 🐈 und ein rotes Haus", "ein 🐈 und ein blaues Haus")

    assert (one.operator, one.edits[0].before, one.edits[0].after) == ("written", "rot", "blau")
    assert one.spans() == [(14, 18)]
    assert written("ab", "aab").edits[0].before == ""
    assert written("abc", "ab").edits[0].before == "c"
