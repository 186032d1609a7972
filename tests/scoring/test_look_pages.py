"""What a judge looked at, as a reviewer opens it: the picture, its place in the whole, the words; and who may not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from curation.actions import withdrawals
from curation.models import Flag, Judgement, Project
from scoring.actions.judging import benches, templates
from scoring.actions.judging.starting import start_judging, start_trial
from scoring.judges import library
from scoring.models import Judge, JudgeCall, Look
from tests import factories
from tests.scoring.judges.server import Rules, Server, serving
from tests.scoring.judging_helpers import judge, work_through
from tests.scoring.looking_judges import PIXELS, call, corner_of, flawed, pair, saying_in_turn, searching
from tests.scoring.page_helpers import ROLES, count_queries, visitors

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_queue")]


@pytest.fixture
def served(settings, tmp_path) -> Iterator[Server]:
    with serving(Rules(says=searching)) as server:
        settings.ENDPOINTS_FILE = tmp_path / "endpoints.yaml"
        settings.ENDPOINTS_FILE.write_text(server.endpoints_text(requests_at_once=4, price_prompt=2.0))
        benches.forget()
        yield server
    benches.forget()


@pytest.fixture
def project() -> Project:
    return factories.project("corners")


@pytest.fixture
def sign_in(project: Project) -> Callable[[str], Client]:
    return visitors(project)


@pytest.fixture
def client(sign_in) -> Client:
    return sign_in("viewer")


def looker(project: Project, **fields) -> Judge:
    return judge(project, "looker", "image-pair-look", endpoint="eye", model="eye-1", **fields)


def run(project: Project) -> None:
    work_through(start_judging(project=project, judge=looker(project), by=None))


def page(name: str, *args: object) -> str:
    return reverse(name, args=["corners", *args])


def html_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content[:300]
    return response.content.decode()


def picture_of(response) -> Image.Image:
    return Image.open(io.BytesIO(b"".join(response.streaming_content)))


def links(html: str) -> list[str]:
    """Addresses of looks, in the order of the page."""
    return list(dict.fromkeys(re.findall(r'href="([^"]*/look/\?of=\d+)"', html)))


@pytest.mark.capability("C8")
def test_a_reviewer_opens_the_crop_that_the_judge_looked_at_in_both_orders(project, served, sign_in) -> None:
    light, dark = pair(project)
    run(project)
    reviewer, annotator = sign_in("viewer"), sign_in("annotator")

    for order in ([light, dark], [dark, light]):
        said = Judgement.objects.get(presentation__order=[one.pk for one in order])
        answer = html_of(reviewer, page("answer", said.pk))
        assert "What it looked at before" in answer
        assert "2 looks" in answer
        assert "to the letter: its digest is the receipt" in answer
        assert len(links(answer)) == 2

        for sample, address in zip(order, links(answer), strict=True):
            look = html_of(reviewer, address)
            left, top, right, bottom = PIXELS
            assert (
                f'<rect class="mark-line" x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"' in look
            )
            assert '<svg class="mark-overlay" viewBox="0 0 400 200"' in look
            assert f'src="{reverse("media", args=[sample.media.get().address])}"' in look
            assert "Let me see the corner of" in look
            shown = re.search(r'src="([^"]*/look/picture/)"', look)[1]
            seen = picture_of(reviewer.get(shown))
            expected = flawed(220 if sample == light else 40, seed=sample.pk).crop(PIXELS)
            assert np.array_equal(np.asarray(seen), np.asarray(expected)), "the very pixels that were sent"
            assert annotator.get(address).status_code == 403
            assert annotator.get(shown).status_code == 403


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_looks_are_open_to_those_who_may_read_answers(project, served, sign_in, role: str, status: int) -> None:
    pair(project)
    run(project)
    number = Look.objects.first().call_id
    visitor = sign_in(role)

    assert {visitor.get(page(name, number)).status_code for name in ("look", "look_picture")} == {status}


def test_looks_of_other_projects_are_not_found(project, served, client) -> None:
    other = factories.project("others")
    pair(other)
    work_through(start_judging(project=other, judge=looker(other), by=None))
    number, said = Look.objects.first().call_id, Judgement.objects.first().pk
    pair(project)
    work_through(start_judging(project=project, judge=looker(project), by=None))
    own = Look.objects.filter(call__project=project).first().call_id

    assert client.get(page("look", number)).status_code == 404
    assert client.get(page("look_picture", number)).status_code == 404
    assert client.get(page("look", own) + f"?of={said}").status_code == 404
    assert client.get(page("look", own) + "?of=x").status_code == 404


def test_a_look_leads_to_the_ones_beside_it_and_back_to_the_answer(project, served, client) -> None:
    pair(project)
    run(project)
    said = Judgement.objects.first()
    first, second = links(html_of(client, page("answer", said.pk)))

    at_first, at_second = html_of(client, first), html_of(client, second)

    assert f'js-after" rel="next" href="{second}"' in at_first
    assert "js-before" not in at_first
    assert f'js-before" rel="prev" href="{first}"' in at_second
    assert "js-after" not in at_second
    assert f'class="js-up" href="{page("answer", said.pk)}"' in at_first
    assert "look 1 of 2" in at_first


def test_a_look_of_another_answer_is_not_found_under_this_one(project, served, client) -> None:
    pair(project)
    run(project)
    one, other = Judgement.objects.order_by("pk")
    number = other.payload["trace"][0]["call"]

    assert client.get(page("look", number) + f"?of={one.pk}").status_code == 404


def test_words_of_a_judge_are_shown_as_words(project, served, client) -> None:
    pair(project)
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    served.rules.says = saying_in_turn(
        f"{evil}\n{call(image=1, box=evil)}", f"{evil}\n{call(image=1, box=[0, 0, 900, 900])}", "Verdict: Tie"
    )
    run(project)
    said = Judgement.objects.first()

    pages = [html_of(client, page("answer", said.pk))]
    pages += [html_of(client, page("look", entry["call"])) for entry in said.payload["trace"]]
    pages += [html_of(client, page("judge_call", entry["call"])) for entry in said.payload["trace"]]

    for html in pages:
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "&lt;script&gt;alert(1)" in html


def test_a_call_that_came_to_nothing_is_shown_with_its_reason(project, served, client) -> None:
    pair(project)
    served.rules.says = saying_in_turn(call(image=1, box=[5, 5, 5, 5]), "Verdict: Tie")
    run(project)
    said = Judgement.objects.first()

    answer = html_of(client, page("answer", said.pk))
    look = html_of(client, page("look", said.payload["trace"][0]["call"]))

    assert "came to nothing" in answer
    assert "the box is empty" in answer
    assert "came to nothing" in look
    assert "mark-overlay" not in look
    assert client.get(page("look_picture", said.payload["trace"][0]["call"])).status_code == 404


def test_what_was_taken_down_is_not_seen_in_its_looks(project, served, client) -> None:
    light, _dark = pair(project)
    run(project)
    of_light = [one.call_id for one in Look.objects.filter(digest=light.media.get().asset.renditions.get().sha256)]
    others = [one.call_id for one in Look.objects.exclude(call__in=of_light)]

    withdrawals.take_down(project=project, scope=withdrawals.of_sample(light), reason="asked for", by=None)

    assert {client.get(page("look_picture", number)).status_code for number in of_light} == {404}
    assert {client.get(page("look_picture", number)).status_code for number in others} == {200}
    assert "was taken down since" in html_of(client, page("look", of_light[0]))
    assert "/look/picture/" not in html_of(client, page("look", of_light[0]))


def test_looks_of_a_sample_that_is_flagged_unsafe_are_veiled(project, served, client) -> None:
    light, _dark = pair(project)
    run(project)
    number = Look.objects.filter(digest=light.media.get().asset.renditions.get().sha256).first().call_id
    assert "is-veiled" not in html_of(client, page("look", number))

    rater = factories.rater(project)
    said = Judgement.objects.create(project=project, rater=rater, act="flag", at="2026-01-01T00:00:00Z")
    Flag.objects.create(judgement=said, rater=rater, position=0, sample=light, kind=Flag.Kind.UNSAFE)

    assert html_of(client, page("look", number)).count("is-veiled") == 2


def test_the_group_says_how_often_a_judge_looked(project, served, client) -> None:
    light, _dark = pair(project)
    run(project)

    html = html_of(client, reverse("prompt", args=["corners", light.prompt_id]))

    assert html.count("with 2 looks") == 2


def test_a_try_shows_its_looks(project, served, sign_in) -> None:
    pair(project)
    trial = work_through(start_trial(project=project, judge=looker(project), by=None))

    html = html_of(sign_in("curator"), page("job", trial.pk))

    assert "What it looked at before" in html
    assert html.count("mark-overlay") == 4
    for number in Look.objects.values_list("call", flat=True):
        assert f'href="{page("look", number)}"' in html
        assert "A judge looked at this before its verdict." in html_of(sign_in("curator"), page("look", number))


def test_a_reply_that_failed_for_want_of_a_verdict_leads_to_what_it_asked_for(project, served, client) -> None:
    pair(project)
    served.rules.says = saying_in_turn(corner_of(1), "I like them all.")
    run(project)
    aside = JudgeCall.objects.filter(look__isnull=False).first()

    html = html_of(client, page("judge_call", aside.pk))

    assert "What it asked to see" in html
    assert f'href="{page("look", aside.pk)}"' in html


def test_count_queries_an_answer_do_not_grow_with_its_looks(project, served, client) -> None:
    asked = looker(project)
    counts = []
    for looks in (2, 6):
        light, _dark = pair(project)
        served.rules.says = saying_in_turn(*[corner_of(1), corner_of(2)] * (looks // 2), "Verdict: Tie")
        work_through(start_judging(project=project, judge=asked, by=None))
        said = Judgement.objects.filter(presentation__order__0=light.pk).get()
        assert len(said.payload["trace"]) == looks
        counts.append(count_queries(client, page("answer", said.pk)))

    assert counts[0] == counts[1]


def test_a_calculation_is_opened_as_any_other_look(project, served, client) -> None:
    pair(project)
    document = library.to_plain(library.builtin()["image-pair-look"])
    document = {**document, "name": "own", "tools": {**document["tools"], "names": ["calculate"]}}
    template = templates.save(project=project, document=document, by=None)
    served.rules.says = saying_in_turn(call("calculate", expression="6 * (7 + 1)"), "Verdict: Tie")
    made = judge(project, "counter", str(template), endpoint="eye", model="eye-1")

    job = work_through(start_judging(project=project, judge=made, by=None))

    assert job.done == 2
    (entry,) = Judgement.objects.first().payload["trace"]
    html = html_of(client, page("look", entry["call"]))
    assert "6 * (7 + 1) = 48" in html
    assert "6 * (7 + 1) = 48" in served.requests[-1].text
    assert "look/picture" not in html
