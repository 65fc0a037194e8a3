"""Crashes, pauses, slowness, links, zones, deployments and changes, each at its time."""

from __future__ import annotations

import pytest
from rig import Seen, simulate


def one(faults: str, at: str = "[0]", options: str = "", steps: str = "wait: 10ms", more: str = "") -> Seen:
    """One service under faults."""
    return simulate(f"""
services: {{a: {{{options}endpoints: {{go: {{steps: [{steps}]}}}}}}}}
traffic: {{t: {{target: a.go, at: {at}}}}}
faults: [{faults}]
{more}
""")


# --- crashes -----------------------------------------------------------------------------------

def test_crashed_replica_comes_back_after_for_and_startup() -> None:
    seen = one("{crash: a, at: 100ms, for: 200ms}", "[150ms, 299ms, 349ms, 350ms]", "startup: 50ms, ")
    assert seen.outcomes() == ["unavailable", "unavailable", "unavailable", "ok"]


def test_until_detected_requests_go_to_the_dead_replica() -> None:
    seen = one("{crash: a, replicas: 1, at: 100ms, for: 10s}",
               "[110ms, 120ms, 130ms, 140ms, 160ms, 170ms, 180ms, 190ms]", "replicas: 2, detect: 50ms, ")
    assert seen.outcomes()[:4].count("reset") == 2
    assert seen.outcomes()[4:] == ["ok"] * 4


def test_detected_at_once_by_default() -> None:
    seen = one("{crash: a, replicas: 1, at: 100ms}", "[110ms, 120ms, 130ms, 140ms]", "replicas: 2, ")
    assert seen.outcomes() == ["ok"] * 4


def test_replica_can_break_down_while_idle() -> None:
    seen = one("{crash: a, at: 100ms, for: 1s}", "[0, 200ms]")
    assert seen.outcomes() == ["ok", "unavailable"]


def test_crash_in_the_middle_of_a_call_leaves_the_callee_working() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [call: b.go]}}}
      b: {endpoints: {go: {steps: [wait: 50ms]}}}
    traffic: {t: {target: a.go, at: [0]}}
    faults: [{crash: a, at: 10ms, for: 1s}]
    """)
    assert (seen.outcomes(), seen.ends()) == (["reset"], [10])
    assert seen.served("b.go") == {"ok": 1}


def test_number_of_replicas_is_drawn() -> None:
    chosen = set()
    for seed in range(8):
        seen = simulate("""
        services: {a: {replicas: 3, endpoints: {go: {steps: [wait: 1ms]}}}}
        traffic: {t: {target: a.go, at: [0]}}
        faults: [{crash: a, replicas: 2, at: 100ms}]
        """, seed=seed)
        marks = [subject for _, subject, _ in seen.moments("crash")]
        assert len(marks) == 2
        chosen |= set(marks)
    assert len(chosen) == 3


def test_each_replica_has_a_clock_of_its_own() -> None:
    seen = one("{crash: a, replicas: each, every: exponential(2s), for: 100ms}", "[0, 60s]", "replicas: 3, ")
    times = [time for time, _, _ in seen.moments("crash")]
    assert len({subject for _, subject, _ in seen.moments("crash")}) == 3
    assert len(set(times)) == len(times)


def test_every_is_the_time_from_the_end_of_one_to_the_start_of_the_next() -> None:
    seen = one("{crash: a, every: 1s, for: 500ms}", "[0, 5s]")
    begins = [time for time, _, _ in seen.moments("fault_begin")]
    ends = [time for time, _, _ in seen.moments("fault_end")]
    assert begins[:3] == [1000, 2500, 4000]
    assert ends[:3] == [1500, 3000, 4500]


def test_fault_without_for_lasts_to_the_end() -> None:
    assert one("{crash: a, at: 1s}", "[0, 2s, 100s]").outcomes() == ["ok", "unavailable", "unavailable"]


# --- slow, fail ----------------------------------------------------------------------------------

def test_slow_multiplies_what_starts_while_it_lasts() -> None:
    seen = one("{slow: a, by: 10x, at: 100ms, for: 100ms}", "[0, 150ms, 250ms]")
    assert seen.latencies() == [10, 100, 10]


def test_slow_may_add_instead() -> None:
    assert one("{slow: a, add: 25ms, at: 0s}").latencies() == [35]


def test_slow_endpoint_leaves_its_neighbours_alone() -> None:
    seen = simulate("""
    services: {a: {endpoints: {go: {steps: [wait: 10ms]}, other: {steps: [wait: 10ms]}}}}
    traffic: {t: {target: a.go, at: [0]}, u: {target: a.other, at: [0]}}
    faults: [{slow: a.go, by: 3x, at: 0s}]
    """)
    assert (seen.latencies(0), seen.latencies(1)) == ([30], [10])


def test_slow_some_replicas() -> None:
    seen = one("{slow: a, by: 3x, replicas: 1, at: 0s}", "[0, 0]", "replicas: 2, ")
    assert sorted(seen.latencies()) == [10, 30]


def test_failing_request_is_chosen_when_it_starts_and_fails_after_its_steps() -> None:
    seen = one("{fail: a, at: 5ms, for: 10ms}", "[0, 8ms, 20ms]")
    # The first had started before; the second fails although the fault is over when it ends.
    assert seen.outcomes() == ["ok", "error", "ok"]
    assert seen.latencies() == [10, 10, 10]


def test_fail_rate_and_status() -> None:
    at = "[" + ", ".join(f"{k}ms" for k in range(500)) + "]"
    seen = one("{fail: a, rate: 30%, status: 429, at: 0s}", at, "threads: unlimited, ")
    assert 110 < seen.outcomes().count("rejected") < 190
    assert seen.outcomes().count("error") == 0


def test_failure_of_kind_crash_kills_the_replica() -> None:
    seen = one("{fail: a, kind: crash, at: 0s, for: 5ms}", "[0, 6ms, 30ms]", "threads: 9, startup: 15ms, ")
    assert seen.outcomes() == ["reset", "reset", "ok"]


# --- links ---------------------------------------------------------------------------------------

def link(fault: str, at: str = "[0]", call: str = ", timeout: 50ms") -> Seen:
    """a calls b over a link with a fault."""
    return simulate(f"""
