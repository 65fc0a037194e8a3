"""Generated services, each replica a process of its own, as `msforge up --processes` runs them.

Each process has a clock of its own, so what is compared are the clients' answers, counts and changes of state.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import socket_run
from casetable import Bench
from observed import Observed
from running import Clients, play
from simulated import compiled

from msforge.live.doors import open_doors
from msforge.live.fleet import Fleet
from msforge.live.fork_server import fork_server
from msforge.live.processes import Processes
from msforge.live.state import prepare
from msforge.runtime.balancer import Balancer
from msforge.runtime.clock import Clock

MARGIN = 60_000_000
"""ns that a run is looked at longer than the simulated one."""


async def run(bench: Bench, folder: Path, end: int, scale: float) -> Observed:
    """Generate a bench, bring it up as processes, play it until `end` (ns), take it down."""
    system = compiled(bench)
    made = socket_run.write(bench, system, folder, whole=True)
    prepare(folder)
    doors = open_doors(system, 0)
    host = Processes(folder, system, made, doors, seed=system.run.seed, scale=scale,
                     forks=fork_server(folder))
    fleet = Fleet(system, host, seed=system.run.seed, scale=scale, tell=lambda line: None)
    fronts = {name: Balancer("round_robin", [url]) for name, url in doors.urls().items()}
    clients = Clients(system, Clock(scale), fronts)
    await clients.replica.transport.start()
    try:
        await fleet.up()
        await asyncio.gather(*(place.unit.look() for place in fleet.all()))  # a first request costs more
        await play(system, fleet, clients, end)
        return await _observed(clients, fleet, host)
    finally:
        await fleet.down()
        await clients.replica.transport.close()


async def _observed(clients: Clients, fleet: Fleet, host: Processes) -> Observed:
    counts = {s.name: dict(host.parts.store_stats(s.name)) for s in host.system.stores}
    seen = Observed(log=None, breaker=None, late=None, spread=None, counts=counts | await host.stats())
    seen.roots = clients.roots()
    for place in fleet.all():
        state = await place.unit._ask("GET", "/_msforge/state", None)  # type: ignore[attr-defined]
        _edges(seen, state)
        for step, figures in state.get("sagas", {}).items():
            mine = seen.counts.setdefault(f"{place.service.name}.{step.partition(': ')[0]}", {})
            for word, n in figures.items():
                mine[word] = mine.get(word, 0) + n
    return seen


def _edges(seen: Observed, state: dict[str, Any]) -> None:
    """What one replica's calls came to. A replica that died has forgotten what it did before."""
    for callee, edge in state.get("calls", {}).items():
        mine = seen.tries.setdefault(callee, {})
        for word, n in edge["outcomes"].items():
            mine[word] = mine.get(word, 0) + n
        for word, name in (("retries", "retries"), ("hedges", "hedges"), ("denied", "budget_denied")):
            mine[word] = mine.get(word, 0) + edge[name]
