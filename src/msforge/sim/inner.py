"""Quiet services that call quiet services: a request needs an event only where it sends.

When all that a request has called will have answered is known as soon as the last of it has
sent on; so its own end is known before it comes, and its caller is told at once *when* the
answer will be there. No event for an arrival, a thread that comes free (unless somebody waits),
an answer, or the joining of parallel calls. Only what goes wrong (a refusal, a timeout, a retry)
goes by events, as it does elsewhere.
"""

from __future__ import annotations

from heapq import heapreplace
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Step
from msforge.sim import kernel
from msforge.sim.kernel import DONE, ERROR, PENDING, REQUEST, RESUME, Frame
from msforge.sim.leaf import LATE, REFUSED, LeafCallOp
from msforge.sim.ledger import inner_row, leaf_row
from msforge.sim.operations import Operation
from msforge.sim.sheet import Row, Sheet
from msforge.sim.streams import Site, context_of

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.hall import Hall
    from msforge.sim.programs import Programs

OVER, NEVER = 1 << 59, 1 << 60  # a request that has failed waits for so many answers that they never all come

Branch = tuple[Any, int, Any, int, int, Any]
"""A call of a stage: node (None: a leaf), column of a leaf's time, the service's `pick`, call, timeout, operation."""


class Stage:
    """Work and waiting together (`column` of the sheet, -1: none), then `branches` at once; None: it was the last.

    `site` is where the branches draw, `step` counts the contexts from the request to them.
    """

    __slots__ = ("branches", "column", "inner", "op", "site", "step")

    def __init__(self, column: int, site: Site, branches: tuple[Branch, ...] | None, op: Any) -> None:
        self.column = column
        self.site = site
        self.branches = branches
        self.op = op
        self.inner = sum(b[0] is not None for b in branches or ())
        self.step = isinstance(op, ParallelSend)

    def context(self, context: int) -> int:
        """The context in which branches are sent by a request in `context`."""
        return context_of(context, 0, 0) if self.step else context


class ParallelSend:
    """What draws call a parallel step: its slot and word."""

    __slots__ = ("slot", "step", "word")

    def __init__(self, engine: Engine, step: Step) -> None:
        self.step = step
        self.word = step.word
        self.slot = engine.next_slot()


class Node:
    """An endpoint of an inner service as reached by one path of calls: its stages, and where its draws stand.

    `own` is the column of all its own time (-1: none); `net` what its calls spend on the network, ns.
    """

    __slots__ = ("body", "call", "edge", "engine", "net", "own", "service", "stages", "there")

    def __init__(self, programs: Programs, sheet: Sheet, op: InnerCallOp, site: Site, depth: int) -> None:
        engine = programs.engine
        self.engine = engine
        self.body = op.body
        self.service = op.service
        self.call = op.call
        self.edge = op.edge
        self.there = engine.latency_constant
        self.stages: list[Stage] = []
        columns = []
        for times, step in programs.stages(op.body):
            column = sheet.column(times, site, depth) if times else -1
            columns += [column] if times else []
            self.stages.append(self._stage(programs, sheet, column, step, site, depth))
        self.own = sheet.sum_of(columns)
        self.net = 2 * self.there * (len(self.stages) - 1)

    def _stage(self, programs: Programs, sheet: Sheet, column: int, send: Any, site: Site, depth: int) -> Stage:
        if send is None:
            return Stage(column, site, None, None)
        if isinstance(send, ParallelSend):
            site, depth = site.sub(send.slot, send.word), depth + 1
        branches: list[Branch] = []
        for op in programs.sends(send):
            inside = site.sub(op.slot, op.word)
            if isinstance(op, LeafCallOp):
                work = sheet.column(op.leaf.steps, inside, depth + 1)
                branches.append((None, work, op.pick, op.call, op.timeout, op))
            else:
                branches.append((Node(programs, sheet, op, inside, depth + 1), -1, op.service.pick, op.call, NEVER, op))
        return Stage(column, site, tuple(branches), send)


class Tree:
    """All that one call to an inner service leads to, and the draws for it."""

    __slots__ = ("node", "sheet")

    def __init__(self, programs: Programs, op: InnerCallOp, site: Site) -> None:
        self.sheet = Sheet(programs.engine.pool)
        self.node = Node(programs, self.sheet, op, site, 1)


