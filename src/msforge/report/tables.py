"""The numbers: endpoints, calls, services, stores, channels, sagas, cost. Made to fit 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from msforge.report.shapes import heading, indented, name, number, table
from msforge.report.text import NOTHING, clean, count, duration, money, percent, rate, significant
from msforge.results.figures import Traffic
from msforge.results.result import ChannelResult, Edge, Result, ServiceResult, StoreResult

MAY_BE_SILENT = ("cpu", "refused", "retries", "breaker")
"""Columns of the services' table that are left out when nobody has anything to say in them."""
MOST = 24
"""Rows of a table before the quieter ones are left out, said by number."""


def listing_table(rows: Sequence[tuple[str, str]]) -> Table:
    """Names and what they are."""
    made = Table.grid(padding=(0, 3))
    made.add_column(no_wrap=True, style="bold")
    made.add_column()
    for title, words in rows:
        made.add_row(clean(title), Text(clean(words)))
    return made


def tables(result: Result, width: int) -> Iterator[RenderableType]:
    """Every table that has something to say."""
    yield from _traffic(result, width)
    yield from _services(result, width)
    yield from _calls(result, width)
    yield from _stores(result, width)
    yield from _channels(result, width)
    yield from _sagas(result, width)
    yield from _storm(result)
    yield from _cost(result, width)


def _traffic(result: Result, width: int) -> Iterator[RenderableType]:
    several = result.replications > 1
    summed = f"; counts are sums over {result.replications} replications" if several else ""
    yield heading("Requests, as their senders saw them" + summed)
    yield from _latencies(result.entries, width)
    endpoints = [e for e in result.endpoints if e.counts.arrivals]
    shown = _loudest(endpoints)
    yield heading("Endpoints, as their services saw them")
    if not endpoints:
        yield indented(Text("no request reached any"))
        return
    yield from _latencies(shown, width)
    if len(shown) < len(endpoints):
        yield indented(Text(f"and {len(endpoints) - len(shown)} quieter ones; --json has them all"))


def _loudest(rows: Sequence[Traffic]) -> list[Traffic]:
    """All rows when they fit, else those with the most failures and requests, in the written order."""
    ranked = sorted(rows, key=lambda t: (t.counts.answered - t.counts.arrivals, -t.counts.arrivals))[:MOST]
    chosen = {id(t) for t in ranked}
    return [t for t in rows if id(t) in chosen]


def _latencies(rows: Sequence[Traffic], width: int) -> Iterator[RenderableType]:
    targets = [t.name.split(" -> ")[-1] for t in rows]
    whole = width > 100 or len(set(targets)) < len(targets)  # the sender's name only where there is room or need
    lines = [_latency(t, t.name if whole else target) for t, target in zip(rows, targets, strict=True)]
    yield table(("", "requests", "rate", "success", "p50", "p90", "p95", "p99", "p99.9"), lines, width)
    for traffic in rows:
        ends = _endings(traffic)
        if ends:
            label = clean(traffic.name.split(" -> ")[-1], limit=30)
            yield indented(Text.assemble((f"{label}: ", "bold"), ends))


def _latency(traffic: Traffic, label: str) -> tuple[Text, ...]:
    counts, latency = traffic.counts, traffic.answered
    success = counts.success.value
    return (
        name(label),
        number(f"{counts.arrivals:,}"),
        number(rate(counts.rate.value)),
        number(percent(success), alarm=success is not None and success < 0.9),
        *(number(duration(p.value)) for p in (latency.p50, latency.p90, latency.p95, latency.p99, latency.p999)),
    )


def _endings(traffic: Traffic) -> str:
    """Each outcome that is not plainly ok, counted, most frequent first."""
    outcomes = {k: n for k, n in traffic.counts.outcomes.items() if k != "ok" and n}
    if traffic.counts.in_flight:
        outcomes["in_flight"] = traffic.counts.in_flight
    ranked = sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n:,} {clean(word).replace('_', ' ')}" for word, n in ranked)


