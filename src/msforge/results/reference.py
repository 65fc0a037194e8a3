"""`docs/result.md`, written from the fields of the Result themselves so that it cannot drift."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from msforge.results.result import FORMAT, Result

HEAD = f"""# The Result

What `msforge simulate --out run.json` writes and `msforge report`, `msforge compare` read. JSON, UTF-8, one object,
format {FORMAT}; a file of another format is refused with a message that says which version wrote it. The same
description, seed, version and platform give the same bytes. It holds no wall time, path or host name. This page is
generated from the fields' own texts.

Times are nanoseconds of simulated time. `null` means that there was nothing to measure. Unless a field says
otherwise, counts are summed over replications and include only requests whose root arrived in `span`; rates, means
and shares are over the replications together.

**Percentiles.** The percentile p of n latencies is the ceil(p n)-th smallest. It is exact for entries and sources
while a row is kept for every root request (a million per replication); otherwise it is the middle of a bucket, at
most 0.4 % off. A table's `exact` says which.

**Intervals** are at 95 %. Every figure is a ratio of two sums over slices: replications, or 20 batches of equal time
in a single run (10 when it is short, or when neighbouring batches are correlated: then pairs are merged). Its
half-width is t s / (d sqrt k): s the standard deviation of the slices' residuals, d their mean denominator, t
Student's with k - 1 degrees of freedom. With equal denominators that is the plain t interval. A percentile q's
interval is that of the share of values <= q (never narrower than the binomial one), read back through the pooled
values; it is left out where the sample holds too few values beyond q.

**data** is what another window is read from: per replication the counts, sums, histograms and cumulative areas per
bucket. An array is `{{shape, float, at, of}}`: `at` holds the gaps between the flat indices of the values that are
not 0, `of` those values. A histogram is `{{keys, counts}}`: `keys` the gaps between sorted keys, each group << 40 |
class << 38 | bucket of time << 16 | bucket of latency; groups are the entries in order, then endpoints and consumers;
class 0 is answered, 1 failed. A latency's bucket is the top bits of its 64-bit float, 128 buckets an octave. **plan**
is the compiled description, fields at their defaults left out.
"""


def _word(kind: Any) -> str:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        options = [_word(option) for option in typing.get_args(kind) if option is not type(None)]
        return " or ".join([*options, "null"])
    if origin is list:
        return f"list of {_word(typing.get_args(kind)[0])}"
    if origin is dict:
        key, value = typing.get_args(kind)
        return "object" if value is Any else f"object: {_word(key)} to {_word(value)}"
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return {int: "integer", float: "number", str: "string", bool: "boolean"}.get(kind, "any")


def _inner(kind: Any) -> list[type]:
    """The dataclasses that a type mentions, in order."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return [kind]
    return [found for arg in typing.get_args(kind) for found in _inner(arg)]


def _table(kind: type) -> str:
    text = (kind.__doc__ or "").strip().split("\n\n")
    rows = [f"## {kind.__name__}", "", *(" ".join(part.split()) + "\n" for part in text)]
    rows += ["| field | type | unit | meaning |", "|---|---|---|---|"]
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        meaning = field.metadata["doc"].replace("|", "\\|")
        rows.append(f"| `{field.name}` | {_word(hints[field.name])} | {field.metadata['unit']} | {meaning} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """The whole page."""
    order: list[type] = [Result]
    for kind in order:
        hints = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            order += [inner for inner in _inner(hints[field.name]) if inner not in order]
    return HEAD + "\n" + "\n".join(_table(kind) for kind in order)
