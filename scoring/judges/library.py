"""Templates as files: the built-in ones, and any other text in the same form.

    templates:
      - name: pair-verdict
        version: 1
        title: …
        mode: pair
        media: image
        reader: verdict-lines
        criteria: [{key: overall, title: Overall}]
        system: …
        body: …

Built-in wordings are our own. One that changes gets another version; the older one stays, since verdicts stand on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from scoring.judges import checking
from scoring.judges.base import Decoding, Mode, PictureForm, Template, TemplateCriterion, Tools
from scoring.judges.tables import Origin, Table, read
from scoring.scorers.base import Json

FOLDER = Path(__file__).parent / "templates"


@cache
def builtin() -> Mapping[str, Template]:
    """The built-in templates by name, the newest version of each.

    Raises:
        Unreadable: a file of ours is damaged; names file and line.
    """
    found: dict[str, Template] = {}
    for template in every_version():
        if template.name not in found or found[template.name].version < template.version:
            found[template.name] = template
    return found


@cache
def every_version() -> tuple[Template, ...]:
    """All built-in templates, older wordings included, by file and place."""
    return load(sorted(FOLDER.glob("*.yaml")))


def load(paths: Iterable[Path]) -> tuple[Template, ...]:
    """The templates of several files.

    Raises:
        Unreadable: a file cannot be used, or two templates share name and version.
    """
    found: list[Template] = []
    places: dict[tuple[str, int], str] = {}
    for path in paths:
        for table, template in _tables(path.read_text(encoding="utf-8"), path.name):
            key = (template.name, template.version)
            if key in places:
                words = f"{template.name} version {template.version} is already in {places[key]}. Raise the version."
                raise table.complaint("name", words)
            places[key] = path.name
            found.append(template)
    return tuple(found)


def from_text(text: str, name: str) -> tuple[Template, ...]:
    """The templates of one text; `name` is what complaints call it. Raises `Unreadable`."""
    return tuple(template for _table, template in _tables(text, name))


def _tables(text: str, name: str) -> list[tuple[Table, Template]]:
    document = read(text, name)
    tables = document.tables("templates")
    document.finish()
    return [(table, _trimmed(_template(table))) for table in tables]


def _trimmed(template: Template) -> Template:
    """Without the line ends that YAML's blocks have; a template from elsewhere keeps its every character."""
    return replace(template, system=template.system.strip(), body=template.body.strip())


def from_plain(values: Mapping[str, Json], name: str = "template") -> Template:
    """The template that `to_plain` wrote, checked again. Raises `Unreadable`, which is a ValueError."""
    return _template(Table(values, Origin(name, {})))


def to_plain(template: Template) -> dict[str, Json]:
    """A template as JSON; `from_plain` gives back one with the same digest."""
    plain = asdict(template)
    plain["mode"] = template.mode.value
    plain["criteria"] = [asdict(criterion) for criterion in template.criteria]
    plain["items"] = [dict(item) for item in template.items]
    if template.tools.names:
        plain["tools"] = {**plain["tools"], "names": list(template.tools.names)}
    else:  # a document without tools stays what it was before there were any
        del plain["tools"]
    return plain


def _template(table: Table) -> Template:
    template = Template(
        name=table.text("name"),
        version=table.whole("version", low=1, high=100_000),
        mode=_mode(table),
        media=table.text("media"),
        system=table.text("system", ""),
        body=table.text("body"),
        reader=table.text("reader"),
        criteria=tuple(_criterion(one) for one in table.tables("criteria")),
        title=table.text("title", ""),
        about=" ".join(table.text("about", "").split()),
        options=table.plain("options", {}),
        decoding=_decoding(table.table("decoding")),
        pictures=_pictures(table.table("pictures")),
        source=table.text("source", "own wording"),
        items=tuple(_item(one) for one in table.tables("items", required=False)),
        tools=_tools(table.table("tools")) if "tools" in table else Tools(),
    )
    table.finish()
    try:
        checking.check(template)
    except ValueError as error:
        raise table.complaint("name", str(error)) from error
    return template


def _mode(table: Table) -> Mode:
    stated = table.text("mode")
    try:
        return Mode(stated)
    except ValueError:
        raise table.complaint("mode", f"“{stated}” is no mode; there are {', '.join(Mode)}.") from None


def _criterion(table: Table) -> TemplateCriterion:
    found = TemplateCriterion(
        table.text("key"), table.text("title"), table.number_or_none("low"), table.number_or_none("high")
    )
    table.finish()
    return found


def _decoding(table: Table) -> Decoding:
    usual = Decoding()
    found = Decoding(
        temperature=table.number("temperature", usual.temperature, low=0, high=2),
        top_p=table.number("top_p", usual.top_p, low=0.01, high=1),
        max_tokens=table.whole("max_tokens", usual.max_tokens, low=1, high=100_000),
        top_logprobs=table.whole("top_logprobs", usual.top_logprobs, low=0, high=20),
        seed=table.whole("seed", usual.seed, low=0, high=2**31 - 1),
    )
    table.finish()
    return found


def _pictures(table: Table) -> PictureForm:
    usual = PictureForm()
    found = PictureForm(
        format=table.text("format", usual.format),
        quality=table.whole("quality", usual.quality, low=1, high=100),
        longest_side=table.whole("longest_side", usual.longest_side, low=0, high=16_384),
        frames=table.whole("frames", usual.frames, low=1, high=256),
    )
    if found.format not in ("png", "jpeg"):
        raise table.complaint("format", f"“{found.format}” is no format for pictures; there are png and jpeg.")
    table.finish()
    return found


def _tools(table: Table) -> Tools:
    usual = Tools()
    found = Tools(
        names=table.texts("names"),
        steps=table.whole("steps", usual.steps, low=1, high=16),
        longest_side=table.whole("longest_side", usual.longest_side, low=64, high=4096),
        pixels=table.whole("pixels", usual.pixels, low=4096, high=64_000_000),
    )
    if not found.names:
        raise table.complaint("names", "“names” lists no tool. Name one, or leave “tools” out.")
    table.finish()
    return found


def _item(table: Table) -> dict[str, Json]:
    found: dict[str, Json] = {
        "key": table.text("key"),
        "question": table.text("question"),
        "weight": table.number("weight", 1.0, low=1e-9, high=1e9),
    }
    if "criterion" in table:
        found["criterion"] = table.text("criterion")
    table.finish()
    return found
