"""`editreward` against transformers as its authors use it, on the same weights, and against mistakes to be seen."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers.base import NotApplicable, Reading, Scorer, ScorerUnavailable
from scoring.scorers.editreward import CRITERIA, pooled
from tests.scoring import language_weights, making, reward_token_weights

FIXTURES = {"qwen2_5_vl": "editreward_tiny.npz", "qwen3_vl": "editreward_qwen3_tiny.npz"}
# Two releases of a library in float32 differ by rounding; measured 6e-7.
TOLERANCE = 3e-6


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, dict[str, str]]:
    return {
        family: reward_token_weights.editreward(tmp_path_factory.mktemp(family), fixture)
        for family, fixture in FIXTURES.items()
    }


def scorer(given: dict[str, str], **changes: str) -> Scorer[Any]:
    made = build("editreward", {**given, **changes})
    made.ready()
    return made


def readings(made: Scorer[Any], stated: dict[str, Any], at_once: int = 8, edits: int = 2) -> list[Reading]:
    """Of the first edits under each prompt."""
    pictures = language_weights.pictures()
    items, prepared = [], []
    for prompt in stated["prompts"]:
        for source, edit in stated["edits"][:edits]:
            items.append(making.item(prompt_text=prompt))
            shown = reward_token_weights.Shown([pictures[edit]], sources=[pictures[source]])
            prepared.append(made.prepare(items[-1], shown))
    said = [
        one
        for start in range(0, len(items), at_once)
        for one in made.score(items[start : start + at_once], prepared[start : start + at_once])
    ]
    return [one for one in said if isinstance(one, Reading)]


def columns(said: list[Reading]) -> np.ndarray:
    """μ and log σ of both heads, (prompts × edits, heads, 2)."""
    each = [[one.results[criterion] for criterion in CRITERIA] for one in said]
    return np.array([[(result.value, math.log(result.spread or 0)) for result in row] for row in each])


@pytest.mark.parity
@pytest.mark.capability("C2")
@pytest.mark.parametrize("family", FIXTURES)
def test_scores_equal_the_model_as_its_authors_call_it(family, given, agreement) -> None:
    stated = reward_token_weights.stated_by(FIXTURES[family])
    reference = reward_token_weights.scores_of(FIXTURES[family]).reshape(-1, 2, 2)

    ours = columns(readings(scorer(given[family]), stated, edits=4))

    agreement("editreward", "transformers 4.57", f"tiny {family}", ours[..., 0], reference[..., 0], tolerance=TOLERANCE)
    assert np.abs(ours[..., 1] - reference[..., 1]).max() < TOLERANCE


@pytest.mark.parametrize("family", FIXTURES)
def test_the_other_rule_of_positions_is_caught(family, given, monkeypatch) -> None:
    """Qwen2.5-VL is counted along a line, Qwen3-VL in rows and columns: the wrong one warns of nothing."""
    stated = reward_token_weights.stated_by(FIXTURES[family])
    made: Any = scorer(given[family])
    right = columns(readings(made, stated))
    monkeypatch.setattr(made._model, "is_counted_along_a_line", not made._model.is_counted_along_a_line)

    wrong = columns(readings(made, stated))

    assert np.abs(wrong - right)[..., 0].max() > 0.02


def test_each_head_is_asked_its_own_question(given) -> None:
    stated = reward_token_weights.stated_by(FIXTURES["qwen2_5_vl"])
    made: Any = scorer(given["qwen2_5_vl"])
    right = columns(readings(made, stated))
    made._templates = made._templates[::-1]

    assert np.abs(columns(readings(made, stated)) - right).max() > 0.02


# -- pooling ----------------------------------------------------------------------------------------------------------


def test_columns_are_pooled_as_the_reference_pools_them() -> None:
    both = torch.tensor([[[2.0, math.log(0.5)], [4.0, math.log(2.0)]]])

    assert pooled(both, "mean")[0].tolist() == pytest.approx([3.0, 0.0])
    assert pooled(both, "min")[0].tolist() == pytest.approx([2.0, math.log(0.5)])
    assert pooled(both, "sum")[0].tolist() == pytest.approx([6.0, math.log(math.sqrt(0.25 + 4.0))])


def test_the_overall_is_the_mean_of_both_columns_and_the_pooling_is_the_raters_own(given) -> None:
    stated = reward_token_weights.stated_by(FIXTURES["qwen2_5_vl"])
    made = scorer(given["qwen2_5_vl"])

    said = readings(made, stated)

    means = columns(said).mean(axis=1)
    assert [one.results["editreward"].value for one in said] == pytest.approx(means[:, 0].tolist(), abs=1e-6)
    spreads = [one.results["editreward"].spread for one in said]
    assert spreads == pytest.approx(np.exp(means[:, 1]).tolist(), abs=1e-6)
    assert made.identity_digest() != scorer(given["qwen2_5_vl"], pooling="sum").identity_digest()
    with pytest.raises(ScorerUnavailable, match="“median”"):
        build("editreward", {**given["qwen2_5_vl"], "pooling": "median"})


# -- samples ----------------------------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_the_batch_size(given) -> None:
    for family, fixture in FIXTURES.items():
        stated = reward_token_weights.stated_by(fixture)
        made = scorer(given[family])

        alone = columns(readings(made, stated, at_once=1))

        np.testing.assert_allclose(columns(readings(made, stated, at_once=3)), alone, atol=2e-6)


def test_the_source_is_looked_at_once_for_all_edits_and_both_questions(given, tmp_path, monkeypatch) -> None:
    made: Any = scorer(given["qwen2_5_vl"])
    looked: list[int] = []
    visual = made._model.body.visual.forward

    def counted(patches: torch.Tensor, **options: Any) -> Any:
        looked.append(len(options["grid_thw"]))
        return visual(patches, **options)

    monkeypatch.setattr(made._model.body.visual, "forward", counted)
    source, *edits = (making.saved(making.scene(seed=seed), tmp_path) for seed in range(4))
    asked = [making.item(edit, prompt_text="redder", roles={"source": (source,)}) for edit in edits]

    said = making.outcomes(made, asked, Pace(batch_size=3, threads=0))

    assert [type(one) for one in said] == [Reading] * 3
    assert sum(looked) == 4


def test_no_source_or_several_are_not_applicable(given, tmp_path) -> None:
    media = [making.saved(making.scene(seed=seed), tmp_path) for seed in range(3)]
    roles: list[dict[str, Any]] = [{}, {"source": tuple(media[:2])}, {"source": (media[0],)}]

    none, several, one = making.outcomes(
        scorer(given["qwen2_5_vl"]), [making.item(media[2], prompt_text="redder", roles=each) for each in roles]
    )

    assert none == NotApplicable("the prompt has no source")
    assert several == NotApplicable("the prompt has 2 source pictures, and one is compared with")
    assert isinstance(one, Reading)


def test_a_sample_of_several_edits_gets_their_mean(given, tmp_path) -> None:
    source, *edits = (making.saved(making.scene(seed=seed), tmp_path) for seed in range(3))
    asked = [
        making.item(*files, prompt_text="redder", roles={"source": (source,)})
        for files in (edits[:1], edits[1:], edits)
    ]

    first, second, both = making.outcomes(scorer(given["qwen2_5_vl"]), asked)

    for criterion in ("editreward", *CRITERIA):
        expected = (first.results[criterion].value + second.results[criterion].value) / 2
        assert both.results[criterion].value == pytest.approx(expected, abs=1e-6)


# -- wording, weights -------------------------------------------------------------------------------------------------


def test_each_wording_says_for_itself_whose_it_is(tmp_path) -> None:
    given = reward_token_weights.editreward(tmp_path)
    (Path(given["source"]) / "editreward_quality_template.txt").unlink()
    made = scorer(given)

    said = readings(made, reward_token_weights.stated_by(FIXTURES["qwen2_5_vl"]))[0]

    origins = ["from the folder of the weights", "own wording, not the one the model was trained on"]
    assert said.detail["template"] == made.identity()["template_origin"] == origins


@pytest.mark.parametrize("name", ["rm_heads.head_1.5.bias", "model.visual.blocks.1.attn.qkv.weight"])
def test_missing_tensors_are_refused(name, tmp_path) -> None:
    given = reward_token_weights.editreward(tmp_path)
    path = Path(given["source"]) / "model.safetensors"
    save_file({one: tensor for one, tensor in load_file(path).items() if one != name}, path)

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(given)


def test_weights_as_a_table_of_torch_or_under_older_names_give_the_same_scores(given, tmp_path) -> None:
    stated = reward_token_weights.stated_by(FIXTURES["qwen2_5_vl"])
    older = reward_token_weights.editreward(tmp_path)
    path = Path(older["source"]) / "model.safetensors"
    names = {"model.visual.": "visual.", "model.language_model.": "model."}
    state = {}
    for name, tensor in load_file(path).items():
        begins = next((one for one in names if name.startswith(one)), "")
        state[names.get(begins, "") + name.removeprefix(begins)] = tensor
    torch.save(state, path.with_name("model.pth"))
    path.unlink()

    found = columns(readings(scorer(older), stated))

    np.testing.assert_array_equal(found, columns(readings(scorer(given["qwen2_5_vl"]), stated)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": {"height": 1}}, "shortest_edge"),
        ({"image_mean": [0.5]}, "not three numbers"),
        ({"size": None}, "None"),
    ],
)
def test_a_qwen3_vl_must_say_how_it_sees(change, words, tmp_path) -> None:
    given = reward_token_weights.editreward(tmp_path, FIXTURES["qwen3_vl"])
    path = Path(given["base"]) / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    with pytest.raises(ScorerUnavailable, match=f"does not say how pictures are seen: .*{words}"):
        scorer(given)
