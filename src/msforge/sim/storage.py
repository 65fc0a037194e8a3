"""Stores and caches: stations whose servers are connections."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Step, Store
from msforge.sim import kernel
from msforge.sim.gauge import Gauge
from msforge.sim.kernel import ERROR, PENDING, REQUEST, RESET, TIMEOUT, TIMER, UNAVAILABLE, Frame, Timer
from msforge.sim.operations import Operation, constant_of

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.programs import Programs

UNBOUND = 1 << 60


class Visit:
    """One operation at a store. `then(frame)` is called when it is done; `frame` None once nobody waits."""

    __slots__ = ("callbacks", "due", "duration", "failed", "frame", "left", "store", "then", "timer", "waited_from")
    _ok = True

    def __init__(self, store: StoreRun, frame: Any, duration: int, then: Any, failed: Any, now: int) -> None:
        self.callbacks: Any = None
        self.store = store
        self.frame = frame
        self.duration = duration
        self.then = then
        self.failed = failed
        self.timer: Timer | None = None
        self.waited_from = now
        self.due = -1
        self.left = -1

    def abandon(self, cancel: bool) -> None:
        """Nobody waits for it: one that has not begun leaves the line, one that has runs to its end."""
        self.frame = None
        if self.timer is not None:
            self.timer.stop()
        self.store.leave(self)


def _served(visit: Visit) -> None:
    visit.store.served(visit)


SERVED = (_served,)


class StoreRun:
    """A store while it runs."""

    def __init__(self, engine: Engine, plan: Store) -> None:
        self.engine = engine
        self.plan = plan
        self.index = plan.index
        self.free = plan.connections if plan.connections >= 0 else UNBOUND
        self.busy = Gauge(0)
        self.wait = Gauge(0)
        self.queue: deque[Visit] = deque()
        self.serving: dict[Visit, None] = {}
        self.slowness: list[Any] = []
        self.failing: list[Any] = []
        self.paused = 0
        self.down = 0
        self.arrived = self.finished = self.hits = self.misses = self.timeouts = self.shared = 0
        self.contents: OrderedDict[Any, int] = OrderedDict()
        self.flights: dict[Any, list[Any]] = {}

    def adopt(self, plan: Store) -> None:
        """Take a changed plan."""
        before = self.plan.connections if self.plan.connections >= 0 else UNBOUND
        after = plan.connections if plan.connections >= 0 else UNBOUND
        self.plan = plan
        self.free += after - before
        while self.free > 0 and self.queue:
            self._next()

    def visit(self, visit: Visit, timeout: int) -> None:
        """An operation arrives."""
        engine = self.engine
        now = engine.env.now
        self.arrived += 1
        for slowness in self.slowness:
            visit.duration = slowness.apply(visit.duration, visit.frame)
        if timeout >= 0:
            visit.timer = Timer(_timed_out, visit)
            engine.schedule(visit.timer, TIMER, timeout)
        if self.free > 0 and not self.paused:
            self.free -= 1
            self.busy.up(now)
            self._serve(visit, visit.duration)
        else:
            self.wait.up(now)
            self.queue.append(visit)

    def _serve(self, visit: Visit, duration: int) -> None:
        self.serving[visit] = None
        visit.due = self.engine.env.now + duration
        visit.callbacks = SERVED
        self.engine.schedule(visit, REQUEST, duration)

    def served(self, visit: Visit) -> None:
        """An operation is done, unless a pause put it off."""
        now = self.engine.env.now
        if visit not in self.serving:
            return
        if self.paused:
            return
        if now < visit.due:
            visit.callbacks = SERVED
            self.engine.schedule(visit, REQUEST, visit.due - now)
            return
        del self.serving[visit]
        self.finished += 1
        if self.queue:
            self.free += 1
            self.busy.down(now)
            self._next()
        else:
            self.free += 1
            self.busy.down(now)
        frame = visit.frame
        if frame is not None:
            visit.frame = None
            if visit.timer is not None:
                visit.timer.stop()
            visit.then(visit, frame)

    def _next(self) -> None:
        now = self.engine.env.now
        visit = self.queue.popleft()
        self.wait.down(now)
        self.free -= 1
        self.busy.up(now)
        self._serve(visit, visit.duration)

    def leave(self, visit: Visit) -> None:
        """An abandoned operation that has not begun leaves the line."""
        if visit.due < 0 and visit in self.queue:
            self.queue.remove(visit)
            self.wait.down(self.engine.env.now)
            self.finished += 1

    def pause(self) -> None:
        """Nothing goes on until `unpause`."""
        self.paused += 1
        if self.paused == 1:
            now = self.engine.env.now
            for visit in self.serving:
                visit.left = visit.due - now

    def unpause(self) -> None:
        """Go on from there."""
        self.paused -= 1
        if self.paused:
            return
        now = self.engine.env.now
        for visit in self.serving:
            visit.due = now + visit.left
            if visit.callbacks is None:
                visit.callbacks = SERVED
                self.engine.schedule(visit, REQUEST, visit.left)
        while self.free > 0 and self.queue:
            self._next()

    def crash(self) -> None:
        """All operations fail with `reset`; while it is down new ones are `unavailable`. A cache loses what it held."""
        now = self.engine.env.now
        self.down += 1
        lost = [*self.serving, *self.queue]
        self.contents.clear()
        flights, self.flights = self.flights, {}
        while self.queue:
            self.queue.popleft()
            self.wait.down(now)
        for visit in self.serving:
            visit.callbacks = kernel.DEAD
            self.free += 1
            self.busy.down(now)
        self.serving = {}
        for visit in lost:
            self.finished += 1
            frame, visit.frame = visit.frame, None
            if visit.timer is not None:
                visit.timer.stop()
            if frame is not None:
                visit.failed(visit, frame, RESET)
        for waiters in flights.values():
            for read in waiters:
                read.failed(None, read.frame, RESET)


def _timed_out(visit: Visit) -> None:
    frame, visit.frame = visit.frame, None
    visit.store.timeouts += 1
    visit.store.leave(visit)
    if frame is not None:
        visit.failed(visit, frame, TIMEOUT)


class StoreOp(Operation):
    """`read` and `write` without a cache."""

    __slots__ = ("constant", "dist", "store", "timeout")
    purpose = "read"

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.store = self.engine.stores[step.target]
        plan = programs.system.stores[step.target]
        self.dist = plan.read if self.purpose == "read" else plan.write
        self.constant = constant_of(self.dist)
        self.timeout = step.timeout

    def start(self, frame: Frame) -> int:
        """Go to the store."""
        return self.go(frame, self.store, self.duration(frame), self.timeout)

    def duration(self, frame: Frame) -> int:
        """The service time (ns) drawn for this operation."""
        if self.constant >= 0:
            return self.constant
        value: int = frame.site.draw(self.slot, self.word, "time", self.dist, frame.root.number, frame.context)
        return value

    def go(self, frame: Frame, store: StoreRun, duration: int, timeout: int) -> int:
        """One visit; the frame goes on when it is done."""
        if not self.engine.reachable(frame, store):
            return self.hang(frame, timeout)
        if store.down:
            return kernel.fail(frame, ERROR, self.cause(frame, UNAVAILABLE))
        if self.engine.links.active:
            duration += self.engine.links.extra(frame, store=store.index)
        if store.failing and self.engine.faults.store_fails(store, frame):
            visit = Visit(store, frame, duration, self.broken, self.failed, self.engine.env.now)
        else:
            visit = Visit(store, frame, duration, self.then, self.failed, self.engine.env.now)
        frame.child = visit
        store.visit(visit, timeout)
        return PENDING

    def hang(self, frame: Frame, timeout: int) -> int:
        """The store cannot be reached: wait for the timeout, or for ever."""
        if timeout >= 0:
            hung = Hung(self, frame)
            frame.child = hung
            self.engine.schedule(hung.timer, TIMER, timeout)
        return PENDING

    def then(self, visit: Visit, frame: Frame) -> None:
        """The operation is done."""
        frame.store += self.engine.env.now - visit.waited_from
        self.completed(frame)
        kernel.resume(frame)

    def broken(self, visit: Visit, frame: Frame) -> None:
        """The store answered with an error."""
        self.failed(visit, frame, ERROR)

    def completed(self, frame: Frame) -> None:
        """Hook for what a finished operation means."""

    def failed(self, visit: Visit | None, frame: Frame, outcome: int) -> None:
        """The operation failed."""
        if visit is not None:
            frame.store += self.engine.env.now - visit.waited_from
        kernel.fail_later(frame, ERROR, self.cause(frame, outcome))

    def cause(self, frame: Frame, outcome: int) -> int:
        """A store's failure is put down to the service that asked."""
        return kernel.cause_of(frame.host.replica.service.index, outcome)


class Hung:
    """A frame that waits for a store it cannot reach."""

    __slots__ = ("frame", "op", "timer")

    def __init__(self, op: StoreOp, frame: Frame) -> None:
        self.op = op
        self.frame = frame
        self.timer = Timer(_hung_up, self)

    def abandon(self, cancel: bool) -> None:
        """The frame is gone."""
        self.timer.stop()


def _hung_up(hung: Hung) -> None:
    hung.op.store.timeouts += 1
    hung.op.failed(None, hung.frame, TIMEOUT)


class WriteOp(StoreOp):
    """Writes; an effect that a redelivered message would apply twice."""

    __slots__ = ()
    purpose = "write"

    def completed(self, frame: Frame) -> None:
        """Note the effect when a message caused it."""
        message = frame.host.message
        if message is not None:
            message.effect(self)
