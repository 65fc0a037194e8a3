"""A service made of the plan itself: each body's steps told to the runtime one by one, as generated handlers do.

It knows no template and no package, so that a difference seen with it is the runtime's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msforge.model.plan import CallPolicy, Retry, Service, Step, System, Verb
from msforge.records import Outcome
from msforge.runtime import plan
from msforge.runtime.flow import Flow
from msforge.scaffold.context import address

Handler = Callable[[Any, Flow], Awaitable[Any]]


def service_of(system: System, service: Service) -> plan.Service:
    """What one replica may do at once."""
    cpu = service.cpu
    return plan.Service(
        service.name, service.copies, service.served_at_once, service.queue, service.discipline,
        plan.Cpu(cpu.cores, cpu.sharing, cpu.contention, cpu.coherency) if cpu is not None else None,
        service.rate, service.burst, system.network.latency, system.network.zone_latency,
    )


def call_of(system: System, step: Step) -> plan.Call:
    """A call step, or a source's request."""
    body = system.bodies[step.target]
    policy: CallPolicy = step.policy
    method, path = address(body)
    breaker, throttle = policy.breaker, policy.throttle
    return plan.Call(
        system.services[body.service].name, body.name, method, path, step.word, policy.timeout, policy.deadline,
        policy.cancel, retry_of(policy.retry) if policy.retry is not None else None,
        plan.Breaker(
            breaker.failure_rate, breaker.consecutive, breaker.slow_rate, breaker.slow_duration, breaker.window,
            breaker.timed, breaker.minimum_calls, breaker.open_for, breaker.trial_calls,
        ) if breaker is not None else None,
        policy.bulkhead, policy.hedge, plan.Throttle(throttle.k, throttle.window) if throttle is not None else None,
        policy.priority, not body.idempotent,
    )


def retry_of(retry: Retry) -> plan.Retry:
    """A retry, its budget with it."""
    b = retry.budget
    budget = None
    if b is not None:
        budget = plan.Budget(b.kind, b.ratio, b.burst, b.minimum, b.max_tokens, b.token_ratio)
    words = frozenset(Outcome(o).word for o in retry.on)
    return plan.Retry(retry.attempts, retry.backoff, retry.factor, retry.max_backoff, retry.jitter, words, budget)


def store_of(system: System, index: int) -> plan.Store:
    """A store."""
    s = system.stores[index]
    return plan.Store(s.name, s.kind, s.connections, s.read, s.write)


def channel_of(system: System, index: int) -> plan.Channel:
    """A channel."""
    c = system.channels[index]
    dead = system.channels[c.dead_letter].name if c.dead_letter >= 0 else ""
    return plan.Channel(c.name, c.topic, c.publish, c.max_length, c.reject, dead, c.partitions, c.rebalance, c.relay)


class Interpreter:
    """Runs the bodies of a System."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.calls = {step.index: call_of(system, step) for step in system.steps if step.verb == Verb.CALL}
        self.stores = [store_of(system, s.index) for s in system.stores]
        self.channels = [channel_of(system, c.index) for c in system.channels]
        self.outbox = {step.body for step in system.steps if step.outbox}

    def handler(self, body: int) -> Handler:
        """A body as a handler."""
        block = self.system.bodies[body].block

        async def handle(request: Any, do: Flow) -> Any:
            await self.run(do, block)
            return {}

        return handle

    def flow_class(self, body: int) -> type[Flow]:
        """The class of its steps."""
        steps = [self.system.steps[i] for i in self.system.bodies[body].block]
        publishes = tuple(
            (step.word, self.channels[step.target].name)
            for step in steps if step.verb == Verb.PUBLISH and not step.outbox
        )
        return type("Steps", (Flow,), {"outbox": body in self.outbox, "publishes": publishes})

    async def run(self, do: Flow, block: tuple[int, ...]) -> None:
        """Its steps in order."""
        for index in block:
            await self.step(do, self.system.steps[index])

    def branch(self, do: Flow, block: tuple[int, ...]) -> Callable[[], Awaitable[None]]:
        """A block to be run later."""
        return lambda: self.run(do, block)

    async def step(self, do: Flow, step: Step) -> None:
        """One step."""
        branches = [self.branch(do, block) for block in step.blocks]
        word = step.word
        match step.verb:
            case Verb.WORK:
                await do.work(word, _dist(step))
            case Verb.WAIT:
                await do.wait(word, _dist(step))
            case Verb.CALL:
                block = step.policy.fallback
                fallback = self.branch(do, block) if block is not None else None
                await do.call(self.calls[step.index], {}, fallback=fallback)
            case Verb.PARALLEL:
                await do.parallel(word, *branches, need=step.need, copies=step.copies)
            case Verb.CHOOSE:
                await do.choose(word, step.weights, *branches)
            case Verb.REPEAT:
                await do.repeat(word, _dist(step), branches[0])
            case Verb.GROUP:
                await do.group(word, branches[0])
            case Verb.FAIL:
                await do.fail(word, step.rate, step.status, step.crash)
            case Verb.READ:
                await do.read(word, self.stores[step.target], timeout=step.timeout, cache=self._cache(step))
            case Verb.WRITE:
                await do.write(word, self.stores[step.target], timeout=step.timeout)
            case Verb.PUBLISH:
                await do.publish(word, self.channels[step.target], {}, key=step.key, outbox=step.outbox,
                                 timeout=step.timeout)
            case Verb.SAGA:
                await do.saga(word, *zip(branches[0::2], branches[1::2], strict=True))
            case _:
                raise NotImplementedError(step.verb)

    def _cache(self, step: Step) -> plan.Cache | None:
        c = step.cache
        if c is None:
            return None
        return plan.Cache(self.stores[c.store], c.hit, c.keys, c.capacity, c.ttl, c.single_flight)


def _dist(step: Step) -> Any:
    assert step.dist is not None
    return step.dist
