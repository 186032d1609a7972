"""What was learnt, in the form of JSON and back: a page adds up with what a worker learnt. Plain code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from curation.consensus.adding_up import Learnt, Rater
from curation.consensus.calibration import Bin, Calibration, Isotonic, Reliability, Temperature
from curation.consensus.machine_stack import Opinions
from curation.consensus.opinions import Block, Column, Weight
from curation.consensus.prior_width import Width
from curation.consensus.rules import Verdict


def as_json(learnt: Learnt) -> dict[str, Any]:
    """Everything `adding_up.add_up` needs, and what a page tells of it."""
    block = learnt.block
    return {
        "width": asdict(learnt.width) if learnt.width else None,
        "residual": asdict(learnt.residual) if learnt.residual else None,
        "raters": {str(pk): asdict(one) for pk, one in learnt.raters.items()},
        "left_out": list(learnt.left_out),
        "accuracy": learnt.accuracy,
        "scale": {str(pk): list(pair) for pk, pair in learnt.scale.items()},
        "votes": learnt.votes,
        "people": learnt.people,
        "twice": learnt.twice,
        "block": {
            "weights": [_weight(one) for one in block.weights],
            "verdict": block.verdict.value,
            "calibration": _calibration(block.calibration),
            "tested": _tested(block.tested),
            "opinions": asdict(block.opinions) if block.opinions else None,
            "most": block.most,
        },
    }


def from_json(value: dict[str, Any]) -> Learnt:
    """What `as_json` wrote."""
    block = value["block"]
    return Learnt(
        width=Width(**value["width"]) if value["width"] else None,
        residual=Width(**value["residual"]) if value["residual"] else None,
        raters={int(pk): Rater(**one) for pk, one in value["raters"].items()},
        left_out=tuple(value["left_out"]),
        accuracy=value["accuracy"],
        scale={int(pk): (pair[0], pair[1]) for pk, pair in value["scale"].items()},
        votes=value["votes"],
        people=value["people"],
        twice=value["twice"],
        block=Block(
            weights=tuple(_weight_of(one) for one in block["weights"]),
            verdict=Verdict(block["verdict"]),
            calibration=_calibration_of(block["calibration"]),
            tested=_tested_of(block["tested"]),
            opinions=Opinions(**block["opinions"]) if block["opinions"] else None,
            most=block["most"],
        ),
    )


def _weight(one: Weight) -> dict[str, Any]:
    said = {"rater": one.column.rater_id, "column": one.column.column, "weight": one.weight}
    return {
        **said,
        "verdict": one.verdict.value,
        "tested": _tested(one.tested),
        "votes": one.votes,
        "kin": one.kin_prompts,
    }


def _weight_of(value: dict[str, Any]) -> Weight:
    return Weight(
        column=Column(value["rater"], value["column"]),
        weight=value["weight"],
        verdict=Verdict(value["verdict"]),
        tested=_tested_of(value["tested"]),
        votes=value["votes"],
        kin_prompts=value["kin"],
    )


def _tested(found: Reliability | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _tested_of(value: dict[str, Any] | None) -> Reliability | None:
    if value is None:
        return None
    return Reliability(**{**value, "bins": tuple(Bin(**one) for one in value["bins"])})


def _calibration(found: Calibration | None) -> dict[str, Any] | None:
    if isinstance(found, Temperature):
        return {"kind": "temperature", **asdict(found)}
    if isinstance(found, Isotonic):
        kept = _corners(found)
        return {
            "kind": "isotonic",
            "margin": found.margin[kept].tolist(),
            "value": found.value[kept].tolist(),
            "votes": found.votes,
        }
    return None


def _corners(found: Isotonic) -> np.ndarray:
    """Both ends of every level stretch: what lies between says nothing more."""
    value = found.value
    inside = np.zeros(len(value), dtype=bool)
    inside[1:-1] = (value[1:-1] == value[:-2]) & (value[1:-1] == value[2:])
    return np.flatnonzero(~inside)


def _calibration_of(value: dict[str, Any] | None) -> Calibration | None:
    if value is None:
        return None
    if value["kind"] == "temperature":
        return Temperature(value["slope"], value["lapse"], value["votes"])
    return Isotonic(np.array(value["margin"]), np.array(value["value"]), value["votes"])
