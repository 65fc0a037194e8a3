"""Worst cases that follow from the description alone: time by timeouts, tries by retries."""

from __future__ import annotations

import math
from dataclasses import dataclass

from msforge.model.plan import NEVER, UNLIMITED, Block, CallPolicy, Retry, Step, System, Verb


def backoffs(retry: Retry, delays: int) -> float:
    """The longest that `delays` waits between tries can add up to, ns; jitter only shortens `none`, `full` and `equal`.

    Decorrelated jitter draws up to three times the delay before, so its bound triples, up to `max_backoff`.
    """
    total, delay = 0.0, float(retry.backoff)
    for _ in range(min(delays, 10_000)):
        factor = 3.0 if retry.jitter == "decorrelated" else retry.factor
        longest = delay * 3 if retry.jitter == "decorrelated" else delay
        total += longest if retry.max_backoff == NEVER else min(longest, retry.max_backoff)
        delay *= factor
        if total > 1e18:
            return math.inf
    return total if delays <= 10_000 else math.inf


def call_bound(policy: CallPolicy, one_try: float) -> float:
    """The longest a call can take at its caller, ns, when a try takes at most `one_try` (fallback left out)."""
    one = min(one_try, policy.timeout) if policy.timeout != NEVER else one_try
    if policy.retry is None:
        bound = one
    elif policy.retry.attempts == UNLIMITED:
        bound = math.inf
    else:
        tries = policy.retry.attempts
        bound = tries * one + backoffs(policy.retry, tries - 1)
    return min(bound, policy.deadline) if policy.deadline != NEVER else bound


@dataclass(frozen=True, slots=True)
class Bound:
    """The longest something can take, ns, and what decides it."""

    time: float
    timed: bool = False           # some timeout or deadline of a call is part of it
    cause: int = -1               # call step that adds most; when infinite, the first with no bound
    estimated: bool = False       # counts a mean (work, a wait, a store, a call without timeout)


class WorstTime:
    """Longest times by timeouts. `strict`: a call or store without a timeout has no bound; else its mean counts."""

    def __init__(self, system: System, *, strict: bool) -> None:
        self.system = system
        self.strict = strict
        self._bodies: dict[int, Bound] = {}
        self._network = 0.0 if strict else 2 * system.network.latency.mean

    def body(self, body: int) -> Bound:
        """From thread to answer."""
        if body not in self._bodies:
            self._bodies[body] = Bound(0.0)
            self._bodies[body] = self.block(self.system.bodies[body].block)
        return self._bodies[body]

    def block(self, block: Block) -> Bound:
        """All steps in a row."""
        return _sum([self.step(self.system.steps[i]) for i in block])

    def step(self, step: Step) -> Bound:
        """One step with all that is inside it."""
        verb = step.verb
        if verb is Verb.CALL:
            return self.call(step)
        if verb in (Verb.WORK, Verb.WAIT) and step.dist is not None:
            return Bound(step.dist.mean, estimated=True)
        if verb in (Verb.READ, Verb.WRITE, Verb.PUBLISH):
            return self._operation(step)
        if verb is Verb.REPEAT and step.dist is not None:
            inner = self.block(step.blocks[0])
            rounds = step.dist.mean if not step.dist.is_constant else float(round(step.dist.mean))
            return Bound(inner.time * rounds if rounds else 0.0, inner.timed, inner.cause, True)
        if verb is Verb.SAGA:
            return _sum([self.block(b) for b in step.blocks])
        if step.blocks:
            return max((self.block(b) for b in step.blocks), key=lambda b: b.time)
        return Bound(0.0)

    def call(self, step: Step) -> Bound:
        """A call with its tries, its backoff and its fallback."""
        policy = step.policy
        inner = self.body(step.target)
        remote = self.system.bodies[step.target].service != step.service
        limited = policy.timeout != NEVER or policy.deadline != NEVER
        hangs = remote and (self.strict or limited)  # a try may take all it is given
        one = math.inf if hangs else inner.time + (self._network if remote else 0.0)
        timed = limited or (not hangs and inner.timed)
        cause = inner.cause if math.isinf(inner.time) and not hangs and inner.cause >= 0 else step.index
        bound = Bound(call_bound(policy, one), timed, cause, not hangs and inner.estimated)
        if policy.fallback:
            return _sum([bound, self.block(policy.fallback)])
        return bound

    def _operation(self, step: Step) -> Bound:
        if step.timeout != NEVER:
            return Bound(float(step.timeout))
        if self.strict:
            return Bound(math.inf, cause=step.index)
        if step.verb is Verb.PUBLISH:
            return Bound(self.system.channels[step.target].publish.mean, estimated=True)
        store = self.system.stores[step.target]
        return Bound((store.write if step.verb is Verb.WRITE else store.read).mean, estimated=True)


def _sum(parts: list[Bound]) -> Bound:
    time = sum(p.time for p in parts)
    causes = [p for p in parts if p.cause >= 0]
    if math.isinf(time):
        cause = next((p.cause for p in parts if math.isinf(p.time)), -1)
    else:
        cause = max(causes, key=lambda p: p.time).cause if causes else -1
    return Bound(time, any(p.timed for p in parts), cause, any(p.estimated for p in parts))


