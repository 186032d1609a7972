"""Lists of constraints: what is void, what a total is, and what files state."""

from __future__ import annotations

import itertools
import random

import pytest

from curation.prompt_tools import constraint_files
from curation.prompt_tools.constraint_files import Fault, Stated
from curation.prompt_tools.constraints import Constraint, ConstraintsRefused, as_json, edition, outcome, parse

CAT = [
    {"key": "cat", "question": "Is there a cat?", "kind": "object", "weight": 2},
    {"key": "black", "question": "Is the cat black?", "kind": "colour", "needs": ["cat"]},
    {"key": "eyes", "question": "Are the eyes of the black cat green?", "kind": "colour", "needs": "black"},
    {"key": "tree", "question": "Is there a tree?", "kind": "object"},
]


@pytest.mark.parametrize(
    ("answers", "total", "void"),
    [
        ({"cat": True, "black": True, "eyes": True, "tree": True}, 1.0, ()),
        ({"cat": True, "black": False, "eyes": True, "tree": True}, 3 / 4, ("eyes",)),
        ({"cat": False, "black": True, "eyes": True, "tree": True}, 1 / 3, ("black", "eyes")),
        ({"cat": False, "tree": False}, 0.0, ("black", "eyes")),
    ],
)
def test_a_void_question_is_in_no_total_whatever_was_said_of_it(answers, total, void):
    found = outcome(parse(CAT), answers)

    assert (found.total, found.void) == (pytest.approx(total), void)


def test_random_lists_agree_with_a_walk_from_each_question_to_its_roots():
    """The other answer: a question counts exactly when every question on every way up from it is a yes."""
    chance = random.Random(3)
    for _try in range(200):
        size = chance.randint(1, 12)
        needs = [[f"k{n}" for n in range(place) if chance.random() < 0.3] for place in range(size)]
        listed = [
            Constraint(f"k{n}", f"{n}?", weight=chance.choice([1, 2, 5]), needs=tuple(needs[n])) for n in range(size)
        ]
        chance.shuffle(listed)
        by_key = {one.key: one for one in listed}
        answers = {key: chance.random() < 0.6 for key in by_key}

        def counts(key, by_key=by_key, answers=answers):
            return all(answers[up] and counts(up) for up in by_key[key].needs)

        counted = [one for one in listed if counts(one.key)]
        found = outcome(listed, answers)

        assert set(found.void) == set(by_key) - {one.key for one in counted}
        won = sum(one.weight for one in counted if answers[one.key])
        assert found.total == pytest.approx(won / sum(one.weight for one in counted))


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, "circle"),
        ({"a": ["a"]}, "“a” needs “a”"),
        ({"a": [], "b": ["gone"]}, "“b” needs “gone”"),
    ],
)
def test_needs_that_run_in_a_circle_or_nowhere_are_refused_by_name(needs, said):
    raw = [{"key": key, "question": f"{key}?", "needs": own} for key, own in needs.items()]

    with pytest.raises(ConstraintsRefused, match=said):
        parse(raw)


def test_a_circle_names_every_key_on_it_and_no_other():
    raw = [{"key": key, "question": "?", "needs": [need]} for key, need in (("a", "b"), ("b", "c"), ("c", "b"))]

    with pytest.raises(ConstraintsRefused) as caught:
        parse(raw)

    assert "“b” needs “c” needs “b”" in str(caught.value) or "“c” needs “b” needs “c”" in str(caught.value)
    assert "“a”" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "at least one"),
        ("Is it red?", "at least one"),
        ([{"key": "a"}], "needs a question"),
        ([{"question": "?", "weight": 0}], "weight of “item-1”"),
        ([{"question": "?", "kind": "smell"}], "kind “smell”"),
        ([{"question": "?", "colour": "red"}], "says “colour”"),
        ([{"key": "x", "question": "?"}, {"key": "x", "question": "!"}], "Two constraints have the key “x”"),
        (["?"] * 101, "at most 100"),
    ],
)
def test_a_list_that_cannot_be_used_says_what_is_wrong(raw, said):
    with pytest.raises(ConstraintsRefused, match=said):
        parse(raw)


