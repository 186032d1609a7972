"""What is inside, how to load and train on it, under which terms, and where it comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from curation.exports.card.licences import COMMON, spdx_address
from curation.exports.card.words import count, fenced, inline, size, table
from curation.exports.formats import Format, WrittenConfig
from curation.exports.rows import ExportContext


def inside(context: ExportContext, configs: Sequence[WrittenConfig]) -> list[str]:
    rows = [
        (f"`{config.name}`", f"`{name}`", f"{split.rows:,}", size(sum(file.size for file in split.files)))
        for config in configs
        for name, split in config.splits.items()
    ]
    tables = [config for config in configs if config.is_table]
    default = f"`{tables[0].name}` is the default config. " if tables else ""
    media = "".join(
        f"`{config.name}` is a folder of its own, with {count(config.media_files, 'file')} of media beside its records "
        f"({size(config.media_bytes)}). "
        for config in configs
        if config.media_files
    )
    return [
        "## What is inside",
        table(("config", "split", "rows", "size"), rows, right={2, 3}),
        f"{default}{media}A prompt is in one split only, together with its near-duplicates "
        "and with prompts about the same input, and stays there in every later version.",
    ]


def use(formats: Sequence[Format], configs: Sequence[WrittenConfig], place: str, revision: str) -> list[str]:
    written = {config.name: config for config in configs}
    parts = ["## How to use it"]
    if revision:
        parts.append(
            f'Add `revision="{revision}"` to `load_dataset` to read exactly this version, whatever is published later.'
        )
    for format_ in formats:
        config = next((written[name] for name in format_.configs if name in written), None)
        if config is None:
            continue
        split = "train" if "train" in config.splits else next(iter(config.splits))
        snippet = format_.snippet.format(place=place, split=split)
        is_shell = any(word in snippet for word in ("accelerate launch", "swift rlhf", "llamafactory-cli"))
        parts += [f"**{format_.label}.** {format_.purpose}", fenced(snippet, "bash" if is_shell else "python")]
    return parts


def licences(context: ExportContext) -> list[str]:
    parts = ["## Licences", _whole(context)]
    if context.licences:
        rows = [(name or "not stated", f"{number:,}") for name, number in context.licences.items()]
        parts += ["Licences of the samples, which may be narrower:", table(("licence", "samples"), rows, right={1})]
    parts.append("The terms of a generator's maker may bind its outputs whatever is written here.")
    return parts


def _whole(context: ExportContext) -> str:
    licence = context.licence
    if not licence:
        return "No licence was stated for the set as a whole: ask before you use it."
    address = context.licence_link or spdx_address(licence)
    named = f"**{inline(licence)}**" + (f" ({COMMON[licence.lower()]})" if licence.lower() in COMMON else "")
    return f"The set as a whole: {named}" + (f", {address}." if address else ".")


def citation(context: ExportContext, place: str, revision: str) -> list[str]:
    """An entry to cite; without an address where the set has none yet."""
    key = re.sub(r"[^a-z0-9]+", "-", f"{context.dataset}-{context.version}".lower())
    lines = [
        f"@misc{{{key},",
        f"  title = {{{_plain(context.dataset)}, version {context.version}}},",
        f"  year = {{{context.created_on[:4]}}},",
        f"  note = {{Preference pairs, digest {context.digest[:16]}}},",
    ]
    if revision:
        lines.append(f"  howpublished = {{\\url{{https://huggingface.co/datasets/{place}/tree/{revision}}}}},")
    return ["## Citation", fenced("\n".join([*lines, "}"]), "bibtex")] if context.created_on else []


def _plain(text: str) -> str:
    return re.sub(r"[{}\\%]", "", text)


def provenance(context: ExportContext) -> list[str]:
    return [
        "## Provenance",
        f"Made with Pairwright {inline(context.code_version)}".rstrip()
        + (f", frozen on {context.created_on}" if context.created_on else "")
        + f". Digest of the version: `{context.digest}`. "
        "`sha256sum --check checksums.sha256` proves the files; every row names the digests of its media.",
    ]
