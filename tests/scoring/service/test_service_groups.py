"""Scorers of whole groups over live calls: stored groups as a job has them, whatever else the call names."""

from __future__ import annotations

import pytest

from curation.models import Project, Sample
from scoring.actions.starting import start_scoring
from tests import factories
from tests.scoring import making
from tests.scoring.job_helpers import texts, values, work_through
from tests.scoring.service import asking
from tests.scoring.service.asking import Serve
from tests.scoring.service.test_service_calls import png, value

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_scorers")]


@pytest.fixture
def group(project: Project) -> list[Sample]:
    """Three samples of one prompt, of which a job says that they are three."""
    samples = texts(project, "a", "b", "c")
    (job,) = start_scoring(project=project, scorers={"crowd": {}}, by=None)
    work_through(job)
    assert set(values(project).values()) == {3.0}
    return samples


def sizes(client: asking.Client, *samples: dict, **said: object) -> list[float]:
    answer = client.score(*samples, **said)
    assert answer.status == 200, answer.body
    return [value(one) for one in answer.body["results"]]


def test_a_sample_named_under_another_prompt_still_is_of_its_own_group(project: Project, group, serve: Serve):
    one, two, _three = group
    other = factories.prompt(project, text="another")
    client = serve("crowd")

    assert sizes(client, {"id": one.pk}, {"id": two.pk, "prompt": {"id": other.pk}}) == [3.0, 1.0]
    assert sizes(client, {"id": one.pk}, {"id": two.pk, "prompt": "in words"}) == [3.0, 1.0]
    assert sizes(client, {"id": two.pk, "prompt": {"id": other.pk}}) == [1.0]


def test_a_sample_named_twice_is_scored_once_and_told_twice(group, serve: Serve):
    one = group[0]
    client = serve("crowd", "length")

    said = client.score({"id": one.pk}, {"id": one.pk}, {"id": one.pk, "prompt": "p"}, {"id": one.pk, "prompt": "p"})

    told = [{score["scorer"]: score["value"] for score in result["scores"]} for result in said.body["results"]]
    assert told == [{"crowd": 3.0, "length": 1.0}] * 2 + [{"crowd": 1.0, "length": 1.0}] * 2
    assert client.get("/metrics").body["opinions"] == {"crowd": 4, "length": 4}


def test_its_own_prompt_by_id_is_its_own(group, serve: Serve):
    one, two, _three = group
    named = {"id": one.pk, "prompt": {"id": one.prompt_id}}
    client = serve("crowd")

    assert sizes(client, named) == [3.0]
    assert sizes(client, named, {"id": two.pk}, {"id": one.pk}) == [3.0, 3.0, 3.0]


def test_content_under_a_stored_prompt_is_a_group_of_the_call_alone(project: Project, group, serve: Serve):
    """What a trainer drew competes with what it drew; the stored group gets the number of the job beside it."""
    drawn = [{"text": text, "prompt": {"id": group[0].prompt_id}} for text in "xy"]
    stranger = texts(project, "of another prompt")[0]
    client = serve("crowd")

    assert sizes(client, *drawn) == [2.0, 2.0]
    assert sizes(client, {"id": group[0].pk}, *drawn) == [3.0, 2.0, 2.0]
    assert sizes(client, *drawn, {"id": stranger.pk, "prompt": {"id": group[0].prompt_id}}) == [3.0, 3.0, 3.0]


def test_no_sample_is_its_own_near_duplicate(project: Project, serve: Serve):
    prompt = factories.prompt(project)
    content = [png(making.scene(seed=seed)) for seed in range(3)]
    samples = [factories.sample(prompt) for _one in content]
    for sample, one in zip(samples, content, strict=True):
        factories.place(sample, factories.stored(one, "a.png"))
    client = serve("near_duplicate")
    first, copy = {"id": samples[0].pk}, {"media": [asking.media(content[0])], "prompt": {"id": prompt.pk}}

    (alone,) = sizes(client, first)
    assert alone < 1
    assert sizes(client, first, first, copy) == [alone, alone, 0.0]


def test_a_prompt_of_the_call_is_for_samples_by_content(group, serve: Serve):
    one = group[0]

    assert sizes(serve("crowd"), {"id": one.pk}, {"text": "x"}, {"text": "y"}, prompt="p") == [3.0, 2.0, 2.0]


def test_a_group_that_never_fits_is_refused_for_good(group, serve: Serve):
    client = serve("crowd", queued=2, items=2)

    said = client.score({"id": group[0].pk})

    assert (said.status, "Retry-After" in said.headers) == (413, False)
    assert "--queue" in said.body["error"]
    assert client.batcher.in_hand == 0
    assert sizes(serve("crowd", queued=3, items=2), {"id": group[0].pk}) == [3.0]
