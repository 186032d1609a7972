"""Filters of the pages of recipes and datasets: codes of a version in words."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from curation.models import Rater

register = template.Library()


@register.filter
def percent(share: float) -> str:
    """A share from 0 to 1 in per cent, without a fraction that says nothing."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


@register.filter
def unit_word(unit: str) -> str:
    """What a margin is measured in; points of a score need no word."""
    return {"win_rate": _("of the win rate"), "vote_share": _("of the vote share")}.get(unit, "")


@register.filter
def basis_word(basis: str) -> str:
    return {"people": _("people"), "machines": _("machines"), "both": _("both")}.get(basis, basis)


@register.filter
def evidence_word(kind: str) -> str:
    words = {
        "prompt": _("prompts"),
        "sample": _("samples"),
        "score": _("scores"),
        "comparison": _("comparisons"),
        "split": _("earlier splits"),
    }
    return words.get(kind, kind)


@register.filter
def rater_word(kind: str) -> str:
    """People and behaviour without a name: how many of what."""
    return {"person": _("people"), "behaviour": _("sources of behaviour")}.get(kind, str(Rater.Kind(kind).label))
