"""What a replica keeps for an endpoint it calls: breaker, bulkhead, throttle, retry budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msforge.policies.breaker import STATES, CircuitBreaker
from msforge.policies.budget import RetryBudget
from msforge.policies.bulkhead import Bulkhead
from msforge.policies.throttle import AdaptiveThrottle
from msforge.runtime.failures import DEGRADED, FAILURES, REJECTED
from msforge.runtime.plan import Breaker, Call

Changed = Callable[[str, int, str, str], None]
"""Told of a breaker's change of state: endpoint, time (ns), from, to."""


class ToldBreaker(CircuitBreaker):
    """A breaker that tells of its changes of state."""

    __slots__ = ("_changed", "_name")

    def __init__(self, name: str, settings: Breaker, changed: Changed) -> None:
        b = settings
        super().__init__(
            b.failure_rate, b.consecutive, b.slow_rate, b.slow_duration, b.window, b.timed, b.minimum_calls,
            b.open_for, b.trial_calls,
        )
        self._name = name
        self._changed = changed

    def _change(self, now: int, state: int) -> None:
        before = self.state
        super()._change(now, state)
        self._changed(self._name, now, STATES[before], STATES[state])


class Guard:
    """What one call step asks for. Steps that call an endpoint by the same settings share a machine."""

    __slots__ = ("breaker", "budget", "bulkhead", "throttle")

    def __init__(self, call: Call, kept: Guards) -> None:
        self.breaker: CircuitBreaker | None = kept.machine("breaker", call.name, call.breaker)
        bulkhead = call.bulkhead if call.bulkhead >= 0 else None
        budget = call.retry.budget if call.retry is not None else None
        self.bulkhead: Bulkhead | None = kept.machine("bulkhead", call.name, bulkhead)
        self.throttle: AdaptiveThrottle | None = kept.machine("throttle", call.name, call.throttle)
        self.budget: RetryBudget | None = kept.machine("budget", call.name, budget)

    def report(self, ticket: int, now: int, outcome: int, duration: int) -> None:
        """How an attempt ended, for all that learn from it. `ticket` -1: the breaker did not let it in."""
        if self.breaker is not None and ticket >= 0:
            self.breaker.record(ticket, now, outcome in FAILURES, duration)
        if self.throttle is not None and (outcome <= DEGRADED or outcome == REJECTED):
            self.throttle.accept(now)  # "no" is an answer of a callee that is well
        if self.budget is not None and outcome != REJECTED:
            self.budget.result(now, outcome <= DEGRADED)


class Guards:
    """All guards of a replica; `machines` by kind, called endpoint and settings."""

    __slots__ = ("_by_call", "_changed", "machines")

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._by_call: dict[int, tuple[Call, Guard]] = {}
        self.machines: dict[tuple[str, str, Any], Any] = {}

    def of(self, call: Call) -> Guard:
        """The guard that stands before a call step."""
        found = self._by_call.get(id(call))
        if found is None:
            found = self._by_call[id(call)] = (call, Guard(call, self))  # keeping the call keeps its id its own
        return found[1]

    def breakers(self) -> list[tuple[str, CircuitBreaker]]:
        """The breakers, with the endpoint that each stands before."""
        return [(name, machine) for (kind, name, _), machine in self.machines.items() if kind == "breaker"]

    def machine(self, kind: str, name: str, settings: Any) -> Any:
        """The machine of a kind before an endpoint, with these settings; None without any."""
        if settings is None:
            return None
        key = (kind, name, settings)
        if key not in self.machines:
            self.machines[key] = self._made(kind, name, settings)
        return self.machines[key]

    def _made(self, kind: str, name: str, s: Any) -> Any:
        if kind == "breaker":
            return ToldBreaker(name, s, self._changed)
        if kind == "bulkhead":
            return Bulkhead(s)
        if kind == "throttle":
            return AdaptiveThrottle(s.k, s.window)
        return RetryBudget(s.kind, s.ratio, s.burst, s.minimum, s.max_tokens, s.token_ratio)

    def drop(self, gone: Iterable[tuple[str, str, Any]]) -> None:
        """Numbers have changed, and no call asks for these machines any more: what comes back later starts anew."""
        self._by_call.clear()
        for key in gone:
            self.machines.pop(key, None)

    def forget(self) -> None:
        """A crash: all of them are gone."""
        self._by_call.clear()
        self.machines.clear()
