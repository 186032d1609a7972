"""A head as a fit would have left it, without labels or a fit, for tests of pages."""

from __future__ import annotations

import numpy as np

from curation.actions import raters
from curation.models import Sample
from scoring.heads.features import Column, Scale, Scores
from scoring.heads.head import Form, Head, Seen, identity_of
from scoring.models import FittedHead


def head_that_saw(sample: Sample) -> FittedHead:
    """A head on two columns of scores that learnt from labels on the sample's prompt."""
    columns = (Column(1, "sharp", "sharp", (1,)), Column(2, "dull", "dull", (2,)))
    scale = Scale(np.zeros(2), np.ones(2))
    made = Head("taste", Form.PAIRS, "overall", (Scores(columns),), scale, np.array([1.0, 0.0]), 1.0)
    seen = Seen((1,), (sample.prompt_id,))
    rater = raters.machine(kind="head", name="head:taste", identity=identity_of(made, seen), project=sample.project)
    half = {"value": 0.5, "low": 0.4, "high": 0.6, "votes": 9, "prompts": 5}
    report = {
        "accuracy": half,
        "curve": [{"fraction": 1.0, "labels": 7.0, "accuracy": half}],
        "ridge": 1.0,
        "rivals": [],
        "others": None,
        "same": None,
        "most": None,
        "weighed": [],
        "counts": {"labels": 9, "ties": 0, "raters": 1, "samples": 9, "features": 2, "constant": 0},
        "apart": {},
        "across": False,
        "seconds": {"looking": 0.0, "fitting": 0.1},
    }
    asked = {"name": "taste", "criterion": "overall", "features": ["scores"], "voters": "people"}
    return FittedHead.objects.create(
        project=sample.project,
        name="taste",
        revision=1,
        form="pairs",
        criterion="overall",
        rater=rater,
        asked={**asked, "form": "pairs", "ties": "half", "settings": {}},
        document=made.as_json(),
        labels_digest=seen.digest,
        labels=9,
        prompts=5,
        report=report,
    )
