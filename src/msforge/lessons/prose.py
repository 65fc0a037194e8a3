"""Texts with numbers in them: `{{p99}}`, `{{old / new}}`, `{{start.p99}}`, `{{predicted.share}}`, `{{system.PATH}}`.

`{{busy as percent}}` says how a number is written where its unit does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msforge.lessons.figures import Figure
from msforge.report.text import count, duration, figure, money, percent, rate, significant

_HOLE: Final = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_WAYS: Final[dict[str, Callable[[float], str]]] = {
    "percent": percent, "duration": duration, "rate": rate, "money": money, "count": count,
    "whole": lambda value: f"{round(value):,}", "short": lambda value: significant(value, 2),
}  # fmt: skip
NOTHING: Final = "nothing"


def names_in(text: str) -> list[str]:
    """What stands between double braces."""
    return _HOLE.findall(text)


def fill(text: str, say: Callable[[str], str]) -> str:
    """`text` with every hole filled by what `say` gives for it."""
    return _HOLE.sub(lambda match: say(match[1]), text)


def shown(found: Figure, way: str = "") -> str:
    """A figure as a reader wants it; `way` is what stands behind `as`."""
    if found.value is None:
        return NOTHING
    return _WAYS[way](found.value) if way in _WAYS else figure(found.value, found.unit)
