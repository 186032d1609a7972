"""Coverage of a taxonomy: counts with their empty cells, and how evenly prompts lie."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from scipy.stats import entropy

from curation.prompt_tools.taxonomy import (
    Tagged,
    TaxonomyRefused,
    balanced_recipe,
    coverage,
    cross,
    facets,
    parse,
    place_of,
)

TREE = parse({"theme": {"animals": ["cats", "dogs"], "food": [], "space": []}, "edit": ["colour", "add"]})
PROMPTS = [
    Tagged(("theme:animals/cats", "edit:add", "sunset"), samples=4),
    Tagged(("theme:animals", "edit:colour"), samples=2, prompts=2),
    Tagged(("theme:food", "theme:animals/birds"), samples=1),
    Tagged(("sunset",)),
]


def lines(facet):
    return {line.name: (line.prompts, line.samples) for line in coverage(PROMPTS, facet, TREE).lines}


@pytest.mark.capability("J1")
def test_the_coverage_table_counts_prompts_and_samples_with_empty_cells_and_parts_of_values():
    assert lines("theme") == {
        "animals": (4, 7),
        "animals/cats": (1, 4),
        "animals/dogs": (0, 0),
        "animals/birds": (1, 1),
        "food": (1, 1),
        "space": (0, 0),
    }
    assert lines("tag") == {"sunset": (2, 4)}
    assert facets(PROMPTS, TREE) == ["theme", "edit", "tag"]


def test_balance_agrees_with_the_entropy_of_scipy():
    found = coverage(PROMPTS, "theme", TREE).balance

    counts = [4, 1, 0]
    assert found.evenness == pytest.approx(entropy(counts) / math.log(3))
    assert found.effective == pytest.approx(math.exp(entropy(counts)))
    assert (found.values, found.empty, found.prompts, found.without) == (3, 1, 4, 1)
    assert found.largest_over_smallest == math.inf
    even = coverage([Tagged((f"edit:{name}",)) for name in ("colour", "add")], "edit", TREE).balance
    assert (even.evenness, even.effective, even.largest_over_smallest) == (pytest.approx(1), pytest.approx(2), 1)
    nobody = coverage([], "edit", TREE).balance
    assert (nobody.evenness, nobody.effective, nobody.empty) == (0, 0, 2)


def test_a_cross_table_counts_each_prompt_where_its_values_meet_and_shows_what_nobody_asked():
    found = cross(PROMPTS, "theme", "edit", TREE)

    other = Counter()
    for one in PROMPTS:
        for row in {place_of(tag).value for tag in one.tags if tag.startswith("theme:")}:
            for column in {place_of(tag).value for tag in one.tags if tag.startswith("edit:")}:
                other[row, column] += one.prompts
    assert {
        (row, column): count
        for row, counts in zip(found.rows, found.counts, strict=True)
        for column, count in zip(found.columns, counts, strict=True)
    } == {(row, column): other[row, column] for row in ("animals", "food", "space") for column in ("colour", "add")}
    assert found.empty == 4


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "is a map"),
        ({"Theme": ["a"]}, "facet “Theme”"),
        ({"theme": []}, "no values"),
        ({"theme": "animals"}, "list of names"),
        ({"theme": ["a", "a"]}, "twice"),
        ({"theme": ["a/b"]}, "no slash"),
        ({"theme": [str(n) for n in range(501)]}, "at most 500"),
    ],
)
def test_a_taxonomy_that_cannot_be_is_refused_in_words(raw, said):
    with pytest.raises(TaxonomyRefused, match=said):
        parse(raw)


def test_the_lines_of_a_balanced_recipe_are_a_recipe():
    from curation.recipes.parse import parse as recipe

    head = "recipe: 1\ntitle: x\npairing: {rule: none}\n"

    by_facet = recipe(head + balanced_recipe("theme", coverage(PROMPTS, "theme", TREE)))
    by_tag = recipe(head + balanced_recipe("tag", coverage([*PROMPTS, Tagged(('a "b": c',))], "tag", {})))

    assert (by_facet.balance.by, by_facet.balance.facet) == ("facet", "theme")
    assert by_tag.balance.shares == (('a "b": c', 0.5), ("sunset", 0.5))
