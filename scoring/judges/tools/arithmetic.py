"""A sum that a judge wants to be sure of: numbers, + - * / // % ** and brackets, and nothing else."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from scoring.judges.tools.protocol import Misused

LONGEST = 200  # characters
LARGEST = 1e15
MOST_POWER = 64

_OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def worked_out(expression: str) -> float:
    """The value of an expression, in double precision.

    Args:
        expression: at most `LONGEST` characters.

    Raises:
        Misused: something else stands in it, it divides by zero, or a value passes `LARGEST`.

    >>> worked_out("(12 + 7) * 3 / 4")
    14.25
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return _value(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, Misused):
            raise
        raise Misused("the expression is none; write numbers, + - * / // % ** and brackets") from error
    except (ZeroDivisionError, OverflowError) as error:
        raise Misused("the expression divides by zero or grows beyond bounds") from error


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _bounded(value)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _value(inner)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATIONS:
            return _applied(sign, _value(left), _value(right))
    raise Misused("the expression holds something else than numbers, + - * / // % ** and brackets")


def _applied(sign: ast.operator, left: float, right: float) -> float:
    if isinstance(sign, ast.Pow) and abs(right) > MOST_POWER:
        raise Misused(f"a power may be {MOST_POWER} at most")
    found = _OPERATIONS[type(sign)](left, right)
    if isinstance(found, complex):
        raise Misused("the expression has no real value")
    return _bounded(found)


def _bounded(value: float) -> float:
    # Compared before it is made a float: a long whole number would overflow on the way.
    if not -LARGEST <= value <= LARGEST:
        raise Misused(f"a value passes {LARGEST:g}")
    found = float(value)
    if not math.isfinite(found):
        raise Misused("the expression has no value")
    return found
