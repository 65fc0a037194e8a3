"""The plan as services know it: a System's parts as the plain classes that generated code has (`runtime.plan`)."""

from __future__ import annotations

from typing import Any

from msforge.model.plan import NONE, Cache, Service, Step, System
from msforge.records import Outcome
from msforge.runtime import plan
from msforge.scaffold.context import address


def service_of(system: System, service: Service) -> plan.Service:
    """What one replica may do at once."""
    cpu, function = service.cpu, service.function
    return plan.Service(
        service.name, started(service), service.threads, service.queue, service.discipline,
        None if cpu is None else plan.Cpu(cpu.cores, cpu.sharing, cpu.contention, cpu.coherency),
        service.rate, service.burst, system.network.latency, system.network.zone_latency if service.zones else None,
        function=None if function is None else plan.Function(function.cold_start, function.keep_alive),
    )


def started(service: Service) -> int:
    """How many replicas a service starts with. One stands for all instances of a function."""
    return service.replicas if service.function is None else 1


def call_of(system: System, step: Step) -> plan.Call:
    """A call step, or a client's request."""
    body, policy = system.bodies[step.target], step.policy
    method, path = address(body)
    breaker, throttle = policy.breaker, policy.throttle
    return plan.Call(
        system.services[body.service].name, body.name, method, path, step.word, policy.timeout, policy.deadline,
        policy.cancel, None if policy.retry is None else retry_of(policy.retry),
        None if breaker is None else plan.Breaker(
            breaker.failure_rate, breaker.consecutive, breaker.slow_rate, breaker.slow_duration, breaker.window,
            breaker.timed, breaker.minimum_calls, breaker.open_for, breaker.trial_calls,
        ),
        policy.bulkhead, policy.hedge, None if throttle is None else plan.Throttle(throttle.k, throttle.window),
        policy.priority, not body.idempotent,
    )


def cache_of(system: System, cache: Cache | None) -> plan.Cache | None:
    """A read's cache."""
    if cache is None:
        return None
    return plan.Cache(
        stores_of(system)[cache.store], cache.hit, cache.keys, cache.capacity, cache.ttl, cache.single_flight
    )


def channels_of(system: System) -> list[plan.Channel]:
    """The plan's channels as services know them."""
    return [
        plan.Channel(
            c.name, c.topic, c.publish, c.max_length, c.reject,
            "" if c.dead_letter == NONE else system.channels[c.dead_letter].name, c.partitions, c.rebalance, c.relay,
            c.broker == "embedded",
        )
        for c in system.channels
    ]


def stores_of(system: System) -> list[plan.Store]:
    """The plan's stores as services know them."""
    return [plan.Store(s.name, s.kind, s.connections, s.read, s.write) for s in system.stores]


def consumers_of(system: System) -> list[plan.Consumer]:
    """The plan's consumers as services know them."""
    made = []
    for consumer in system.consumers:
        name, group = system.bodies[consumer.body].name, system.services[consumer.service].name
        channel = system.channels[consumer.channel]
        made.append(plan.Consumer(
            name, channel.name, group, channel.topic, consumer.threads, consumer.prefetch, retry_of(consumer.retry),
            consumer.idempotent, f"consume {group}.{name}",
        ))
    return made


def retry_of(retry: Any) -> plan.Retry:
    """A retry policy of the plan as services know it."""
    budget = retry.budget
    return plan.Retry(
        retry.attempts, retry.backoff, retry.factor, retry.max_backoff, retry.jitter,
        frozenset(Outcome(outcome).word for outcome in retry.on),
        None if budget is None else plan.Budget(
            budget.kind, budget.ratio, budget.burst, budget.minimum, budget.max_tokens, budget.token_ratio
        ),
    )
