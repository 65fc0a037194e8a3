"""Numbers as the story says them."""

from __future__ import annotations


def duration(ns: float) -> str:
    """Two or three digits and a unit: `250 ms`, `1.2 s`, `90 µs`."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= size:
            return f"{digits(ns / size)} {unit}"
    return f"{round(ns)} ns"


def digits(value: float) -> str:
    """Two significant digits below ten, else none behind the point: `1.2`, `48`, `1,234`."""
    if abs(value) >= 10:
        return f"{value:,.0f}"
    text = f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"
    return text.removesuffix(".0")


def percent(share: float) -> str:
    """`31 %`, `0.4 %`."""
    return f"{digits(100.0 * share)} %"


def second(ns: float) -> str:
    """A moment of the run: `60 s`, `12.5 s`."""
    return f"{ns / 1e9:.1f}".removesuffix(".0") + " s"


def when(begin: int | None, end: int | None) -> str:
    """`from 60 s to 80 s`, `from 60 s to the end`, `all along`."""
    if begin is None:
        return "all along" if end is None else f"until {second(end)}"
    return f"from {second(begin)} to {'the end' if end is None else second(end)}"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else ""
