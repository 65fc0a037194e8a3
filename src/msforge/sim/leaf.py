"""Leaves without events: what a first come, first served station will do is known on arrival.

The endpoints of a leaf only work and wait, and nothing else touches its requests (`quiet`). The
start of a request is then max(arrival, earliest free thread), so the caller can be resumed by one
event, at the answer or its timeout, and the request itself is only a row. The times are those
that the events would have given, and so are the records.
"""

from __future__ import annotations

from collections import deque
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Step, System
from msforge.policies import backoff
from msforge.sim import kernel
from msforge.sim.calls import JITTER
from msforge.sim.kernel import ERROR, OVERLOADED, PENDING, REQUEST, RESUME, TIMEOUT, TIMER, Frame, Timer, cause_of
from msforge.sim.ledger import leaf_row
from msforge.sim.operations import Operation, constant_of
from msforge.sim.streams import Stream, context_of

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.programs import Programs
    from msforge.sim.service import ServiceRun

FOREVER = 1 << 62
REFUSED, LATE = -1, -2  # instead of the delay of an answer


class Station:
    """The threads of one quiet replica: when each comes free, and when those waiting will start.

    A thread stands in `free_at` from its first use on.
    """

    __slots__ = ("capacity", "free_at", "number", "starts", "threads")

    def __init__(self, number: int, threads: int, capacity: int) -> None:
        self.number = number
        self.threads = threads
        self.capacity = capacity
        self.free_at: list[int] = []
        self.starts: deque[int] = deque()

    def admit(self, arrive: int, work: int) -> int:
        """The start (ns) of a request that arrives now, -1 when the queue is full. Arrivals come in order."""
        free = self.free_at
        if free and free[0] <= arrive:
            heapreplace(free, arrive + work)
            return arrive
        if len(free) < self.threads:
            heappush(free, arrive + work)
            return arrive
        start = free[0]
        starts = self.starts
        while starts and starts[0] <= arrive:
            starts.popleft()
        if len(starts) >= self.capacity:
            return -1
        starts.append(start)
        heapreplace(free, start + work)
        return start


    def admit_all(self, arrive: list[int], work: list[int]) -> list[int]:
        """As `admit`, for requests in the order of their arrival."""
        free = self.free_at
        starts = []
        requests = zip(arrive, work, strict=True)
        if self.capacity == FOREVER:
            while len(free) < self.threads and (request := next(requests, None)) is not None:
                starts.append(self.admit(*request))
            for come, stay in requests:
                start = free[0]
                if start < come:
                    start = come
                heapreplace(free, start + stay)
                starts.append(start)
        return starts + [self.admit(come, stay) for come, stay in requests]


class Leaf:
    """What calls to one endpoint of a quiet service share: its stations in turn, and its steps."""

    __slots__ = ("back", "body", "constant", "engine", "index", "pick", "service", "steps", "there", "times")

    def __init__(self, engine: Engine, system: System, body: int) -> None:
        self.engine = engine
        self.body = body
        self.index = system.bodies[body].service
        self.service: ServiceRun = engine.services[self.index]
        self.pick = self.service.pick
        self.there = self.back = engine.latency_constant
        self.steps = [system.steps[i] for i in system.bodies[body].block]
        self.times = [(engine.next_slot(), s.word, s.dist, constant_of(s.dist)) for s in self.steps]
        self.constant = sum(c for *_, c in self.times) if all(c >= 0 for *_, c in self.times) else -1

    def work(self, site: Any, number: int, context: int) -> int:
        """All the steps of one request (ns)."""
        total = 0
        for slot, word, dist, constant in self.times:
            total += constant if constant >= 0 else site.draw(slot, word, "time", dist, number, context)
        return total


