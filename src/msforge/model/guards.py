"""What surrounds a call or a delivery, from the description's words to the plan's numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from msforge.model.plan import NEVER, PLAIN, UNLIMITED, Block, Breaker, Budget, CallPolicy, Retry, Throttle
from msforge.records import Outcome
from msforge.spec import schema_policies as written
from msforge.spec.schema_steps import CallStep
from msforge.spec.schema_traffic import Source, Visit

ABOVE_ALL: Final = 2.0
"""A rate threshold that no share of calls reaches: the rule is off."""
ONE_DELIVERY: Final = Retry(
    attempts=1, backoff=0, factor=1.0, max_backoff=NEVER, jitter="none",
    on=tuple(Outcome[name.upper()].value for name in written.RETRIED_BY_DEFAULT),
)
"""A consumer that says nothing of `retry`: what fails goes to the dead letters (docs/decisions/0030)."""


def after(duration: int | None) -> int:
    """A limit in ns, or NEVER when none is written."""
    return NEVER if duration is None else duration


def retry(policy: written.Retry | None) -> Retry | None:
    """A retry policy; its outcomes sorted and each once."""
    if policy is None:
        return None
    return Retry(
        attempts=policy.attempts,
        backoff=policy.backoff,
        factor=policy.factor,
        max_backoff=after(policy.max_backoff),
        jitter=policy.jitter,
        on=_outcomes(tuple(policy.on)),
        budget=_budget(policy.budget),
    )


@lru_cache(maxsize=256)
def _outcomes(names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(sorted({Outcome[name.upper()].value for name in names}))


def _budget(budget: written.Budget | None) -> Budget | None:
    if budget is None:
        return None
    if budget.kind == "grpc":
        return Budget("grpc", max_tokens=budget.max_tokens, token_ratio=budget.token_ratio)
    return Budget("ratio", ratio=budget.ratio, burst=budget.burst, minimum=budget.minimum)


def _breaker(policy: written.CircuitBreaker | None) -> Breaker | None:
    if policy is None:
        return None
    slow = policy.slow_call
    return Breaker(
        failure_rate=ABOVE_ALL if policy.failure_rate is None else policy.failure_rate,
        consecutive=policy.consecutive or 0,
        slow_rate=ABOVE_ALL if slow is None else slow.rate,
        slow_duration=0 if slow is None else slow.duration,
        window=policy.window.size,
        timed=policy.window.timed,
        minimum_calls=policy.minimum_calls or 1,
        open_for=policy.open_for,
        trial_calls=policy.trial_calls,
    )


def call(step: CallStep, fallback: Block | None, protocol: str) -> CallPolicy:
    """The policy of a call step whose fallback has been compiled to `fallback`."""
    made = CallPolicy(
        timeout=after(step.timeout),
        deadline=after(step.deadline),
        cancel=step.cancel,
        retry=retry(step.retry),
        breaker=_breaker(step.circuit_breaker),
        bulkhead=step.bulkhead,
        hedge=NEVER if step.hedge is None else step.hedge.after,
        fallback=fallback,
        throttle=None if step.throttle is None else Throttle(step.throttle.k, step.throttle.window),
        priority=step.priority,
        protocol=step.protocol or protocol,
    )
    return PLAIN if made == PLAIN else made


def client(source: Source, protocol: str = "http", visit: Visit | None = None) -> CallPolicy:
    """The policy of a client: the source's, but for what a journey's visit says itself."""
    timeout, policy, priority = source.timeout, source.retry, source.priority
    if visit is not None:
        timeout = timeout if visit.timeout is None else visit.timeout
        policy = policy if visit.retry is None else visit.retry
        priority = priority if visit.priority is None else visit.priority
    made = CallPolicy(timeout=after(timeout), retry=retry(policy), priority=priority, protocol=protocol)
    return PLAIN if made == PLAIN else made


def delivery(policy: written.Retry | None) -> Retry:
    """How a consumer's failed messages come again."""
    return retry(policy) or ONE_DELIVERY


assert UNLIMITED == NEVER == -1  # the description's `unlimited` is the plan's: counts pass through as they are
