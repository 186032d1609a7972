"""Exports: one frozen version written in the form a trainer reads, and read back. Plain code, no database.

`FORMATS` is the one dictionary of formats. A new format is one module with a `Format` at its end and one
line here; docs/exports.md describes their columns.
"""

from curation.exports.best_of import BEST_OF
from curation.exports.canonical import CANONICAL
from curation.exports.diffusion_kto import DIFFUSION_KTO
from curation.exports.fine_grained import FINE_GRAINED
from curation.exports.formats import Format
from curation.exports.genai_bench import GENAI_BENCH
from curation.exports.groups import GROUPS
from curation.exports.judge_traces import JUDGE_TRACES
from curation.exports.layouts import LAYOUTS
from curation.exports.pickapic import PICKAPIC
from curation.exports.reward_model import REWARD_MODEL
from curation.exports.rewardbench2 import REWARDBENCH2
from curation.exports.rewrites import REWRITES
from curation.exports.trl import TRL
from curation.exports.trl_kto import TRL_KTO
from curation.exports.vectors import REWARD_VECTORS
from curation.exports.vl_rewardbench import VL_REWARDBENCH

_ALL = (
    CANONICAL,
    TRL,
    TRL_KTO,
    PICKAPIC,
    *LAYOUTS,
    FINE_GRAINED,
    DIFFUSION_KTO,
    REWARD_MODEL,
    REWARD_VECTORS,
    GROUPS,
    REWRITES,
    BEST_OF,
    JUDGE_TRACES,
    VL_REWARDBENCH,
    GENAI_BENCH,
    REWARDBENCH2,
)
FORMATS: dict[str, Format] = {format_.name: format_ for format_ in _ALL}

__all__ = ["FORMATS", "Format"]
