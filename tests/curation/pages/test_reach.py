"""Lists that look only so far: what they show, what they say, and that following their links finds everything."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation.actions import judgements
from curation.actions.judgements import Act, NewFlag, PassScore
from curation.models import candidates
from curation.views import prompts as prompt_views
from curation.views import samples as sample_views
from tests import factories
from tests.curation.pages.scene import Scene, scene

pytestmark = pytest.mark.django_db

IDS = {"samples": r'id="sample-(\d+)"', "prompts": r'class="prompt-text[^"]*" href="/projects/[^/]+/prompts/(\d+)/"'}
# How a list is narrowed, and for whom: {column}, {generator}, {rater} and {prompt} are filled in.
SAMPLES = [
    "scored=none",
    "scored=any",
    "scored={rater}",
    "round=1",
    "media=absent",
    "media=present",
    "kind=real",
    "tag=boats",
    "tag=rare",
    "q=quiet",
    "q=heliotrope",
    "q=seagull",
    "q=boats-1-s3",
    "flagged=broken",
    "flagged=any",
    "generator={generator}",
    "generator={generator}&round=1&q=lake",
    "prompt={prompt}",
]
PROMPTS = [
    "q=quiet",
    "q=heliotrope",
    "tag=rare",
    "locale=de",
    "samples=none",
    "samples=some",
    "judged=yes",
    "judged=no",
]
# Narrowings of which an index knows the rows.
INDEXED = [
    "media=absent",
    "flagged=broken",
    "generator={generator}",
    "kind=real",
    "tag=rare",
    "q=heliotrope",
    "q=seagull",
    "q=boats-1-s3",
    "scored={rater}",
    "prompt={prompt}",
]


@pytest.fixture
def boats() -> Scene:
    """Thirty samples, of which the later are unscored, and a second prompt with its own."""
    made = scene(20)
    other = factories.prompt(made.project, "a heliotrope on a quiet table", tags=["rare"], locale="de")
    real = factories.generator(made.project, "camera", kind="real")
    for number in range(6):
        factories.sample(other, generator=real, round=number % 2, media_state="absent" if number == 4 else "present")
    for number in range(4):
        factories.sample(other, text=f"a seagull, number {number}")
    for number in range(8):
        factories.prompt(made.project, f"an unanswered question, number {number}")
    judgements.record(
        project=made.project,
        acts=[Act(made.person.pk, "flag", flags=[NewFlag(made.samples[place].pk, "broken") for place in (1, 12)])],
    )
    values = [PassScore(s.pk, s.prompt_id, made.overall.pk, n % 4) for n, s in enumerate(made.samples)]
    judgements.record_pass(project=made.project, rater=made.scorer, scores=values, job=None)
    return made


@pytest.fixture
def reader(client, boats):
    client.force_login(factories.member(boats.project, "viewer"))
    return client


@pytest.fixture
def short_sighted(monkeypatch) -> None:
    """Pages look at eight rows, of prompts four, and no index may answer for them."""
    monkeypatch.setattr(sample_views, "LOOKED_AT", 8)
    monkeypatch.setattr(sample_views, "LOOKED_AT_CLOSELY", 8)
    monkeypatch.setattr(prompt_views, "LOOKED_AT", 4)
    monkeypatch.setattr(candidates, "FEW", -1)


def _filled(made: Scene, query: str) -> str:
    return query.format(
        column=f"{made.scorer.pk}.{made.overall.pk}",
        generator=made.samples[1].generator_id,
        rater=made.scorer.pk,
        prompt=made.prompt.pk,
    )


def _walk(client, address: str, name: str, direction: str = "next") -> tuple[list[int], list[str]]:
    """The ids on all pages from this one on, in the order of the walk, and the pages."""
    ids, pages = [], []
    query = address
    while query:
        assert len(pages) < 60, "the pages lead in a circle"
        answer = client.get(query)
        assert answer.status_code == 200
        html = answer.content.decode()
        found = [int(pk) for pk in re.findall(IDS[name], html)]
        ids += found if direction == "next" else found[::-1]
        pages.append(html)
        following = re.search(rf'rel="{direction}" href="(\?[^"]+)"', html)
        query = address.partition("?")[0] + following[1].replace("&amp;", "&") if following else ""
    return ids, pages


def _whole(client, address: str, name: str) -> list[int]:
    """The whole list on one page: the projects here are smaller than one."""
    return [int(pk) for pk in re.findall(IDS[name], client.get(address).content.decode())]


@pytest.mark.parametrize("order", ["", "&order=up", "&sort={column}", "&sort={column}&order=up"])
def test_the_pages_of_a_short_sighted_list_hold_what_a_whole_page_holds(reader, boats, request, order) -> None:
    addresses = [reverse("samples", args=["boats"]) + "?" + _filled(boats, query + order) for query in SAMPLES]
    whole = [_whole(reader, address, "samples") for address in addresses]

    request.getfixturevalue("short_sighted")
    walked = [_walk(reader, address, "samples")[0] for address in addresses]

    assert dict(zip(addresses, walked, strict=True)) == dict(zip(addresses, whole, strict=True))
    assert all(whole) or "sort=" in order, "each narrowing has something to find"


@pytest.mark.parametrize("order", ["", "&order=old"])
def test_the_pages_of_short_sighted_prompts_hold_what_a_whole_page_holds(reader, boats, request, order) -> None:
    addresses = [reverse("prompts", args=["boats"]) + "?" + query + order for query in PROMPTS]
    whole = [_whole(reader, address, "prompts") for address in addresses]

    request.getfixturevalue("short_sighted")
    walked = [_walk(reader, address, "prompts")[0] for address in addresses]

    assert dict(zip(addresses, walked, strict=True)) == dict(zip(addresses, whole, strict=True))
    assert all(whole), "each narrowing has something to find"


def test_walking_back_finds_the_same(reader, boats, short_sighted) -> None:
    address = reverse("samples", args=["boats"]) + "?round=1"
    there, pages = _walk(reader, address, "samples")
    last = [page for page in pages if re.search(IDS["samples"], page)][-1]
    cursor = re.search(r'rel="prev" href="(\?[^"]+)"', last)[1].replace("&amp;", "&")

    back, _pages = _walk(reader, reverse("samples", args=["boats"]) + cursor, "samples", "prev")

    on_the_last_page = len(re.findall(IDS["samples"], last))
    assert back == there[:-on_the_last_page][::-1] != []


@pytest.mark.parametrize(("name", "rows"), [("samples", 8), ("prompts", 4)])
def test_a_page_that_found_nothing_says_how_far_it_looked_and_goes_on(reader, boats, short_sighted, name, rows) -> None:
    ids, pages = _walk(reader, reverse(name, args=["boats"]) + "?q=zeppelin", name)

    assert ids == []
    assert f"Nothing among {rows} rows looked through" in pages[0]
    assert f"Nothing among {2 * rows} rows looked through" in pages[1]
    assert "js-further" in pages[1]
    assert "No more like that from here to the end of the list" in pages[-1]
    assert "js-further" not in pages[-1]


def test_a_page_that_is_not_full_says_that_there_may_be_more(reader, boats, short_sighted) -> None:
    page = reader.get(reverse("samples", args=["boats"]) + "?round=0").content.decode()

    assert "looked through 8 rows of the list and stopped there" in page
    assert "Look further" in page


@pytest.mark.parametrize("order", ["", "&sort={column}"])
def test_what_an_index_knows_to_be_few_is_whole_at_once(reader, boats, monkeypatch, order) -> None:
    addresses = [reverse("samples", args=["boats"]) + "?" + _filled(boats, query + order) for query in INDEXED]
    whole = [_whole(reader, address, "samples") for address in addresses]
    monkeypatch.setattr(sample_views, "LOOKED_AT", 1)
    monkeypatch.setattr(sample_views, "LOOKED_AT_CLOSELY", 1)

    pages = [reader.get(address).content.decode() for address in addresses]

    shown = [[int(pk) for pk in re.findall(IDS["samples"], page)] for page in pages]
    assert dict(zip(addresses, shown, strict=True)) == dict(zip(addresses, whole, strict=True))
    assert not [page for page in pages if "looked through" in page]


def test_a_narrowing_with_one_row_too_many_is_not_few(boats, monkeypatch) -> None:
    rows = type(boats.samples[0]).objects.filter(prompt=boats.prompt)
    monkeypatch.setattr(candidates, "FEW", 20)
    assert len(candidates.few(rows)) == 20

    monkeypatch.setattr(candidates, "FEW", 19)
    assert candidates.few(rows) is None


def test_retracted_flags_and_scores_are_no_candidates(reader, boats) -> None:
    shown = _whole(reader, reverse("samples", args=["boats"]) + "?flagged=broken", "samples")
    assert len(shown) == 2

    judgements.retract(
        judgements=boats.project.judgements.filter(act__in=["flag", "pass"]), reason="retracted", by=None
    )

    assert _whole(reader, reverse("samples", args=["boats"]) + "?flagged=broken", "samples") == []
    assert _whole(reader, reverse("samples", args=["boats"]) + f"?scored={boats.scorer.pk}", "samples") == []


def test_candidates_of_another_project_stay_there(reader, boats) -> None:
    other = scene(slug="lakes")
    judgements.record(
        project=other.project,
        acts=[Act(other.person.pk, "flag", flags=[NewFlag(other.samples[0].pk, "broken")])],
    )

    for query in ("flagged=broken", f"generator={other.samples[0].generator_id}", f"prompt={other.prompt.pk}"):
        shown = _whole(reader, reverse("samples", args=["boats"]) + "?" + query, "samples")
        assert not set(shown) & {sample.pk for sample in other.samples}


def test_narrowing_costs_the_same_queries_for_few_rows_and_for_many(reader, boats) -> None:
    queries = ("scored=none", "q=quiet", "tag=boats&round=1", "flagged=any", "media=absent")
    addresses = [reverse("samples", args=["boats"]) + "?" + query for query in queries]

    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            reader.get(address)
        return len(captured)

    few = [cost(address) for address in addresses]
    for _ in range(30):
        factories.place(factories.sample(boats.prompt, round=1))
    many = [cost(address) for address in addresses]

    # A list with pictures reads these; the lists without one did not.
    assert [after - before for before, after in zip(few, many, strict=True) if after > before + 1] == []
    assert max(many) < 25


def test_a_damaged_count_of_rows_looked_at_is_no_harm(reader, boats, short_sighted) -> None:
    for damaged in ("x", "-5", "9" * 40, "²"):
        answer = reader.get(reverse("samples", args=["boats"]), {"q": "zeppelin", "looked": damaged})
        assert "Nothing among 8 rows looked through" in answer.content.decode()
