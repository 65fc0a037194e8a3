"""Requests of a source that calls a quiet service: rows, and hardly an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from msforge.model.plan import Step, System, Verb
from msforge.recording.records import Ints
from msforge.sim.inner import InnerCallOp
from msforge.sim.kernel import ERROR, OVERLOADED, cause_of
from msforge.sim.leaf import FOREVER, Leaf
from msforge.sim.ledger import leaf_row, root_row
from msforge.sim.sheet import Sheet
from msforge.sim.visit import Visit

if TYPE_CHECKING:
    from msforge.sim.client import Client
    from msforge.sim.programs import Programs

WORTH_A_SWEEP = 32  # requests: fewer cost less one by one


def only_call(system: System, service: int) -> bool:
    """Whether the system has a single step that calls a service: what comes to it is then known ahead."""
    return sum(system.bodies[s.target].service == service for s in system.steps if s.verb == Verb.CALL) == 1


class LeafEntry:
    """A leaf that a source calls directly: a request is two rows and no event."""

    __slots__ = ("ahead", "body", "call", "leaf", "ledger", "sheet", "source", "work")

    def __init__(self, client: Client, system: System, step: Step) -> None:
        engine = client.engine
        self.source = client.index
        self.body = step.target
        self.leaf = Leaf(engine, system, step.target)
        self.ledger = engine.ledger
        self.call = engine.ledger.call(step.target, -1, FOREVER)
        self.sheet = Sheet(engine.pool)
        self.work = self.sheet.column(self.leaf.steps, client.entry, 1)
        self.ahead = only_call(system, self.leaf.index)

    def send(self, number: int, at: int) -> None:
        """One root request, whole."""
        leaf, source = self.leaf, self.source
        work = self.sheet.row(number, 0)[self.work]
        replica, station = leaf.pick()
        arrive = at + leaf.there
        start = station.admit(arrive, work)
        hops = leaf.there + leaf.back
        if start < 0:
            self.ledger.leaf += leaf_row(self.call, replica, source, at, arrive, -1, work)
            self.ledger.roots += root_row(
                source, self.body, number, at, at + hops, OVERLOADED, cause_of(leaf.index, OVERLOADED), 1,
                0, 0, 0, hops, 0)
            return
        wait = start - arrive
        self.ledger.leaf += leaf_row(self.call, replica, source, at, arrive, wait, work)
        self.ledger.roots += root_row(
            source, self.body, number, at, start + work + leaf.back, 0, -1, 1, wait, work, 0, hops, 0)

    def send_all(self, number: int, times: list[int]) -> None:
        """The root requests from `number` on that are sent at `times`."""
        if len(times) < WORTH_A_SWEEP:
            for i, time in enumerate(times, number):
                self.send(i, time)
            return
        leaf = self.leaf
        at = np.array(times, dtype=np.int64)
        arrive = at + leaf.there
        work = self.sheet.table(number, len(at))[:, self.work]
        replica, start = np.empty_like(at), np.empty_like(at)
        stations = [leaf.pick() for _ in leaf.service.stations[: len(at)]]
        for turn, (name, station) in enumerate(stations):
            mine = slice(turn, None, len(leaf.service.stations))
            replica[mine] = name
            start[mine] = station.admit_all(arrive[mine].tolist(), work[mine].tolist())
        for _ in range((len(at) - len(stations)) % len(leaf.service.stations)):
            leaf.pick()  # so that the turn goes on where it is
        self._rows(number, at, arrive, work, replica, start)

    def _rows(self, number: int, at: Ints, arrive: Ints, work: Ints, replica: Ints, start: Ints) -> None:
        leaf, count = self.leaf, len(at)
        got = start >= 0
        wait = np.where(got, start - arrive, -1)
        one = np.ones(count, dtype=np.int64)
        self.ledger.leaf += np.stack((self.call * one, replica, self.source * one, at, arrive, wait, work), 1).tobytes()
        self.ledger.roots += np.stack((
            self.source * one, self.body * one, np.arange(number, number + count), at,
            np.where(got, start + work, arrive) + leaf.back, np.where(got, 0, OVERLOADED),
            np.where(got, -1, cause_of(leaf.index, OVERLOADED)), one, np.maximum(wait, 0), np.where(got, work, 0),
            0 * one, (leaf.there + leaf.back) * one, 0 * one,
        ), 1).tobytes()


class Root:
    """A root request, for those that happen in it."""

    __slots__ = ("arrival", "measured", "number", "source")
    traced = False

    def __init__(self, number: int, source: int, arrival: int, measured: bool) -> None:
        self.number = number
        self.source = source
        self.arrival = arrival
        self.measured = measured


class InnerEntry:
    """An inner service that a source calls directly."""

    __slots__ = ("ahead", "body", "client", "ledger", "pick", "tree")

    def __init__(self, client: Client, programs: Programs, step: Step) -> None:
        self.client = client
        self.body = step.target
        op = InnerCallOp(programs, step)
        op.call = client.engine.ledger.call(step.target, -1, FOREVER, entry=True)
        self.tree = op.tree(client.site)
        self.pick = op.service.pick
        self.ledger = client.engine.ledger
        self.ahead = only_call(programs.system, op.service.index) and op.service.plan.threads < 0

    def send(self, number: int, at: int) -> None:
        """One root request is sent at `at` (ns): now, or as the source looks ahead."""
        client, tree = self.client, self.tree
        root = Root(number, client.index, at, client.warmup <= at < client.measured_to)
        station = self.pick()[1]
        arrive = at + tree.node.there
        visit = Visit(tree.stage, root, tree.sheet.row(number, 0), self, station, arrive)
        self.ledger.visits[visit] = None
        if station.admit(visit):
            visit.go(arrive)

    def send_all(self, number: int, times: list[int]) -> None:
        """The root requests from `number` on that are sent at `times`."""
        for i, at in enumerate(times, number):
            self.send(i, at)

    def answered(self, visit: Visit, end: int) -> None:
        """The end of a root request is known: its answer needs no event, and its row says it all."""

    def failing(self, visit: Visit, cause: int) -> None:
        """A root request failed just now, and the client will know."""
        root, node, odd = visit.root, visit.stage.node, visit.oddity()
        hop = node.there
        self.ledger.roots += root_row(
            root.source, self.body, root.number, root.arrival, node.env.now + hop, ERROR, cause, 1,
            visit.begin - visit.arrive, visit.own_time(), 0, 2 * hop + node.net + odd.net, odd.back,
        )


def entry_of(client: Client, system: System, step: Step) -> Any:
    """The quiet service a source calls by its only step, if it does."""
    engine = client.engine
    service = system.bodies[step.target].service
    if service in engine.quiet:
        return LeafEntry(client, system, step)
    if service in engine.inner:
        return InnerEntry(client, engine.programs, step)
    return None
