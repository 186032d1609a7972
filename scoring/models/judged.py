"""What the verdicts of judges amount to: read by the database in one statement each, never row by row.

A verdict of one pair is what a judge said in both orders and all repeats together, as recipes hear it: the mean. It is
computed, never stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from curation.models import Judgement
from curation.reliability.shares import Share, wilson
from scoring.judges.orders import OrderAudit, audit

# 1 for the lower sample of a pair, 0 for the higher one, a half for a tie; both bad says nothing of either.
_TOWARD_LOW = """CASE c.outcome WHEN 'tie' THEN 0.5 WHEN 'left' THEN (c.left_sample_id = c.pair_low)::int
                    WHEN 'right' THEN (c.right_sample_id = c.pair_low)::int END"""


@dataclass(frozen=True)
class JudgedOrders:
    """How a judge's verdicts on one criterion bear being asked the other way round: `audit.flips` is its bias rate."""

    rater_id: int
    criterion: str
    audit: OrderAudit


def order_audits(*, project_id: int, rater_ids: Sequence[int]) -> list[JudgedOrders]:
    """The audit of each rater and criterion, over all living verdicts that were made in both orders. One query."""
    rows = _rows(
        """
        SELECT a.rater_id, k.key, a.outcome, b.outcome, count(*)
        FROM curation_judgement j
        JOIN curation_comparison a ON a.judgement_id = j.id AND NOT a.is_retracted
        JOIN curation_comparison b ON b.pair_low = a.pair_low AND b.pair_high = a.pair_high AND NOT b.is_retracted
             AND b.rater_id = a.rater_id AND b.left_sample_id = a.right_sample_id
             AND b.left_prompt_id = a.right_prompt_id AND b.right_prompt_id = a.left_prompt_id
             AND b.criterion_version_id = a.criterion_version_id
             AND b.context_id IS NOT DISTINCT FROM a.context_id AND b.occasion = a.occasion
        JOIN curation_criterionversion v ON v.id = a.criterion_version_id
        JOIN curation_criterion k ON k.id = v.criterion_id
        WHERE j.project_id = %s AND j.rater_id = ANY(%s) AND a.left_sample_id < a.right_sample_id
        GROUP BY a.rater_id, k.key, a.outcome, b.outcome
        """,
        [project_id, list(rater_ids)],
    )
    counted: dict[tuple[int, str], Counter[tuple[str, str]]] = {}
    for rater, key, first, turned, count in rows:
        counted.setdefault((rater, key), Counter())[first, turned] += count
    # A counter of outcomes is as good as the outcomes one by one.
    return [JudgedOrders(rater, key, audit(counts)) for (rater, key), counts in sorted(counted.items())]


@dataclass(frozen=True)
class PairVerdict:
    """What a judge says of a pair, all its answers together.

    Attributes:
        low, high: the samples, the lower id first.
        share: of its voice for the low one, 0 to 1; None where it called both bad throughout.
        answers: how many there are; decided ones for low and for high, ties, both bad.
        is_flipped: some answer changed with the order. One for each side is a tie; one for a side and one tie lean to
            that side.
    """

    low: int
    high: int
    criterion: str
    context: str
    share: float | None
    for_low: int
    for_high: int
    ties: int
    both_bad: int
    is_flipped: bool

    @property
    def verdict(self) -> str:
        """`low`, `high`, `tie` or `both-bad`; a flip is a tie, as in recipes."""
        if self.share is None:
            return "both-bad"
        if abs(self.share - 0.5) < 1e-9:
            return "tie"
        return "low" if self.share > 0.5 else "high"


