"""The dataset card: YAML that the Hub and `datasets` act on, then words for whoever wants to train on it.

The YAML is generated from the files that were written: a wrong number of rows makes `load_dataset` fail.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import yaml

from curation.exports.columns import features_yaml
from curation.exports.formats import Format, WrittenConfig
from curation.exports.rows import ExportContext, RaterSummary

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

# Licences the Hub knows by id; anything else is `other` with its name.
HUB_LICENCES = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "unlicense", "gpl-3.0", "lgpl-3.0", "agpl-3.0"),
        *("cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-3.0", "cc-by-nc-4.0"),
        *("cc-by-nd-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
        *("cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "odc-by", "odbl", "pddl"),
        *("openrail", "openrail++", "bigscience-openrail-m", "creativeml-openrail-m", "unknown", "other"),
    }
)

SIZES = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]

KIND_WORDS = {
    "person": "people",
    "model": "model",
    "rule": "rule",
    "head": "head fitted in this project",
    "ensemble": "ensemble",
    "behaviour": "behaviour of users",
    "scripted": "scripted rater",
}

_BASIS = {
    "people": "people",
    "machines": "machines alone",
    "both": "people and machines",
    "behaviour": "behaviour alone",
}


def card_text(
    context: ExportContext,
    formats: Sequence[Format],
    configs: Sequence[WrittenConfig],
    left_out: Mapping[str, Mapping[str, int]],
    *,
    place: str,
) -> str:
    """The whole README.md.

    Args:
        configs: as written, the default one first.
        left_out: pairs a format could not carry, by format and reason.
        place: what a reader will write as the dataset's name in `load_dataset`.
    """
    header = yaml.safe_dump(front_matter(context, configs), sort_keys=False, allow_unicode=True, width=1000)
    parts = [
        f"---\n{header}---",
        f"# {_inline(context.dataset)}, version {context.version}",
        *_lead(context),
        *_making(context),
        *_raters(context),
        *_judged(context),
        *_inside(context, configs),
        *_use(formats, configs, place),
        *_licences(context),
        *_limits(context, configs, left_out),
        *_integrity(context),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def front_matter(context: ExportContext, configs: Sequence[WrittenConfig]) -> dict[str, Any]:
    """The card's YAML as a dictionary."""
    return {
        "pretty_name": f"{context.dataset} {context.version}",
        **_licence_keys(context.licence),
        **_optional("language", sorted({found for locale in context.locales if (found := _language(locale))})),
        "size_categories": [_size_category(sum(context.splits.values()) or context.samples)],
        "task_categories": TASK_CATEGORIES[context.task],
        **_optional("annotations_creators", ["machine-generated"] if _has_machines(context) else []),
        "tags": _tags(context),
        "configs": [_config_entry(config, is_default=config is configs[0]) for config in configs],
        "dataset_info": [_info_entry(config) for config in configs],
    }


def _optional(key: str, values: list[str]) -> dict[str, list[str]]:
    return {key: values} if values else {}


def _licence_keys(licence: str) -> dict[str, str]:
    if not licence:
        return {}
    if licence.lower() in HUB_LICENCES:
        return {"license": licence.lower()}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")}


def _language(locale: str) -> str:
    """`en` of `en-GB`; empty for what is no language code."""
    language = re.split(r"[-_]", locale)[0].lower()
    return language if re.fullmatch(r"[a-z]{2,3}", language) else ""


def _size_category(rows: int) -> str:
    return next((name for bound, name in SIZES if rows < bound), "1M<n<10M")


def _has_machines(context: ExportContext) -> bool:
    return any(rater.kind in ("model", "rule", "head", "ensemble") for rater in context.raters)


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


