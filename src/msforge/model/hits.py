"""The share of reads that a cache answers, in steady state."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import exp, inf

from msforge.model.plan import NEVER, UNLIMITED, Cache
from msforge.policies.distributions import Dist

EXACT_RANKS = 500
"""The most popular keys are taken one by one, the rest in groups of nearly equal popularity."""
GROUPS = 500


def hit_ratio(cache: Cache, reads: float = inf) -> float:
    """The expected share of hits, 0..1. `reads` per second matter only to a `ttl`.

    A given `hit` is itself. With keys: a key asked for at rate a and kept for `ttl` after it was
    fetched is found with probability a*ttl / (1 + a*ttl); one that the least recently used rule may
    push out of `capacity` entries is found with probability 1 - exp(-p*T), p its share of the reads
    and T such that the expected number of entries is `capacity` (H. Che, Y. Tung, Z. Wang, IEEE JSAC
    2002). With both limits, the smaller of the two: a bound that is close where one of them rules.
    """
    if cache.keys is None:
        return cache.hit
    return _hit_ratio(cache.keys, cache.capacity, cache.ttl, reads)


@lru_cache(maxsize=256)
def _hit_ratio(keys: Dist, capacity: int, ttl: int, reads: float) -> float:
    groups = list(_popularity(keys))
    age = inf if capacity == UNLIMITED else _characteristic_time(groups, capacity)
    lifetime = inf if ttl == NEVER or reads == inf else ttl / 1e9 * reads
    return sum(count * p * min(_kept(p, age), _fresh(p, lifetime)) for count, p in groups)


def _kept(p: float, age: float) -> float:
    return 1.0 - exp(-p * age)


def _fresh(p: float, lifetime: float) -> float:
    return 1.0 if lifetime == inf else p * lifetime / (1.0 + p * lifetime)


def _characteristic_time(groups: list[tuple[float, float]], capacity: int) -> float:
    """Che's T, in reads: the root of sum(1 - exp(-p T)) = capacity, by bisection."""
    if sum(count for count, _ in groups) <= capacity:
        return inf
    low, high = 0.0, float(capacity)
    while sum(count * _kept(p, high) for count, p in groups) < capacity and high < 1e300:
        low, high = high, high * 2
    for _ in range(100):
        middle = (low + high) / 2
        if sum(count * _kept(p, middle) for count, p in groups) < capacity:
            low = middle
        else:
            high = middle
    return low


def _popularity(keys: Dist) -> Iterator[tuple[float, float]]:
    """Pairs of a number of keys and the share of reads that each of them gets."""
    if keys.kind == "zipf":
        yield from _zipf(int(keys.params[0]), keys.params[1])
        return
    first, last = round(keys.quantile(0.0005)), round(keys.quantile(0.9995))
    width = max(1, (last - first + 1) // (EXACT_RANKS + GROUPS) + 1)
    for low in range(first, last + 1, width):
        count = min(width, last + 1 - low)
        share = keys.cdf(low + count - 0.5) - keys.cdf(low - 0.5)
        if share > 0:
            yield count, share / count


def _zipf(n: int, s: float) -> Iterator[tuple[float, float]]:
    bounds = list(range(1, min(n, EXACT_RANKS) + 1))
    growth = (n / EXACT_RANKS) ** (1 / GROUPS) if n > EXACT_RANKS else 1.0
    edge = float(EXACT_RANKS)
    while bounds[-1] < n:
        edge = max(edge * growth, bounds[-1] + 1)
        bounds.append(min(n, int(edge)))
    weights, before = [], 0
    for bound in bounds:
        count = bound - before
        weights.append((count, ((before + 1 + bound) / 2) ** -s))
        before = bound
    total = sum(count * weight for count, weight in weights)
    for count, weight in weights:
        yield count, weight / total