def pair_verdicts(
    *, project_id: int, rater_id: int, prompt_ids: Sequence[int] = (), only_flipped: bool = False, most: int = 1000
) -> list[PairVerdict]:
    """What a rater says of each pair, criterion and context, in order of pair. One query.

    Args:
        prompt_ids: only pairs of these prompts; nothing means all.
        only_flipped: only pairs on which some answer changed with the order.
        most: no more than this.
    """
    rows = _rows(
        f"""
        SELECT c.pair_low, c.pair_high, k.key, coalesce(x.name, ''), avg({_TOWARD_LOW}),
               count(*) FILTER (WHERE {_TOWARD_LOW} = 1), count(*) FILTER (WHERE {_TOWARD_LOW} = 0),
               count(*) FILTER (WHERE c.outcome = 'tie'), count(*) FILTER (WHERE c.outcome = 'both-bad'),
               bool_or(turned.judgement_id IS NOT NULL)
        FROM curation_judgement j
        JOIN curation_comparison c ON c.judgement_id = j.id AND NOT c.is_retracted
        JOIN curation_criterionversion v ON v.id = c.criterion_version_id
        JOIN curation_criterion k ON k.id = v.criterion_id
        LEFT JOIN curation_judgingcontext x ON x.id = c.context_id
        LEFT JOIN curation_comparison turned ON turned.pair_low = c.pair_low AND turned.pair_high = c.pair_high
             AND NOT turned.is_retracted AND turned.rater_id = c.rater_id AND turned.left_sample_id = c.right_sample_id
             AND turned.criterion_version_id = c.criterion_version_id AND turned.occasion = c.occasion
             AND turned.context_id IS NOT DISTINCT FROM c.context_id
             AND turned.outcome <> CASE c.outcome WHEN 'left' THEN 'right' WHEN 'right' THEN 'left' ELSE c.outcome END
        WHERE j.project_id = %(project)s AND j.rater_id = %(rater)s AND c.left_prompt_id = c.right_prompt_id
              AND (%(all_prompts)s OR c.left_prompt_id = ANY(%(prompts)s))
        GROUP BY c.pair_low, c.pair_high, k.key, x.name
        HAVING NOT %(only_flipped)s OR bool_or(turned.judgement_id IS NOT NULL)
        ORDER BY c.pair_low, c.pair_high, k.key, x.name LIMIT %(most)s
        """,  # noqa: S608  # only a constant above
        {
            "project": project_id,
            "rater": rater_id,
            "all_prompts": not prompt_ids,
            "prompts": list(prompt_ids),
            "only_flipped": only_flipped,
            "most": most,
        },
    )
    return [
        PairVerdict(low, high, key, context, None if share is None else float(share), *counts)
        for low, high, key, context, share, *counts in rows
    ]


@dataclass(frozen=True)
class Listened:
    """How often a judge's reasons lead to its verdict, as a listener finds.

    Attributes:
        rater_id: whose reasons were read.
        listener_id: who read them.
        contradicted: share of the verdicts that the reasons do not lead to, with its interval.
    """

    rater_id: int
    listener_id: int
    confirms: int
    contradicts: int

    @property
    def contradicted(self) -> Share | None:
        return wilson(self.contradicts, self.confirms + self.contradicts)


def listened_to(*, project_id: int) -> list[Listened]:
    """For each judge and each listener, over living words of listeners on living verdicts. One query."""
    rows = _rows(
        """
        SELECT s.rater_id, j.rater_id, count(*) FILTER (WHERE l.kind = 'confirms'),
               count(*) FILTER (WHERE l.kind = 'contradicts')
        FROM curation_judgementlink l
        JOIN curation_judgement j ON j.id = l.judgement_id AND j.retracted_at IS NULL
        JOIN curation_judgement s ON s.id = l.source_id AND s.retracted_at IS NULL
        WHERE j.project_id = %s AND l.kind IN ('confirms', 'contradicts')
        GROUP BY s.rater_id, j.rater_id ORDER BY s.rater_id, j.rater_id
        """,
        [project_id],
    )
    return [Listened(*row) for row in rows]


@dataclass(frozen=True)
class UnderContext:
    """A judge's verdicts under one principle against people's votes on the same pairs.

    Attributes:
        context: the principle's name, empty for none.
        pairs: pairs on which it has a verdict; `both` of them people decided too, and it decided.
        agree: those decided alike, of `both`.
    """

    context: str
    criterion: str
    pairs: int
    both: int
    agree: int

    @property
    def accuracy(self) -> Share | None:
        return wilson(self.agree, self.both)


