"""How often everything is visited: expected numbers, before any dice are thrown.

Choices count by weight, repeats by their mean, copies by their number, cached reads by the
cache's hit ratio. Failures, and so retries, hedges, fallbacks and undos, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from msforge.model.hits import hit_ratio
from msforge.model.plan import Block, Channel, Step, System, Verb

ROUNDS = 2000
"""Times that messages may lead to messages before a loop of channels counts as endless."""
NEGLIGIBLE = 1e-12
MANY = 1e18
"""Stands for a mean that does not exist."""


@dataclass(frozen=True, slots=True)
class Visits:
    """Expected visits per arrival of one source; for a journey and in a closed loop, per turn.

    `inf` where messages lead to ever more messages.
    """

    roots: float                   # requests that the client sends
    bodies: tuple[float, ...]      # times each body runs, messages included
    requests: tuple[float, ...]    # of these, those that cross to the body's service: local calls left out
    steps: tuple[float, ...]       # times each step runs
    reads: tuple[float, ...]       # by store; a cache is read each time, the store behind it on a miss
    writes: tuple[float, ...]      # by store
    messages: tuple[float, ...]    # by channel: messages published

    @property
    def service_requests(self) -> float:
        """Requests and messages that services handle."""
        return sum(self.requests)

    @property
    def operations(self) -> float:
        """Reads and writes of all stores."""
        return sum(self.reads) + sum(self.writes)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one request for a body leads to while its caller waits. Messages are counted, not followed."""

    calls: float                   # requests to other services
    operations: float              # reads and writes of stores
    messages: float                # messages published
    depth: int                     # services in the longest chain, its own included
    depth_with_stores: int         # the same with a store at the end of the chain, if one is there


@lru_cache(maxsize=16)
def visits(system: System) -> tuple[Visits, ...]:
    """The expected visits of each source, in order."""
    share = step_shares(system)
    order = call_order(system)
    of_body = steps_by_body(system)
    return tuple([_source(system, source.journey, share, order, of_body) for source in system.sources])


def widths(system: System) -> list[float]:
    """For each source the most steps that one arrival has under way at once, calls followed, messages left out."""
    of_body: dict[int, float] = {}
    for body in reversed(call_order(system)):
        of_body[body] = _width(system, system.bodies[body].block, of_body)
    return [_width(system, source.journey, of_body) for source in system.sources]


def _width(system: System, block: Block, of_body: dict[int, float]) -> float:
    most = 1.0
    for index in block:
        step = system.steps[index]
        inner = [_width(system, branch, of_body) for branch in step.blocks]
        if step.verb is Verb.CALL:
            inner = [of_body[step.target]]
        together = sum(inner) * step.copies if step.verb is Verb.PARALLEL else max(inner, default=1.0)
        most = max(most, together)
    return most


@lru_cache(maxsize=16)
def reach(system: System) -> tuple[Reach, ...]:
    """What one request leads to, for each body."""
    share = step_shares(system)
    made: dict[int, Reach] = {}
    of_body = steps_by_body(system)
    for body in reversed(call_order(system)):
        made[body] = _reach(system, of_body[body], share, made)
    return tuple([made[body.index] for body in system.bodies])


def calls_per_request(system: System, body: int) -> float:
    """Expected requests to other services that one request for `body` leads to, itself not counted."""
    return reach(system)[body].calls


def depth(system: System, body: int) -> int:
    """Services in the longest chain of calls from `body`, its own included."""
    return reach(system)[body].depth


def steps_by_body(system: System) -> list[list[Step]]:
    """The steps of each body in written order; journeys left out."""
    found: list[list[Step]] = [[] for _ in system.bodies]
    for step in system.steps:
        if step.body >= 0:
            found[step.body].append(step)
    return found


def step_shares(system: System) -> list[float]:
    """Expected runs of each step per run of its body, or per turn of its journey."""
    share = [0.0] * len(system.steps)
    for block in [body.block for body in system.bodies] + [source.journey for source in system.sources]:
        _spread(system.steps, block, 1.0, share)
    return share


def _spread(steps: Sequence[Step], block: Block, times: float, share: list[float]) -> None:
    for index in block:
        step = steps[index]
        share[index] += times
        for branch, part in zip(step.blocks, _parts(step), strict=True):
            if part == 0.0:
                continue  # never run; and 0 * inf is no number
            _spread(steps, branch, times * part, share)


