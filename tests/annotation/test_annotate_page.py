"""The page of `annotate` as the server sends it: whom it lets in, what it holds, and that no word is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.urls import reverse

from annotation.views.annotate_texts import PAGE_TEXTS
from tests import factories
from tests.browser import judging

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "js"
SAID = re.compile(r'\bsay\(\s*(?:[^"`()]*\?\s*)?"([^"]+)"(?:\s*:\s*"([^"]+)")?')
BUILT = re.compile(r"\bsay\(\s*`([^`$]*)\$\{")


def page_scripts() -> dict[Path, str]:
    files = [SCRIPTS / "annotate.js", *(SCRIPTS / "annotate").rglob("*.js")]
    # The canvas has texts of its own.
    return {path: path.read_text(encoding="utf-8") for path in files if "stage" not in path.parts}


def test_every_word_the_scripts_say_is_listed() -> None:
    asked = {(path.name, key) for path, text in page_scripts().items() for found in SAID.findall(text) for key in found}

    missing = sorted((name, key) for name, key in asked if key and key not in PAGE_TEXTS)

    assert len(asked) > 80
    assert missing == []


def test_every_group_of_words_the_scripts_build_is_listed() -> None:
    """`say(`state_${name}`)`: some text begins so."""
    stems = {stem for text in page_scripts().values() for stem in BUILT.findall(text)}

    assert "state_" in stems
    assert [stem for stem in stems if not any(key.startswith(stem) for key in PAGE_TEXTS)] == []


def test_no_script_of_the_page_is_longer_than_five_hundred_lines() -> None:
    assert [path.name for path, text in page_scripts().items() if text.count("\n") > 500] == []


@pytest.mark.django_db
def test_the_page_tells_the_questions_and_nothing_about_who_made_what(client) -> None:
    work = judging.bench(judging.COMPARE, items=1)
    client.force_login(work.person)

    page = client.get(work.url).content.decode()

    setup = json.loads(re.search(r'id="annotate-setup"[^>]*>(.*?)</script>', page, re.S)[1])
    assert [question["key"] for question in setup["questions"]] == ["overall"]
    assert setup["questions"][0]["both_bad"] is True, "what the batch leaves out is said as the server reads it"
    assert setup["person"] == work.person.pk
    assert "g0" not in page
    assert "seed" not in setup


@pytest.mark.django_db
def test_a_batch_for_people_by_name_is_hidden_from_the_others(client) -> None:
    work = judging.bench(judging.COMPARE, items=1, is_open_to_members=False)
    client.force_login(factories.member(work.project, "annotator"))

    assert client.get(work.url).status_code == 404
    assert client.get(reverse("annotate_history", args=[work.project.slug, work.batch.pk])).status_code == 404
