"""Every reply is kept the moment it comes: the receipt of what was paid, and the answer to the same question again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from curation.models import Job, JobChunk, Project
from scoring.actions.judging import budgets
from scoring.actions.judging.budgets import Reservation
from scoring.judges.base import Reply, Token
from scoring.models import Judge, JudgeCall

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Text as PostgreSQL can keep it: not a zero character, nor half of a pair of surrogates."""
    return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def known(project: Project, digests: Iterable[str]) -> dict[str, JudgeCall]:
    """Calls whose reply stands, by the digest of their question. One query."""
    found = JudgeCall.objects.current().filter(project=project, digest__in=list(digests))
    return {call.digest: call for call in found}


@transaction.atomic
def keep(
    *,
    job: Job,
    judge: Judge,
    digest: str,
    reply: Reply,
    asked_at: datetime,
    fault: str,
    reservation: Reservation | None,
) -> JudgeCall:
    """Writes one reply down and what it cost, in a short transaction of its own."""
    cost = budgets.amount(reply.cost)
    fields: dict[str, Any] = {
        "project_id": job.project_id,
        "digest": digest,
        "judge": judge,
        "job": job,
        "asked_at": asked_at,
        "seconds": reply.seconds,
        "prompt_tokens": reply.prompt_tokens,
        "answer_tokens": reply.answer_tokens,
        "cost": cost,
        "text": storable(reply.text),
        "tokens": [[token.text, token.logprob, dict(token.rivals)] for token in reply.tokens] or None,
        "finish": reply.finish[:40],
        "model": reply.model[:300],
        "attempts": reply.attempts,
        "troubles": list(reply.troubles),
        "fault": fault,
    }
    if reservation is not None:
        budgets.settle(job, reservation, cost)
    try:
        with transaction.atomic():
            return JudgeCall.objects.create(**fields)
    except IntegrityError:
        # Another worker asked the same at the same moment: the first reply stands, this one was paid all the same.
        return JudgeCall.objects.create(**fields, is_current=False)


def reply_of(call: JudgeCall) -> Reply:
    """The reply as it came."""
    return Reply(
        text=call.text,
        model=call.model,
        finish=call.finish,
        prompt_tokens=call.prompt_tokens,
        answer_tokens=call.answer_tokens,
        seconds=call.seconds,
        cost=float(call.cost),
        tokens=tuple(Token(text, logprob, rivals) for text, logprob, rivals in call.tokens or ()),
        attempts=call.attempts,
        troubles=tuple(call.troubles),
    )


def forget_failures(chunks: Iterable[JobChunk]) -> None:
    """What failed in these parts is asked anew: replies that could not be read stay, as receipts only.

    The parts are changed and not saved.
    """
    faulty: list[int] = []
    for chunk in chunks:
        faulty += chunk.params.pop("faulty", [])
        chunk.params["settled"] = []
    JudgeCall.objects.current().filter(pk__in=faulty).update(is_current=False)
