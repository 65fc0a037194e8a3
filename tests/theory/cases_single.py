"""One station: M/M/c, M/G/1, losses, priorities, sharing, breakdowns."""

from __future__ import annotations

import math

import formulas as f
from harness import (
    SHARE,
    TAIL,
    Case,
    Figure,
    Run,
    busy,
    in_system,
    mean_latency,
    percentile,
    share,
    station,
    waited,
)

MS = 0.001
OVERLOADED, RATE_LIMITED, RESET, UNAVAILABLE = 5, 6, 11, 7


def markov(servers: int, load: float, requests: int) -> Case:
    """M/M/c, all of its figures."""
    mean = 10 * MS
    rate = load * servers / mean
    return Case(
        f"M/M/{servers} at {load:.0%}", "Erlang C; HB 14.3",
        station(rate, "wait: exponential(10ms)", requests, threads=servers),
        (
            Figure("busy threads", load * servers, busy("server")),
            Figure("P(wait)", f.erlang_c(servers, load * servers), waited(), SHARE),
            Figure("mean latency", f.mmc_mean(rate, mean, servers), mean_latency()),
            Figure("p50", f.mmc_quantile(0.50, rate, mean, servers), percentile(0.50)),
            Figure("p95", f.mmc_quantile(0.95, rate, mean, servers), percentile(0.95), TAIL),
            Figure("p99", f.mmc_quantile(0.99, rate, mean, servers), percentile(0.99), TAIL),
            Figure("mean in system", rate * f.mmc_mean(rate, mean, servers), in_system("server"), TAIL),
        ),
    )


def general(name: str, law: str, mean: float, second: float, requests: int, load: float = 0.5) -> Case:
    """M/G/1 by Pollaczek and Khinchine."""
    rate = load / mean
    figures = [
        Figure("busy threads", load, busy("server")),
        Figure("P(wait)", load, waited(), SHARE),
        Figure("mean latency", mean + f.mg1_wait(rate, mean, second), mean_latency()),
    ]
    if name == "M/D/1":
        figures.append(Figure("p95", f.md1_quantile(0.95, rate, mean), percentile(0.95), TAIL))
        figures.append(Figure("p99", f.md1_quantile(0.99, rate, mean), percentile(0.99), TAIL))
    return Case(name, "Pollaczek-Khinchine; HB 23.6", station(rate, f"wait: {law}", requests), tuple(figures))


def loss(name: str, law: str) -> Case:
    """Erlang B: no queue, and whatever law."""
    rate, mean, servers = 400.0, 10 * MS, 5
    lost = f.erlang_b(servers, rate * mean)
    states = f.mmck_states(rate, mean, servers, servers)
    return Case(
        name, "Erlang B; HB 16.3", station(rate, f"wait: {law}", 7_000, threads=servers, queue="0"),
        (
            Figure("share refused", lost, share(OVERLOADED), SHARE),
            Figure("busy threads", rate * mean * (1 - lost), busy("server")),
            Figure("mean latency", mean, mean_latency()),
            *(
                Figure(f"P({n} busy)", states[n], lambda run, n=n: run.busy_share("server", n), SHARE)
                for n in range(2, servers + 1)
            ),
        ),
    )


def bounded(servers: int, capacity: int) -> Case:
    """M/M/c/K: a bounded queue, with its states."""
    mean = 10 * MS
    rate = 0.9 * servers / mean
    states = f.mmck_states(rate, mean, servers, capacity)
    number = sum(n * p for n, p in enumerate(states))
    waiting = [0.0] * (capacity - servers + 1)
    for n, p in enumerate(states):
        waiting[max(0, n - servers)] += p

    def waits(run: Run, n: int) -> float:
        spent = run.records.replicas[0].wait_time
        return float(spent[n]) / 1e9 / run.span

    return Case(
        f"M/M/{servers}/{capacity} at 90%", "GH 2.5",
        station(rate, "wait: exponential(10ms)", 14_000, threads=servers, queue=str(capacity - servers)),
        (
            Figure("share refused", states[-1], share(OVERLOADED), SHARE),
            Figure("mean latency", number / (rate * (1 - states[-1])), mean_latency()),
            Figure("mean in system", number, in_system("server")),
            *(
                Figure(f"P({n} waiting)", waiting[n], lambda run, n=n: waits(run, n), 2 * SHARE)
                for n in range(capacity - servers + 1)
            ),
        ),
    )


def sharing(name: str, law: str, cores: int, expected: float, rate: float, requests: int) -> Case:
    """Processor sharing: a CPU time-sliced among all in progress."""
    return Case(
        name, "insensitivity; HB 30.2",
        station(rate, f"work: {law}", requests, threads=100_000, queue="0", more=f"    cpu: {cores}\n"),
        (Figure("mean latency", expected, mean_latency()), Figure("mean in system", rate * expected, busy("server"))),
    )


def priorities() -> Case:
    """Two classes, not preemptive."""
    high, low, mean = 30.0, 40.0, 10 * MS
    waits = f.cobham((high, low), (mean, mean), (2 * mean**2, 2 * mean**2))
    text = station(
        high, "wait: exponential(10ms)", 14_000, queue="{capacity: unlimited, discipline: priority}",
        client=", priority: 1", tail=f"  others: {{target: server.serve, rate: {low}/s, priority: 2}}\n",
    )
    return Case(
        "two priorities", "Cobham 1954; HB 31.3", text,
        (
            Figure("mean latency, first", mean + waits[0], mean_latency(0)),
            Figure("mean latency, second", mean + waits[1], mean_latency(1)),
        ),
    )


