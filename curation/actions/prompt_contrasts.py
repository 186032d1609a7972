"""Making contrast prompts of a project's prompts by named operators; made again they are found, not doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from curation.actions import prompt_links
from curation.actions.prompt_links import Wording
from curation.errors import Refused
from curation.models import Project, Prompt, PromptLink, Rater
from curation.prompt_tools.contrasts import OPERATORS, Contrast, contrasts, written
from curation.prompt_tools.rewrites import CONTRAST

BATCH = 200
LANGUAGE = "en"


@dataclass(frozen=True)
class Wanted:
    """Which contrasts to make.

    Args:
        operators: names of `OPERATORS`, in the order in which they take turns.
        per_prompt: at most so many of one prompt; None for all.
        tag: only of prompts with this tag.
        limit: of at most so many prompts, the oldest first.
        prompt: of this one alone.
    """

    operators: Sequence[str]
    per_prompt: int | None = None
    tag: str = ""
    limit: int | None = None
    prompt: int | None = None


@dataclass
class Outcome:
    """What became of it: contrasts by operator that are new, those that were here, prompts with nothing to change."""

    originals: int = 0
    made: Counter[str] = field(default_factory=Counter)
    known: int = 0
    unchanged: int = 0


def make(*, project: Project, wanted: Wanted, tell: Callable[[Outcome], None] = lambda _outcome: None) -> Outcome:
    """Makes the contrasts that are not here yet, batch by batch; what a crash leaves undone, the next call does.

    Prompts that are contrasts themselves are not changed further, and only English ones are, because the rules are.

    Raises:
        Refused: an operator is unknown, or no English prompt answers to the choice.
    """
    check(wanted.operators)
    if wanted.per_prompt is not None and wanted.per_prompt < 1:
        raise Refused(_("At least one contrast is made of each prompt."))
    outcome = Outcome()
    for batch in _batches(_originals(project, wanted), wanted.limit):
        with transaction.atomic():
            for prompt in batch:
                _make_of(project, prompt, wanted, outcome)
        tell(outcome)
    if not outcome.originals:
        raise Refused(_("No English prompt of “%(project)s” answers to this choice.") % {"project": project.name})
    return outcome


def check(operators: Sequence[str]) -> None:
    """Raises: Refused, an operator is unknown or none is named."""
    unknown = next((name for name in operators if name not in OPERATORS), None)
    if unknown is not None or not operators:
        raise Refused(
            _("There is no operator “%(name)s”. Known: %(known)s.")
            % {"name": unknown or "", "known": ", ".join(OPERATORS)}
        )


def _originals(project: Project, wanted: Wanted) -> QuerySet[Prompt]:
    found = Prompt.objects.filter(project=project, locale__startswith=LANGUAGE).exclude(text="")
    found = found.exclude(origin_links__relation=CONTRAST)
    if wanted.tag:
        found = found.filter(tags__contains=[wanted.tag])
    return found.filter(pk=wanted.prompt) if wanted.prompt else found


def _batches(found: QuerySet[Prompt], limit: int | None) -> Iterator[list[Prompt]]:
    """By id, so that a long run holds no cursor open; and only up to where it began, so as not to meet its own."""
    newest = found.order_by("-pk").values_list("pk", flat=True).first()
    after, left = 0, limit
    while newest is not None and (left is None or left > 0):
        size = BATCH if left is None else min(BATCH, left)
        batch = list(found.filter(pk__gt=after, pk__lte=newest).order_by("pk")[:size])
        if not batch:
            return
        yield batch
        after, left = batch[-1].pk, None if left is None else left - len(batch)


def _make_of(project: Project, prompt: Prompt, wanted: Wanted, outcome: Outcome) -> None:
    outcome.originals += 1
    found = contrasts(prompt.text, wanted.operators, wanted.per_prompt)
    outcome.unchanged += not found
    here = set(PromptLink.objects.filter(origin=prompt).values_list("prompt__text", flat=True))
    new = [_wording(made) for made in found if made.text not in here]
    outcome.known += len(found) - len(new)
    if new:
        outcome.made += prompt_links.add(project=project, origin=prompt, wordings=new).made


def _wording(made: Contrast, author: Rater | None = None) -> Wording:
    edits = [{"start": edit.start, "end": edit.end, "before": edit.before, "after": edit.after} for edit in made.edits]
    return Wording(made.text, CONTRAST, operator=made.operator, parameters={"edits": edits}, author=author)


def write(*, project: Project, origin: Prompt, text: str, author: Rater) -> prompt_links.Outcome:
    """A contrast in any language by hand; the stretch that differs is found by comparing.

    Raises:
        Refused: it is empty, or the original itself.
    """
    return prompt_links.add(project=project, origin=origin, wordings=[_wording(written(origin.text, text), author)])
