"""Text to transforms and rewards; every mistake is found at once and points at its line. JSON is read as YAML."""

from collections.abc import Sequence
from typing import Any, get_args

from curation.recipes.document import Document, Path
from curation.recipes.problems import Problem, RecipeProblems, suggestion
from curation.rewards.model import Bar, Cap, Member, Missing, RewardRule, RuleName, Total
from curation.rewards.reading import Node, Reader, shown
from curation.rewards.steps import KINDS, Kind, Option
from curation.rewards.transforms import Step, Transform

_EXAMPLES = "Start from one of the examples in docs/rewards.md."
RULES: tuple[RuleName, ...] = get_args(RuleName)
MISSING: tuple[Missing, ...] = get_args(Missing)

# -- transforms -------------------------------------------------------------------------------------------------------


def parse_transform(text: str) -> Transform:
    """The transform written in a YAML or JSON text.

    Raises:
        RecipeProblems: with every mistake, its line, its column and its remedy.
    """
    reader = Reader.of(text, "transform", _EXAMPLES)
    root = reader.root(("transform", "name", "version", "about", "steps"), "the transform")
    _language(root, "transform")
    root.text("about", "")
    if not root.values.get("steps"):
        root.complain(("steps",), "the transform has no steps.", f"Add `steps:` with some of: {', '.join(KINDS)}.")
    made = Transform(read_steps(root, "steps"), root.text("name"), root.whole("version", 1))
    reader.finish()
    return made


def read_steps(node: Node, key: str) -> tuple[Step, ...]:
    """The steps listed under a key; mistakes are kept by the reader."""
    steps = [_step(node.reader, path, value) for path, value in node.items(key)]
    for position, step in enumerate(steps):
        if step is not None and step.kind == "contrast" and position:
            said = "contrast is not the first step, so its two values would be on different scales."
            node.complain((key, position), said, "Put it first.")
    return tuple(step for step in steps if step is not None)


def _language(root: Node, word: str) -> None:
    if root.values.get(word) != 1:
        root.complain((word,), f"{root.what} does not say `{word}: 1`.", f"Begin with `{word}: 1`.")


def _step(reader: Reader, path: Path, value: Any) -> Step | None:
    """One step: a map with one key, its kind; a kind without options may stand alone as a word."""
    value = {value: {}} if isinstance(value, str) else value
    where = Node(reader, path, {}, "the step")
    if not isinstance(value, dict) or len(value) != 1:
        where.complain(
            (), f"A step is {shown(value)}.", "Write one kind with its options, as `bounded: {low: 0, high: 1}`."
        )
        return None
    ((name, options),) = value.items()
    if name not in KINDS:
        where.complain((), f"There is no step {shown(name)}.", suggestion(name, KINDS))
        return None
    return _options(reader, (*path, name), name, {} if options is None else options)


def _options(reader: Reader, path: Path, name: str, value: Any) -> Step | None:
    kind, before = KINDS[name], len(reader.problems)
    node = reader.node(path, value, tuple(kind.options), name)
    options = {key: _option(node, key, kind) for key in kind.options if key in node or not kind.options[key].optional}
    if len(reader.problems) > before:
        return None
    if contradiction := kind.contradiction(options):
        node.complain((), contradiction, "Mend the options of this step.")
        return None
    return Step(name, options)


def _option(node: Node, key: str, kind: Kind) -> Option:
    rule = kind.options[key]
    if rule.form == "yes_no":
        return node.yes_no(key, bool(rule.default))
    if rule.form == "word":
        return node.word(key, rule.words, str(rule.default))
    if rule.form == "numbers":
        return node.numbers(key)
    default = float(rule.default) if isinstance(rule.default, int | float) else None
    return node.number(key, default, above=rule.above)


# -- rewards ----------------------------------------------------------------------------------------------------------

_ROOT = ("reward", "name", "version", "about", "members", "total", "caps", "missing", "mixed_units")
_MEMBER = ("name", "scores", "raters", "weight", "transform")
_OPTIONS: dict[RuleName, tuple[str, ...]] = {
    "gated": ("base", "bonus", "gate"),
    "all_of": ("bars",),
    "ordered": ("order", "within"),
}
# Rules in which a weight means something; elsewhere one other than 1 is a mistake.
WEIGHED: tuple[RuleName, ...] = ("weighted_mean", "sum", "harmonic_mean", "geometric_mean", "gated")


