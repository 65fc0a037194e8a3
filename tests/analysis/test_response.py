"""Mean times at a load, against closed forms."""

from __future__ import annotations

import math

import pytest

from msforge.analysis import queueing as q
from msforge.analysis import times
from msforge.analysis.explanation import Explanation
from msforge.analysis.load import load_at
from msforge.analysis.response import Response
from msforge.analysis.theory import explain
from msforge.policies.distributions import Dist
from tests.analysis.support import one_service, system_of

MS = 1e-3


def mean_ms(text: str, rate: float, *, head: str = "", more: str = "") -> float:
    system = one_service(text, rate=f"{rate}/s", head=head, more=more)
    return Response(load_at(system, (rate,))).entry(0).mean / MS


@pytest.mark.parametrize(
    ("work", "scv"),
    [("exponential(8ms)", 1.0), ("8ms", 0.0), ("gamma(mean=8ms cv=2)", 4.0), ("uniform(6ms 10ms)", 1 / 48)],
)
def test_one_thread_is_pollaczek_khinchine(work: str, scv: float) -> None:
    expected = 8 + q.mg1_wait(100, 8 * MS, scv) / MS
    assert mean_ms(f"wait: {work}", 100, head="threads: 1, queue: unlimited, ") == pytest.approx(expected)


def test_replicas_at_random_are_separate_queues() -> None:
    head = "threads: 2, replicas: 3, balance: random, queue: unlimited, "
    expected = 8 + q.mmc_wait(200, 8 * MS, 2) / MS
    assert mean_ms("wait: exponential(8ms)", 600, head=head) == pytest.approx(expected)


def test_an_event_loop_waits_for_its_core_only() -> None:
    head = "threads: unlimited, cpu: 1, "
    expected = 20 + 8 + q.mg1_wait(100, 8 * MS, 0.0) / MS
    assert mean_ms("wait: 20ms, work: 8ms", 100, head=head) == pytest.approx(expected)


def test_processor_sharing_does_not_mind_the_distribution() -> None:
    head = "threads: unlimited, cpu: {cores: 1, scheduling: sharing}, "
    for work in ("8ms", "exponential(8ms)", "gamma(mean=8ms cv=3)"):
        assert mean_ms(f"work: {work}", 100, head=head) == pytest.approx(8 / (1 - 0.8))


def test_half_a_core_takes_twice_as_long() -> None:
    assert mean_ms("work: 8ms", 1e-6, head="threads: unlimited, cpu: 0.5, ") == pytest.approx(16, rel=1e-4)


def test_stores_are_queues_of_their_connections() -> None:
    more = "stores: {db: {connections: 2, read: exponential(8ms)}}"
    expected = 8 + q.mmc_wait(200, 8 * MS, 2) / MS
    assert mean_ms("read: db", 200, head="threads: unlimited, ", more=more) == pytest.approx(expected)


def test_branches_join_at_the_maximum() -> None:
    steps = "{parallel: [{wait: exponential(10ms)}, {wait: exponential(30ms)}]}"
    assert mean_ms(steps, 1, head="threads: unlimited, ") == pytest.approx(q.max_of_exponentials([10, 30]), rel=3e-4)
    first = steps.replace("}]}", "}], need: any}")
    assert mean_ms(first, 1, head="threads: unlimited, ") == pytest.approx(1 / (1 / 10 + 1 / 30), rel=3e-4)
    copies = "{parallel: 20, steps: [{wait: exponential(10ms)}]}"
    harmonic = 10 * sum(1 / n for n in range(1, 21))
    assert mean_ms(copies, 1, head="threads: unlimited, ") == pytest.approx(harmonic, rel=1e-3)


def test_lognormal_fits_join_near_their_true_maximum() -> None:
    fits = [times.Time(1.0, 0.25), times.Time(1.0, 0.25)]
    found = times.least_of(fits, 2)
    shape = math.sqrt(math.log(1.25))
    true = 2 * 0.5 * math.erfc(-shape / 2)  # E max of two equal lognormals: 2 m Phi(sigma / sqrt 2)
    assert found.mean == pytest.approx(true, rel=1e-6)
    assert not found.exact


def test_a_hedge_takes_the_smaller() -> None:
    part = times.of(Dist("exponential", (10e6,)))
    assert times.first_of_hedged(part, 0.0).mean == pytest.approx(5 * MS, rel=1e-3)
    after = 10 * MS
    expected = 10 * MS * (1 - math.exp(-1)) + math.exp(-1) * 5 * MS
    assert times.first_of_hedged(part, after).mean == pytest.approx(expected, rel=1e-3)