def _lead(context: ExportContext) -> list[str]:
    total = sum(context.splits.values())
    if not total:
        return [
            _prose(context.description),
            f"**{_count(context.samples, 'sample')}** for the task *{context.task}*, no pairs.",
        ]
    splits = ", ".join(f"{count:,} in `{split}`" for split, count in context.splits.items() if count)
    basis = [f"{count:,} rest on {words}" for key, words in _BASIS.items() if (count := context.basis.get(key, 0))]
    facts = [f"**{_count(total, 'pair')}** for the task *{context.task}*: {splits}."]
    if basis:
        facts.append(_sentence(basis))
    if any(rater.kind == "scripted" for rater in context.raters):
        facts.append("**Scripted raters took part**: programs that follow a written rule, neither people nor models.")
    return [_prose(context.description), " ".join(facts)]


def _making(context: ExportContext) -> list[str]:
    parts = ["## How it was made"]
    parts += ["\n".join(f"{number}. {_prose(step)}" for number, step in enumerate(context.recipe_words, 1))]
    if context.funnel:
        rows = [(step.name, f"{step.count:,}", step.unit, step.note) for step in context.funnel]
        parts += ["What was left after each step:", _table(("step", "left", "of", ""), rows, right={1})]
    if context.recipe_yaml:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", context.recipe_yaml)), default=0))
        recipe = f"{fence}yaml\n{context.recipe_yaml.strip()}\n{fence}"
        parts += ["### The recipe itself", recipe]
    return parts if len([part for part in parts if part]) > 1 else []


def _raters(context: ExportContext) -> list[str]:
    if not context.raters:
        return []
    rows = [
        (_rater_name(rater), KIND_WORDS.get(rater.kind, rater.kind), f"{rater.judgements:,}")
        for rater in context.raters
    ]
    parts = ["## Who judged", _table(("rater", "kind", "judgements"), rows, right={2})]
    if any(rater.kind == "scripted" for rater in context.raters):
        parts.append(
            "A *scripted rater* is a program that follows a written rule. It serves demonstrations and tests; "
            "its verdicts are not human opinions and must not be used as such."
        )
    if any(rater.kind in ("person", "behaviour") for rater in context.raters):
        parts.append(_people_words(context))
    return parts


def _rater_name(rater: RaterSummary) -> str:
    if rater.kind in ("person", "behaviour"):
        return f"{rater.raters:,} {'person' if rater.raters == 1 else 'people'}"
    return rater.name


def _people_words(context: ExportContext) -> str:
    if not context.with_annotators:
        return "No row says which person judged it."
    return (
        "People appear as pseudonyms that are the same within this export and different in every other; "
        "their moments are cut to the day."
    )


def _judged(context: ExportContext) -> list[str]:
    parts: list[str] = []
    if context.criteria:
        rows = [(f"`{item.key}` v{item.version}", item.name, item.question) for item in context.criteria]
        parts += ["## What was judged", _table(("criterion", "name", "question"), rows)]
    if context.generators:
        made = [(item.name, item.revision, item.kind, f"{item.samples:,}") for item in context.generators]
        parts += ["## What made the samples", _table(("generator", "revision", "kind", "samples"), made, right={3})]
        if any(item.kind != "generated" for item in context.generators):
            parts.append(
                "Rows of the kind *real* or *reference* are anchors, not generations: `a_is_reference` and "
                "`b_is_reference` say so in every row of `pairs`, `is_reference` in `ratings`."
            )
    return parts


def _inside(context: ExportContext, configs: Sequence[WrittenConfig]) -> list[str]:
    rows = [
        (f"`{config.name}`", f"`{name}`", f"{split.rows:,}", _size(sum(file.size for file in split.files)))
        for config in configs
        for name, split in config.splits.items()
    ]
    return [
        "## What is inside",
        _table(("config", "split", "rows", "size"), rows, right={2, 3}),
        f"`{configs[0].name}` is the default config. A prompt is in one split only, together with its near-duplicates "
        "and with prompts about the same input, and stays there in every later version.",
    ]


