"""How much more traffic the system bears, and what gives out first."""

from __future__ import annotations

import math
from dataclasses import replace

from msforge.analysis.explanation import Bottleneck
from msforge.analysis.levels import Solved
from msforge.analysis.load import Load, load_at
from msforge.analysis.response import Response, Station
from msforge.model.plan import System

HALVINGS = 24


def rate_limits(load: Load) -> list[Station]:
    """Services with a rate limit, seen as stations: utilisation is the share of the limit that is asked for."""
    found = []
    for service in load.system.services:
        if service.rate > 0 and service.replicas > 0:
            lam = sum(load.bodies[b] for b in service.bodies if load.system.bodies[b].consumer < 0)
            limit = service.rate * service.replicas
            found.append(
                Station("rate_limit", service.index, service.name, lam, 0.0, 0.0, limit, lam / limit, 0.0, 0.0)
            )
    return found


def bottleneck(system: System, level: Solved) -> Bottleneck | None:
    """The station with the least room when every open source grows in proportion; None without traffic or limits.

    By the bottleneck law no rate beyond 1 / (largest demand per request and server) can last. Pools
    that wait for others fill up earlier than their own demand says: the largest factor at which every
    mean wait is finite is found by bisection.
    """
    rates = tuple(0.0 if s.users > 0 else r for s, r in zip(system.sources, level.rates, strict=True))
    closed = not any(rates)
    if closed:
        rates = level.rates
    if not any(rates):
        return None
    most, scaled = _grown(system)
    load = load_at(most, rates)
    stations = [*Response(load, queueing=False).stations(), *rate_limits(load)]
    full = max(stations, key=_room, default=None)
    if full is None or _room(full) <= 0:
        return Bottleneck("", "", level.name, None, None, "", scaled)
    limit = 1 / _room(full)
    factor, first = _waits_limit(most, rates, limit)
    if first is not None and (first.kind, first.index) == (full.kind, full.index):
        first = None
    words = f"{first.kind} of {first.name}" if first is not None and factor < 0.97 * limit else ""
    factor = factor if words else limit
    asked = sum(rate * sum(load.flow.entries(s).values()) for s, rate in zip(system.sources, rates, strict=True))
    return Bottleneck(full.kind, full.name, level.name, factor, asked * factor, words, scaled)


def _room(station: Station) -> float:
    """Share of the station in use, as if nobody waited."""
    if station.kind == "rate_limit":
        return station.utilisation
    if math.isinf(station.servers) or station.arrivals <= 0:
        return 0.0
    return station.arrivals * station.service / station.servers if station.servers > 0 else math.inf


def _grown(system: System) -> tuple[System, bool]:
    """With as many replicas as the autoscalers may start."""
    services = tuple(
        replace(s, replicas=s.autoscale.maximum) if s.autoscale is not None else s for s in system.services
    )
    return replace(system, services=services), services != system.services


def _waits_limit(system: System, rates: tuple[float, ...], limit: float) -> tuple[float, Station | None]:
    """The largest factor up to `limit` at which all waits are finite, and the fullest pool there."""
    if len(system.bodies) > 2000 or not math.isfinite(limit):
        return limit, None
    at_limit = _finite(system, rates, limit * 0.995)
    if at_limit is not None:
        return limit, None
    low, high, last = 0.0, limit, None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        found = _finite(system, rates, middle)
        if found is None:
            high = middle
        else:
            low, last = middle, found
        if high - low < 1e-3 * limit:
            break
    pools = [s for s in last.stations() if s.kind == "threads"] if last is not None else []
    return low, max(pools, key=lambda s: s.utilisation, default=None)


def _finite(system: System, rates: tuple[float, ...], factor: float) -> Response | None:
    response = Response(load_at(system, tuple(r * factor for r in rates)))
    means = [response.sojourn(b).mean for b, n in enumerate(response.load.bodies) if n > 0]
    return response if response.converged and all(m < 1e6 for m in means) else None
