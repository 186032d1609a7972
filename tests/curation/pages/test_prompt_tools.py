"""The pages of coverage, tools, constraints and wordings."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from curation.actions import prompt_constraints, prompt_contrasts, prompt_taxonomy
from curation.models import Judgement, Prompt, PromptLink, Score, Taxonomy
from tests import factories

pytestmark = pytest.mark.django_db

LIST = [{"key": "cat", "question": "Is there a cat?"}, {"key": "red", "question": "Is it red?", "needs": ["cat"]}]


@pytest.fixture
def project():
    return factories.project("pets", name="Pets")


@pytest.fixture
def curator(client, project):
    person = factories.member(project, "curator")
    client.force_login(person)
    return person


def page(client, name, *args, **params):
    answer = client.get(reverse(name, args=["pets", *args]), params)
    assert answer.status_code == 200
    return answer.content.decode()


def send(client, name, *args, **data):
    return client.post(reverse(name, args=["pets", *args]), data, follow=True)


def test_coverage_shows_empty_values_and_the_lines_of_a_recipe(client, project, curator):
    factories.sample(factories.prompt(project, tags=["theme:animals", "edit:add"]))
    said = send(client, "prompt_coverage", text="theme: [animals, <food>]\nedit: [add]")

    shown = page(client, "prompt_coverage")
    assert said.status_code == 200
    assert "facet: theme" in shown
    assert "&lt;food&gt;" in shown
    assert "theme × edit" in shown
    assert prompt_taxonomy.as_text(project).startswith("theme:")
    assert "have it, 0 do not" in page(client, "prompt_coverage", tag="edit:add", answered="yes")
    assert send(client, "prompt_coverage", text="theme: [").status_code == 400
    assert Taxonomy.objects.count() == 1


def test_contrasts_are_made_and_listed_with_what_changed(client, project, curator):
    factories.prompt(project, "two cats")

    said = send(client, "prompt_contrasts_make", operators=["count"], per_prompt="2").content.decode()

    assert "2 contrasts are new, 0 were here" in said
    assert "<del>two</del> <ins>three</ins>" in said
    assert "<ins>three</ins>" in page(client, "prompt_tools", relation="contrast")
    assert "<ins>three</ins>" not in page(client, "prompt_tools", relation="rewrite")
    assert send(client, "prompt_contrasts_make", per_prompt="2").status_code == 400


def test_files_are_taken_and_bad_rows_are_said(client, project, curator):
    factories.prompt(project, "a cat", key="c1")
    rows = [{"rewrite_of": "c1", "prompt": "one cat"}, {"rewrite_of": "gone", "prompt": "x"}]
    file = SimpleUploadedFile("r.jsonl", "\n".join(map(json.dumps, rows)).encode())
    lists = SimpleUploadedFile("l.jsonl", json.dumps({"prompt_key": "c1", "constraints": LIST}).encode())

    wordings = send(client, "prompt_file_take", what="rewrites", file=file).content.decode()
    listed = send(client, "prompt_file_take", what="constraints", file=lists).content.decode()

    assert "1 wordings are new and 0 were here" in wordings
    assert "rows.jsonl:2: There is no prompt “gone”" in wordings
    assert "1 lists are new" in listed
    wrong = send(client, "prompt_file_take", what="rewrites", file=SimpleUploadedFile("r.exe", b"x"))
    assert wrong.status_code == 400


def test_the_page_of_a_prompt_shows_its_wordings_and_takes_new_ones(client, project, curator):
    origin = factories.prompt(project, "two cats")
    prompt_contrasts.make(project=project, wanted=prompt_contrasts.Wanted(["count"], per_prompt=1))
    prompt_constraints.set_list(prompt=origin, raw=LIST, by=None)

    send(client, "prompt_wording_add", origin.pk, relation="rewrite", text="a couple of cats")
    refused = send(client, "prompt_wording_add", origin.pk, relation="rewrite", text="two cats").content.decode()

    shown = page(client, "prompt", origin.pk)
    assert "three cats" in shown
    assert "a couple of cats" in shown
    assert "void unless cat" in shown
    assert "is the prompt itself" in refused
    assert PromptLink.objects.get(relation="rewrite").author.user == curator
    assert "two cats" in page(client, "prompt", Prompt.objects.get(text="three cats").pk)


def test_a_list_is_edited_as_text_and_a_circle_is_said_beside_it(client, project, curator):
    prompt = factories.prompt(project, facts={"objects": [{"class": "cat", "color": "red"}]})

    send(client, "prompt_constraints", prompt.pk, from_facts="1", text="")
    text = '- {key: a, question: "A?", needs: [b]}\n- {key: b, question: "B?", needs: [a]}'
    refused = send(client, "prompt_constraints", prompt.pk, text=text)

    unreadable = send(client, "prompt_constraints", prompt.pk, text="- {key: a, question: A?}")
    assert "Put every question in quotes" in unreadable.content.decode()
    assert refused.status_code == 400
    assert "“a” needs “b” needs “a”" in refused.content.decode()
    assert "void unless cat" in page(client, "prompt_constraints", prompt.pk)
    send(client, "prompt_constraints", prompt.pk, text="")
    assert prompt_constraints.of(prompt) == ()


@pytest.mark.capability("J4")
def test_answering_on_the_page_leaves_a_void_question_out_of_the_total(client, project, curator):
    prompt = factories.prompt(project)
    prompt_constraints.set_list(prompt=prompt, raw=[*LIST, "Is there a tree?"], by=None)
    sample = factories.sample(prompt)

    missing = send(client, "sample_constraints", sample.pk, **{"answer-cat": "no"})
    done = send(client, "sample_constraints", sample.pk, **{"answer-cat": "no", "answer-item-3": "yes"})

    assert missing.status_code == 400
    assert "no answer to “Is there a tree?”" in missing.content.decode()
    assert "50% of what counts is met" in done.content.decode()
    assert Score.objects.get().value == pytest.approx(0.5)
    assert Judgement.objects.get().rater.user == curator


def test_a_viewer_reads_and_is_offered_no_button(client, project):
    prompt = factories.prompt(project)
    prompt_constraints.set_list(prompt=prompt, raw=LIST, by=None)
    client.force_login(factories.member(project, "viewer"))

    for name, args in (("prompt_coverage", ()), ("prompt_tools", ()), ("prompt_constraints", (prompt.pk,))):
        assert "btn-primary" not in page(client, name, *args)