class Amplification:
    """Tries that one request causes at a body that always fails, all else being well.

    Follows the steps as the engine runs them: a failed call without a fallback ends its
    body, a fallback goes on. Budgets, breakers, throttles and deadlines are left out: this is
    what they are there to prevent. A message's redeliveries count as tries.
    """

    def __init__(self, system: System, target: int) -> None:
        self.system = system
        self.target = target
        self._bodies: dict[int, tuple[float, bool]] = {}

    def body(self, body: int) -> tuple[float, bool]:
        """(tries at the target per request to `body`, whether `body` then fails)."""
        if body == self.target:
            return 1.0, True
        if body not in self._bodies:
            self._bodies[body] = (0.0, False)  # a loop through a channel: once round
            self._bodies[body] = self.block(self.system.bodies[body].block)
        return self._bodies[body]

    def block(self, block: Block) -> tuple[float, bool]:
        """The same, of steps in a row."""
        tries = 0.0
        for index in block:
            more, fails = self.step(self.system.steps[index])
            tries += more
            if fails and not self.system.steps[index].keep_going:
                return tries, True
        return tries, False

    def step(self, step: Step) -> tuple[float, bool]:
        """The same, of one step."""
        if step.verb is Verb.CALL:
            return self._call(step)
        if step.verb is Verb.PUBLISH:
            return sum(self._delivered(c) for c in self.system.channels[step.target].consumers), False
        inner = [self.block(b) for b in step.blocks]
        if not inner:
            return 0.0, False
        if step.verb is Verb.PARALLEL:
            if len(inner) == 1:
                inner *= step.copies
            well = sum(not fails for _, fails in inner)
            return sum(n for n, _ in inner), well < (step.need or len(inner))
        if step.verb is Verb.REPEAT:
            tries, fails = inner[0]
            times = step.dist.mean if step.dist is not None else 1.0
            return (tries if fails else tries * times), fails and times > 0
        if step.verb is Verb.SAGA:
            return self._saga(inner)
        return max(inner)  # choose, a group: the worst branch

    def _saga(self, inner: list[tuple[float, bool]]) -> tuple[float, bool]:
        tries = 0.0
        for n, (more, fails) in enumerate(inner[::2]):
            tries += more
            if fails:
                return tries + sum(t for t, _ in inner[1:2 * n:2]), True
        return tries, False

    def _call(self, step: Step) -> tuple[float, bool]:
        tries, fails = self.body(step.target)
        if not fails:
            return tries, False
        retry = step.policy.retry
        if retry is not None and tries > 0:
            tries *= math.inf if retry.attempts == UNLIMITED else retry.attempts
        if step.policy.fallback is None:
            return tries, True
        more, fails = self.block(step.policy.fallback)
        return tries + more, fails

    def _delivered(self, consumer: int) -> float:
        plan = self.system.consumers[consumer]
        tries, fails = self.body(plan.body)
        if not fails or tries == 0:
            return tries
        return math.inf if plan.retry.attempts == UNLIMITED else tries * plan.retry.attempts


@dataclass(frozen=True, slots=True)
class Link:
    """A place that tries again: a call, a client or a consumer."""

    who: str
    whom: str
    attempts: float
    path: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Retries nested along one path, outermost first."""

    links: tuple[Link, ...]

    @property
    def product(self) -> float:
        """Tries at the end for one request at the beginning, when all of them fail."""
        return math.prod(link.attempts for link in self.links)


def chains_into(system: System, order: list[int]) -> list[Chain]:
    """For every body the path from an entry along which the most tries multiply; budgets end a chain's growth."""
    best = [Chain(()) for _ in system.bodies]
    none = Chain(())
    for source in system.sources:
        for step in (system.steps[i] for i in deep(system, source.journey)):
            if step.verb is Verb.CALL:
                link = _link(none, step.policy.retry, source.name, system.body_name(step.target), step.path)
                _better(best, step.target, link)
    for consumer in system.consumers:
        names = system.channels[consumer.channel].name, system.body_name(consumer.body)
        _better(best, consumer.body, _link(none, consumer.retry, *names, consumer_path(system, consumer.index)))
    for body in order:
        for step in (system.steps[i] for i in deep(system, system.bodies[body].block)):
            if step.verb is Verb.CALL:
                names = system.body_name(body), system.body_name(step.target)
                _better(best, step.target, _link(best[body], step.policy.retry, *names, step.path))
    return best


def _link(chain: Chain, retry: Retry | None, who: str, whom: str, path: str) -> Chain:
    if retry is None or retry.attempts == 1 or retry.budget is not None:
        return chain
    attempts = math.inf if retry.attempts == UNLIMITED else float(retry.attempts)
    return Chain((*chain.links, Link(who, whom, attempts, f"{path}.retry")))


def _better(best: list[Chain], body: int, chain: Chain) -> None:
    if (chain.product, len(chain.links)) > (best[body].product, len(best[body].links)):
        best[body] = chain


def consumer_path(system: System, consumer: int) -> str:
    """Where a consumer is written."""
    body = system.bodies[system.consumers[consumer].body]
    return f"services.{system.services[body.service].name}.consumers.{body.name}"


def deep(system: System, block: Block) -> list[int]:
    """A block's steps and all inside them: branches, fallbacks, undos; in written order."""
    found: list[int] = []
    for index in block:
        step = system.steps[index]
        found.append(index)
        for inner in step.blocks:
            found += deep(system, inner)
        if step.policy.fallback:
            found += deep(system, step.policy.fallback)
    return found

