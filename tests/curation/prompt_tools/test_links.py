"""Rewrites and contrasts in the database: linked once, found again, and competing under their original."""

from __future__ import annotations

import json
from io import StringIO

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from curation.actions import (
    importing,
    judgements,
    prompt_contrasts,
    prompt_links,
    raters,
    verifying,
    version_files,
    withdrawals,
)
from curation.actions.judgements import Act, NewScore, Subject
from curation.actions.prompt_contrasts import Wanted
from curation.actions.prompt_links import Wording
from curation.errors import Refused
from curation.models import (
    Comparison,
    JobFailure,
    Project,
    Prompt,
    PromptConstraints,
    PromptLink,
    Rater,
    Sample,
    Score,
)
from tests import factories
from tests.curation.exports import frozen
from tests.curation.exports.test_exporting import rows_of, run

pytestmark = pytest.mark.django_db

BEST = """
recipe: 1
title: Rewrites
candidates: {under: original}
pairing: {rule: best_against_worst, by: {scores: quality}}
"""


def words(relation: str = "rewrite", *texts: str, **fields) -> list[Wording]:
    return [Wording(text, relation, **fields) for text in texts]


def texts(of: Project) -> set[str]:
    return set(Prompt.objects.filter(project=of).values_list("text", flat=True))


# -- links ------------------------------------------------------------------------------------------------------------


def test_a_rewrite_is_linked_to_its_original_with_its_author_and_is_found_again():
    of = factories.project()
    origin = factories.prompt(of, "a cat", tags=["theme:animals"], facts={"objects": [{"class": "cat"}]})
    model = raters.named(project=of, name="prompter-7b", kind=Rater.Kind.MODEL)
    wordings = words("expansion", "a photo of a cat in the sun", operator="expand", author=model)

    first = prompt_links.add(project=of, origin=origin, wordings=wordings)
    again = prompt_links.add(project=of, origin=origin, wordings=wordings)

    assert (first.made, first.known, again.made, again.known) == ({"expansion": 1}, 0, {}, 1)
    link = PromptLink.objects.get()
    assert (link.relation, link.operator, link.author, link.origin) == ("expansion", "expand", model, origin)
    assert (link.prompt.facts, link.prompt.tags) == (origin.facts, origin.tags)


def test_input_media_and_turns_come_with_a_rewrite_so_that_it_asks_about_the_same():
    of = factories.project(task="image-editing")
    origin = factories.prompt(of, "make it red", turns=[{"role": "user", "content": "make it red"}])
    factories.place(origin, role="source", position=0)

    prompt_links.add(project=of, origin=origin, wordings=words("rewrite", "turn it red"))

    made = PromptLink.objects.get().prompt
    assert made.turns == [{"role": "user", "content": "turn it red"}]
    assert made.media.get().asset == origin.media.get().asset


@pytest.mark.parametrize(
    ("relation", "text", "said"),
    [("rewrite", "a cat", "itself"), ("rewrite", "  ", "characters"), ("sequel", "x", "no relation"),
     ("contrast", "a dog", "names its operator")],
)  # fmt: skip
def test_a_wording_that_is_none_is_refused(relation, text, said):
    of = factories.project()

    with pytest.raises(Refused, match=said):
        prompt_links.add(project=of, origin=factories.prompt(of, "a cat"), wordings=words(relation, text))


