"""A prompt's list of constraints: editing it, and answering it for a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from curation.access import Right, may
from curation.actions import prompt_constraints, raters
from curation.errors import Refused
from curation.forms.prompt_tools import AnswersForm, ConstraintsForm
from curation.models import Project, Prompt, Sample
from curation.prompt_tools.constraints import Constraint
from curation.views.doors import PageRequest, project_page
from curation.views.pictures import all_pictures

# The samples a page offers to answer for.
SAMPLES = 60


@dataclass(frozen=True)
class Node:
    """A question as the list shows it: how deep it stands under those it needs, and what they are called."""

    constraint: Constraint
    depth: int


def nodes(listed: Sequence[Constraint]) -> list[Node]:
    """The questions with those that need others behind and under the first of them."""
    by_key = {one.key: one for one in listed}
    children: dict[str, list[Constraint]] = {}
    for one in listed:
        children.setdefault(one.needs[0] if one.needs else "", []).append(one)
    found: list[Node] = []
    waiting = [(one, 0) for one in reversed(children.get("", []))]
    while waiting:
        one, depth = waiting.pop()
        found.append(Node(one, depth))
        waiting += [(child, depth + 1) for child in reversed(children.get(one.key, []))]
    assert len(found) == len(by_key)
    return found


@project_page(Right.VIEW, write=Right.EDIT)
def constraints(request: PageRequest, project: Project, prompt_id: int) -> HttpResponse:
    """The list with its needs; whoever may edit changes it as text or reads it off the prompt's facts."""
    prompt = get_object_or_404(Prompt.objects.visible_to(request.user).filter(project=project), pk=prompt_id)
    listed = prompt_constraints.of(prompt)
    form = ConstraintsForm(request.POST or None, initial={"text": _as_text(listed)})
    if request.method == "POST" and form.is_valid():
        try:
            said = _change(request, prompt, form.cleaned_data["text"])
        except Refused as error:
            form.add_error("text", str(error))
        else:
            messages.success(request, said)
            return redirect("prompt_constraints", project.slug, prompt.pk)
    samples = list(Sample.objects.filter(prompt=prompt).select_related("generator").order_by("pk")[:SAMPLES])
    given = prompt_constraints.given(prompt=prompt, by=request.user) if listed else {}
    context = {
        "section": "prompts",
        "prompt": prompt,
        "nodes": nodes(listed),
        "form": form,
        "has_facts": bool(prompt.facts),
        "may_edit": may(request.role, Right.EDIT),
        "samples": samples,
        "totals": [(one, 100 * given[one.pk]["total"] if one.pk in given else None) for one in samples],
    }
    return render(request, "prompts/constraints.html", context, status=400 if form.errors else 200)


def _change(request: PageRequest, prompt: Prompt, text: str) -> str:
    if "from_facts" in request.POST:
        prompt_constraints.from_facts(prompt=prompt, by=request.user)
        return _("The list is read off the facts of the prompt.")
    if not text.strip():
        prompt_constraints.remove(prompt=prompt)
        return _("The prompt has no list any more.")
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise Refused(
            _("This is not YAML: %(why)s. Put every question in quotes.") % {"why": str(error).split("\n")[0]}
        ) from error
    prompt_constraints.set_list(prompt=prompt, raw=raw, source="page", by=request.user)
    return _("The list is kept.")


def _as_text(listed: Sequence[Constraint]) -> str:
    """The list as a person edits it, a line a question, without what is left at its default."""
    lines = []
    for one in listed:
        entry: dict[str, object] = {"key": one.key, "question": one.question, "kind": one.kind}
        if one.weight != 1:
            entry["weight"] = one.weight
        if one.needs:
            entry["needs"] = list(one.needs)
        lines.append(
            yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)
        )
    return "".join(lines)


@project_page(Right.EDIT)
def answer(request: PageRequest, project: Project, sample_id: int) -> HttpResponse:
    """Yes or no to each question for one sample; a question whose parent fails is void and may stay open."""
    samples = Sample.objects.visible_to(request.user).filter(project=project).select_related("prompt", "generator")
    sample = get_object_or_404(samples, pk=sample_id)
    listed = prompt_constraints.of(sample.prompt)
    ordered = nodes(listed)
    form = AnswersForm(request.POST or None, questions=[(n.constraint.key, n.constraint.question) for n in ordered])
    if request.method == "POST" and form.is_valid():
        try:
            act = prompt_constraints.answer(
                sample=sample, rater=raters.for_user(request.user), answers=form.answers(), by=request.user
            )
        except Refused as error:
            form.add_error(None, str(error))
        else:
            total = act.scores.get().value
            messages.success(request, _("Kept: %(total).0f%% of what counts is met.") % {"total": 100 * total})
            return redirect("prompt_constraints", project.slug, sample.prompt_id)
    context = {
        "section": "prompts",
        "sample": sample,
        "prompt": sample.prompt,
        "pictures": all_pictures([sample.pk])[sample.pk],
        "form": form,
        "rows": [(node, form[f"answer-{node.constraint.key}"]) for node in ordered],
    }
    return render(request, "prompts/answer.html", context, status=400 if form.errors else 200)
