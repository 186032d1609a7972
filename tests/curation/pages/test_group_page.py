"""The group page: every sample with where it comes from, and everything anybody said."""

import re
from html import unescape

import pytest
from django.urls import reverse

from curation.actions import judgements, raters
from curation.actions.judgements import Act, NewComparison, NewFlag, NewMark, NewNote, NewScore
from curation.models import Judgement, PromptMedia, SampleMedia
from tests import factories
from tests.curation.pages.scene import Scene, scene, subject

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> Scene:
    return scene()


@pytest.fixture
def reader(client, boats):
    client.force_login(factories.member(boats.project, "viewer"))
    return client


def _page(client, made: Scene) -> str:
    answer = client.get(reverse("prompt", args=[made.project.slug, made.prompt.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def _words(html: str) -> str:
    """The text of a page as it is read, with single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def _tile(html: str, sample) -> str:
    return _words(html.split(f'id="sample-{sample.pk}"')[1].split("</li>")[0])


@pytest.mark.capability("A1")
def test_every_sample_stands_there_with_where_it_comes_from(reader, boats) -> None:
    html = _page(reader, boats)

    assert len({sample.generator_id for sample in boats.samples}) == 3
    for sample in boats.samples:
        tile = _tile(html, sample)
        assert f"{sample.generator.name} {sample.generator.revision}" in tile
        assert f"seed {sample.seed}" in tile
        assert f"round {sample.round}" in tile
        assert f"steps {sample.generator.settings['steps']}" in tile
        assert "guidance 4.5" in tile
        assert sample.key in tile


def test_comparisons_are_told_with_rater_kind_sides_and_strength(reader, boats) -> None:
    words = _words(_page(reader, boats))
    first, second = boats.samples[0].generator, boats.samples[1].generator

    assert re.search(rf"rater-07 person .{{0,20}}1 {first} over \d {second} , strength 2", words)
    assert "left" in words
    assert "0.9" in words


def test_scripted_raters_are_called_scripted(reader, boats) -> None:
    words = _words(_page(reader, boats))

    assert re.search(r"robot-1 scripted .{0,20}tie:", words)
    assert "scripted preferred 0 of 1 · 1 tie" in words
    assert "people preferred 1 of 1" in words


def test_every_number_of_a_scorer_is_in_the_table_with_the_best_marked(reader, boats) -> None:
    html = _page(reader, boats)
    row = html.split('class="tbl score-table"')[1].split("clip-tiny")[1].split("</tr>")[0]

    values = re.findall(r'<td class="num( best)?">([\d.]+)', row)

    assert sorted(float(value) for _best, value in values) == [10.0 * n for n in range(8)]
    assert [value for best, value in values if best] == ["70"]


def test_rankings_ratings_notes_marks_and_flags_are_told(reader, boats) -> None:
    one, two, three = (subject(sample) for sample in boats.samples[:3])
    judgements.record(
        project=boats.project,
        acts=[
            Act(
                boats.person.pk,
                "rank",
                comparisons=judgements.ranking([one, two, three], [1, 2, 2], boats.sharpness.pk),
            ),
            Act(
                boats.person.pk,
                "mark",
                marks=[
                    NewMark(one, "media", "box", media_index=0, points=[[1, 2], [30, 40]], error_type="smeared"),
                    NewMark(one, "prompt", "span", start=2, end=5, error_type="not shown"),
                    NewMark(one, "media", "interval", media_index=0, start=500_000, end=1_250_000, error_type="jump"),
                ],
            ),
            Act(boats.person.pk, "write", notes=[NewNote(boats.prompt.pk, "all of them lack the lake")]),
            Act(boats.person.pk, "flag", flags=[NewFlag(boats.samples[1].pk, "broken")]),
        ],
    )

    words = _words(_page(reader, boats))

    assert re.search(r"ranked 1 flux-dev r0 > \d \S+ r\d = \d \S+ r\d", words)
    assert "smeared at picture or video 1, box (1, 2) (30, 40)" in words
    assert "not shown at prompt text, characters 2–5" in words
    assert "jump at picture or video 1, 0.50–1.25 s" in words
    assert "all of them lack the lake" in words
    assert "broken" in _tile(_page(reader, boats), boats.samples[1])


def test_what_was_retracted_is_struck_with_its_reason_and_counts_no_more(reader, boats) -> None:
    compared = Judgement.objects.get(rater=boats.person, act="compare")
    judgements.retract(judgements=[compared], reason="retracted", by=None)
    passed = Judgement.objects.get(rater=boats.scorer)
    judgements.retract(judgements=[passed], reason="superseded", by=None)

    html = _page(reader, boats)

    struck = [_words(part.split("</tr>")[0]) for part in html.split('<tr class="is-retracted">')[1:]]
    assert any("rater-07" in row and "over" in row and "retracted" in row for row in struck)
    assert any("clip-tiny" in row and "superseded" in row for row in struck)
    assert "people preferred" not in _words(html)
    assert "clip-tiny" not in html.split("What was said")[0].split("score-table")[-1]


def test_a_rater_in_quarantine_is_called_so(reader, boats) -> None:
    since = boats.prompt.created_at
    raters.set_standing(
        project=boats.project, rater=boats.person, state="quarantined", reason="too quick", by=None, since=since
    )

    assert "rater-07 person quarantined" in _words(_page(reader, boats))


def test_pictures_that_came_with_the_prompt_stand_by_role(reader, boats) -> None:
    for role in ("mask", "source"):
        PromptMedia.objects.create(prompt=boats.prompt, role=role, asset=factories.asset())

    words = _words(_page(reader, boats))

    assert re.search(r"source input .* mask input", words)


def test_unsafe_samples_are_veiled_until_one_asks(reader, boats) -> None:
    flagged = boats.samples[2]
    judgements.record(project=boats.project, acts=[Act(boats.person.pk, "flag", flags=[NewFlag(flagged.pk, "unsafe")])])

    html = _page(reader, boats)

    assert html.count("is-veiled") == 1
    assert "is-veiled" in html.split(f'id="sample-{flagged.pk}"')[1].split("</li>")[0]
    assert "Flagged unsafe: show it" in html


def test_absent_files_and_answers_in_words_have_their_place(reader, boats) -> None:
    absent = factories.sample(boats.prompt, media_state="absent")
    SampleMedia.objects.create(sample=absent, absent_name="lost/0031.png")
    answer = factories.sample(boats.prompt, text="It is a boat.")

    html = _page(reader, boats)

    assert "File not here lost/0031.png" in _tile(html, absent)
    assert "It is a boat." in _tile(html, answer)


def test_text_of_people_cannot_become_markup(reader, boats) -> None:
    judgements.record(
        project=boats.project,
        acts=[
            Act(boats.person.pk, "write", notes=[NewNote(boats.prompt.pk, "<script>alert(1)</script>")]),
            Act(boats.person.pk, "flag", flags=[NewFlag(boats.samples[0].pk, "broken", "<b>x</b>")]),
        ],
    )

    html = _page(reader, boats)

    assert "<script>alert" not in html
    assert "<b>x</b>" not in html


def test_a_sample_judged_under_another_prompt_says_so(reader, boats) -> None:
    other = factories.prompt(boats.project, "a green boat")
    judgements.record(
        project=boats.project,
        acts=[
            Act(
                boats.person.pk,
                "rate",
                scores=[NewScore(judgements.Subject(boats.samples[0].pk, other.pk), boats.overall.pk, 1)],
            )
        ],
    )

    assert "another prompt" in _words(_page(reader, boats))


def test_a_comparison_with_a_sample_of_another_prompt_is_told_without_breaking(reader, boats) -> None:
    stranger = factories.sample(factories.prompt(boats.project, "a house"))
    judgements.record(
        project=boats.project,
        acts=[
            Act(
                boats.person.pk,
                "compare",
                comparisons=[NewComparison(subject(boats.samples[0]), subject(stranger), boats.overall.pk, "right")],
            )
        ],
    )

    assert "a sample of another prompt over 1 flux-dev r0" in _words(_page(reader, boats))


def test_the_page_costs_the_same_queries_for_two_samples_and_for_twenty(
    client, django_assert_num_queries, django_assert_max_num_queries
) -> None:
    few, many = scene(2, slug="few"), scene(20, slug="many")
    client.force_login(factories.user("boss", is_superuser=True))
    client.get(reverse("prompt", args=[few.project.slug, few.prompt.pk]))
    with django_assert_max_num_queries(30) as counted:
        client.get(reverse("prompt", args=[few.project.slug, few.prompt.pk]))

    with django_assert_num_queries(len(counted)):
        client.get(reverse("prompt", args=[many.project.slug, many.prompt.pk]))


def test_the_page_of_a_sample_shows_its_family_as_a_tree(reader, boats) -> None:
    root = boats.samples[0]
    child = factories.sample(boats.prompt, parent=root, branch=12, key="child")
    grandchild = factories.sample(boats.prompt, parent=child, branch=20, key="grandchild")
    factories.sample(boats.prompt, parent=root, key="sibling")

    html = reader.get(reverse("sample", args=[boats.project.slug, child.pk])).content.decode()
    tree = _words(html.split('class="tree"')[1].split("</ul>")[0])

    assert re.search(rf"{root.key}.*└─ child · this one at 12.*└─ {grandchild.key} at 20", tree)
    assert "sibling" not in tree


def test_the_page_of_a_sample_says_who_exactly_scored_it(reader, boats) -> None:
    html = reader.get(reverse("sample", args=[boats.project.slug, boats.samples[3].pk])).content.decode()

    words = _words(html)
    assert "clip-tiny · model seed 1 weights random" in words
    assert boats.scorer.identity_digest in words
    assert "Sharpness v1 30" in words


def test_the_page_of_a_sample_calls_its_siblings_as_the_group_page_does(reader, boats) -> None:
    first, second = boats.samples[:2]
    notes = [NewNote(boats.prompt.pk, "about another", boats.samples[2].pk), NewNote(boats.prompt.pk, "of all")]
    judgements.record(project=boats.project, acts=[Act(boats.person.pk, "write", notes=notes)])

    html = reader.get(reverse("sample", args=[boats.project.slug, first.pk])).content.decode()

    assert re.search(rf"1 flux-dev r0 over \d {second.generator}", _words(html))
    assert f'href="{reverse("prompt", args=[boats.project.slug, boats.prompt.pk])}#sample-{second.pk}"' in html
    assert "of all" in html
    assert "about another" not in html


def test_a_sample_of_another_project_is_not_found(reader, boats) -> None:
    stranger = factories.sample(factories.prompt(factories.project("elsewhere")))

    assert reader.get(reverse("sample", args=[boats.project.slug, stranger.pk])).status_code == 404
    assert reader.get(reverse("prompt", args=[boats.project.slug, stranger.prompt_id])).status_code == 404


def test_annotators_are_told_why_the_group_is_closed(client, boats) -> None:
    client.force_login(factories.member(boats.project, "annotator"))

    answer = client.get(reverse("prompt", args=[boats.project.slug, boats.prompt.pk]))

    assert answer.status_code == 403
    assert "without seeing who made what" in answer.content.decode()
    assert boats.prompt.text not in answer.content.decode()
