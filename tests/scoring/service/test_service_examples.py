"""The client and the reward functions that are copied into trainers, over a service in this process."""

from __future__ import annotations

import io
import json
import sys
import urllib.error
import urllib.request
from email.message import Message

import pytest

from scoring.actions.serving.rewards import Given
from tests.scoring.service import asking, processes
from tests.scoring.service.asking import Serve
from tests.scoring.service.test_service_rewards import rule

sys.path.insert(0, str(processes.EXAMPLES))

import online_rewards
import pairwright_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_scorers")]


class Body(io.BytesIO):
    headers: Message


@pytest.fixture
def opened(monkeypatch):
    """Makes a client's calls end in a service that was started in this process."""

    def opened(service: asking.Client) -> pairwright_client.Client:
        def urlopen(request: urllib.request.Request, timeout: float) -> Body:
            path = request.full_url.removeprefix("http://here")
            said = service.call(request.get_method(), path, request.data or b"", request.get_header("Content-type"))
            body = Body(json.dumps(said.body).encode())
            body.headers = Message()
            for name, value in said.headers.items():
                body.headers[name] = value
            if said.status >= 400:
                raise urllib.error.HTTPError(request.full_url, said.status, "", body.headers, body)
            return body

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return pairwright_client.Client("http://here", service.token, patience=0)

    return opened


def test_a_group_without_any_number_is_none_for_each(serve: Serve, opened):
    """One bad group must not end a run of days."""
    given = {"r": Given(rule("{name: long, scores: length_value}"), "reward.yaml")}
    client = opened(serve("length", rewards=given))
    prompts, completions = ["p", "p"], ["bad one", "bad other"]

    assert online_rewards.text_reward(client, "length")(prompts, completions) == [None, None]
    assert online_rewards.recipe_reward(client, "r")(prompts, completions) == [None, None]
    assert online_rewards.text_reward(client, "length")(prompts, ["fine", "bad"]) == [4.0, None]
    assert client.score([{"id": 10**9}])[0]["errors"][0]["status"] == 404


def test_a_call_that_is_wrong_is_raised(serve: Serve, opened):
    client = opened(serve("length"))

    with pytest.raises(pairwright_client.Refused, match="404: The service holds no scorer 'weather'"):
        client.score([{"text": "x"}], scorers=["weather"])
