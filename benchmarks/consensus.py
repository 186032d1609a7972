"""Whether what votes add up to is found about as fast as the best library finds half of it.

    python benchmarks/consensus.py [--prompts 100000] [--rater-votes 1000000] [--rounds 3]

Each prompt has 8 samples, every two of them judged once (28 votes); strengths are drawn from N(0, 1.5²).

- *seconds*: strengths and covariances of all prompts, from votes in long form (`fit_groups`, chunks of 20,000).
- *ratio*: over scikit-learn's Newton-CG (tolerance 1e-12) on one block-diagonal sparse matrix of all prompts, which
  gives the same strengths and no covariance; its fit alone counts, building the matrix is told apart. Target 1.5.
- choix (`opt_pairwise`, the same prior) and evalica (`bradley_terry`, no prior) take one prompt at a time: they are run
  on a part of the prompts, and their time for all is estimated from it.
- *rater_seconds*: 1,000,000 votes of 1,000 raters on 35,000 prompts with slopes and side biases, eight rounds, with
  strengths and covariances at the end.

All in this process, one thread of linear algebra, in turn, the best of the rounds. The memory is the largest the
process held until ours had run once, before any of the other libraries worked. The last line is one JSON object.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from curation.consensus.bradley_terry import Fit, Votes, fit_groups
from curation.consensus.raters import fit_raters

ITEMS, PAIRS = 8, 28
SD = 1.5
PRECISION = 1 / SD**2
RATERS, VOTES_EACH_PROMPT = 1000, 28.6
CHOIX_PROMPTS, EVALICA_PROMPTS = 300, 1000


def main() -> None:
    arguments = _arguments()
    votes, strength = make_votes(arguments.prompts)
    ours: list[float] = []
    fit = timed(lambda: our_fit(votes, arguments.prompts), ours)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report = {"benchmark": "consensus", "prompts": arguments.prompts, "votes": len(votes)}
    report |= beside(votes, fit, ours, arguments)
    report |= {"peak_mib": round(peak_mib), "best_found": share_best(fit.strength, strength)}
    report |= with_raters(arguments.rater_votes)
    print(json.dumps(report))


def beside(votes: Votes, fit: Fit, ours: list[float], arguments: argparse.Namespace) -> dict[str, Any]:
    """Ours and the others in turn, so that a busy moment meets all of them."""
    learn, matrix, choix, evalica = [], [], [], []
    for number in range(arguments.rounds):
        other = scikit_learn(votes, arguments.prompts, matrix, learn)
        timed(lambda: our_fit(votes, arguments.prompts), ours)
        print(
            f"round {number + 1}: ours {ours[-1]:.2f} s, scikit-learn {learn[-1]:.2f} s (+ {matrix[-1]:.2f} s)",
            flush=True,
        )
    farthest = float(np.abs(other - fit.strength).max())
    assert farthest < 1e-5, f"scikit-learn's strengths are {farthest:.1e} away"
    for number in range(min(2, arguments.rounds)):
        timed(lambda: in_choix(votes, fit), choix)
        timed(lambda: in_evalica(votes), evalica)
        print(f"round {number + 1}: choix {choix[-1]:.2f} s, evalica {evalica[-1]:.2f} s, each for a part", flush=True)
    seconds, block = min(ours), min(learn)
    whole = (
        arguments.prompts / min(CHOIX_PROMPTS, arguments.prompts),
        arguments.prompts / min(EVALICA_PROMPTS, arguments.prompts),
    )
    return {
        "seconds": round(seconds, 3),
        "ratio": round(seconds / block, 3),
        "target": 1.5,
        "sklearn_seconds": round(block, 3),
        "sklearn_matrix_seconds": round(min(matrix), 3),
        "sklearn_farthest_logits": farthest,
        "choix_seconds_estimated": round(min(choix) * whole[0], 1),
        "choix_prompts_run": min(CHOIX_PROMPTS, arguments.prompts),
        "evalica_seconds_estimated": round(min(evalica) * whole[1], 1),
        "evalica_prompts_run": min(EVALICA_PROMPTS, arguments.prompts),
        "rounds": arguments.rounds,
        "milliseconds_for_one_prompt": one_prompt(votes),
    }


def timed(work: Callable[[], Any], seconds: list[float]) -> Any:
    began = time.perf_counter()
    found = work()
    seconds.append(time.perf_counter() - began)
    return found


# -- the votes --------------------------------------------------------------------------------------------------------


def make_votes(prompts: int) -> tuple[Votes, np.ndarray[Any, Any]]:
    """Every two of eight samples once, sides drawn, in the order of the prompts as a query gives them."""
    rng = np.random.default_rng(1)
    strength = rng.normal(0, SD, (prompts, ITEMS))
    i, j = np.triu_indices(ITEMS, 1)
    group, first, second = np.repeat(np.arange(prompts), PAIRS), np.tile(i, prompts), np.tile(j, prompts)
    is_swapped = rng.random(len(group)) < 0.5
    left, right = np.where(is_swapped, second, first), np.where(is_swapped, first, second)
    chance = 1 / (1 + np.exp(strength[group, right] - strength[group, left]))
    return Votes.of(group, left, right, (rng.random(len(group)) < chance).astype(float)), strength


def share_best(found: np.ndarray[Any, Any], strength: np.ndarray[Any, Any]) -> float:
    return round(float((found.argmax(axis=1) == strength.argmax(axis=1)).mean()), 4)


# -- ours -------------------------------------------------------------------------------------------------------------


def our_fit(votes: Votes, prompts: int) -> Fit:
    return fit_groups(votes, groups=prompts, items=ITEMS, precision=PRECISION)


def one_prompt(votes: Votes) -> float:
    """What an answer costs that refits its own prompt."""
    own = votes.take(slice(0, PAIRS))
    seconds: list[float] = []
    for _turn in range(50):
        timed(lambda: our_fit(own, 1), seconds)
    return round(1000 * min(seconds), 3)


def with_raters(count: int) -> dict[str, Any]:
    """Three fifths good raters, a fifth noisy, a fifth nearly coins; everybody leans to a side."""
    rng = np.random.default_rng(2)
    prompts = max(int(count / VOTES_EACH_PROMPT), 1)
    strength = rng.normal(0, SD, (prompts, ITEMS))
    slope = np.concatenate([rng.uniform(0.8, 1.2, 600), rng.uniform(0.25, 0.45, 200), np.full(200, 0.05)])
    bias = rng.normal(0, 0.5, RATERS)
    group, left, rater = rng.integers(0, prompts, count), rng.integers(0, ITEMS, count), rng.integers(0, RATERS, count)
    right = (left + rng.integers(1, ITEMS, count)) % ITEMS
    leaning = slope[rater] * (strength[group, left] - strength[group, right]) + bias[rater]
    votes = Votes.of(group, left, right, (rng.random(count) < 1 / (1 + np.exp(-leaning))).astype(float))
    seconds: list[float] = []
    alike = fit_groups(votes, groups=prompts, items=ITEMS, precision=PRECISION)
    fit = timed(
        lambda: fit_raters(
            votes, rater, raters=RATERS, anchors=np.arange(60), groups=prompts, items=ITEMS, precision=PRECISION
        ),
        seconds,
    )
    return {
        "rater_seconds": round(seconds[0], 3),
        "rater_votes": count,
        "rater_slope_correlation": round(float(np.corrcoef(np.log(fit.slope), np.log(slope))[0, 1]), 3),
        "rater_bias_correlation": round(float(np.corrcoef(fit.bias, bias)[0, 1]), 3),
        "rater_best_found": share_best(fit.fit.strength, strength),
        "rater_best_found_alike": share_best(alike.strength, strength),
    }


# -- the others -------------------------------------------------------------------------------------------------------


def scikit_learn(votes: Votes, prompts: int, matrix: list[float], learn: list[float]) -> np.ndarray[Any, Any]:
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    def design() -> Any:
        columns = np.stack([votes.group * ITEMS + votes.left, votes.group * ITEMS + votes.right], axis=1).ravel()
        ends = np.arange(0, 2 * len(votes) + 1, 2)
        return sparse.csr_matrix((np.tile([1.0, -1.0], len(votes)), columns, ends), shape=(len(votes), prompts * ITEMS))

    rows = timed(design, matrix)
    model = LogisticRegression(C=1 / PRECISION, solver="newton-cg", tol=1e-12, fit_intercept=False, max_iter=1000)
    found: np.ndarray[Any, Any] = timed(lambda: model.fit(rows, votes.outcome), learn).coef_.reshape(prompts, ITEMS)
    return found


def in_choix(votes: Votes, fit: Fit) -> None:
    import choix

    for prompt in range(min(CHOIX_PROMPTS, len(fit.strength))):
        own = votes.take(slice(prompt * PAIRS, (prompt + 1) * PAIRS))
        is_left = own.outcome == 1
        won, lost = np.where(is_left, own.left, own.right), np.where(is_left, own.right, own.left)
        pairs = list(zip(won.tolist(), lost.tolist(), strict=True))
        found = choix.opt_pairwise(ITEMS, pairs, alpha=PRECISION / 2, tol=1e-12)
        assert np.abs(found - fit.strength[prompt]).max() < 1e-5


def in_evalica(votes: Votes) -> None:
    """Without a prior: where a sample always won its answer means nothing, so only the time counts."""
    import evalica

    said = {1.0: evalica.Winner.X, 0.0: evalica.Winner.Y}
    for prompt in range(min(EVALICA_PROMPTS, len(votes) // PAIRS)):
        own = votes.take(slice(prompt * PAIRS, (prompt + 1) * PAIRS))
        evalica.bradley_terry(own.left.tolist(), own.right.tolist(), [said[outcome] for outcome in own.outcome])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--rater-votes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
