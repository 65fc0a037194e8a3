"""A running bench, whatever it runs in: its faults and requests at their times, and what was seen of it.

Clients are the runtime's own callers: a source's request is a call like any other, with the key, the number and the
policy that the simulator gives it. What differs between ways of running is the fleet's backend.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from casetable import Entry
from interpreted import call_of
from observed import Observed, Seen

from msforge.live.board import Board
from msforge.live.faults import CLIENTS_NAME, runtime_fault, schedule
from msforge.live.fleet import Fleet
from msforge.model.plan import Source, System, Verb
from msforge.policies.keys import stream_key
from msforge.records import Outcome
from msforge.runtime import plan
from msforge.runtime.balancer import Balancer
from msforge.runtime.calls import Calling
from msforge.runtime.clock import Clock
from msforge.runtime.directory import Directory
from msforge.runtime.flow import Flow
from msforge.runtime.place import HERE, Place
from msforge.runtime.replica import Replica
from msforge.runtime.transport import Transport

MS = 1_000_000
NOBODY = "@clients"
"""The clients' own name: no service can be called so."""


class Rows:
    """Stands where a replica's outcome log does and keeps the rows."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def start(self) -> None:
        """Nothing to open."""

    def flush(self) -> None:
        """Nothing to write."""

    def close(self) -> None:
        """Nothing to close."""


def unheard(line: str) -> None:
    """A log that nobody reads."""


@dataclass
class Life:
    """One life of a replica: from a start to a crash, or to the end."""

    service: str
    ordinal: int
    replica: Any
    rows: Rows


@dataclass
class Lives:
    """All that there were."""

    all: list[Life] = field(default_factory=list)

    def begin(self, service: str, ordinal: int, replica: Any) -> None:
        """A replica starts."""
        rows = Rows()
        replica.outcomes = rows
        self.all.append(Life(service, ordinal, replica, rows))


class Clients:
    """Everybody who sends traffic: a replica of no service."""

    def __init__(
        self, system: System, clock: Clock, shared: dict[str, Balancer], transport: type[Transport] = Transport
    ) -> None:
        self.system = system
        own = {s.name: Balancer(s.balance) if s.client_balancer else shared[s.name] for s in system.services}
        self.own = {s.name: own[s.name] for s in system.services if s.client_balancer}
        self.replica = Replica(
            plan.Service(NOBODY, latency=system.network.latency), clock=clock, directory=Directory(own),
            transport=transport, log=unheard,
        )
        self.seen: dict[str, dict[int, Seen]] = {}

    async def send(self, source: Source, number: int, arrival: int) -> None:
        """One request of a source, until its client has the answer or gives up."""
        step = self.system.steps[source.journey[0]]
        assert step.verb == Verb.CALL
        key = stream_key(self.system.run.seed, "replication", 0, "source", source.name)
        flow = Flow(self.replica, source.name, key, number, 0, root=f"{source.name}:{arrival}")
        place = Place(key, 0, number, flow)
        HERE.set(place)
        calling = Calling(flow, call_of(self.system, step), {}, place)
        answer = await calling.run()
        latency = (self.replica.clock.now() - arrival) / MS
        self.seen.setdefault(source.name, {})[number] = Seen(
            Outcome(answer.outcome).word, calling.tries, latency, answer.cause if answer.outcome > 1 else "")


async def play(system: System, fleet: Fleet, clients: Clients, end: int) -> None:
    """Send everything and wait until `end` (simulated ns). The clock stands at 0 when it begins."""
    board = Board(fleet)
    clock = clients.replica.clock
    strikes = list(schedule(system, seed=system.run.seed, end=end))
    for strike in strikes:
        if strike.at <= 0:
            await _strike(board, clients, clock, strike, 0)
    set_to_zero(clock)
    coming: list[Any] = [_strike(board, clients, clock, s, i) for i, s in enumerate(strikes) if s.at > 0]
    coming += [
        _send(clients, clock, source, number, at)
        for source in system.sources for number, at in enumerate(source.times)
    ]
    tasks = [asyncio.ensure_future(each) for each in coming]
    await clock.sleep(end - clock.now())
    for active in board.active.values():
        if active.ending is not None:
            active.ending.cancel()
    for task in tasks:
        if task.done():
            task.result()
        else:
            task.cancel()


def set_to_zero(clock: Any) -> None:
    """The run begins now."""
    clock._start = clock.source()


async def _send(clients: Clients, clock: Any, source: Source, number: int, at: int) -> None:
    await clock.sleep(at - clock.now())
    await clients.send(source, number, at)


async def _strike(board: Board, clients: Clients, clock: Any, strike: Any, number: int) -> None:
    await clock.sleep(strike.at - clock.now())
    fault = strike.fault
    if fault["caller"] == CLIENTS_NAME:
        told = runtime_fault(fault, f"c{number}")
        clients.replica.faults.set(told)
        if strike.duration is not None:
            clock.later(strike.duration, clients.replica.faults.clear, told["id"])
    else:
        await board.set(fault)


# -- what was seen -----------------------------------------------------------------------------


def observed(system: System, clients: Clients, lives: Lives, parts: dict[str, dict[str, int]]) -> Observed:
    """The bench in the table's words. `parts` are the counts of its channels and stores."""
    seen = Observed(late=None, counts={name: dict(counts) for name, counts in parts.items()})
    for source, by_number in clients.seen.items():
        seen.roots[source] = [by_number[n] for n in sorted(by_number)]
    arrived: dict[str, list[int]] = {s.name: [0] * s.replicas for s in system.services}
    for life in lives.all:
        for body, _, _, _, arrive, _, end, outcome, *_ in life.rows.rows:
            name = f"{life.service}.{body}"
            seen.log.setdefault(name, []).append(Entry(arrive / MS, end / MS, Outcome(outcome).word))
            arrived[life.service][life.ordinal] += 1
        _edges(seen, life.replica)
        for callee, at, _, after in life.replica.stats.breaker_changes:
            seen.breaker.setdefault(callee, []).append((at / MS, after))
    for entries in seen.log.values():
        entries.sort(key=lambda e: (round(e.begin), e.end))  # a server's clock is not ours
    for changes in seen.breaker.values():
        changes.sort()
    seen.spread = arrived
    _sagas(system, seen, lives)
    return seen


def _edges(seen: Observed, replica: Any) -> None:
    for callee, edge in replica.stats.edges.items():
        mine = seen.tries.setdefault(callee, {})
        counts = dict(zip((o.word for o in Outcome), edge.outcomes, strict=False))
        counts |= {"retries": edge.retries, "hedges": edge.hedges, "denied": edge.budget_denied}
        for word, n in counts.items():
            mine[word] = mine.get(word, 0) + n


def _sagas(system: System, seen: Observed, lives: Lives) -> None:
    for body in system.bodies:
        name = system.body_name(body.index)
        for step in (system.steps[i] for i in body.block):
            if step.verb != Verb.SAGA:
                continue
            undone = stuck = 0
            for life in lives.all:
                figures = life.replica.stats.sagas.get(f"{body.name}: {step.word}", (0, 0))
                if life.service == system.services[body.service].name:
                    undone, stuck = undone + figures[0], stuck + figures[1]
            seen.counts[name] = {"undone": undone, "stuck": stuck}
