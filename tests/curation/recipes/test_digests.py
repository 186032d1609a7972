"""A recipe keeps its digest while the language grows: versions name their recipe by it."""

from pathlib import Path

import pytest

import curation.recipes.examples
from curation.recipes.model import Pairing, Recipe, later
from curation.recipes.parse import parse

EXAMPLES = Path(curation.recipes.examples.__file__).parent
# As they were when the first versions were frozen with them.
FIRST = {
    "best-worst": "47a0434dbc5a5591d043567ead69d6057df0b0c1a24814a8cd9b311220fdbf25",
    "human-votes": "bfc8f48d3e8ce8da7d2a68fe57439714e2532d152aad9a32e38e02a12000b64d",
    "keep-the-best": "23714a740a0011eb7a45692f377d6a0fcb3b2e964d39fe92396f2387197fb807",
    "two-stage": "79272d15500ce974ead61c48179c7c8178e9891c79cbb80ca7e99357974a01c7",
}


@pytest.mark.parametrize("name", FIRST)
def test_the_first_recipes_keep_their_digests(name):
    assert parse((EXAMPLES / f"{name}.yaml").read_text()).digest() == FIRST[name]


def test_a_later_field_shows_only_when_it_is_used():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Wider(Recipe):
        new: int = later(3)

    before = Recipe(title="t", pairing=Pairing(rule="none"))
    same = Wider(title="t", pairing=Pairing(rule="none"))
    other = Wider(title="t", pairing=Pairing(rule="none"), new=4)

    assert same.digest() == before.digest()
    assert other.digest() != before.digest()
    assert other.normal_form()["new"] == 4