def _services(result: Result, width: int) -> Iterator[RenderableType]:
    if not result.services:
        return
    retries = _by_caller(result.edges)
    changes = Counter(c.breaker.split("#")[0].split(" -> ")[0] for c in result.breakers)
    shown = sorted(result.services, key=lambda s: (-(s.utilisation.value or 0.0), -s.refused))[:MOST]
    chosen = {id(s) for s in shown}
    yield heading("Services")
    titles: tuple[str, ...] = (
        "",
        "replicas",
        "busy",
        "cpu",
        "queue",
        "wait p95",
        "waited",
        "refused",
        "retries",
        "breaker",
    )
    rows = [_service(s, retries[s.name], changes[s.name]) for s in result.services if id(s) in chosen]
    silent = [
        n
        for n, title in enumerate(titles)
        if title in MAY_BE_SILENT and all(r[n].plain in ("0", NOTHING) for r in rows)
    ]
    titles = tuple(title for n, title in enumerate(titles) if n not in silent)
    rows = [tuple(cell for n, cell in enumerate(row) if n not in silent) for row in rows]
    yield table(titles, rows, width)
    if len(shown) < len(result.services):
        yield indented(Text(f"and {len(result.services) - len(shown)} less busy ones; --json has them all"))
    yield from _cold_starts(result)


def _service(service: ServiceResult, retries: int, changes: int) -> tuple[Text, ...]:
    busy, cpu = service.utilisation.value, service.cpu.value
    return (
        name(service.name),
        number(_replicas(service)),
        number(percent(busy, 2), alarm=(busy or 0.0) >= 0.95),
        number(percent(cpu, 2), alarm=(cpu or 0.0) >= 0.95),
        number(count(service.waiting.value)),
        number(duration(service.wait_p95.value)),
        number(percent(service.waited.value, 2)),
        number(count(service.refused), alarm=service.refused > 0),
        number(count(retries)),
        number(count(changes)),
    )


def _replicas(service: ServiceResult) -> str:
    low, high = service.replicas_least, service.replicas_most
    if low is None or high is None or low == high:
        return count(service.replicas_mean.value)
    return f"{significant(low, 2)}-{significant(high, 2)}"


def _by_caller(edges: Sequence[Edge]) -> Counter[str]:
    sent: Counter[str] = Counter()
    for edge in edges:
        sent[edge.caller.split(".")[0]] += edge.retries
    return sent


def _cold_starts(result: Result) -> Iterator[RenderableType]:
    for service in result.services:
        if service.invocations:
            share = percent(service.cold_starts / service.invocations)
            said = f"{service.invocations:,} invocations, {service.cold_starts:,} cold starts ({share})"
            yield indented(Text(f"{clean(service.name)}: {said}"))


def _calls(result: Result, width: int) -> Iterator[RenderableType]:
    """Only calls that were retried, hedged or failed: the others are in the endpoints' table."""
    edges = [e for e in result.edges if e.retries or e.hedges or e.gave_up or e.budget_denied]
    if not edges:
        return
    edges = sorted(edges, key=lambda e: (-(e.retries + e.hedges + e.gave_up), e.name))
    yield heading("Calls that were tried again or failed")
    rows = [
        (
            name(e.name),
            number(f"{e.calls:,}"),
            number(count(e.attempts.value)),
            number(count(e.retries)),
            number(count(e.hedges)),
            number(count(e.budget_denied)),
            number(percent(e.failure.value), alarm=(e.failure.value or 0) > 0.1),
        )
        for e in edges[:MOST]
    ]
    yield table(("", "calls", "tries/call", "retries", "hedges", "no budget", "failed"), rows, width)
    if len(edges) > MOST:
        yield indented(Text(f"and {len(edges) - MOST} more"))


def _stores(result: Result, width: int) -> Iterator[RenderableType]:
    stores = [s for s in result.stores if s.operations or s.in_flight]
    if not stores:
        return
    shown = sorted(stores, key=lambda s: -(s.utilisation.value or 0.0))[:MOST]
    chosen = {id(s) for s in shown}
    cached = any(s.hits + s.misses for s in shown)
    yield heading("Stores")
    titles = ("", "kind", "rate", "busy", "queue", "wait mean", "timeouts", *(("hits", "shared") if cached else ()))
    yield table(titles, [_store(s, cached) for s in stores if id(s) in chosen], width, names=2)
    if len(stores) > len(shown):
        yield indented(Text(f"and {len(stores) - len(shown)} less busy ones; --json has them all"))


