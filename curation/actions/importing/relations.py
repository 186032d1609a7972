"""Prompts of an import that say what they are of another prompt: the links, made once both are here."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import prompt_links
from curation.actions.importing.samples import Entry
from curation.actions.importing.state import PendingLink, Run
from curation.actions.prompt_links import Wording
from curation.errors import Refused
from curation.models import Prompt


def note(run: Run, found: Iterable[Entry]) -> None:
    """Remembers what the written entries say of their prompts, and makes the links whose originals are here."""
    run.pending_links += [
        PendingLink(entry.prompt.pk, row.rewrite_of, row.relation, row.operator, row.where)
        for entry in found
        if entry.prompt is not None and (row := entry.row).rewrite_of
    ]
    settle(run)


def settle(run: Run, *, is_last: bool = False) -> None:
    """Links prompts to originals that are here by now. At the end of the file, those without one are reported."""
    if not run.pending_links:
        return
    wanted = {each.rewrite_of for each in run.pending_links}
    originals = {prompt.key: prompt for prompt in Prompt.objects.filter(project=run.project, key__in=wanted)}
    prompts = Prompt.objects.in_bulk({each.prompt_id for each in run.pending_links})
    waiting = []
    for each in run.pending_links:
        if each.rewrite_of in originals:
            _link(run, each, prompts[each.prompt_id], originals[each.rewrite_of])
        else:
            waiting.append(each)
    run.pending_links = [] if is_last else waiting
    for each in waiting if is_last else ():
        run.refuse(
            _("%(where)s, rewrite_of") % {"where": each.where},
            _("the original “%(key)s” is not in this project; the prompt is here without it")
            % {"key": each.rewrite_of},
        )


def _link(run: Run, each: PendingLink, prompt: Prompt, original: Prompt) -> None:
    wording = Wording(prompt.text, each.relation, operator=each.operator)
    try:
        with transaction.atomic():
            prompt_links.link(project=run.project, prompt=prompt, origin=original, wording=wording)
    except Refused as error:
        run.refuse(_("%(where)s, rewrite_of") % {"where": each.where}, str(error))