def test_calls_pay_the_network_twice_and_in_place_not_at_all() -> None:
    system = system_of("""\
msforge: 1
name: hops
services:
  a: {threads: unlimited, endpoints: {go: {steps: [call: a.part, call: b.go]}, part: {steps: [wait: 5ms]}}}
  b: {threads: unlimited, endpoints: {go: {steps: [wait: 7ms]}}}
network: {latency: 1ms}
traffic: {t: {target: a.go, rate: 1/s}}
simulation: {duration: 60s}
""")
    assert Response(load_at(system, (1.0,))).entry(0).mean == pytest.approx((2 + 5 + 2 + 7) * MS)


def test_an_overloaded_station_has_no_mean_and_says_which() -> None:
    found: Explanation = explain(one_service("wait: 10ms", rate="250/s", head="threads: 2, queue: unlimited, "))
    latency = found.entries[0].latency[0]
    assert latency.mean is None and latency.kind == "none"
    assert latency.reasons == ("the threads of s cannot do what is offered",)
    assert found.bottleneck is not None
    assert (found.bottleneck.kind, found.bottleneck.name) == ("threads", "s")
    assert found.bottleneck.rate == pytest.approx(200)
    assert found.bottleneck.factor == pytest.approx(0.8)


def test_a_pool_held_for_a_slow_callee_is_the_bottleneck_by_its_hold_time() -> None:
    system = system_of("""\
msforge: 1
name: pool
services:
  front: {threads: 4, queue: unlimited, endpoints: {go: {steps: [work: 5ms, {call: back.go}]}}}
  back: {threads: unlimited, endpoints: {go: {steps: [wait: 15ms, read: db]}}}
stores: {db: {connections: 1, read: exponential(4ms)}}
network: {latency: 0.5ms}
traffic: {t: {target: front.go, rate: 50/s}}
simulation: {duration: 60s}
""")
    found = explain(system).bottleneck
    assert found is not None and (found.kind, found.name) == ("threads", "front")
    assert found.rate == pytest.approx(4 / 0.025)


def test_one_user_in_a_closed_loop_is_exact() -> None:
    system = system_of("""\
msforge: 1
name: alone
services: {s: {threads: 1, endpoints: {go: {steps: [wait: 20ms]}}}}
traffic: {t: {target: s.go, users: 1, think: 80ms}}
simulation: {duration: 60s}
""")
    found = explain(system)
    assert found.levels[0].rate == pytest.approx(10, rel=1e-4)
    assert found.entries[0].latency[0].mean == pytest.approx(20e6)
    assert found.stations[0].levels[0].utilisation == pytest.approx(0.2, rel=1e-4)


def test_autoscalers_rest_at_busy_over_target() -> None:
    head = "cpu: 1, threads: unlimited, autoscale: {min: 1, max: 10, cpu: 50%}, "
    found = explain(one_service("work: exponential(10ms)", rate="240/s", head=head))
    cpu = next(s for s in found.stations if s.kind == "cpu").levels[0]
    assert cpu.servers == 5 and cpu.utilisation == pytest.approx(0.48)
    assert found.bottleneck is not None and found.bottleneck.scaled
    assert found.bottleneck.rate == pytest.approx(1000)


@pytest.mark.parametrize("rate", [1e-6, 20.0])
def test_hedge_over_a_network_is_the_smaller_of_two_tries_exactly(rate: float) -> None:
    # Each try takes 2 ms there and back and then T, exponential with mean 10 ms. A second one goes out at 20 ms:
    # E = 20 - (mean saved before it) + P(T > 18) * E[min(rest, 2 + T')], by the memoryless property.
    system = system_of("""
msforge: 1
services:
  front: {threads: unlimited, endpoints: {go: {http: GET /, steps: [{call: back.go, hedge: {after: 20ms}}]}}}
  back: {replicas: 9, threads: 64, endpoints: {go: {http: GET /, steps: [wait: exponential(10ms)]}}}
network: {latency: 1ms}
traffic: {t: {target: front.go, rate: 20/s, for: 60s}}
""")
    late = math.exp(-18 / 10)
    first = 2 + 10 * (1 - late)                       # E[min(2 + T, 20)]
    rest = 10 * (1 - math.exp(-2 / 10)) + math.exp(-2 / 10) * 5
    assert Response(load_at(system, (rate,))).entry(0).mean / MS == pytest.approx(2 + first + late * rest, rel=2e-3)


def test_time_without_waiting_has_the_caches_as_warm_as_the_load_keeps_them() -> None:
    found = explain(system_of("""
msforge: 1
services:
  a:
    threads: unlimited
    endpoints:
      go: {http: GET /, steps: [{read: db, cache: {store: cache, keys: zipf(n=1000 s=1), ttl: 30s}}]}
stores: {db: {read: exponential(20ms), connections: 90}, cache: {read: 1ms, connections: 90}}
traffic: {t: {target: a.go, rate: 100/s, for: 60s}}
"""))
    (entry,) = found.entries
    mean = entry.latency[0].mean
    assert entry.unloaded is not None and mean is not None
    assert entry.unloaded <= mean == pytest.approx(entry.unloaded, rel=1e-3)
