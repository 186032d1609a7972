"""What a judging job leaves on its row when it ends."""

from __future__ import annotations

from django.db.models import IntegerField, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from curation.models import Job
from scoring.models import Spending


def sum_up(job: Job) -> None:
    """Counts that a person should see: verdicts on samples of the judge's own family, and what was spent."""
    related = job.chunks.filter(params__has_key="same_family").aggregate(
        count=Sum(Cast(KT("params__same_family"), IntegerField()))
    )
    spent = Spending.objects.filter(job=job).values("requests", "cost", "from_cache").get()
    job.result = {
        **job.result,
        "same_family": related["count"] or 0,
        "requests": spent["requests"],
        "cost": float(spent["cost"]),
        "from_cache": spent["from_cache"],
    }
    Job.objects.filter(pk=job.pk).update(result=job.result)
