"""How much more traffic the system bears, and what gives out first."""

from __future__ import annotations

import math
from dataclasses import replace

from msforge.analysis.explanation import Bottleneck
from msforge.analysis.levels import Solved
from msforge.analysis.load import Load, load_at
from msforge.analysis.response import Response, Station
from msforge.model.plan import System


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

    By the bottleneck law no rate beyond 1 / (largest demand per request and server) can last; a pool
    of threads counts its hold time as if nobody waited (Denning and Buzen 1978; Lazowska et al., 5.2).
    An upper bound: how near to it the system comes, with pools that wait for one another, simulating shows.
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
        return Bottleneck("", "", level.name, None, None, scaled)
    factor = 1 / _room(full)
    asked = sum(rate * sum(load.flow.entries(s).values()) for s, rate in zip(system.sources, rates, strict=True))
    return Bottleneck(full.kind, full.name, level.name, factor, asked * factor, scaled)


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