def _parts(step: Step) -> Sequence[float]:
    """Expected runs of each block of a step per run of the step."""
    match step.verb:
        case Verb.CHOOSE:
            return step.weights
        case Verb.REPEAT if step.dist is not None:
            return (min(step.dist.mean, MANY),)
        case Verb.PARALLEL:
            return (float(step.copies),) * len(step.blocks)
        case Verb.SAGA:
            return (1.0, 0.0) * (len(step.blocks) // 2)
    return (1.0,) * len(step.blocks)


def call_order(system: System) -> list[int]:
    """All bodies, callers before callees."""
    calls: list[list[int]] = [[] for _ in system.bodies]
    for edge in system.edges:
        calls[edge.caller].append(edge.callee)
    seen = [False] * len(calls)
    finished: list[int] = []
    for start in range(len(calls)):
        if seen[start]:
            continue
        seen[start] = True
        stack = [(start, iter(calls[start]))]
        while stack:
            body, pending = stack[-1]
            callee = next((c for c in pending if not seen[c]), None)
            if callee is None:
                stack.pop()
                finished.append(body)
            else:
                seen[callee] = True
                stack.append((callee, iter(calls[callee])))
    finished.reverse()
    return finished


def deliveries(system: System, channel: Channel) -> list[tuple[int, float]]:
    """(body, expected deliveries of one message) of each consumer of a channel.

    A queue shares its messages among its consumers by their threads, a topic gives each service one.
    """
    weights = []
    for index in channel.consumers:
        consumer = system.consumers[index]
        threads = max(1, consumer.threads) * max(1, system.services[consumer.service].replicas)
        weights.append((consumer.body, consumer.service if channel.topic else -1, threads))
    total: dict[int, int] = {}
    for _, group, threads in weights:
        total[group] = total.get(group, 0) + threads
    return [(body, threads / total[group]) for body, group, threads in weights]


def _source(
    system: System, journey: Block, share: Sequence[float], order: Sequence[int], of_body: Sequence[Sequence[Step]]
) -> Visits:
    steps = system.steps
    roots = 0.0
    bodies, requests = [0.0] * len(system.bodies), [0.0] * len(system.bodies)
    messages = [0.0] * len(system.channels)
    arriving = [0.0] * len(system.bodies)
    mine: list[int] = []
    _below(steps, journey, mine)
    for index in mine:
        step = steps[index]
        if step.verb is Verb.CALL:
            roots += share[index]
            arriving[step.target] += share[index]
    endless = True
    for _ in range(ROUNDS):
        published = _follow_calls(system, order, of_body, share, arriving, bodies, requests)
        arriving = [0.0] * len(system.bodies)
        for channel in system.channels:
            count = published[channel.index]
            messages[channel.index] += count
            if count > NEGLIGIBLE:
                for body, part in deliveries(system, channel):
                    arriving[body] += count * part
        if not any(arriving):
            endless = False
            break
    if endless:
        for body, still in enumerate(arriving):
            if still > NEGLIGIBLE:
                bodies[body] = requests[body] = inf
    runs = [
        share[step.index] * bodies[step.body] if step.body >= 0 and share[step.index] and bodies[step.body] else 0.0
        for step in steps
    ]
    for index in mine:
        runs[index] = share[index]
    reads, writes = _operations(system, runs)
    return Visits(
        roots, tuple(bodies), tuple(requests), tuple(runs), tuple(reads), tuple(writes), tuple(messages)
    )


def _below(steps: Sequence[Step], block: Block, found: list[int]) -> None:
    for index in block:
        found.append(index)
        for inner in steps[index].blocks:
            _below(steps, inner, found)


def _follow_calls(
    system: System, order: Sequence[int], of_body: Sequence[Sequence[Step]], share: Sequence[float],
    arriving: Sequence[float], bodies: list[float], requests: list[float],
) -> list[float]:
    """Adds to `bodies` and `requests` what `arriving` leads to by calls; gives what it publishes, by channel."""
    runs = list(arriving)
    published = [0.0] * len(system.channels)
    for body, count in enumerate(arriving):
        requests[body] += count
    for body in order:
        times = runs[body]
        if times == 0.0:
            continue
        bodies[body] += times
        for step in of_body[body]:
            if share[step.index] == 0.0:
                continue
            count = times * share[step.index]
            if step.verb is Verb.CALL:
                runs[step.target] += count
                if not system.edges[step.edge].local:
                    requests[step.target] += count
            elif step.verb is Verb.PUBLISH:
                published[step.target] += count
    return published


def _operations(system: System, runs: Sequence[float]) -> tuple[list[float], list[float]]:
    reads, writes = [0.0] * len(system.stores), [0.0] * len(system.stores)
    for step in system.steps:
        count = runs[step.index]
        if step.verb is Verb.WRITE:
            writes[step.target] += count
        elif step.verb is Verb.READ:
            if step.cache is not None:
                reads[step.cache.store] += count
                count *= 1.0 - hit_ratio(step.cache)
            reads[step.target] += count
    return reads, writes


def _reach(system: System, steps: Sequence[Step], share: Sequence[float], below: dict[int, Reach]) -> Reach:
    calls = operations = messages = 0.0
    deep, deep_with_stores = 1, 1
    for step in steps:
        times = share[step.index]
        if times == 0.0:
            continue
        match step.verb:
            case Verb.CALL:
                callee, cross = below[step.target], 0 if system.edges[step.edge].local else 1
                calls += times * (cross + callee.calls)
                operations += times * callee.operations
                messages += times * callee.messages
                deep = max(deep, cross + callee.depth)
                deep_with_stores = max(deep_with_stores, cross + callee.depth_with_stores)
            case Verb.READ | Verb.WRITE:
                missed = 1.0 if step.cache is None else 2.0 - hit_ratio(step.cache)
                operations += times * missed
                deep_with_stores = max(deep_with_stores, 2)
            case Verb.PUBLISH:
                messages += times
    return Reach(calls, operations, messages, deep, deep_with_stores)
