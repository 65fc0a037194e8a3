"""The autoscaler's rule and functions, on exact loads."""

from __future__ import annotations

from rig import Seen, simulate


def scaled(stages: str, options: str, duration: str = "120s") -> Seen:
    """Constant arrivals of 100 ms of thread time each."""
    return simulate(f"""
services:
  a: {{threads: 10, {options}, endpoints: {{go: {{steps: [wait: 100ms]}}}}}}
traffic: {{t: {{target: a.go, arrivals: constant, stages: [{stages}]}}}}
simulation: {{duration: {duration}}}
""")


def scales(seen: Seen) -> list[tuple[float, str]]:
    """(seconds, detail) of the scalings."""
    return [(time / 1000, detail.split(" (")[0].split(",")[0]) for time, _, detail in seen.moments("scale")]


def test_autoscaler_looks_every_15_seconds_and_rounds_up() -> None:
    # 120/s of 0.1 s on 10 threads: 120 %; target 50 %: ceil(1.2 / 0.5) = 3 (refused work is not counted: 100 % -> 2).
    seen = scaled("{rate: 80/s, for: 120s}", "autoscale: {min: 1, max: 9, threads: 50%}")
    (first, *_) = scales(seen)
    assert first[0] == 15
    assert len([r for r in seen.records.replicas if r.died < 0]) == 2


def test_nothing_happens_within_a_tenth_of_the_target() -> None:
    assert scales(scaled("{rate: 54/s, for: 120s}", "autoscale: {min: 1, max: 9, threads: 50%}")) == []
    assert scales(scaled("{rate: 56/s, for: 120s}", "autoscale: {min: 1, max: 9, threads: 50%}")) != []


def test_scaling_up_is_bounded_by_four_or_double_each_period() -> None:
    seen = scaled("{rate: 1000/s, for: 60s}", "queue: 0, autoscale: {min: 1, max: 40, threads: 10%}", "60s")
    alive = [sum(r.born <= t * 10**9 for r in seen.records.replicas) for t in (14, 16, 31, 46)]
    # From 1: at 15 s at most max(1 + 4, 2) = 5, at 30 s max(9, 10) = 10, at 45 s 20.
    assert alive == [1, 5, 10, 20]


def test_scaling_down_waits_for_the_highest_recommendation_of_300_seconds() -> None:
    seen = scaled("{rate: 80/s, for: 60s}, {rate: 5/s, for: 540s}", "autoscale: {min: 1, max: 9, threads: 50%}", "600s")
    down = [time for time, _ in scales(seen)][-1]
    # The last recommendation of 2 is at 60 s; it holds until 360.
    assert 360 <= down <= 375
    assert len([r for r in seen.records.replicas if r.died < 0]) == 1


def test_scaling_stays_between_min_and_max() -> None:
    seen = scaled("{rate: 500/s, for: 60s}", "autoscale: {min: 2, max: 3, threads: 50%}", "60s")
    alive = [sum(r.born <= t * 10**9 for r in seen.records.replicas) for t in (1, 59)]
    assert alive == [2, 3]


def test_new_replicas_take_startup_before_they_serve() -> None:
    seen = scaled("{rate: 80/s, for: 60s}", "startup: 7s, autoscale: {min: 1, max: 9, threads: 50%}", "60s")
    ready = [time for time, subject, _ in seen.moments("ready")]
    assert ready and ready[0] == 22_000


# --- functions -----------------------------------------------------------------------------------

FUNCTION = "function: {cold_start: 200ms, keep_alive: 10s, memory: 1GiB}"


def function(at: str, steps: str = "wait: 100ms", options: str = FUNCTION) -> Seen:
    """A serverless function."""
    return simulate(f"""
services: {{f: {{{options}, endpoints: {{go: {{steps: [{steps}]}}}}}}}}
traffic: {{t: {{target: f.go, at: {at}}}}}
""")


def test_first_request_meets_a_cold_start_and_the_next_a_warm_instance() -> None:
    assert function("[0, 1s, 2s]").latencies() == [300, 100, 100]


def test_function_serves_one_request_per_instance() -> None:
    seen = function("[0, 0, 1s, 1s, 1s]")
    assert seen.latencies() == [300, 300, 100, 100, 300]
    assert int(seen.records.cold_starts[0]) == 3


def test_instance_is_kept_warm_for_keep_alive() -> None:
    # Idle since 300 ms; let go at 10.3 s.
    assert function("[0, 10.2s]").latencies() == [300, 100]
    assert function("[0, 10.4s]").latencies() == [300, 300]


def test_invocations_and_gib_seconds_are_billed() -> None:
    seen = function("[0, 1s, 2s]")
    assert int(seen.records.invocations[0]) == 3
    assert abs(float(seen.records.billed[0]) - 0.3) < 1e-9


def test_function_takes_messages_on_instances_of_their_own() -> None:
    seen = simulate(f"""
    services:
      a: {{endpoints: {{go: {{steps: [publish: q]}}}}}}
      f: {{{FUNCTION}, consumers: {{eat: {{from: q, threads: 2, steps: [wait: 100ms]}}}}}}
    channels: {{q: {{publish: 0}}}}
    traffic: {{t: {{target: a.go, at: [0, 0, 0, 1s]}}}}
    """, trace=(0, 1, 2, 3))
    assert seen.channel("q") == {"published": 4, "delivered": 4, "done": 4}
    # Two at a time: two cold starts, and then both instances are warm.
    assert int(seen.records.cold_starts[1]) == 2
    assert int(seen.records.invocations[1]) == 4
    assert abs(float(seen.records.billed[1]) - 0.4) < 1e-9
    assert [s.end / 1e6 for s in seen.spans("wait")] == [300, 300, 400, 1100]


def test_function_is_deployed_without_a_gap() -> None:
    # The request at 1 s is under way when the new version comes; nobody is refused meanwhile.
    seen = simulate(f"""
    services: {{f: {{{FUNCTION}, endpoints: {{go: {{steps: [wait: 500ms]}}}}}}}}
    traffic: {{t: {{target: f.go, at: [0, 1s, 1.2s, 3s]}}}}
    faults: [{{deploy: f, at: 1.1s, changes: {{endpoints.go.steps: [wait: 50ms]}}}}]
    """)
    assert seen.latencies() == [700, 500, 250, 50]
