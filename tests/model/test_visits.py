"""Expected visits, what one request leads to, hit ratios, and the size of a run: by hand."""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf

import pytest

from msforge.model import calls_per_request, depth, estimate, reach, visits
from msforge.model.estimate import arrivals, body_times
from msforge.model.hits import hit_ratio
from msforge.model.plan import Cache, System, Verb
from msforge.policies.distributions import Dist
from msforge.records import SECOND
from tests.model.plans import plan, source

WORK = """
services:
  gate:
    endpoints:
      go:
        steps:
          - work: 2ms
          - {parallel: 3, steps: [call: leaf.read]}
          - choose: [{weight: 1, steps: [call: leaf.write]}, {weight: 3}]
          - {repeat: uniform(1 3), steps: [call: gate.local]}
          - {call: leaf.write, fallback: {steps: [call: leaf.spare]}}
      local: {steps: [call: leaf.read]}
  leaf:
    endpoints:
      read: {steps: [{read: db, cache: {store: cache, hit: 80%}}]}
      write: {steps: [saga: [{do: {write: db}, undo: {call: leaf.spare}}], publish: q]}
      spare: {}
  mailer:
    consumers:
      send: {from: q, threads: 3, steps: [wait: 1ms]}
  audit:
    consumers:
      log: {from: q, threads: 1}
stores: {db: {}, cache: {}}
channels: {q: {}}
traffic: {users: {target: gate.go, rate: 10/s, for: 60s}}
"""


def by_name(system: System, values: tuple[float, ...]) -> dict[str, float]:
    return {system.body_name(i): value for i, value in enumerate(values)}


def test_visits() -> None:
    system = plan(WORK)
    (found,) = visits(system)
    assert by_name(system, found.bodies) == pytest.approx(
        {
            "gate.go": 1,
            "gate.local": 2,
            "leaf.read": 3 + 2,
            "leaf.write": 1.25,
            "leaf.spare": 0,
            "mailer.send": 1.25 * 0.75,
            "audit.log": 1.25 * 0.25,
        }
    )
    assert by_name(system, found.requests)["gate.local"] == 0  # in place: no request of its own
    assert found.service_requests == pytest.approx(1 + 5 + 1.25 + 1.25)
    assert (found.roots, found.messages) == (1, (1.25,))
    assert found.reads == pytest.approx((5 * 0.2, 5))
    assert found.writes == pytest.approx((1.25, 0))


def test_reach() -> None:
    system = plan(WORK)
    go = reach(system)[0]
    assert (go.calls, go.operations, go.messages) == pytest.approx((6.25, 5 * 1.2 + 1.25, 1.25))
    assert (go.depth, go.depth_with_stores) == (2, 3)
    assert calls_per_request(system, 0) == go.calls
    assert depth(system, 1) == 2


def test_every_group_of_a_topic_gets_each_message() -> None:
    system = plan(WORK.replace("{q: {}}", "{q: {kind: topic}}"))
    found = by_name(system, visits(system)[0].bodies)
    assert (found["mailer.send"], found["audit.log"]) == (1.25, 1.25)


def test_messages_that_lead_to_fewer_messages_come_to_an_end() -> None:
    system = plan("""
services: {a: {endpoints: {x: {steps: [publish: q]}},
               consumers: {c: {from: q, steps: [choose: [{weight: 3, steps: [publish: q]}, {weight: 1}]]}}}}
channels: {q: {}}
""")
    assert visits(system)[0].messages == pytest.approx((1 / (1 - 0.75),))


def test_a_journey_has_several_roots_a_turn() -> None:
    system = plan(
        WORK.replace("{target: gate.go,", "{journey: [gate.go, {repeat: 4, journey: [leaf.spare]}], think: 1s,")
    )
    (found,) = visits(system)
    assert (found.roots, found.bodies[4]) == (5, 4)
    assert [found.steps[s.index] for s in system.steps if s.verb is Verb.THINK] == [1, 4]


