"""What an ensemble is: its members, the rule, and what is done where a member said nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from curation.recipes.place import Place
from curation.rewards.combining import Rule
from curation.rewards.parse import read_steps
from curation.rewards.reading import Node, Reader
from curation.rewards.transforms import RAW, Transform

Form = Literal["scores", "votes"]
Missing = Literal["drop", "renormalise"]
By = Literal["tag", "locale"]
RULES: tuple[Rule, ...] = get_args(Rule)
MISSING: tuple[Missing, ...] = get_args(Missing)
BY: tuple[By, ...] = get_args(By)
MOST_REPEATS = 100

_ROOT = ("ensemble", "name", "about", "rule", "criterion", "members", "repeats", "missing", "least", "by", "routes")
_REMEDY = "Start from one of the examples in docs/rewards.md."


@dataclass(frozen=True)
class PlanMember:
    """One member: a rater by name (`name@1a2b` for one revision), what it judged, and how its number is brought in.

    Attributes:
        criterion: whose scores or votes are read.
        weight: above 0.
        transform: for scores, what is made of the raw number; votes have none.
    """

    rater: str
    criterion: str
    weight: float = 1.0
    transform: Transform = RAW
    where: Place = field(default=Place(1, 1), compare=False)


@dataclass(frozen=True)
class Route:
    """Prompts with one of these tags (or of one of these languages) are the affair of one member.

    Attributes:
        of: the tags or languages; empty: every prompt that no earlier route took.
        to: the member's place, from 0.
    """

    of: tuple[str, ...]
    to: int


@dataclass(frozen=True)
class Plan:
    """An ensemble as a person writes it.

    Attributes:
        form: what the members gave and the ensemble gives: scores, or votes (comparisons).
        criterion: the key its own statements stand under; empty: that of the members, where they share one.
        repeats: 0, or how many answers of the one member are the opinions.
        missing: `drop` a subject on which not all members spoke, or `renormalise` the weights of those who did.
        least: how many have to have spoken under `renormalise`.
        by: under `route`, what prompts are told apart by.
        routes: under `route`, whom to ask of which prompts; the first that fits counts, and where none does nobody is.
        seen: prompts whose votes chose it; a person does not write this.
    """

    name: str
    form: Form
    rule: Rule
    members: tuple[PlanMember, ...]
    criterion: str = ""
    about: str = ""
    repeats: int = 0
    missing: Missing = "drop"
    least: int = 2
    by: By | None = None
    routes: tuple[Route, ...] = ()
    seen: tuple[int, ...] = ()

    @property
    def opinions(self) -> int:
        """How many columns are combined: the members, or the repeats of the one."""
        return self.repeats or len(self.members)


def parse_ensemble(text: str) -> Plan:
    """The ensemble written in a YAML or JSON text.

    Raises:
        RecipeProblems: with every mistake, its line, its column and its remedy.
    """
    reader = Reader.of(text, "ensemble", _REMEDY)
    root = reader.root(_ROOT, "the ensemble")
    if root.values.get("ensemble") != 1:
        root.complain(("ensemble",), "the ensemble does not say `ensemble: 1`.", "Begin with `ensemble: 1`.")
    members, repeats = _repeats(root) if "repeats" in root else (_members(root), 0)
    forms = {"votes" if "votes" in value else "scores" for _path, value in _entries(root)}
    if len(forms) > 1:
        root.complain((), "Some members give scores and some give votes.", "Make two ensembles.")
    plan = Plan(
        name=root.text("name"),
        form="votes" if "votes" in forms else "scores",
        rule=RULES[RULES.index(root.word("rule", RULES))],  # type: ignore[arg-type]  # one of them, or a problem
        members=members,
        criterion=root.text("criterion", "", longest=120) if "criterion" in root else "",
        about=root.text("about", "", longest=5000) if "about" in root else "",
        repeats=repeats,
        missing=MISSING[MISSING.index(root.word("missing", MISSING, "drop"))],  # type: ignore[arg-type]
        least=root.whole("least", 2, least=2),
        by=BY[BY.index(root.word("by", BY, "tag"))] if "routes" in root else None,  # type: ignore[arg-type]
        routes=_routes(root) if "routes" in root else (),
    )
    if not reader.problems:
        _contradictions(root, plan)
    reader.finish()
    return plan


def _entries(root: Node) -> list[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    if "repeats" in root:
        value = root.values["repeats"]
        return [((*root.path, "repeats"), value)] if isinstance(value, dict) else []
    value = root.values.get("members")
    listed = value if isinstance(value, list) else []
    return [(("members", place), one) for place, one in enumerate(listed) if isinstance(one, dict)]


def _members(root: Node) -> tuple[PlanMember, ...]:
    known = ("rater", "scores", "votes", "weight", "transform")
    members = tuple(_member(root.reader.node(path, value, known, "a member")) for path, value in root.items("members"))
    if len(members) < 2:
        said = f"the ensemble has {len(members)} members."
        root.complain(("members",), said, "Name at least two, or `repeats` of one.")
    seen: dict[tuple[str, str], int] = {}
    for place, member in enumerate(members):
        key = (member.rater, member.criterion)
        if key in seen:
            root.complain(
                ("members", place), f"{member.rater!r} is also the member on line {seen[key]}.", "Name it once."
            )
        seen.setdefault(key, member.where.line)
    return members


def _routes(root: Node) -> tuple[Route, ...]:
    return tuple(_route(root.reader.node(path, value, ("of", "to"), "a route")) for path, value in root.items("routes"))


def _route(node: Node) -> Route:
    return Route(_labels(node), node.whole("to", least=1) - 1)


def _labels(node: Node) -> tuple[str, ...]:
    labels = []
    for _path, value in node.items("of"):
        if isinstance(value, str) and value.strip():
            labels.append(value)
        else:
            node.complain(
                ("of",), f"{value!r} is no tag and no language.", "Write words, in quotation marks if need be."
            )
    return tuple(labels)


def _repeats(root: Node) -> tuple[tuple[PlanMember, ...], int]:
    if "members" in root:
        root.complain(("members",), "The ensemble has members and repeats.", "Name one of the two.")
    node = root.inner("repeats", ("rater", "scores", "votes", "times", "transform"))
    times = node.whole("times", least=2)
    if times > MOST_REPEATS:
        node.complain(("times",), f"times is {times}.", f"Write a number up to {MOST_REPEATS}.")
    return (_member(node),), times


def _member(node: Node) -> PlanMember:
    if ("scores" in node) == ("votes" in node):
        node.complain(
            (),
            f"{node.what} names neither or both of scores and votes.",
            "Write `scores: CRITERION` or `votes: CRITERION`.",
        )
    key = "votes" if "votes" in node else "scores"
    criterion = node.text(key) if key in node else ""
    if key == "votes" and "transform" in node:
        node.complain(("transform",), "Votes have no numbers to transform.", "Take the transform out.")
    steps = read_steps(node, "transform")
    weight = node.number("weight", 1.0, above=0.0)
    return PlanMember(node.text("rater"), criterion, weight, Transform(steps), node.where)


def _contradictions(root: Node, plan: Plan) -> None:
    """Values that are each right and together wrong."""
    _routes_apart(root, plan)
    uneven = [place for place, member in enumerate(plan.members) if member.weight != plan.members[0].weight]
    if plan.rule == "worst" and uneven:
        root.complain(("members", uneven[0], "weight"), "worst knows no weights.", "Take the weights out.")
    if plan.least > plan.opinions:
        said = f"least is {plan.least}, and there are {plan.opinions} opinions."
        root.complain(("least",), said, "Write a smaller number.")
    if "least" in root and plan.missing == "drop":
        root.complain(("least",), "least means something only under `missing: renormalise`.", "Take it out.")


def _routes_apart(root: Node, plan: Plan) -> None:
    """Routes belong to the rule `route`, each names a member, and none comes after the one for all the rest."""
    if (plan.rule == "route") != bool(plan.routes) or ("by" in root and not plan.routes):
        root.complain(("rule",), "`rule: route` and `routes` belong together.", "Write both or neither.")
        return
    if plan.rule == "route" and ("missing" in root or any(member.weight != 1.0 for member in plan.members)):
        root.complain(("rule",), "route asks one member of each prompt.", "Take weights and missing out.")
    seen: set[str] = set()
    for place, route in enumerate(plan.routes):
        path = ("routes", place)
        if route.to >= len(plan.members):
            root.complain(path, f"there is no member {route.to + 1}.", f"Write 1 to {len(plan.members)}.")
        if not route.of and place + 1 < len(plan.routes):
            root.complain(path, "a route without `of` takes every prompt that is left.", "Write it last.")
        if twice := sorted(seen.intersection(route.of)):
            root.complain(path, f"{twice[0]!r} has a route already.", "Name it once.")
        seen.update(route.of)
