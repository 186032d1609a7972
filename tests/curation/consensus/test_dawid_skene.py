"""True labels against crowd-kit (a fixture), the method written out in loops, and known truths."""

from pathlib import Path

import numpy as np
import pytest

from curation.consensus.dawid_skene import fit_labels
from curation.consensus.errors import NotConverged

OTHER = np.load(Path(__file__).parent / "fixtures" / "dawid_skene.npz")
SAID = (OTHER["item"], OTHER["rater"], OTHER["label"])
SIZE = {"items": 80, "raters": 9, "labels": 3}


@pytest.mark.parametrize("name", ["free", "gold"])
def test_without_a_prior_it_is_crowd_kits(name) -> None:
    known = OTHER["known"] if name == "gold" else None

    found = fit_labels(*SAID, **SIZE, known=known, before=np.zeros((3, 3)), tolerance=1e-13, max_steps=10_000)

    assert found.posterior == pytest.approx(OTHER[f"{name}_posterior"], abs=1e-8)
    assert found.share == pytest.approx(OTHER[f"{name}_share"], abs=1e-8)
    assert found.confusion == pytest.approx(OTHER[f"{name}_confusion"], abs=1e-8)


def test_the_fixture_is_not_the_starting_point() -> None:
    shares = np.zeros((80, 3))
    np.add.at(shares, (SAID[0], SAID[2]), 1.0)
    shares /= shares.sum(axis=1, keepdims=True)

    assert np.abs(OTHER["free_posterior"] - shares).max() > 0.3
    assert np.abs(OTHER["gold_posterior"] - OTHER["free_posterior"]).max() > 0.3


def test_with_a_prior_it_is_the_method_in_loops() -> None:
    item, rater, label = SAID
    before = np.array([[2.3, 0.4, 0.3], [0.3, 2.3, 0.3], [0.3, 0.5, 1.3]])
    q = np.zeros((80, 3))
    for i, c in zip(item, label, strict=True):
        q[i, c] += 1
    q /= q.sum(axis=1, keepdims=True)
    for _step in range(400):
        share, confusion = q.mean(axis=0), np.zeros((9, 3, 3))
        for r in range(9):
            for c in range(3):
                counts = before[:, c].copy()
                for i, k, said in zip(item, rater, label, strict=True):
                    if k == r:
                        counts[said] += q[i, c]
                confusion[r, :, c] = counts / counts.sum()
        new = np.tile(share, (80, 1))
        for i, k, said in zip(item, rater, label, strict=True):
            new[i] *= confusion[k, said]
        new /= new.sum(axis=1, keepdims=True)
        moved = np.abs(new - q).max()
        q = new
        if moved < 1e-11:
            break

    found = fit_labels(*SAID, **SIZE, before=before, tolerance=1e-11)

    assert found.posterior == pytest.approx(q, abs=1e-9)
    assert found.confusion == pytest.approx(confusion, abs=1e-9)


def _drawn(seed: int, *, items: int, right, labels: int, each: int):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, items)
    item = np.repeat(np.arange(items), each)
    rater = np.concatenate([rng.permutation(len(right))[:each] for _item in range(items)])
    is_right = rng.random(len(item)) < np.asarray(right)[rater]
    wrong = (truth[item] + rng.integers(1, labels, len(item))) % labels
    return (item, rater, np.where(is_right, truth[item], wrong)), truth


def test_who_is_good_comes_out_and_the_good_ones_outweigh_the_many() -> None:
    right = [0.95, 0.95, 0.4, 0.4, 0.4, 0.4, 0.4]
    said, truth = _drawn(1, items=2000, right=right, labels=3, each=7)
    most = np.array([np.bincount(said[2][said[0] == i], minlength=3).argmax() for i in range(2000)])

    found = fit_labels(*said, items=2000, raters=7, labels=3)

    accuracy = np.einsum("rcc,c->r", found.confusion, found.share)
    assert accuracy == pytest.approx(right, abs=0.05)
    assert (found.posterior.argmax(axis=1) == truth).mean() > (most == truth).mean() + 0.05
    assert found.confusion.sum(axis=1) == pytest.approx(1, abs=1e-12)