def under_contexts(*, project_id: int, rater_id: int) -> list[UnderContext]:
    """Agreement with people by principle and criterion. One query.

    A judge's verdict and the people's are each the mean of what was said; a mean of one half decides nothing.
    """
    rows = _rows(
        f"""
        WITH said AS (
            SELECT coalesce(x.name, '') AS context, k.id AS criterion_id, k.key, c.pair_low, c.pair_high,
                   avg({_TOWARD_LOW}) AS share
            FROM curation_judgement j
            JOIN curation_comparison c ON c.judgement_id = j.id AND NOT c.is_retracted
            JOIN curation_criterionversion v ON v.id = c.criterion_version_id
            JOIN curation_criterion k ON k.id = v.criterion_id
            LEFT JOIN curation_judgingcontext x ON x.id = c.context_id
            WHERE j.project_id = %(project)s AND j.rater_id = %(rater)s AND c.left_prompt_id = c.right_prompt_id
            GROUP BY coalesce(x.name, ''), k.id, k.key, c.pair_low, c.pair_high
        ), people AS (
            SELECT v.criterion_id, c.pair_low, c.pair_high, avg({_TOWARD_LOW}) AS share
            FROM curation_comparison c
            JOIN curation_judgement j ON j.id = c.judgement_id AND j.project_id = %(project)s
            JOIN curation_rater r ON r.id = c.rater_id AND r.kind = 'person'
            JOIN curation_criterionversion v ON v.id = c.criterion_version_id
            WHERE NOT c.is_retracted AND j.purpose = ANY(%(purposes)s) AND c.left_prompt_id = c.right_prompt_id
            GROUP BY v.criterion_id, c.pair_low, c.pair_high
        )
        SELECT said.context, said.key, count(*),
               count(*) FILTER (WHERE said.share <> 0.5 AND people.share <> 0.5),
               count(*) FILTER (WHERE (said.share - 0.5) * (people.share - 0.5) > 0)
        FROM said LEFT JOIN people USING (criterion_id, pair_low, pair_high)
        WHERE said.share IS NOT NULL
        GROUP BY said.context, said.key ORDER BY said.context, said.key
        """,  # noqa: S608  # only a constant above
        {"project": project_id, "rater": rater_id, "purposes": list(Judgement.COUNTED_PURPOSES)},
    )
    return [UnderContext(*row) for row in rows]


@dataclass(frozen=True)
class CallCounts:
    """What a judge was asked and what that cost, from its receipts.

    Attributes:
        unreadable: replies that were paid for and could not be read.
    """

    calls: int = 0
    unreadable: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    tokens: int = 0
    verdicts: int = 0
    same_family: int = 0


def counts_by_judge(*, project_id: int) -> dict[int, CallCounts]:
    """For every judge of a project that was ever asked, by its id. Two queries."""
    called = _rows(
        """
        SELECT judge_id, count(*), count(*) FILTER (WHERE fault <> ''), sum(cost)::float8, sum(seconds),
               sum(prompt_tokens + answer_tokens)
        FROM scoring_judgecall WHERE project_id = %s AND judge_id IS NOT NULL GROUP BY judge_id
        """,
        [project_id],
    )
    judged = _rows(
        """
        SELECT r.judge_id, count(*), count(*) FILTER (WHERE (j.payload->'same_family')::boolean)
        FROM scoring_judgerater r
        JOIN scoring_judge g ON g.id = r.judge_id
        JOIN curation_judgement j ON j.rater_id = r.rater_id AND j.project_id = g.project_id AND j.retracted_at IS NULL
        WHERE g.project_id = %s GROUP BY r.judge_id
        """,
        [project_id],
    )
    found = {judge: CallCounts(*paid) for judge, *paid in called}
    for judge, verdicts, related in judged:
        found[judge] = replace(found.get(judge, CallCounts()), verdicts=verdicts, same_family=related)
    return found


def _rows(statement: str, values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
