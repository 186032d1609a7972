"""Marks from an answer to the database, to the page of the prompt, and to what `datasets` reads of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
from django.urls import reverse

from annotation.models import Answer, Batch
from curation.actions import criteria, exports, judgements, raters
from curation.actions.judgements import Act, NewMark, NewScore, Subject
from curation.models import Mark, Project, Prompt, Rater, Sample
from tests import factories
from tests.annotation import hands
from tests.browser import stage_page
from tests.curation.exports import frozen

pytestmark = pytest.mark.django_db

# Three emoji of several code points, and an accent that is a character of its own.
PROMPT = "🏳️‍🌈 two 👩🏽‍🚀 waves, cafe\u0301 💌 tonight"
ASKED = {
    "key": "spots",
    "kind": "mark",
    "text": "Mark what is wrong.",
    "shapes": ["point", "box", "polygon", "span", "interval"],
    "targets": ["media", "prompt", "answer", "input"],
    "errors": ["artifact", "flicker"],
}
POINT = {"target": "media", "media": 0, "shape": "point", "points": [[12.25, 0]], "error": "artifact", "text": ""}
BOX = {
    "target": "media",
    "media": 0,
    "shape": "box",
    "points": [[1.5, 2], [159.75, 96]],
    "error": "artifact",
    "text": "",
}
POLYGON = {
    "target": "input",
    "role": "source",
    "media": 0,
    "shape": "polygon",
    "points": [[0, 0], [47.33, 0.01], [10, 39.5], [2, 20]],
    "error": "artifact",
    "text": "melts",
}
INTERVAL = {
    "target": "media",
    "media": 0,
    "shape": "interval",
    "start": 200_000,
    "end": 1_000_000,
    "error": "flicker",
    "text": "",
}
WORD = {
    "target": "prompt",
    "shape": "span",
    "start": PROMPT.index("waves"),
    "end": PROMPT.index("waves") + 5,
    "error": "artifact",
    "text": "",
}
ALL = (POINT, BOX, POLYGON, INTERVAL, WORD)


def films() -> Batch:
    """One item: two videos of one second for a prompt that came with a picture."""
    project = factories.project(task="text-to-video")
    prompt = factories.prompt(project, PROMPT)
    factories.place(prompt, frozen.picture(1), role="source", position=0)
    for number in range(2):
        sample = factories.sample(prompt, by=f"g{number}")
        film = stage_page.webm([30 + 40 * number + n for n in range(10)], fps=10, size=(160, 96))
        factories.place(sample, factories.stored(film, "waves.webm"))
    return asked_of(prompt)


def asked_of(prompt: Prompt, **question: Any) -> Batch:
    batch = Batch.objects.create(project=prompt.project, name="marks", seed=3, questions=[{**ASKED, **question}])
    hands.item(
        batch, prompt=prompt, sample_ids=sorted(Sample.objects.filter(prompt=prompt).values_list("pk", flat=True))
    )
    return hands.open_(batch)


def marked(batch: Batch, *marks: dict[str, Any], place: int = 0) -> Answer:
    person = factories.member(batch.project, "annotator")
    said = {"spots": {"marks": [{"place": place, **mark} for mark in marks]}}
    return hands.answer_next(batch, person, {"questions": said, "flags": []})


def exported(project: Project, tmp_path: Path) -> dict[str, Any]:
    """The one pair, as `datasets` reads it; the side with the marks is named by its winner."""
    quality = criteria.ensure(project=project, key="quality")
    machine = raters.machine(kind=Rater.Kind.RULE, name="sharpness", identity={"version": 1})
    samples = Sample.objects.filter(project=project).order_by("pk")
    scores = [NewScore(Subject(row.pk, row.prompt_id), quality.pk, place / 2) for place, row in enumerate(samples)]
    judgements.record(project=project, acts=[Act(machine.pk, "pass", scores=scores)])
    version = frozen.freeze(project, "marked", frozen.RECIPE.replace("{train: 0.5, validation: 0.5}", "{train: 1.0}"))
    order = exports.order(
        version=version,
        formats=["canonical"],
        by=None,
        folder=tmp_path / "out",
        options=exports.Options(with_notes=True),
    )
    exports.run_job(job_id=order.job_id)
    loaded = datasets.load_dataset(str(tmp_path / "out"), "pairs", split="train", cache_dir=str(tmp_path / "cache"))
    plain = [name for name in loaded.column_names if name.endswith("_marks") or name in ("prompt", "a_id", "b_id")]
    return loaded.select_columns(plain)[0]


def side_of(row: dict[str, Any], sample_id: int) -> str:
    identity = Sample.objects.get(pk=sample_id).identity
    return next(side for side in ("a", "b") if row[f"{side}_id"] == identity)


@pytest.mark.capability("A6")
@pytest.mark.parametrize("place", [0, 1])
def test_every_shape_reaches_the_canonical_export_as_it_was_said(tmp_path, place) -> None:
    batch = films()
    answer = marked(batch, *ALL, place=place)
    sample = answer.assignment.presentation["order"][place]

    row = exported(batch.project, tmp_path)

    found = {mark["shape"]: mark for mark in row[f"{side_of(row, sample)}_marks"]}
    assert set(found) == {"point", "box", "polygon", "interval", "span"}
    for mark in ALL:
        out = found[mark["shape"]]
        assert out["points"] == mark.get("points", [])
        assert (out["start"], out["end"]) == (mark.get("start"), mark.get("end"))
        assert (out["target"], out["error_type"], out["text"]) == (mark["target"], mark["error"], mark["text"])
        assert (out["media_index"], out["input_role"]) == (mark.get("media"), mark.get("role", ""))
    assert row["prompt"][found["span"]["start"] : found["span"]["end"]] == "waves"


@pytest.mark.capability("A6")
def test_a_word_of_a_text_answer_reaches_the_canonical_export(tmp_path) -> None:
    project = factories.project(task="text")
    prompt = factories.prompt(project, "Name two fish.")
    texts = {
        factories.sample(prompt, by=f"g{n}", text=text).pk: text for n, text in enumerate(["🐟🏽 cod, eel", "carp"])
    }
    batch = asked_of(prompt)
    (assignment,) = hands.lease(batch, person := factories.member(project, "annotator"))
    sample = next(pk for pk, text in texts.items() if "eel" in text)
    start = texts[sample].index("eel")
    mark = {"target": "answer", "shape": "span", "start": start, "end": start + 3, "error": "artifact", "text": ""}
    place = assignment.presentation["order"].index(sample)
    hands.answer(assignment, person, {"questions": {"spots": {"marks": [{**mark, "place": place}]}}, "flags": []})

    row = exported(project, tmp_path)

    (found,) = row[f"{side_of(row, sample)}_marks"]
    assert texts[sample][found["start"] : found["end"]] == "eel"


@pytest.mark.capability("A6")
def test_a_scorers_heatmap_reaches_the_canonical_export_by_its_digest(tmp_path) -> None:
    batch = films()
    machine = raters.machine(kind=Rater.Kind.RULE, name="saliency", identity={"version": 1})
    sample = Sample.objects.filter(project=batch.project).order_by("pk").first()
    assert sample is not None
    heat = frozen.picture(7)
    digest = heat.renditions.get().sha256
    mark = NewMark(
        Subject(sample.pk, sample.prompt_id),
        "media",
        "heatmap",
        media_index=0,
        points={"asset": digest},
        error_type="artifact",
    )
    judgements.record(project=batch.project, acts=[Act(machine.pk, "mark", marks=[mark])])

    row = exported(batch.project, tmp_path)

    (found,) = row[f"{side_of(row, sample.pk)}_marks"]
    assert (found["shape"], found["asset_sha256"], found["points"]) == ("heatmap", digest, [])


# -- on the page of the prompt ----------------------------------------------------------------------------------------


@pytest.fixture
def read(client):
    def page(batch: Batch) -> str:
        client.force_login(factories.member(batch.project, "viewer"))
        prompt = batch.items.get().prompt
        return client.get(reverse("prompt", args=[batch.project.slug, prompt.pk])).content.decode()

    return page


@pytest.mark.capability("A6")
def test_the_page_of_a_prompt_shows_marks_where_they_were_drawn(read) -> None:
    batch = films()
    answer = marked(batch, *ALL)
    sample = answer.assignment.presentation["order"][0]

    html = read(batch)

    tile = html.split(f'id="sample-{sample}"')[1].split("</li>")[0]
    assert 'viewBox="0 0 160 96"' in tile
    assert 'x="1.5" y="2" width="158.25" height="94"' in tile
    assert 'cx="12.25" cy="0"' in tile
    assert 'points="0,0 47.33,0.01 10,39.5 2,20"' in html.split("tile-input")[1].split("</li>")[0]
    assert '<mark class="mark-of tone-0" data-number="5">waves</mark>, cafe\u0301' in html
    assert html.count('<b class="mark-number">') == 5


def test_marks_that_overlap_in_a_text_show_each_number_once(read) -> None:
    batch = films()
    start = WORD["start"]
    marked(batch, WORD, {**WORD, "start": start - 4, "end": start + 2, "error": "flicker"})

    html = read(batch)

    heading = html.split("<h1")[1].split("</h1>")[0]
    stretches = [part.split("</mark>")[0] for part in heading.split("<mark ")[1:]]
    assert [one.split(">")[1] for one in stretches] == [PROMPT[start - 4 : start], "wa", "ves"]
    assert [one.split('data-number="')[1].split('"')[0] for one in stretches[:2]] == ["2", "1"]
    assert "data-number" not in stretches[2]


def test_a_mark_that_was_taken_back_is_drawn_no_more(read) -> None:
    batch = films()
    answer = marked(batch, BOX, WORD)
    judgements.retract(judgements=list(answer.judgements.all()), reason="wrong sample", by=None)

    html = read(batch)

    assert Mark.objects.filter(is_retracted=True).count() == 2
    assert "mark-overlay" not in html
    assert "<mark" not in html


def test_what_is_marked_cannot_become_markup(read) -> None:
    project = factories.project()
    prompt = factories.prompt(project, "a <b>bold</b> boat")
    sample = factories.sample(prompt, text="<script>alert(1)</script> and more")
    batch = asked_of(prompt)
    marked(
        batch,
        {**WORD, "start": 2, "end": 5},
        {**WORD, "target": "answer", "start": 0, "end": 8, "error": "flicker"},
    )

    html = read(batch)

    assert sample.text is not None
    assert "<script>alert" not in html
    assert ">&lt;b&gt;</mark>bold" in html
    assert ">&lt;script&gt;</mark>alert(1)" in html
