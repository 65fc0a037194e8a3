"""Queueing formulas, in any one unit of time. Pure functions; every docstring names its source.

Letters as in the books: `lam` arrivals per unit of time, `mu` services per unit of time and
server, `c` servers, `rho` = lam / (c mu), `a` = lam / mu offered load in Erlangs. An unstable
station has an infinite mean wait; nothing here raises for a load that is merely too high.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def erlang_b(servers: int, offered: float) -> float:
    """Share of arrivals lost by M/G/c/c with `offered` Erlangs.

    The recursion B(n) = a B(n-1) / (n + a B(n-1)), which never overflows.
    Source: A. K. Erlang 1917; Gross et al., Fundamentals of Queueing Theory, 4th ed., 2.5.
    """
    _at_least(servers, 0)
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """Probability that an arrival waits in M/M/c with `offered` Erlangs; 1 when unstable.

    C = B / (1 - rho (1 - B)). Source: Gross et al., 2.3.
    """
    _at_least(servers, 1)
    if offered >= servers:
        return 1.0
    blocked = erlang_b(servers, offered)
    return blocked / (1 - offered / servers * (1 - blocked))


def mmc_wait(lam: float, mean: float, servers: int) -> float:
    """Mean time in queue of M/M/c: C(c, a) / (c mu - lam). Source: Gross et al., 2.3."""
    if lam <= 0 or mean <= 0:
        return 0.0
    offered = lam * mean
    if offered >= servers:
        return math.inf
    return erlang_c(servers, offered) * mean / (servers - offered)


def mmc_wait_quantile(lam: float, mean: float, servers: int, p: float) -> float:
    """Quantile `p` of M/M/c's time in queue: 0 with probability 1 - C, else exponential. Source: Gross et al., 2.3."""
    offered = lam * mean
    if offered >= servers:
        return math.inf
    waits = erlang_c(servers, offered)
    return 0.0 if p <= 1 - waits else math.log(waits / (1 - p)) * mean / (servers - offered)


def mg1_wait(lam: float, mean: float, scv: float) -> float:
    """Mean time in queue of M/G/1: rho/(1-rho) * (1 + scv)/2 * mean.

    `scv` is the squared coefficient of variation of the service time.
    Source: Pollaczek 1930, Khinchine 1932; Gross et al., 5.1.
    """
    if lam <= 0 or mean <= 0:
        return 0.0
    rho = lam * mean
    return math.inf if rho >= 1 else rho / (1 - rho) * (1 + scv) / 2 * mean


def ggc_wait(lam: float, mean: float, servers: int, scv: float, arrival_scv: float = 1.0) -> float:
    """Mean time in queue of G/G/c, the Allen-Cunneen approximation: M/M/c's times (ca2 + cs2)/2.

    Exact for M/M/c and M/G/1, an approximation elsewhere.
    Source: A. O. Allen, Probability, Statistics and Queueing Theory, 2nd ed., 1990, 5.6.
    """
    return mmc_wait(lam, mean, servers) * (arrival_scv + scv) / 2


def mm1k(lam: float, mean: float, places: int) -> tuple[float, float]:
    """M/M/1/K: (share of arrivals refused, mean time in system of those admitted).

    `places` counts the one in service. Source: Gross et al., 2.4.
    """
    _at_least(places, 1)
    rho = lam * mean
    weights = [rho**n for n in range(places + 1)] if rho <= 1 else [rho ** (n - places) for n in range(places + 1)]
    total = sum(weights)
    refused = weights[-1] / total
    in_system = sum(n * w for n, w in enumerate(weights)) / total
    return refused, in_system / (lam * (1 - refused)) if lam > 0 else mean


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed network's steady state: throughput, mean time per cycle (think time left out), queue lengths."""

    throughput: float
    response: float
    lengths: tuple[float, ...]


def mean_value_analysis(demands: Sequence[float], users: int, think: float) -> Closed:
    """Exact mean value analysis of a closed network of single-server stations.

    `demands[i]` is visits times mean service at station i. Source: Reiser and Lavenberg 1980;
    Lazowska et al., Quantitative System Performance, 6.4.
    """
    lengths = [0.0] * len(demands)
    throughput, response = 0.0, sum(demands)
    for n in range(1, users + 1):
        times = [d * (1 + q) for d, q in zip(demands, lengths, strict=True)]
        response = sum(times)
        throughput = n / (think + response) if think + response > 0 else math.inf
        lengths = [throughput * t for t in times]
    return Closed(throughput, response, tuple(lengths))


def max_of_exponentials(means: Sequence[float]) -> float:
    """Mean of the largest of independent exponentials, by inclusion and exclusion (at most 16 of them).

    Equal means give mean * H(n). Source: Ross, Introduction to Probability Models, 5.2.
    """
    rates = [1 / m for m in means if m > 0]
    if len(rates) > 16:
        raise ValueError("inclusion-exclusion over more than 16 exponentials")
    total = 0.0
    for chosen in range(1, 1 << len(rates)):
        some = [r for i, r in enumerate(rates) if chosen >> i & 1]
        total += (1 if len(some) % 2 else -1) / sum(some)
    return total


def fork_join_two(lam: float, mean: float) -> float:
    """Mean time to join two parallel M/M/1 queues fed by the same Poisson stream: (12 - rho)/8 of M/M/1's.

    Exact. Source: Flatto and Hahn 1984; Nelson and Tantawi 1988.
    """
    rho = lam * mean
    return math.inf if rho >= 1 else (12 - rho) / 8 * mean / (1 - rho)


def alternating_availability(up: float, down: float) -> float:
    """Share of time up of an alternating renewal process with mean times `up` and `down`. Ross, 7.5."""
    return 1.0 if down <= 0 else up / (up + down)


def k_of_n(k: int, n: int, p: float) -> float:
    """Probability that at least `k` of `n` independent parts, each up with probability `p`, work.

    Source: K. S. Trivedi, Probability and Statistics with Reliability, 2nd ed., 1.10.
    """
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(max(k, 0), n + 1))


def at_least(k: int, chances: Sequence[float]) -> float:
    """Probability that at least `k` of independent events with these `chances` happen (Poisson-binomial)."""
    counts = [1.0]
    for p in chances:
        grown = [0.0] * (len(counts) + 1)
        for n, weight in enumerate(counts):
            grown[n] += weight * (1 - p)
            grown[n + 1] += weight * p
        counts = grown
    return min(1.0, sum(counts[max(k, 0):]))


def _at_least(value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"at least {least} servers, not {value}")
