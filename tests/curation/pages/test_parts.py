"""Numbers for parts: fetched when asked for, drawn where they belong, and written beside the drawing."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse

from curation.actions import judgements, raters
from curation.actions.judgements import NewMark, PassScore
from curation.media import heatmaps
from curation.models import Judgement, Mark, Sample
from curation.views.part_figures import Piece, Scale, scale_of
from tests import factories
from tests.curation.pages.scene import Scene, scene, subject

pytestmark = pytest.mark.django_db

GRID = [[0.0, 10.0], [20.0, 100.0]]


@pytest.fixture
def boats() -> Scene:
    return scene(3, with_pictures=True)


@pytest.fixture
def reader(client, boats):
    client.force_login(factories.member(boats.project, "viewer"))
    return client


def measured(made: Scene, *marks: NewMark, name: str = "dense") -> None:
    """A pass of a scorer of its own: the number of each sample, and numbers for its parts."""
    rater = raters.machine(kind="rule", name=name, identity={"name": name})
    subjects = dict.fromkeys(mark.subject for mark in marks)
    scores = [PassScore(one.sample_id, one.prompt_id, made.sharpness.pk, 5.0) for one in subjects]
    judgements.record_pass(project=made.project, rater=rater, job=None, scores=scores, marks=marks)


def heat(made: Scene, sample: Sample, grid=GRID, **fields) -> NewMark:
    points = heatmaps.packed(grid, fields.pop("box", ()))
    mean = sum(map(sum, grid)) / sum(map(len, grid))
    return NewMark(
        subject(sample), "media", "heatmap", made.sharpness.pk, media_index=0, points=points, value=mean, **fields
    )


def box(made: Scene, sample: Sample, value: float, text: str = "", **fields) -> NewMark:
    points = [[10.0, 20.0], [110.0, 220.0]]
    return NewMark(
        subject(sample),
        "media",
        "box",
        made.sharpness.pk,
        media_index=0,
        points=points,
        value=value,
        text=text,
        **fields,
    )


def span(made: Scene, sample: Sample, words: str, value: float) -> NewMark:
    start = made.prompt.text.index(words)
    return NewMark(
        subject(sample), "prompt", "span", made.sharpness.pk, start=start, end=start + len(words), value=value
    )


def parts_of(client, made: Scene, **query: str) -> str:
    answer = client.get(reverse("prompt_parts", args=[made.project.slug, made.prompt.pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


# -- fetched when asked for -------------------------------------------------------------------------------------------


def test_the_group_page_offers_them_and_brings_none_of_them(reader, boats) -> None:
    url = reverse("prompt", args=[boats.project.slug, boats.prompt.pk])
    before = reader.get(url).content.decode()
    measured(boats, *[box(boats, boats.samples[0], number / 500, "a mast") for number in range(500)])

    after = reader.get(url).content.decode()

    assert "numbers for parts" not in before
    assert "Show the numbers for parts" in after
    assert "a mast" not in after
    assert len(after) - len(before) < 2_000


def test_the_page_of_a_sample_offers_its_own(reader, boats) -> None:
    first, second, _third = boats.samples
    measured(boats, box(boats, first, 0.5, "a mast"))

    pages = [
        reader.get(reverse("sample", args=[boats.project.slug, one.pk])).content.decode() for one in (first, second)
    ]
    own = reader.get(reverse("sample_parts", args=[boats.project.slug, first.pk])).content.decode()
    other = reader.get(reverse("sample_parts", args=[boats.project.slug, second.pk])).content.decode()

    assert ["Show the numbers for parts" in page for page in pages] == [True, False]
    assert "a mast" in own
    assert "No numbers for parts" in other


def test_a_group_costs_the_same_queries_for_one_number_and_for_many(
    client, django_assert_num_queries, django_assert_max_num_queries
) -> None:
    few, many = scene(2, with_pictures=True, slug="few"), scene(12, with_pictures=True, slug="many")
    measured(few, box(few, few.samples[0], 0.5))
    measured(many, *[box(many, sample, number / 50) for sample in many.samples for number in range(50)])
    client.force_login(factories.user("boss", is_superuser=True))
    for name in ("prompt", "prompt_parts"):
        client.get(reverse(name, args=[few.project.slug, few.prompt.pk]))
        with django_assert_max_num_queries(30) as counted:
            client.get(reverse(name, args=[few.project.slug, few.prompt.pk]))

        with django_assert_num_queries(len(counted)):
            client.get(reverse(name, args=[many.project.slug, many.prompt.pk]))


def test_only_what_holds_is_shown(reader, boats) -> None:
    measured(boats, box(boats, boats.samples[0], 0.5))
    act = Judgement.objects.get(marks__isnull=False)

    judgements.retract(judgements=[act], reason=Judgement.Retraction.RETRACTED, by=None)

    assert "No numbers for parts" in parts_of(reader, boats)


# -- drawn where they belong ------------------------------------------------------------------------------------------


def test_a_heatmap_lies_over_its_picture_cell_by_cell(reader, boats) -> None:
    measured(boats, heat(boats, boats.samples[1]))

    html = parts_of(reader, boats)

    assert 'viewBox="0 0 320 320"' in html
    assert 'transform="translate(0.0 0.0) scale(160.0 160.0)"' in html
    paths = dict(re.findall(r'<path class="heat-(\d)" d="([^"]+)"', html))
    # 0 and 100 are the ends of the scale, 10 and 20 a tenth and a fifth of the way: steps 1 and 2.
    assert paths == {"0": "M0 0h1v1h-1z", "1": "M1 0h1v1h-1z", "2": "M0 1h1v1h-1z", "9": "M1 1h1v1h-1z"}
    assert "mean of 2 × 2 cells, 0 to 100" in words(html)
    assert "32.5" in words(html)
    assert "levels · numbers of parts" in words(html)


def test_a_heatmap_of_a_part_lies_over_that_part(reader, boats) -> None:
    measured(boats, heat(boats, boats.samples[0], [[1.0] * 4], box=((80.0, 40.0), (280.0, 240.0))))

    html = parts_of(reader, boats)

    assert 'transform="translate(80.0 40.0) scale(50.0 200.0)"' in html
    assert '<path class="heat-0" d="M0 0h4v1h-4z"/>' in html


def test_boxes_carry_their_numbers(reader, boats) -> None:
    measured(boats, box(boats, boats.samples[0], 0.25, "mast"), box(boats, boats.samples[0], -0.75, "<sail>"))

    html = parts_of(reader, boats)

    assert html.count('<rect class="mark-line" x="10.0" y="20.0" width="100.0" height="200.0"') == 2
    assert re.findall(r'<text x="5" y="13">([^<]+)</text>', html) == ["0.25", "−0.75"]
    assert "mast 0.25" in words(html)
    assert "&lt;sail&gt;" in html
    assert "2 numbers" in words(html)


def test_words_of_the_prompt_carry_theirs(reader, boats) -> None:
    measured(boats, span(boats, boats.samples[0], "red", 1.0), span(boats, boats.samples[0], "boat", 0.0))

    html = parts_of(reader, boats)

    assert '<span class="part-word heat-9">red<sup class="num">1</sup></span>' in html
    assert '<span class="part-word heat-0">boat<sup class="num">0</sup></span>' in html


def test_intervals_stand_over_the_time_of_a_video(reader, boats, monkeypatch) -> None:
    sample = boats.samples[0]
    sample.media.get().asset.__class__.objects.filter(pk=sample.media.get().asset_id).update(duration_us=2_000_000)
    marks = [
        NewMark(subject(sample), "media", "interval", boats.sharpness.pk, media_index=0, start=start, end=end, value=v)
        for start, end, v in ((0, 500_000, 1.0), (500_000, 2_000_000, 3.0))
    ]
    measured(boats, *marks)

    html = parts_of(reader, boats)

    assert 'x="0.0" y="88.0" width="250.0" height="12.0"' in html
    assert 'x="250.0" y="0.0" width="750.0" height="100.0"' in html
    assert "0.00–0.50 s 1" in words(html)


def test_one_layer_is_shown_at_a_time_and_any_can_be_chosen(reader, boats) -> None:
    measured(boats, box(boats, boats.samples[0], 0.5, "a mast"), heat(boats, boats.samples[0]), name="anna")
    measured(boats, box(boats, boats.samples[0], 0.5, "a sail"), name="bert")
    layers = re.findall(r'<option value="([^"]+)"', parts_of(reader, boats))

    shown = [parts_of(reader, boats, layer=layer, part="parts") for layer in layers]

    assert len(layers) == 3
    assert [("a mast" in html, "part-heat" in html, "a sail" in html) for html in shown] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert all("<html" not in html for html in shown)
    assert "a mast" in parts_of(reader, boats, layer="nobody's")


def test_marks_of_people_are_no_numbers_and_numbers_no_marks(reader, boats) -> None:
    said = NewMark(subject(boats.samples[0]), "media", "box", media_index=0, points=[[0, 0], [9, 9]], error_type="hand")
    judgements.record(project=boats.project, acts=[judgements.Act(boats.person.pk, "mark", marks=[said])])

    assert "No numbers for parts" in parts_of(reader, boats)
    measured(boats, box(boats, boats.samples[0], 0.5, "a mast"))
    assert "hand" not in words(parts_of(reader, boats))
    assert set(Mark.objects.said().values_list("error_type", flat=True)) == {"hand"}


# -- colours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "value", "level"),
    [
        (Scale(0, 1), 0.0, 0),
        (Scale(0, 1), 0.0999, 0),
        (Scale(0, 1), 0.5, 5),
        (Scale(0, 1), 1.0, 9),
        (Scale(3, 3), 3.0, 0),
        (Scale(-1.7e308, 1.7e308), 0.0, 5),
    ],
)
def test_colours_divide_the_range_evenly(scale: Scale, value: float, level: int) -> None:
    assert scale.level(value) == level


def test_the_scale_reaches_from_the_lowest_to_the_highest_cell(boats) -> None:
    measured(boats, heat(boats, boats.samples[0]), heat(boats, boats.samples[1], [[-5.0, 50.0]]))

    assert scale_of(Mark.objects.measured()) == Scale(-5.0, 100.0)
    assert scale_of([]) == Scale(0.0, 0.0)
    assert Piece("a").level is None
