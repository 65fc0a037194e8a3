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
from msforge.live.faults import CLIENTS_NAME, changes_of, runtime_fault, schedule, without
from msforge.live.fleet import Fleet
from msforge.live.load.sources import RunningSource
from msforge.model.plan import Source, Step, System, Verb
from msforge.records import Outcome
from msforge.runtime import plan
from msforge.runtime.balancer import Balancer
from msforge.runtime.calls import Calling
from msforge.runtime.clock import Clock
from msforge.runtime.directory import Directory
from msforge.runtime.failures import DEGRADED
from msforge.runtime.flow import Flow
from msforge.runtime.place import HERE
from msforge.runtime.replica import Replica
from msforge.runtime.transport import Transport
from msforge.scaffold.plans import started
from tests.virtual_time import VirtualClock

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
        self.callers = {source.name: self._caller(clock) for source in system.sources}
        self.clock = clock
        self.changes: list[tuple[str, Any]] = []
        self.base = system
        self.calls = self._calls()
        self.sources: list[RunningSource] = []
        self.seen: dict[str, list[tuple[int, int, Seen]]] = {}  # source -> (number, arrival, what)

    def _calls(self) -> dict[int, plan.Call]:
        return {step.index: call_of(self.system, step) for step in self.system.steps if step.verb == Verb.CALL}

    def lay(self, changes: list[tuple[str, Any]]) -> None:
        """These changes are in force: the network is another, and their own policies and traffic."""
        self.changes = changes
        self.system = self.base.variant(tuple(changes)) if changes else self.base
        self.calls = self._calls()
        self.replica.transport.adopt(self.system.network.latency)
        for source in self.sources:
            source.adopt(self.system.sources[source.source.index], self.system)

    def _caller(self, clock: Clock) -> Replica:
        """Who calls for one source: with guards of its own."""
        caller = Replica(plan.Service(NOBODY), clock=clock, directory=self.replica.directory, log=unheard)
        caller.transport = self.replica.transport
        return caller

    def flow(self, source: Source, key: int, number: int, arrival: int) -> Flow:
        """What a client's turn runs in."""
        caller, root = self.callers[source.name], f"{source.name}:{arrival}"
        flow = Flow(caller, source.name, key, number, 0, root=root, arrive=arrival)
        HERE.set(flow.place)
        return flow

    async def send(self, source: Source, step: Step, flow: Flow, arrival: int) -> int:
        """One request of a client, until it has the answer or gives up."""
        calling = Calling(flow, self.calls[step.index], {}, HERE.get())
        answer = await calling.run()
        self.seen.setdefault(source.name, []).append((flow.number, arrival, Seen(
            Outcome(answer.outcome).word, calling.tries, (self.clock.now() - arrival) / MS,
            answer.cause if answer.outcome > DEGRADED else "",
        )))
        return answer.outcome

    def roots(self) -> dict[str, list[Seen]]:
        """What was seen, by source, in the order of number and arrival."""
        return {source: [what for _, _, what in sorted(requests, key=lambda request: request[:2])]
                for source, requests in self.seen.items()}


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
    sources = clients.sources = [
        RunningSource(clients, system, source, seed=system.run.seed) for source in system.sources
    ]
    coming += [source.run() for source in sources]
    tasks = [asyncio.ensure_future(each) for each in coming]
    await clock.sleep(end - clock.now())
    for active in board.active.values():
        if active.ending is not None:
            active.ending.cancel()
    for task in [*tasks, *(turn for source in sources for turn in source.turns)]:
        if task.done():
            task.result()
        else:
            task.cancel()


def set_to_zero(clock: Any) -> None:
    """The run begins now."""
    clock._start = clock.source()


async def until(clock: Any, at: int) -> None:
    """Wait for a change's time; in virtual time it comes before all else that happens then."""
    if isinstance(clock, VirtualClock):
        await clock.until(at)
    else:
        await clock.sleep(at - clock.now())


async def _strike(board: Board, clients: Clients, clock: Any, strike: Any, number: int) -> None:
    await until(clock, strike.at)
    fault = strike.fault
    if fault["caller"] == CLIENTS_NAME:
        told = runtime_fault(fault, f"c{number}")
        clients.replica.faults.set(told)
        if strike.duration is not None:
            clock.later(strike.duration, clients.replica.faults.clear, told["id"])
    else:
        await board.set(fault)
        if fault["kind"] == "change":
            clients.lay([*clients.changes, *changes_of(fault)])
            if strike.duration is not None:
                clock.later(strike.duration, lambda: clients.lay(without(clients.changes, changes_of(fault))))


# -- what was seen -----------------------------------------------------------------------------


def observed(system: System, clients: Clients, lives: Lives, parts: dict[str, dict[str, int]]) -> Observed:
    """The bench in the table's words. `parts` are the counts of its channels and stores."""
    seen = Observed(late=None, counts={name: dict(counts) for name, counts in parts.items()})
    seen.roots = clients.roots()
    arrived: dict[str, list[int]] = {s.name: [0] * started(s) for s in system.services}
    for life in lives.all:
        arrived[life.service] += [0] * (life.ordinal + 1 - len(arrived[life.service]))
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
    for step in system.steps:
        if step.verb == Verb.SAGA:
            seen.counts[system.body_name(step.body)] = {"undone": 0, "stuck": 0}
    for life in lives.all:
        for name, (undone, stuck) in life.replica.stats.sagas.items():
            figures = seen.counts[f"{life.service}.{name.partition(': ')[0]}"]
            figures["undone"] += undone
            figures["stuck"] += stuck