def last_come() -> Case:
    """LIFO: the same mean as FIFO, a wider spread."""
    rate, mean = 50.0, 10 * MS
    load = rate * mean
    wait = load * mean / (1 - load)
    second = 2 * load * mean**2 / (1 - load) ** 2 / (1 - load)
    return Case(
        "M/M/1 last come first served", "K2 3.4; GH 5.1.9",
        station(rate, "wait: exponential(10ms)", 14_000, queue="{capacity: unlimited, discipline: lifo}"),
        (
            Figure("mean latency", mean + wait, mean_latency()),
            Figure(
                "deviation of the wait", math.sqrt(second - wait**2),
                lambda run: float(run.column("queue").std()) / 1e9, TAIL,
            ),
        ),
    )


def interrupted() -> Case:
    """A replica that stands still now and then, idle or not, and resumes."""
    rate, mean, up, down = 40.0, 10 * MS, 0.5, 0.05
    tail = f"faults:\n  - {{pause: server, every: exponential({up}s), for: exponential({down}s)}}\n"
    return Case(
        "M/M/1 with breakdowns, resumed", "White & Christie 1958",
        station(rate, "work: exponential(10ms)", 26_000, tail=tail),
        (Figure("mean latency", f.interrupted_mm1_mean(rate, mean, up, down), mean_latency()),),
    )


def crashing() -> Case:
    """A replica that crashes and loses what it has, on an infinite server."""
    rate, mean, up, down = 200.0, 500 * MS, 4.0, 1.0
    tail = f"faults:\n  - {{crash: server, every: exponential({up}s), for: exponential({down}s)}}\n"
    lives = up / (up + down)
    ok = f.crash_success(up, down, mean)
    return Case(
        "crash and repair, infinite server", "renewal reward; memoryless service and up time",
        station(rate, "wait: exponential(500ms)", 38_000, threads="unlimited", tail=tail),
        (
            Figure("share answered", ok, share(0), SHARE),
            Figure("share unavailable", 1 - lives, share(UNAVAILABLE), 3 * SHARE),
            Figure("share reset", lives - ok, share(RESET), 2 * SHARE),
            Figure("mean latency", 1 / (1 / mean + 1 / up), mean_latency()),
        ),
    )


def token_bucket(burst: int, rate: float) -> Case:
    """Poisson arrivals at a token bucket of 100/s."""
    refused = f.md1k_lost(rate, 0.01, burst)
    return Case(
        f"token bucket of {burst}, {rate:.0f}/s for 100/s", "as M/D/1/K; GH 5.1.8",
        station(
            rate, "wait: 1ms", 5_000, threads="unlimited", more=f"    rate_limit: {{rate: 100/s, burst: {burst}}}\n"
        ),
        (Figure("share refused", refused, share(RATE_LIMITED), SHARE),),
    )


def infinite() -> Case:
    """M/G/infinity: as many busy as Little's law says, whatever the law."""
    return Case(
        "M/G/infinity", "HB 16.5",
        station(1000.0, "wait: lognormal(mean=20ms cv=2)", 8_000, threads="unlimited"),
        (Figure("busy threads", 20.0, busy("server")), Figure("mean latency", 0.02, mean_latency())),
    )


HYPER = f.hyperexponential_moments((0.75, 5 * MS), (0.25, 25 * MS))
HYPER_LAW = "hyperexponential(75% 5ms 25% 25ms)"

CASES = (
    markov(1, 0.5, 18_000),
    markov(1, 0.6, 24_000),
    markov(2, 0.7, 24_000),
    markov(4, 0.8, 36_000),
    markov(16, 0.8, 15_000),
    general("M/D/1", "10ms", 10 * MS, 1e-4, 11_000, load=0.7),
    general("M/Erlang-3/1", "erlang(k=3 mean=10ms)", 10 * MS, 1e-4 * 4 / 3, 10_000),
    general("M/lognormal/1", "lognormal(mean=10ms cv=1.2)", 10 * MS, f.lognormal_second_moment(0.01, 1.2), 24_000, 0.4),
    general("M/hyperexponential/1", HYPER_LAW, HYPER[0], HYPER[1], 34_000, 0.4),
    loss("Erlang B", "exponential(10ms)"),
    loss("Erlang B, lognormal service", "lognormal(mean=10ms cv=2)"),
    bounded(1, 5),
    bounded(3, 8),
    sharing("M/M/1 shared", "exponential(10ms)", 1, f.processor_sharing_mean(50.0, 0.01), 50.0, 10_000),
    sharing("M/lognormal/1 shared", "lognormal(mean=10ms cv=1.2)", 1,
            f.processor_sharing_mean(50.0, 0.01), 50.0, 20_000),
    sharing("M/hyperexponential/1 shared", HYPER_LAW, 1, f.processor_sharing_mean(50.0, HYPER[0]), 50.0, 17_000),
    sharing("M/lognormal/2 shared", "lognormal(mean=10ms cv=1.2)", 2, f.mmc_mean(120.0, 0.01, 2), 120.0, 14_000),
    priorities(),
    last_come(),
    interrupted(),
    crashing(),
    token_bucket(1, 90.0),
    token_bucket(4, 120.0),
    infinite(),
)
