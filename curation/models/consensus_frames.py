"""What a consensus reads beside the evidence itself: families, what was picked, and who fails known answers.

What people are asked, and which answers are known, belongs to another room; it hands its two readers in when it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from curation.recipes import frames

# The rules of `curation.consensus.rules.is_kin`: the same family, spaces at the ends and the case of letters aside.
RELATED = """
SELECT DISTINCT r.id, s.prompt_id
FROM curation_generator g
JOIN curation_rater r ON lower(btrim(r.family)) = lower(btrim(g.family)) AND r.kind <> 'person'
JOIN curation_sample s ON s.generator_id = g.id
WHERE g.project_id = %(project)s AND btrim(g.family) <> '' {only_samples}
"""


@dataclass
class Asking:
    """What the room of the people knows of a project.

    Args:
        picked: ids of judgements that answer items picked for being close or disputed.
        failing: ids of people who answer known questions wrong more often than right.
    """

    picked: Callable[[int], Iterable[int]] = lambda _project_id: ()
    failing: Callable[[int], Iterable[int]] = lambda _project_id: ()


asking = Asking()


def picked(project_id: int) -> pl.DataFrame:
    return pl.DataFrame({"judgement_id": sorted(asking.picked(project_id))}, schema=frames.PICKED)


def failing(project_id: int) -> pl.DataFrame:
    return pl.DataFrame({"rater_id": sorted(asking.failing(project_id))}, schema=frames.FAILING)