def test_a_rater_of_one_label_stays_near_what_is_believed_of_anybody() -> None:
    said, _truth = _drawn(2, items=300, right=[0.9] * 5, labels=2, each=3)
    one = tuple(np.append(column, value) for column, value in zip(said, (0, 5, said[2][0]), strict=True))

    found = fit_labels(*one, items=300, raters=6, labels=2)

    assert 0.7 < np.diag(found.confusion[5]).min() < 0.95


def test_known_items_stay_and_teach() -> None:
    """Three raters who mostly say the opposite are believed, until enough known items tell."""
    said, truth = _drawn(3, items=200, right=[0.1, 0.1, 0.1], labels=2, each=3)
    known = np.where(np.arange(200) < 120, truth, -1)

    free = fit_labels(*said, items=200, raters=3, labels=2)
    taught = fit_labels(*said, items=200, raters=3, labels=2, known=known)

    assert (free.posterior.argmax(axis=1) == truth).mean() < 0.1
    assert taught.posterior[:120].max(axis=1).tolist() == [1.0] * 120
    assert taught.posterior[:120].argmax(axis=1).tolist() == truth[:120].tolist()
    assert (taught.posterior[120:].argmax(axis=1) == truth[120:]).mean() > 0.9


def test_items_raters_and_labels_may_be_renumbered() -> None:
    rng = np.random.default_rng(4)
    item, rater, label = (rng.permutation(count) for count in (80, 9, 3))
    order = rng.permutation(len(SAID[0]))

    plain = fit_labels(*SAID, **SIZE)
    moved = fit_labels(item[SAID[0]][order], rater[SAID[1]][order], label[SAID[2]][order], **SIZE)

    assert moved.posterior[item][:, label] == pytest.approx(plain.posterior, abs=1e-7)
    assert moved.confusion[rater][:, label][:, :, label] == pytest.approx(plain.confusion, abs=1e-7)


def test_an_item_without_labels_has_the_shares() -> None:
    item, rater, label = SAID

    found = fit_labels(item, rater, label, items=81, raters=9, labels=3)

    assert found.posterior[80] == pytest.approx(found.share, abs=1e-6)


def test_a_rater_who_said_nothing_is_what_is_believed_before() -> None:
    found = fit_labels(*SAID, items=80, raters=10, labels=3)

    assert found.confusion[9] == pytest.approx((np.full((3, 3), 0.3) + 2 * np.eye(3)) / 2.9, abs=1e-12)


@pytest.mark.parametrize(
    ("said", "options", "words"),
    [
        (([0], [0], [2]), {}, "a label is not 0 to 1"),
        (([-1], [0], [1]), {}, "an item is not|a item is not"),
        (([0], [1], [1]), {}, "a rater is not"),
        (([0, 0], [0], [1]), {}, "give one of each"),
        (([0.5], [0], [1]), {}, "whole numbers"),
        (([0], [0], [1]), {"known": np.array([2])}, "known labels"),
        (([0], [0], [1]), {"before": np.array([[1.0, -1], [0, 1]])}, "pseudo-counts"),
        (([0], [0], [1]), {"before": np.ones((3, 3))}, "pseudo-counts"),
    ],
)
def test_what_makes_no_sense_is_refused(said, options, words) -> None:
    with pytest.raises(ValueError, match=words):
        fit_labels(*(np.array(column) for column in said), items=1, raters=1, labels=2, **options)


def test_it_says_when_it_does_not_come_to_rest() -> None:
    with pytest.raises(NotConverged, match="after 2 steps"):
        fit_labels(*SAID, **SIZE, max_steps=2)
