"""Pictures for reward models, read by the dataset classes of HPSv2 and HPSv3 as PyPI has them."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path

import pytest

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402
from torchvision.transforms import functional  # noqa: E402

from curation.exports.rows import ExportPrompt  # noqa: E402
from curation.exports.writing import write_export  # noqa: E402
from tests.curation.exports.making import Store, pair, picture_pairs, source, subject, vote  # noqa: E402
from tests.trainer_report import named  # noqa: E402
from tests.trainers.readers import package_module  # noqa: E402

pytestmark = pytest.mark.trainers


@pytest.fixture
def hpsv2():
    return package_module("hpsv2", "src.training.data", stubs={"src.open_clip": {"transform": None}})


@pytest.fixture
def hpsv3():
    return package_module("hpsv3", "dataset.pairwise_dataset").PairwiseOriginalDataset


def pixels(picture: Image.Image):
    """The readers want pictures of one size; the tiny ones differ by a row of pixels."""
    return functional.pil_to_tensor(picture.convert("RGB").resize((8, 8), Image.Resampling.NEAREST))


def stored(made, item):
    return pixels(Image.open(made.open_media(item.sha256)))


def by_caption(made, split: str):
    return {row.prompt.text: row for row in made.pairs(split)}


def test_hpsv3_finds_the_winner_first_and_a_soft_label(tmp_path, hpsv3, proved):
    store = Store()
    pairs = [
        pair(number, row.first, row.second, row.preference, votes=votes_of(row.preference), confidence=0.7)
        for number, row in enumerate(picture_pairs(store, 6))
    ]
    made = source(pairs, store)
    write_export(made, ["hpsv3"], tmp_path / "out")

    with chdir(tmp_path / "out/hpsv3"):
        rows = hpsv3(["train.json"], soft_label=True, confidence_threshold=0.5)
        items = [rows.get_single_item(place) for place in range(len(rows))]
        truth = by_caption(made, "train")
        for item in items:
            row = truth[item["text_1"]]
            for name, side in (("image_1", row.chosen), ("image_2", row.rejected)):
                assert Path(item[name]).read_bytes() == store.held[side.sample.media[0].sha256]
            assert float(item["label"]) == pytest.approx(2 / 3)
            assert item["confidence"] == 0.7
    assert len(items) == 6
    proved("hpsv3", named("hpsv3", "PairwiseOriginalDataset"), rows=len(items), direction="bytes of path1 and path2")


def votes_of(winner: str):
    loser = "second" if winner == "first" else "first"
    return (vote(winner), vote(winner), vote(loser))


def test_a_bad_path_is_replaced_at_random_by_hpsv3_so_paths_must_be_right(tmp_path, hpsv3):
    store = Store()
    made = source(picture_pairs(store, 3), store)
    write_export(made, ["hpsv3"], tmp_path / "out")

    with chdir(tmp_path):  # outside the folder
        rows = hpsv3(["out/hpsv3/train.json"])

        with pytest.raises(AssertionError):
            rows.get_single_item(0)


def test_hpdv2_pairs_name_the_preferred_picture(tmp_path, hpsv2, proved):
    store = Store()
    made = source(picture_pairs(store, 9), store)
    write_export(made, ["hpdv2"], tmp_path / "out")
    folder = tmp_path / "out/hpdv2"

    rows = hpsv2.HPDDataset(str(folder / "train.json"), str(folder), pixels, lambda words: words)

    truth = by_caption(made, "train")
    for place in range(len(rows)):
        pictures, label, caption = rows[place]
        assert sorted(label) == [0, 1]
        assert torch.equal(pictures[label.index(1)], stored(made, truth[caption].chosen.sample.media[0]))
        assert torch.equal(pictures[label.index(0)], stored(made, truth[caption].rejected.sample.media[0]))
    assert len(rows) == 6
    proved("hpdv2", named("hpsv2", "HPDDataset"), rows=len(rows), direction="pixels of the preferred")


def ranked(store: Store, split: str):
    """Two prompts with four pictures, ranked by their pairs: c > a > d, b tied with a."""
    pairs = []
    for number in range(2):
        prompt = ExportPrompt(f"g{number}", f"group {number}")
        a, b, c, d = (
            subject(10 * number + place, prompt, media=[store.picture(10 * number + place)]) for place in range(4)
        )
        wins = [(c, a), (c, b), (a, d), (b, d), (c, d)]
        pairs += [pair(100 * number + place, *win, "first", split) for place, win in enumerate(wins)]
    return source(pairs, store)


def test_hpdv2_tests_and_imagereward_rank_lower_is_better(tmp_path, hpsv2, proved):
    store = Store()
    made = ranked(store, "test")
    write_export(made, ["hpdv2", "imagereward"], tmp_path / "out")
    for name, reader in (("hpdv2", hpsv2.RankingDataset), ("imagereward", hpsv2.ImageRewardDataset)):
        folder = tmp_path / "out" / name
        rows = reader(str(folder / "test.json"), str(folder), pixels, lambda words: words)

        assert len(rows) == 2
        for place in range(2):
            pictures, ranks, caption = rows[place]
            number = int(caption.split()[-1])
            ranks_by_place = {
                next(at for at in range(4) if torch.equal(shown, pixels_of(store, 10 * number + at))): rank
                for shown, rank in zip(pictures, ranks, strict=True)
            }
            assert ranks_by_place == {0: 2, 1: 2, 2: 1, 3: 3}
        proved(name, named("hpsv2", reader.__name__), rows=len(rows), direction="pixels by rank")


def pixels_of(store: Store, number: int):
    return pixels(Image.open(store.open(store.picture(number).sha256)))


def test_a_turned_ranking_fails_the_check(tmp_path, hpsv2):
    store = Store()
    made = ranked(store, "test")
    write_export(made, ["imagereward"], tmp_path / "out")
    path = tmp_path / "out/imagereward/test.json"
    rows = json.loads(path.read_text())
    rows[0]["ranking"] = [4 - rank for rank in rows[0]["ranking"]]
    path.write_text(json.dumps(rows))

    pictures, ranks, caption = hpsv2.ImageRewardDataset(str(path), str(path.parent), pixels, lambda words: words)[0]

    best = pictures[ranks.index(min(ranks))]
    assert not torch.equal(best, pixels_of(store, 10 * int(caption.split()[-1]) + 2))