def test_a_prompt_rewrites_one_original_and_never_in_a_circle():
    of = factories.project()
    first, other = factories.prompt(of, "a cat"), factories.prompt(of, "a feline")
    prompt_links.add(project=of, origin=first, wordings=words("rewrite", "one cat"))
    second = Prompt.objects.get(text="one cat")

    with pytest.raises(Refused, match="one original only"):
        prompt_links.link(project=of, prompt=second, origin=other, wording=words("rewrite", "one cat")[0])
    with pytest.raises(Refused, match="cannot be its original too"):
        prompt_links.link(project=of, prompt=first, origin=second, wording=words("rewrite", "a cat")[0])
    with pytest.raises(IntegrityError), transaction.atomic():
        PromptLink.objects.create(project=of, prompt=second, origin=other, relation="rewrite")
    with pytest.raises(IntegrityError), transaction.atomic():
        PromptLink.objects.create(project=of, prompt=second, origin=second, relation="contrast", operator="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        PromptLink.objects.create(project=of, prompt=second, origin=other, relation="contrast")


def test_a_file_of_rewrites_is_taken_row_by_row(tmp_path):
    of = factories.project("cats")
    factories.prompt(of, "a cat", key="c1")
    rows = [
        {"rewrite_of": "c1", "prompt": "one cat", "author": "ada"},
        {"original": "a cat", "prompt": "eine Katze", "relation": "translation", "locale": "de"},
        {"rewrite_of": "gone", "prompt": "x"},
        {"prompt": "x"},
        {"rewrite_of": "c1", "prompt": "y", "colour": 1},
    ]
    file = tmp_path / "rewrites.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    said, wrong = StringIO(), StringIO()

    call_command("rewrites", "cats", str(file), stdout=said, stderr=wrong)
    call_command("rewrites", "cats", str(file), stdout=said, stderr=StringIO())

    assert texts(of) == {"a cat", "one cat", "eine Katze"}
    assert Prompt.objects.get(text="eine Katze").locale == "de"
    assert "2 were here, 3 refused" in said.getvalue()
    assert [line.split(":")[1] for line in wrong.getvalue().strip().splitlines()] == ["3", "4", "5"]


def test_an_import_links_prompts_whichever_comes_first_and_says_what_has_no_original(tmp_path):
    of = factories.project()
    rows = [
        {"prompt": "one cat", "prompt_key": "c2", "rewrite_of": "c1"},
        {"prompt": "a cat", "prompt_key": "c1"},
        {"prompt": "a dog", "rewrite_of": "c1", "relation": "contrast", "operator": "object"},
        {"prompt": "a bus", "rewrite_of": "b1"},
        {"prompt": "a tram", "rewrite_of": "c1", "relation": "contrast"},
    ]
    file = tmp_path / "list.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))

    for _time in range(2):
        job = importing.create(project=of, options=importing.for_path(file), by=None)
        importing.run(job=job)

    found = {(link.prompt.text, link.origin.text, link.relation) for link in PromptLink.objects.all()}
    assert found == {("one cat", "a cat", "rewrite"), ("a dog", "a cat", "contrast")}
    reasons = JobFailure.objects.filter(job=job).values_list("reason", flat=True)
    assert any("“b1” is not in this project" in reason for reason in reasons)
    assert any("names its operator" in reason for reason in reasons)


# -- contrasts --------------------------------------------------------------------------------------------------------


@pytest.mark.capability("J3")
def test_contrasts_are_kept_as_negatives_each_with_its_operator_and_place_and_made_once():
    of = factories.project("pets", name="Pets")
    origin = factories.prompt(of, "two red cats on a mat", tags=["pets"], facts={"objects": []})
    factories.prompt(of, "zwei rote Katzen", locale="de")
    factories.prompt(of, "nothing here")
    said = StringIO()

    for _time in range(2):
        call_command("contrast", "pets", "--operator", "count,colour,object", "--per-prompt", "4", stdout=said)

    links = PromptLink.objects.contrasts().filter(origin=origin).order_by("pk")
    assert [link.prompt.text for link in links] == [
        "three red cats on a mat",
        "two blue cats on a mat",
        "two red dogs on a mat",
        "four red cats on a mat",
    ]
    assert PromptLink.objects.count() == 4
    for link in links:
        [edit] = link.edits
        assert origin.text[edit["start"] : edit["end"]] == edit["before"]
        changed = origin.text[: edit["start"]] + edit["after"] + origin.text[edit["end"] :]
        assert changed == link.prompt.text
    assert [link.operator for link in links] == ["count", "colour", "object", "count"]
    assert (links[0].prompt.facts, links[0].prompt.tags) == ({}, ["pets"])
    assert "2 prompts looked at, 1 with nothing to change" in said.getvalue()
    assert "4 were here" in said.getvalue()


def test_contrasts_are_not_made_of_contrasts_and_unknown_operators_are_named():
    of = factories.project("pets")
    factories.prompt(of, "two cats")
    for _time in range(3):
        prompt_contrasts.make(project=of, wanted=Wanted(["count"]))

    assert texts(of) == {"two cats", "three cats", "four cats"}
    with pytest.raises(Refused, match="no operator “smell”"):
        prompt_contrasts.make(project=of, wanted=Wanted(["smell"]))
    with pytest.raises(CommandError, match="No English prompt"):
        call_command("contrast", "pets", "--operator", "count", "--tag", "gone")


def test_a_contrast_by_hand_in_any_language_knows_where_it_differs():
    of = factories.project()
    origin = factories.prompt(of, "ein rotes Haus", locale="de")
    ada = factories.rater(of, "ada")

    prompt_contrasts.write(project=of, origin=origin, text="ein blaues Haus", author=ada)

    link = PromptLink.objects.get()
    assert (link.operator, link.author, link.prompt.locale) == ("written", ada, "de")
    assert link.edits == [{"start": 4, "end": 7, "before": "rot", "after": "blau"}]


def test_taking_a_prompt_down_takes_the_contrasts_that_repeat_its_words():
    of = factories.project()
    origin = factories.prompt(of, "two secret cats")
    prompt_contrasts.make(project=of, wanted=Wanted(["count"]))
    PromptConstraints.objects.create(prompt=origin, items=[{"question": "Are there two?"}], edition="x")

    withdrawals.take_down(project=of, scope=withdrawals.of_prompt(origin), reason="asked", by=None)

    assert texts(of) == {""}
    assert not PromptConstraints.objects.exists()
    assert all(link.parameters == {} for link in PromptLink.objects.all())


# -- recipes and exports ----------------------------------------------------------------------------------------------


def rewritten(samples: int = 2) -> tuple[Project, Prompt, dict[str, list[float]]]:
    """Prompts of which the first has two rewrites, one of them better under the original and the other worse."""
    of = factories.project(task="text", licence="cc-by-4.0")
    origin = factories.prompt(of, "a cat")
    prompt_links.add(project=of, origin=origin, wordings=words("rewrite", "one cat in the sun", "cat"))
    values = {"a cat": [0.4, 0.6], "one cat in the sun": [0.8, 1.0], "cat": [0.1, 0.3]}
    machine = raters.machine(kind=Rater.Kind.RULE, name="meter", identity={"version": 1})
    quality = frozen.criteria.ensure(project=of, key="quality")
    scores = []
    for place, (text, own) in enumerate(values.items()):
        prompt = Prompt.objects.get(text=text)
        for number, value in enumerate(own[:samples]):
            made = factories.sample(prompt, text=f"answer {place} {number}", seed=number)
            scores.append(NewScore(Subject(made.pk, origin.pk), quality.pk, value))
            if prompt != origin:  # under its own words even the worst is perfect; that must not count
                scores.append(NewScore(Subject(made.pk, prompt.pk), quality.pk, 1.0))
    judgements.record(project=of, acts=[Act(machine.pk, "pass", scores=scores)])
    return of, origin, values


@pytest.mark.capability("J2")
def test_a_rewrite_pair_is_exported_for_a_prompt_optimiser(tmp_path):
    of, origin, values = rewritten()

    version = frozen.freeze(of, recipe=BEST)
    run(version, ["rewrites"], tmp_path / "out")

    rows = rows_of(tmp_path / "out", "rewrites")
    mean = {text: sum(own) / 2 for text, own in values.items()}
    told = {
        (row["chosen"][0]["content"], row["rejected"][0]["content"]): (row["margin"], row["prompt"][0]["content"])
        for row in rows
    }
    assert told == {
        (better, worse): (pytest.approx(mean[better] - mean[worse]), "a cat")
        for better in mean
        for worse in mean
        if mean[better] > mean[worse]
    }
    best = next(row for row in rows if row["margin"] == pytest.approx(0.7))
    assert (best["chosen_samples"], best["rejected_samples"]) == (2, 2)
    assert best["reward_name"].startswith("quality/meter")
    # Each mean of two has the error 0.1414 / √2 = 0.1, so the gap is 0.7 / √0.02.
    assert best["standard_errors"] == pytest.approx(0.7 / 0.02**0.5)


def test_samples_of_rewrites_compete_under_their_original_and_the_version_is_rebuilt_alike():
    of, origin, _values = rewritten()
    version = frozen.freeze(of, recipe=BEST)

    [pair] = version_files.scan(version, "pairs").collect().to_dicts()

    chosen, rejected = Sample.objects.get(pk=pair["chosen_id"]), Sample.objects.get(pk=pair["rejected_id"])
    assert (chosen.prompt.text, rejected.prompt.text) == ("one cat in the sun", "cat")
    assert (pair["chosen_prompt_id"], pair["rejected_prompt_id"]) == (origin.pk, origin.pk)
    assert pair["margin"] == pytest.approx(0.9)
    assert verifying.verify(version=version).outcome == verifying.Outcome.IDENTICAL
    PromptLink.objects.filter(prompt__text="cat").delete()
    assert verifying.verify(version=version).outcome == verifying.Outcome.DIFFERENT


def test_without_the_option_each_wording_competes_alone():
    of, _origin, _values = rewritten()

    version = frozen.freeze(of, recipe=BEST.replace("candidates: {under: original}", ""))

    pairs = version_files.scan(version, "pairs").collect()
    prompts = {Sample.objects.get(pk=pk).prompt.text for pk in pairs["chosen_id"]}
    assert prompts == {"a cat"}  # the others are equal under their own words


def test_wrong_prompts_can_be_kept_to_contrasts():
    of = factories.project(task="text", licence="cc-by-4.0")
    origin, other = factories.prompt(of, "two cats"), factories.prompt(of, "an old harbour at night")
    prompt_contrasts.make(project=of, wanted=Wanted(["count"], per_prompt=1))
    contrast = PromptLink.objects.get(origin=origin).prompt
    machine = raters.machine(kind=Rater.Kind.RULE, name="meter", identity={"version": 1})
    quality = frozen.criteria.ensure(project=of, key="quality")
    made = factories.sample(origin, text="two cats sat")
    scores = [
        NewScore(Subject(made.pk, prompt.pk), quality.pk, value)
        for prompt, value in ((origin, 0.9), (contrast, 0.5), (other, 0.1))
    ]
    judgements.record(project=of, acts=[Act(machine.pk, "pass", scores=scores)])
    rule = "recipe: 1\ntitle: w\npairing: {{rule: wrong_prompt, by: {{scores: quality}}, prompts: {}}}\n"

    found = {}
    for name in ("any", "contrasts"):
        version = frozen.freeze(of, name=f"wrong-{name}", recipe=rule.format(name))
        found[name] = set(version_files.scan(version, "pairs").select("rejected_prompt_id").collect().to_series())

    assert found == {"any": {contrast.pk, other.pk}, "contrasts": {contrast.pk}}
    assert verifying.verify(version=version).outcome == verifying.Outcome.IDENTICAL


def test_a_chain_of_rewrites_leads_to_its_first_original():
    from curation.recipes.steps.originals import first_originals

    schema = {"link_id": pl.Int64, "prompt_id": pl.Int64, "origin_id": pl.Int64, "relation": pl.String}
    rows = [(1, 2, 1, "rewrite"), (2, 3, 2, "expansion"), (3, 4, 3, "rewrite"), (4, 9, 4, "contrast")]

    found = first_originals(pl.DataFrame(rows, schema=schema, orient="row"))

    assert dict(found.rows()) == {2: 1, 3: 1, 4: 1}


def test_judgements_of_a_file_may_say_under_which_prompt_samples_were_judged(tmp_path):
    of = factories.project(task="text")
    origin = factories.prompt(of, "a cat", key="c1")
    own = factories.prompt(of, "one cat in the sun", key="c2")
    factories.sample(origin, text="x", key="s1")
    factories.sample(own, text="y", key="s2")
    rows = [
        {"kind": "compare", "rater": "ada", "left": "s1", "right": "s2", "outcome": "right", "under": "c1"},
        {"kind": "rate", "rater": "ada", "sample": "s2", "criterion": "fits", "value": 1, "under": "c1"},
        {"kind": "rate", "rater": "ada", "sample": "s2", "criterion": "fits", "value": 3},
        {"kind": "rate", "rater": "ada", "sample": "s2", "criterion": "fits", "value": 2, "under": "gone"},
    ]
    file = tmp_path / "judgements.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))

    for _time in range(2):
        job = importing.create(project=of, options=importing.for_path(file), by=None)
        importing.run(job=job)

    comparison = Comparison.objects.get()
    assert (comparison.left_prompt_id, comparison.right_prompt_id) == (origin.pk, origin.pk)
    assert {(score.prompt_id, score.value) for score in Score.objects.all()} == {(origin.pk, 1.0), (own.pk, 3.0)}
    [reason] = JobFailure.objects.filter(job=job).values_list("reason", flat=True)
    assert "“gone”" in reason
