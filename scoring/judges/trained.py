"""The wording a model was trained on: fetched with its weights, verified, and used in place of our own.

No such wording is part of this program. `trained.yaml` says for each template where its wording lies (address,
revision), under which name to put the file, its SHA-256, and how to take the words out of it. Whoever runs a judge
puts the file into a folder; a file with another digest is refused, an absent one leaves our own wording in use, and
the template's `source` says which it is, so it is part of the rater's identity. A folder may bring a `trained.yaml` of
its own, in the same form, for wordings this program does not know.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scoring.judges import checking
from scoring.judges.base import Template
from scoring.judges.questions import BARE, FENCE, PLACEHOLDERS
from scoring.judges.tables import Table, Unreadable, read

CATALOGUE = "trained.yaml"
TEXT, PYTHON = "text", "python"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Wording:
    """Where the trained wording of one template lies, and how it is taken out of its file.

    Attributes:
        template: the built-in template whose words it replaces.
        address, revision: where the file is published, and in which version.
        file, sha256: its name in the folder, and the digest of its bytes.
        form: `text`, the whole file; or `python`, some string constants of a source file, which is read, never run.
        constants: PYTHON: their names, in order, joined with `joined_by`.
        replacing: words that are replaced, in order, such as `<instruction>` by `{prompt}`.
        before, after: what stands around the words, placeholders included: where the pictures go.
    """

    template: str
    address: str
    revision: str
    file: str
    sha256: str
    form: str = TEXT
    constants: tuple[str, ...] = ()
    joined_by: str = "\n"
    replacing: tuple[tuple[str, str], ...] = ()
    before: str = ""
    after: str = ""


def catalogue(folder: Path | None = None) -> Mapping[str, Wording]:
    """The known wordings by template: those of this program, and those that a folder brings.

    Raises:
        Unreadable: an entry cannot be used; names file and line.
    """
    own = Path(__file__).with_name(CATALOGUE)
    there = folder / CATALOGUE if folder else own
    paths = [own, *([there] if there != own and there.is_file() else [])]
    return {wording.template: wording for path in paths for wording in _read(path)}


def _read(path: Path) -> Iterator[Wording]:
    document = read(path.read_text(encoding="utf-8"), path.name)
    tables = document.tables("wordings")
    document.finish()
    for table in tables:
        yield _wording(table)


def _wording(table: Table) -> Wording:
    replacing = tuple((key, value) for key, value in table.plain("replacing", {}).items() if isinstance(value, str))
    found = Wording(
        template=table.text("template"),
        address=table.text("address"),
        revision=table.text("revision"),
        file=table.text("file"),
        sha256=table.text("sha256").lower(),
        form=table.text("form", TEXT),
        constants=table.texts("constants", ()),
        joined_by=table.text("joined_by", "\n"),
        replacing=replacing,
        before=table.text("before", ""),
        after=table.text("after", ""),
    )
    table.finish()
    if not _SHA256.fullmatch(found.sha256):
        raise table.complaint("sha256", "“sha256” must be 64 hexadecimal digits, the SHA-256 of the file's bytes.")
    if Path(found.file).name != found.file:
        raise table.complaint("file", f"“{found.file}” must be a name without a folder.")
    if found.form not in (TEXT, PYTHON) or (found.form == PYTHON) != bool(found.constants):
        raise table.complaint("form", "“form” must be text, or python together with the names of “constants”.")
    return found


def worded(template: Template, folder: Path | None) -> Template:
    """The template in the words its model was trained on, where a folder holds them; else as it is.

    Args:
        folder: where fetched wordings lie, such as the folder of the weights; None for nowhere.

    Returns:
        The template with its body replaced and `source` naming address, revision and SHA-256; or the template itself,
        whose `source` says that it is our own wording.

    Raises:
        Unreadable: the file there has another digest, or does not hold what the catalogue says.
    """
    wording = catalogue(folder).get(template.name)
    if wording is None or folder is None or not (folder / wording.file).is_file():
        return template
    content = (folder / wording.file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != wording.sha256:
        raise Unreadable(
            f"{wording.file}: its SHA-256 is {digest}, not {wording.sha256}. Fetch revision {wording.revision} from "
            f"{wording.address}, or take the file away to judge in our own words."
        )
    return _replaced(template, wording, content.decode("utf-8"))


def _replaced(template: Template, wording: Wording, text: str) -> Template:
    words = text.removesuffix("\n") if wording.form == TEXT else _constants(wording, text)
    for old, new in wording.replacing:
        if old not in words:
            raise Unreadable(f"{wording.file}: the words hold no “{old}” that could be replaced.")
        words = words.replace(old, new)
    found = replace(
        template,
        system="",
        body=wording.before + _escaped(words) + wording.after,
        options={**template.options, FENCE: BARE},
        source=f"{wording.address} @ {wording.revision}, SHA-256 {wording.sha256}",
    )
    try:
        checking.check(found)
    except ValueError as error:
        raise Unreadable(f"{wording.file}: {error}") from error
    return found


def _escaped(words: str) -> str:
    """Braces of the wording doubled, but for those of our placeholders."""
    names = "|".join(PLACEHOLDERS)
    parts = re.split(rf"(\{{(?:{names})\}})", words)
    return "".join(
        part if place % 2 else part.replace("{", "{{").replace("}", "}}") for place, part in enumerate(parts)
    )


def _constants(wording: Wording, source: str) -> str:
    """The values of some names that a Python file gives strings to, read from its syntax and never run."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise Unreadable(f"{wording.file}: it is no Python ({error.msg}, line {error.lineno}).") from error
    found = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    missing = [name for name in wording.constants if name not in found]
    if missing:
        raise Unreadable(f"{wording.file}: it gives no value to {missing[0]}.")
    return wording.joined_by.join(_string(found[name], wording, name) for name in wording.constants)


def _string(node: ast.expr, wording: Wording, name: str) -> str:
    """A string, an f-string (its fields kept as `{field}`), or a sum of them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_piece(value, wording, name) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _string(node.left, wording, name) + _string(node.right, wording, name)
    raise Unreadable(f"{wording.file}: the value of {name} is no plain text.")


def _piece(node: ast.expr, wording: Wording, name: str) -> str:
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    return _string(node, wording, name)
