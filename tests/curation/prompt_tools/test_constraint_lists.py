"""Lists of constraints in the database: one a prompt, imported, changed, and answered by people."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from curation.actions import prompt_constraints, raters
from curation.errors import Refused
from curation.models import Judgement, PromptConstraints, Score
from tests import factories

pytestmark = pytest.mark.django_db

LIST = [
    {"key": "cat", "question": "Is there a cat?"},
    {"key": "black", "question": "Is the cat black?", "weight": 3, "needs": ["cat"]},
    {"key": "tree", "question": "Is there a tree?"},
]


def test_a_list_is_new_then_the_same_then_changed():
    prompt = factories.prompt(factories.project())

    said = [prompt_constraints.set_list(prompt=prompt, raw=raw, by=None) for raw in (LIST, LIST, LIST[:2])]

    assert said == ["new", "same", "changed"]
    assert [one.key for one in prompt_constraints.of(prompt)] == ["cat", "black"]


def test_a_circle_of_needs_is_refused_with_its_names_and_the_old_list_stays():
    prompt = factories.prompt(factories.project())
    prompt_constraints.set_list(prompt=prompt, raw=LIST, by=None)
    circle = [{**LIST[0], "needs": ["black"]}, LIST[1]]

    with pytest.raises(Refused, match="“cat” needs “black” needs “cat”"):
        prompt_constraints.set_list(prompt=prompt, raw=circle, by=None)

    assert len(prompt_constraints.of(prompt)) == 3


def test_a_file_gives_lists_to_the_prompts_it_names(tmp_path):
    of = factories.project("cats")
    factories.prompt(of, "a black cat", key="c1")
    factories.prompt(of, "two dogs")
    rows = [
        {"prompt_key": "c1", "constraints": LIST},
        {"prompt": "two dogs", "include": [{"class": "dog", "count": 2}]},
        {"prompt": "gone", "constraints": LIST},
    ]
    file = tmp_path / "lists.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    said, wrong = StringIO(), StringIO()

    call_command("constraints", "cats", str(file), stdout=said, stderr=wrong)
    call_command("constraints", "cats", str(file), stdout=said, stderr=StringIO())

    assert said.getvalue().splitlines() == [
        "2 new, 0 changed, 0 as before, 1 refused",
        "0 new, 0 changed, 2 as before, 1 refused",
    ]
    assert "lists.jsonl:3" in wrong.getvalue()
    dogs = PromptConstraints.objects.get(prompt__text="two dogs")
    assert [item["question"] for item in dogs.items] == ["Is there a dog?", "Are there exactly 2 dogs?"]


def test_a_list_is_read_off_the_facts_of_a_prompt_or_refused_in_words():
    of = factories.project()
    stated = factories.prompt(of, facts={"objects": [{"class": "cat", "count": 1, "color": "red"}]})

    assert prompt_constraints.from_facts(prompt=stated, by=None) == "new"
    assert [one.needs for one in prompt_constraints.of(stated)] == [(), ("cat",)]
    with pytest.raises(Refused, match="nothing to ask"):
        prompt_constraints.from_facts(prompt=factories.prompt(of), by=None)


@pytest.mark.capability("J4")
def test_a_persons_answers_give_a_total_in_which_void_questions_do_not_count():
    of = factories.project()
    prompt = factories.prompt(of)
    prompt_constraints.set_list(prompt=prompt, raw=LIST, by=None)
    sample, ada = factories.sample(prompt), raters.for_user(factories.user("ada"))

    prompt_constraints.answer(sample=sample, rater=ada, answers={"cat": False, "black": True, "tree": True})
    first = Score.objects.get()
    prompt_constraints.answer(sample=sample, rater=ada, answers={"cat": True, "black": False, "tree": True})

    living = Score.objects.get(is_retracted=False)
    assert (first.value, living.value) == (pytest.approx(1 / 2), pytest.approx(2 / 5))
    assert first.criterion_version.criterion.key == "alignment-points-0-1"
    payload = first.judgement.payload["verdict"]
    assert [(one["key"], one["yes"], one["is_void"]) for one in payload["answers"]] == [
        ("cat", False, False),
        ("black", None, True),
        ("tree", True, False),
    ]
    assert Judgement.objects.living().count() == 1
    assert prompt_constraints.given(prompt=prompt, by=ada.user)[sample.pk]["total"] == pytest.approx(2 / 5)


def test_an_answer_that_is_missing_is_named_and_nothing_is_written():
    prompt = factories.prompt(factories.project())
    sample, ada = factories.sample(prompt), raters.for_user(factories.user())
    with pytest.raises(Refused, match="no list of constraints"):
        prompt_constraints.answer(sample=sample, rater=ada, answers={})
    prompt_constraints.set_list(prompt=prompt, raw=LIST, by=None)

    with pytest.raises(Refused, match=r"Is there a tree\?"):
        prompt_constraints.answer(sample=sample, rater=ada, answers={"cat": False})

    assert not Judgement.objects.exists()
