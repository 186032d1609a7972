"""Filters the templates share: numbers in the reader's language, form fields in our classes."""

from __future__ import annotations

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, FileInput, RadioSelect, Select
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def number(value: int | float | None) -> str:
    """A count with its thousands parted; a dash where there is none."""
    return "–" if value is None else intcomma(value)


@register.filter
def score(value: float | None) -> str:
    """A score with four meaning digits and a true minus sign; a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return text.replace("-", "−") if "e" not in text else text


@register.filter
def share(value: float | None) -> str:
    """A share as a percentage with one decimal and a true minus sign; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f} %".replace("-", "−")


@register.filter
def plain(value: float) -> str:
    """A number as machines write it, whatever the reader's language: for attributes and fields."""
    return repr(round(float(value), 10))


@register.filter
def plain_whole(value: int) -> str:
    """A whole number without thousands parted: seeds, widths, keys."""
    return str(value)


@register.filter
def entry(mapping: dict, key: object) -> object:  # type: ignore[type-arg]
    """The entry of a dictionary under a key that is itself a variable; None where there is none."""
    return mapping.get(key)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def dressed(field: BoundField) -> SafeString:
    """The field's widget with the class its kind wears."""
    return field.as_widget(attrs={"class": f"{_class_of(field)} {field.field.widget.attrs.get('class', '')}".strip()})


def _class_of(field: BoundField) -> str:
    widget = field.field.widget
    if isinstance(widget, CheckboxInput):
        return "form-check-input"
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return "choices"
    if isinstance(widget, Select):
        return "form-select"
    if isinstance(widget, FileInput):
        return "form-control"
    return "form-control"
