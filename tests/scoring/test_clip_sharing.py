"""What scorers built on CLIP share: a model, crops, embeddings; and what they must not share."""

from __future__ import annotations

import gc
import hashlib
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curation.decoding_pool import DecodingPool
from scoring import canaries, embeddings, preparing
from scoring.catalogue import build
from scoring.engine import Pace, run
from scoring.scorers import clip_encoder, clip_scorer
from scoring.scorers.base import Item, ItemError, MediaFile, Reading, Scorer
from tests.scoring import clip_weights, making


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    clip_weights.make(folder)
    clip_weights.save_head(folder)
    return folder


def made(name: str, folder: Path, **settings: str) -> Scorer[Any]:
    head = {"head": str(folder)} if name == "aesthetic" else {}
    scorer = build(name, {"source": str(folder), **head, **settings})
    scorer.ready()
    return scorer


def known(file: MediaFile) -> MediaFile:
    return replace(file, digest=hashlib.sha256(file.path.read_bytes()).hexdigest())


def asked(folder: Path, count: int = 6, has_digest: bool = True) -> list[Item]:
    files = [making.saved(making.scene(90, 70, seed), folder) for seed in range(count)]
    files = [known(file) for file in files] if has_digest else files
    return [making.item(file, prompt_text=f"a fox, number {place % 2}") for place, file in enumerate(files)]


def model_of(scorer: Scorer[Any]) -> Any:
    return scorer.encoder.model  # type: ignore[attr-defined]


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """Pictures of each forward pass of any model, as they come."""
    seen: list[int] = []
    embed = clip_encoder.ClipModel.embed_pictures
    monkeypatch.setattr(
        clip_encoder.ClipModel, "embed_pictures", lambda self, views: (seen.append(len(views)), embed(self, views))[1]
    )
    return seen


@pytest.fixture
def crops(monkeypatch) -> list[int]:
    seen: list[int] = []

    def counted(picture: Any, size: int) -> Any:
        seen.append(size)
        return clip_scorer.crop_for(picture, size)

    monkeypatch.setattr(clip_scorer.ClipScorer, "make_view", staticmethod(counted))
    return seen


def values(scorers: list[Scorer[Any]], items: list[Item], pace: Pace | None = None) -> dict[str, list[float]]:
    said = making.by_scorer(list(run(items, scorers, pace or Pace(threads=0))))
    return {
        name: [one.results[name].value for one in outcomes if isinstance(one, Reading)]
        for name, outcomes in said.items()
    }


# -- one model, one crop, one pass ------------------------------------------------------------------------------------


def test_scorers_of_the_same_weights_hold_one_model_which_goes_with_the_last_of_them(folder: Path) -> None:
    scorers = [made("clipscore", folder), made("aesthetic", folder), made("clipscore", folder, prefix="")]
    model = weakref.ref(model_of(scorers[0]))

    assert all(model_of(scorer) is model() for scorer in scorers)
    assert scorers[0].bytes_held() == scorers[1].bytes_held() > 1_000_000
    while scorers:
        assert model() is not None
        scorers.pop()
    gc.collect()
    assert model() is None


