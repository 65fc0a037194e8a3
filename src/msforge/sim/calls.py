"""A call: its tries, and the policies around them.

Outermost first: fallback, deadline, retry with budget, throttle, breaker, bulkhead, hedge,
timeout per try. The machines themselves are in `policies`; this is where they meet time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.policies import backoff
from msforge.sim import kernel
from msforge.sim.kernel import (
    BULKHEAD_FULL,
    CIRCUIT_OPEN,
    DEAD,
    DEGRADED,
    DONE,
    ERROR,
    FAILED,
    OK,
    PENDING,
    REJECTED,
    REQUEST,
    THROTTLED,
    TIMEOUT,
    TIMER,
    UNAVAILABLE,
    Frame,
    Timer,
    cause_of,
)
from msforge.sim.request import ARRIVED, ENDED, RUNNING, SENT, Request
from msforge.sim.streams import context_of

if TYPE_CHECKING:
    from msforge.sim.operations import CallOp
    from msforge.sim.streams import Site

JITTER, THROTTLE, CANCEL = -1, -3, -4  # slots of draws


class Call:
    """One execution of a call step. It is itself the event of its backoff.

    `req` and `hedge` are the tries whose answer it waits for; `starting` is true while
    `start` runs, when an end is handed back instead of resuming the caller.
    """

    __slots__ = (
        "attempt", "callbacks", "context", "deadline", "frame", "guard", "hedge", "last_delay", "op", "req",
        "result", "root", "site", "starting", "ticket", "timers", "tried_at", "tries",
    )
    _ok = True

    def __init__(self, op: CallOp, frame: Any, root: Any, site: Site, context: int) -> None:
        self.callbacks: Any = None
        self.op = op
        self.frame: Frame | Any = frame
        self.root = root
        self.site = site
        self.context = context
        self.attempt = 0
        self.tries = 0
        self.req: Request | None = None
        self.hedge: Request | None = None
        self.result = PENDING
        self.last_delay = 0
        self.deadline = -1
        self.guard: Any = None
        self.timers: Any = None

    # -- life ------------------------------------------------------------------------------

    def start(self) -> int:
        """Send the first try. PENDING, or how it ended when that took no time."""
        op = self.op
        self.starting = True
        edge = op.edge
        edge.calls += 1
        if self.root.measured:
            edge.counted_calls += 1
        if op.guarded:
            self._enter_guards()
        else:
            self.send()
        self.starting = False
        return self.result

    def _enter_guards(self) -> None:
        """What happens once per call: deadline, guards, and then the first try."""
        op = self.op
        now = op.engine.env.now
        frame = self.frame
        inherited = frame.host.deadline if frame is not None and frame.host is not None else -1
        own = now + op.deadline if op.deadline >= 0 else -1
        self.deadline = own if inherited < 0 else inherited if own < 0 else min(own, inherited)
        if own >= 0 and (inherited < 0 or own < inherited):
            timer = Timer(_deadline, self)
            self.timers = [timer]
            op.engine.schedule(timer, TIMER, op.deadline)
        if op.needs_guard:
            self.guard = op.guard_of(self)
            if self.guard.budget is not None:
                self.guard.budget.first_try(now)
        self.admit()

    def admit(self) -> None:
        """One attempt: through throttle, breaker and bulkhead, then out."""
        guard = self.guard
        self.ticket = -1
        now = self.op.engine.env.now
        self.tried_at = now
        if guard is not None:
            if guard.throttle is not None and guard.throttle.refuse(now, self.draw(THROTTLE, "throttle")):
                return self.attempt_over(THROTTLED, cause_of(self.op.service.index, THROTTLED))
            if guard.breaker is not None:
                self.ticket = guard.breaker.allow(now)
                if self.ticket < 0:
                    return self.attempt_over(CIRCUIT_OPEN, cause_of(self.op.service.index, CIRCUIT_OPEN))
            if guard.bulkhead is not None and not guard.bulkhead.enter():
                if guard.breaker is not None:
                    guard.breaker.cancel(self.ticket, now)
                return self.attempt_over(BULKHEAD_FULL, cause_of(self.op.service.index, BULKHEAD_FULL))
        self.send()
        if self.op.hedge_after >= 0 and self.req is not None:
            timer = Timer(_hedge, (self, self.req))
            self.timers = [*(self.timers or ()), timer]
            self.op.engine.schedule(timer, REQUEST, self.op.hedge_after)
        return None

    def send(self) -> None:
        """Send one try to a replica."""
        op = self.op
        engine = op.engine
        tries = self.tries
        self.tries = tries + 1
        edge = op.edge
        edge.tries += 1
        if self.root.measured:
            edge.counted_tries += 1
        context = self.context
        if context or tries:
            context = context_of(context, 0, tries)
        if op.local:
            return self._run_in_place(context)
        service = op.service
        balancer = service.shared
        if service.plan.client_balancer:
            balancer = service.balancer(self.frame.host.replica if self.frame is not None else None)
        replica = balancer.pick(self)
        if replica is None:
            return self._unavailable()
        request = Request(replica.programs.bodies[op.target], self.site, context, self.root, self, op.target, replica)
        if self.req is None:
            self.req = request
        else:
            self.hedge = request
        if self.deadline >= 0:
            request.deadline = self.deadline
        if service.counting:
            balancer.sent(request)
        if service.plan.discipline == "priority":
            request.priority = op.policy.priority
        if op.timer is not None:
            op.timer.add(request)
        there = engine.latency_constant
        stream = self.site.there
        if stream is not None:
            there = (stream.at(context) if context else stream).get(self.root.number)
        if engine.links.special:
            there = engine.links.there(request, self, there)
            if there < 0:
                return None
        if there:
            request.wire = there
            request.callbacks = ARRIVED
            engine.schedule(request, REQUEST, there)
        else:
            replica.arrive(request)
        return None

    def _run_in_place(self, context: int) -> None:
        """An endpoint of the same service: same thread, no network, no queue."""
        host = self.frame.host
        replica = host.replica
        request = Request(
            replica.programs.bodies[self.op.target], self.site, context, self.root, self, self.op.target, replica
        )
        now = self.op.engine.env.now
        request.local = True
        request.arrive = now
        request.deadline = self.deadline if self.deadline >= 0 else host.deadline
        if self.req is None:
            self.req = request
        else:
            self.hedge = request
        if self.op.timer is not None:
            self.op.timer.add(request)
        replica.arrived += 1
        replica.service.arrived += 1
        result = replica.begin(request, now)
        if result != PENDING:
            replica.end(request, result)

    def _unavailable(self) -> None:
        """No replica is believed ready: the try fails at once, without network."""
        if self.guard is not None and self.guard.bulkhead is not None:
            self.guard.bulkhead.leave()
        self.try_over(UNAVAILABLE, cause_of(self.op.service.index, UNAVAILABLE))

    # -- answers ---------------------------------------------------------------------------

    def answered(self, request: Request) -> None:
        """The answer to one of its tries is in."""
        outcome = request.outcome
        frame = self.frame
        if outcome == OK and not self.op.guarded and request.balancer is None and not request.local:
            request.call = self.req = None
            if self.root.measured:
                edge = self.op.edge
                edge.try_outcomes[0] += 1
                edge.call_outcomes[0] += 1
            if frame is None:
                self.finish(DONE, OK, -1, request)
                return
            frame.net += request.wire
            host = frame.host
            if host is not None and host.message is not None:
                host.message.called(self.op)
            if self.starting:
                self.result = DONE
            else:
                kernel.resume(frame)
            return
        if frame is not None:
            if request.local:
                frame.add_times(request)
            else:
                frame.net += request.wire
        self._let_go(request)
        if outcome <= DEGRADED:
            self._count_try(outcome)
            self._succeed(request)
            return
        self.failed_with(request)
        cause = request.cause
        self.try_over(outcome, cause if cause >= 0 else cause_of(self.op.service.index, outcome))

    def timed_out(self, request: Request) -> None:
        """A try's time is up; the callee does not know."""
        self.op.edge.gave_up += 1
        if self.root.measured:
            self.op.edge.counted_gave_up += 1
        self._let_go(request)
        if request.local:
            request.replica.abort(request, TIMEOUT)
        else:
            self.cancel(request)
        self.try_over(TIMEOUT, cause_of(self.op.service.index, TIMEOUT))

    def _let_go(self, request: Request) -> None:
        """Stop waiting for this try."""
        tracer = self.op.engine.tracer
        if tracer is not None and self.root.traced:
            tracer.let_go(request)
        request.call = None
        if request.balancer is not None:
            request.balancer.settled(request)
        if request is self.req:
            self.req, self.hedge = self.hedge, None
        else:
            self.hedge = None
        if self.guard is not None and self.guard.bulkhead is not None:
            self.guard.bulkhead.leave()

    def _count_try(self, outcome: int) -> None:
        edge = self.op.edge
        if outcome > DEGRADED:
            edge.failed_tries += 1
        if self.root.measured:
            edge.try_outcomes[outcome] += 1

    def _succeed(self, request: Request) -> None:
        if self.req is not None:  # the other of two hedged tries
            loser = self.req
            self._let_go(loser)
            self.cancel(loser)
            self._count_try(kernel.CANCELLED)
        if self.guard is not None or self.timers is not None:
            self._report(request.outcome)
            self._stop_timers()
        frame = self.frame
        if request.outcome == DEGRADED and frame is not None and frame.host is not None:
            frame.host.degraded = DEGRADED
        if frame is not None and frame.host is not None and frame.host.message is not None:
            frame.host.message.called(self.op)
        if self.root.measured:
            self.op.edge.call_outcomes[request.outcome] += 1
        self.finish(DONE, request.outcome, -1, request)

    def _report(self, outcome: int) -> None:
        """Tell the guards how an attempt ended."""
        guard = self.guard
        if guard is None:
            return
        now = self.op.engine.env.now
        if guard.breaker is not None and self.ticket >= 0:
            guard.breaker.record(self.ticket, now, outcome in guard.failures, now - self.tried_at)
        if guard.throttle is not None and (outcome <= DEGRADED or outcome == REJECTED):
            guard.throttle.accept(now)  # "no" is an answer of a callee that is well
        if guard.budget is not None and outcome != REJECTED:
            guard.budget.result(now, outcome <= DEGRADED)

    def try_over(self, outcome: int, cause: int) -> None:
        """A try failed. The attempt goes on while a hedged try is still out."""
        self._count_try(outcome)
        if self.req is not None:
            return
        if self.op.guarded:
            self._report(outcome)
            self._stop_hedge_timers()
        self.attempt_over(outcome, cause)

    def attempt_over(self, outcome: int, cause: int) -> None:
        """An attempt failed: try again after a pause, or give up."""
        op = self.op
        retry = op.retry
        if retry is None or not (op.retried >> outcome & 1) or not self._may_retry(retry.attempts):
            self.give_up(outcome, cause)
            return
        self.attempt += 1
        edge = op.edge
        edge.retries += 1
        if self.root.measured:
            edge.counted_retries += 1
        u = 0.5 if retry.jitter == "none" else self.draw(JITTER, "jitter")
        delay = backoff.delay(
            self.attempt, retry.backoff, retry.factor, retry.max_backoff, retry.jitter, u, self.last_delay
        )
        self.last_delay = delay
        self.waited(delay)
        if op.engine.tracer is not None and self.root.traced:
            op.engine.tracer.backoff(self, delay)
        self.callbacks = AGAIN
        op.engine.schedule(self, REQUEST, delay)

    def waited(self, delay: int) -> None:
        """Count a backoff as the caller's."""
        self.frame.back += delay

    def answered_ahead(self, request: Request, back: int) -> bool:
        """Hook for an answer that is `back` ns away: true when it needs no event to arrive."""
        return False

    def failed_with(self, request: Request) -> None:
        """Hook for the answer of a failed try."""

    def _may_retry(self, attempts: int) -> bool:
        op = self.op
        if 0 <= attempts <= self.attempt + 1:
            return False
        budget = self.guard.budget if self.guard is not None else None
        if budget is not None and not budget.retry(op.engine.env.now):
            op.edge.budget_denied += 1
            return False
        return True

    def give_up(self, outcome: int, cause: int) -> None:
        """The call failed: its fallback answers, or the step fails."""
        self._stop_timers()
        if self.root.measured:
            self.op.edge.call_outcomes[outcome] += 1
        self.op.edge.failed_calls += 1
        if self.op.fallback is not None:
            self._fall_back(outcome, cause)
        else:
            self.finish(FAILED, outcome, cause, None)

    def _fall_back(self, outcome: int, cause: int) -> None:
        frame = Frame(
            self.op.fallback, self.frame.site.sub(self.op.fallback_slot, self.op.word + " fallback"),
            self.context, self.frame, self,
        )
        frame.outcome, frame.cause = outcome, cause
        self.frame.child = frame
        result = kernel.run(frame)
        if result != PENDING:
            self.child_ended(frame, result)

    def child_ended(self, child: Frame, result: int) -> None:
        """The fallback ended."""
        self.frame.add_times(child)
        if result == DONE:
            self.frame.host.degraded = DEGRADED
            self.finish(DONE, DEGRADED, -1, None)
        else:
            self.finish(FAILED, child.outcome, child.cause, None)

    def finish(self, result: int, outcome: int, cause: int, request: Request | None) -> None:
        """Hand the outcome to the caller."""
        frame = self.frame
        tracer = self.op.engine.tracer
        if tracer is not None and self.root.traced:
            tracer.close(frame, outcome)
        if result == FAILED:
            frame.outcome = ERROR
            frame.cause = cause
        if self.starting:
            self.result = result
        elif result == DONE:
            kernel.resume(frame)
        else:
            kernel.fail_later(frame, ERROR, cause)

    # -- ends before its time ------------------------------------------------------------------

    def abandon(self, cancel: bool) -> None:
        """The caller is gone: nobody waits for the tries any more."""
        self.callbacks = DEAD
        self._stop_timers()
        if self.guard is not None and self.guard.breaker is not None and self.req is not None:
            self.guard.breaker.cancel(self.ticket, self.op.engine.env.now)
        for _ in range(2):
            request = self.req
            if request is None:
                break
            self._let_go(request)
            if request.local:
                request.replica.abort(request, kernel.CANCELLED if cancel else kernel.RESET, cancel)
            elif cancel:
                self.send_cancel(request)

    def cancel(self, request: Request) -> None:
        """Tell the callee of a try that nobody waits for, when the call says so."""
        if self.op.cancel != "none":
            self.send_cancel(request)

    def send_cancel(self, request: Request) -> None:
        """A cancel message; it takes one latency to the callee."""
        engine = self.op.engine
        everything = self.op.cancel != "queued"
        if request.local:  # it runs in place, and so has started
            if everything:
                request.replica.abort(request, kernel.CANCELLED, True)
            return
        latency = engine.latency_constant
        if self.op.latency is not None:
            latency = self.site.draw(CANCEL, "cancel", "time", self.op.latency, self.root.number, request.context)
        engine.after(latency, _cancel, (request, everything))

    def deadline_passed(self) -> None:
        """The whole call has had its time."""
        self.callbacks = DEAD
        if self.req is not None:  # between two tries the last one has been told of
            self._report(TIMEOUT)
        for _ in range(2):
            request = self.req
            if request is None:
                break
            self._let_go(request)
            self._count_try(TIMEOUT)
            if request.state != SENT:
                request.replica.abort(request, TIMEOUT)
        self.give_up(TIMEOUT, cause_of(self.op.service.index, TIMEOUT))

    def _stop_timers(self) -> None:
        if self.timers is not None:
            for timer in self.timers:
                timer.stop()
            self.timers = None

    def _stop_hedge_timers(self) -> None:
        if self.timers is not None and self.op.hedge_after >= 0:
            kept = [t for t in self.timers if t.act is _deadline]
            for timer in self.timers:
                if timer.act is not _deadline:
                    timer.stop()
            self.timers = kept

    def draw(self, slot: int, purpose: str) -> float:
        """A uniform number for this try."""
        context = self.context
        if context or self.tries:
            context = context_of(context, 0, self.tries)
        u: float = self.site.draw(slot, purpose, "u", None, self.root.number, context)
        return u


def _again(call: Call) -> None:
    if call.op.guarded:
        call.admit()
    else:
        call.send()


AGAIN = (_again,)


def _deadline(call: Call) -> None:
    call.deadline_passed()


def _hedge(subject: tuple[Call, Request]) -> None:
    call, first = subject
    if call.req is not first or call.hedge is not None:
        return
    guard = call.guard
    if guard is not None and guard.bulkhead is not None and not guard.bulkhead.enter():
        return
    call.op.edge.hedges += 1
    if call.root.measured:
        call.op.edge.counted_hedges += 1
    call.send()


def _cancel(subject: tuple[Request, bool]) -> None:
    request, everything = subject
    if request.state == ENDED or (request.state == RUNNING and not everything):
        return
    request.replica.abort(request, kernel.CANCELLED, everything)