class Visit:
    """A request at an inner service. It is itself the event of its next sending.

    `up` is who waits for the answer, `begin` when it has a thread (-1: not known). Of the present
    `stage`: how many answers it is `waiting` for whose time is not known, and the time (ns) of the
    `latest` of the others; `slow` is the last of those that went by events. `told` is what the gauges know of it.
    """

    __slots__ = (
        "arrive", "back", "begin", "callbacks", "context", "draws", "latest", "net", "node", "root", "slow",
        "stage", "station", "told", "up", "waiting",
    )
    _ok = True
    host = None

    def __init__(
        self, node: Node, root: Any, draws: Row, context: int, up: Any, station: Hall, arrive: int
    ) -> None:
        self.callbacks: Any = SEND
        self.node = node
        self.root = root
        self.draws = draws
        self.context = context
        self.up = up
        self.station = station
        self.arrive = arrive
        self.begin = -1
        self.stage = 0
        self.latest = 0
        self.waiting = 0
        self.net = self.back = 0
        self.slow: Frame | None = None
        self.told = 0

    def go(self, at: int) -> None:
        """The present stage begins at `at` (ns, now or later)."""
        node = self.node
        stage = node.stages[self.stage]
        if stage.column >= 0:
            at += self.draws[stage.column]
        if stage.branches is None:
            finish(self, at)
            return
        now = node.engine.env.now
        if at > now:
            self.callbacks = SEND
            node.engine.schedule(self, REQUEST, at - now)
        else:
            send(self)

    def joined(self) -> None:
        """All the branches of the present stage are answered at `latest`."""
        if self.slow is not None:
            self.count_slow(self.slow)
        self.stage += 1
        self.go(self.latest)

    # -- what goes wrong ------------------------------------------------------------------

    def count_slow(self, branch: Frame) -> None:
        """If a branch that went by events was the last to be answered, its times are those of the stage."""
        self.slow = None
        if branch.due == self.latest:
            self.net += branch.net - 2 * self.node.there
            self.back += branch.back

    def child_ended(self, branch: Frame, result: int) -> None:
        """A branch that went by events is through."""
        if self.waiting > OVER:
            return
        if result != DONE:
            self.fail(branch.cause, branch)
            return
        now = self.node.engine.env.now
        if now >= self.latest:
            self.latest = branch.due = now
            self.slow = branch
        self.waiting -= 1
        if not self.waiting:
            self.joined()

    def fail(self, cause: int, branch: Frame | None) -> None:
        """A branch failed, and so does the request."""
        node, engine = self.node, self.node.engine
        now = engine.env.now
        self.waiting = NEVER
        hops = 2 * node.there * self.stage
        self.net += hops - node.net + (branch.net if branch is not None else 2 * node.there)
        self.back += branch.back if branch is not None else 0
        record(self, now, ERROR, self.own_time())
        self.station.leave(now)
        self.up.failing(self, cause)

    def own_time(self) -> int:
        """Own time (ns) up to the present stage."""
        columns = [s.column for s in self.node.stages[: self.stage + 1] if s.column >= 0]
        return sum(self.draws[c] for c in columns)

    def failing(self, child: Visit, cause: int) -> None:
        """The answer of a branch that failed just now is on its way."""
        engine = self.node.engine
        engine.after(engine.latency_constant, _failed, (self, child, cause))

    def failed(self, child: Visit, cause: int) -> None:
        """A branch's failure is here."""
        count_failure(child)
        if self.waiting < OVER:
            self.fail(cause, None)


def count_failure(visit: Visit) -> None:
    """A call to an inner service has failed: its edge took it for a success when it was sent."""
    edge, measured = visit.node.edge, visit.root.measured
    edge.failed_tries += 1
    edge.failed_calls += 1
    edge.try_outcomes[ERROR] += measured
    edge.call_outcomes[ERROR] += measured
    edge.counted_late -= measured


def _failed(told: tuple[Any, Visit, int]) -> None:
    up, child, cause = told
    up.failed(child, cause)


