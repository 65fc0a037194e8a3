"""Topics: how unevenly keys fill partitions, and partitions threads."""

from __future__ import annotations

import math
from functools import lru_cache

from msforge.model.plan import UNLIMITED, System, Verb
from msforge.policies.distributions import Dist

MOST_KEYS = 100_000  # beyond, keys are so many that they even out


def fullest_share(system: System, consumer: int, steps: tuple[float, ...]) -> float:
    """The share of a topic's messages that the busiest thread of a consumer handles; `steps` are executions by step.

    A partition is read by one thread, in order; partitions are dealt over the threads in turn.
    """
    c = system.consumers[consumer]
    channel = system.channels[c.channel]
    count = channel.partitions
    publishes = [s for s in system.steps if s.verb is Verb.PUBLISH and s.target == channel.index]
    total = sum(steps[s.index] for s in publishes)
    shares = [0.0] * count
    for step in publishes:
        weight = steps[step.index] / total if total > 0 else 1 / len(publishes)
        for p, share in enumerate(_shares(step.key, count)):
            shares[p] += weight * share
    threads = count if c.threads == UNLIMITED else min(count, c.threads * system.services[c.service].replicas)
    if threads <= 0 or not publishes:
        return 0.0
    return max(sum(shares[t::threads]) for t in range(threads))


@lru_cache(maxsize=256)
def _shares(key: Dist | None, count: int) -> tuple[float, ...]:
    """Each partition's share of the messages with such keys; without a key they take turns."""
    if key is None:
        return (1 / count,) * count
    shares = [0.0] * count
    before, seen = 0.0, 0.0
    for number in range(MOST_KEYS):
        upto = key.cdf(number + 0.5)
        shares[number % count] += upto - before
        before = seen = upto
        if seen > 1 - 1e-9:
            break
    return tuple(share + (1 - seen) / count for share in shares)


def uneven(share: float, servers: float) -> bool:
    """Whether the busiest thread has more than its part."""
    return share > 0 and math.isfinite(servers) and share * servers > 1 + 1e-6


__all__ = ["fullest_share", "uneven"]
