"""How a replica's work takes time: plain timers, limited cores, slowness and pauses.

A replica without CPU limit lets all work pass at full speed. With cores and time slicing
(processor sharing), n jobs on c cores each run at min(1, c / n); first come, first served
runs c jobs at a time. A pause stops work where it is; waits run on.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Cpu
from msforge.sim.gauge import Gauge
from msforge.sim.kernel import DEAD, PENDING, REQUEST, Frame, Timer, resume

if TYPE_CHECKING:
    from msforge.sim.replica import Replica

TINY = 1e-3  # ns; below this a job is done
WORKED = (resume,)  # the callback of a frame in plain work: equal to RESUME, told apart by identity


class Job:
    """Work of one frame on a CPU."""

    __slots__ = ("callbacks", "cpu", "end", "frame", "left", "since")
    _ok = True

    def __init__(self, cpu: Any, frame: Frame, amount: int, now: int) -> None:
        self.callbacks: Any = None
        self.cpu = cpu
        self.frame: Frame | None = frame
        self.left = float(amount)
        self.end = 0.0
        self.since = now

    def abandon(self, cancel: bool) -> None:
        """Its frame is gone: the CPU drops it."""
        self.frame = None
        self.cpu.drop()


def _finish(job: Job, now: int) -> None:
    frame = job.frame
    if frame is not None:
        frame.own += now - job.since
        resume(frame)


class SharedCpu:
    """Time-sliced cores. `clock` is the work (ns) that a job there since the start would have had."""

    __slots__ = ("armed", "busy", "clock", "cores", "heap", "plan", "replica", "since", "stopped", "tie")

    def __init__(self, replica: Replica, plan: Cpu) -> None:
        self.replica = replica
        self.plan = plan
        self.cores = plan.cores
        self.heap: list[tuple[float, int, Job]] = []
        self.clock = 0.0
        self.since = replica.engine.env.now
        self.busy = 0.0
        self.armed: Any = None
        self.stopped = False
        self.tie = 0

    def _advance(self, now: int) -> None:
        count = len(self.heap)
        if count and not self.stopped:
            passed = now - self.since
            self.clock += passed * min(1.0, self.cores / count)
            self.busy += passed * min(self.cores, float(count))
        self.since = now

    def add(self, job: Job) -> None:
        """A job wants the CPU."""
        now = self.replica.engine.env.now
        self._advance(now)
        self.tie += 1
        heappush(self.heap, (self.clock + job.left, self.tie, job))
        self._arm()

    def _arm(self) -> None:
        heap = self.heap
        while heap and heap[0][2].frame is None:
            heappop(heap)
        if self.armed is not None:
            self.armed.callbacks = DEAD
            self.armed = None
        if not heap or self.stopped:
            return
        rate = min(1.0, self.cores / len(heap))
        left = max(0.0, heap[0][0] - self.clock) / rate
        delay = int(left)
        if left - delay > TINY:
            delay += 1
        wake = Wake(self)
        self.armed = wake
        self.replica.engine.schedule(wake, REQUEST, delay)

    def wake(self) -> None:
        """The next job should be done."""
        now = self.replica.engine.env.now
        self.armed = None
        self._advance(now)
        done = []
        while self.heap and self.heap[0][0] <= self.clock + TINY:
            done.append(heappop(self.heap)[2])
        self._arm()
        for job in done:
            _finish(job, now)

    def drop(self) -> None:
        """An abandoned job leaves at once, so that it slows the others no longer."""
        now = self.replica.engine.env.now
        self._advance(now)
        kept = [entry for entry in self.heap if entry[2].frame is not None]
        if len(kept) != len(self.heap):
            kept.sort()
            self.heap = kept
            self._arm()

    def pause(self, stopped: bool) -> None:
        """Stop, or go on."""
        now = self.replica.engine.env.now
        self._advance(now)
        self.stopped = stopped
        self._arm()

    def area(self, now: int) -> float:
        """Core-ns used so far."""
        self._advance(now)
        return self.busy


class Wake:
    """A CPU's appointment with its next completion."""

    __slots__ = ("callbacks", "cpu")
    _ok = True

    def __init__(self, cpu: Any) -> None:
        self.cpu = cpu
        self.callbacks: Any = WAKE


def _wake(event: Wake) -> None:
    event.cpu.wake()


WAKE = (_wake,)


