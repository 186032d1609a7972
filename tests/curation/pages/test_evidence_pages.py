"""The page of evidence: the numbers of the action in words, who may see them, and every state of it."""

import json
import re
from html import unescape
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.urls import reverse

from curation.actions import examining, raters
from curation.actions.examining import Choice
from curation.errors import Conflict
from curation.examination.charts import Dot, Words, by_machine, by_slice
from curation.models import progress
from tests import factories
from tests.curation.examination.scene import Scene, bare, voted

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> Scene:
    return voted()


@pytest.fixture
def reader(client, boats):
    client.force_login(factories.member(boats.project, "viewer"))
    return client


def _page(client, made: Scene, **params) -> str:
    answer = client.get(f"{reverse('evidence', args=[made.project.slug])}?{urlencode(params, doseq=True)}")
    assert answer.status_code == 200
    return answer.content.decode()


def _words(html: str) -> str:
    """The text of a page as it is read, with single spaces."""
    html = re.sub(r"<script.*?</script>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def _row(html: str, name: str, part: str = "accuracy") -> str:
    """The words of a machine's row in the table with this heading."""
    table = html.split(f'id="{part}"')[1].split("<tbody>")[1].split("</table>")[0]
    rows = [_words(row) for row in table.split("<tr")[1:]]
    return next(row for row in rows if name in row)


def _chart(html: str, name: str) -> dict:
    found = re.search(rf'<script id="{name}-spec" type="application/json">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


@pytest.mark.capability("H1")
def test_the_table_says_what_was_worked_out_by_hand(reader, boats) -> None:
    """5 of 7 and 4½ of 6; a person beside the other: 1, 1, 0, 0 of four votes on one prompt."""
    html = _page(reader, boats)

    assert "9 votes of 2 people on 7 pairs of 2 prompts" in _words(html)
    model = _row(html, "clip-tiny")
    assert "71.4 %" in model
    assert "7 votes, 2 prompts" in model
    assert "McNemar p 0.75: ahead on 1, behind on 1" in model
    assert "75.0 %" in _row(html, "grain · noise")
    assert "its ties: 1" in _row(html, "grain · noise")
    assert "votes without its word: 1" in _row(html, "grain · noise")
    assert re.search(r"50\.0 % one prompt only 4 votes, 1 prompt", _row(html, "A person, beside the others"))
    assert "50.0 % 25.0 % by chance" in re.sub(r"one prompt only |\d+\.\d – \d+\.\d ", "", model)


def test_the_page_and_the_command_say_the_same(reader, boats) -> None:
    answer = examining.make(project=boats.project, choice=Choice())

    html = _page(reader, boats)

    for one in answer.found.machines:
        row = _row(html, answer.name(one.column))
        assert f"{100 * one.accuracy.value:.1f} % {100 * one.accuracy.low:.1f} – {100 * one.accuracy.high:.1f}" in row
    dots = _chart(html, "machines")["datasets"]
    values = sorted(row["value"] for rows in dots.values() for row in rows if "value" in row)
    expected = [one.accuracy.value for one in answer.found.machines] + [answer.found.human.value]
    assert values == pytest.approx(sorted(100 * one for one in expected))


def test_rules_for_ties_can_be_chosen(reader, boats) -> None:
    """As a third answer the tie of people on 2–3 of prompt 1 is asked about too: eight votes."""
    half = _row(_page(reader, boats, ties="half"), "clip-tiny")
    third = _page(reader, boats, ties="class")

    assert "8 votes, 2 prompts" in half
    assert "68.8 %" in half  # 5 of 7, and one half
    assert "margins up to" in _row(third, "clip-tiny")
    assert "Left, right and tie are three answers" in _words(third)


def test_slices_are_chosen_by_a_tab(reader, boats) -> None:
    tags, locales = _page(reader, boats, by="tag"), _page(reader, boats, by="locale")

    assert re.search(r"hands 2 1 prompt", _row(tags, "hands", "slices"))
    assert re.search(r"de 2 1 prompt", _row(locales, "de", "slices"))
    assert 'aria-current="true">language' in locales
    assert _chart(locales, "slices")["layer"]


def test_the_machine_the_others_stand_beside_is_chosen_by_a_link(reader, boats) -> None:
    html = _page(reader, boats)
    link = re.search(r'href="(\?[^"]*against[^"]*)">put the others beside it', html)

    turned = reader.get(reverse("evidence", args=["boats"]) + unescape(link[1])).content.decode()

    assert "Beside grain · noise" in html
    assert "Beside clip-tiny" in turned
    assert 'name="against" value="' in turned


def test_what_does_not_count_is_said(reader, boats) -> None:
    boats.vote(boats.person("carl"), 0, 0, 1, "left", purpose="gold")
    head = boats.model("our-head", kind="head", fitted_on={"prompts": [boats.groups[0][0].prompt_id]})
    lost = boats.model("old-head", kind="head", fitted_on="9f86d0")
    for machine in (head, lost):
        boats.score(machine, 0, [4, 3, 2, 1])
        boats.score(machine, 1, [4, 3, 2, 1])

    html = _page(reader, boats)

    words = _words(html)
    assert "left out: known items, hidden repeats, qualifications and drafts 1" in words
    assert "both bad, not asked about 1" in words
    assert "fitted on, so left out: 5" in _row(html, "our-head")
    assert "it cannot be tested" in _row(html, "old-head")


@pytest.mark.capability("C13")
def test_principles_have_a_table(reader, boats) -> None:
    judge, realism, beauty = boats.model("judge"), boats.principle("realism"), boats.principle("beauty")
    boats.vote(judge, 0, 0, 1, "left", context_id=realism.pk)
    boats.vote(judge, 0, 0, 1, "right", context_id=beauty.pk)
    boats.vote(boats.person("anne"), 0, 0, 1, "left", context_id=realism.pk)

    html = _page(reader, boats)

    table = html.split('id="principles"')[1].split("</table>")[0]
    rows = [_words(row) for row in table.split("<tr")[2:]]
    assert any("“realism” realism 100.0 %" in row and "1 vote, 1 prompt" in row for row in rows)
    assert any("“beauty” none 0.0 %" in row and "2 votes, 1 prompt" in row for row in rows)
    assert "part on 1 of 1 pairs (100.0 %)" in _words(html)
    assert "Given under the principle" in _words(html)
    alone = _page(reader, boats, under="realism")
    assert "1 vote of 1 person on 1 pair of 1 prompt" in _words(alone)


@pytest.mark.capability("H2")
def test_correlations_have_a_table(reader, boats) -> None:
    """Ratings 5 4 2 1 go with the model's 4 3 2 1: Spearman 1, Pearson 0.99."""
    boats.rate(boats.person("anne"), 0, [5, 4, 2, 1])

    html = _page(reader, boats)

    row = next(
        _words(row)
        for row in html.split('id="together"')[1].split("<tr")[1:]
        if "clip-tiny" in row and "ratings" in row
    )
    assert "1.00" in row
    assert "0.99" in row
    assert "4 samples of 1 prompt;" in row
    assert "Machines beside each other" in _words(html)


# -- states -----------------------------------------------------------------------------------------------------------


def test_nobody_compared_yet(client) -> None:
    made = bare("empty")
    client.force_login(factories.member(made.project, "viewer"))

    words = _words(_page(client, made))

    assert "No votes of people yet" in words
    assert "Make a batch" not in words.split("No votes of people yet")[1].split(".")[-1]


def test_a_curator_without_votes_is_led_to_a_batch(client) -> None:
    made = bare("empty")
    client.force_login(factories.member(made.project, "curator"))

    assert reverse("batch_new", args=["empty"]) in _page(client, made)


def test_scripted_raters_are_offered_where_nobody_else_voted(client) -> None:
    made = bare("shown")
    made.group(3)
    made.vote(raters.named(project=made.project, name="robot", kind="scripted"), 0, 0, 1, "left")
    made.score(made.model("clip-tiny"), 0, [3, 2, 1])
    client.force_login(factories.member(made.project, "viewer"))

    html = _page(client, made)
    against_scripts = _page(client, made, whose="scripted")

    assert "No person has compared anything yet" in _words(html)
    assert "?whose=scripted" in html
    assert "1 vote of 1 scripted rater" in _words(against_scripts)


def test_votes_without_a_machine(client) -> None:
    made = bare("people")
    made.group(2)
    for name in ("anne", "bert"):
        made.vote(made.person(name), 0, 0, 1, "left")
    client.force_login(factories.member(made.project, "viewer"))

    words = _words(_page(client, made))

    assert "No machine to test yet" in words
    assert "100.0 % one prompt only 2 votes" in words


def test_an_unknown_criterion_is_told_in_the_form(reader, boats) -> None:
    words = _words(_page(reader, boats, criterion="beauty"))

    assert "beauty is not one of the available choices" in words
    assert "That cannot be asked" in words


@pytest.fixture
def _all_are_large(monkeypatch, settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "pages"}}
    cache.clear()
    monkeypatch.setattr(progress, "SMALL", 3)


@pytest.mark.usefixtures("_all_are_large")
def test_a_large_project_is_read_after_the_page_and_kept(reader, boats) -> None:
    first = _page(reader, boats)
    part = reader.get(reverse("evidence", args=["boats"]), {"part": "results"}).content.decode()
    second = _page(reader, boats)
    boats.vote(boats.person("carl"), 1, 0, 2, "left")
    stale = _page(reader, boats)

    assert 'hx-get="?part=results"' in first
    assert "Wait for them here" in _words(first)
    assert "71.4 %" not in first
    assert "71.4 %" in part
    assert "<html" not in part
    assert "as of 20" in _words(second)
    assert "votes came in since" not in _words(second)
    assert "votes came in since" in _words(stale)
    assert "again=1" in stale


@pytest.mark.usefixtures("_all_are_large")
def test_without_scripts_a_large_project_is_waited_for(reader, boats) -> None:
    assert "71.4 %" in _page(reader, boats, now="1")


@pytest.mark.usefixtures("_all_are_large")
def test_while_somebody_else_counts_the_page_asks_again(reader, boats, monkeypatch) -> None:
    def busy(*, project, choice, again, known):
        raise Conflict("being counted already")

    monkeypatch.setattr(examining, "examined", busy)
    part = reader.get(reverse("evidence", args=["boats"]), {"part": "results"}, headers={"HX-Request": "true"})

    assert 'hx-trigger="load delay:3s"' in part.content.decode()
    assert "Wait for them here" in _words(_page(reader, boats, now="1"))


def test_annotators_learn_nothing(client, boats) -> None:
    client.force_login(factories.member(boats.project, "annotator"))

    for name in ("evidence", "evidence_differences"):
        answer = client.get(reverse(name, args=["boats"]))
        assert answer.status_code == 403
        assert "71.4" not in answer.content.decode()


def test_queries_do_not_grow_with_rows(reader, boats, django_assert_num_queries) -> None:
    address = reverse("evidence", args=["boats"])
    with django_assert_num_queries(28) as few:
        reader.get(address)
    for prompt in range(2, 12):
        boats.group(3, tags=[f"tag-{prompt}"])
        boats.vote(boats.person(f"rater-{prompt}"), prompt, 0, 1, "left")
        boats.score(boats.model("clip-tiny"), prompt, [1, 2])

    with django_assert_num_queries(len(few)):
        reader.get(address)


# -- differences ------------------------------------------------------------------------------------------------------


def _differences(client, made: Scene, name: str, **params) -> str:
    answer = examining.make(project=made.project, choice=Choice())
    key = next(one.column.key for one in answer.found.machines if answer.name(one.column) == name)
    response = client.get(reverse("evidence_differences", args=[made.project.slug]), {"machine": key, **params})
    assert response.status_code == 200
    return response.content.decode()


def test_the_pairs_on_which_people_differ_are_one_click_away(reader, boats) -> None:
    """The model is against the one vote on 0–1 of prompt 1; the rule calls a tie on 1–2 of it."""
    html = _page(reader, boats)
    links = [unescape(link) for link in re.findall(r'href="([^"]*differences/\?[^"]*)"', html)]

    pages = [reader.get(link).content.decode() for link in links]

    group = reverse("prompt", args=["boats", boats.groups[1][0].prompt_id])
    assert len(pages) == 2
    assert all("pairs 1 to 1 of 1" in _words(page) and group in page for page in pages)
    model = _differences(reader, boats, "clip-tiny")
    assert "Where people differ from clip-tiny" in _words(model)
    assert re.search(r"1 vote sdxl .*0 votes the machine's flux", _words(model))
    assert "the machine calls a tie" in _words(_differences(reader, boats, "grain · noise"))


def test_differences_come_in_pages(reader, boats, monkeypatch) -> None:
    monkeypatch.setattr("curation.views.evidence.PAGE", 1)
    boats.group(2, text="a third")
    boats.vote(boats.person("anne"), 2, 0, 1, "left")
    boats.score(boats.model("clip-tiny"), 2, [1, 2])

    first = _differences(reader, boats, "clip-tiny")
    second = _differences(reader, boats, "clip-tiny", start="1")
    beyond = _differences(reader, boats, "clip-tiny", start="99")

    assert "pairs 1 to 1 of 2" in _words(first)
    assert 'rel="next"' in first
    assert "pairs 2 to 2 of 2" in _words(second)
    assert 'rel="prev"' in second
    assert "pairs 1 to 1 of 2" in _words(beyond)


def test_a_machine_that_is_always_with_people(reader, boats) -> None:
    boats.vote(boats.model("echo"), 0, 0, 1, "left")

    assert "No difference" in _words(_differences(reader, boats, "echo"))


def test_differences_of_a_machine_that_is_not_there(reader, boats) -> None:
    address = reverse("evidence_differences", args=["boats"])

    assert reader.get(address, {"machine": "9:scores:overall"}).status_code == 404
    assert reader.get(address, {"criterion": "nothing"}).status_code in (400, 409, 422)


def test_differences_without_a_machine(client) -> None:
    made = bare("empty")
    client.force_login(factories.member(made.project, "viewer"))

    answer = client.get(reverse("evidence_differences", args=["empty"]))

    assert "No machine to compare with people yet" in answer.content.decode()


def test_queries_of_differences_do_not_grow(reader, boats, django_assert_num_queries) -> None:
    address = reverse("evidence_differences", args=["boats"])
    with django_assert_num_queries(31) as few:
        reader.get(address)
    for prompt in range(2, 8):
        boats.group(2)
        boats.vote(boats.person("anne"), prompt, 0, 1, "left")
        boats.score(boats.model("clip-tiny"), prompt, [1, 2])

    with django_assert_num_queries(len(few)):
        reader.get(address)


# -- charts -----------------------------------------------------------------------------------------------------------

WORDS = Words("axis", "agrees", "interval", "rests on", "a person", "what it shows")


def test_a_chart_gives_people_a_shape_of_their_own() -> None:
    dots = [Dot("a person", "a person", 66, 60, 70, "12 votes"), Dot("clip", "", 61, 59, 63, "9 votes")]

    chart = by_machine(dots, WORDS)

    point = next(layer for layer in chart.spec["layer"] if layer["mark"]["type"] == "point")
    shapes = point["encoding"]["shape"]["scale"]
    assert dict(zip(shapes["domain"], shapes["range"], strict=True))["a person"] == "diamond"
    assert chart.spec["description"] == "what it shows"
    assert chart.height > chart.spec["height"]


def test_a_chart_of_slices_tells_machines_apart_by_shape_too() -> None:
    dots = [Dot("hands", group, 60, 50, 70, "") for group in ("a", "b", "a person")]

    point = next(layer for layer in by_slice(dots, WORDS).spec["layer"] if layer["mark"]["type"] == "point")

    scale = point["encoding"]["shape"]["scale"]
    assert scale["domain"] == ["a", "b", "a person"]
    assert len(set(scale["range"])) == 3
