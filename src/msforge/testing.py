"""Fakes for msforge's seams: for its own tests, and for yours when you build on it.

`blank(kind, **values)` makes any of the Result's pieces from nothing but its field types; `fake_terminal()` captures
what a report prints; `ProgressLog` is a progress callback that remembers; `FakeClock` is a clock that a test moves.
"""

from __future__ import annotations

import dataclasses
import io
import types
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from msforge.report.console import Terminal
    from msforge.results import Result

T = TypeVar("T")


def blank(kind: type[T], /, **values: Any) -> T:
    """A `kind` (any dataclass of the Result) with `values`, everything else empty: 0, "", False, None, [] or {}."""
    hints = typing.get_type_hints(kind)
    filled: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in values:
            filled[field.name] = values.pop(field.name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            filled[field.name] = _empty(hints[field.name])
    if values:
        raise TypeError(f"{kind.__name__} has no field {', '.join(values)}")
    return kind(**filled)


def _empty(hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType) and type(None) in typing.get_args(hint):
        return None
    if dataclasses.is_dataclass(hint):
        return blank(typing.cast(type, hint))
    return (origin or hint)()


def blank_result(**values: Any) -> Result:
    """A valid Result of a run in which nothing happened, with `values` in place of its fields."""
    from msforge.results import result as results

    plain = {"format": results.FORMAT, "engine": "0.0.0", "replications": 1, **values}
    return blank(results.Result, **plain)


@dataclasses.dataclass
class ProgressLog:
    """A progress callback that keeps every call as (done ns, total ns, requests)."""

    calls: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)

    def __call__(self, done: int, total: int, requests: int) -> None:
        """Remembers one report."""
        self.calls.append((done, total, requests))


@dataclasses.dataclass
class FakeClock:
    """A clock that stands still until a test advances it. Call it for the time in seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        """The time, s."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Lets `seconds` pass."""
        self.now += seconds


def fake_terminal(width: int = 80) -> tuple[Terminal, Callable[[], str], Callable[[], str]]:
    """A Terminal that writes to memory, and two functions: what went to stdout, what to stderr so far."""
    from msforge.report.console import Terminal, console

    out, err = io.StringIO(), io.StringIO()
    term = Terminal(out, err)
    term.out, term.err = console(out, width=width), console(err, width=width)
    return term, out.getvalue, err.getvalue
