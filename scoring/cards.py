"""What a scorer's card says, in words, for a page and a terminal."""

from __future__ import annotations

from django.utils.translation import gettext as _

from scoring.scorers.base import Output, ScorerFacts


def needs(facts: ScorerFacts) -> str:
    """What a sample must have for the scorer to apply."""
    wanted = facts.needs
    kinds = {"image": _("a picture"), "video": _("a video")}
    parts = []
    if wanted.media:
        parts.append(_(" or ").join(kinds.get(kind, kind) for kind in sorted(wanted.media)))
    if wanted.answer_text:
        parts.append(_("a text answer"))
    if wanted.prompt_text:
        parts.append(_("the prompt's text"))
    parts += [_("the prompt's media in the role “%(role)s”") % {"role": role} for role in wanted.roles]
    if wanted.facts:
        parts.append(_("the prompt's fact %(facts)s") % {"facts": _(" or ").join(f"“{key}”" for key in wanted.facts)})
    if facts.scope == "group":
        parts.append(_("all samples of the prompt"))
    return ", ".join(parts) or _("nothing")


def place(facts: ScorerFacts) -> str:
    if facts.queue == "gpu":
        return _("a GPU worker (queue “gpu”; it works on a processor too, slower)")
    return _("a processor (queue “cpu”)")


def licence(facts: ScorerFacts) -> str:
    if not facts.weights_licence:
        return _("code %(code)s, no weights") % {"code": facts.code_licence}
    return _("code %(code)s, weights %(weights)s") % {"code": facts.code_licence, "weights": facts.weights_licence}


def span(output: Output) -> str:
    """The range of an output with its unit."""
    words = _("%(low)s to %(high)s") % {"low": _number(output.low), "high": _number(output.high)}
    return f"{words} ({_(output.unit)})" if output.unit else words


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def direction(output: Output) -> str:
    return _("higher is better") if output.higher_is_better else _("lower is better")
