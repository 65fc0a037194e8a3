"""Words and numbers as a reader wants them: short, honest digits, nothing a terminal would obey."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from itertools import pairwise

_UNITS = ((1_000_000_000.0, "s"), (1_000_000.0, "ms"), (1_000.0, "µs"), (1.0, "ns"))
_BARS = "▁▂▃▄▅▆▇█"
NOTHING = "–"  # noqa: RUF001


def clean(text: str, *, limit: int = 0) -> str:
    """`text` with every control, format and unprintable character written out as an escape.

    Names and messages come from files that strangers wrote; printed raw they could move the cursor,
    recolour the screen or reverse the line. `limit` > 0 cuts to that many characters, with an ellipsis.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    if limit > 0 and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"
    return text


def clean_lines(text: str) -> str:
    """Like `clean`, for text of several lines: newlines stay, tabs become spaces."""
    return "\n".join(clean(line.replace("\t", "    ")) for line in text.split("\n"))


def hanging(text: str, *, indent: str = "  ", width: int = 80) -> str:
    """One sentence in lines of at most `width` columns, the second and later ones further in."""
    wrapped = textwrap.wrap(
        clean(text), width, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False,
        break_long_words=False,
    )
    return "\n".join(wrapped)


def _escaped(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def significant(value: float, digits: int = 3) -> str:
    """`value` with `digits` significant digits, never in scientific notation below a billion.

    Digits before the decimal point are never rounded away: 12345.6 is "12346".
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e9 or size < 1e-6:
        return f"{value:.{digits - 1}e}"
    places = max(digits - 1 - math.floor(math.log10(size)), 0)
    text = f"{value:.{places}f}"
    if places and float(text) != 0 and len(text.replace("-", "").replace(".", "").lstrip("0")) > digits:
        text = f"{value:.{places - 1}f}"  # 9.996 rounded up to one more digit: 10.00 -> 10.0
    return text


def duration(ns: float | None, digits: int = 3) -> str:
    """A measured duration (ns) in the unit that suits it: "412ms", "1.25s", "3m20s", "2h05m"."""
    if ns is None or math.isnan(ns):
        return NOTHING
    if math.isinf(ns):
        return "∞" if ns > 0 else "-∞"
    if ns < 0:
        return "-" + duration(-ns, digits)
    if ns >= 119.95e9:
        return _long(ns)
    if ns == 0:
        return "0"
    for scale, unit in _UNITS:
        # 0.9995 of the unit already rounds to 1.00 of it.
        if ns >= scale * 0.9995 or unit == "ns":
            return significant(ns / scale, digits) + unit
    return NOTHING


def _long(ns: float) -> str:
    seconds = round(ns / 1e9)
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    minutes = round(ns / 60e9)
    if minutes < 48 * 60:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    return f"{significant(ns / 86_400e9)}d"


def moment(ns: float) -> str:
    """A point in simulated time (ns since the start): "60s", "2m05s", "1.5s"."""
    seconds = ns / 1e9
    if seconds >= 120:
        return _long(ns)
    return f"{seconds:.0f}s" if abs(seconds - round(seconds)) < 0.05 else f"{seconds:.1f}s"


def percent(ratio: float | None, digits: int = 3) -> str:
    """A ratio 0..1 as a percentage: "99.2%", "0.31%", "100%". Never rounds a miss up to 100%."""
    if ratio is None or math.isnan(ratio):
        return NOTHING
    value = ratio * 100
    if value == 0:
        return "0%"
    if value >= 100:
        return f"{value:.0f}%"
    if value >= 10:
        text = f"{value:.{max(digits - 2, 0)}f}"
        if float(text) == 100.0:  # 99.97 must not read as 100
            text = f"{math.floor(value * 1000) / 1000:.3f}".rstrip("0").rstrip(".")
        return text + "%"
    if value < 0.01 and digits < 3:
        return "<0.01%"
    return (significant(value, digits) if value >= 0.01 else f"{value:.2g}") + "%"


def rate(per_second: float | None, digits: int = 3) -> str:
    """A rate: "120/s", "0.25/s"."""
    return NOTHING if per_second is None or math.isnan(per_second) else significant(per_second, digits) + "/s"


def count(value: float | None) -> str:
    """A count or a mean of counts, thousands apart: "12,345", "3.4"."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞"
    if abs(value) >= 1000 or float(value).is_integer():
        return f"{round(value):,}"
    if 0 < value < 0.001:
        return "<0.001"
    return significant(value, 3 if abs(value) >= 1 else 2)


def money(amount: float | None) -> str:
    """An amount in the file's own (unnamed) currency: "0.0042", "12.30", "1,234"."""
    if amount is None or math.isnan(amount):
        return NOTHING
    if abs(amount) >= 1000:
        return f"{amount:,.0f}"
    return f"{amount:,.2f}" if abs(amount) >= 1 or amount == 0 else significant(amount)


def figure(value: float | None, unit: str, digits: int = 3) -> str:
    """A figure of the Result in its `unit`: ns, ratio, per_second, cost, or anything else for a plain number."""
    if unit == "ns":
        return duration(value, digits)
    if unit == "ratio":
        return percent(value, digits)
    if unit == "per_second":
        return rate(value, digits)
    return money(value) if unit == "cost" else count(value)


def plural(number: int, one: str, many: str = "") -> str:
    """ "1 error", "3 errors"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sparkline(values: list[float], width: int, top: float | None = None) -> str:
    """`values` as at most `width` bars, each the mean of its slice; NaN is a gap.

    `top` is the value of the highest bar (default: the largest mean). A value above zero shows at least
    the second-lowest bar, so that zero and little can be told apart.
    """
    cells = squeeze(values, width)
    finite = [v for v in cells if not math.isnan(v)]
    high = max(finite, default=0.0) if top is None else top
    return "".join(_bar(v, high) for v in cells)


def _bar(value: float, high: float) -> str:
    if math.isnan(value):
        return " "
    if value <= 0 or high <= 0:
        return _BARS[0]
    return _BARS[min(max(round(value / high * (len(_BARS) - 1)), 1), len(_BARS) - 1)]


def squeeze(values: list[float], width: int) -> list[float]:
    """At most `width` means of equal slices of `values`; a slice of NaN alone is NaN."""
    if len(values) <= width:
        return list(values)
    edges = [round(i * len(values) / width) for i in range(width + 1)]
    return [_mean(values[a:b]) for a, b in pairwise(edges)]


def _mean(values: list[float]) -> float:
    finite = [v for v in values if not math.isnan(v)]
    return sum(finite) / len(finite) if finite else math.nan
