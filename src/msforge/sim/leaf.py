"""Leaf services without events: what a first come, first served station will do is known on arrival.

A service is *quiet* when nothing in the plan can change what happens to a request once it is
sent there: its endpoints only work and wait, requests queue in order for threads, no fault,
change, limit or cancellation touches it, and the network takes a constant time. The start of
a request is then max(arrival, earliest free thread), so the caller can be resumed by one
event, at the answer or its timeout, and the request itself is only a row. The times are those
that the events would have given, and so are the records.
"""

from __future__ import annotations

from collections import deque
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Service, Source, Step, System, Verb
from msforge.policies import backoff
from msforge.sim import kernel
from msforge.sim.calls import JITTER
from msforge.sim.kernel import ERROR, OVERLOADED, PENDING, REQUEST, RESUME, TIMEOUT, TIMER, Frame, Timer, cause_of
from msforge.sim.operations import Operation, constant_of
from msforge.sim.streams import Stream, context_of

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.programs import Programs
    from msforge.sim.service import ServiceRun

FOREVER = 1 << 62
REFUSED, LATE = -1, -2  # instead of the delay of an answer


def quiet_services(system: System) -> frozenset[int]:
    """The services whose requests need no events of their own."""
    if constant_of(system.network.latency) < 0 or len(system.zones) > 1:
        return frozenset()
    if any(f.kind not in ("slow", "fail", "pause") or f.crash for f in system.faults):
        return frozenset()
    if any(s.crash or s.policy.cancel != "none" or s.policy.deadline >= 0 for s in system.steps):
        return frozenset()  # a caller may go away before its answer
    hit = {f.service for f in system.faults} | {system.bodies[f.body].service for f in system.faults if f.body >= 0}
    quiet = {s.index for s in system.services if s.index not in hit and _is_station(system, s)}
    for step in system.steps:
        if step.verb == Verb.CALL:
            target = system.bodies[step.target].service
            if target in quiet and not _plain_call(system, step, target):
                quiet.discard(target)
    return frozenset(quiet)


def _is_station(system: System, service: Service) -> bool:
    if service.cpu is not None or service.rate > 0 or service.discipline != "fifo" or service.function is not None:
        return False
    if service.autoscale is not None or service.balance != "round_robin" or service.client_balancer:
        return False
    for b in service.bodies:
        body = system.bodies[b]
        if body.consumer >= 0 or not body.block:
            return False
        if any(system.steps[i].verb not in (Verb.WORK, Verb.WAIT) for i in body.block):
            return False
        if all(constant_of(system.steps[i].dist) >= 0 for i in body.block):
            return False  # ties are decided by the order of events
    return True


def _plain_call(system: System, step: Step, target: int) -> bool:
    """Whether a call to `target` can do without events at the callee."""
    policy = step.policy
    if policy.breaker is not None or policy.bulkhead >= 0 or policy.throttle is not None or policy.hedge >= 0:
        return False
    if policy.fallback is not None:
        return False
    if policy.retry is not None and policy.retry.budget is not None:
        return False
    if step.service < 0:
        return policy.timeout < 0 and policy.retry is None and _single(system, step)
    return step.service != target and system.bodies[step.body].consumer < 0


def _single(system: System, step: Step) -> bool:
    return any(s.single and s.arrivals != "closed" and step.index in s.journey for s in system.sources)


class Station:
    """The threads of one quiet replica: when each comes free, and when those waiting will start."""

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
        if len(free) < self.threads:
            heappush(free, arrive + work)
            return arrive
        start = free[0]
        if start <= arrive:
            heapreplace(free, arrive + work)
            return arrive
        starts = self.starts
        while starts and starts[0] <= arrive:
            starts.popleft()
        if len(starts) >= self.capacity:
            return -1
        starts.append(start)
        heapreplace(free, start + work)
        return start


