"""What a scorer's card says, in words, for a page and a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from scoring.scorers.base import CYCLE, Output, ScorerFacts, settings_of

# Written by `make parity`; absent until it has run once.
PARITY = Path(__file__).parent / "facts" / "parity.json"
_LONG_HEX = re.compile(r"[0-9a-f]{20,}")
# Of a longer list of ids the first ones are shown: nobody reads a thousand prompts.
MOST_IDS = 12


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
    return ", ".join(parts) or (_("the scores it reads") if facts.kind == "head" else _("nothing"))


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


# -- what it judges and where its weights are -------------------------------------------------------------------------

KINDS = ("image", "video", "text", "edit")


def kinds(facts: ScorerFacts) -> list[str]:
    """What it can judge, of `KINDS`: an edit is a picture that is held against its source."""
    found = sorted(facts.needs.media)
    if facts.needs.answer_text:
        found.append("text")
    if "source" in facts.needs.roles:
        found.append("edit")
    return found


def kind_words(kind: str) -> str:
    return {"image": _("pictures"), "video": _("videos"), "text": _("texts"), "edit": _("edits")}[kind]


def needs_reference(facts: ScorerFacts) -> bool:
    """Whether it holds the sample against something that came with the prompt: a picture, a known answer."""
    return bool({"reference", "control"} & set(facts.needs.roles)) or bool(facts.needs.facts)


def weights_licence(facts: ScorerFacts) -> str:
    return facts.weights_licence or _("no weights")


def independence(facts: ScorerFacts) -> str:
    """Why it is no opinion from outside, in words; empty where that hangs on the generator alone."""
    if facts.independence == CYCLE:
        return _("goes back from the output to the prompt: no independent opinion")
    return ""


# -- a rater by its identity ------------------------------------------------------------------------------------------


def part_words(name: str) -> str:
    """A part of an identity in words; parts that only one scorer has keep their own name."""
    known = {
        "version": _("version"),
        "weights": _("weights"),
        "preprocessing": _("preprocessing"),
        "scale": _("scale"),
        "template": _("template"),
        "decoding": _("decoding"),
        "precision": _("precision"),
        "batching": _("batching"),
        "model": _("model"),
    }
    return known.get(name, name.replace("_", " "))


def identity_rows(identity: Mapping[str, object]) -> list[tuple[str, str]]:
    """What a rater's numbers depend on, part by part, empty parts left out."""
    return [(part_words(key), value_words(value)) for key, value in identity.items() if key != "scorer" and value]


def differences(identity: Mapping[str, object], other: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """In which parts two raters of one scorer differ: the part, here, there."""
    keys = [key for key in dict.fromkeys([*identity, *other]) if identity.get(key) != other.get(key)]
    return [(part_words(key), value_words(identity.get(key)), value_words(other.get(key))) for key in keys]


def value_words(value: object) -> str:
    """A part of an identity for reading: digests shortened, tables as a list."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{part_words(str(key))}: {value_words(one)}" for key, one in value.items() if one not in ("", None, [])
        )
    if isinstance(value, list | tuple) and len(value) > MOST_IDS and all(type(one) is int for one in value):
        return _("%(first)s … (%(count)d in all)") % {"first": value_words(value[:MOST_IDS]), "count": len(value)}
    if isinstance(value, list | tuple):
        return ", ".join(value_words(one) for one in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value is None or value == "":
        return "–"
    return _LONG_HEX.sub(lambda found: f"{found[0][:12]}…", f"{value:g}" if isinstance(value, float) else str(value))


def setting_rows(facts: ScorerFacts) -> Iterator[tuple[str, str, str, str]]:
    """Every setting: its name, default, choices, and what it does."""
    for setting in settings_of(facts):
        yield setting.name, setting.default, ", ".join(setting.choices), _(setting.help)


# -- how closely it was compared --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ParityRow:
    """One comparison with an implementation that is not ours, on the same weights."""

    oracle: str
    size: str
    difference: float
    tolerance: float
    numbers: int
    passed: bool


@dataclass(frozen=True)
class Parity:
    """Where and when the table was measured, and the rows of one scorer."""

    measured: str
    rows: list[ParityRow]


def parity(name: str) -> Parity:
    """What `make parity` found of a scorer; no rows where it was not compared yet."""
    if not PARITY.is_file():
        return Parity("", [])
    found = json.loads(PARITY.read_text(encoding="utf-8"))
    rows = [
        ParityRow(
            oracle=row["oracle"],
            size=row["size"],
            difference=row["difference"],
            tolerance=row["tolerance"],
            numbers=row.get("numbers", 0),
            passed=row["passed"],
        )
        for row in found["rows"]
        if row["scorer"] == name
    ]
    measured = ", ".join(str(value) for value in found.get("measured", {}).values() if value)
    return Parity(measured, rows)
