"""Whose model a machine asks: what is kept of it, and that the rule in words and the rule in SQL are one."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from curation.actions import kinship, raters
from curation.actions.raters import Kinship
from curation.models import Rater
from curation.models.consensus_frames import RELATED
from curation.models.evidence_frames import read_frame
from curation.recipes import frames
from curation.rewards.agreement import is_own_model
from tests import factories

pytestmark = pytest.mark.django_db

GENERATORS = [
    ("deepseek-ai/Janus-Pro-7B", ""),
    ("janus_pro_7b", "main"),
    ("painter", "unsloth/Janus-Pro-7B@0f1"),
    ("painter", "janus-pro-7b"),
    ("Janus-Pro-1B", ""),
    ("janus", "pro/7b"),
    ("Émile", ""),
    ("---", ""),
]
ASKED = [
    [],
    ["Janus-Pro-7B"],
    ["other/one", "someone/janus.pro.7b@9e"],
    ["émile/"],
    ["---"],
    ["pro/7b"],
    [""],
]


@pytest.mark.parametrize(("name", "revision"), GENERATORS)
@pytest.mark.parametrize("names", ASKED)
def test_sql_calls_the_same_generators_the_own_model_of_a_rater(name, revision, names) -> None:
    project = factories.project(task="text")
    sample = factories.sample(factories.prompt(project), by=name, text="x")
    sample.generator.revision = revision
    sample.generator.save()
    rater = raters.machine(kind="model", name="eye", identity={"n": 1}, kinship=Kinship(model_names=tuple(names)))

    found = read_frame(RELATED.format(only_samples=""), frames.RELATED, {"project": project.pk})

    expected = {(rater.pk, sample.prompt_id)} if is_own_model(names, name, revision) else set()
    assert set(found.iter_rows()) == expected
    assert kinship.relatives(project, family="", model_names=names) == ([sample.generator] if expected else [])


def test_the_rule_finds_what_it_should() -> None:
    found = [[is_own_model(names, *generator) for generator in GENERATORS] for names in ASKED]

    assert [sum(row) for row in found] == [0, 3, 3, 1, 0, 1, 0]


def test_relatives_are_of_one_family_or_the_model_itself() -> None:
    project = factories.project(task="text")
    for name, family in (("flux", "Flux.1"), ("scribe", "letters"), ("plain", "")):
        factories.generator(project, name, family=family)

    def names(**kin: object) -> list[str]:
        return [one.name for one in kinship.relatives(project, **{"family": "", **kin})]  # type: ignore[arg-type]

    assert names(family="flux 1") == ["flux"]
    assert names(family="flux 1", model_names=["owner/Scribe"]) == ["flux", "scribe"]
    assert names() == names(model_names=[""]) == []


def test_a_rater_keeps_every_name_of_its_weights_and_learns_what_was_not_known() -> None:
    def again(**kin: object) -> Rater:
        known = Kinship(**kin)  # type: ignore[arg-type]
        return raters.machine(kind="model", name="eye", identity={"weights": "abc"}, kinship=known)

    first = again()
    again(family="llava", model_names=("owner/eye",), independence="cycle")
    again(family="other", model_names=("eye-copy", "owner/eye"))
    last = again()

    assert first.pk == last.pk
    last.refresh_from_db()
    assert (last.family, last.independence) == ("llava", "cycle")
    assert last.model_names == ["owner/eye", "eye-copy"]


def test_an_ensemble_is_as_independent_as_its_members() -> None:
    def member(name: str, independence: str, *names: str) -> Rater:
        kin = Kinship("llava", names, independence)
        return raters.machine(kind="model", name=name, identity={"of": name}, kinship=kin)

    cycle, other, outside = member("a", "cycle", "x", "y"), member("b", "cycle", "y"), member("c", "")

    inside = raters.ensemble(name="inside", members=[cycle, other])
    mixed = raters.ensemble(name="mixed", members=[cycle, outside])
    assert (inside.independence, inside.model_names) == ("cycle", ["y"])
    assert (mixed.independence, mixed.model_names) == ("", [])


def test_judges_of_before_are_named_by_their_model_and_never_by_where_it_lies() -> None:
    identities = [
        {"judge": "1", "model": {"backend": "transformers", "model": "Qwen/Qwen2-VL@0f"}},
        {"judge": "1", "model": {"backend": "transformers", "model": "/srv/models/janus-pro/"}},
        {"judge": "1", "model": {"backend": "openai-compatible", "model": "gpt-5"}},
        {"scorer": "clipscore"},
    ]
    made = [raters.machine(kind="model", name="eye", identity=identity) for identity in identities]

    with connection.cursor() as cursor:
        cursor.execute(import_module("curation.migrations.0014_whose_model_a_rater_asks").NAMED)

    names = dict(Rater.objects.values_list("pk", "model_names"))
    assert [names[one.pk] for one in made] == [["Qwen2-VL"], ["janus-pro"], ["gpt-5"], []]
