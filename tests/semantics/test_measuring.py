"""What is counted, over what, and what always adds up."""

from __future__ import annotations

import numpy as np
import pytest
from rig import Seen, simulate

from msforge.results import summarise


def run(traffic: str, simulation: str = "", steps: str = "wait: 10ms", options: str = "threads: 1, ") -> Seen:
    """One service, given traffic."""
    return simulate(f"""
services: {{a: {{{options}endpoints: {{go: {{steps: [{steps}]}}, other: {{steps: [{steps}]}}}}}}}}
traffic:
  t: {traffic}
{"simulation: " + simulation if simulation else ""}
""")


def test_latency_counts_from_the_intended_arrival() -> None:
    # One thread, 10 ms each, arrivals every 5 ms: each waits 5 ms more, and none is sent late.
    seen = run("{target: a.go, rate: 200/s, arrivals: constant, count: 20}", "{duration: 1s}")
    assert seen.latencies() == [10 + 5 * k for k in range(20)]
    assert [r.arrival for r in seen.roots()] == [5 * k for k in range(20)]


def test_constant_arrivals_begin_at_start() -> None:
    seen = run("{target: a.go, rate: 10/s, arrivals: constant, start: 250ms, count: 3}", "{duration: 1s}")
    assert [r.arrival for r in seen.roots()] == [250, 350, 450]


def test_count_ends_a_source() -> None:
    assert len(run("{target: a.go, rate: 100/s, count: 7}", "{duration: 10s}").roots()) == 7


def test_constant_arrivals_follow_a_ramp() -> None:
    seen = run("{target: a.go, arrivals: constant, stages: [{rate: 0 -> 20/s, for: 10s}]}", "{duration: 10s}")
    # The integral of the rate is t*t: the n-th arrival (from 0) is at sqrt(n) seconds.
    arrivals = np.array([r.arrival for r in seen.roots()]) / 1000
    assert len(arrivals) == 100
    assert arrivals == pytest.approx(np.sqrt(np.arange(100)), abs=1e-6)


def test_poisson_arrivals_follow_a_ramp() -> None:
    seen = run("{target: a.go, stages: [{rate: 0 -> 400/s, for: 10s}, {rate: 100/s, for: 10s}]}", "{duration: 30s}",
               options="threads: unlimited, ")
    arrivals = np.array([r.arrival for r in seen.roots()]) / 1000
    for low, high, expected in ((0, 5, 500), (5, 10, 1500), (10, 20, 1000), (20, 30, 0)):
        count = int(((arrivals >= low) & (arrivals < high)).sum())
        assert abs(count - expected) <= 4 * expected**0.5


def test_bursty_arrivals_keep_their_mean_and_bunch() -> None:
    seen = run("{target: a.go, rate: 100/s, arrivals: bursty(on=1s off=4s peak=4x)}", "{duration: 400s}",
               options="threads: unlimited, ")
    arrivals = np.array([r.arrival for r in seen.roots()]) / 1000
    counts = np.histogram(arrivals, bins=400, range=(0, 400))[0]
    assert 80 < counts.mean() < 120
    assert counts.var() > 5 * counts.mean()


def test_warmup_is_left_out_by_the_roots_arrival() -> None:
    seen = run("{target: a.go, at: [0, 990ms, 995ms, 1s, 2s]}", "{duration: 3s, warmup: 1s}")
    group = len(seen.records.entries) + seen.body("a.go")
    first = 1_000_000_000 // seen.records.window
    # The one that arrived at 995 ms is served after 1 s, and still belongs to the warm-up.
    assert int(seen.records.outcomes[group, :first].sum()) == 3
    assert int(seen.records.outcomes[group, first:].sum()) == 2
    result = summarise(seen.system, [seen.records])
    (entry,) = result.entries
    assert entry.counts.arrivals == 2


