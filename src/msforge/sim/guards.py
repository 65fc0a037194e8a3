"""What a caller's replica keeps for an endpoint it calls: breaker, bulkhead, throttle, budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import CallPolicy
from msforge.policies.breaker import CircuitBreaker
from msforge.policies.budget import RetryBudget
from msforge.policies.bulkhead import Bulkhead
from msforge.policies.throttle import AdaptiveThrottle
from msforge.sim.kernel import ERROR, OVERLOADED, RESET, TIMEOUT, UNAVAILABLE

if TYPE_CHECKING:
    from msforge.sim.operations import CallOp

FAILURES = frozenset((ERROR, TIMEOUT, OVERLOADED, UNAVAILABLE, RESET))


class Guard:
    """One per caller replica and called endpoint. A changed policy keeps what did not change."""

    __slots__ = ("breaker", "budget", "bulkhead", "caller", "failures", "policy", "throttle", "where")

    def __init__(self, policy: CallPolicy, op: CallOp, holder: Any, before: Guard | None) -> None:
        self.policy = policy
        self.failures = FAILURES
        old = before.policy if before is not None else None
        budget = policy.retry.budget if policy.retry is not None else None
        self.where = (holder.service.index if hasattr(holder, "service") else -1, holder, op.target)
        self.breaker: CircuitBreaker | None = None
        self.bulkhead: Bulkhead | None = None
        self.throttle: AdaptiveThrottle | None = None
        self.budget: RetryBudget | None = None
        if policy.breaker is not None:
            b = policy.breaker
            same = before is not None and old is not None and old.breaker == b
            self.breaker = before.breaker if same and before is not None else CircuitBreaker(
                b.failure_rate, b.consecutive, b.slow_rate, b.slow_duration, b.window, b.timed, b.minimum_calls,
                b.open_for, b.trial_calls,
            )
            if not same:
                op.engine.breakers.append((self.where, self.breaker))
        if policy.bulkhead >= 0:
            same = before is not None and old is not None and old.bulkhead == policy.bulkhead
            self.bulkhead = before.bulkhead if same and before is not None else Bulkhead(policy.bulkhead)
        if policy.throttle is not None:
            t = policy.throttle
            same = before is not None and old is not None and old.throttle == t
            self.throttle = before.throttle if same and before is not None else AdaptiveThrottle(t.k, t.window)
        if budget is not None:
            same = before is not None and before.budget is not None and old is not None and old.retry == policy.retry
            self.budget = before.budget if same and before is not None else RetryBudget(
                budget.kind, budget.ratio, budget.burst, budget.minimum, budget.max_tokens, budget.token_ratio
            )
