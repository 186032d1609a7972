"""Coverage of a project, and a balanced subset of it through a recipe to an export."""

from __future__ import annotations

from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from curation.actions import prompt_contrasts, prompt_taxonomy
from curation.actions.prompt_taxonomy import Narrowed
from curation.errors import Refused
from curation.models import Prompt, Taxonomy
from curation.prompt_tools.taxonomy import balanced_recipe, place_of
from tests import factories
from tests.curation.exports import frozen
from tests.curation.exports.test_exporting import rows_of, run

pytestmark = pytest.mark.django_db

TREE = "theme:\n  animals: [cats]\n  food: []\n  space: []\nedit: [colour, add]\n"


def stocked():
    """Eight prompts of text answers: five of animals, two of food, one of nothing."""
    of = frozen.project("text", prompts=8, samples=2)
    tags = [["theme:animals/cats"]] * 2 + [["theme:animals", "edit:add"]] * 3 + [["theme:food", "edit:add"]] * 2 + [[]]
    for prompt, own in zip(Prompt.objects.order_by("pk"), tags, strict=True):
        Prompt.objects.filter(pk=prompt.pk).update(tags=own)
    prompt_taxonomy.set_text(project=of, text=TREE, by=None)
    return of


@pytest.mark.capability("J1")
def test_coverage_counts_prompts_and_samples_and_shows_what_is_empty():
    of = stocked()

    found = {one.facet: one for one in prompt_taxonomy.covered(project=of).facets}

    assert {line.name: (line.prompts, line.samples) for line in found["theme"].lines} == {
        "animals": (5, 10),
        "animals/cats": (2, 4),
        "food": (2, 4),
        "space": (0, 0),
    }
    assert (found["theme"].balance.empty, found["theme"].balance.without) == (1, 1)
    crossed = prompt_taxonomy.crossed(project=of, first="theme", second="edit")
    assert crossed.counts == ((0, 3), (0, 2), (0, 0))
    assert prompt_taxonomy.covered(project=of, narrowed=Narrowed(tag="edit:add")).prompts == 5


def test_contrasts_are_no_coverage():
    of = factories.project()
    factories.prompt(of, "two cats", tags=["theme:animals"])
    prompt_contrasts.make(project=of, wanted=prompt_contrasts.Wanted(["count"]))

    assert prompt_taxonomy.covered(project=of).prompts == 1


@pytest.mark.capability("J1")
def test_a_balanced_subset_is_exported_by_the_lines_that_coverage_gives(tmp_path):
    of = stocked()
    theme = prompt_taxonomy.covered(project=of).facets[0]
    recipe = "recipe: 1\ntitle: Balanced\npairing: {rule: best_against_worst, by: {scores: quality}}\n"

    for name, lines in (("all", ""), ("even", balanced_recipe("theme", theme))):
        run(frozen.freeze(of, name=name, recipe=recipe + lines), ["canonical"], tmp_path / name)

    def values(name):
        rows = rows_of(tmp_path / name, "pairs")
        tags = [Prompt.objects.get(text=row["prompt"]).tags for row in rows]
        return Counter(place_of(tag).value for own in tags for tag in own if tag.startswith("theme"))

    assert values("all") == {"animals": 5, "food": 2}
    assert values("even") == {"animals": 2, "food": 2}


def test_a_taxonomy_is_kept_as_text_and_bad_text_is_refused():
    of = stocked()

    assert prompt_taxonomy.as_text(of) == "theme:\n  animals: [cats]\n  food: []\n  space: []\nedit: [colour, add]\n"
    for text, said in (("theme: [", "not YAML"), ("theme: animals", "list of names")):
        with pytest.raises(Refused, match=said):
            prompt_taxonomy.set_text(project=of, text=text, by=None)
    prompt_taxonomy.set_text(project=of, text="  ", by=None)
    assert not Taxonomy.objects.exists()
    with pytest.raises(Refused, match="no facet “smell”"):
        prompt_taxonomy.crossed(project=of, first="theme", second="smell")


def test_the_command_shows_the_table_and_the_lines_of_a_recipe(tmp_path):
    of = stocked()
    file = tmp_path / "tree.yaml"
    file.write_text("theme: [animals, food, sea]\n")
    said, lines = StringIO(), StringIO()

    call_command("coverage", of.slug, "--taxonomy", str(file), stdout=said)
    call_command("coverage", of.slug, "--recipe", "theme", stdout=lines)
    call_command("coverage", of.slug, "--cross", "theme", "edit", stdout=said)

    assert "1 of 3 values empty" in said.getvalue()
    assert "2 empty" not in lines.getvalue()
    assert lines.getvalue() == "balance:\n  by: facet\n  facet: theme\n"
    with pytest.raises(CommandError, match="no facet 'smell'"):
        call_command("coverage", of.slug, "--recipe", "smell")
