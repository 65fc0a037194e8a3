"""What a page is made of beside pictures: tables whose cells are text already, and numbers cut to what can be seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from msforge.report.text import clean
from msforge.report.verdict import measured_text
from msforge.results.figures import Measured


def sheet(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1, note: str = "") -> dict[
    str, Any
]:
    """A table: the first `names` columns are words, the others numbers. Names are made harmless."""
    return {
        "title": title,
        "columns": list(columns),
        "rows": [[clean(cell) for cell in row] for row in rows],
        "names": names,
        "note": note,
    }


def with_half(measured: Measured, unit: str) -> str:
    """A figure with its interval: "412ms ± 20ms"; a dash when nothing was measured."""
    return "–" if measured.value is None else measured_text(measured, unit)  # noqa: RUF001


def short(value: float | None) -> float | int | None:
    """Six significant digits, so that what is shown with three is rounded once; None for no value."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() else rounded


def words(text: str) -> str:
    """`circuit_open` as people write it."""
    return clean(text).replace("_", " ")