def cache(**settings: object) -> Cache:
    return replace(Cache(store=0, hit=-1.0, keys=Dist("zipf", (10.0, 0.0))), **settings)


def test_hit_ratios() -> None:
    assert hit_ratio(Cache(store=0, hit=0.7)) == 0.7
    assert hit_ratio(cache()) == pytest.approx(1)  # all keys fit
    assert hit_ratio(cache(capacity=4)) == pytest.approx(0.4)  # ten equal keys, four kept
    assert hit_ratio(cache(ttl=2 * SECOND), reads=5) == pytest.approx(0.5)  # a = 0.5/s: 1 / (1 + 1)
    assert hit_ratio(cache(keys=Dist("constant", (3.0,)))) == pytest.approx(1)
    assert hit_ratio(cache(keys=Dist("uniform", (0.0, 99.0)), capacity=25)) == pytest.approx(0.25, abs=0.01)


def test_a_large_zipf_agrees_with_its_sum() -> None:
    n, s, capacity = 20_000, 0.9, 1_000
    weights = [rank**-s for rank in range(1, n + 1)]
    total = sum(weights)
    shares = [w / total for w in weights]
    low, high = 0.0, 1e9
    for _ in range(100):
        age = (low + high) / 2
        low, high = (age, high) if sum(1 - exp(-p * age) for p in shares) < capacity else (low, age)
    exact = sum(p * (1 - exp(-p * low)) for p in shares)
    found = hit_ratio(cache(keys=Dist("zipf", (float(n), s)), capacity=capacity))
    assert found == pytest.approx(exact, rel=0.002)


def test_the_arrivals_of_a_ramp_are_its_area() -> None:
    system = plan(
        WORK.replace("rate: 10/s, for: 60s", "start: 5s, stages: [{rate: 0 -> 10/s, for: 20s}, {rate: 10/s, for: 6s}]")
    )
    ramp = source(system)
    assert arrivals(ramp, 31 * SECOND) == pytest.approx(100 + 60)
    assert arrivals(ramp, 15 * SECOND) == pytest.approx(25)
    assert arrivals(ramp, 0) == 0


@pytest.mark.parametrize(
    ("drive", "roots"),
    [
        ("rate: 10/s, for: 60s", 600),
        ("rate: 10/s, for: 60s, count: 50", 50),
        ("at: [0s, 1s, 2s]", 3),
        ("users: 4, think: 3s, for: 60s, target: leaf.spare", 80),
        ("users: 4, think: 1s, for: 60s, count: 7", 7),
    ],
)
def test_estimates(drive: str, roots: float) -> None:
    text = WORK.replace("rate: 10/s, for: 60s", drive)
    system = plan(text.replace("target: gate.go, ", "") if "target: leaf" in drive else text)
    assert estimate(system).roots == pytest.approx(roots, rel=0.01)


def test_an_estimate_multiplies_by_what_one_request_leads_to() -> None:
    found = estimate(plan(WORK))
    assert found.service_requests == pytest.approx(600 * 8.5)
    assert found.events > found.service_requests
    assert found.by_source == (found.service_requests,)
    assert 0 < found.seconds < inf


def test_times_where_nobody_waits() -> None:
    system = plan("""
services:
  a: {endpoints: {x: {steps: [work: 2ms, {parallel: [call: b.y, wait: 9ms], need: any}, {call: b.y, timeout: 3ms}]}}}
  b: {endpoints: {y: {steps: [read: db, {repeat: 3, steps: [wait: 1ms]}, choose: [{steps: [wait: 2ms]}, {}]]}}}
stores: {db: {read: 2ms}}
network: {latency: 0.5ms}
""")
    y = 2 + 3 + 1
    assert body_times(system) == pytest.approx([(2 + min(1 + y, 9) + 3) * 1e6, y * 1e6])
