"""The card's YAML, which the Hub and `datasets` act on: generated from the files that were written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from curation.exports.card.licences import hub_keys
from curation.exports.columns import features_yaml
from curation.exports.formats import WrittenConfig
from curation.exports.rows import ExportContext

TASK_CATEGORIES = {
    "text-to-image": ["text-to-image"],
    "image-editing": ["image-to-image"],
    "inpainting": ["image-to-image"],
    "subject-driven": ["text-to-image", "image-to-image"],
    "text-to-video": ["text-to-video"],
    "image-to-video": ["image-to-video"],
    "image-sets": ["text-to-image"],
    "understanding": ["image-text-to-text", "visual-question-answering"],
    "text": ["text-generation"],
}

SIZES = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]

MACHINES = ("model", "rule", "head", "ensemble")


def front_matter(context: ExportContext, configs: Sequence[WrittenConfig]) -> dict[str, Any]:
    """The card's YAML as a dictionary. Only tables are named: `load_dataset` does not read layouts."""
    tables = [config for config in configs if config.is_table]
    return {
        "pretty_name": f"{context.dataset} {context.version}",
        **hub_keys(context.licence, context.licence_link),
        **_optional("language", sorted({found for locale in context.locales if (found := _language(locale))})),
        "size_categories": [_size_category(sum(context.splits.values()) or context.samples)],
        "task_categories": TASK_CATEGORIES[context.task],
        **_optional("annotations_creators", ["machine-generated"] if _has_machines(context) else []),
        "tags": _tags(context),
        **({} if tables else {"viewer": False}),
        **_optional("configs", [_config_entry(config, is_default=config is tables[0]) for config in tables]),
        **_optional("dataset_info", [_info_entry(config) for config in tables]),
    }


def _optional(key: str, values: list[Any]) -> dict[str, list[Any]]:
    return {key: values} if values else {}


def _language(locale: str) -> str:
    """`en` of `en-GB`; empty for what is no language code."""
    language = re.split(r"[-_]", locale)[0].lower()
    return language if re.fullmatch(r"[a-z]{2,3}", language) else ""


def _size_category(rows: int) -> str:
    return next((name for bound, name in SIZES if rows < bound), "1M<n<10M")


def _has_machines(context: ExportContext) -> bool:
    return any(rater.kind in MACHINES for rater in context.raters)


def _tags(context: ExportContext) -> list[str]:
    kinds = {rater.kind for rater in context.raters}
    tags = ["preference", "dpo", "pairwright"]
    tags += ["human-feedback", "rlhf"] if "person" in kinds else []
    tags += ["scripted-raters"] if "scripted" in kinds else []
    tags += ["not-for-all-audiences"] if context.unsafe_samples else []
    return tags


def _config_entry(config: WrittenConfig, *, is_default: bool) -> dict[str, Any]:
    files = [{"split": split, "path": f"{config.name}/{split}-*"} for split in config.splits]
    return {"config_name": config.name, **({"default": True} if is_default else {}), "data_files": files}


def _info_entry(config: WrittenConfig) -> dict[str, Any]:
    return {
        "config_name": config.name,
        "features": features_yaml(config.columns),
        "splits": [
            {"name": name, "num_bytes": split.data_bytes, "num_examples": split.rows}
            for name, split in config.splits.items()
        ],
        "download_size": config.download_bytes,
        "dataset_size": sum(split.data_bytes for split in config.splits.values()),
    }
