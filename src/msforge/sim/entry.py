"""Requests of a source that calls a quiet service: rows, and hardly an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import Step, System, Verb
from msforge.sim.inner import InnerCallOp, Visit
from msforge.sim.kernel import ERROR, OVERLOADED, cause_of
from msforge.sim.leaf import FOREVER, Leaf
from msforge.sim.ledger import leaf_row, root_row
from msforge.sim.streams import Stream

if TYPE_CHECKING:
    from msforge.sim.client import Client
    from msforge.sim.programs import Programs


class LeafEntry:
    """A leaf that a source calls directly: a request is two rows and no event."""

    __slots__ = ("alone", "body", "call", "leaf", "ledger", "site", "source", "stream")

    def __init__(self, client: Client, system: System, step: Step) -> None:
        engine = client.engine
        self.site = client.entry
        self.source = client.index
        self.body = step.target
        self.leaf = Leaf(engine, system, step.target)
        self.ledger = engine.ledger
        self.call = engine.ledger.call(step.target, -1, FOREVER)
        self.stream: Stream | None = None
        service = self.leaf.index
        self.alone = sum(
            system.bodies[s.target].service == service for s in system.steps if s.verb == Verb.CALL
        ) == 1  # nobody else calls the service, so its arrivals are known ahead

    def send(self, number: int, at: int) -> None:
        """One root request, whole."""
        leaf = self.leaf
        work = leaf.constant
        if work < 0:
            stream = self.stream
            if stream is None:
                work = leaf.work(self.site, number, 0)
                if len(leaf.times) == 1:
                    self.stream = self.site.streams[leaf.times[0][0]]
            else:
                i = number - stream.first
                work = stream.values[i] if 0 <= i < stream.size else stream.fetch(number)
        replica, station = leaf.pick()
        arrive = at + leaf.there
        start = station.admit(arrive, work)
        source = self.source
        if start < 0:
            self.ledger.leaf += leaf_row(self.call, replica, source, at, arrive, -1, work)
            self.ledger.roots += root_row(
                source, self.body, number, at, arrive + leaf.back, OVERLOADED, cause_of(leaf.index, OVERLOADED), 1,
                0, 0, 0, leaf.there + leaf.back, 0)
            return
        wait = start - arrive
        self.ledger.leaf += leaf_row(self.call, replica, source, at, arrive, wait, work)
        self.ledger.roots += root_row(
            source, self.body, number, at, start + work + leaf.back, 0, -1, 1, wait, work, 0, leaf.there + leaf.back,
            0)


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

    __slots__ = ("body", "client", "op")

    def __init__(self, client: Client, programs: Programs, step: Step) -> None:
        self.client = client
        self.body = step.target
        self.op = InnerCallOp(programs, step)

    def send(self, number: int, at: int) -> None:
        """One root request is sent, now."""
        client = self.client
        root = Root(number, client.index, at, client.warmup <= at < client.measured_to)
        self.op.visit(client.site, root, 0, self, at)

    def answered(self, visit: Visit, end: int) -> None:
        """The end of a root request is known: its answer will need no event."""
        node = visit.node
        self._row(visit, end, 0, -1, visit.draws[node.own] if node.own >= 0 else 0)

    def failing(self, visit: Visit, cause: int) -> None:
        """A root request failed just now, and the client will know."""
        self._row(visit, visit.node.engine.env.now, ERROR, cause, visit.own_time())

    def _row(self, visit: Visit, end: int, outcome: int, cause: int, own: int) -> None:
        root, node = visit.root, visit.node
        hop = node.there
        node.engine.ledger.roots += root_row(
            root.source, self.body, root.number, root.arrival, end + hop, outcome, cause, 1,
            visit.begin - visit.arrive, own, 0, 2 * hop + visit.net, visit.back,
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