def test_another_precision_activation_or_file_is_another_model(folder: Path, tmp_path: Path) -> None:
    clip_weights.make(tmp_path, seed=8)
    gelu = tmp_path / "gelu"
    gelu.mkdir()
    (gelu / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (gelu / "config.json").write_text((folder / "config.json").read_text().replace("quick_gelu", "gelu"))

    scorers = [
        made("clipscore", folder),
        made("clipscore", folder, precision="bfloat16"),
        made("clipscore", tmp_path),
        made("clipscore", gelu),
    ]

    assert len({id(model_of(scorer)) for scorer in scorers}) == 4
    assert len({scorer.encoder.digest for scorer in scorers}) == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("has_digest", [True, False])
@pytest.mark.parametrize("pace", [Pace(threads=0), Pace(batch_size=2, threads=2, ahead=4)])
def test_a_job_crops_and_embeds_each_picture_once_for_all_its_scorers(
    pace: Pace, has_digest: bool, folder: Path, tmp_path: Path, passes: list[int], crops: list[int]
) -> None:
    items = asked(tmp_path, has_digest=has_digest)
    apart = {**values([made("clipscore", folder)], items), **values([made("aesthetic", folder)], items)}
    embeddings.keep_below(None)
    passes.clear()
    crops.clear()

    together = values([made("clipscore", folder), made("aesthetic", folder)], items, pace)

    assert sum(passes) == len(items)
    assert len(crops) == len(items)
    assert together == {name: pytest.approx(found, abs=2e-6) for name, found in apart.items()}


def test_scorers_of_other_weights_share_the_crop_and_nothing_else(
    folder: Path, tmp_path: Path, passes: list[int], crops: list[int]
) -> None:
    clip_weights.make(tmp_path, seed=8, activation="gelu")
    items = asked(tmp_path)

    found = values([made("clipscore", folder), made("pickscore", tmp_path)], items)

    assert len(crops) == len(items)
    assert sum(passes) == 2 * len(items)
    assert found["pickscore"] == values([made("pickscore", tmp_path)], items)["pickscore"]


def test_the_same_picture_twice_in_a_batch_is_embedded_once(folder: Path, tmp_path: Path, passes: list[int]) -> None:
    items = asked(tmp_path, count=2) * 3

    values([made("clipscore", folder)], items)

    assert sum(passes) == 2


# -- remembered -------------------------------------------------------------------------------------------------------


def test_what_is_remembered_needs_no_decoding_and_gives_the_same_bits(
    folder: Path, tmp_path: Path, passes: list[int]
) -> None:
    items = asked(tmp_path)
    embeddings.keep_below(tmp_path / "embeddings")
    first = values([made("clipscore", folder)], items)
    embeddings.keep_below(None)
    embeddings.keep_below(tmp_path / "embeddings")  # as another process would find it
    passes.clear()
    for item in items:
        item.media[0].path.write_bytes(b"no picture any more")

    again = values([made("clipscore", folder), made("aesthetic", folder)], items)

    assert again["clipscore"] == first["clipscore"]
    assert len(again["aesthetic"]) == len(items)
    assert passes == []


def test_without_a_digest_nothing_is_remembered(folder: Path, tmp_path: Path) -> None:
    (item,) = asked(tmp_path, count=1, has_digest=False)
    scorer = made("clipscore", folder)
    values([scorer], [item])

    item.media[0].path.write_bytes(b"no picture any more")

    (said,) = making.outcomes(scorer, [item])
    assert isinstance(said, ItemError)


def test_each_frame_of_a_video_is_remembered(folder: Path, tmp_path: Path, passes: list[int]) -> None:
    film = known(making.filmed([making.scene(96, 96, seed=seed) for seed in range(8)], tmp_path))
    item = making.item(film, prompt_text="a fox")
    scorer = made("clipscore", folder)
    (first,) = making.outcomes(scorer, [item])
    film.path.unlink()

    (again,) = making.outcomes(scorer, [item])

    assert again == first
    assert sum(passes) == clip_scorer.FRAMES


def test_of_several_pictures_only_the_unknown_are_embedded(folder: Path, tmp_path: Path, passes: list[int]) -> None:
    files = [known(making.saved(making.scene(90, 70, seed), tmp_path)) for seed in range(3)]
    scorer = made("clipscore", folder)
    whole = making.item(*files, prompt_text="a fox")
    (right,) = making.outcomes(scorer, [whole])
    embeddings.keep_below(None)
    scorer = made("clipscore", folder)
    making.outcomes(scorer, [making.item(files[1], prompt_text="a fox")])
    passes.clear()

    (said,) = making.outcomes(scorer, [whole])

    assert passes == [2]
    assert isinstance(said, Reading)
    assert said.detail["cosine"] == pytest.approx(right.detail["cosine"], abs=2e-6)  # type: ignore[union-attr]


def test_a_scorer_that_works_alone_takes_nothing_that_was_made_in_a_batch(
    folder: Path, tmp_path: Path, passes: list[int]
) -> None:
    items = asked(tmp_path)
    together, alone = made("clipscore", folder), made("clipscore", folder, batching="alone")
    values([together], items)
    passes.clear()

    values([alone], items)

    assert passes == [1] * len(items)
    assert model_of(alone) is model_of(together)
    assert alone.encoder.digest != together.encoder.digest  # type: ignore[attr-defined]


def test_embeddings_that_are_not_numbers_are_errors_and_not_remembered(
    folder: Path, tmp_path: Path, monkeypatch
) -> None:
    items = asked(tmp_path, count=2)
    scorer = made("clipscore", folder)
    embed = model_of(scorer).embed_pictures
    monkeypatch.setattr(model_of(scorer), "embed_pictures", lambda views: embed(views) * float("nan"))

    broken = making.outcomes(scorer, items)
    monkeypatch.undo()

    assert [type(one) for one in broken] == [ItemError, ItemError]
    assert [type(one) for one in making.outcomes(scorer, items)] == [Reading, Reading]


def test_the_embeddings_of_pictures_can_be_read_by_their_digests(folder: Path, tmp_path: Path) -> None:
    items = asked(tmp_path)
    scorer = made("aesthetic", folder)
    values([scorer], items)

    rows = scorer.encoder.store.read_many([item.media[0].digest for item in items])  # type: ignore[attr-defined]

    assert rows.places.tolist() == list(range(len(items)))
    assert rows.vectors.shape == (len(items), 24)
    assert np.linalg.norm(rows.vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_a_full_memory_halves_the_batch_and_keeps_what_was_done(folder: Path, tmp_path: Path, monkeypatch) -> None:
    items = asked(tmp_path)
    scorer = made("clipscore", folder)
    tower = model_of(scorer)._model.encode_image

    def small(pixels: Any) -> Any:
        if len(pixels) > 2:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")
        return tower(pixels)

    monkeypatch.setattr(model_of(scorer)._model, "encode_image", small)

    said = making.outcomes(scorer, items)

    assert [type(one) for one in said] == [Reading] * len(items)


# -- in processes of their own ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clipscore", "aesthetic"])
def test_what_another_process_prepares_gives_the_same_numbers(name: str, folder: Path, tmp_path: Path) -> None:
    embeddings.keep_below(tmp_path / "embeddings")
    shown = asked(tmp_path)

    there = values([made(name, folder)], shown, Pace(batch_size=4, threads=1, processes=2, ahead=8))
    preparing.close()
    embeddings.keep_below(None)

    assert there == values([made(name, folder)], shown, Pace(batch_size=4, threads=0))


def test_another_process_finds_what_is_remembered_and_prepares_no_pixels(folder: Path, tmp_path: Path) -> None:
    embeddings.keep_below(tmp_path / "embeddings")
    scorer, shown = made("clipscore", folder), asked(tmp_path)
    values([scorer], shown)
    share = preparing.shares_of([scorer])
    assert share is not None

    pool = DecodingPool(1)
    try:
        parts = pool.submit(preparing.prepare_all, shown, share).result()
    finally:
        pool.close(wait=True)
        embeddings.keep_below(None)

    assert [look.view for (part,) in parts for look in part.value] == [None] * len(shown)


def test_preparing_loads_no_model_library() -> None:
    code = "import sys; import scoring.preparing, scoring.scorers.clip_views; print('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_canaries_are_answered_by_the_model_and_not_by_what_it_remembers(folder: Path, tmp_path: Path) -> None:
    scorer = made("clipscore", folder)
    before = canaries.measure(scorer, tmp_path)
    with torch.no_grad():
        model_of(scorer)._model.text_projection.mul_(torch.linspace(0.5, 1.5, model_of(scorer).dimensions))

    after = canaries.measure(scorer, tmp_path)

    assert len(before) == 4
    assert canaries.drift(before, after).largest > canaries.tolerance("float32")
