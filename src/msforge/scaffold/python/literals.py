"""Values as a person would write them: `400 * MS`, `Dist("exponential", (3 * MS,))`, wrapped at 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from msforge.policies.distributions import Dist
from msforge.units import format_duration

WIDTH: Final = 100
INDENT: Final = 4
UNITS: Final = (("MINUTE", 60_000_000_000), ("SECOND", 1_000_000_000), ("MS", 1_000_000), ("US", 1_000))
"""The constants of `resilience/units.py`: ns."""
_LENGTHS: Final = frozenset(["constant", "exponential", "uniform", "normal", "empirical"])
"""Kinds whose parameters are all lengths of time."""
_MIXED: Final = {"gamma": (1,), "erlang": (1,), "pareto": (0,), "weibull": (0,)}
"""Which parameters are lengths of time in kinds that also have pure numbers."""


@dataclass(frozen=True)
class Group:
    """Something in brackets: `head`, items, `tail`. `spread` puts each item on a line of its own."""

    head: str
    items: tuple[Code, ...] = ()
    tail: str = ")"
    spread: bool = False
    lone_comma: bool = False

    def flat(self) -> str:
        """All on one line."""
        inner = ", ".join(_flat(item) for item in self.items)
        return f"{self.head}{inner}{',' if self.lone_comma and len(self.items) == 1 else ''}{self.tail}"


@dataclass(frozen=True)
class Keyword:
    """`name=value`."""

    name: str
    value: Code


Code = str | Group | Keyword


def call(name: str, /, *items: Code, **keywords: Code) -> Group:
    """`name(items, key=value)`."""
    named = tuple(Keyword(key, value) for key, value in keywords.items())
    return Group(f"{name}(", (*items, *named), ")")


def spread(code: Group) -> Group:
    """The same, with each item on a line of its own."""
    return replace(code, spread=True)


def sequence(items: Iterable[Code]) -> Group:
    """A tuple."""
    return Group("(", tuple(items), ")", lone_comma=True)


def array(items: Iterable[Code]) -> Group:
    """A list."""
    return Group("[", tuple(items), "]")


def written(code: Code, *, indent: int = 0, before: str = "", after: str = "") -> str:
    """`code` as text behind `before`, on one line where that fits, else bracket by bracket as formatters do."""
    return f"{' ' * indent}{before}{_laid(code, indent, len(before), len(after))}{after}"


def _laid(code: Code, indent: int, used: int, after: int) -> str:
    if isinstance(code, str):
        return code
    if isinstance(code, Keyword):
        return f"{code.name}={_laid(code.value, indent, used + len(code.name) + 1, after)}"
    flat = code.flat()
    if not code.items or (not _spread(code) and indent + used + len(flat) + after <= WIDTH):
        return flat
    inner = indent + INDENT
    lines = [f"{' ' * inner}{_laid(item, inner, 0, 1)}," for item in code.items]
    return "\n".join([code.head, *lines, f"{' ' * indent}{code.tail}"])


def _spread(code: Code) -> bool:
    if isinstance(code, Keyword):
        return _spread(code.value)
    return isinstance(code, Group) and (code.spread or any(_spread(item) for item in code.items))


def _flat(code: Code) -> str:
    if isinstance(code, Keyword):
        return f"{code.name}={_flat(code.value)}"
    return code if isinstance(code, str) else code.flat()


# -- values ------------------------------------------------------------------------------------


def text(value: str) -> str:
    """A string, in double quotes, with nothing in it that could end it early."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else _escape(char) for char in escaped) + '"'


def _escape(char: str) -> str:
    known = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    code = ord(char)
    if char in known:
        return known[char]
    return f"\\x{code:02x}" if code < 256 else (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def comment(value: str) -> str:
    """A text that is safe in a docstring or a comment: one line, no quotes or backslashes that would end it."""
    clean = "".join(char if char.isprintable() else " " for char in value)
    return clean.replace("\\", "/").replace('"""', "'''").rstrip('"')


def number(value: float) -> str:
    """A float or an integer, exactly."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return repr(value)


def whole(value: int) -> str:
    """An integer, its digits grouped when there are many."""
    return f"{value:_}" if abs(value) >= 10_000 else str(value)


def duration(ns: float) -> str:
    """Nanoseconds as `400 * MS`: exactly the same number, -1 as it is."""
    if ns <= 0 or ns != int(ns):
        return repr(ns) if ns != int(ns) else str(int(ns))
    value = int(ns)
    for unit, size in UNITS:
        if value >= size and value % size == 0:
            return f"{whole(value // size)} * {unit}"
    return whole(value)


def distribution(dist: Dist) -> Code:
    """The expression that makes `dist`, the same to the bit."""
    kind = text(dist.kind)
    lengths = range(len(dist.params)) if dist.kind in _LENGTHS else _MIXED.get(dist.kind, ())
    if dist.kind == "hyperexponential":
        lengths = range(1, len(dist.params), 2)
    params = [_parameter(value, i in lengths) for i, value in enumerate(dist.params)]
    if dist.parts:
        return call("Dist", kind, sequence(params), sequence(distribution(part) for part in dist.parts))
    return call("Dist", kind, sequence(params))


def count(dist: Dist) -> Code:
    """The expression that makes a distribution of whole numbers."""
    params = [number(value) for value in dist.params]
    if dist.parts:
        return call("Dist", text(dist.kind), sequence(params), sequence(count(part) for part in dist.parts))
    return call("Dist", text(dist.kind), sequence(params))


def _parameter(value: float, is_length: bool) -> str:
    return duration(value) if is_length and value == int(value) else number(value)


def words(dist: Dist) -> str:
    """What a distribution of times is called in a docstring, e.g. `lognormal, 79ms on average`."""
    if dist.is_constant:
        return format_duration(round(dist.params[0] if dist.kind == "constant" else dist.mean))
    mean = dist.mean
    if not 0 < mean < 1e18:
        return dist.kind
    return f"{dist.kind}, {format_duration(_rounded(mean))} on average"


def _rounded(ns: float) -> int:
    """Three digits are enough for reading."""
    size = int(10 ** max(len(str(int(ns))) - 3, 0))
    return round(ns / size) * size


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: `a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]