services:
  a: {{endpoints: {{go: {{steps: [{{call: b.go{call}}}]}}}}}}
  b: {{endpoints: {{go: {{steps: [wait: 10ms]}}}}}}
network: {{latency: 1ms}}
traffic: {{t: {{target: a.go, at: {at}}}}}
faults: [{fault}]
""")


def test_cut_link_lets_nothing_pass_and_callers_wait_for_their_timeout() -> None:
    seen = link("{cut: a -> b, at: 0s, for: 1s}", "[0, 2s]")
    assert seen.latencies() == [52, 14]
    assert seen.served("b.go") == {"ok": 1}


def test_answer_does_not_pass_a_cut_link_either() -> None:
    seen = link("{cut: a -> b, at: 5ms, for: 1s}")
    assert seen.latencies() == [52]
    assert seen.served("b.go") == {"ok": 1}


def test_delay_adds_to_each_hop() -> None:
    # language.md: added to each hop, one way: there and back.
    assert link("{delay: a -> b, add: 7ms, at: 0s}").latencies() == [14 + 2 * 7]


def test_delay_is_drawn_anew_for_each_hop() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [call: b.go]}}}
      b: {endpoints: {go: {steps: [wait: 10ms]}}}
    traffic: {t: {target: a.go, at: [0]}}
    faults: [{delay: a -> b, add: uniform(1ms 100ms), at: 0s}]
    """, trace=(0,))
    outer, inner = seen.spans("serve")
    assert inner.begin - outer.begin != outer.end - inner.end


def test_drop_loses_a_share_of_requests_and_of_answers() -> None:
    at = "[" + ", ".join(f"{k * 100}ms" for k in range(400)) + "]"
    seen = link("{drop: a -> b, rate: 40%, at: 0s}", at)
    lost = seen.outcomes().count("error")
    assert abs(lost - 400 * 0.64) < 4 * (400 * 0.64 * 0.36) ** 0.5
    served = seen.served("b.go")["ok"]
    assert abs(served - 400 * 0.6) < 4 * (400 * 0.6 * 0.4) ** 0.5
    assert {r.latency for r in seen.roots() if r.outcome == "error"} == {52.0}