def test_an_answer_that_is_missing_or_too_many_is_named():
    with pytest.raises(ConstraintsRefused, match=r"Is there a tree\?"):
        outcome(parse(CAT), {"cat": False})
    with pytest.raises(ConstraintsRefused, match="“dog” is answered"):
        outcome(parse(CAT), {"cat": False, "tree": True, "dog": True})


def test_a_list_survives_its_own_form_and_its_edition_tells_every_change():
    listed = parse(CAT)
    changed = [parse([{**CAT[0], "weight": 3}, *CAT[1:]]), parse([*CAT[:3], {**CAT[3], "needs": ["cat"]}])]

    assert parse(as_json(listed)) == listed
    assert len({edition(one) for one in (listed, *changed)}) == 3


# -- files ------------------------------------------------------------------------------------------------------------


def test_facts_in_the_manner_of_geneval_become_questions_that_need_the_thing_they_speak_of():
    facts = {
        "objects": [
            {"class": "traffic light", "count": 1, "color": "red"},
            {"class": "bus", "count": 2, "position": ["left of", 0]},
        ],
        "excluded": [{"class": "bus", "count": 3}, {"class": "dog"}],
        "text": "STOP",
    }

    found = {one.key: one for one in constraint_files.from_facts(facts)}

    assert found["bus-count"].question == "Are there exactly 2 buses?"
    assert {key: one.needs for key, one in found.items()} == {
        "traffic-light": (),
        "traffic-light-colour": ("traffic-light",),
        "bus": (),
        "bus-count": ("bus",),
        "bus-place": ("bus", "traffic-light"),
        "bus-not-more": ("bus",),
        "no-dog": (),
        "text": (),
    }


def test_tuples_of_dsg_are_read_from_maps_and_from_a_table_alike():
    maps = {
        "prompt": "a red car",
        "questions": {"1": "Is there a car?", "2": "Is the car red?"},
        "tuples": {"1": "entity - whole (car)", "2": "attribute - color (car, red)"},
        "dependencies": {"1": [0], "2": [1]},
    }
    table = [
        {"text": "a red car", "proposition_id": "1", "dependency": "0", "category_broad": "entity",
         "question_natural_language": "Is there a car?"},
        {"text": "a red car", "proposition_id": "2", "dependency": "1", "category_broad": "attribute",
         "category_detailed": "color", "question_natural_language": "Is the car red?"},
    ]  # fmt: skip

    [one] = constraint_files.read(iter([("a.jsonl:1", maps)]))
    [other] = constraint_files.read((f"a.csv:{n}", row) for n, row in enumerate(table, 2))

    assert isinstance(one, Stated)
    assert isinstance(other, Stated)
    assert one.constraints == other.constraints
    assert [(c.key, c.kind, c.needs) for c in one.constraints] == [("q1", "object", ()), ("q2", "colour", ("q1",))]


def test_a_bad_row_is_a_fault_with_its_place_and_the_next_row_is_read():
    rows = [
        {"prompt": "p", "questions": {"1": "a?", "2": "b?"}, "dependencies": {"1": [2], "2": [1]}},
        {"constraints": ["a?"]},
        {"prompt": "p", "include": [{"count": 2}]},
        {"prompt": "p"},
        {"prompt": "p", "constraints": ["a?", "b?"]},
    ]

    found = list(constraint_files.read((f"f:{n}", row) for n, row in enumerate(rows, 1)))

    assert [type(one) for one in found] == [Fault] * 4 + [Stated]
    for fault, words in zip(
        found, ["circle", "names no prompt", "needs a class", "states no constraints"], strict=False
    ):
        assert words in fault.reason
    assert [one.where for one in found] == [f"f:{n}" for n in range(1, 6)]


def test_thirty_questions_in_a_chain_are_all_void_behind_the_first_no():
    raw = [{"key": f"k{n}", "question": "?", "needs": [f"k{n - 1}"] if n else []} for n in range(30)]

    for first_no in (0, 13, 29):
        answers = {f"k{n}": n < first_no for n in range(30)}
        found = outcome(parse(list(itertools.chain(raw[::-1]))), answers)
        assert len(found.void) == 29 - first_no
        assert found.total == pytest.approx(first_no / (first_no + 1))
