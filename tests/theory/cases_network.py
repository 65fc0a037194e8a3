"""Several stations: tandems, branches, closed networks, fork and join, balancing, stores."""

from __future__ import annotations

import formulas as f
from harness import SHARE, TAIL, Case, Figure, Run, busy, in_system, mean_latency, percentile

MS = 0.001


def system(services: str, rate: float, requests: int, more: str = "") -> str:
    """A gateway with unlimited threads in front of what `services` adds."""
    duration = requests / rate
    return f"""\
msforge: 1
name: network
services:
{services}
traffic:
  clients: {{target: gateway.enter, rate: {rate!r}/s}}
{more}simulation: {{duration: {duration!r}s, warmup: {duration / 20!r}s, drain: 600s}}
"""


def gateway(steps: str) -> str:
    """The entry: it only calls."""
    return f"""\
  gateway:
    threads: unlimited
    endpoints:
      enter: {{http: POST /enter, steps: [{steps}]}}
"""


def server(name: str, mean_ms: float, **options: object) -> str:
    """A service with exponential times."""
    extra = "".join(f"    {key}: {value}\n" for key, value in options.items())
    return f"""\
  {name}:
    queue: unlimited
    endpoints:
      serve: {{http: POST /serve, steps: [wait: exponential({mean_ms}ms)]}}
{extra if "threads" in options else "    threads: 1" + chr(10) + extra}"""


def tandem() -> Case:
    """Three M/M/1 in a row: the sojourns are independent exponentials (Reich 1957)."""
    rate, means = 50.0, (10 * MS, 6 * MS, 4 * MS)
    rates = [1 / m - rate for m in means]
    names = ("a", "b", "c")
    text = system(
        gateway(", ".join(f"call: {n}.serve" for n in names).replace(", ", "}, {").join("{}"))
        + "".join(server(n, m / MS) for n, m in zip(names, means, strict=True)), rate, 6_000,
    )

    def quantile(q: float) -> float:
        return f.solve(lambda t: f.hypoexponential_cdf(t, rates), q, 0.01)

    return Case(
        "three M/M/1 in a row", "Jackson 1957; Reich 1957", text,
        (
            Figure("mean latency", sum(1 / r for r in rates), mean_latency()),
            Figure("p50", quantile(0.5), percentile(0.5)),
            Figure("p99", quantile(0.99), percentile(0.99), TAIL),
            *(Figure(f"in {n}", rate / r, in_system(n), SHARE) for n, r in zip(names, rates, strict=True)),
        ),
    )


def branching() -> Case:
    """A third to one server, the rest to another with two threads, all through a first and a last."""
    rate = 60.0
    text = system(
        gateway(
            "{call: first.serve}, {choose: [{weight: 1, steps: [call: left.serve]}, "
            "{weight: 2, steps: [call: right.serve]}]}, {call: last.serve}"
        )
        + server("first", 8) + server("left", 25) + server("right", 30, threads=2) + server("last", 8), rate, 10_000,
    )
    first, left = f.mmc_mean(rate, 8 * MS, 1), f.mmc_mean(rate / 3, 25 * MS, 1)
    right = f.mmc_mean(rate * 2 / 3, 30 * MS, 2)
    return Case(
        "branching Jackson network", "Jackson 1957", text,
        (
            Figure("mean latency", 2 * first + left / 3 + right * 2 / 3, mean_latency()),
            Figure("busy in left", rate / 3 * 25 * MS, busy("left")),
            Figure("busy in right", rate * 2 / 3 * 30 * MS, busy("right")),
            Figure("in left", rate / 3 * left, in_system("left"), SHARE),
            Figure("in right", rate * 2 / 3 * right, in_system("right"), SHARE),
        ),
    )


def closed(users: int) -> Case:
    """Users who think, then pass two servers: exact mean value analysis."""
    think, demands = 0.2, (20 * MS, 10 * MS)
    throughput, response, used = f.mean_value_analysis(users, think, demands)
    duration = 4_500 / throughput
    text = f"""\
msforge: 1
name: closed
services:
{gateway("{call: a.serve}, {call: b.serve}")}{server("a", 20)}{server("b", 10)}
traffic:
  people: {{target: gateway.enter, users: {users}, think: exponential({think}s)}}
simulation: {{duration: {duration!r}s, warmup: {duration / 20!r}s, drain: 600s}}
"""
    return Case(
        f"closed network of {users}", "mean value analysis; Reiser & Lavenberg 1980", text,
        (
            Figure("throughput", throughput, lambda run: run.throughput()),
            Figure("mean latency", response, mean_latency()),
            Figure("busy in a", used[0], busy("a")),
            Figure("busy in b", used[1], busy("b")),
        ),
    )


