"""An Explanation for the terminal: plain words first, then the tables they rest on."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from msforge.analysis.explanation import Bottleneck, Cost, Entry, Explanation, Latency, Level, StationAt, StationRow
from msforge.report.shapes import bullets, heading, indented, name, number, table
from msforge.report.text import clean, count, duration, moment, money, percent, plural, rate, significant

ENTRIES_IN_WORDS = 3
STATIONS_SHOWN = 24
AMPLIFIED_SHOWN = 6

KINDS = {
    "threads": "threads", "cpu": "cores", "connections": "connections", "consumer": "consumer threads",
    "rate_limit": "rate limit",
}


def explanation(found: Explanation, width: int) -> Iterator[RenderableType]:
    """The parts of the page for a console of `width` columns."""
    title = clean(found.system) + (f", scenario {clean(found.scenario)}" if found.scenario else "")
    yield Text(f"{title}: what theory expects, before any dice are thrown", style="bold")
    yield Text()
    yield bullets(_words(found))
    if len(found.entries) > 1:
        yield heading("Endpoints that clients ask")
        yield _entries(found, width)
    yield heading("Load" + (f" at {_level(found.levels[0])}" if len(found.levels) == 1 else ""))
    yield from _stations(found, width)
    yield from _why(found)
    yield from _retries(found, width)
    yield from _availability(found)
    if found.cost is not None:
        yield from _cost(found.cost, found.levels[0], width)
    if found.notes:
        yield heading("Left out here, and only seen by simulating")
        yield indented(bullets(found.notes))


# --- plain words


def _words(found: Explanation) -> Iterator[str]:
    entries = found.entries[:ENTRIES_IN_WORDS] if len(found.entries) <= ENTRIES_IN_WORDS else _heaviest(found)
    for entry in entries:
        yield _shape(entry)
        yield _latency(entry, found.levels)
    if found.bottleneck is not None:
        yield _bottleneck(found.bottleneck, found.levels)
    for entry in entries:
        yield _worst(entry)
    yield from _storm(found)
    yield _available(found)
    if found.cost is not None:
        per = f", {money(found.cost.per_million)} per million requests" if found.cost.per_million is not None else ""
        yield f"It costs {money(found.cost.month)} a month at {rate(found.levels[0].rate)}{per}."


def _heaviest(found: Explanation) -> tuple[Entry, ...]:
    return (max(found.entries, key=lambda e: (e.calls, e.depth)),)


def _shape(entry: Entry) -> str:
    parts = [f"{_many(entry.calls, 'request')} to other services"] if entry.calls else ["no request to another service"]
    if entry.operations:
        parts.append(_many(entry.operations, "store operation"))
    if entry.messages:
        parts.append(_many(entry.messages, "message"))
    return f"One {entry.name} = {', '.join(parts)}; depth {entry.depth}."


def _many(number_of: float, word: str) -> str:
    return f"{count(number_of)} {word}{'' if number_of == 1 else 's'}"


def _latency(entry: Entry, levels: tuple[Level, ...]) -> str:
    parts = []
    for latency, level in zip(entry.latency, levels, strict=True):
        if latency.mean is None:
            parts.append(f"ever longer at {_level(level)}, where {' and '.join(latency.reasons)}")
        else:
            parts.append(f"{duration(latency.mean)} at {_level(level)}{_sure(latency)}")
    still = f" ({duration(entry.unloaded)} if nobody ever waited)" if entry.unloaded is not None else ""
    return f"{entry.name} takes on average {', '.join(parts)}{still}."


def _sure(latency: Latency) -> str:
    return ", exactly" if latency.kind == "exact" else ", approximately"


def _level(level: Level) -> str:
    if level.name == "steady":
        return rate(level.rate)
    return f"{rate(level.rate)} ({level.name}, from {moment(level.time)})"


def _bottleneck(found: Bottleneck, levels: tuple[Level, ...]) -> str:
    if found.factor is None or found.rate is None:
        return "Nothing limits the rate: all servers are unlimited."
    grown = ", with as many replicas as autoscaling allows" if found.scaled else ""
    what = found.name if found.name.endswith(" thread") else f"the {KINDS[found.kind]} of {found.name}"
    asked = next(level for level in levels if level.name == found.level)
    against = f"{'the peak' if found.level == 'peak' else 'the load'} of {rate(asked.rate)}"
    sent = found.rate / found.factor if found.factor else 0.0
    if sent and abs(sent - asked.rate) > 1e-6 * asked.rate:  # users of a closed loop ask less when it gets slow
        against = f"the {rate(sent)} of the open sources, if the users of closed ones stay away"
    if found.factor == 0:
        return f"The bottleneck is {what}{grown}: no rate can last, since none is there or the mean has no end."
    if found.factor < 1:
        verdict = f"and {against} is {significant(1 / found.factor, 2)} times that"
    else:
        verdict = f"{significant(found.factor, 2)} times {against}"
    return f"The bottleneck is {what}{grown}: at most {rate(found.rate)} can last, {verdict}."


def _worst(entry: Entry) -> str:
    worst, client = entry.worst, entry.client_worst
    if worst.time is None:
        text = f"At worst {entry.name} never answers: {worst.because}."
        return text if client.time is None else f"{text} Its client gives up after {duration(client.time)}."
    text = f"At worst, by its timeouts, {entry.name} takes {duration(worst.time)} once it has a thread"
    text += f" ({worst.because})."
    if client.time is not None and client.time < worst.time:
        text += f" Its client gives up after {duration(client.time)}."
    return text


def _storm(found: Explanation) -> Iterator[str]:
    """The endpoint that one request may ask most often when it fails; redelivered messages are no storm."""
    rows = [
        (a.tries if a.tries is not None else math.inf, a.endpoint, e.name)
        for e in found.entries for a in e.amplified if not a.message
    ]
    if rows:
        tries, endpoint, entry = max(rows, key=lambda row: row[0])
        many = "tries without end" if math.isinf(tries) else f"up to {count(tries)} tries"
        yield f"When {endpoint} fails, one {entry} makes {many} there."


def _available(found: Explanation) -> str:
    known = [e for e in found.entries if e.availability is not None]
    if not known:
        return "Availability: no failure rates in the file (a fault with `every` and `for` gives one)."
    worst = min(known, key=lambda e: e.availability or 0.0)
    value = worst.availability or 0.0
    month = duration((1 - value) * 730 * 3600e9)
    which = "" if len(known) == 1 else ", the least of its entries"
    return f"{worst.name} answers {_nines(value)} of requests{which}, as if it were down {month} a month."


def _nines(value: float) -> str:
    """An availability: never rounded up to 100 %, no zeros at the end."""
    text = percent(value, 6)[:-1]
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "%"


# --- tables


def _entries(found: Explanation, width: int) -> Padding:
    means = [f"mean {level.name}" if len(found.levels) > 1 else "mean" for level in found.levels]
    known = any(e.availability is not None for e in found.entries)
    titles = ["endpoint", "requests", "depth", *means, "at worst", *(["available"] if known else [])]
    rows = []
    for e in found.entries[:STATIONS_SHOWN]:
        worst = duration(e.worst.time) if e.worst.time is not None else "no end"
        cells = [name(e.name), number(count(e.calls)), number(str(e.depth))]
        cells += [number(_mean(latency), alarm=latency.mean is None) for latency in e.latency]
        cells.append(number(worst))
        rows.append(cells + ([number(_nines(e.availability or 0.0))] if known else []))
    return table(titles, rows, width)


def _mean(latency: Latency) -> str:
    if latency.mean is None:
        return "no end"
    return ("" if latency.kind == "exact" else "~") + duration(latency.mean)


def _stations(found: Explanation, width: int) -> Iterator[RenderableType]:
    rows = sorted(found.stations, key=lambda s: -max(at.utilisation for at in s.levels))
    limited = [s for s in rows if s.levels[-1].servers is not None]
    shown = limited[:STATIONS_SHOWN]
    titles = ["", "", "of"]
    for level in found.levels:
        titles += [f"use {level.name}" if len(found.levels) > 1 else "use", "wait"]
    cells = [
        [name(s.name, 30), Text(KINDS[s.kind]), number(count(s.levels[-1].servers)), *_uses(s, found)] for s in shown
    ]
    if len(found.levels) > 1:
        levels = " · ".join(f"{v.name}: {rate(v.rate)} from {moment(v.time)}" for v in found.levels)
        yield indented(Text(levels, style="dim"))
    if cells:
        yield table(titles, cells, width, names=2)
    else:
        idle = bool(found.levels) and not found.levels[-1].rate
        yield indented(Text("nothing is asked" if idle else "no servers to fill: everything is unlimited"))
    hidden = len(limited) - len(shown)
    free = len(rows) - len(limited)
    rest = [plural(hidden, "station") + " used less (--json shows all)"] if hidden else []
    rest += [plural(free, "service") + " with unlimited threads"] if free else []
    if rest:
        yield indented(Text("and " + ", ".join(rest), style="dim"))


def _uses(station: StationRow, found: Explanation) -> Iterator[Text]:
    by = {at.level: at for at in station.levels}
    for level in found.levels:
        at = by.get(level.name)
        yield from ((number("–"), number("–")) if at is None else _use(station.kind, at))  # noqa: RUF001


def _use(kind: str, at: StationAt) -> tuple[Text, Text]:
    use = number(percent(at.utilisation), alarm=at.utilisation >= 1)
    if kind == "rate_limit":
        return use, number("–")  # noqa: RUF001
    wait = "no end" if at.wait is None else "0" if at.wait < 1 else duration(at.wait)
    return use, number(wait, alarm=at.wait is None)


def _why(found: Explanation) -> Iterator[RenderableType]:
    rows: dict[tuple[str, ...], list[str]] = {}
    for entry in found.entries:
        last = entry.latency[-1]
        if last.kind != "none":
            rows.setdefault(("; ".join(last.methods), *last.reasons), []).append(entry.name)
    if not rows:
        return
    yield heading("How the means were found" + (" (at the peak)" if len(found.levels) > 1 else ""))
    for lines, names in list(rows.items())[:5]:
        who = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        how = lines[0] or "sums of means"
        yield indented(Text(f"{clean(who)}: {clean(how)}" + ("; not exact, because" if lines[1:] else "; exact")))
        if lines[1:]:
            yield indented(indented(bullets(lines[1:])))


def _retries(found: Explanation, width: int) -> Iterator[RenderableType]:
    rows = [
        [name(a.endpoint, 34), name(e.name, 30), number(count(a.tries) if a.tries is not None else "no end")]
        for e in found.entries for a in e.amplified
    ]
    if not rows:
        return
    yield heading("Most tries at an endpoint that fails, per request")
    yield table(["failing", "asked", "tries"], rows[:AMPLIFIED_SHOWN], width, names=2)
    if len(rows) > AMPLIFIED_SHOWN:
        yield indented(Text(f"and {len(rows) - AMPLIFIED_SHOWN} more (--json shows all)", style="dim"))
    paths = list(dict.fromkeys(a.path for e in found.entries for a in e.amplified if a.path.count(",") > 0))
    if paths:
        yield indented(bullets(paths[:3]))


def _availability(found: Explanation) -> Iterator[RenderableType]:
    sources = found.availability
    if not sources.components and not sources.notes:
        return
    yield heading("Availability")
    yield indented(bullets([
        *(f"{c.name} {_nines(c.availability)}: {c.how}" for c in sources.components), *sources.notes
    ]))


def _cost(cost: Cost, level: Level, width: int) -> Iterator[RenderableType]:
    yield heading(f"Cost of a month (730 h) at {rate(level.rate)}")
    rows = [[name(r.name, 30), name(r.what, 34), number(money(r.month))] for r in cost.rows]
    total = [[Text("in all", style="bold"), Text(""), Text(money(cost.month), style="bold")]]
    yield table(["", "", "a month"], [*rows[:STATIONS_SHOWN], *total], width, names=2)
