"""What a caller's replica keeps for an endpoint it calls: breaker, bulkhead, throttle, budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import CallPolicy, System, Verb
from msforge.policies.breaker import CircuitBreaker
from msforge.policies.budget import RetryBudget
from msforge.policies.bulkhead import Bulkhead
from msforge.policies.throttle import AdaptiveThrottle
from msforge.sim.kernel import ERROR, OVERLOADED, RESET, TIMEOUT, UNAVAILABLE

if TYPE_CHECKING:
    from msforge.sim.operations import CallOp

FAILURES = frozenset((ERROR, TIMEOUT, OVERLOADED, UNAVAILABLE, RESET))


class Guard:
    """What one call step's policy asks for, of what its caller's replica keeps for the called endpoint.

    Steps that call an endpoint by the same settings share a machine; other settings have their own. So a
    changed policy keeps what did not change.
    """

    __slots__ = ("breaker", "budget", "bulkhead", "failures", "throttle")

    def __init__(self, policy: CallPolicy, op: CallOp, holder: Any) -> None:
        self.failures = FAILURES
        self.breaker: CircuitBreaker | None = None
        self.bulkhead: Bulkhead | None = None
        self.throttle: AdaptiveThrottle | None = None
        self.budget: RetryBudget | None = None
        kept = holder.machines
        for key in machine_keys(op.target, policy):
            kind, _, settings = key
            machine = kept.get(key)
            if machine is None:
                machine = kept[key] = _make(kind, settings)
                if kind == "breaker":
                    where = (holder.service.index if hasattr(holder, "service") else -1, holder, op.target)
                    op.engine.breakers.append((where, machine))
            setattr(self, kind, machine)


def machine_keys(target: int, policy: CallPolicy) -> list[tuple[str, int, Any]]:
    """What is kept for a policy at an endpoint, by its settings."""
    budget = policy.retry.budget if policy.retry is not None else None
    bulkhead = policy.bulkhead if policy.bulkhead >= 0 else None
    settings = {"breaker": policy.breaker, "bulkhead": bulkhead, "throttle": policy.throttle, "budget": budget}
    return [(kind, target, given) for kind, given in settings.items() if given is not None]


def all_keys(system: System) -> set[tuple[str, int, Any]]:
    """The machines that a plan's calls ask for."""
    calls = [step for step in system.steps if step.verb == Verb.CALL]
    return {key for step in calls for key in machine_keys(step.target, step.policy)}


def forget(holder: Any, gone: set[tuple[str, int, Any]]) -> None:
    """A changed plan has no use for these machines: what comes back later starts anew."""
    holder.guards = {}
    for key in gone:
        holder.machines.pop(key, None)


def _make(kind: str, s: Any) -> Any:
    if kind == "breaker":
        return CircuitBreaker(
            s.failure_rate, s.consecutive, s.slow_rate, s.slow_duration, s.window, s.timed, s.minimum_calls,
            s.open_for, s.trial_calls,
        )
    if kind == "bulkhead":
        return Bulkhead(s)
    if kind == "throttle":
        return AdaptiveThrottle(s.k, s.window)
    return RetryBudget(s.kind, s.ratio, s.burst, s.minimum, s.max_tokens, s.token_ratio)