class LeafCallOp(Operation):
    """A call to a quiet service: one event for the answer, or for the timeout."""

    __slots__ = (
        "back", "call", "call_again", "constant", "edge", "leaf", "pick", "retried", "retry", "rows", "service",
        "stream_of", "there", "timeout",
    )

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        engine = programs.engine
        self.leaf = Leaf(engine, programs.system, step.target)
        self.service = self.leaf.service
        self.rows = engine.ledger.leaf
        self.edge = engine.edge_of(programs.system, step)
        self.timeout = step.policy.timeout if step.policy.timeout >= 0 else FOREVER
        self.call = engine.ledger.call(step.target, step.edge, self.timeout)
        self.call_again = engine.ledger.call(step.target, step.edge, self.timeout, again=True)
        self.pick = self.service.pick
        self.retry = step.policy.retry
        self.retried = sum(1 << o for o in self.retry.on) if self.retry is not None else 0
        self.there = self.back = engine.latency_constant
        self.constant = self.leaf.constant
        self.stream_of: dict[Any, Stream] = {}

    def start(self, frame: Frame) -> int:
        """Send the first try."""
        delay = self.first_try(frame.root, frame.site, frame.context)
        if delay < 0:
            return self.later(frame, None, delay)
        frame.net += self.there + self.back
        if not delay:
            return kernel.DONE
        frame.callbacks = RESUME
        self.engine.schedule(frame, REQUEST, delay)
        return PENDING

    def first_try(self, root: Any, site: Any, context: int) -> int:
        """Send: in how many ns the answer is there; REFUSED or LATE when none will be."""
        work = self.constant
        if work < 0:
            stream = self.stream_of.get(site)
            if stream is None or context:
                work = self._draw(site, root.number, context)
            else:
                i = root.number - stream.first
                work = stream.values[i] if 0 <= i < stream.size else stream.fetch(root.number)
        delay = self.send(root, work, self.call)
        if delay < 0:
            self.count_failing(root)
        return delay

    def count_failing(self, root: Any) -> None:
        """Count a call whose first try will fail."""
        edge, measured = self.edge, root.measured
        edge.calls += 1
        edge.tries += 1
        edge.counted_calls += measured
        edge.counted_tries += measured

    def _draw(self, site: Any, number: int, context: int) -> int:
        leaf = self.leaf
        inside = site.sub(self.slot, self.word)
        work = leaf.work(inside, number, context_of(context, 0, 0))
        if len(leaf.times) == 1:
            self.stream_of[site] = inside.streams[leaf.times[0][0]]
        return work

    def send(self, root: Any, work: int, call: int) -> int:
        """One try: where it waits and when it is answered. As `first_try`."""
        now = self.engine.env.now
        number, station = self.pick()
        arrive = now + self.there
        start = station.admit(arrive, work)
        wait = start - arrive if start >= 0 else -1
        self.rows += leaf_row(call, number, root.source, root.arrival, arrive, wait, work)
        if start < 0:
            return REFUSED
        delay = start + work + self.back - now
        return LATE if delay > self.timeout else delay

    def later(self, frame: Frame, again: Again | None, how: int) -> int:
        """The try will fail: REFUSED when the refusal is back, LATE at its timeout."""
        if again is None:
            again = Again(self, frame)
        frame.child = again
        if how == LATE:
            again.outcome, delay, priority = TIMEOUT, self.timeout, TIMER
        else:
            again.outcome, delay, priority = OVERLOADED, self.there + self.back, REQUEST
            frame.net += delay
        again.timer = Timer(_failed, again)
        self.engine.schedule(again.timer, priority, delay)
        return PENDING


class Again:
    """A call to a quiet service whose first try does not succeed: its failures and retries."""

    __slots__ = ("attempt", "frame", "last_delay", "op", "outcome", "timer")
    timer: Timer

    def __init__(self, op: LeafCallOp, frame: Frame) -> None:
        self.op = op
        self.frame = frame
        self.attempt = 0
        self.last_delay = 0
        self.outcome = 0

    def abandon(self, cancel: bool) -> None:
        """The caller is gone."""
        self.timer.stop()

    def failed(self) -> None:
        """The try's failure has reached the caller: back off, or give up."""
        op, frame, outcome = self.op, self.frame, self.outcome
        edge = op.edge
        measured = frame.root.measured
        edge.failed_tries += 1
        if outcome == TIMEOUT:
            edge.gave_up += 1
            edge.counted_gave_up += measured
        edge.try_outcomes[outcome] += measured
        retry = op.retry
        if retry is None or not op.retried >> outcome & 1 or 0 <= retry.attempts <= self.attempt + 1:
            edge.failed_calls += 1
            edge.call_outcomes[outcome] += measured
            kernel.fail_later(frame, ERROR, cause_of(op.leaf.index, outcome))
            return
        self.attempt += 1
        edge.retries += 1
        edge.counted_retries += measured
        u = 0.5 if retry.jitter == "none" else self._jitter()
        delay = backoff.delay(
            self.attempt, retry.backoff, retry.factor, retry.max_backoff, retry.jitter, u, self.last_delay)
        self.last_delay = delay
        frame.back += delay
        self.timer = Timer(_again, self)
        op.engine.schedule(self.timer, REQUEST, delay)

    def _jitter(self) -> float:
        frame = self.frame
        site = frame.site.sub(self.op.slot, self.op.word)
        context = context_of(frame.context, 0, self.attempt)
        u: float = site.draw(JITTER, "jitter", "u", None, frame.root.number, context)
        return u

    def resend(self) -> None:
        """The next try."""
        op, frame = self.op, self.frame
        edge = op.edge
        edge.tries += 1
        edge.counted_tries += frame.root.measured
        work = op.leaf.constant
        if work < 0:
            site = frame.site.sub(op.slot, op.word)
            work = op.leaf.work(site, frame.root.number, context_of(frame.context, 0, self.attempt))
        delay = op.send(frame.root, work, op.call_again)
        if delay < 0:
            op.later(frame, self, delay)
            return
        edge.counted_late += frame.root.measured
        frame.net += op.there + op.back
        frame.child = None
        if delay:
            frame.callbacks = RESUME
            op.engine.schedule(frame, REQUEST, delay)
        else:
            kernel.resume(frame)


def _failed(again: Again) -> None:
    again.failed()


def _again(again: Again) -> None:
    again.resend()