class FifoCpu:
    """First come, first served on whole cores."""

    __slots__ = ("busy", "cores", "free", "plan", "queue", "replica", "running", "stopped")

    def __init__(self, replica: Replica, plan: Cpu) -> None:
        self.replica = replica
        self.plan = plan
        self.cores = max(1, int(plan.cores))
        self.free = self.cores
        self.queue: deque[Job] = deque()
        self.running: dict[Job, None] = {}
        self.stopped = False
        self.busy = Gauge(replica.engine.env.now)

    def add(self, job: Job) -> None:
        """A job wants a core."""
        if self.free and not self.stopped:
            self._start(job)
        else:
            self.queue.append(job)

    def _start(self, job: Job) -> None:
        now = self.replica.engine.env.now
        self.free -= 1
        self.busy.up(now)
        self.running[job] = None
        job.callbacks = CORE_DONE
        job.end = now + job.left
        self.replica.engine.schedule(job, REQUEST, int(job.left))

    def done(self, job: Job) -> None:
        """A core is free again."""
        now = self.replica.engine.env.now
        if job not in self.running:
            return
        if self.stopped or now < job.end:
            if not self.stopped:
                job.callbacks = CORE_DONE
                self.replica.engine.schedule(job, REQUEST, int(job.end) - now)
            return
        del self.running[job]
        self.free += 1
        self.busy.down(now)
        self._next()
        _finish(job, now)

    def _next(self) -> None:
        while self.queue and self.free and not self.stopped:
            job = self.queue.popleft()
            if job.frame is not None:
                self._start(job)

    def drop(self) -> None:
        """Abandoned jobs leave their core at once."""
        now = self.replica.engine.env.now
        for job in [job for job in self.running if job.frame is None]:
            del self.running[job]
            job.callbacks = DEAD
            self.free += 1
            self.busy.down(now)
        self._next()

    def pause(self, stopped: bool) -> None:
        """Stop where it is, or go on from there."""
        now = self.replica.engine.env.now
        self.stopped = stopped
        for job in self.running:
            if stopped:
                job.left = job.end - now
            else:
                job.end = now + job.left
                if job.callbacks is None:  # its old appointment has passed
                    job.callbacks = CORE_DONE
                    self.replica.engine.schedule(job, REQUEST, int(job.left))
        self._next()

    def area(self, now: int) -> float:
        """Core-ns used so far."""
        return float(self.busy.area(now))


def _core_done(job: Job) -> None:
    job.cpu.done(job)


CORE_DONE = (_core_done,)


def make_cpu(replica: Replica, plan: Cpu | None) -> Any:
    """The CPU a replica has; None when CPU never limits."""
    if plan is None:
        return None
    return SharedCpu(replica, plan) if plan.sharing else FifoCpu(replica, plan)


class Frozen:
    """Plain work stopped by a pause. `left` is what remains (ns); `timer` is set once it runs again."""

    __slots__ = ("due", "frame", "left", "replica", "since", "timer")

    def __init__(self, replica: Replica, frame: Frame, left: int, since: int) -> None:
        self.replica = replica
        self.frame = frame
        self.left = left
        self.since = since
        self.due = -1
        self.timer: Timer | None = None
        replica.frozen[self] = None

    def abandon(self, cancel: bool) -> None:
        """Its frame is gone."""
        if self.timer is not None:
            self.timer.stop()
        self.replica.frozen.pop(self, None)

    def stop(self, now: int) -> None:
        """Paused once more."""
        if self.timer is not None:
            self.timer.stop()
            self.timer = None
            self.left = self.due - now

    def go(self, now: int) -> None:
        """The pause is over."""
        self.due = now + self.left
        self.timer = Timer(_thawed, self)
        self.replica.engine.schedule(self.timer, REQUEST, self.left)


def _thawed(frozen: Frozen) -> None:
    frozen.replica.frozen.pop(frozen, None)
    frame = frozen.frame
    frame.own += frozen.replica.engine.env.now - frozen.since
    resume(frame)


def pause(replica: Replica) -> None:
    """Stop the replica's work where it is."""
    now = replica.engine.env.now
    replica.paused += 1
    replica.settle()
    if replica.paused > 1:
        return
    if replica.cpu is not None:
        replica.cpu.pause(True)
        return
    for frozen in replica.frozen:
        frozen.stop(now)
    for frame in _frames([*replica.active, *replica.strays]):
        if frame.callbacks is WORKED:
            frame.callbacks = DEAD
            left = frame.due - now
            frame.own -= left  # counted when it started; counted as it really was when it ends
            frame.child = Frozen(replica, frame, left, now)


def unpause(replica: Replica) -> None:
    """Go on from where the pause stopped it."""
    now = replica.engine.env.now
    replica.paused -= 1
    replica.settle()
    if replica.paused:
        return
    if replica.cpu is not None:
        replica.cpu.pause(False)
        return
    for frozen in list(replica.frozen):
        frozen.go(now)


def _frames(tops: list[Any]) -> list[Frame]:
    """Every frame below these requests and groups."""
    found: list[Frame] = []
    while tops:
        top = tops.pop()
        if isinstance(top, Frame):
            found.append(top)
            if top.child is not None:
                tops.append(top.child)
        elif hasattr(top, "branches"):
            tops.extend(top.branches)
        elif getattr(top, "child", None) is not None:  # a saga's present part
            tops.append(top.child)
    return found


def do_work(frame: Frame, amount: int) -> int:
    """Work on a replica that is not plain: slowed, limited by cores, or paused."""
    replica = frame.host.replica
    now = replica.engine.env.now
    amount = slowed(replica, frame, amount)
    cpu = replica.cpu
    if cpu is not None:
        plan = cpu.plan
        if plan.contention or plan.coherency:
            n = max(1, replica.gauge_busy.value)  # a call in place is no request of its own
            amount = round(amount * (1.0 + plan.contention * (n - 1) + plan.coherency * n * (n - 1)))
        job = Job(cpu, frame, amount, now)
        frame.child = job
        cpu.add(job)
    elif replica.paused:
        frame.child = Frozen(replica, frame, amount, now)
    else:
        frame.own += amount
        frame.due = now + amount
        frame.callbacks = WORKED
        replica.schedule(frame, REQUEST, amount)
    return PENDING


def slowed(replica: Replica, frame: Frame, amount: int) -> int:
    """The duration of a step that starts now, with every slowness on the replica or the endpoint."""
    body = frame.host.body
    for slowness in replica.slowness:
        if slowness.body < 0 or slowness.body == body:
            amount = round(amount * slowness.factor)
    return amount
