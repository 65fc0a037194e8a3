"""A call: its tries, and the policies around them.

Outermost first: fallback, deadline, retry with budget, throttle, breaker, bulkhead, hedge, timeout per try. The
machines themselves are in `policies`; this is where they meet time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from msforge.policies.backoff import delay as backoff_delay
from msforge.policies.keys import child_key, occurrence, uniform
from msforge.runtime.failures import (
    BULKHEAD_FULL,
    CANCELLED,
    CIRCUIT_OPEN,
    DEGRADED,
    ERROR,
    RESET,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
    StepFailed,
    cause_of,
    status_of_failure,
)
from msforge.runtime.guards import Guard
from msforge.runtime.place import HERE, Place, enter, purpose_key
from msforge.runtime.plan import Call
from msforge.runtime.transport import Answer, Try

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow

Branch = Callable[[], Awaitable[Any]]


async def execute(
    flow: Flow, call: Call, request: Mapping[str, Any] | None, fallback: Branch | None = None
) -> dict[str, Any]:
    """Run a call step: the answer's body. Raises StepFailed when the call failed and nothing made up for it."""
    here = HERE.get()
    calling = Calling(flow, call, request, here)
    if call.plain and flow.deadline < 0:
        answer = await calling.once()
    else:
        answer = await calling.run()
    if answer.outcome <= DEGRADED:
        if answer.outcome == DEGRADED:
            flow.degraded = True
        if call.effect and flow.message is not None:
            flow.message.effect(calling.key)
        return answer.body
    calling.edge.failed_calls += 1
    if fallback is None:
        raise StepFailed(ERROR, answer.cause, status_of_failure(answer.outcome))
    with enter(here.inside(call.word + " fallback")):
        try:
            body = await fallback()
        except StepFailed as failure:
            raise StepFailed(ERROR, failure.cause, failure.status) from failure
    flow.degraded = True
    return body if isinstance(body, dict) else {}


