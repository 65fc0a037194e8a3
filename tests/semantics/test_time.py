"""Network latency, timeouts, what giving up does at the callee, deadlines."""

from __future__ import annotations

import pytest
from rig import simulate


def pair(call: str = "", callee: str = "wait: 10ms", options: str = "", latency: str = "2ms", at: str = "[0]") -> str:
    """A caller and a callee over a network."""
    return f"""
services:
  a: {{threads: unlimited, endpoints: {{go: {{steps: [{{call: b.go{call}}}]}}}}}}
  b: {{{options}endpoints: {{go: {{steps: [{callee}]}}}}}}
network: {{latency: {latency}}}
traffic: {{t: {{target: a.go, at: {at}}}}}
"""


def test_network_is_paid_there_and_back_by_clients_and_callers() -> None:
    seen = simulate(pair())
    assert seen.latencies() == [10 + 4 * 2]
    assert seen.column("network") == [8]


def test_each_hop_is_drawn_anew() -> None:
    seen = simulate(pair(latency="uniform(1ms 3ms)", callee="", at="[0, 10ms, 20ms, 30ms]"))
    network = seen.column("network")
    assert len(set(network)) == 4
    spans = simulate(pair(latency="uniform(1ms 3ms)", callee=""), trace=(0,)).spans("serve")
    hops = {spans[0].begin, spans[1].begin - spans[0].begin, spans[0].end - spans[1].end}
    assert len(hops) == 3


def test_refusals_pay_the_network_too() -> None:
    seen = simulate(pair(options="threads: 1, queue: 0, ", at="[0, 1ms]"))
    assert seen.latencies() == [18, 8]
    assert seen.roots()[1].cause == "b:overloaded"


@pytest.mark.parametrize(
    "guard",
    ["circuit_breaker: {consecutive: 1, open_for: 10s}", "bulkhead: 1"],
)
def test_local_refusals_cost_no_network(guard: str) -> None:
    failing = "{wait: 10ms}, {fail: 1}" if "breaker" in guard else "{wait: 100ms}"
    seen = simulate(pair(f", {guard}", failing, at="[0, 50ms]"))
    assert seen.latencies()[1] == 2 * 2  # the client's own hops