def send(visit: Visit) -> None:
    """The branches of the present stage are sent, now."""
    node = visit.node
    engine = node.engine
    now = engine.env.now
    arrive = now + node.there
    back = node.there
    stage = node.stages[visit.stage]
    root, draws = visit.root, visit.draws
    source, arrival = root.source, root.arrival
    context = stage.context(visit.context) if visit.context else 0
    rows = engine.ledger.leaf
    latest = visit.latest = 0
    visit.waiting = stage.inner + 1  # one more, so that nothing joins before all are sent
    assert stage.branches is not None
    for child, column, pick, call, timeout, op in stage.branches:
        number, station = pick()
        if child is not None:
            send_on(Visit(child, root, draws, context_of(context, 0, 0) if context else 0, visit, station, arrive))
            continue
        work = draws[column]
        free = station.free_at
        if free and free[0] <= arrive:  # the common case of `admit`, in place
            heapreplace(free, arrive + work)
            rows += leaf_row(call, number, source, arrival, arrive, 0, work)
            answer = arrive + work + back
        else:
            start = station.admit(arrive, work)
            wait = start - arrive if start >= 0 else -1
            rows += leaf_row(call, number, source, arrival, arrive, wait, work)
            answer = start + work + back
            if start < 0:
                by_events(visit, stage, op, context, REFUSED)
                continue
        if answer - now > timeout:
            by_events(visit, stage, op, context, LATE)
        elif answer > latest:
            latest = answer
    if latest > visit.latest:
        visit.latest = latest
    visit.waiting -= 1
    if not visit.waiting:
        visit.joined()


SEND = (send,)


def by_events(visit: Visit, stage: Stage, op: LeafCallOp, context: int, how: int) -> None:
    """A call to a leaf whose first try fails goes on as a frame of its own."""
    visit.waiting += 1
    op.count_failing(visit.root)
    branch = Frame((op,), stage.site, context, visit, visit)  # type: ignore[arg-type]
    op.later(branch, None, how)


def send_on(visit: Visit) -> None:
    """A request to an inner service is sent."""
    node = visit.node
    edge = node.edge
    edge.plain += 1
    if visit.root.measured:
        edge.counted_plain += 1
    node.engine.ledger.visits[visit] = None
    if visit.station.admit(visit):
        visit.go(visit.arrive)


def finish(visit: Visit, end: int) -> None:
    """The end of a request is known, and with it perhaps that of its caller, and so on upwards."""
    while True:
        node = visit.node
        record(visit, end, 0, visit.draws[node.own] if node.own >= 0 else 0)
        visit.station.leave(end)
        up = visit.up
        if up.__class__ is not Visit:
            up.answered(visit, end)
            return
        answer = end + node.there
        if answer > up.latest:
            up.latest = answer
        up.waiting -= 1
        if up.waiting:
            return
        if up.slow is not None:
            up.count_slow(up.slow)
        up.stage += 1
        stage = up.node.stages[up.stage]
        if stage.branches is not None:
            up.go(up.latest)
            return
        visit, end = up, up.latest
        if stage.column >= 0:
            end += visit.draws[stage.column]


def record(visit: Visit, end: int, outcome: int, own: int) -> None:
    """The row of a request whose end is known."""
    node, root = visit.node, visit.root
    ledger = node.engine.ledger
    del ledger.visits[visit]
    visit.net += node.net
    ledger.inner += inner_row(
        node.call, visit.station.number, root.source, root.arrival, visit.arrive, visit.begin - visit.arrive, end,
        outcome, own, visit.net, visit.back, visit.told,
    )


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
        self.call = engine.ledger.call(step.target, step.edge, NEVER)
        self.trees: dict[Site, Tree] = {}

    def tree(self, site: Site) -> Tree:
        """What a call from `site` leads to."""
        found = self.trees.get(site)
        if found is None:
            found = self.trees[site] = Tree(self.programs, self, site.sub(self.slot, self.word))
        return found

    def visit(self, site: Site, root: Any, context: int, up: Any, at: int) -> None:
        """Send a request from `site`, a step in `context`, at `at` (ns)."""
        tree = self.tree(site)
        _, station = self.service.pick()
        row = tree.sheet.row(root.number, context)
        send_on(Visit(tree.node, root, row, context_of(context, 0, 0), up, station, at + tree.node.there))

    def start(self, frame: Frame) -> int:
        """Send the request."""
        caller = Caller(self, frame)
        frame.child = caller
        self.visit(frame.site, frame.root, frame.context, caller, self.engine.env.now)
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
        engine = self.op.engine
        engine.after(engine.latency_constant, _failed, (self, visit, cause))

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
