"""Who was busy when: a row for each service and store, each replica on demand, and the graph to draw them on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msforge.diagram import LEGIBLE, collapsed, embedded, graph_of
from msforge.diagram.graph import CALLS, CONSUMES, PUBLISHES, QUEUE, SOURCE, STORE, TOPIC
from msforge.report.page.over_time import Clock, failing
from msforge.report.text import clean
from msforge.results.pack import unpack_plan
from msforge.results.replicas import replica_courses
from msforge.results.result import Result, ServiceSeries, StoreSeries, TrafficSeries

ROWS: Final = 60
"""Rows of the heat map; of a larger system the busiest."""


def rows(result: Result, clock: Clock) -> list[dict[str, Any]]:
    """The heat map's rows: services in the file's order with their replicas, then stores."""
    busiest = sorted(result.services, key=lambda s: (-(s.utilisation.value or 0.0), -(s.waiting.value or 0.0)))
    shown = {s.name for s in busiest[:ROWS]}
    replicas: dict[str, list[dict[str, Any]]] = {}
    for course in replica_courses(result):
        service = result.services[course.service].name
        if service in shown:
            replicas.setdefault(service, []).append(
                {"name": clean(course.name), "load": clock.mean(course.utilisation),
                 "queue": clock.mean(course.waiting)}
            )
    made = [
        {"name": clean(s.name), "kind": "service", **_service([s], clock), "parts": replicas.get(s.name, [])}
        for s in result.series.services if s.name in shown
    ]
    stores = {s.name: s.connections for s in result.stores}
    made += [
        {"name": clean(s.name), "kind": "store", **_store(s, stores.get(s.name), clock), "parts": []}
        for s in result.series.stores[:ROWS]
    ]
    return made


def _service(series: Sequence[ServiceSeries], clock: Clock) -> dict[str, Any]:
    """One service, or several drawn as one: the busiest's load, the sum of the rest."""
    def total(values: Sequence[Sequence[float]]) -> list[float]:
        return [sum(column) for column in zip(*values, strict=True)]

    loads = [[-1.0 if v is None else v for v in s.utilisation] for s in series]
    load = [max(column) for column in zip(*loads, strict=True)]
    finished = total([s.finished for s in series])
    return {
        "load": clock.mean([None if v < 0 else v for v in load]),
        "queue": clock.mean(total([s.waiting for s in series])),
        "rate": clock.rate(total([s.arrivals for s in series])),
        "failed": clock.share(total([s.failed for s in series]), finished),
        "replicas": clock.mean(total([s.replicas for s in series])),
    }


def _store(series: StoreSeries, connections: int | None, clock: Clock) -> dict[str, Any]:
    return {
        "load": clock.mean([busy / connections if connections else None for busy in series.busy]),
        "queue": clock.mean(series.waiting),
        "rate": clock.rate(series.finished),
    }


def picture(result: Result, clock: Clock) -> dict[str, Any] | None:
    """The graph with what each node and each arrow shows over time; None for a Result stored without its plan."""
    if result.plan is None:
        return None
    whole = graph_of(unpack_plan(result.plan))
    graph = collapsed(whole) if len(whole.nodes) > LEGIBLE else whole
    drawn = embedded(graph)
    names = {node.id: node.members or (node.name,) for node in graph.nodes}
    shows = ((node.id, _node(result, node.kind, names[node.id], clock)) for node in graph.nodes)
    drawn["shows"] = {id: shown for id, shown in shows if shown}
    drawn["flows"] = [
        _arrow(result, a.kind, names[a.tail], names[a.head], clock) for a in graph.arrows if a.tail != a.head
    ]
    return drawn


def _node(result: Result, kind: str, names: Sequence[str], clock: Clock) -> dict[str, Any]:
    wanted, series = set(names), result.series
    if kind == SOURCE:
        return _requests([e for e in series.entries if e.name.split(" -> ")[0] in wanted], clock)
    if kind == STORE:
        sizes = {s.name: s.connections for s in result.stores}
        return next((_store(s, sizes.get(s.name), clock) for s in series.stores if s.name in wanted), {})
    if kind in (QUEUE, TOPIC):
        channel = next((c for c in series.channels if c.name in wanted), None)
        return {"queue": clock.mean(channel.backlog), "rate": clock.rate(channel.published)} if channel else {}
    services = [s for s in series.services if s.name in wanted]
    return _service(services, clock) if services else {}


def _arrow(result: Result, kind: str, tails: Sequence[str], heads: Sequence[str], clock: Clock) -> dict[str, Any]:
    """What flows along an arrow; {} where nothing is recorded (reads and writes of stores)."""
    series = result.series
    if kind == CALLS:
        edges = [e for e in series.edges if _between(e.name, tails, heads)]
        return failing(edges, clock) if edges else _requests(
            [e for e in series.entries if _between(e.name, tails, heads)], clock
        )
    wanted = heads if kind == PUBLISHES else tails if kind == CONSUMES else ()
    channel = next((c for c in series.channels if c.name in wanted), None)
    if channel is None:
        return {}
    return {"rate": clock.rate(channel.published if kind == PUBLISHES else channel.done)}


def _requests(entries: Sequence[TrafficSeries], clock: Clock) -> dict[str, Any]:
    """Requests as their clients saw them: how many a second, and the share that failed."""
    if not entries:
        return {}
    arrived = [sum(column) for column in zip(*(e.arrivals for e in entries), strict=True)]
    lost = [sum(column) for column in zip(*(v for e in entries for v in e.failed.values()), strict=True)]
    return {"rate": clock.rate(arrived), "failed": clock.share(lost or [0.0] * len(arrived), arrived)}


def _between(name: str, tails: Sequence[str], heads: Sequence[str]) -> bool:
    """Whether an edge's or an entry's name leads from one of `tails` to one of `heads`."""
    tail, _, head = name.partition(" -> ")
    return tail.split(".")[0] in tails and head.split(".")[0] in heads
