"""Negatives in the database: written once, paired with their original, and told whole in an export."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from curation.actions import media, negatives
from curation.actions.negatives import Wanted
from curation.errors import Refused
from curation.models import Generator, Mark, Project, Sample
from tests import factories
from tests.curation.exports import frozen
from tests.curation.exports.test_exporting import rows_of, run

pytestmark = pytest.mark.django_db

RECIPE = """
recipe: 1
title: Originals against their negatives
pairing: {rule: corrupted}
"""
TEXT = "The tower is 300 metres high. It was built in 1889 by Gustave Eiffel for Paris."


def texts(count: int = 2) -> Project:
    of = factories.project(task="text")
    for number in range(count):
        factories.sample(factories.prompt(of), by="writer", text=f"{TEXT} Copy {number}.", round=number)
    return of


def drawn(count: int) -> Project:
    of = factories.project(licence="cc-by-4.0")
    for number in range(count):
        sample = factories.sample(factories.prompt(of, f"{frozen.WORDS[number]} {number}"), seed=number)
        factories.place(sample, frozen.picture(number))
    return of


def pixels(sample: Sample) -> np.ndarray:
    rendition = sample.media.get().asset.renditions.get()
    with Image.open(media.local_path(rendition=rendition)) as picture:
        return np.asarray(picture.convert("RGB"))


def made_of(original: Sample) -> Sample:
    return original.children.get()


@pytest.mark.capability("D8")
def test_a_negative_knows_its_parent_its_operator_and_its_span():
    of = texts(1)
    original = Sample.objects.get()

    outcome = negatives.make(project=of, wanted=Wanted(["number-changed"], seed=3))

    negative = made_of(original)
    assert (outcome.originals, outcome.made["number-changed"]) == (1, 1)
    assert (negative.generator.name, negative.generator.kind) == ("synthetic:number-changed", "generated")
    assert (negative.prompt_id, negative.round) == (original.prompt_id, original.round)
    start, end = negative.settings["place"]["span"]
    assert negative.text[:start] + negative.settings["place"]["before"] + negative.text[end:] == original.text
    mark = Mark.objects.get(sample=negative)
    assert (mark.target, mark.shape, mark.start, mark.end) == ("answer", "span", start, end)
    assert (mark.error_type, mark.rater.kind) == ("number-changed", "rule")


@pytest.mark.capability("D8")
@pytest.mark.parametrize("name", ["box-erased", "jpeg-noise", "cropped"])
def test_a_pictures_mark_is_around_the_pixels_that_differ(name):
    of = drawn(1)
    original = Sample.objects.get()

    negatives.make(project=of, wanted=Wanted([name]))

    negative = made_of(original)
    before, after = pixels(original), pixels(negative)
    (left, top), (right, bottom) = Mark.objects.get(sample=negative).points
    differs = (before != after).any(axis=2)
    differs[int(top) : int(bottom), int(left) : int(right)] = False
    assert before.shape == after.shape
    assert (before != after).any()
    assert not differs.any()
    assert negative.settings["place"]["box"] == [left, top, right, bottom]


def test_the_same_again_makes_no_doubles_and_another_seed_makes_others():
    of = texts(3)
    wanted = Wanted(["number-changed", "negation-inserted"])

    first, again = (negatives.make(project=of, wanted=wanted) for _ in range(2))
    other = negatives.make(project=of, wanted=Wanted(["number-changed"], seed=1))

    assert sum(first.made.values()) == 6
    assert (sum(again.made.values()), sum(again.known.values())) == (0, 6)
    assert other.made["number-changed"] == 3
    assert Sample.objects.filter(generator__name__startswith="synthetic:").count() == 9
    assert Mark.objects.count() == 9
    # Negatives are made of originals, never of negatives.
    assert not Sample.objects.filter(parent__generator__name__startswith="synthetic:").exists()


def test_another_seed_that_gives_the_same_text_makes_no_double():
    of = texts(1)
    negatives.make(project=of, wanted=Wanted(["blank-answer"], seed=1))

    assert negatives.make(project=of, wanted=Wanted(["blank-answer"], seed=2)).known == {"blank-answer": 1}


def test_what_cannot_be_changed_is_counted():
    of = texts(1)
    factories.sample(factories.prompt(of), text="nothing to count here")

    outcome = negatives.make(project=of, wanted=Wanted(["number-changed", "box-erased"]))

    assert outcome.made == {"number-changed": 1}
    assert outcome.inapplicable == {"number-changed": 1, "box-erased": 2}


def test_only_the_chosen_samples_are_looked_at():
    of = texts(4)
    factories.sample(factories.prompt(of, tags=["hard"]), by="other", text=TEXT)

    assert negatives.make(project=of, wanted=Wanted(["blank-answer"], generator="other")).originals == 1
    assert negatives.make(project=of, wanted=Wanted(["blank-answer"], tag="hard")).known["blank-answer"] == 1
    assert negatives.make(project=of, wanted=Wanted(["blank-answer"], limit=2)).originals == 2
    with pytest.raises(Refused, match="No sample"):
        negatives.make(project=of, wanted=Wanted(["blank-answer"], tag="easy"))
    with pytest.raises(Refused, match=r"no operator “blank”. Known: box-erased"):
        negatives.make(project=of, wanted=Wanted(["blank"]))


def test_a_run_that_broke_off_is_taken_up(monkeypatch):
    of = texts(3)
    monkeypatch.setattr(negatives, "BATCH", 1)

    class Stop(Exception):
        pass

    def stop(_outcome):
        raise Stop

    with pytest.raises(Stop):
        negatives.make(project=of, wanted=Wanted(["blank-answer"]), tell=stop)
    after = negatives.make(project=of, wanted=Wanted(["blank-answer"]))

    assert (after.known["blank-answer"], after.made["blank-answer"]) == (1, 2)


# -- into a dataset ---------------------------------------------------------------------------------------------------


@pytest.mark.capability("D8")
def test_parent_operator_and_place_reach_the_canonical_export(tmp_path):
    of = drawn(3)
    negatives.make(project=of, wanted=Wanted(["box-blurred", "colour-cast"]))

    version = frozen.freeze(of, recipe=RECIPE)
    export = run(version, folder=tmp_path / "out")

    assert export.readback["findings"] == []
    assert version.manifest["counts"]["pairs_by_basis"] == {"construction": 6}
    rows = rows_of(tmp_path / "out", "pairs")
    assert len(rows) == 6
    for row in rows:
        good, bad = ("a", "b") if row["preference"] == "a" else ("b", "a")
        name = row[f"{bad}_model"].removeprefix("synthetic:")
        assert name in ("box-blurred", "colour-cast")
        assert row[f"{bad}_parent_id"] == row[f"{good}_id"]
        params = json.loads(row[f"{bad}_params"])
        assert params["operator"] == name
        (mark,) = row[f"{bad}_marks"]
        assert (mark["error_type"], mark["shape"], mark["rater_kind"]) == (name, "box", "rule")
        assert [value for point in mark["points"] for value in point] == params["place"]["box"]
        assert row[f"{good}_marks"] == [] or all(m["rater_kind"] != "rule" for m in row[f"{good}_marks"])
        assert (row["basis"], row["strength"], row["evidence"]) == ("construction", None, [])


def test_a_version_of_negatives_verifies_and_a_taken_parent_takes_its_pair(tmp_path):
    from curation.actions import verifying
    from curation.models import DatasetVersion

    of = texts(2)
    negatives.make(project=of, wanted=Wanted(["blank-answer"]))
    version = frozen.freeze(of, recipe=RECIPE)

    assert verifying.verify(version=version).outcome == "identical"

    Sample.objects.filter(generator__name__startswith="synthetic:").first().delete()
    answer = verifying.verify(version=DatasetVersion.objects.get(pk=version.pk))
    assert (answer.outcome, answer.withdrawn) == ("withdrawn", 1)


# -- the command ------------------------------------------------------------------------------------------------------


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("make_negatives", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_makes_them_and_says_how_many():
    of = texts(2)

    said = told(of.slug, "--operator", "number-changed", "--operator", "box-erased")

    assert "2 samples looked at" in said
    assert "number-changed: 2 made, 0 were here, 0 have nothing to change" in said
    assert "box-erased: 0 made, 0 were here, 2 have nothing to change" in said
    assert Generator.objects.filter(name="synthetic:number-changed").exists()


def test_the_command_lists_the_operators_and_names_a_wrong_one():
    of = texts(1)

    assert "entity-swapped" in told(of.slug)
    with pytest.raises(CommandError, match="no operator “swap”"):
        told(of.slug, "--operator", "swap")
