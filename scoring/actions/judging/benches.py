"""A judge ready to be asked: its template, its backend, what it is told to judge by, and who it is as a rater."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from curation.errors import Refused, Unavailable
from curation.identity import canonical_json
from curation.models import GuidelineVersion, Job, JudgingContext, Rater
from scoring.actions.judging import templates
from scoring.actions.judging.asks import Voice
from scoring.judges import endpoints, trained
from scoring.judges.base import Backend, Instruction, Template
from scoring.judges.endpoints import Endpoint
from scoring.models import Judge

# A folder in the data folder for wordings that models were trained on; see docs/judges.md.
WORDINGS = "wordings"
# Raised when what is done with a reply changes, so that old and new verdicts are not mixed.
VERSION = "1"
REMOTE, LOCAL = "scoring.judges.http:OpenAIBackend", "scoring.judges.local:LocalBackend"


@dataclass(frozen=True)
class Bench:
    """Everything that is needed to ask one judge."""

    judge: Judge
    template: Template
    backend: Backend
    instruction: Instruction

    def identity(self) -> dict[str, Any]:
        """What a verdict depends on; another identity is another rater."""
        return {
            "judge": VERSION,
            "template": {"name": self.judge.template_name, "digest": self.template.digest()},
            "mode": str(self.template.mode),
            "reader": self.template.reader,
            "model": dict(self.backend.identity()),
            "decoding": asdict(self.template.decoding),
            "pictures": asdict(self.template.pictures),
            "orders": self.judge.orders,
            **self._fitted(),
        }

    def _fitted(self) -> dict[str, Any]:
        """What votes chose its questions, as a head says what it was fitted on; nothing where none did."""
        seen = self.judge.template.fitted_on if self.judge.template else None
        return {"fitted_on": seen} if seen else {}


def bench(judge: Judge, job: Job, *, template: Template | None = None) -> Bench:
    """The judge of a job, its backend loaded or reached.

    Args:
        template: another wording than the judge's own, to try it.

    Raises:
        ScorerUnavailable: the model cannot be had, with what to do about it.
        Refused: the template or the endpoint no longer exists.
    """
    found = _backend(canonical_json(_made_of(judge)))
    return Bench(judge, _in_trained_words(judge, template or templates.of(judge)), found, _instruction(job))


def _in_trained_words(judge: Judge, template: Template) -> Template:
    """The template in the words its model was trained on, where its weights or the data folder bring them."""
    beside_weights = Path(judge.model) if judge.backend == Judge.Backend.LOCAL else None
    for folder in (beside_weights, settings.DATA_DIR / WORDINGS):
        try:
            worded = trained.worded(template, folder)
        except ValueError as error:
            raise Refused(str(error)) from error
        if worded is not template:
            return worded
    return template


def judge_of(job: Job) -> Judge:
    return Judge.objects.select_related("project", "template").get(pk=job.params["judge"])


def voice(judge: Judge, template: Template, job: Job) -> Voice:
    """How a job asks."""
    return Voice(
        rater_id=job.params.get("rater"),
        mode=template.mode,
        both_orders=judge.orders == Judge.Orders.BOTH,
        repeats=judge.repeats,
        context_id=job.params.get("context"),
        guideline_id=job.params.get("guideline"),
    )


def check_identity(job: Job, ready: Bench) -> None:
    """Refuses to write one rater's verdicts under another's name.

    Raises:
        Unavailable: this worker's judge differs from the one the job was planned with.
    """
    planned, here = Rater.objects.get(pk=job.params["rater"]).identity, ready.identity()
    if planned != here:
        parts = sorted(key for key in {*planned, *here} if planned.get(key) != here.get(key))
        raise Unavailable(
            _(
                "This worker's “%(judge)s” is not the one this job began with: its %(parts)s differ. "
                "Give all workers the same endpoints and weights, or start a new job."
            )
            % {"judge": ready.judge.name, "parts": ", ".join(parts)}
        )


def forget() -> None:
    """Drops every backend, so that the next one is made anew (tests, changed files)."""
    _remote.cache_clear()
    _local.cache_clear()


def endpoint_of(judge: Judge) -> Endpoint:
    """The address of a judge, as the file of endpoints states it now.

    Raises:
        Refused: the file cannot be read, or has no such name; the sentence says which it has.
    """
    known = offered()
    if judge.endpoint not in known:
        raise Refused(
            _("There is no endpoint “%(name)s” in %(file)s. There are: %(known)s.")
            % {
                "name": judge.endpoint,
                "file": settings.ENDPOINTS_FILE,
                "known": ", ".join(sorted(known)) or _("none yet"),
            }
        )
    return known[judge.endpoint]


def offered() -> Mapping[str, Endpoint]:
    """Every endpoint of this installation, by name. Raises Refused when their file cannot be read."""
    try:
        return endpoints.load(settings.ENDPOINTS_FILE)
    except ValueError as error:
        raise Refused(str(error)) from error


def check(judge: Judge, template: Template) -> None:
    """Whether a judge could be asked, as far as the web process can tell.

    Raises:
        Refused: there is no such endpoint, or it lacks the model or the log-probabilities the template reads.
    """
    if judge.backend != Judge.Backend.ENDPOINT:
        return
    endpoint = endpoint_of(judge)
    if not endpoint.allows(judge.model):
        raise Refused(
            _("The endpoint “%(endpoint)s” does not offer “%(model)s”. It offers: %(known)s.")
            % {"endpoint": endpoint.name, "model": judge.model, "known": ", ".join(endpoint.models)}
        )
    if template.decoding.top_logprobs and not endpoint.supports_logprobs:
        raise Refused(
            _(
                "“%(template)s” reads log-probabilities, and the endpoint “%(endpoint)s” is not known to give them. "
                "Say supports_logprobs in its entry if it does."
            )
            % {"template": template.name, "endpoint": endpoint.name}
        )


def _made_of(judge: Judge) -> dict[str, Any]:
    """What a backend is made from: two judges that agree in it share one, and a changed entry makes another."""
    endpoint = asdict(endpoint_of(judge)) if judge.backend == Judge.Backend.ENDPOINT else None
    return {"endpoint": endpoint, "model": judge.model, "local": judge.settings.get("local", {})}


def _backend(made_of: str) -> Backend:
    """The backend, loaded or reached; once a process."""
    return _remote(made_of) if json.loads(made_of)["endpoint"] else _local(made_of)


@lru_cache(maxsize=16)
def _remote(made_of: str) -> Backend:
    stated = json.loads(made_of)
    stated["endpoint"]["models"] = tuple(stated["endpoint"]["models"])
    found = _imported(REMOTE)(Endpoint(**stated["endpoint"]), stated["model"])
    found.ready()
    return found


@lru_cache(maxsize=1)
def _local(made_of: str) -> Backend:
    """One model is kept: it fills a graphics card."""
    stated = json.loads(made_of)
    found = _imported(LOCAL)(stated["model"], **stated["local"])
    found.ready()
    return found


def _imported(path: str) -> Callable[..., Backend]:
    """A class by its path; only a worker loads it, as only a worker loads models."""
    module, _colon, name = path.partition(":")
    found: Callable[..., Backend] = getattr(importlib.import_module(module), name)
    return found


def _instruction(job: Job) -> Instruction:
    context = JudgingContext.objects.filter(pk=job.params.get("context")).first()
    guideline = GuidelineVersion.objects.filter(pk=job.params.get("guideline")).first()
    return Instruction(principle=context.text if context else "", guideline=guideline.text if guideline else "")
