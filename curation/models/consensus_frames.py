"""What a consensus reads beside the evidence itself: families, what was picked, and who fails known answers.

What people are asked, and which answers are known, belongs to another room; it hands its two readers in when it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from curation.recipes import frames

# What `curation.rewards.agreement.is_own_model` calls a model or a generator by.
_CALLED = (
    "lower(regexp_replace(regexp_replace(rtrim(split_part({}, '@', 1), '/'), '^.*/', ''), '[^[:alnum:]]', '', 'g'))"
)
_OWN_MODEL = f"""
EXISTS (
    SELECT FROM unnest(r.model_names) asked
    WHERE {_CALLED.format("asked")} <> '' AND {_CALLED.format("asked")} IN (
        {_CALLED.format("g.name")}, CASE WHEN position('/' IN g.revision) > 0 THEN {_CALLED.format("g.revision")} END)
)
"""
# The rules of `curation.consensus.rules.is_kin`: the same family, spaces at the ends and the case of letters aside; or
# the generator's own model.
# And machines on the prompts whose labels they were fitted on or chosen by: there they repeat what people said. Judges
# are of no project, so the prompts say whose they are.
RELATED = f"""
SELECT DISTINCT r.id, s.prompt_id
FROM curation_generator g
JOIN curation_rater r ON r.kind <> 'person' AND (
    (btrim(g.family) <> '' AND lower(btrim(r.family)) = lower(btrim(g.family))) OR {_OWN_MODEL})
JOIN curation_sample s ON s.generator_id = g.id
WHERE g.project_id = %(project)s {{only_samples}}
UNION
SELECT heard.id, seen.prompt::bigint
FROM (
    WITH RECURSIVE heard (id, source) AS (
        SELECT id, id FROM curation_rater
        WHERE identity ? 'fitted_on' AND (project_id = %(project)s OR project_id IS NULL)
        UNION SELECT m.ensemble_id, heard.source FROM heard JOIN curation_ratermember m ON m.member_id = heard.id
    )
    SELECT id, source FROM heard
) heard
JOIN curation_rater r ON r.id = heard.source,
    jsonb_path_query(r.identity, '$.fitted_on.prompts[*] ? (@.type() == "number")') seen (prompt)
JOIN curation_prompt p ON p.id = seen.prompt::bigint AND p.project_id = %(project)s
"""  # noqa: S608  # only constants above


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
