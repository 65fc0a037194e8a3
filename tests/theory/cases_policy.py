"""Policies on an infinite server, where each has a closed form."""

from __future__ import annotations

import math

import formulas as f
from cases_network import gateway, server, system
from harness import SHARE, TAIL, Case, Figure, Run, mean_latency, percentile, share

MS = 0.001
OK, ERROR, TIMEOUT = 0, 2, 4
CALLS, TRIES, RETRIES, HEDGES = range(4)


def tries_per_call(run: Run) -> float:
    """Tries the caller made for each call."""
    return run.edge(TRIES) / run.edge(CALLS)


def timeouts() -> Case:
    """Tries cut at a timeout, three at most, a constant backoff between."""
    mean, timeout, backoff, attempts = 100 * MS, 80 * MS, 10 * MS, 3
    late = math.exp(-timeout / mean)
    text = system(
        gateway(
            "{call: leaf.serve, timeout: 80ms, retry: {attempts: 3, backoff: 10ms, factor: 1, jitter: none}}"
        )
        + server("leaf", 100, threads="unlimited"), 100.0, 3_500,
    )
    return Case(
        "timeouts and retries", "cut geometric law, truncated exponential", text,
        (
            Figure("share answered", 1 - late**attempts, share(OK)),
            Figure("tries per call", f.tries_mean(late, attempts), tries_per_call),
            Figure("mean latency, answered", f.retried_latency(mean, timeout, backoff, attempts), mean_latency()),
        ),
    )


def late_work() -> Case:
    """Nobody tells the callee that its caller has gone: it serves every try to its end."""
    mean, timeout = 100 * MS, 80 * MS
    late = math.exp(-timeout / mean)
    text = system(
        gateway("{call: leaf.serve, timeout: 80ms, retry: {attempts: 3, backoff: 0}}")
        + server("leaf", 100, threads="unlimited"), 100.0, 3_500,
    )
    return Case(
        "work after the timeout", "Little's law on every try", text,
        (Figure("busy in leaf", 100.0 * mean * f.tries_mean(late, 3), lambda run: run.busy("leaf")),),
    )


def cancelled_work() -> Case:
    """With cancel: all the callee stops at the timeout."""
    mean, timeout = 100 * MS, 80 * MS
    late = math.exp(-timeout / mean)
    spent = f.truncated_mean(mean, timeout) * (1 - late) + timeout * late
    text = system(
        gateway("{call: leaf.serve, timeout: 80ms, cancel: all}") + server("leaf", 100, threads="unlimited"),
        100.0, 3_500,
    )
    return Case(
        "work stopped at the timeout", "Little's law, truncated exponential", text,
        (
            Figure("busy in leaf", 100.0 * spent, lambda run: run.busy("leaf")),
            Figure("share failed", late, share(ERROR), SHARE),
        ),
    )


def failures() -> Case:
    """A callee that fails three times in ten, four attempts."""
    text = system(
        gateway("{call: leaf.serve, retry: {attempts: 4, backoff: 0}}")
        + server("leaf", 10, threads="unlimited").replace("(10ms)]", "(10ms), fail: 30%]"), 100.0, 3_500,
    )
    return Case(
        "failures and retries", "cut geometric law", text,
        (
            Figure("tries per call", f.tries_mean(0.3, 4), tries_per_call),
            Figure("share failed", 0.3**4, share(ERROR), 3 * SHARE),
            Figure("mean latency, answered", 10 * MS * (
                sum((k + 1) * 0.3**k * 0.7 for k in range(4)) / (1 - 0.3**4)), mean_latency()),
        ),
    )


def hedged() -> Case:
    """A second try after a while; the first answer wins."""
    mean, after = 100 * MS, 70 * MS
    text = system(
        gateway("{call: leaf.serve, hedge: {after: 70ms}}") + server("leaf", 100, threads="unlimited"), 100.0, 3_500
    )

    def quantile(q: float) -> float:
        return f.solve(lambda t: f.hedged_cdf(t, mean, after), q, 0.1)

    return Case(
        "hedged calls", "least of two, one delayed", text,
        (
            Figure("mean latency", f.hedged_mean(mean, after), mean_latency()),
            Figure("p50", quantile(0.5), percentile(0.5)),
            Figure("p99", quantile(0.99), percentile(0.99), TAIL),
            Figure("hedges per call", math.exp(-after / mean), lambda run: run.edge(HEDGES) / run.edge(CALLS)),
        ),
    )


def dropped() -> Case:
    """A network that loses one message in five, there and back: the caller's timeout tells it."""
    text = system(
        gateway("{call: leaf.serve, timeout: 1s}") + server("leaf", 10, threads="unlimited"), 100.0, 3_500,
        more="faults:\n  - {drop: gateway -> leaf, rate: 20%, at: 0s}\n",
    )
    return Case("lost on the network", "Bernoulli", text, (Figure("share failed", 1 - 0.8**2, share(ERROR), SHARE),))


CASES = (timeouts(), late_work(), cancelled_work(), failures(), hedged(), dropped())
