"""The examples of docs/rewards.md are what the parsers take."""

import re
from pathlib import Path

import pytest

from curation.rewards.model import RewardRule
from curation.rewards.parse import RULES, parse, parse_transform
from curation.rewards.plan import Plan, parse_ensemble
from curation.rewards.steps import KINDS
from curation.rewards.transforms import Transform

TEXT = (Path(__file__).parents[3] / "docs" / "rewards.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
PARSERS = {"transform": (parse_transform, Transform), "reward": (parse, RewardRule), "ensemble": (parse_ensemble, Plan)}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split(":")[0])
def test_an_example_is_taken(example):
    read, kind = PARSERS[example.split(":")[0]]

    assert isinstance(read(example), kind)


def test_every_step_and_rule_is_explained():
    assert len(EXAMPLES) == 4
    assert [name for name in (*KINDS, *RULES) if f"`{name}`" not in TEXT] == []