def test_link_faults_hit_only_their_link() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{call: b.go, timeout: 50ms}]}}}
      c: {endpoints: {go: {steps: [{call: b.go, timeout: 50ms}]}}}
      b: {endpoints: {go: {steps: [wait: 10ms]}}}
    traffic: {t: {target: a.go, at: [0]}, u: {target: c.go, at: [0]}}
    faults: [{cut: a -> b, at: 0s}]
    """)
    assert (seen.outcomes(0), seen.outcomes(1)) == (["error"], ["ok"])


def test_clients_can_be_cut_off() -> None:
    seen = simulate("""
    services: {a: {endpoints: {go: {steps: [wait: 10ms]}}}}
    traffic: {t: {target: a.go, at: [0], timeout: 30ms}}
    faults: [{cut: clients -> a, at: 0s}]
    """)
    assert (seen.outcomes(), seen.latencies()) == (["timeout"], [30])


# --- zones ---------------------------------------------------------------------------------------

ZONES = """
services:
  a: {{replicas: 2, zones: [x, y], endpoints: {{go: {{steps: [{{call: b.go}}]}}}}}}
  b: {{replicas: 2, zones: [x, y], balance: {balance}, endpoints: {{go: {{steps: [wait: 10ms]}}}}}}
network: {{latency: 1ms, between_zones: {{latency: 5ms, cost: 0.01/GiB}}, message_size: 1KiB}}
traffic: {{t: {{target: a.go, at: [0, 100ms, 200ms, 300ms]}}}}
"""


def test_replicas_are_spread_over_zones_in_turn() -> None:
    seen = simulate(ZONES.format(balance="round_robin"))
    zones = [r.zone for r in seen.records.replicas if r.service == seen.service("b")]
    assert zones == [0, 1]


def test_between_zones_costs_latency_and_bytes() -> None:
    seen = simulate(ZONES.format(balance="round_robin").replace("replicas: 2, zones: [x, y], endpoints",
                                                                "replicas: 1, zones: [x], endpoints"))
    assert sorted(seen.latencies()) == [14, 14, 24, 24]
    assert seen.records.zone_bytes == 2 * 2 * 1024


def test_zone_fault_takes_down_all_that_stands_in_it() -> None:
    seen = simulate(ZONES.format(balance="round_robin") + "faults: [{zone: x, at: 50ms, for: 10s}]\n")
    down = [subject for _, subject, _ in seen.moments("crash")]
    assert [subject[0] for subject in down] == ["a", "b"]
    zone_x = [f"{r.ordinal}" for r in seen.records.replicas if r.zone == 0]
    assert [subject[2:] for subject in down] == zone_x
    assert seen.outcomes() == ["ok"] * 4


# --- deployments -----------------------------------------------------------------------------------

def deploy(options: str, at: str, fault: str, steps: str = "wait: 10ms") -> Seen:
    """A service that is deployed while it serves."""
    return one(f"{{deploy: a, {fault}}}", at, options, steps)


def test_deployed_replica_finishes_what_it_has() -> None:
    seen = deploy("replicas: 2, threads: 1, ", "[0, 0]", "at: 5ms, changes: {endpoints.go.steps: [{wait: 30ms}]}")
    assert seen.outcomes() == ["ok", "ok"]
    assert seen.latencies() == [10, 10]


def test_rolling_update_replaces_one_at_a_time_and_serves_on() -> None:
    at = "[" + ", ".join(f"{k * 5}ms" for k in range(200)) + "]"
    seen = deploy("replicas: 3, startup: 100ms, ", at, "at: 100ms, changes: {endpoints.go.steps: [{wait: 20ms}]}")
    assert seen.outcomes() == ["ok"] * 200
    assert seen.latencies()[0] == 10
    assert seen.latencies()[-1] == 20
    born = sorted(r.born for r in seen.records.replicas if r.version == 1)
    assert len(born) == 3
    assert born[1] - born[0] >= 100_000_000


def test_max_unavailable_may_be_out_at_once() -> None:
    seen = deploy("replicas: 4, startup: 100ms, ", "[0, 1s]", "at: 100ms, max_unavailable: 2")
    born = [r.born for r in seen.records.replicas if r.version == 1]
    assert born == [100_000_000, 100_000_000, 200_000_000, 200_000_000]


def test_canary_sends_its_share_to_the_new_version_first() -> None:
    at = "[" + ", ".join(f"{100 + k * 5}ms" for k in range(400)) + "]"
    seen = deploy("replicas: 4, ", at,
                  "at: 50ms, canary: 25%, canary_for: 1s, changes: {endpoints.go.steps: [{wait: 50ms}]}")
    watched = seen.latencies()[:180]
    assert watched.count(50) == 45
    assert set(seen.latencies()[-50:]) == {50.0}


# --- changes -----------------------------------------------------------------------------------

def test_change_sets_what_the_language_can_say() -> None:
    seen = one("{change: {services.a.endpoints.go.steps: [{wait: 40ms}]}, at: 100ms}", "[0, 90ms, 100ms, 200ms]")
    assert seen.latencies() == [10, 10, 40, 40]


def test_change_is_taken_back_after_for() -> None:
    seen = one("{change: {services.a.threads: 1}, at: 100ms, for: 100ms}", "[0, 0, 150ms, 150ms, 250ms, 250ms]")
    assert seen.latencies() == [10, 10, 10, 20, 10, 10]


def test_change_of_replicas_takes_startup() -> None:
    seen = one("{change: {services.a.replicas: 2}, at: 100ms}", "[0, 0, 120ms, 120ms, 160ms, 160ms]",
               "threads: 1, startup: 50ms, ")
    assert seen.latencies() == [10, 20, 10, 20, 10, 10]


def test_change_to_fewer_replicas_lets_them_finish() -> None:
    seen = one("{change: {services.a.replicas: 1}, at: 5ms}", "[0, 0, 20ms, 20ms]", "threads: 1, replicas: 2, ")
    assert seen.outcomes() == ["ok"] * 4
    assert seen.latencies() == [10, 10, 10, 20]


@pytest.mark.parametrize(("rate", "count"), [("5/s", 5), ("50/s", 50)])
def test_change_of_a_rate_takes_effect_at_once(rate: str, count: int) -> None:
    seen = simulate(f"""
    services: {{a: {{threads: unlimited, endpoints: {{go: {{steps: [wait: 1ms]}}}}}}}}
    traffic: {{t: {{target: a.go, rate: 10/s, arrivals: constant}}}}
    faults: [{{change: {{traffic.t.rate: {rate}}}, at: 1s}}]
    simulation: {{duration: 2s}}
    """)
    later = [r for r in seen.roots() if r.arrival >= 1000]
    assert abs(len(later) - count) <= 1


def test_slow_adds_once_to_each_request() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{wait: 1ms}, {call: a.inner}, {work: 1ms}]}, inner: {steps: [wait: 1ms]}}}
      b: {endpoints: {go: {steps: [call: a.inner]}, nothing: {}}}
    traffic: {t: {target: a.go, at: [0]}, u: {target: b.go, at: [0]}, v: {target: b.nothing, at: [0]}}
    faults: [{slow: a, add: 100ms, at: 0s}, {slow: b, add: 20ms, at: 0s}]
    """)
    assert seen.latencies(0) == [103]
    assert seen.latencies(1) == [121]
    assert seen.latencies(2) == [20]


