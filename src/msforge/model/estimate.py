"""The size of a run before it starts: a slip of the finger in a rate must not cost a night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Final

from msforge.model.hits import hit_ratio
from msforge.model.plan import NEVER, UNLIMITED, Block, Source, Step, System, Verb
from msforge.model.visits import call_order, visits
from msforge.policies.distributions import Dist
from msforge.records import SECOND

LIMIT: Final = 2e9
"""Requests to services that one replication may have at most."""
EVENTS_LIMIT: Final = 2e10
TREE_LIMIT: Final = 1e7
"""Requests to services that a single arrival may lead to: they may all be under way at once."""
WIDTH_LIMIT: Final = 1e6
"""Things that a single arrival may have under way at once: each needs memory."""
REQUESTS_PER_SECOND: Final = 1e5
EVENTS_PER_SECOND: Final = 1e6
"""What one core simulates, roughly; only for the estimate's words."""


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """Expected numbers of one replication, failures and retries left out. May be `inf`."""

    roots: float
    service_requests: float
    events: float
    by_source: tuple[float, ...] = ()    # service requests that each source leads to

    @property
    def seconds(self) -> float:
        """About how long one core computes, in seconds. An order of magnitude, no promise."""
        return max(self.service_requests / REQUESTS_PER_SECOND, self.events / EVENTS_PER_SECOND)


def estimate(system: System) -> RunEstimate:
    """The expected size of one replication of a run."""
    roots = requests = events = 0.0
    by_source = []
    times: list[float] | None = None
    for source, visit in zip(system.sources, visits(system), strict=True):
        if source.arrivals == "closed" and times is None:
            times = body_times(system)
        turns = _turns(system, source, times or [])
        mine = _product(turns, visit.service_requests)
        by_source.append(mine)
        roots += _product(turns, visit.roots)
        requests += mine
        events += _product(turns, 1 + sum(visit.steps) + 4 * visit.service_requests)
    return RunEstimate(roots, requests, events, tuple(by_source))


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0.0 or b == 0.0 else a * b


def _turns(system: System, source: Source, times: Sequence[float]) -> float:
    """Expected arrivals of a source within the run."""
    limit = inf if source.count == UNLIMITED else float(source.count)
    if source.arrivals == "closed":
        end = system.run.duration if source.end == NEVER else min(source.end, system.run.duration)
        turn = turn_time(system, source, times)
        turns = source.users * max(0, end - source.start) / turn if turn > 0 else inf
        return min(limit, turns)
    if source.arrivals == "given":
        return min(limit, float(sum(time <= system.run.duration for time in source.times)))
    return min(limit, arrivals(source, system.run.duration))


def arrivals(source: Source, until: int) -> float:
    """The integral of an open source's rate from its start to `until` (ns of run time)."""
    total, begin = 0.0, source.start
    for stage in source.stages:
        length = min(stage.duration, until - begin)
        if length <= 0:
            break
        end = stage.begin + (stage.end - stage.begin) * (length / stage.duration)
        total += (stage.begin + end) / 2 * (length / SECOND)
        begin += stage.duration
    return total


def turn_time(system: System, source: Source, times: Sequence[float]) -> float:
    """Expected ns of one turn of a closed loop where nobody waits in a queue; `times` by body."""
    think = 0.0 if source.think is None else _mean(source.think)
    return think + _block_time(system, source.journey, times)


def body_times(system: System) -> list[float]:
    """Expected ns of each body where nobody waits: what its steps and its callees take, one after another."""
    times = [0.0] * len(system.bodies)
    for body in reversed(call_order(system)):
        times[body] = _block_time(system, system.bodies[body].block, times)
    return times


def _block_time(system: System, block: Block, times: Sequence[float]) -> float:
    return sum(_step_time(system, system.steps[index], times) for index in block)


def _step_time(system: System, step: Step, times: Sequence[float]) -> float:
    inner = [_block_time(system, block, times) for block in step.blocks]
    match step.verb:
        case Verb.WORK | Verb.WAIT | Verb.THINK:
            return _mean(step.dist)
        case Verb.CALL:
            hops = 0.0 if step.edge >= 0 and system.edges[step.edge].local else 2 * _mean(system.network.latency)
            limits = [limit for limit in (step.policy.timeout, step.policy.deadline) if limit != NEVER]
            return min([hops + times[step.target], *limits])
        case Verb.READ:
            behind = _mean(system.stores[step.target].read)
            if step.cache is not None:
                behind = _mean(system.stores[step.cache.store].read) + (1 - hit_ratio(step.cache)) * behind
            return behind
        case Verb.WRITE:
            return _mean(system.stores[step.target].write)
        case Verb.PUBLISH:
            return _mean(system.channels[step.target].publish)
        case Verb.PARALLEL:
            return inner[0] if step.copies > 1 else _needed(inner, step.need)
        case Verb.CHOOSE:
            return sum(weight * time for weight, time in zip(step.weights, inner, strict=True))
        case Verb.REPEAT:
            return _product(_mean(step.dist), inner[0])
        case Verb.SAGA:
            return sum(inner[0::2])
    return sum(inner)


def _needed(inner: Sequence[float], need: int) -> float:
    return sorted(inner)[need - 1] if need else 0.0


def _mean(dist: Dist | None) -> float:
    """The mean, or the median where there is no mean."""
    if dist is None:
        return 0.0
    mean = dist.mean
    return mean if isfinite(mean) else dist.quantile(0.5)
