"""Reading what strangers wrote: every value is checked, everything has a limit, and what is left out is counted."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from msforge.errors import TraceFormatError
from msforge.traces.span import Span

MOST_SPANS: Final = 1_000_000
LONGEST_TEXT: Final = 500
LATEST: Final = 1 << 62  # ns: the year 2116
LONGEST: Final = 86_400_000_000_000  # ns: a day
_HEX: Final = re.compile(r"[0-9a-fA-F]+\Z")


class Reader:
    """Counts what a reader keeps and what it leaves out, and why."""

    def __init__(self) -> None:
        self.kept = 0
        self.left_out: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()

    def drop(self, why: str) -> None:
        """Leave something out."""
        self.left_out[why] += 1

    def keep(self, span: Span | None) -> Span | None:
        """The span, with an end that is not before its begin; None for one that cannot be.

        Raises TraceFormatError once there are too many.
        """
        if span is None:
            return None
        if span.took > LONGEST:
            self.drop("a span longer than a day")
            return None
        if span.took < 0:
            self.mended["a span that ended before it began: taken as 0 s long"] += 1
            span.end = span.begin
        self.kept += 1
        if self.kept > MOST_SPANS:
            raise TraceFormatError(
                f"there are more than {MOST_SPANS:,} spans", hint="give a part of them: a few thousand traces"
            )
        return span

    def warnings(self) -> list[str]:
        """What was left out or mended, a line each."""
        said = [f"left out: {why}{_times(count)}" for why, count in self.left_out.items()]
        return said + [f"{what}{_times(count)}" for what, count in self.mended.items()]


def _times(count: int) -> str:
    return f" ({count:,} times)" if count > 1 else ""


def mapping(value: Any) -> dict[str, Any]:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any, reader: Reader) -> list[Any]:
    """`value` when it is a list, else an empty one; anything but nothing is noted."""
    if isinstance(value, list):
        return value
    if value is not None:
        reader.drop("something that is not the list it should be")
    return []


def text(value: Any) -> str:
    """A string, cut to a sensible length; "" for anything else."""
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""


def hex_id(value: Any, digits: int) -> str:
    """An id as lower-case hex of `digits` digits, filled up or cut on the left; "" for none, or one of zeros alone."""
    if not isinstance(value, str) or len(value) > 64 or not _HEX.match(value):
        return ""
    found = value.lower().zfill(digits)[-digits:]
    return "" if not found.strip("0") else found


def whole(value: Any) -> int | None:
    """An integer from 0 up to LATEST, also as a string or as a float without fraction; None for anything else."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= LATEST else None


def unix_nanos(value: Any) -> int | None:
    """A time in ns."""
    return whole(value)


def micros(value: Any) -> int | None:
    """A time or duration in ns, given in µs, with or without a fraction."""
    if isinstance(value, float):
        return round(value * 1000) if 0 <= value <= LATEST / 1000 else None
    found = whole(value)
    return found * 1000 if found is not None and found <= LATEST // 1000 else None
