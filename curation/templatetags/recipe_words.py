"""Filters of the pages of recipes and datasets: codes of a version in words."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.models import Rater
from curation.recipe_words import in_order

register = template.Library()


@register.filter
def percent(share: float) -> str:
    """A share from 0 to 1 in per cent, without a fraction that says nothing."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


@register.filter
def unit_word(unit: str) -> str:
    """What a margin is measured in; points of a score need no word."""
    words = {
        "reward": _("of the reward"),
        "strength": _("logits of strength"),
        "win_rate": _("of the win rate"),
        "vote_share": _("of the vote share"),
        "groups": _("of the groups"),
    }
    return words.get(unit, "")


@register.filter(name="in_order")
def counts_in_order(counts: dict[str, int]) -> list[tuple[str, int]]:
    """The splits of a version with their counts, training first."""
    return [(name, counts[name]) for name in in_order(counts)]


@register.filter
def basis_word(basis: str) -> str:
    words = {
        "people": _("people"),
        "machines": _("machines"),
        "both": _("both"),
        "behaviour": _("behaviour"),
        "construction": _("construction"),
    }
    return words.get(basis, basis)


@register.filter
def evidence_word(kind: str) -> str:
    words = {
        "prompt": _("prompts"),
        "sample": _("samples"),
        "score": _("scores"),
        "comparison": _("comparisons"),
        "branch": _("samples with a parent"),
        "prompt_link": _("links between prompts"),
        "split": _("earlier splits"),
    }
    return words.get(kind, kind)


@register.filter
def rater_word(kind: str) -> str:
    """The kind of a machine that is called by its name."""
    return str(Rater.Kind(kind).label)


@register.filter
def nameless(rater: dict[str, Any]) -> str:
    """People and sources of behaviour are counted, never named."""
    count = rater["raters"]
    if rater["rater_kind"] == "behaviour":
        return ngettext("%(count)d source of behaviour", "%(count)d sources of behaviour", count) % {"count": count}
    return ngettext("%(count)d person", "%(count)d people", count) % {"count": count}
