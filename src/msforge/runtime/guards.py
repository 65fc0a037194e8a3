"""What a replica keeps for an endpoint it calls: breaker, bulkhead, throttle, retry budget."""

from __future__ import annotations

from collections.abc import Callable

from msforge.policies.breaker import STATES, CircuitBreaker
from msforge.policies.budget import RetryBudget
from msforge.policies.bulkhead import Bulkhead
from msforge.policies.throttle import AdaptiveThrottle
from msforge.runtime.failures import DEGRADED, FAILURES
from msforge.runtime.plan import Call

Changed = Callable[[str, int, str, str], None]
"""Told of a breaker's change of state: endpoint, time (ns), from, to."""


class Guard:
    """One per called endpoint. Another call step with other settings keeps what is the same."""

    __slots__ = ("_changed", "_seen", "breaker", "budget", "bulkhead", "call", "throttle")

    def __init__(self, call: Call, before: Guard | None, changed: Changed) -> None:
        self.call = call
        self._changed = changed
        old = before.call if before is not None else None
        self.breaker: CircuitBreaker | None = None
        self.bulkhead: Bulkhead | None = None
        self.throttle: AdaptiveThrottle | None = None
        self.budget: RetryBudget | None = None
        if call.breaker is not None:
            b = call.breaker
            kept = before.breaker if before is not None and old is not None and old.breaker == b else None
            self.breaker = kept or CircuitBreaker(
                b.failure_rate, b.consecutive, b.slow_rate, b.slow_duration, b.window, b.timed, b.minimum_calls,
                b.open_for, b.trial_calls,
            )
        if call.bulkhead >= 0:
            same = before is not None and old is not None and old.bulkhead == call.bulkhead
            self.bulkhead = before.bulkhead if same and before is not None else Bulkhead(call.bulkhead)
        if call.throttle is not None:
            same = before is not None and old is not None and old.throttle == call.throttle
            self.throttle = (
                before.throttle if same and before is not None
                else AdaptiveThrottle(call.throttle.k, call.throttle.window)
            )
        budget = call.retry.budget if call.retry is not None else None
        if budget is not None:
            same = before is not None and before.budget is not None and old is not None and old.retry == call.retry
            self.budget = before.budget if same and before is not None else RetryBudget(
                budget.kind, budget.ratio, budget.burst, budget.minimum, budget.max_tokens, budget.token_ratio
            )
        self._seen = len(self.breaker.log) if self.breaker is not None else 0

    def allow(self, now: int) -> int:
        """A ticket from the breaker; -1 when it refuses."""
        breaker = self.breaker
        if breaker is None:
            return 0
        ticket = breaker.allow(now)
        if len(breaker.log) != self._seen:
            self._tell(breaker)
        return ticket

    def report(self, ticket: int, now: int, outcome: int, duration: int) -> None:
        """How an attempt ended, for all that learn from it. `ticket` -1: the breaker did not let it in."""
        breaker = self.breaker
        if breaker is not None and ticket >= 0:
            breaker.record(ticket, now, outcome in FAILURES, duration)
            if len(breaker.log) != self._seen:
                self._tell(breaker)
        if self.throttle is not None and outcome <= DEGRADED:
            self.throttle.accept(now)
        if self.budget is not None:
            self.budget.result(now, outcome <= DEGRADED)

    def _tell(self, breaker: CircuitBreaker) -> None:
        for at, before, after in breaker.log[self._seen:]:
            self._changed(self.call.name, at, STATES[before], STATES[after])
        self._seen = len(breaker.log)


class Guards:
    """The guards of a replica, by called endpoint."""

    __slots__ = ("_changed", "by_name")

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self.by_name: dict[str, Guard] = {}

    def of(self, call: Call) -> Guard:
        """The guard that stands before a call."""
        guard = self.by_name.get(call.name)
        if guard is None or guard.call is not call:
            guard = self.by_name[call.name] = Guard(call, guard, self._changed)
        return guard