def parse(text: str) -> RewardRule:
    """The reward written in a YAML or JSON text.

    Raises:
        RecipeProblems: with every mistake, its line, its column and its remedy.
    """
    reader = Reader.of(text, "reward", _EXAMPLES)
    root = reader.root(_ROOT, "the reward")
    _language(root, "reward")
    return _read_reward(root)


def inline(document: Document, path: Path) -> tuple[RewardRule, list[Problem]]:
    """The reward that stands at a path of another document, and every mistake in it.

    Where it stands says what it is, so `reward: 1` may be left out. With mistakes the reward is worth nothing.
    """
    value: Any = document.value
    for step in path:
        value = value[step]
    reader = Reader(document)
    root = reader.node(path, value, _ROOT, "the reward")
    try:
        return _read_reward(root), []
    except RecipeProblems as error:
        return RewardRule("", (), Total("weighted_mean")), error.problems


def _read_reward(root: Node) -> RewardRule:
    reader = root.reader
    members = _members(root)
    reader.finish()
    rule = RewardRule(
        name=root.text("name"),
        members=members,
        total=_total(root, members),
        version=root.whole("version", 1),
        about=root.text("about", "", longest=5000),
        caps=_caps(root, [member.name for member in members]),
        missing=MISSING[MISSING.index(root.word("missing", MISSING, "drop"))],  # type: ignore[arg-type]
        mixes_units=root.yes_no("mixed_units", False),
    )
    _contradictions(root, rule)
    reader.finish()
    return rule


def _members(root: Node) -> tuple[Member, ...]:
    members = [_member(root.reader, path, value) for path, value in root.items("members")]
    if not members:
        root.complain(
            ("members",), "the reward has no members.", "List at least one: `members: [{name: …, scores: CRITERION}]`."
        )
    seen: dict[str, int] = {}
    for position, member in enumerate(members):
        if member.name in seen:
            said = f"{member.name!r} is also the member on line {seen[member.name]}."
            root.complain(("members", position), said, "Give each member a name of its own.")
        seen.setdefault(member.name, member.where.line)
    return tuple(members)


# Columns that a frame of scores has beside its members.
_TAKEN = ("sample_id", "prompt_id", "kind", "value", "parts", "why_missing", "transformed", "contrast")


def _member(reader: Reader, path: Path, value: Any) -> Member:
    node = reader.node(path, value, _MEMBER, "a member")
    criterion = node.text("scores")
    name = node.text("name", criterion or None)
    if name in _TAKEN or ":" in name or "," in name:
        node.complain(("name",), f"{name!r} cannot name a member.", "Use another name, without `:` and `,`.")
    weight = node.number("weight", 1.0)
    if weight == 0:
        node.complain(("weight",), "weight is 0, so the member would not count.", "Leave the member out.")
    return Member(name, criterion, node.names("raters"), weight, Transform(read_steps(node, "transform")), node.where)


def _total(root: Node, members: Sequence[Member]) -> Total:
    if "total" not in root:
        root.lacks("total")
        return Total("weighted_mean")
    rule: RuleName = root.inner("total", ("rule", *_all_options())).word("rule", RULES)  # type: ignore[assignment]
    node = root.inner("total", ("rule", *_OPTIONS.get(rule, ()))) if _is_known(root) else None
    names = [member.name for member in members]
    if node is None:
        return Total(rule)
    if rule == "gated":
        return _gated(node, names)
    if rule == "all_of":
        return Total(rule, bars=_bars(node, names))
    return _ordered(node, names) if rule == "ordered" else Total(rule)


def _all_options() -> list[str]:
    return [option for options in _OPTIONS.values() for option in options]


def _is_known(root: Node) -> bool:
    """Whether the rule itself was read; what its options should be is unknown otherwise."""
    total = root.values.get("total")
    return isinstance(total, dict) and total.get("rule") in RULES


