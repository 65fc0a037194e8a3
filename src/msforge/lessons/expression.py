"""Arithmetic of figures, as labs write it: `p50 - monolith:entries[...].answered.p50`, `busy < 80%`.

Operands are quantities (`80ms`, `5%`, `450`), names of figures, and places in the Result; `run:` before a place names
the run. Operators stand between spaces: + - * / and ( ). A comparison has one of < <= > >= = != in its middle.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from msforge.lessons.figures import Figure, quantity

_TOKEN = re.compile(r"\s*([()]|(?:\[[^\]]*\]|[^\s()\[])+)")
_COMPARISON = re.compile(r"^(.*?)\s(<=|>=|!=|<|>|=)\s(.*)$")
_FLAT: Final = ("count", "ratio")
Lookup = Callable[[str], Figure]
"""Gives a name's or place's figure; raises FigureError."""


class ExpressionError(ValueError):
    """An expression that cannot be read."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A number, a name, or two of these and an operator."""

    operator: str
    text: str = ""
    parts: tuple[Expression, ...] = ()

    def names(self) -> list[str]:
        """Every name and place in it."""
        if self.operator == "name":
            return [self.text]
        return [name for part in self.parts for name in part.names()]

    def value(self, look_up: Lookup) -> Figure:
        """What it comes to; None where an operand was not measured, or for a division by zero."""
        if self.operator == "name":
            return look_up(self.text)
        if self.operator == "number":
            return quantity(self.text)
        left, right = (part.value(look_up) for part in self.parts)
        unit = _unit(self.operator, left.unit, right.unit)
        if left.value is None or right.value is None:
            return Figure(None, unit)
        return Figure(_OPERATIONS[self.operator](left.value, right.value), unit)


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


_OPERATIONS: Final[dict[str, Callable[[float, float], float | None]]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": _divide,
}  # fmt: skip


def _unit(operator: str, left: str, right: str) -> str:
    if operator == "/" and left == right:
        return "count"
    if operator in "+-":
        return right if left == "count" else left
    return right if left in _FLAT and operator == "*" else left if right in _FLAT else "count"


def parse(text: str) -> Expression:
    """The expression in `text`. Raises ExpressionError."""
    tokens = _TOKEN.findall(text)
    if not tokens or "".join(tokens) != re.sub(r"\s(?![^\[]*\])", "", text):
        raise ExpressionError(f"`{text}` cannot be read: write e.g. `p50 / other` or `services[payment].utilisation`")
    found, rest = _sum(tokens, text)
    if rest:
        raise ExpressionError(f"`{text}` cannot be read from `{rest[0]}` on; operators stand between spaces")
    return found


def _sum(tokens: list[str], text: str) -> tuple[Expression, list[str]]:
    return _chain(tokens, text, ("+", "-"), lambda rest: _chain(rest, text, ("*", "/"), lambda r: _operand(r, text)))


def _chain(
    tokens: list[str], text: str, operators: tuple[str, ...],
    inner: Callable[[list[str]], tuple[Expression, list[str]]],
) -> tuple[Expression, list[str]]:
    found, rest = inner(tokens)
    while rest and rest[0] in operators:
        right, after = inner(rest[1:])
        found, rest = Expression(rest[0], parts=(found, right)), after
    return found, rest


def _operand(tokens: list[str], text: str) -> tuple[Expression, list[str]]:
    if not tokens or tokens[0] in (")", *_OPERATIONS):
        raise ExpressionError(f"`{text}` cannot be read: something is missing")
    if tokens[0] == "(":
        found, rest = _sum(tokens[1:], text)
        if not rest or rest[0] != ")":
            raise ExpressionError(f"`{text}`: a `)` is missing")
        return found, rest[1:]
    try:
        quantity(tokens[0])
    except ValueError:
        return Expression("name", tokens[0]), tokens[1:]
    return Expression("number", tokens[0]), tokens[1:]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two expressions and what is to hold between them."""

    left: Expression
    operator: str
    right: Expression
    text: str

    def names(self) -> list[str]:
        """Every name and place on either side."""
        return self.left.names() + self.right.names()

    def holds(self, look_up: Lookup) -> bool:
        """Whether it does; what was not measured never holds."""
        left, right = self.left.value(look_up).value, self.right.value(look_up).value
        return left is not None and right is not None and compares(left, self.operator, right)


def compares(left: float, operator: str, right: float) -> bool:
    """Whether `left operator right`."""
    return {
        "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right, "=": left == right,
        "!=": left != right,
    }[operator]  # fmt: skip


def parse_comparison(text: str) -> Comparison:
    """The comparison in `text`. Raises ExpressionError."""
    match = _COMPARISON.match(text)  # the first operator: none of them is part of a name
    if match is None or _COMPARISON.match(match[3]):
        raise ExpressionError(f"`{text}` is not a comparison: write e.g. `bill < 450` or `busy <= 80%`")
    return Comparison(parse(match[1]), match[2], parse(match[3]), text)
