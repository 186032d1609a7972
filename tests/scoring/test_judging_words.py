"""A judge's numbers for words of the prompt: where they stand, and that they are written with its verdict."""

from __future__ import annotations

import pytest

from curation.models import Judgement, Mark, Project, Score
from scoring.actions.judging import benches
from scoring.actions.judging.starting import start_judging
from scoring.actions.judging.verdicts import placed_words
from tests import factories
from tests.scoring.judging_helpers import ReadingModel, greys, judge, work_through, write_endpoints

pytestmark = pytest.mark.django_db

SAID = """The cat is there.
Word-wise Scores: [["A", 0.2], ["red", 0.1], ["CAT,", 0.2], ["a", 0.05], ["hat", 0.9], ["x", 0.4], ["[No_mistakes]", 0]]
Alignment Score (1-5): 2.5
Coherence Score (1-5): 4
Style Score (1-5): 3"""


@pytest.fixture
def project(monkeypatch, settings, tmp_path) -> Project:
    settings.ENDPOINTS_FILE = write_endpoints(tmp_path)
    model = ReadingModel(say=lambda question, texts: SAID)
    monkeypatch.setattr(benches, "_backend", lambda made_of: model)
    return factories.project()


def test_words_stand_in_the_prompt_beside_the_number_of_the_whole(project: Project) -> None:
    text = "A red cat, and a hat"
    greys(project, 40, 90, text=text)

    asked = judge(project, template="unifiedreward-image-words")
    for _twice in range(2):
        work_through(start_judging(project=project, judge=asked, by=None))

    for act in Judgement.objects.all():
        marks = Mark.objects.filter(judgement=act).order_by("position")
        assert [(text[mark.start : mark.end], mark.value) for mark in marks] == [
            ("A", 0.2),
            ("red", 0.1),
            ("cat,", 0.2),
            ("a", 0.05),
            ("hat", 0.9),
        ]
        whole = Score.objects.get(judgement=act, value=2.5)
        assert {(mark.target, mark.shape, mark.criterion_version_id) for mark in marks} == {
            ("prompt", "span", whole.criterion_version_id)
        }
        assert act.payload["verdict"]["detail"]["words"][-1] == ["[No_mistakes]", 0.0]
    assert Judgement.objects.count() == 2
    assert Score.objects.filter(value=2.5).count() == 2


def test_a_word_is_looked_for_behind_the_one_before_and_only_whole() -> None:
    assert placed_words("concat a cat", [("cat", 1.0), ("a", 2.0)]) == [(9, 12, 1.0)]
    assert placed_words("naïve 🐑, 三匹", [("NAÏVE", 1.0), ("🐑,", 2.0), ("三匹", 3.0)]) == [
        (0, 5, 1.0),
        (6, 8, 2.0),
        (9, 11, 3.0),
    ]
    assert placed_words("a (b)", [("(b", 1.0), (" ", 2.0), ("", 3.0)]) == [(2, 4, 1.0)]
