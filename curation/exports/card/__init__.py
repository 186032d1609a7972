"""The dataset card: YAML that the Hub and `datasets` act on, then words and charts for whoever wants to train on it.

The YAML is generated from the files that were written: a wrong number of rows makes `load_dataset` fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from curation.exports.card import audits, making, using
from curation.exports.card.charts import charts_of, write_charts
from curation.exports.card.header import front_matter
from curation.exports.card.words import inline
from curation.exports.formats import Format, WrittenConfig
from curation.exports.rows import ExportContext

__all__ = ["card_text", "front_matter", "write_charts"]


def card_text(
    context: ExportContext,
    formats: Sequence[Format],
    configs: Sequence[WrittenConfig],
    left_out: Mapping[str, Mapping[str, int]],
    *,
    place: str,
    revision: str = "",
) -> str:
    """The whole README.md. Its pictures are those that `write_charts` draws.

    Args:
        configs: as written, the default one first.
        left_out: pairs a format could not carry, by format and reason.
        place: what a reader will write as the dataset's name in `load_dataset`.
        revision: the tag under which exactly this is read; empty for a folder.
    """
    header = yaml.safe_dump(front_matter(context, configs), sort_keys=False, allow_unicode=True, width=1000)
    charts = {chart.name: chart for chart in charts_of(context.insight)}
    parts = [
        f"---\n{header}---",
        f"# {inline(context.dataset)}, version {context.version}",
        *making.lead(context),
        *making.changes(context),
        *using.inside(context, configs),
        *using.use(formats, configs, place, revision),
        *making.making(context),
        *making.raters(context, charts),
        *making.judged(context, charts),
        *audits.audits(context, charts),
        *audits.limits(context, configs, left_out),
        *using.licences(context),
        *using.citation(context, place, revision),
        *using.provenance(context),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