def test_store_times_include_the_network() -> None:
    seen = simulate("""
    services: {a: {endpoints: {go: {steps: [{read: db}, {publish: ch}]}}}}
    stores: {db: {owner: a, read: 3ms}}
    channels: {ch: {kind: queue, publish: 4ms}}
    network: {latency: 2ms}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert seen.latencies() == [3 + 4 + 2 * 2]
    assert seen.column("store") == [7]


# --- timeouts --------------------------------------------------------------------------------

def test_timeout_runs_from_the_moment_of_sending() -> None:
    # 2 + 10 + 2 on the caller's clock: 14 is in time, 13 is not.
    assert simulate(pair(", timeout: 15ms")).outcomes() == ["ok"]
    late = simulate(pair(", timeout: 13ms"))
    assert (late.outcomes(), late.latencies()) == (["error"], [2 + 13 + 2])
    assert late.roots()[0].cause == "b:timeout"


def test_timeout_counts_time_in_the_queue() -> None:
    seen = simulate(pair(", timeout: 15ms", options="threads: 1, ", at="[0, 0]", latency="0"))
    assert seen.outcomes() == ["ok", "error"]
    assert seen.latencies() == [10, 15]


def test_callee_keeps_working_after_timeout() -> None:
    seen = simulate(pair(", timeout: 5ms", "wait: 50ms", "threads: 1, ", "0", "[0, 1ms]"))
    assert seen.latencies() == [5, 5]
    assert seen.served("b.go") == {"ok": 2}
    assert seen.gone("b.go") == 2
    assert seen.replicas("b", "busy_area") == [100_000_000]


def test_retry_meets_the_work_of_the_try_it_gave_up() -> None:
    seen = simulate(pair(", timeout: 30ms, retry: {attempts: 2, backoff: 0}", "wait: 50ms", "threads: 1, ", "0"))
    # The second try waits 20 ms for the first, and times out too.
    assert seen.latencies() == [60]
    assert seen.served("b.go") == {"ok": 2}


def test_cancel_queued_takes_it_out_of_the_queue() -> None:
    seen = simulate(pair(", timeout: 5ms, cancel: queued", "wait: 50ms", "threads: 1, ", "0", "[0, 1ms]"))
    assert seen.served("b.go") == {"ok": 1, "cancelled": 1}
    assert seen.replicas("b", "busy_area") == [50_000_000]


def test_cancel_all_stops_it_where_it_is_and_its_callees() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{call: b.go, timeout: 10ms, cancel: all}]}}}
      b: {endpoints: {go: {steps: [{call: c.go}]}}}
      c: {endpoints: {go: {steps: [wait: 1s]}}}
    network: {latency: 2ms}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert seen.latencies() == [2 + 10 + 2]
    assert seen.served("b.go") == {"cancelled": 1}
    assert seen.served("c.go") == {"cancelled": 1}
    # Sent at 2, given up at 12; the message reaches b at 14 (there since 4) and c at 16 (there since 6).
    assert seen.replicas("b", "busy_area") == [10_000_000]
    assert seen.replicas("c", "busy_area") == [10_000_000]


def test_cancel_queued_leaves_running_work_alone() -> None:
    seen = simulate(pair(", timeout: 5ms, cancel: queued", "wait: 50ms", latency="0"))
    assert seen.served("b.go") == {"ok": 1}


def test_answer_in_the_very_nanosecond_of_the_timeout_is_in_time() -> None:
    assert simulate(pair(", timeout: 14ms")).outcomes() == ["ok"]
    assert simulate(pair(", timeout: 13999999ns")).outcomes() == ["error"]


def test_changes_come_before_requests_of_the_same_nanosecond() -> None:
    seen = simulate(pair(latency="0", at="[5ms]") + "faults: [{slow: b, by: 3x, at: 5ms}]")
    assert seen.latencies() == [30]


# --- deadlines -------------------------------------------------------------------------------

def test_deadline_bounds_tries_and_backoff() -> None:
    seen = simulate(pair(", timeout: 10ms, deadline: 25ms, retry: {attempts: 9, backoff: 5ms, factor: 1}",
                         "wait: 1s", latency="0"))
    # 10, wait 5, 10: at 25 the deadline falls together with the second timeout.
    assert seen.latencies() == [25]
    assert seen.edge("tries", "b.go") == 2
    assert seen.roots()[0].cause == "b:timeout"


def test_deadline_is_passed_on_and_each_hop_stops_on_its_own() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{call: b.go, deadline: 20ms}]}}}
      b: {endpoints: {go: {steps: [{call: c.go}]}}}
      c: {endpoints: {go: {steps: [wait: 1s]}}}
    network: {latency: 2ms}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    # Sent by a at 2: all stop at 22, b since 4, c since 6, without any message.
    assert seen.latencies() == [2 + 20 + 2]
    assert seen.served("b.go") == {"timeout": 1}
    assert seen.served("c.go") == {"timeout": 1}
    assert seen.replicas("b", "busy_area") == [18_000_000]
    assert seen.replicas("c", "busy_area") == [16_000_000]


def test_deadline_takes_a_request_out_of_the_queue() -> None:
    seen = simulate(pair(", deadline: 15ms", "wait: 50ms", "threads: 1, ", "0", "[0, 0]"))
    assert seen.served("b.go") == {"timeout": 2}
    assert seen.replicas("b", "busy_area") == [15_000_000]


def test_nearer_deadline_wins() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{call: b.go, deadline: 50ms}]}}}
      b: {endpoints: {go: {steps: [{call: c.go, deadline: 10ms}]}}}
      c: {endpoints: {go: {steps: [wait: 1s]}}}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert seen.latencies() == [10]


def test_times_are_whole_nanoseconds_and_add_up_exactly() -> None:
    seen = simulate(pair(callee="wait: 1234567ns", latency="89ns"))
    roots = seen.records.roots
    assert int(roots["end"][0] - roots["arrival"][0]) == 1_234_567 + 4 * 89
