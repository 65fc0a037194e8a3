"""A replica: admission, threads, queue, and what a crash or a pause does to them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from msforge.policies.bucket import TokenBucket
from msforge.policies.distributions import Dist
from msforge.sim import kernel
from msforge.sim.cpu import make_cpu
from msforge.sim.gauge import Gauge
from msforge.sim.kernel import (
    DEGRADED,
    DONE,
    OVERLOADED,
    PENDING,
    RATE_LIMITED,
    REQUEST,
    RESET,
    RESUME,
    TIMEOUT,
    TIMER,
    Timer,
)
from msforge.sim.messaging import lost_in_crash
from msforge.sim.request import ANSWERED, ENDED, QUEUED, RUNNING, SENT, Request

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.service import ServiceRun

BOUNDLESS = 1 << 60
LATE = -10  # a slot of draws


class Replica:
    """One running copy of a service.

    `up`: the process lives. `leaving`: it gets no new requests and ends when it has none.
    `plain`: work is a mere timer (no CPU limit, no slowness, no pause).
    """

    __slots__ = (
        "active", "arrived", "born", "bucket", "capacity", "cpu", "died", "discipline", "downs", "engine", "failed",
        "finished", "free", "frozen", "gauge_busy", "gauge_wait", "guards", "leaving", "machines", "number", "on_empty",
        "ordinal", "paused", "plain", "plan", "programs", "queue", "ready_since", "schedule", "service", "slots",
        "slowness", "strays", "up", "up_time", "version", "waiting", "workers", "zone",
    )

    def __init__(self, service: ServiceRun, ordinal: int, number: int, zone: int, now: int) -> None:
        self.engine: Engine = service.engine
        self.schedule = self.engine.schedule
        self.service = service
        self.programs = service.programs
        self.plan = service.plan
        self.ordinal = ordinal
        self.number = number
        self.zone = zone
        self.version = service.version
        self.born = now
        self.died = -1
        self.up = False
        self.downs = 0
        self.leaving = False
        self.paused = 0
        self.ready_since = -1
        self.up_time = 0
        self.arrived = self.finished = self.failed = 0
        self.waiting = 0
        self.queue: deque[Request] = deque()
        self.active: dict[Request, None] = {}
        self.strays: dict[Any, None] = {}
        self.frozen: dict[Any, None] = {}
        self.gauge_busy = Gauge(now)
        self.gauge_wait = Gauge(now)
        self.guards: dict[int, Any] = {}     # by call step
        self.machines: dict[Any, Any] = {}   # what the guards keep, by endpoint and settings
        self.workers: list[Any] = []
        self.slowness: list[Any] = []
        self.on_empty: Any = None
        self.cpu: Any = None
        self.bucket: TokenBucket | None = None
        self.configure()

    def configure(self) -> None:
        """Take threads, queue, rate limit and CPU from the service as it is now."""
        plan = self.plan
        threads = plan.threads if plan.threads >= 0 else BOUNDLESS
        busy = sum(1 for r in self.active if not r.local and r.message is None)
        self.free = threads - busy
        self.slots = self.service.slots
        self.capacity = plan.queue if plan.queue >= 0 else BOUNDLESS
        self.discipline = plan.discipline
        if self.cpu is None or self.cpu.plan != plan.cpu:
            self.cpu = make_cpu(self, plan.cpu)
        if plan.rate <= 0:
            self.bucket = None
        elif self.bucket is None or (self.bucket.rate_per_s, self.bucket.burst) != (plan.rate, plan.burst):
            self.bucket = TokenBucket(plan.rate, plan.burst)
        self.settle()
        while self.free > 0 and self.waiting:
            self.free -= 1
            self.gauge_busy.up(self.engine.env.now)
            self._release(self.engine.env.now)

    def settle(self) -> None:
        """Decide anew whether work is a mere timer."""
        self.plain = self.cpu is None and not self.slowness and not self.paused

    # -- a request's life ----------------------------------------------------------------

    def arrive(self, request: Request) -> None:
        """A request reaches this replica: it is refused, waits, or starts."""
        now = self.engine.env.now
        request.arrive = now
        self.arrived += 1
        self.service.arrived += 1
        if not self.up:
            self.refuse(request, RESET)
        elif request.stopping >= 0:
            self.refuse(request, request.stopping)
        elif self.bucket is not None and not self.bucket.take(now):
            self.refuse(request, RATE_LIMITED)
        elif 0 <= request.deadline <= now:
            self.refuse(request, TIMEOUT)
        elif self.free > 0:
            self.free -= 1
            self.gauge_busy.up(now)
            result = self.begin(request, now)
            if result != PENDING:
                self.end(request, result)
        elif self.waiting < self.capacity:
            self.gauge_wait.up(now)
            self.waiting += 1
            request.state = QUEUED
            self.queue.append(request)
        else:
            self.refuse(request, OVERLOADED)
        if request.deadline >= 0 and request.state != ENDED:
            self.schedule(Timer(self._deadline, request), TIMER, request.deadline - now)

    def begin(self, request: Request, now: int, late: int = 0) -> int:
        """A thread is free for `request`: run its steps, `late` ns from now."""
        request.begin = now + late
        request.state = RUNNING
        self.active[request] = None
        if self.engine.dooms:
            self.engine.faults.doom(request)
        if self.slowness:
            more = sum(slowness.added(request) for slowness in self.slowness)
            if more:
                request.own += more
                late += more
        if late:
            request.pc = -1  # before its first step
            request.callbacks = RESUME
            self.schedule(request, REQUEST, late)
            return PENDING
        return kernel.run(request)

    def handle(self, request: Request, now: int) -> None:
        """A message that a consumer of this replica takes: its steps run at once."""
        self.gauge_busy.up(now)
        result = self.begin(request, now, self._late(request, self.engine.delivery))
        if result != PENDING:
            self.end(request, result)

    def end(self, request: Request, result: int) -> None:
        """Its steps are over: count it, pass the thread on, answer."""
        if not self._finish(request, result):
            return
        if request.message is not None:
            request.message.over(request)
        elif not request.local:
            if self.waiting or self.leaving or not self.gauge_busy.value:
                self._release(self.engine.env.now)
            else:
                self.free += 1
                self.gauge_busy.down(self.engine.env.now)
        self.answer(request)

    def _finish(self, request: Request, result: int) -> bool:
        """Give the request its outcome and record it; False when a crash has already done so."""
        if request.doom is not None and result == DONE:
            result = request.doom.strike(request)
        if request.state == ENDED:
            return False
        if result == DONE:
            request.outcome = request.degraded
        request.state = ENDED
        self.active.pop(request, None)
        self.record(request, self.engine.env.now)
        return True

    def record(self, request: Request, now: int) -> None:
        """Append the row of a request that leaves this service."""
        outcome = request.outcome
        self.finished += 1
        self.service.ended[outcome] += 1
        if outcome > 1:
            self.failed += 1
        root = request.root
        begin = request.begin
        engine = self.engine
        engine.served += (
            request.body, self.number, root.source, root.arrival, request.arrive,
            begin - request.arrive if begin >= 0 else -1, now, outcome,
            request.own, request.store, request.net, request.back,
            1 if request.call is None and request.message is None else 0,
        )
        if engine.tracer is not None and root.traced:
            engine.tracer.served(request, now)

    def refuse(self, request: Request, outcome: int) -> None:
        """Fail at once; the refusal still travels back."""
        request.outcome = outcome
        request.cause = kernel.cause_of(self.service.index, outcome)
        request.state = ENDED
        self.record(request, self.engine.env.now)
        self.answer(request)

    def answer(self, request: Request, *, stopped: bool = False) -> None:
        """Send the answer over the network to whoever waits for it.

        `stopped`: its frame may still be an appointment in the future, so it cannot be the answer's event too.
        """
        call = request.call
        if call is None:
            return
        if request.local:
            call.answered(request)
            return
        engine = self.engine
        stream = request.site.back
        if stream is None:
            back = engine.latency_constant
        else:
            back = (stream.at(request.context) if request.context else stream).get(request.root.number)
        if engine.links.special:
            back = engine.links.back(request, back)
            if back < 0:
                return
        if back:
            request.wire += back
            if call.frame is None and engine.shortcuts and request.outcome <= DEGRADED:  # noqa: SIM102
                if call.answered_ahead(request, back):
                    return
            if stopped:
                self.schedule(Timer(ANSWERED[0], request), REQUEST, back)
                return
            request.callbacks = ANSWERED
            self.schedule(request, REQUEST, back)
        else:
            call.answered(request)

    def _release(self, now: int) -> None:
        """The thread that came free goes to those waiting, until one keeps it."""
        while self.waiting and self.free >= 0 and self.up:
            request = self._next()
            self.waiting -= 1
            self.gauge_wait.down(now)
            result = self.begin(request, now, self._late(request, self.engine.hand_off))
            if result == PENDING:
                return
            if self._finish(request, result):
                self.answer(request)
        if not self.up:
            return
        self.free += 1
        self.gauge_busy.down(now)
        self.leave_if_empty()

    def _late(self, request: Request, overhead: Dist | None) -> int:
        """What the machine takes (ns) to hand a thread on, or a message over; 0 in a plain plan."""
        if overhead is None:
            return 0
        taken: int = request.site.draw(LATE, "@late", "time", overhead, request.root.number, request.context)
        return taken

    def leave_if_empty(self) -> None:
        """One that was taken out goes when it has finished what it had."""
        if self.leaving and self.on_empty is not None and not self.gauge_busy.value and not self.waiting:
            self.on_empty(self)

    def _next(self) -> Request:
        queue = self.queue
        if self.discipline == "fifo":
            return queue.popleft()
        if self.discipline == "lifo":
            return queue.pop()
        best = min(range(len(queue)), key=lambda i: queue[i].priority)
        request = queue[best]
        del queue[best]
        return request

    # -- ending before its time ------------------------------------------------------------

    def abort(self, request: Request, outcome: int, cancel: bool = False) -> None:
        """Stop a request wherever it is: on its way, waiting, or running."""
        if request.state == SENT:
            request.stopping = outcome
            return
        if request.state == ENDED:
            return
        now = self.engine.env.now
        was_running = request.state == RUNNING
        if was_running:
            kernel.stop(request, cancel)
            self.active.pop(request, None)
        else:
            self.queue.remove(request)
            self.waiting -= 1
            self.gauge_wait.down(now)
        request.outcome = outcome
        request.cause = kernel.cause_of(self.service.index, outcome)
        request.state = ENDED
        self.record(request, now)
        if request.message is not None:
            request.message.over(request)
        elif was_running and not request.local:
            self._release(now)
        self.answer(request, stopped=True)

    def _deadline(self, request: Request) -> None:
        self.abort(request, TIMEOUT)

    def crash(self) -> None:
        """The process dies: all in flight and all waiting fail with `reset`."""
        if not self.up:
            return
        now = self.engine.env.now
        self.go_down(now)
        doomed = [*self.active, *self.queue]
        for request in self.active:
            if request.message is None and not request.local:  # a message comes again, and its steps with it
                for channel in lost_in_crash(request):
                    channel.lost += 1
        for request in [*self.active]:
            if request.state != ENDED:  # a call in place ends with the request that made it
                kernel.stop(request, False)
        for stray in self.strays:
            stray.abandon(False)
        while self.waiting:
            self.waiting -= 1
            self.gauge_wait.down(now)
        while self.gauge_busy.value:
            self.gauge_busy.down(now)
        self.active, self.strays, self.queue = {}, {}, deque()
        self.guards, self.machines = {}, {}
        self.bucket = None
        for request in doomed:
            if request.state == ENDED:
                continue
            request.outcome = RESET
            request.cause = kernel.cause_of(self.service.index, RESET)
            request.state = ENDED
            self.record(request, now)
        for request in doomed:
            if request.message is not None:
                request.message.over(request)
            self.answer(request, stopped=True)
        for worker in self.workers:
            worker.replica_down()

    def go_up(self, now: int) -> None:
        """The process is ready."""
        self.up = True
        self.ready_since = now
        self.configure()
        for worker in self.workers:
            worker.replica_up()

    def go_down(self, now: int) -> None:
        """The process is gone, for now or for good."""
        self.up = False
        self.downs += 1
        if self.ready_since >= 0:
            self.up_time += now - self.ready_since
            self.ready_since = -1

    def ready_time(self, now: int) -> int:
        """Total ns it was up, until `now`."""
        return self.up_time + (now - self.ready_since if self.ready_since >= 0 else 0)