def _store(store: StoreResult, cached: bool) -> tuple[str | Text, ...]:
    asked, busy = store.hits + store.misses, store.utilisation.value
    cache = (number(percent(store.hits / asked) if asked else NOTHING), number(count(store.shared))) if cached else ()
    return (
        name(store.name),
        clean(store.kind, limit=12),
        number(rate(store.rate.value)),
        number(percent(busy, 2), alarm=(busy or 0.0) >= 0.95),
        number(count(store.waiting.value)),
        number(duration(store.wait_mean.value)),
        number(count(store.timeouts), alarm=store.timeouts > 0),
        *cache,
    )


def _channels(result: Result, width: int) -> Iterator[RenderableType]:
    channels = [c for c in result.channels if c.published or c.rejected or c.lost or c.in_flight]
    if not channels:
        return
    yield heading("Channels")
    titles = ("", "kind", "published", "done", "backlog", "at end", "oldest", "again", "dead")
    yield table(titles, [_channel(c) for c in channels[:MOST]], width, names=2)
    for channel in channels[:MOST]:
        extra = {
            "dropped": channel.dropped,
            "refused at publish": channel.rejected,
            "lost before publish": channel.lost,
            "effects applied twice": channel.applied_twice,
        }
        said = ", ".join(f"{n:,} {words}" for words, n in extra.items() if n)
        if said:
            yield indented(Text.assemble((f"{clean(channel.name, limit=30)}: ", "bold"), said))


def _channel(channel: ChannelResult) -> tuple[str | Text, ...]:
    return (
        name(channel.name),
        channel.kind,
        number(f"{channel.published:,}"),
        number(f"{channel.done:,}"),
        number(count(channel.backlog_most)),
        number(count(channel.backlog_end)),
        number(duration(channel.age_most)),
        number(count(channel.redelivered)),
        number(count(channel.dead), alarm=channel.dead > 0),
    )


def _sagas(result: Result, width: int) -> Iterator[RenderableType]:
    sagas = [s for s in result.sagas if s.undone or s.retried or s.stuck]
    if not sagas:
        return
    yield heading("Sagas")
    rows = [
        (name(s.name), number(count(s.undone)), number(count(s.retried)), number(count(s.stuck), alarm=s.stuck > 0))
        for s in sagas
    ]
    yield table(("", "undone", "undos retried", "stuck"), rows, width)


def _storm(result: Result) -> Iterator[RenderableType]:
    storm = result.storm
    again, gone = storm.retry_share.value or 0.0, storm.gone_share.value or 0.0
    recoveries = [r for r in storm.recoveries if r.replication == 0]
    repeated = again > 0 or gone > 0 or (storm.attempts.value or 1.0) > 1.0
    if not repeated and not recoveries:
        return
    yield heading("Retries and recovery" if repeated else "Recovery")
    made = Table.grid(padding=(0, 2))
    made.add_column(no_wrap=True)
    made.add_column(justify="left", overflow="fold")
    if repeated:
        made.add_row("client tries per request", count(storm.attempts.value))
        made.add_row("requests inside per request", count(storm.amplification.value))
        made.add_row("calls that were retries", percent(again))
        made.add_row("work done for nobody", Text(percent(gone), "bold red" if gone > 0.1 else ""))
    for recovery in recoveries[:6]:
        made.add_row(
            name(recovery.entry.split(" -> ")[-1], 28), Text(f"{clean(recovery.label)}: {clean(recovery.text)}")
        )
    yield indented(made)


def _cost(result: Result, width: int) -> Iterator[RenderableType]:
    items = [i for i in result.cost.items if i.per_month]
    if not items:
        return
    yield heading("Cost, at this run's load")
    rows: list[tuple[Text, Text]] = [
        (name(i.name), number(money(i.per_month))) for i in sorted(items, key=lambda i: -i.per_month)[:MOST]
    ]
    rows.append((Text("together", "bold"), Text(money(result.cost.per_month), "bold")))
    yield table(("", "per month"), rows, width)
    if result.cost.per_million is not None:
        yield indented(Text(f"{money(result.cost.per_million)} per million answered requests"))
