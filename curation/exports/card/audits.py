"""What was looked for before the set left, what was found, and who accepted it; and what the set cannot say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curation.exports.card.charts import CardChart
from curation.exports.card.words import bullets, count, inline, table
from curation.exports.formats import WrittenConfig
from curation.exports.rows import ExportContext
from curation.gate.codes import CHECKS
from curation.gate.report import Finding, GateReport

LeftOut = Mapping[str, Mapping[str, int]]


def audits(context: ExportContext, charts: Mapping[str, CardChart]) -> list[str]:
    pictures = [chart.markdown for name, chart in charts.items() if name.startswith("margins")]
    found = gate(context.gate) if context.gate else []
    return ["## Audits", *found, *pictures] if found or pictures else []


def gate(report: GateReport) -> list[str]:
    """The findings of the gate with their waivers, and what was looked for in vain."""
    parts = []
    if report.findings:
        rows = [(_grave(one), one.title, f"{one.count:,} {one.unit}", one.words) for one in report.findings]
        parts += ["Examined before it left:", table(("", "finding", "concerns", "what it is"), rows)]
    else:
        parts.append("Examined before it left, and nothing was found.")
    waived = [one for one in report.findings if one.waiver]
    if waived:
        parts.append(bullets(_waiver(one) for one in waived))
    if report.clean:
        parts.append("Looked for and not found: " + "; ".join(_title(code) for code in report.clean) + ".")
    if report.idle:
        parts.append(
            "Not looked for: " + "; ".join(f"{_title(code)} ({inline(why)})" for code, why in report.idle.items()) + "."
        )
    return parts


def _grave(finding: Finding) -> str:
    return "error, accepted" if finding.level == "error" and not finding.is_open else finding.level


def _waiver(finding: Finding) -> str:
    assert finding.waiver is not None
    waiver = finding.waiver
    return f"*{finding.title}* was accepted by {inline(waiver.by)} on {waiver.on}: {inline(waiver.because)}"


def _title(code: str) -> str:
    title = CHECKS[code].title if code in CHECKS else code
    return title[:1].lower() + title[1:]


def limits(context: ExportContext, configs: Sequence[WrittenConfig], left_out: LeftOut) -> list[str]:
    found = [*_provisional(context), *_left(context, left_out), *_unsafe(context), *_of_formats(configs)]
    if not context.with_notes:
        found.append("What people wrote and marked is not part of this export.")
    if context.gate is None or "personal-data" not in context.gate.checks:
        found.append("Prompts have not been checked for personal data.")
    return ["## Limits", bullets(found)]


def _provisional(context: ExportContext) -> list[str]:
    found = []
    if number := context.basis.get("behaviour"):
        found.append(f"{number:,} pairs rest on what users did, not on what they said. They are provisional.")
    if number := context.basis.get("machines"):
        found.append(f"{number:,} pairs rest on machines alone. They are provisional: no person has looked.")
    if number := context.basis.get("construction"):
        found.append(f"{number:,} pairs follow from how their samples were made. Nobody was asked which is better.")
    return found


def _left(context: ExportContext, left_out: LeftOut) -> list[str]:
    found = [f"{_was_left_out(number)}: {inline(reason)}." for reason, number in context.left_out.items()]
    return found + [
        f"`{name}`: {_was_left_out(number)}: {inline(reason)}."
        for name, reasons in left_out.items()
        for reason, number in reasons.items()
    ]


def _was_left_out(number: int) -> str:
    return f"{count(number, 'pair')} {'was' if number == 1 else 'were'} left out"


def _unsafe(context: ExportContext) -> list[str]:
    if not context.unsafe_samples:
        return []
    verb = "is" if context.unsafe_samples == 1 else "are"
    return [f"{count(context.unsafe_samples, 'sample')} {verb} flagged as unsafe; the column `nsfw` says which."]


def _of_formats(configs: Sequence[WrittenConfig]) -> list[str]:
    jpegs = next((config for config in configs if config.name == "pickapic"), None)
    if jpegs is None:
        return []
    found = []
    if "validation" not in jpegs.splits:
        found.append("There is no split `validation`, which diffusers' scripts read unless told otherwise.")
    found.append(
        "`pickapic` holds JPEGs: pictures of other types were converted at quality 95, transparency on white. "
        "The other configs hold the very bytes that were judged."
    )
    return found
