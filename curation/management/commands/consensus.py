"""`manage.py consensus PROJECT`: what votes add up to, as on the page of consensus."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import consensus
from curation.actions.consensus import Counted
from curation.consensus import written
from curation.consensus.adding_up import BASES, Consensus
from curation.errors import PairwrightError
from curation.models import Project, Rater


class Command(BaseCommand):
    help = "Adds up votes by people, machines and both: the state of every prompt, and the strengths of one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--criterion", help="what people compared by; overall unless they never did")
        parser.add_argument("--prompt", type=int, metavar="ID", help="the strengths of the samples of this prompt")
        parser.add_argument("--json", action="store_true", help="everything in one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:10]) or "none yet"
            raise CommandError(f"There is no project {options['project']!r}. Projects here: {known}.")
        try:
            criterion = consensus.chosen_criterion(project, options["criterion"])
            if criterion is None:
                raise CommandError("Nobody has compared anything in this project. Make a batch, or import judgements.")
            found, everything = consensus.count(project, criterion)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        prompt = options["prompt"]
        if prompt is not None and prompt not in everything.layout.prompt:
            raise CommandError(f"Nothing was said of a prompt {prompt} in this project.")
        write = _json if options["json"] else _table
        self.stdout.write(write(found, everything, prompt))


def _json(found: Counted, everything: Consensus, prompt: int | None) -> str:
    states = found.states if prompt is None else found.states.filter(pl.col("prompt_id") == prompt)
    said: dict[str, Any] = {
        "criterion": found.criterion,
        "numbers": list(found.numbers),
        "counts": found.counts,
        "learnt": written.as_json(found.learnt),
        "prompts": states.to_dicts(),
        "circles": len(found.cycles),
        "doubtful_votes": len(found.doubts),
    }
    if prompt is not None:
        said["samples"] = _samples(everything, prompt)
    return json.dumps(said, ensure_ascii=False, indent=2)


def _samples(everything: Consensus, prompt: int) -> list[dict[str, Any]]:
    """A row a sample: strength and standard deviation in each column, null where nothing was said."""
    layout = everything.layout
    values = {basis: everything.columns[basis].values() for basis in BASES}
    rows = [row for row in range(len(layout.sample)) if layout.prompt[layout.group[row]] == prompt]
    return [
        {"sample_id": int(layout.sample[row])}
        | {
            basis: {
                "strength": round(float(values[basis][0][row]), 4),
                "sd": round(float(values[basis][1][row]) ** 0.5, 4),
            }
            if everything.known[basis][row]
            else None
            for basis in BASES
        }
        for row in rows
    ]


def _table(found: Counted, everything: Consensus, prompt: int | None) -> str:
    if prompt is not None:
        return _prompt_table(found, everything, prompt)
    lines = [f"{found.criterion}: {consensus.said_of(found)}"]
    lines += [f"  {state:18}{count:>8,}" for state, count in found.counts.items()]
    block, of = found.learnt.block, "scripts" if found.is_scripted else "people"
    names = dict(Rater.objects.filter(pk__in=[one.column.rater_id for one in block.weights]).values_list("pk", "name"))
    for one in block.weights:
        loss = f"log-loss {one.tested.log_loss:.3f}" if one.tested else "not tested"
        name = f"{names.get(one.column.rater_id, one.column.rater_id)} {one.column.column}"
        lines.append(f"  {name}: weight {one.weight:+.3f}, {one.verdict.value}, {one.votes:,} votes of {of}, {loss}")
    if block.opinions:
        lines.append(f"  {block.opinions.machines} machines are {block.opinions.effective:.1f} independent opinions")
    lines.append(f"  {len(found.cycles):,} circles, {len(found.doubts):,} doubtful votes")
    return "\n".join(lines)


def _prompt_table(found: Counted, everything: Consensus, prompt: int) -> str:
    row = found.states.filter(pl.col("prompt_id") == prompt).row(0, named=True)
    lines = [
        f"prompt {prompt}: {row['state']}, {row['all_votes']} votes of {'scripts' if found.is_scripted else 'people'}"
    ]
    lines.append("  ".join(["    sample", *(f"{basis:>16}" for basis in BASES)]))
    for one in _samples(everything, prompt):
        cells = [f"{one[b]['strength']:+.2f} ± {one[b]['sd']:.2f}" if one[b] else "–" for b in BASES]
        lines.append("  ".join([f"{one['sample_id']:>10}", *(f"{cell:>16}" for cell in cells)]))
    return "\n".join(lines)
