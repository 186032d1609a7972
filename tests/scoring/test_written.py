"""What scorers that ask have in common: who answers, at which address, and what it means that nobody does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scoring.catalogue import build
from scoring.judges.base import Passing
from scoring.scorers.base import Item, ItemError, Reading, ScorerUnavailable
from scoring.weight_sources import places
from tests.scoring import making, written_weights
from tests.scoring.judges import adapters, tiny_vlm
from tests.scoring.judges.server import MODEL, Rules, refused, saying, serving


@pytest.fixture(autouse=True)
def _no_address_stays(monkeypatch) -> None:
    monkeypatch.setattr(places.here, "endpoints", None)


@pytest.fixture
def edit(tmp_path: Path) -> Item:
    source, edited = (making.saved(making.scene(60, 40, seed=number), tmp_path) for number in (1, 2))
    return making.item(edited, prompt_text="make the sky green", roles={"source": (source,)})


def at(server: Any, tmp_path: Path, monkeypatch: Any, **fields: Any) -> dict[str, str]:
    file = tmp_path / "endpoints.yaml"
    file.write_text(server.endpoints_text(**fields))
    monkeypatch.setattr(places.here, "endpoints", file)
    return {"endpoint": "eye", "model": MODEL}


def test_an_address_is_asked_for_each_question_and_pass_with_its_seed(edit, tmp_path, monkeypatch) -> None:
    with serving() as server:
        scorer = build("editscore", {**at(server, tmp_path, monkeypatch), "passes": "3"})
        (said,) = making.outcomes(scorer, [edit])

    assert isinstance(said, Reading)
    assert sorted(seen.body["seed"] for seen in server.requests) == [42, 42, 43, 43, 44, 44]
    assert {seen.body["temperature"] for seen in server.requests} == {0.7}
    # The edit alone for quality, source and edit for following.
    assert sorted(len(seen.pictures) for seen in server.requests) == [1, 1, 1, 2, 2, 2]


def test_the_server_is_part_of_who_speaks(tmp_path, monkeypatch) -> None:
    with serving() as server:
        digests = [
            build("editscore", at(server, tmp_path, monkeypatch, weights=weights)).identity_digest()
            for weights in ("EditScore/EditScore-7B@1", "EditScore/EditScore-7B@2")
        ]

    assert digests[0] != digests[1]


def test_an_address_that_costs_money_is_refused_before_anything_is_sent(edit, tmp_path, monkeypatch) -> None:
    with serving() as server:
        scorer = build("editscore", at(server, tmp_path, monkeypatch, price_answer=10))
        with pytest.raises(ScorerUnavailable, match="costs money, and a job of scorers has no budget"):
            making.outcomes(scorer, [edit])

    assert server.requests == []


def test_an_unknown_address_is_named_with_those_there_are(tmp_path, monkeypatch) -> None:
    with serving() as server:
        stated = at(server, tmp_path, monkeypatch)
        with pytest.raises(ScorerUnavailable, match=r"no endpoint “ear”. There are: eye"):
            build("editscore", {**stated, "endpoint": "ear"}).ready()
        with pytest.raises(ScorerUnavailable, match="not “other”"):
            build("editscore", {**stated, "model": "other"}).ready()


def test_without_a_file_of_addresses_the_sentence_says_what_to_write() -> None:
    with pytest.raises(ScorerUnavailable, match="PAIRWRIGHT_ENDPOINTS_FILE"):
        build("editscore", {"endpoint": "eye", "model": "x"}).ready()


@pytest.mark.parametrize(("name", "changes"), [("videoscore2", {}), ("visionreward_image", {"answers": "probability"})])
def test_an_address_without_log_probabilities_is_refused_before_anything_is_asked(
    name: str, changes: dict[str, str], tmp_path, monkeypatch
) -> None:
    written_weights.image_checklist(tmp_path)
    checklist = {"checklist": str(tmp_path)} if name == "visionreward_image" else {}
    with serving() as server:
        stated = at(server, tmp_path, monkeypatch, supports_logprobs=False)
        with pytest.raises(ScorerUnavailable, match="Say supports_logprobs in its entry"):
            build(name, {**stated, **checklist, **changes}).ready()


def test_an_address_that_goes_away_stops_the_part_and_blames_no_sample(edit, tmp_path, monkeypatch) -> None:
    with serving(Rules(always=lambda number: refused(429, "later"))) as server:
        scorer = build("editscore", at(server, tmp_path, monkeypatch, attempts=1))
        with pytest.raises(Passing):
            making.outcomes(scorer, [edit, edit])


def test_what_the_address_refuses_is_that_samples_failure_in_its_words(edit, tmp_path, monkeypatch) -> None:
    with serving(Rules(plan={1: refused(400, "the picture is too small")})) as server:
        scorer = build("editscore", at(server, tmp_path, monkeypatch, requests_at_once=1))
        said = making.outcomes(scorer, [edit, edit])

    assert isinstance(said[0], ItemError)
    assert "the picture is too small" in said[0].reason
    assert isinstance(said[1], Reading)


def test_a_reply_in_no_form_is_a_failure_and_never_a_score(edit, tmp_path, monkeypatch) -> None:
    with serving(
        Rules(
            plan={1: saying('{"score": [12.5, 12.5]')},
        )
    ) as server:
        scorer = build("editscore", at(server, tmp_path, monkeypatch, requests_at_once=1))
        (said,) = making.outcomes(scorer, [edit])

    assert isinstance(said, ItemError)
    assert "the answer is not JSON" in said.reason or "no JSON" in said.reason


# -- a model in this process ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny_vlm.make(folder)
    return folder


def test_a_model_in_this_process_is_loaded_asked_and_held_to_the_form(weights, edit) -> None:
    scorer = build("editscore", {"source": str(weights), "precision": "float32"})

    (said,) = making.outcomes(scorer, [edit])

    # Random weights babble; what they say is no score.
    assert isinstance(said, ItemError)
    assert "pass 1 of 1 on following (seed 42)" in said.reason
    assert scorer.bytes_held() > 100_000
    identity: Any = scorer.identity()
    assert identity["weights"]["backend"] == "transformers"
    assert len(identity["weights"]["weights"]) == 64
    assert json.loads(json.dumps(identity)) == identity


def test_weights_and_precision_make_another_rater(weights, tmp_path) -> None:
    tiny_vlm.make(tmp_path / "other", seed=6)
    stated = [(weights, "float32"), (weights, "bfloat16"), (tmp_path / "other", "float32")]

    digests = {
        build("editscore", {"source": str(folder), "precision": precision}).identity_digest()
        for folder, precision in stated
    }

    assert len(digests) == 3


def test_an_adapter_is_merged_in_and_makes_another_rater(weights, edit, tmp_path) -> None:
    adapter = adapters.made(weights, tmp_path)
    stated = {"source": str(weights), "precision": "float32"}
    alone, adapted = build("editscore", stated), build("editscore", {**stated, "adapter": str(adapter)})

    said = [making.outcomes(one, [edit])[0] for one in (alone, adapted)]

    assert [type(one) for one in said] == [ItemError, ItemError]  # both babble, in other words
    assert alone.identity_digest() != adapted.identity_digest()


def test_a_folder_without_safetensors_is_refused(tmp_path) -> None:
    with pytest.raises(ScorerUnavailable, match="holds no safetensors"):
        build("videoscore2", {"source": str(tmp_path)}).ready()


def test_cogvlm2_needs_a_server_of_its_own(tmp_path) -> None:
    """Its configuration asks for code from its folder, which is never run."""
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "model_type": "cogvlm2",
                "architectures": ["CogVLMVideoForCausalLM"],
                "auto_map": {"AutoConfig": "configuration_cogvlm.CogVLMConfig"},
            }
        )
    )
    (tmp_path / "configuration_cogvlm.py").write_text("raise SystemExit('was run')\n")
    (tmp_path / "model.safetensors").write_bytes(b"")
    written_weights.video_checklist(tmp_path)

    with pytest.raises(ScorerUnavailable, match="without code of its own"):
        build("visionreward_video", {"source": str(tmp_path)}).ready()