def test_slow_endpoint_adds_where_it_is_called_in_place_too() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{wait: 1ms}, {call: a.inner}]}, inner: {steps: [{wait: 1ms}, {wait: 1ms}]}}}
    traffic: {t: {target: a.go, at: [0]}}
    faults: [{slow: a.inner, add: 100ms, at: 0s}]
    """)
    assert seen.latencies() == [103]


def test_what_a_slow_service_adds_ends_with_its_crash() -> None:
    seen = one("{slow: a, add: 100ms, at: 0s}, {crash: a, at: 50ms, for: 1s}", "[0]")
    assert (seen.outcomes(), seen.latencies()) == (["reset"], [50])


def test_zone_takes_its_broker_down_and_no_message_is_lost() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{publish: q, timeout: 50ms}]}, out: {steps: [{publish: q, outbox: true}]}}}
      c: {consumers: {eat: {from: q, steps: [wait: 900ms]}}}
    channels: {q: {publish: 1ms, relay: 100ms, zone: z}}
    traffic:
      t: {target: a.go, at: [0s, 100ms, 999.5ms, 2s, 4s]}
      u: {target: a.out, at: [2s]}
    faults: [{zone: z, at: 1s, for: 2s}]
    """)
    assert [root.cause for root in seen.roots()] == ["", "", "a:reset", "a:unavailable", ""]
    assert seen.outcomes(1) == ["ok"]
    # Two from before, one from the outbox when the zone is back, and the last.
    assert seen.channel("q") == {"published": 4, "delivered": 4, "done": 4}