def fork_join() -> Case:
    """Two M/M/1 at once, the slower decides."""
    rate, mean = 50.0, 10 * MS
    text = system(
        gateway("{parallel: [{call: a.serve}, {call: b.serve}]}") + server("a", 10) + server("b", 10), rate, 6_000
    )
    return Case(
        "fork and join of two", "Flatto & Hahn 1984; Nelson & Tantawi 1988", text,
        (Figure("mean latency", f.fork_join_two(rate, mean), mean_latency()),),
    )


def fan_out(width: int, need: int) -> Case:
    """The k-th of n answers of infinite servers."""
    wants = f", need: {need}" if need < width else ""
    text = system(
        gateway(f"{{parallel: {width}, steps: [call: leaf.serve]{wants}}}") + server("leaf", 10, threads="unlimited"),
        100.0, max(10_000 // width, 900),
    )
    figures = [Figure("mean latency", f.order_statistic_mean(width, need, 10 * MS), mean_latency())]
    if need == width:
        figures.append(Figure("p50", f.maximum_quantile(0.5, width, 10 * MS), percentile(0.5)))
        figures.append(Figure("p99", f.maximum_quantile(0.99, width, 10 * MS), percentile(0.99), TAIL))
    return Case(f"{need} of {width} at once", "order statistics; Renyi 1953", text, tuple(figures))


def batches() -> Case:
    """Three jobs at a time into one server."""
    rate, mean, batch = 20.0, 10 * MS, 3
    number = f.batch_mm1_number(rate * batch, mean, batch)
    text = system(gateway(f"{{parallel: {batch}, steps: [call: leaf.serve]}}") + server("leaf", 10), rate, 13_000)
    return Case(
        "batch arrivals, M^3/M/1", "GH 3.1", text,
        (Figure("mean in system", number, in_system("leaf")), Figure("busy", rate * batch * mean, busy("leaf"))),
    )


def balanced(name: str, balance: str, replicas: int, load: float, expected: float, source: str, requests: int) -> Case:
    """One service of several replicas of one thread."""
    mean = 10 * MS
    rate = load * replicas / mean
    duration = requests / rate
    text = f"""\
msforge: 1
name: balanced
services:
{server("server", 10, replicas=replicas, balance=balance)}
traffic:
  clients: {{target: server.serve, rate: {rate!r}/s}}
simulation: {{duration: {duration!r}s, warmup: {duration / 20!r}s, drain: 600s}}
"""
    return Case(name, source, text, (Figure("mean latency", expected, mean_latency()),))


def balancing() -> tuple[Case, ...]:
    """The four ways, with two and three replicas."""
    mean, load = 10 * MS, 0.7
    robin = mean / (1 - f.erlang_arrivals_sigma(3, load / mean, mean))
    two = f.shortest_queue_mean(2 * load / mean, mean, 2, 2, 50)
    three = f.shortest_queue_mean(3 * load / mean, mean, 3, 3, 17)
    pair = f.shortest_queue_mean(3 * load / mean, mean, 3, 2, 20)
    return (
        balanced("random over three", "random", 3, 0.6, f.mmc_mean(0.6 / mean, mean, 1), "splitting; HB 14", 20_000),
        balanced("round robin over three", "round_robin", 3, load, robin, "E3/M/1; K1 6.4", 28_000),
        balanced("least connections of two", "least_connections", 2, load, two, "Markov chain, solved", 20_000),
        balanced("least connections of three", "least_connections", 3, load, three, "Markov chain, solved", 12_000),
        balanced("power of two of three", "power_of_two", 3, load, pair, "Markov chain, solved", 14_000),
    )


def mean_field() -> Case:
    """Two choices among two hundred: near the limit, which is below any finite system."""
    load, mean = 0.7, 10 * MS
    limit = f.power_of_two_limit(load, mean)
    return balanced(
        "power of two of 300", "power_of_two", 300, load, limit, "Mitzenmacher 1996, the limit of many", 11_000
    )


def store() -> Case:
    """A store is M/M/c."""
    rate, mean, connections = 300.0, 10 * MS, 4
    text = f"""\
msforge: 1
name: store
services:
  server:
    threads: unlimited
    endpoints:
      serve: {{http: POST /serve, steps: [read: db]}}
stores:
  db: {{kind: postgres, owner: server, connections: {connections}, read: exponential(10ms), write: 1ms}}
traffic:
  clients: {{target: server.serve, rate: {rate!r}/s}}
simulation: {{duration: 100s, warmup: 5s, drain: 600s}}
"""
    return Case(
        "store as M/M/4", "Erlang C; HB 14.3", text,
        (
            Figure("busy connections", rate * mean, lambda run: run.store_busy(0)),
            Figure("mean latency", f.mmc_mean(rate, mean, connections), mean_latency()),
            Figure("p99", f.mmc_quantile(0.99, rate, mean, connections), percentile(0.99), TAIL),
        ),
    )


def hits(run: Run) -> float:
    """Hit ratio of the cache store."""
    counts = run.records.store_counts
    cache = next(s.index for s in run.system.stores if s.name == "cache")
    return float(counts[cache, 2] / (counts[cache, 2] + counts[cache, 3]))


def cached(name: str, options: str, expected: float, source: str) -> Case:
    """A cache in front of a store that takes no time."""
    text = f"""\
msforge: 1
name: cached
services:
  server:
    threads: unlimited
    endpoints:
      serve: {{http: GET /serve, steps: [{{read: db, cache: {{store: cache, {options}}}}}]}}
stores:
  db: {{kind: postgres, owner: server, connections: unlimited, read: 0ms, write: 0ms}}
  cache: {{kind: redis, owner: server, connections: unlimited, read: 0ms, write: 0ms}}
traffic:
  clients: {{target: server.serve, rate: 100/s}}
simulation: {{duration: 30s, warmup: 1s, drain: 5s}}
"""
    return Case(name, source, text, (Figure("hit ratio", expected, hits),))


def scaling(users: int) -> Case:
    """Gunther's law: so many users without thinking, work that grows with their number."""
    contention, coherency, base = 0.05, 0.002, 10 * MS
    slowed = base * (1 + contention * (users - 1) + coherency * users * (users - 1))
    text = f"""\
msforge: 1
name: scaling
services:
  server:
    threads: 64
    cpu: {{cores: 64, scaling: {{contention: {contention}, coherency: {coherency}}}}}
    endpoints:
      serve: {{http: POST /serve, steps: [work: exponential(10ms)]}}
traffic:
  people: {{target: server.serve, users: {users}, think: 0}}
simulation: {{duration: 7s, warmup: 1s, drain: 60s}}
"""
    return Case(
        f"universal scalability, {users} users", "Gunther 1993", text,
        (Figure("throughput", users / slowed, lambda run: run.throughput()),
         Figure("mean latency", slowed, mean_latency())),
    )


def messages() -> Case:
    """Messages on a queue: M/M/3 from publication to the end of the consumer's steps."""
    rate, mean, threads = 210.0, 10 * MS, 3
    text = f"""\
msforge: 1
name: messages
services:
  source:
    threads: unlimited
    endpoints:
      send: {{http: POST /send, steps: [publish: jobs]}}
  worker:
    consumers:
      handle: {{from: jobs, threads: {threads}, prefetch: {threads}, steps: [wait: exponential(10ms)]}}
channels:
  jobs: {{kind: queue, broker: rabbitmq}}
traffic:
  clients: {{target: source.send, rate: {rate!r}/s}}
simulation: {{duration: 40s, warmup: 2s, drain: 60s}}
"""

    def backlog(run: Run) -> float:
        ticks = run.records.channel_ticks
        after = ticks[:, 0] >= run.system.run.warmup // run.records.window
        before = ticks[:, 0] < run.system.run.duration // run.records.window
        chosen = ticks[after & before & (ticks[:, 1] == 0)]
        return float((chosen[:, 7] + chosen[:, 8]).mean())

    number = rate * f.mmc_mean(rate, mean, threads)
    return Case(
        "messages as M/M/3", "Erlang C; HB 14.3", text,
        (Figure("busy consumers", rate * mean, busy("worker")), Figure("messages held", number, backlog, 2 * SHARE)),
    )


POPULAR = f.zipf(6, 1.0)

CASES = (
    tandem(),
    branching(),
    closed(5),
    closed(20),
    fork_join(),
    fan_out(10, 10),
    fan_out(50, 50),
    fan_out(5, 3),
    batches(),
    *balancing(),
    mean_field(),
    store(),
    cached("LRU cache", "keys: zipf(n=6 s=1.0), capacity: 3", f.lru_hit_ratio(POPULAR, 3), "King 1971"),
    cached("TTL cache", "keys: zipf(n=6 s=1.0), ttl: 50ms", f.ttl_hit_ratio(POPULAR, 100.0, 0.05),
           "Jung, Berger & Balakrishnan 2003"),
    scaling(8),
    scaling(32),
    messages(),
)