class Leaf:
    """What calls to one endpoint of a quiet service share: its stations in turn, and its steps."""

    __slots__ = ("back", "body", "constant", "engine", "index", "rows", "service", "there", "times", "word")

    def __init__(self, engine: Engine, system: System, body: int) -> None:
        self.engine = engine
        self.body = body
        self.index = system.bodies[body].service
        self.service: ServiceRun = engine.services[self.index]
        self.there = self.back = engine.latency_constant
        self.rows = engine.leaf_rows
        steps = [system.steps[i] for i in system.bodies[body].block]
        self.times = [(engine.next_slot(), s.word, s.dist, constant_of(s.dist)) for s in steps]
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
        "back", "body", "constant", "edge", "edge_index", "leaf", "retried", "retry", "rows", "service", "stream_of",
        "there", "timeout",
    )

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        engine = programs.engine
        self.leaf = Leaf(engine, programs.system, step.target)
        self.service = self.leaf.service
        self.rows = engine.leaf_rows
        self.body = step.target
        self.edge = engine.edge_of(programs.system, step)
        self.edge_index = step.edge
        self.timeout = step.policy.timeout if step.policy.timeout >= 0 else FOREVER
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
        delay = self.send(root, work)
        edge = self.edge
        if delay >= 0:
            edge.plain += 1
            if root.measured:
                edge.counted_plain += 1
        else:
            edge.calls += 1
            edge.tries += 1
            edge.counted_calls += root.measured
            edge.counted_tries += root.measured
        return delay

    def _draw(self, site: Any, number: int, context: int) -> int:
        leaf = self.leaf
        inside = site.sub(self.slot, self.word)
        work = leaf.work(inside, number, context_of(context, 0, 0))
        if len(leaf.times) == 1:
            self.stream_of[site] = inside.streams[leaf.times[0][0]]
        return work

    def send(self, root: Any, work: int) -> int:
        """One try: where it waits and when it is answered. As `first_try`."""
        now = self.engine.env.now
        service = self.service
        stations = service.stations
        turn = service.turn
        service.turn = turn + 1
        station = stations[turn % len(stations)]
        arrive = now + self.there
        free = station.free_at
        if len(free) == station.threads and free[0] <= arrive:  # the common case of `admit`, in place
            start = arrive
            heapreplace(free, arrive + work)
        else:
            start = station.admit(arrive, work)
        if start < 0:
            self.rows += (
                self.body, station.number, root.source, root.arrival, arrive, -1, arrive, OVERLOADED, 0, 0, 0, 0, 0,
                -1)
            return REFUSED
        end = start + work
        delay = end + self.back - now
        late = delay > self.timeout
        self.rows += (
            self.body, station.number, root.source, root.arrival, arrive, start - arrive, end, 0, work, 0, 0, 0,
            1 if end - now > self.timeout else 0, -1 if late else self.edge_index)
        return LATE if late else delay

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
        delay = op.send(frame.root, work)
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


class LeafEntry:
    """A quiet service that a source calls directly: a request is two rows and no event."""

    __slots__ = ("alone", "leaf", "rows", "stream")

    def __init__(self, engine: Engine, system: System, step: Step) -> None:
        self.leaf = Leaf(engine, system, step.target)
        self.rows = engine.leaf_roots
        self.stream: Stream | None = None
        service = self.leaf.index
        self.alone = sum(
            system.bodies[s.target].service == service for s in system.steps if s.verb == Verb.CALL
        ) == 1  # nobody else calls the service, so its arrivals are known ahead

    def send(self, site: Any, source: int, number: int, at: int) -> None:
        """One root request, whole."""
        leaf = self.leaf
        work = leaf.constant
        if work < 0:
            stream = self.stream
            if stream is None:
                work = leaf.work(site, number, 0)
                if len(leaf.times) == 1:
                    self.stream = site.streams[leaf.times[0][0]]
            else:
                i = number - stream.first
                work = stream.values[i] if 0 <= i < stream.size else stream.fetch(number)
        service = leaf.service
        stations = service.stations
        turn = service.turn
        service.turn = turn + 1
        station = stations[turn % len(stations)]
        arrive = at + leaf.there
        start = station.admit(arrive, work)
        if start < 0:
            leaf.rows += (leaf.body, station.number, source, at, arrive, -1, arrive, OVERLOADED, 0, 0, 0, 0, 0, -1)
            self.rows += (
                source, leaf.body, number, at, arrive + leaf.back, OVERLOADED, cause_of(leaf.index, OVERLOADED), 1,
                0, 0, 0, leaf.there + leaf.back, 0)
            return
        end = start + work
        wait = start - arrive
        leaf.rows += (leaf.body, station.number, source, at, arrive, wait, end, 0, work, 0, 0, 0, 0, -1)
        self.rows += (
            source, leaf.body, number, at, end + leaf.back, 0, -1, 1, wait, work, 0, leaf.there + leaf.back, 0)


def entry_of(engine: Engine, system: System, plan: Source) -> LeafEntry | None:
    """The quiet service a source calls, if it does."""
    step = system.steps[plan.journey[0]] if plan.single and plan.journey else None
    if step is None or plan.arrivals == "closed" or system.bodies[step.target].service not in engine.quiet:
        return None
    return LeafEntry(engine, system, step)
