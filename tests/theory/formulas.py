"""Closed forms of queueing theory, each with its source. Times in seconds, rates per second.

Own code, written from the formulas; it shares nothing with `msforge.analysis`, so that the
two cannot be wrong together. Sources are named as:

K1, K2  L. Kleinrock, Queueing Systems, vol. 1 (1975) and 2 (1976)
HB      M. Harchol-Balter, Performance Modeling and Design of Computer Systems (2013)
GH      D. Gross, J. Shortle, J. Thompson, C. Harris, Fundamentals of Queueing Theory, 4th ed. (2008)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np


def solve(increasing: Callable[[float], float], target: float, high: float = 1.0) -> float:
    """The x >= 0 at which an increasing function reaches `target`, by bisection."""
    while increasing(high) < target:
        high *= 2
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if increasing(middle) < target else (low, middle)
    return (low + high) / 2


# --- one station ---------------------------------------------------------------------------

def erlang_b(servers: int, offered: float) -> float:
    """Share lost in M/G/c/c (Erlang 1917; HB 16.3): the usual recursion over servers."""
    lost = 1.0
    for c in range(1, servers + 1):
        lost = offered * lost / (c + offered * lost)
    return lost


def erlang_c(servers: int, offered: float) -> float:
    """Probability that an arrival waits in M/M/c (HB 14.3)."""
    lost = erlang_b(servers, offered)
    return servers * lost / (servers - offered * (1 - lost))


def mmc_mean(rate: float, mean: float, servers: int) -> float:
    """Mean time in system of M/M/c (HB 14.3)."""
    offered = rate * mean
    return mean + erlang_c(servers, offered) * mean / (servers - offered)


def mmc_cdf(t: float, rate: float, mean: float, servers: int) -> float:
    """P(time in system <= t) of M/M/c: an exponential wait with an atom at zero, plus a service (GH 2.4)."""
    mu, offered = 1 / mean, rate * mean
    waits, drain = erlang_c(servers, offered), servers / mean - rate
    if abs(drain - mu) < 1e-9 * mu:
        both = (1 + mu * t) * math.exp(-mu * t)
    else:
        both = (drain * math.exp(-mu * t) - mu * math.exp(-drain * t)) / (drain - mu)
    return 1 - (1 - waits) * math.exp(-mu * t) - waits * both


def mmc_quantile(q: float, rate: float, mean: float, servers: int) -> float:
    """Quantile of the time in system of M/M/c."""
    return solve(lambda t: mmc_cdf(t, rate, mean, servers), q, mean)


def mmck_states(rate: float, mean: float, servers: int, capacity: int) -> list[float]:
    """P(n in system), n = 0 .. capacity, of M/M/c/K with K = capacity (GH 2.5)."""
    weights = [1.0]
    for n in range(1, capacity + 1):
        weights.append(weights[-1] * rate * mean / min(n, servers))
    return [w / sum(weights) for w in weights]


def mg1_wait(rate: float, mean: float, second_moment: float) -> float:
    """Mean wait of M/G/1, Pollaczek and Khinchine (HB 23.6)."""
    return rate * second_moment / (2 * (1 - rate * mean))


def lognormal_second_moment(mean: float, cv: float) -> float:
    """E[S^2] from mean and coefficient of variation (of any law)."""
    return mean**2 * (1 + cv**2)


def hyperexponential_moments(*pairs: tuple[float, float]) -> tuple[float, float]:
    """Mean and second moment of a mixture of exponentials (probability, mean)."""
    return sum(p * m for p, m in pairs), sum(2 * p * m * m for p, m in pairs)


def md1_wait_cdf(t: float, rate: float, service: float) -> float:
    """P(wait <= t) of M/D/1 (Erlang 1909; GH 6.1): an alternating sum, in exact fractions of its exponents."""
    terms = []
    for k in range(math.floor(t / service + 1e-12) + 1):
        x = rate * (k * service - t)
        terms.append(x**k / math.factorial(k) * math.exp(-x))
    return (1 - rate * service) * math.fsum(terms)


def md1_quantile(q: float, rate: float, service: float) -> float:
    """Quantile of the time in system of M/D/1."""
    return service + solve(lambda t: md1_wait_cdf(t, rate, service), q, service)


def md1k_lost(rate: float, service: float, capacity: int) -> float:
    """Share lost in M/D/1/K, K counting the one in service (GH 5.1.8, the embedded chain of departures).

    Also the share a token bucket refuses: rate 1/service, burst K, Poisson arrivals. The
    tokens missing drain like M/D/1's work; an arrival is admitted while at most K - 1 miss.
    """
    load = rate * service
    arrivals = [math.exp(-load) * load**k / math.factorial(k) for k in range(capacity + 1)]
    weights = [1.0]  # after a departure, unnormalised, states 0 .. capacity - 1
    for n in range(capacity - 1):
        later = weights[n] - weights[0] * arrivals[n] - sum(weights[j] * arrivals[n - j + 1] for j in range(1, n + 1))
        weights.append(later / arrivals[0])
    empty = weights[0] / sum(weights)
    return 1 - 1 / (empty + load)


def processor_sharing_mean(rate: float, mean: float) -> float:
    """Mean time in system of M/G/1 under processor sharing, whatever the law (HB 30.2)."""
    return mean / (1 - rate * mean)


def cobham(rates: Sequence[float], means: Sequence[float], second_moments: Sequence[float]) -> list[float]:
    """Mean wait of each class, highest first, of M/G/1 with non-preemptive priorities (Cobham 1954; HB 31.3)."""
    residual = sum(r * s for r, s in zip(rates, second_moments, strict=True)) / 2
    loads = [r * m for r, m in zip(rates, means, strict=True)]
    above = [sum(loads[:k]) for k in range(len(loads) + 1)]
    return [residual / ((1 - above[k]) * (1 - above[k + 1])) for k in range(len(loads))]


def batch_mm1_number(job_rate: float, mean: float, batch: int) -> float:
    """Mean number in M^X/M/1 with batches of a constant size (GH 3.1)."""
    load = job_rate * mean
    return load * (1 + batch) / (2 * (1 - load))


def erlang_arrivals_sigma(phases: int, rate: float, mean: float) -> float:
    """The root in (0, 1) of sigma = A*(mu - mu sigma), Erlang gaps, of GI/M/1 (K1 6.4); mean time: mean/(1 - sigma)."""
    mu, sigma = 1 / mean, rate * mean
    for _ in range(10_000):
        sigma = (phases * rate / (phases * rate + mu * (1 - sigma))) ** phases
    return sigma


def interrupted_mm1_mean(rate: float, mean: float, up: float, down: float) -> float:
    """Mean time in system of M/M/1 whose server breaks down, idle or not, work resumed (White & Christie 1958).

    Up and down times are exponential with these means. From the generating functions of the
    two-state chain: with A = up/(up + down), f = 1/up, r = 1/down and D = mu - rate/A,
    E[N] = (rate/A + f rate^2/r^2)/D + f rate A/r^2.
    """
    mu, f, r = 1 / mean, 1 / up, 1 / down
    available = up / (up + down)
    number = (rate / available + f * rate**2 / r**2) / (mu - rate / available) + f * rate * available / r**2
    return number / rate


# --- several stations ----------------------------------------------------------------------

def hypoexponential_cdf(t: float, rates: Sequence[float]) -> float:
    """P(sum of exponentials with distinct rates <= t) (GH appendix; used for tandem M/M/1, Reich 1957)."""
    total = 0.0
    for i, a in enumerate(rates):
        total += math.exp(-a * t) * math.prod(b / (b - a) for j, b in enumerate(rates) if j != i)
    return 1 - total


def mean_value_analysis(users: int, think: float, demands: Sequence[float]) -> tuple[float, float, list[float]]:
    """Throughput, response time and utilisations of a closed network of single servers (Reiser & Lavenberg 1980)."""
    queue = [0.0] * len(demands)
    throughput = response = 0.0
    for n in range(1, users + 1):
        residence = [d * (1 + q) for d, q in zip(demands, queue, strict=True)]
        response = sum(residence)
        throughput = n / (think + response)
        queue = [throughput * r for r in residence]
    return throughput, response, [throughput * d for d in demands]


def fork_join_two(rate: float, mean: float) -> float:
    """Mean response of two M/M/1 stations forked and joined (Flatto & Hahn 1984; Nelson & Tantawi 1988)."""
    return (12 - rate * mean) / 8 / (1 / mean - rate)


def harmonic(n: int, above: int = 0) -> float:
    """1/(above + 1) + ... + 1/n."""
    return sum(1 / k for k in range(above + 1, n + 1))


def order_statistic_mean(n: int, k: int, mean: float) -> float:
    """Mean of the k-th smallest of n exponentials (Renyi 1953)."""
    return mean * harmonic(n, n - k)


def maximum_quantile(q: float, n: int, mean: float) -> float:
    """Quantile of the largest of n exponentials."""
    return -mean * math.log(1 - q ** (1 / n))


# --- balancing -----------------------------------------------------------------------------

def shortest_queue_mean(rate: float, mean: float, replicas: int, choices: int, longest: int) -> float:
    """Mean time in system when each arrival joins the shortest of `choices` queues drawn without repeat.

    Poisson arrivals, exponential service, ties at random: the sorted queue lengths are a
    Markov chain. Solved with queues cut at `longest`; the cut must be far out.
    """
    states = list(itertools.combinations_with_replacement(range(longest + 1), replicas))
    place = {state: k for k, state in enumerate(states)}
    rates = np.zeros((len(states), len(states)))
    subsets = list(itertools.combinations(range(replicas), choices))
    for state, k in place.items():
        for subset in subsets:
            if state[subset[0]] < longest:  # sorted: the first of a subset is its shortest
                grown = tuple(sorted((*state[: subset[0]], state[subset[0]] + 1, *state[subset[0] + 1 :])))
                rates[k, place[grown]] += rate / len(subsets)
        for i in range(replicas):
            if state[i]:
                rates[k, place[tuple(sorted((*state[:i], state[i] - 1, *state[i + 1 :])))]] += 1 / mean
    balance = rates.T - np.diag(rates.sum(axis=1))
    balance[-1] = 1.0
    right = np.zeros(len(states))
    right[-1] = 1.0
    shares = np.linalg.solve(balance, right)
    number = sum(float(share) * sum(state) for share, state in zip(shares, states, strict=True))
    return number / rate


def power_of_two_limit(load: float, mean: float) -> float:
    """Mean time in system with two choices among very many queues (Mitzenmacher 1996; Vvedenskaya et al. 1996)."""
    return mean * sum(load ** (2**i - 2) for i in range(1, 12))


# --- policies on an infinite server ----------------------------------------------------------

def truncated_mean(mean: float, limit: float) -> float:
    """E[S | S <= limit] of an exponential."""
    late = math.exp(-limit / mean)
    return mean - limit * late / (1 - late)


def tries_mean(fail: float, attempts: int) -> float:
    """Mean number of tries when each fails with probability `fail`: a cut geometric law."""
    return (1 - fail**attempts) / (1 - fail)


def retried_latency(mean: float, timeout: float, backoff: float, attempts: int) -> float:
    """Mean latency of those answered: tries of an exponential, each cut at `timeout`, a constant backoff between."""
    fail = math.exp(-timeout / mean)
    answered = 1 - fail**attempts
    failed_before = sum(k * fail**k * (1 - fail) for k in range(attempts)) / answered
    return failed_before * (timeout + backoff) + truncated_mean(mean, timeout)


def hedged_cdf(t: float, mean: float, after: float) -> float:
    """P(min(S1, after + S2) <= t) of two exponentials."""
    return 1 - math.exp(-t / mean) * (math.exp(-(t - after) / mean) if t > after else 1.0)


def hedged_mean(mean: float, after: float) -> float:
    """Mean of min(S1, after + S2)."""
    late = math.exp(-after / mean)
    return mean * (1 - late) + late * mean / 2


def crash_success(up: float, down: float, mean: float) -> float:
    """Share answered by an infinite server that crashes: it is up, and outlives the service (memoryless both)."""
    return up / (up + down) * (1 / mean) / (1 / mean + 1 / up)


# --- caches ----------------------------------------------------------------------------------

def zipf(n: int, s: float) -> list[float]:
    """Popularity of keys 1 .. n."""
    weights = [k**-s for k in range(1, n + 1)]
    return [w / sum(weights) for w in weights]


def lru_hit_ratio(popularity: Sequence[float], capacity: int) -> float:
    """Hit ratio of an LRU cache under independent references, exact (King 1971): over the orders of the last keys."""
    hit = 0.0
    for order in itertools.permutations(range(len(popularity)), capacity):
        chance, rest = 1.0, 1.0
        for key in order:
            chance *= popularity[key] / rest
            rest -= popularity[key]
        hit += chance * sum(popularity[key] for key in order)
    return hit


def ttl_hit_ratio(popularity: Sequence[float], rate: float, ttl: float) -> float:
    """Hit ratio when entries live `ttl` from their miss, Poisson requests (Jung, Berger & Balakrishnan 2003)."""
    return sum(p * (p * rate * ttl) / (1 + p * rate * ttl) for p in popularity)


def exact_binomial_reach(n: int, need: int, fail: Fraction) -> Fraction:
    """P(at least `need` of n succeed)."""
    return sum(
        (math.comb(n, k) * (1 - fail) ** k * fail ** (n - k) for k in range(need, n + 1)), start=Fraction(0)
    )