def test_zone_without_its_broker_delivers_nothing() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [publish: q]}}}
      c: {consumers: {eat: {from: q, steps: [wait: 900ms]}}}
    channels: {q: {publish: 0, zone: z}}
    traffic: {t: {target: a.go, at: [0s, 0s]}}
    faults: [{zone: z, at: 500ms, for: 2s}]
    """, trace=(0, 1))
    # The second waits at the broker, which comes back at 2.5 s.
    assert [span.begin / 1e6 for span in seen.spans("wait")] == [0, 2500]


def test_relay_of_an_outbox_waits_for_the_end_of_a_cut() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{publish: q, outbox: true}]}}}
      c: {consumers: {eat: {from: q, steps: [wait: 5ms]}}}
    channels: {q: {publish: 1ms, relay: 100ms}}
    traffic: {t: {target: a.go, at: [10ms]}}
    faults: [{cut: a -> q, at: 0s, for: 450ms}, {delay: a -> q, add: 9ms, at: 0s, for: 1s}]
    """, trace=(0,))
    # The relay looks at 100 ms, is at the broker at 110 in vain, and tries again each 100 ms.
    assert seen.outcomes() == ["ok"]
    assert [span.begin / 1e6 for span in seen.spans("wait")] == [510]


def test_deployment_again_and_again_waits_for_its_own_end() -> None:
    seen = simulate("""
    services: {a: {replicas: 2, startup: 1s, endpoints: {go: {steps: [wait: 1ms]}}}}
    traffic: {t: {target: a.go, rate: 10/s, arrivals: constant, for: 20s}}
    faults: [{deploy: a, every: 5s}]
    """)
    begins = [time for time, _, detail in seen.moments("deploy") if "begins" in detail]
    ends = [time for time, _, detail in seen.moments("deploy") if "done" in detail]
    assert begins[0] == 5000
    assert [round(later - end, 6) for later, end in zip(begins[1:], ends, strict=False)] == [5000] * (len(begins) - 1)
    assert [h.time / 1e6 for h in seen.happenings("fault_end")] == ends


def test_change_during_a_canary_leaves_the_canary_its_version() -> None:
    seen = simulate("""
    services:
      a: {replicas: 2, endpoints: {go: {steps: [wait: 1ms]}}}
      other: {endpoints: {go: {steps: [wait: 1ms]}}}
    traffic: {t: {target: a.go, at: [0, 0, 2s, 2s, 4s, 4s, 6s, 6s, 12s, 12s]}}
    faults:
      - {deploy: a, at: 1s, canary: 50%, canary_for: 10s, changes: {endpoints.go.steps: [{wait: 50ms}]}}
      - {change: {services.other.threads: 4}, at: 3s, for: 2s}
    """)
    assert [sorted(pair) for pair in zip(*[iter(seen.latencies())] * 2, strict=True)] == [
        [1, 1], [1, 50], [1, 50], [1, 50], [50, 50]
    ]
