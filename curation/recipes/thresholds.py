"""Where the numbers stand by which a recipe's steps part what stays from what falls, so that a page can move them."""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from curation.recipes.document import Path
from curation.recipes.model import Recipe


@dataclass(frozen=True)
class Threshold:
    """One number of a recipe's text, and how another one is put in its place.

    Args:
        step: key of the funnel's step it decides in.
        figure: the name of that step's histogram it stands on.
        name: its key in the text, such as `at_least`.
        of: the name of the band it bounds; empty for what is no band.
        value: the number that holds, written or not.
        keeps: `above` where what is greater stays, `below` where what is less stays, empty where it parts bands.
        line, column: where the number stands, counted from 1 in characters, or would stand.
        written: the characters that are replaced; empty where the text leaves the number out.
        before: what goes before the number where the text leaves it out.
    """

    step: str
    figure: str
    name: str
    of: str
    value: float
    keeps: str
    line: int
    column: int
    written: str
    before: str = ""


def thresholds(text: str, recipe: Recipe) -> list[Threshold]:
    """The numbers of a text that is this recipe, in the order of its steps."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return []
    return [*_of_filters(text, node, recipe), *_of_pairing(text, node, recipe), *_of_the_rest(text, node, recipe)]


# Keys of a filter: the histogram each stands on, and which side stays.
_BARS = {
    "at_least": ("histogram", "above"),
    "at_most": ("histogram", "below"),
    "spread_at_most": ("spread", "below"),
    "outliers_beyond": ("distance", "below"),
    "range_in_prompt_above": ("range", "above"),
}
# Rules whose steps measure a gap, and the step that does.
_GAPS = {"dominance": "dominance"}


def _of_filters(text: str, node: yaml.Node, recipe: Recipe) -> Iterator[Threshold]:
    for position, rule in enumerate(recipe.filters):
        for name, (figure, keeps) in _BARS.items():
            if getattr(rule, name) is not None:
                path: Path = ("filters", position, name)
                yield _written(text, node, path, step=f"filter:{rule.name}", figure=figure, keeps=keeps)
    for position, band in enumerate(recipe.difficulty.bands if recipe.difficulty else ()):
        if band.below is not None:
            path = ("difficulty", "bands", position, "below")
            yield _written(text, node, path, step="difficulty", of=band.name)


def _of_pairing(text: str, node: yaml.Node, recipe: Recipe) -> Iterator[Threshold]:
    rule = recipe.pairing
    if rule.rule == "judged_pairs":
        yield _pairing(text, node, "min_share", rule.min_share, "judged")
    elif rule.by is not None or rule.rule == "dominance":
        yield _pairing(text, node, "min_gap", rule.min_gap, _GAPS.get(rule.rule, "gap"))


def _pairing(text: str, node: yaml.Node, name: str, value: float, step: str) -> Threshold:
    if _find(node, ("pairing", name)) is not None:
        return _written(text, node, ("pairing", name), step=step, keeps="above")
    return _unwritten(text, node, name, value, step)


def _of_the_rest(text: str, node: yaml.Node, recipe: Recipe) -> Iterator[Threshold]:
    for position, rule in enumerate(recipe.agreement):
        path: Path = ("agreement", position, "at_least")
        if _find(node, path) is not None:
            yield _written(text, node, path, step=f"agreement:{rule.name}", keeps="above")
    if recipe.strength is not None:
        yield _written(text, node, ("strength", "ambiguous_below"), step="strength", of="ambiguous")
        yield _written(text, node, ("strength", "strong_from"), step="strength", of="strong")


def _written(
    text: str, node: yaml.Node, path: Path, *, step: str, figure: str = "histogram", keeps: str = "", of: str = ""
) -> Threshold:
    found = _find(node, path)
    if found is None:
        raise KeyError(path)
    start, end = found.start_mark, found.end_mark
    return Threshold(
        step=step,
        figure=figure,
        name=str(path[-1]),
        of=of,
        value=float(yaml.safe_load(found.value)),
        keeps=keeps,
        line=start.line + 1,
        column=start.column + 1,
        written=text[start.index : end.index],
    )


def _unwritten(text: str, node: yaml.Node, name: str, value: float, step: str) -> Threshold:
    """It would stand behind the rule: on that line between braces, on the next line otherwise."""
    rule, pairing = _find(node, ("pairing", "rule")), _find(node, ("pairing",))
    if rule is None or not isinstance(pairing, yaml.MappingNode):
        raise KeyError("pairing")
    key = next(key for key, _value in pairing.value if key.value == "rule")
    line, column = rule.end_mark.line, rule.end_mark.column
    before = f", {name}: "
    if not pairing.flow_style:
        column = len(text.split("\n")[line])
        before = f"\n{' ' * key.start_mark.column}{name}: "
    return Threshold(step, "histogram", name, "", value, "above", line + 1, column + 1, "", before)


def _find(node: yaml.Node | None, path: Path) -> yaml.Node | None:
    for part in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        else:
            return None
    return node
