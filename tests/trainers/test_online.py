"""Trainers that draw their own samples take prompts and rewards from the scoring service."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest

from curation.models import Prompt
from scoring.actions.serving import tokens
from scoring.scorers.base import Item
from tests import factories
from tests.scoring import making
from tests.scoring.service import processes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.capability("I9")]

sys.path.insert(0, str(processes.EXAMPLES))

import online_rewards  # noqa: E402 - files that are copied, not a package
import pairwright_client  # noqa: E402

REWARD = """
reward: 1
name: right and long
members:
  - {name: right, scores: exact_match}
  - {name: long, scores: text_words, transform: [{bounded: {low: 0, high: 20}}]}
total: {rule: weighted_mean}
mixed_units: true
"""


class Noted:
    """A reward function that writes down what it was asked and what it said."""

    def __init__(self, reward: Any, name: str) -> None:
        self.reward, self.__name__, self.calls = reward, name, []

    def __call__(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> list[float | None]:
        said = self.reward(prompts, completions, **columns)
        self.calls.append((list(prompts), list(completions), said))
        return said


def words(completion: str) -> float:
    """What the scorer itself says of one completion, without any service."""
    (outcome,) = making.outcomes("text_rules", [Item(1, 1, text=completion)])
    return outcome.results["text_words"].value


def test_grpo_learns_on_the_pool_with_rewards_of_the_service(models, trained, tmp_path: Path, worker_environment):
    project = factories.project(task="text")
    for number in range(4):
        factories.prompt(project, f"{number} + 1 is", facts={"answer": str(number + 1)})
    token = tokens.make(project=project, name="grpo", by=None).text
    (tmp_path / "reward.yaml").write_text(REWARD)
    arguments = ["--scorer", "text_rules", "--scorer", "exact_match", "--reward", str(tmp_path / "reward.yaml")]

    with processes.running(worker_environment, tmp_path, *arguments) as running:
        client = pairwright_client.Client(running.address, token)
        rows = datasets.Dataset.from_list([online_rewards.as_row(prompt) for prompt in client.prompts()])
        single = Noted(online_rewards.text_reward(client, "text_rules", "text_words"), "words")
        total = Noted(online_rewards.recipe_reward(client, "right and long"), "total")
        trainer = trained(
            "GRPO",
            models.words,
            rows,
            steps=2,
            batch=4,
            num_generations=2,
            max_completion_length=24,
            temperature=1.0,
            reward_funcs=[single, total],
        )

    assert rows["pairwright_id"] == list(Prompt.objects.order_by("pk").values_list("pk", flat=True))
    assert trainer.state.global_step == 2
    log = [line for line in trainer.state.log_history if "reward" in line]
    assert len(log) == len(single.calls) == len(total.calls) == 2
    for line, one, both in zip(log, single.calls, total.calls, strict=True):
        counted = [words(completion) for completion in one[1]]
        assert one[2] == counted
        assert both[2] == pytest.approx([min(count, 20) / 40 for count in counted])  # none is right
        assert line["rewards/words/mean"] == pytest.approx(sum(counted) / len(counted))


def test_pictures_of_a_loop_get_the_numbers_of_the_scorer(tmp_path: Path, worker_environment):
    """As DDPO and ReFL ask: pictures in memory and the prompts they were drawn for."""
    project = factories.project()
    token = tokens.make(project=project, name="ddpo", by=None).text
    drawn = [making.scene(96 + 32 * number, 96, seed=number) for number in range(3)]
    files = [making.saved(picture, tmp_path) for picture in drawn]
    expected = making.outcomes("technical", [making.item(file) for file in files])
    criterion = next(name for name in expected[0].results if "sharp" in name)

    with processes.running(worker_environment, tmp_path, "--scorer", "technical") as running:
        reward = online_rewards.image_reward(pairwright_client.Client(running.address, token), "technical", criterion)
        said = reward(drawn, ["a fox"] * 3)

    assert said == [outcome.results[criterion].value for outcome in expected]
    assert len(set(said)) == 3
