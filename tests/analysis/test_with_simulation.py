"""What theory claims, held against the simulation: means and utilisations, amplification, instability."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import fmean, stdev

import pytest

from msforge import sim
from msforge.analysis import explain
from msforge.analysis.advice import findings
from msforge.analysis.explanation import Explanation
from msforge.model import System, compile_system
from msforge.recording.records import ANSWERED_CLASS, SUM, N, Records
from msforge.spec import load_text

RUNS = 6


def system_of(text: str) -> System:
    return compile_system(load_text(text))


def mean_latency(system: System, records: Records, entry: int = 0) -> float:
    first = system.run.warmup // records.window
    last = system.run.duration // records.window
    rows = records.moments[entry, ANSWERED_CLASS, first:last]
    return float(rows[:, SUM].sum() / rows[:, N].sum())


def thread_use(system: System, records: Records, service: int) -> float:
    span = system.run.duration - system.run.warmup
    busy = sum(
        sum(k * int(t) for k, t in enumerate(r.busy_time)) for r in records.replicas if r.service == service
    )
    plan = system.services[service]
    return busy / (span * plan.threads * plan.replicas)


def random_system(seed: int) -> str:
    """An event loop before queues that theory knows exactly, behind one another or by choice."""
    dice = random.Random(seed)
    rate = dice.choice([100, 200, 400])
    services, stores, steps = [], [], []
    count = dice.randint(1, 3)
    for i in range(count):
        last = i == count - 1
        load = dice.uniform(0.4, 0.8)
        replicas, threads = dice.choice([1, 1, 2]), dice.choice([1, 2, 4])
        kind = dice.choice(["threads", "cpu", "store", "general" if last else "threads"])
        share = 1.0
        call = f"{{call: s{i}.go}}"
        if dice.random() < 0.3:
            share = 0.5
            call = f"{{choose: [{{weight: 1, steps: [{call}]}}, {{weight: 1}}]}}"
        steps.append(call)
        lam = rate * share
        if kind == "store":
            mean = load * threads / lam * 1000
            services.append(f"  s{i}: {{threads: unlimited, endpoints: {{go: {{steps: [read: d{i}]}}}}}}")
            stores.append(f"  d{i}: {{connections: {threads}, read: exponential({mean:.6f}ms)}}")
            continue
        if kind == "cpu":
            mean = load * replicas / lam * 1000
            work = f"work: gamma(mean={mean:.6f}ms cv=1.5)"
            head = f"threads: unlimited, cpu: {{cores: 1, scheduling: sharing}}, replicas: {replicas}, balance: random"
        elif kind == "general":
            mean = load / lam * 1000
            work, head = f"wait: lognormal(mean={mean:.6f}ms cv=1.2)", "threads: 1, queue: unlimited"
        else:
            mean = load * threads * replicas / lam * 1000
            work = f"wait: exponential({mean:.6f}ms)"
            head = f"threads: {threads}, replicas: {replicas}, balance: random, queue: unlimited"
        services.append(f"  s{i}: {{{head}, endpoints: {{go: {{steps: [{work}]}}}}}}")
    listed = "\n".join(services)
    kept = ("stores:\n" + "\n".join(stores) + "\n") if stores else ""
    return f"""\
msforge: 1
name: random-{seed}
services:
  door: {{threads: unlimited, endpoints: {{enter: {{steps: [{", ".join(steps)}]}}}}}}
{listed}
{kept}network: {{latency: lognormal(median=0.3ms p99=2ms)}}
traffic:
  people: {{target: door.enter, rate: {rate}/s}}
simulation: {{duration: {4000 / rate + 10:.0f}s, warmup: 10s, seed: {seed}}}
"""


def agrees(claimed: float, measured: Sequence[float], most: float) -> None:
    """Within 4 standard errors over the runs, these between 0.75 % (few runs may look too alike) and `most`."""
    error = max(stdev(measured) / len(measured) ** 0.5, 0.0075 * claimed)
    assert error < most * claimed
    assert abs(fmean(measured) - claimed) < 4 * error


@pytest.mark.parametrize("seed", range(10))
def test_exact_means_and_utilisations_are_what_the_simulation_measures(seed: int) -> None:
    system = system_of(random_system(seed))
    found = explain(system)
    latency = found.entries[0].latency[0]
    assert latency.kind == "exact", latency.reasons
    assert latency.mean is not None
    runs = [sim.run(system, replication=n) for n in range(RUNS)]
    agrees(latency.mean, [mean_latency(system, r) for r in runs], 0.06)
    for row in found.stations:
        at = row.levels[0]
        if row.kind == "threads" and at.servers is not None:
            service = next(s.index for s in system.services if s.name == row.name)
            agrees(at.utilisation, [thread_use(system, r, service) for r in runs], 0.05)


BLOCKED = """\
msforge: 1
name: blocked
services:
  front:
    threads: {threads}
    queue: unlimited
    endpoints: {{ask: {{steps: [{{call: back.answer}}]}}}}
  back:
    threads: 4
    queue: unlimited
    endpoints: {{answer: {{steps: [wait: exponential(10ms)]}}}}
