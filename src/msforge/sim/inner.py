"""Calls to quiet services that call others, by frames that go by events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msforge.model.plan import Step
from msforge.sim import kernel
from msforge.sim.kernel import DONE, ERROR, PENDING, REQUEST, RESUME, Frame
from msforge.sim.leaf import FOREVER
from msforge.sim.operations import Operation
from msforge.sim.streams import Site, context_of
from msforge.sim.tree import Tree
from msforge.sim.visit import Odd, Visit, count_failure, tell_failure

if TYPE_CHECKING:
    from msforge.sim.programs import Programs


class InnerCallOp(Operation):
    """A call to an inner service: the caller is resumed by one event, when the answer is there."""

    __slots__ = ("body", "call", "edge", "programs", "service", "trees")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        engine, system = programs.engine, programs.system
        self.programs = programs
        self.body = step.target
        self.service = engine.services[system.bodies[step.target].service]
        self.edge = engine.edge_of(system, step)
        self.call = engine.ledger.call(step.target, step.edge, FOREVER)
        self.trees: dict[Site, Tree] = {}

    def tree(self, site: Site) -> Tree:
        """What a call from `site` leads to."""
        found = self.trees.get(site)
        if found is None:
            found = self.trees[site] = Tree(self.programs, self, site.sub(self.slot, self.word))
        return found

    def start(self, frame: Frame) -> int:
        """Send the request."""
        caller = Caller(self, frame)
        frame.child = caller
        tree = self.tree(frame.site)
        arrive = self.engine.env.now + tree.node.there
        row = tree.sheet.row(frame.root.number, frame.context)
        visit = Visit(tree.stage, frame.root, row, caller, self.service.pick()[1], arrive)
        if frame.context:
            visit.odd = Odd(context_of(frame.context, 0, 0))
        self.engine.ledger.visits[visit] = None
        if visit.station.admit(visit):
            visit.go(arrive)
        return caller.started()


class Caller:
    """A frame that waits for an inner service."""

    __slots__ = ("frame", "op", "result", "starting")

    def __init__(self, op: InnerCallOp, frame: Frame) -> None:
        self.op = op
        self.frame: Frame | None = frame
        self.starting = True
        self.result = PENDING

    def started(self) -> int:
        """The request is on its way."""
        self.starting = False
        return self.result

    def abandon(self, cancel: bool) -> None:
        """The frame around it is gone."""
        self.frame = None

    def answered(self, visit: Visit, end: int) -> None:
        """The answer will be there one hop after `end`."""
        frame, engine = self.frame, self.op.engine
        if frame is None:
            return
        frame.net += 2 * engine.latency_constant
        frame.child = None
        delay = end + engine.latency_constant - engine.env.now
        if delay:
            frame.callbacks = RESUME
            engine.schedule(frame, REQUEST, delay)
        elif self.starting:
            self.result = DONE
        else:
            kernel.resume(frame)

    def failing(self, visit: Visit, cause: int) -> None:
        """The request failed just now."""
        tell_failure(self, visit, cause)

    def failed(self, visit: Visit, cause: int) -> None:
        """The failure is here."""
        count_failure(visit)
        frame = self.frame
        if frame is None:
            return
        frame.net += 2 * self.op.engine.latency_constant
        if self.starting:
            frame.child = None
            self.result = kernel.fail(frame, ERROR, cause)
        else:
            kernel.fail_later(frame, ERROR, cause)