def test_subrequests_and_messages_belong_where_their_root_does() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{wait: 500ms}, {call: b.go}, {publish: jobs}]}}}
      b: {endpoints: {go: {steps: [wait: 1ms]}}}
      w: {consumers: {handle: {from: jobs, steps: [wait: 1ms]}}}
    channels: {jobs: {kind: queue}}
    traffic: {t: {target: a.go, at: [900ms]}}
    simulation: {duration: 3s, warmup: 1s}
    """)
    first = 1_000_000_000 // seen.records.window
    for name in ("b.go", "w.handle"):
        group = len(seen.records.entries) + seen.body(name)
        assert int(seen.records.outcomes[group, first:].sum()) == 0
        assert int(seen.records.outcomes[group].sum()) == 1
    assert seen.edge("calls", "b.go") == 0


def test_after_duration_nothing_arrives() -> None:
    seen = run("{target: a.go, rate: 100/s, arrivals: constant}", "{duration: 500ms}")
    assert max(r.arrival for r in seen.roots()) == 490
    assert len(seen.roots()) == 50


def test_drain_lets_the_rest_finish_and_what_is_left_is_in_flight() -> None:
    seen = run("{target: a.go, at: [0, 100ms, 200ms]}", "{duration: 300ms, drain: 1s}", "wait: 600ms", "threads: 9, ")
    assert seen.outcomes() == ["ok", "ok", "ok"]
    cut = run("{target: a.go, at: [0, 100ms, 200ms]}", "{duration: 300ms, drain: 450ms}", "wait: 600ms", "threads: 9, ")
    assert cut.outcomes() == ["ok", "ok"]
    assert cut.records.sources[0].tolist()[0] == 3
    assert int(cut.records.sources[0][-1]) == 1
    assert int(cut.records.measured_in_flight.sum()) == 1


def test_conservation_of_sources() -> None:
    seen = run("{target: a.go, rate: 150/s}", "{duration: 5s, drain: 10ms}")
    arrived, *ended, in_flight = (int(v) for v in seen.records.sources[0])
    assert arrived == sum(ended) + in_flight
    assert arrived > 600


def test_percentiles_are_over_answered_requests() -> None:
    seen = run("{target: a.go, at: [0, 0, 0, 0]}", steps="wait: 10ms", options="threads: 1, queue: 1, ")
    assert seen.outcomes() == ["ok", "ok", "overloaded", "overloaded"]
    answered, failed = seen.records.moments[0, 0].sum(axis=0), seen.records.moments[0, 1].sum(axis=0)
    assert (answered[0], answered[1]) == (2, 30e6)
    assert (failed[0], failed[1]) == (2, 0)


def test_timed_out_request_counts_exactly_its_timeout() -> None:
    seen = run("{target: a.go, at: [0], timeout: 3ms}")
    assert seen.records.moments[0, 1].sum(axis=0)[1] == 3e6


def test_time_busy_is_an_exact_area() -> None:
    seen = run("{target: a.go, at: [0, 5ms, 50ms]}", "{duration: 100ms}", options="threads: 2, ")
    (replica,) = seen.records.replicas
    assert [int(t) for t in replica.busy_time[:3]] == [75_000_000, 20_000_000, 5_000_000]


def test_time_in_queue_is_an_exact_area() -> None:
    seen = run("{target: a.go, at: [0, 5ms, 6ms]}", "{duration: 100ms}")
    (replica,) = seen.records.replicas
    assert [int(t) for t in replica.wait_time[:3]] == [100_000_000 - 15_000_000, 11_000_000, 4_000_000]


def test_breakdown_adds_up_to_the_latency() -> None:
    seen = simulate("""
    services:
      a:
        threads: 1
        endpoints:
          go:
            steps:
              - work: 3ms
              - read: db
              - call: b.go
                retry: {attempts: 2, backoff: 7ms}
              - publish: jobs
      b: {endpoints: {go: {steps: [wait: 5ms]}}}
      w: {consumers: {handle: {from: jobs, steps: [wait: 1ms]}}}
    stores: {db: {owner: a, read: 4ms}}
    channels: {jobs: {kind: queue, publish: 2ms}}
    network: {latency: 1ms}
    traffic: {t: {target: a.go, at: [0, 1ms]}}
    faults: [{fail: b, at: 0s, for: 9500us}]
    """)
    # b fails what starts before 9.5: the first call, there at 9. It is tried again after 7.
    assert seen.column("own") == [3, 3]
    assert seen.column("store") == [6, 6]
    assert seen.column("network") == [6, 4]
    assert seen.column("backoff") == [7, 0]
    elsewhere = [10, 5]
    for k, root in enumerate(seen.roots()):
        parts = [seen.column(name)[k] for name in ("queue", "own", "store", "network", "backoff")]
        assert root.latency == sum(parts) + elsewhere[k]


def test_spans_of_a_trace_add_up_to_the_latency_and_the_trace_changes_nothing() -> None:
    text = """
    services:
      a: {threads: 2, endpoints: {go: {steps: [{work: exponential(3ms)}, {call: b.go}, {wait: exponential(1ms)}]}}}
      b: {threads: 1, endpoints: {go: {steps: [wait: exponential(5ms)]}}}
    network: {latency: exponential(1ms)}
    traffic: {t: {target: a.go, rate: 100/s}}
    simulation: {duration: 1s}
    """
    plain, traced = simulate(text), simulate(text, trace=(5, 40))
    assert plain.roots() == traced.roots()
    for number in (5, 40):
        (root,) = [r for r in plain.roots() if r.number == number]
        spans = [s for s in traced.records.spans if s.number == number]
        (client,) = [s for s in spans if s.kind == "client"]
        assert (client.begin / 1e6, client.end / 1e6) == (root.arrival, root.end)
        by_id = {s.span: s for s in spans}
        for span in spans:
            if span.parent >= 0:
                parent = by_id[span.parent]
                assert parent.begin <= span.begin <= span.end <= parent.end
        (serve,) = [s for s in spans if s.kind == "serve" and s.name == "a.go"]
        children = [s for s in spans if s.parent == serve.span]
        assert sum(s.end - s.begin for s in children) == serve.end - serve.begin


# --- closed loops and journeys -------------------------------------------------------------------

def test_closed_loop_thinks_first_and_waits_for_the_answer() -> None:
    seen = run("{target: a.go, users: 1, think: 40ms}", "{duration: 200ms}")
    assert [r.arrival for r in seen.roots()] == [40, 90, 140, 190]


def test_closed_loop_slows_with_the_system() -> None:
    seen = run("{target: a.go, users: 4, think: 0}", "{duration: 200ms}", options="threads: 1, ")
    assert len(seen.roots()) == pytest.approx(20 + 3, abs=1)
    assert max(seen.latencies()) == 40


def test_journey_thinks_between_its_targets() -> None:
    seen = run("{journey: [a.go, a.other, a.go], think: 100ms, at: [0]}", "{duration: 2s}")
    assert [(r.arrival, r.end) for r in seen.roots()] == [(0, 10), (110, 120), (220, 230)]


def test_failure_ends_a_journey_unless_it_continues() -> None:
    text = """
    services: {{a: {{endpoints: {{bad: {{steps: [fail: 1]}}, go: {{steps: [wait: 10ms]}}}}}}}}
    traffic: {{t: {{journey: [{{target: a.bad{more}}}, a.go], think: 0, at: [0]}}}}
    """
    assert simulate(text.format(more="")).outcomes() == ["error"]
    assert simulate(text.format(more=", continue: true")).outcomes() == ["error", "ok"]


def test_journey_chooses_by_weight_and_repeats() -> None:
    seen = simulate("""
    services: {a: {threads: unlimited, endpoints: {go: {steps: [wait: 1ms]}, other: {steps: [wait: 2ms]}}}}
    traffic:
      t:
        rate: 100/s
        journey:
          - choose: [{weight: 3, journey: [a.go]}, {weight: 1, journey: [a.other]}]
          - repeat: 2
            journey: [a.other]
    simulation: {duration: 5s}
    """)
    latencies = seen.latencies()
    journeys = len(latencies) / 3
    assert abs(latencies.count(1) - journeys * 0.75) < 4 * (journeys * 0.75 * 0.25) ** 0.5


def test_mix_of_targets_goes_by_weight() -> None:
    seen = run("{target: [{weight: 90%, target: a.go}, {weight: 10%, target: a.other}], rate: 200/s}",
               "{duration: 10s}", options="threads: unlimited, ")
    counts = np.bincount(seen.records.roots["target"])
    assert abs(counts[seen.body("a.other")] / counts.sum() - 0.1) < 0.03


def test_sources_end_when_their_stages_do() -> None:
    seen = run("{target: a.go, arrivals: constant, stages: [{rate: 10/s, for: 1s}]}", "{duration: 5s}")
    assert max(r.arrival for r in seen.roots()) < 1000