traffic: {{people: {{target: front.ask, rate: 280/s}}}}
simulation: {{duration: 60s, warmup: 10s}}
"""


def test_an_approximation_of_blocked_threads_says_so_and_is_near() -> None:
    system = system_of(BLOCKED.format(threads=6))
    latency = explain(system).entries[0].latency[0]
    assert latency.kind == "approximation"
    assert any("held while others answer" in r for r in latency.reasons)
    measured = fmean(mean_latency(system, sim.run(system, replication=n)) for n in range(3))
    assert latency.mean == pytest.approx(measured, rel=0.15)


AMPLIFIED = """\
msforge: 1
name: storm
services:
  a:
    threads: unlimited
    endpoints: {{go: {{steps: [{{call: b.go, timeout: 100s, retry: {{attempts: {x}, backoff: 1ms}}}}]}}}}
  b:
    threads: unlimited
    endpoints:
      go:
        steps:
          - parallel:
              - {{call: d.go, timeout: 30s}}
              - {{call: c.go, timeout: 30s, retry: {{attempts: {y}, backoff: 1ms}}}}
  c:
    threads: unlimited
    endpoints: {{go: {{steps: [{{call: d.go, timeout: 10s, retry: {{attempts: {z}, backoff: 1ms}}}}]}}}}
  d: {{threads: unlimited, endpoints: {{go: {{steps: [{{fail: 100%}}]}}}}}}
network: {{latency: 0.1ms}}
traffic: {{people: {{target: a.go, rate: 50/s, for: 15s}}}}
simulation: {{duration: 20s}}
"""


@pytest.mark.parametrize(("x", "y", "z"), [(3, 3, 3), (2, 1, 4), (1, 2, 2)])
def test_the_worst_amplification_is_reached_when_everything_fails(x: int, y: int, z: int) -> None:
    system = system_of(AMPLIFIED.format(x=x, y=y, z=z))
    row = next(a for a in explain(system).entries[0].amplified if a.endpoint == "d.go")
    assert row.tries == x * (1 + y * z)
    records = sim.run(system)
    entered = records.sources[0][0]
    d = next(b.index for b in system.bodies if system.body_name(b.index) == "d.go")
    served = records.arrivals[len(records.entries) + d].sum()
    assert served == row.tries * entered


def test_multiplied_retries_are_warned_with_the_number_that_is_reached() -> None:
    text = AMPLIFIED.format(x=3, y=3, z=3)
    found = [f for f in findings(system_of(text)) if f.code == "W102"]
    assert len(found) == 1 and "3 x 3 x 3 = 27" in found[0].message


LOADED = """\
msforge: 1
name: loaded
services:
  s: {{threads: 2, queue: unlimited, endpoints: {{go: {{steps: [wait: exponential(10ms)]}}}}}}
traffic: {{people: {{target: s.go, rate: {rate}/s}}}}
simulation: {{duration: 60s}}
"""


def waiting_at_the_end(system: System, records: Records) -> int:
    ticks = records.replica_ticks
    inside = ticks[((ticks[:, 0] + 1) * records.window <= system.run.duration) & (ticks[:, 1] == 0)]
    return int(inside[-1][11])


@pytest.mark.parametrize(("rate", "full"), [(150, False), (250, True)])
def test_what_is_warned_as_full_is_unstable_and_the_rest_is_not(rate: int, full: bool) -> None:
    system = system_of(LOADED.format(rate=rate))
    codes = {f.code for f in findings(system)}
    found = explain(system)
    assert ("W120" in codes) is full
    assert (found.entries[0].latency[0].mean is None) is full
    assert found.bottleneck is not None and found.bottleneck.rate == pytest.approx(200)
    left = waiting_at_the_end(system, sim.run(system))
    surplus = (rate - 200) * 60
    assert (left > 0.8 * surplus) if full else left < 60


def test_a_pool_that_waits_for_others_fills_as_littles_law_says() -> None:
    text = """\
msforge: 1
name: pool
services:
  front: {threads: 16, queue: unlimited, endpoints: {ask: {steps: [{call: bank.pay, timeout: 20s}]}}}
  bank: {threads: unlimited, endpoints: {pay: {steps: [wait: exponential(200ms)]}}}
traffic: {people: {target: front.ask, rate: 100/s}}
simulation: {duration: 60s}
"""
    system = system_of(text)
    assert [f.code for f in findings(system)] == ["W121"]
    assert waiting_at_the_end(system, sim.run(system)) > 0.8 * (100 - 16 / 0.2) * 60


def test_a_closed_loop_settles_near_approximate_mean_value_analysis() -> None:
    text = """\
msforge: 1
name: closed
services:
  s: {threads: 1, queue: unlimited, endpoints: {go: {steps: [wait: exponential(20ms)]}}}
traffic: {people: {target: s.go, users: 10, think: exponential(200ms)}}
simulation: {duration: 300s, warmup: 20s}
"""
    system = system_of(text)
    found: Explanation = explain(system)
    records = sim.run(system)
    measured = mean_latency(system, records)
    assert found.entries[0].latency[0].kind == "approximation"
    assert found.entries[0].latency[0].mean == pytest.approx(measured, rel=0.2)


def test_branches_without_queues_join_at_the_exact_mean() -> None:
    text = """\
msforge: 1
name: join
services:
  front:
    threads: unlimited
    endpoints: {ask: {steps: [{parallel: [{wait: exponential(10ms)}, {wait: exponential(20ms)}, {wait: 15ms}]}]}}
traffic: {people: {target: front.ask, rate: 300/s}}
simulation: {duration: 60s}
"""
    system = system_of(text)
    latency = explain(system).entries[0].latency[0]
    assert latency.kind == "exact" and latency.mean is not None
    measured = mean_latency(system, sim.run(system))
    assert latency.mean == pytest.approx(measured, rel=0.015)