def _use(formats: Sequence[Format], configs: Sequence[WrittenConfig], place: str) -> list[str]:
    written = {config.name: config for config in configs}
    parts = ["## How to use it"]
    for format_ in formats:
        config = next((written[name] for name in format_.configs if name in written), None)
        if config is None:
            continue
        split = "train" if "train" in config.splits else next(iter(config.splits))
        snippet = format_.snippet.format(place=place, split=split)
        language = "bash" if "accelerate launch" in snippet else "python"
        parts += [f"**{format_.label}.** {format_.purpose}", f"```{language}\n{snippet.rstrip()}\n```"]
    return parts


def _licences(context: ExportContext) -> list[str]:
    licence = (
        f"The set as a whole: **{_inline(context.licence)}**."
        if context.licence
        else "No licence was stated for the set as a whole: ask before you use it."
    )
    parts = ["## Licences", licence]
    if context.licences:
        rows = [(name or "not stated", f"{count:,}") for name, count in context.licences.items()]
        parts += ["Licences of the samples, which may be narrower:", _table(("licence", "samples"), rows, right={1})]
    parts.append("The terms of a generator's maker may bind its outputs whatever is written here.")
    return parts


def _limits(
    context: ExportContext, configs: Sequence[WrittenConfig], left_out: Mapping[str, Mapping[str, int]]
) -> list[str]:
    limits = []
    if context.basis.get("behaviour"):
        limits.append(
            f"{context.basis['behaviour']:,} pairs rest on what users did, not on what they said. They are provisional."
        )
    if context.basis.get("machines"):
        limits.append(
            f"{context.basis['machines']:,} pairs rest on machines alone. They are provisional: no person has looked."
        )
    limits += [f"{_left_out(count)}: {_inline(reason)}." for reason, count in context.left_out.items()]
    limits += [
        f"`{name}`: {_left_out(count)}: {_inline(reason)}."
        for name, reasons in left_out.items()
        for reason, count in reasons.items()
    ]
    if context.unsafe_samples:
        flagged = _count(context.unsafe_samples, "sample")
        verb = "is" if context.unsafe_samples == 1 else "are"
        limits.append(f"{flagged} {verb} flagged as unsafe; the column `nsfw` says which.")
    jpegs = next((config for config in configs if config.name == "pickapic"), None)
    if jpegs and "validation" not in jpegs.splits:
        limits.append("There is no split `validation`, which diffusers' scripts read unless told otherwise.")
    if jpegs:
        limits.append(
            "`pickapic` holds JPEGs: pictures of other types were converted at quality 95, transparency on white. "
            "The other configs hold the very bytes that were judged."
        )
    if not context.with_notes:
        limits.append("What people wrote and marked is not part of this export.")
    limits.append("Prompts have not been checked for personal data.")
    return ["## Limits", "\n".join(f"- {limit}" for limit in limits)]


def _integrity(context: ExportContext) -> list[str]:
    return [
        "## Provenance",
        f"Made with Pairwright {_inline(context.code_version)}".rstrip()
        + (f", frozen on {context.created_on}" if context.created_on else "")
        + f". Digest of the version: `{context.digest}`. "
        "`sha256sum --check checksums.sha256` proves the files; every row names the digests of its media.",
    ]


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]], right: Collection[int] = ()) -> str:
    """A table without the columns that are empty in every row; numbers, at the places `right`, to the right."""
    cells = [[_inline(cell) for cell in row] for row in rows]
    filled = [place for place in range(len(heads)) if any(row[place] for row in cells)]
    rule = ["--:" if place in right else "---" for place in range(len(heads))]
    lines = [[line[place] for place in filled] for line in [list(heads), rule, *cells]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _inline(text: str) -> str:
    """Somebody's words on one line, unable to end a table cell or to open a tag."""
    return re.sub(r"\s+", " ", _prose(text)).replace("|", "\\|").strip()


def _prose(text: str) -> str:
    return text.replace("<", "&lt;").strip()


def _sentence(parts: list[str]) -> str:
    text = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return text + "."


def _left_out(count: int) -> str:
    return f"{_count(count, 'pair')} {'was' if count == 1 else 'were'} left out"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _size(count: int) -> str:
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