class Calling:
    """One execution of a call step.

    `first` and `hedge` are the tries whose answer it waits for. Tries are tasks of their own: a caller that stops
    waiting leaves them to end by themselves, unless the call says that they are to be cancelled.
    """

    __slots__ = (
        "alarms", "attempt", "call", "context", "deadline", "edge", "first", "flow", "guard", "hedge", "key",
        "last_delay", "place", "request", "result", "ticket", "tried_at", "tries", "waiter",
    )

    def __init__(self, flow: Flow, call: Call, request: Mapping[str, Any] | None, place: Place) -> None:
        self.flow = flow
        self.call = call
        self.request = request
        self.place = place
        self.key = child_key(place.key, call.word)
        self.context = place.context
        self.edge = flow.replica.stats.edge(call)
        self.edge.calls += 1
        self.attempt = 0
        self.tries = 0
        self.first: Try | None = None
        self.hedge: Try | None = None
        self.result: Answer | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.last_delay = 0
        self.deadline = flow.deadline
        self.guard: Guard | None = None
        self.ticket = -1
        self.tried_at = 0
        self.alarms: list[asyncio.TimerHandle | None] = [None, None, None]  # deadline, hedge, backoff

    # -- life ------------------------------------------------------------------------------

    async def once(self) -> Answer:
        """Without any policy: one try, in the caller's own task."""
        replica = self.flow.replica
        self.tries = 1
        self.edge.tries += 1
        sent = Try(occurrence(self.context, 0, 0))
        if self.call.service == replica.name:
            answer = await replica.in_place(sent, self)
            self._count_times(sent, answer)
        else:
            url = self._pick(sent)
            if url is None:
                self.edge.outcomes[UNAVAILABLE] += 1
                return self._failure(UNAVAILABLE)
            if replica.transport.direct(self.call, self.flow):
                try:
                    answer = await replica.transport.exchange(sent, self)
                finally:
                    sent.balancer.settled(url)
            else:
                return await self._wait_for(sent)
        self.edge.outcomes[answer.outcome] += 1
        return answer

    async def _wait_for(self, sent: Try) -> Answer:
        """A try in a task of its own, so that it goes on when its caller is stopped."""
        self.first = sent
        self._dispatch(sent)
        return await self._outcome()

    async def run(self) -> Answer:
        """With the policies: how it ended."""
        call = self.call
        clock = self.flow.replica.clock
        now = clock.now()
        inherited = self.deadline
        if call.deadline >= 0 and (inherited < 0 or now + call.deadline < inherited):
            self.deadline = now + call.deadline
            self.alarms[0] = clock.give_up(call.deadline, self.deadline_passed)
        if call.guarded:
            self.guard = self.flow.replica.guards.of(call)
            if self.guard.budget is not None:
                self.guard.budget.first_try(now)
        self.admit()
        return await self._outcome()

    async def _outcome(self) -> Answer:
        if self.result is None:
            self.waiter = asyncio.get_running_loop().create_future()
            try:
                await self.waiter
            except asyncio.CancelledError:
                self.abandon(self.flow.cancel_calls)
                raise
        assert self.result is not None
        return self.result

    def admit(self) -> None:
        """One attempt: through throttle, breaker and bulkhead, then out."""
        guard = self.guard
        call = self.call
        clock = self.flow.replica.clock
        self.ticket = -1
        self.tried_at = now = clock.now()
        if guard is not None:
            if guard.throttle is not None and guard.throttle.refuse(now, self.draw("throttle")):
                return self.attempt_over(self._failure(THROTTLED))
            if guard.breaker is not None:
                self.ticket = guard.breaker.allow(now)
                if self.ticket < 0:
                    return self.attempt_over(self._failure(CIRCUIT_OPEN))
            if guard.bulkhead is not None and not guard.bulkhead.enter():
                if guard.breaker is not None:
                    guard.breaker.cancel(self.ticket, now)
                return self.attempt_over(self._failure(BULKHEAD_FULL))
        self.send()
        if call.hedge >= 0 and self.first is not None:
            self.alarms[1] = clock.later(call.hedge, self.send_hedge, self.first)
        return None

    def send(self) -> None:
        """Send one try to a replica."""
        tries = self.tries
        self.tries = tries + 1
        self.edge.tries += 1
        sent = Try(occurrence(self.context, 0, tries))
        if self.call.service != self.flow.replica.name and self._pick(sent) is None:
            if self.guard is not None and self.guard.bulkhead is not None:
                self.guard.bulkhead.leave()
            return self.try_over(self._failure(UNAVAILABLE))
        if self.first is None:
            self.first = sent
        else:
            self.hedge = sent
        if self.call.timeout >= 0:
            sent.alarm = self.flow.replica.clock.give_up(self.call.timeout, self.timed_out, sent)
        return self._dispatch(sent)

    def _dispatch(self, sent: Try) -> None:
        replica = self.flow.replica
        body = replica.transport.exchange(sent, self) if sent.balancer is not None else replica.in_place(sent, self)
        sent.task = task = asyncio.get_running_loop().create_task(body)
        replica.exchanges.add(task)
        task.add_done_callback(sent.ended)
        task.add_done_callback(replica.exchanges.discard)
        sent.calling = self

    def _pick(self, sent: Try) -> str | None:
        balancer = self.flow.replica.directory.of(self.call.service)
        url: str | None = balancer.pick(self._draw_pick)
        if url is not None:
            sent.balancer, sent.url = balancer, url
            balancer.sent(url)
        return url

    def send_hedge(self, first: Try) -> None:
        """The first try has had its head start: a second goes out."""
        if self.first is not first or self.hedge is not None:
            return
        if self.guard is not None and self.guard.bulkhead is not None and not self.guard.bulkhead.enter():
            return
        self.edge.hedges += 1
        self.send()

    # -- answers ---------------------------------------------------------------------------

    def answered(self, sent: Try, answer: Answer) -> None:
        """The answer to one of its tries is in."""
        self._count_times(sent, answer)
        self._let_go(sent)
        if answer.outcome <= DEGRADED:
            self.edge.outcomes[answer.outcome] += 1
            self._succeed(answer)
        else:
            self.try_over(answer)

    def timed_out(self, sent: Try) -> None:
        """A try's time is up; the callee does not know."""
        if sent.over:
            return
        self.edge.gave_up += 1
        self._let_go(sent)
        if sent.flow is not None:
            sent.flow.stop(TIMEOUT)
        else:
            self.cancel(sent)
        self.try_over(self._failure(TIMEOUT))

    def _count_times(self, sent: Try, answer: Answer) -> None:
        if sent.flow is not None:
            self.place.add(sent.flow.place)
        else:
            self.place.net += answer.wire

    def _let_go(self, sent: Try) -> None:
        """Stop waiting for this try."""
        sent.over = True
        sent.calling = None
        if sent.alarm is not None:
            sent.alarm.cancel()
        if sent.balancer is not None:
            sent.balancer.settled(sent.url)
        if sent is self.first:
            self.first, self.hedge = self.hedge, None
        else:
            self.hedge = None
        if self.guard is not None and self.guard.bulkhead is not None:
            self.guard.bulkhead.leave()

    def _succeed(self, answer: Answer) -> None:
        loser = self.first
        if loser is not None:  # the other of two hedged tries
            self._let_go(loser)
            self.cancel(loser)
            self.edge.outcomes[CANCELLED] += 1
        self._report(answer.outcome)
        self._finish(answer)

    def _report(self, outcome: int) -> None:
        if self.guard is not None:
            now = self.flow.replica.clock.now()
            self.guard.report(self.ticket, now, outcome, now - self.tried_at)

    def try_over(self, answer: Answer) -> None:
        """A try failed. The attempt goes on while a hedged try is still out."""
        self.edge.outcomes[answer.outcome] += 1
        if self.first is not None:
            return
        self._report(answer.outcome)
        self._stop_alarm(1)
        self.attempt_over(answer)

    def attempt_over(self, answer: Answer) -> None:
        """An attempt failed: try again after a pause, or give up."""
        retry = self.call.retry
        if retry is None or answer.outcome not in self.call.retried or not self._may_retry(retry.attempts):
            self._finish(answer)
            return
        self.attempt += 1
        self.edge.retries += 1
        u = 0.5 if retry.jitter == "none" else self.draw("jitter")
        delay = backoff_delay(
            self.attempt, retry.backoff, retry.factor, retry.max_backoff, retry.jitter, u, self.last_delay
        )
        self.last_delay = delay
        self.place.back += delay
        self.alarms[2] = self.flow.replica.clock.later(delay, self.admit)

    def _may_retry(self, attempts: int) -> bool:
        if 0 <= attempts <= self.attempt + 1:
            return False
        budget = self.guard.budget if self.guard is not None else None
        if budget is not None and not budget.retry(self.flow.replica.clock.now()):
            self.edge.budget_denied += 1
            return False
        return True

    def _finish(self, answer: Answer) -> None:
        for which in range(3):
            self._stop_alarm(which)
        self.result = answer
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    # -- ends before its time ------------------------------------------------------------------

    def abandon(self, cancel: bool) -> None:
        """The caller is gone: nobody waits for the tries any more."""
        for which in range(3):
            self._stop_alarm(which)
        if self.guard is not None and self.guard.breaker is not None and self.first is not None:
            self.guard.breaker.cancel(self.ticket, self.flow.replica.clock.now())
        for _ in range(2):
            sent = self.first
            if sent is None:
                break
            self._let_go(sent)
            if sent.flow is not None:
                sent.flow.stop(CANCELLED if cancel else RESET, cancel)
            elif cancel:
                self.flow.replica.transport.cancel(sent, self)

    def cancel(self, sent: Try) -> None:
        """Tell the callee of a try that nobody waits for, when the call says so."""
        if self.call.cancel == "none":
            return
        if sent.flow is not None:
            if self.call.cancel == "all":
                sent.flow.stop(CANCELLED, True)
            return
        self.flow.replica.transport.cancel(sent, self)

    def deadline_passed(self) -> None:
        """The whole call has had its time."""
        if self.first is not None:  # between two tries the last one has been told of
            self._report(TIMEOUT)
        for _ in range(2):
            sent = self.first
            if sent is None:
                break
            self._let_go(sent)
            self.edge.outcomes[TIMEOUT] += 1
            if sent.flow is not None:
                sent.flow.stop(TIMEOUT)
        self._finish(self._failure(TIMEOUT))

    def _stop_alarm(self, which: int) -> None:
        alarm = self.alarms[which]
        if alarm is not None:
            alarm.cancel()
            self.alarms[which] = None

    def draw(self, purpose: str) -> float:
        """A uniform number for this try."""
        key = purpose_key(self.key, purpose, "u")
        return uniform(key, self.place.number, occurrence(self.context, 0, self.tries))

    def _draw_pick(self) -> float:
        return self.draw("pick")

    def _failure(self, outcome: int) -> Answer:
        return Answer(outcome, cause_of(self.call.service, outcome))
