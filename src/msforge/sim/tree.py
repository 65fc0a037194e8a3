"""All that one call to an inner service leads to, path by path, and where its draws stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import Step
from msforge.sim.leaf import FOREVER, LeafCallOp
from msforge.sim.sheet import Sheet
from msforge.sim.streams import Site, context_of
from msforge.sim.visit import SEND, SEND_ONE

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.inner import InnerCallOp
    from msforge.sim.programs import Programs

Branch = tuple[Any, int, Any, int, int, Any]
"""A call of a stage: the callee's first stage (None: a leaf), the column of a leaf's time, the service's `pick`,
the call's number in the ledger, its timeout (ns), its operation."""


class ParallelSend:
    """What draws call a parallel step: its slot and word."""

    __slots__ = ("slot", "step", "word")

    def __init__(self, engine: Engine, step: Step) -> None:
        self.step = step
        self.word = step.word
        self.slot = engine.next_slot()


class Stage:
    """Stage `index` of a request: work and waiting together, then `branches` at once; None: it is the last.

    `column` of the sheet holds the time (-1: none), `site` is where the branches draw, `inner` how many of
    them go to inner services; `event` are the callbacks that send them.
    """

    __slots__ = ("branches", "column", "event", "following", "index", "inner", "node", "parallel", "site")

    def __init__(
        self, node: Node, column: int, site: Site, branches: tuple[Branch, ...] | None, *, parallel: bool
    ) -> None:
        self.node = node
        self.index = len(node.stages)
        self.column = column
        self.site = site
        self.branches: Any = branches
        self.parallel = parallel
        self.inner = sum(b[0] is not None for b in branches or ())
        self.event: Any = SEND_ONE if branches and len(branches) == 1 and not self.inner and not parallel else SEND
        self.following: Any = None

    def context(self, context: int) -> int:
        """The context in which branches are sent by a request in `context`."""
        return context_of(context, 0, 0) if self.parallel else context


class Node:
    """An endpoint of an inner service as reached by one path of calls.

    `own` is the column of all its own time (-1: none); `net` what its calls spend on the network, ns.
    """

    __slots__ = (
        "call", "edge", "engine", "env", "inner_rows", "leaf_rows", "net", "own", "schedule", "stages", "there",
        "visits",
    )

    def __init__(self, programs: Programs, sheet: Sheet, op: InnerCallOp, site: Site, depth: int) -> None:
        self.engine = engine = programs.engine
        self.env = engine.env
        self.schedule = engine.schedule
        self.leaf_rows, self.inner_rows = engine.ledger.leaf, engine.ledger.inner
        self.visits = engine.ledger.visits
        self.there = engine.latency_constant
        self.call = op.call
        self.edge = op.edge
        self.stages: list[Stage] = []
        columns = []
        for times, step in programs.stages(op.body):
            column = sheet.column(times, site, depth) if times else -1
            columns += [column] if times else []
            stage = self._stage(programs, sheet, column, step, site, depth)
            if self.stages:
                self.stages[-1].following = stage
            self.stages.append(stage)
        self.own = sheet.sum_of(columns)
        self.net = 2 * self.there * (len(self.stages) - 1)

    def _stage(self, programs: Programs, sheet: Sheet, column: int, send: Any, site: Site, depth: int) -> Stage:
        if send is None:
            return Stage(self, column, site, None, parallel=False)
        parallel = isinstance(send, ParallelSend)
        if parallel:
            site, depth = site.sub(send.slot, send.word), depth + 1
        branches: list[Branch] = []
        for op in programs.sends(send):
            inside = site.sub(op.slot, op.word)
            if isinstance(op, LeafCallOp):
                work = sheet.column(op.leaf.steps, inside, depth + 1)
                branches.append((None, work, op.pick, op.call, op.timeout, op))
            else:
                child = Node(programs, sheet, op, inside, depth + 1)
                branches.append((child.stages[0], -1, op.service.pick, op.call, FOREVER, op))
        return Stage(self, column, site, tuple(branches), parallel=parallel)


class Tree:
    """All that one call leads to: its first stage, and the draws for it."""

    __slots__ = ("node", "sheet", "stage")

    def __init__(self, programs: Programs, op: InnerCallOp, site: Site) -> None:
        self.sheet = Sheet(programs.engine.pool)
        self.node = Node(programs, self.sheet, op, site, 1)
        self.stage = self.node.stages[0]