def _gated(node: Node, names: Sequence[str]) -> Total:
    base, bonus = node.names("base", required=True), node.names("bonus")
    _known_members(node, "base", base, names)
    _known_members(node, "bonus", bonus, names)
    if both := set(base) & set(bonus):
        node.complain(("bonus",), f"{min(both)!r} is in the base and in the bonus.", "Name it in one of them.")
    if unused := [name for name in names if name not in (*base, *bonus)]:
        node.complain((), f"{unused[0]!r} is neither in the base nor in the bonus.", "Name it in one, or leave it out.")
    gate = node.inner("gate", ("at_least", "below"))
    bar = gate.number("at_least")
    below = gate.values.get("below", "zero")
    cap = None if below == "zero" else gate.inner("below", ("cap",)).number("cap")
    if cap is None and bar < 0:
        gate.complain(
            ("at_least",), f"The gate is {bar:g}, so what fails it could rise to 0.", "Write `below: {cap: …}`."
        )
    if cap is not None and cap > bar:
        gate.complain(
            ("below",), f"The cap {cap:g} is above the gate {bar:g}, so it would change nothing.", "Lower it."
        )
    return Total("gated", base=base, bonus=bonus, gate=bar, cap_below=cap)


def _bars(node: Node, names: Sequence[str]) -> dict[str, Bar]:
    if "bars" not in node:
        node.lacks("bars")
    given = node.free_map("bars")
    _known_members(node, "bars", tuple(given), names)
    if unused := [name for name in names if name not in given] if given else []:
        node.complain(("bars",), f"{unused[0]!r} has no bar.", "Give it one, or leave the member out.")
    return {name: _bar(node, name, value) for name, value in given.items()}


def _bar(node: Node, name: str, value: Any) -> Bar:
    inner = node.reader.node((*node.path, "bars", name), value, ("at_least", "at_most"), name)
    bar = Bar(inner.maybe("at_least"), inner.maybe("at_most"))
    if bar.at_least is None and bar.at_most is None:
        inner.complain((), f"{name} has no bar.", "Add at_least or at_most.")
    elif bar.at_least is not None and bar.at_most is not None and bar.at_least > bar.at_most:
        inner.complain((), "at_most is below at_least, so nothing passes.", "Exchange the two.")
    return bar


def _ordered(node: Node, names: Sequence[str]) -> Total:
    order = node.names("order", required=True)
    _known_members(node, "order", order, names)
    if unused := [name for name in names if name not in order]:
        node.complain((), f"{unused[0]!r} is not in the order.", "Add it, or leave the member out.")
    within = node.free_map("within")
    _known_members(node, "within", tuple(within), names)
    inner = node.inner("within", tuple(within))
    tolerances = {name: inner.number(name) for name in within}
    for name, tolerance in tolerances.items():
        if tolerance < 0:
            inner.complain((name,), f"{name} is {tolerance:g}.", "Write a number of at least 0.")
    return Total("ordered", order=order, within=tolerances)


def _known_members(node: Node, key: str, said: Sequence[str], names: Sequence[str]) -> None:
    for name in said:
        if name not in names:
            node.complain((key,), f"{name!r} is no member.", suggestion(name, names))


def _caps(root: Node, names: Sequence[str]) -> tuple[Cap, ...]:
    caps = []
    for path, value in root.items("caps"):
        node = root.reader.node(path, value, ("at_most", "when", "below"), "a cap")
        if ("when" in node) != ("below" in node):
            node.complain((), "A cap has one of `when` and `below` without the other.", "Write both, or neither.")
        when = node.text("when", "") if "when" in node else ""
        _known_members(node, "when", (when,) if when else (), names)
        caps.append(Cap(node.number("at_most"), when, node.number("below", 0.0)))
    return tuple(caps)


def _contradictions(root: Node, rule: RewardRule) -> None:
    """Values that are each right and together wrong."""
    name = rule.total.rule
    for position, member in enumerate(rule.members):
        if member.weight != 1 and name not in WEIGHED:
            said = f"{name} knows no weights, and {member.name!r} has one."
            root.complain(("members", position, "weight"), said, "Take it out, or use another rule.")
        elif member.weight < 0 and name != "sum":
            said = f"weight is {member.weight:g}."
            root.complain(("members", position, "weight"), said, "Only a sum has penalties: write a number above 0.")
    if rule.missing == "renormalise" and name in ("product", "ordered"):
        said = f"A {name} without one of its members cannot be compared with the others."
        root.complain(("missing",), said, "Write `missing: drop` or `missing: error`.")
    if rule.caps and name in ("ordered", "all_of"):
        root.complain(("caps",), f"{name} gives ranks or 0 and 1, which no cap applies to.", "Take the caps out.")
