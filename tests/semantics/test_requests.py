"""A request's life: balance, admit, serve, answer."""

from __future__ import annotations

import pytest
from rig import simulate

SIX_TOGETHER = "[0, 0, 0, 0, 0, 0]"


def one(options: str = "", steps: str = "wait: 10ms", at: str = "[0]", client: str = "") -> str:
    """One service, one source."""
    return f"""
services:
  a: {{{options}endpoints: {{go: {{steps: [{steps}]}}}}}}
traffic: {{t: {{target: a.go, at: {at}{client}}}}}
"""


def test_free_thread_starts_at_once() -> None:
    assert simulate(one("threads: 2, ", at="[0, 3ms]")).ends() == [10, 13]


def test_waits_first_come_first_served() -> None:
    seen = simulate(one("threads: 1, ", at="[0, 1ms, 2ms]"))
    assert seen.ends() == [10, 20, 30]
    assert seen.column("queue") == [0, 9, 18]


def test_last_come_first_served_takes_the_newest() -> None:
    seen = simulate(one("threads: 1, queue: {capacity: 9, discipline: lifo}, ", at="[0, 1ms, 2ms, 3ms]"))
    assert seen.ends() == [10, 40, 30, 20]


def test_priority_goes_first_and_does_not_preempt() -> None:
    seen = simulate("""
    services:
      a: {threads: 1, queue: {capacity: 9, discipline: priority}, endpoints: {go: {steps: [wait: 10ms]}}}
    traffic:
      low: {target: a.go, at: [0, 1ms, 2ms], priority: 2}
      high: {target: a.go, at: [3ms, 4ms], priority: 1}
    """)
    assert seen.ends(0) == [10, 40, 50]
    assert seen.ends(1) == [20, 30]


def test_full_queue_refuses_at_once() -> None:
    seen = simulate(one("threads: 1, queue: 2, ", at="[0, 1ms, 2ms, 3ms, 10ms]"))
    assert seen.outcomes() == ["ok", "ok", "ok", "overloaded", "ok"]
    assert seen.ends() == [10, 20, 30, 3, 40]


def test_queue_counts_only_those_waiting() -> None:
    seen = simulate(one("threads: 2, queue: 1, ", at="[0, 0, 0, 0]"))
    assert seen.outcomes() == ["ok", "ok", "ok", "overloaded"]


def test_no_queue_means_a_free_thread_or_a_refusal() -> None:
    assert simulate(one("threads: 1, queue: 0, ", at="[0, 1ms, 10ms]")).outcomes() == ["ok", "overloaded", "ok"]


def test_each_replica_has_its_own_queue() -> None:
    seen = simulate(one("threads: 1, replicas: 2, queue: 1, ", at=SIX_TOGETHER))
    assert seen.outcomes() == ["ok"] * 4 + ["overloaded"] * 2
    assert seen.ends() == [10, 10, 20, 20, 0, 0]


def test_unlimited_threads_never_wait() -> None:
    assert simulate(one("threads: unlimited, ", at=SIX_TOGETHER)).ends() == [10] * 6


def test_rate_limit_comes_before_the_queue() -> None:
    seen = simulate(one("threads: 1, queue: 1, rate_limit: {rate: 10/s, burst: 2}, ", at="[0, 0, 0, 99ms, 100ms]"))
    assert seen.outcomes() == ["ok", "ok", "rate_limited", "rate_limited", "ok"]


def test_token_bucket_starts_full_and_refills_continuously() -> None:
    seen = simulate(one("threads: 9, rate_limit: {rate: 100/s, burst: 3}, ",
                        at="[0, 0, 0, 0, 5ms, 10ms, 15ms, 25ms, 30ms, 1s, 1s, 1s, 1s]"))
    limited = [k for k, word in enumerate(seen.outcomes()) if word == "rate_limited"]
    assert limited == [3, 4, 6, 12]


def test_rate_limit_is_per_replica() -> None:
    seen = simulate(one("replicas: 2, rate_limit: {rate: 1/s, burst: 1}, ", at="[0, 0, 0, 0]"))
    assert seen.outcomes() == ["ok", "ok", "rate_limited", "rate_limited"]


def test_round_robin_takes_turns() -> None:
    seen = simulate(one("threads: 9, replicas: 3, ", at="[0, 0, 0, 0, 0, 0, 0]"))
    assert seen.replicas("a", "arrived") == [3, 2, 2]


def test_least_connections_asks_all_replicas() -> None:
    seen = simulate(one("threads: 9, replicas: 3, balance: least_connections, ", at="[0, 1ms, 2ms, 3ms, 4ms, 5ms]"))
    assert seen.replicas("a", "arrived") == [2, 2, 2]


def test_power_of_two_asks_two_distinct_replicas() -> None:
    # Of two replicas both are asked: never three of four on one.
    for seed in range(8):
        seen = simulate(one("threads: 9, replicas: 2, balance: power_of_two, ", at="[0, 1ms, 2ms, 3ms]"), seed=seed)
        assert seen.replicas("a", "arrived") == [2, 2]


def test_random_balance_uses_all_and_is_not_even() -> None:
    counts = [
        tuple(simulate(one("replicas: 2, balance: random, ", at=SIX_TOGETHER), seed=s).replicas("a", "arrived"))
        for s in range(6)
    ]
    assert len(set(counts)) > 1
    assert all(sum(c) == 6 for c in counts)


CALLERS = """
services:
  a: {{replicas: 2, threads: unlimited, endpoints: {{go: {{steps: [call: b.go]}}}}}}
  b: {{replicas: 2, threads: unlimited, balancer: {balancer}, endpoints: {{go: {{steps: [wait: 1ms]}}}}}}
traffic: {{t: {{target: a.go, at: [0, 0, 0, 0]}}}}
"""


def test_shared_balancer_has_one_counter() -> None:
    assert simulate(CALLERS.format(balancer="shared")).replicas("b", "arrived") == [2, 2]


def test_client_balancer_has_one_counter_for_each_caller_replica() -> None:
    # Callers take turns A, B, A; each has its own counter, and they begin at different replicas:
    # A asks the first, B the second, A the second. One shared counter would ask the first again.
    text = CALLERS.replace("at: [0, 0, 0, 0]", "at: [0, 0, 0]")
    assert simulate(text.format(balancer="client")).replicas("b", "arrived") == [1, 2]
    assert simulate(text.format(balancer="shared")).replicas("b", "arrived") == [2, 1]


def test_no_ready_replica_is_unavailable_at_once_and_costs_no_network() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [call: b.go]}}}
      b: {endpoints: {go: {steps: [wait: 1ms]}}}
    network: {latency: 2ms}
    traffic: {t: {target: a.go, at: [10ms]}}
    faults: [{crash: b, at: 0s}]
    """)
    (root,) = seen.roots()
    assert (root.outcome, root.cause, root.latency) == ("error", "b:unavailable", 4)


def test_client_of_a_service_without_replicas_is_unavailable() -> None:
    seen = simulate(one(at="[10ms]") + "faults: [{crash: a, at: 0s}]\nnetwork: {latency: 2ms}\n")
    assert (seen.outcomes(), seen.latencies()) == (["unavailable"], [0])


def test_call_to_the_same_service_runs_in_place() -> None:
    seen = simulate("""
    services:
      a:
        threads: 1
        queue: 0
        endpoints:
          go: {steps: [wait: 1ms, call: a.part, wait: 1ms]}
          part: {steps: [wait: 5ms]}
    network: {latency: 3ms}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    (root,) = seen.roots()
    assert (root.outcome, root.latency) == ("ok", 7 + 2 * 3)
    assert seen.column("queue") == [0]


def test_thread_is_held_while_callees_answer() -> None:
    seen = simulate("""
    services:
      a: {threads: 1, endpoints: {go: {steps: [call: b.go]}}}
      b: {threads: 9, endpoints: {go: {steps: [wait: 50ms]}}}
    traffic: {t: {target: a.go, at: [0, 1ms, 2ms]}}
    """)
    assert seen.ends() == [50, 100, 150]


def test_thread_is_held_through_timeouts_and_backoff() -> None:
    seen = simulate("""
    services:
      a:
        threads: 1
        endpoints:
          go: {steps: [{call: b.go, timeout: 10ms, retry: {attempts: 2, backoff: 5ms}}]}
      b: {endpoints: {go: {steps: [wait: 1s]}}}
    traffic: {t: {target: a.go, at: [0, 1ms]}}
    """)
    assert seen.ends() == [25, 50]
    assert seen.column("backoff") == [5, 5]


def test_steps_run_in_order_and_their_times_add_up() -> None:
    seen = simulate(one(steps="{wait: 3ms}, {work: 4ms}, {repeat: 3, steps: [wait: 2ms]}"))
    assert seen.latencies() == [13]
    assert seen.column("own") == [13]


def test_choose_takes_one_branch_by_weight() -> None:
    steps = ("{choose: [{weight: 1, steps: [wait: 1ms]}, {weight: 3, steps: [wait: 2ms]}, "
             "{weight: 0, steps: [fail: 1]}]}")
    seen = simulate(one("threads: unlimited, ", steps, "[" + ", ".join(f"{k}ms" for k in range(400)) + "]"))
    latencies = seen.latencies()
    assert set(latencies) == {1.0, 2.0}
    assert 260 < latencies.count(2.0) < 340
    assert seen.outcomes() == ["ok"] * 400


def test_repeat_draws_how_often() -> None:
    steps = "{repeat: 'uniform(1 4)', steps: [wait: 1ms]}"
    at = "[" + ", ".join(f"{k}ms" for k in range(60)) + "]"
    latencies = simulate(one("threads: unlimited, ", steps, at)).latencies()
    assert set(latencies) == {1.0, 2.0, 3.0, 4.0}


# --- answers ---------------------------------------------------------------------------------

def test_endpoint_without_steps_answers_at_once() -> None:
    assert simulate(one(steps="")).latencies() == [0]


def test_fail_ends_the_request_with_an_error() -> None:
    seen = simulate(one(steps="{wait: 2ms}, {fail: 100%}, {wait: 9ms}"))
    assert (seen.outcomes(), seen.latencies()) == (["error"], [2])
    assert seen.roots()[0].cause == "a:error"


def test_fail_with_a_4xx_status_is_rejected_and_not_retried() -> None:
    seen = simulate(one(steps="{fail: 100%, status: 404}", client=", retry: {attempts: 5, backoff: 1ms}"))
    assert seen.outcomes() == ["rejected"]
    assert seen.roots()[0].tries == 1


def test_fail_by_chance() -> None:
    seen = simulate(one("threads: unlimited, ", "fail: 25%", "[" + ", ".join(f"{k}ms" for k in range(800)) + "]"))
    assert 150 < seen.outcomes().count("error") < 250


def test_failed_step_ends_the_endpoint_and_the_first_cause_is_kept() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [call: b.go, wait: 99ms]}}}
      b: {endpoints: {go: {steps: [call: c.go]}}}
      c: {threads: 1, queue: 0, endpoints: {go: {steps: [wait: 10ms]}}}
    traffic: {t: {target: a.go, at: [0, 1ms]}}
    """)
    assert seen.outcomes() == ["ok", "error"]
    assert seen.roots()[1].cause == "c:overloaded"
    assert seen.roots()[1].latency == 0
    assert seen.served("b.go") == {"ok": 1, "error": 1}


def test_client_timeout_is_the_clients_outcome() -> None:
    seen = simulate(one(client=", timeout: 4ms"))
    assert (seen.outcomes(), seen.latencies()) == (["timeout"], [4])


def test_crash_resets_what_is_in_flight_and_in_the_queue() -> None:
    seen = simulate(one("threads: 1, ", at="[0, 1ms, 2ms]") + "faults: [{crash: a, at: 5ms, for: 1s}]\n")
    assert seen.outcomes() == ["reset"] * 3
    assert seen.ends() == [5, 5, 5]


@pytest.mark.parametrize("step", ["work", "wait"])
def test_a_bug_can_kill_its_process(step: str) -> None:
    seen = simulate(one("threads: 4, ", f"{{{step}: 5ms}}, {{fail: 100%, kind: crash}}", "[0, 1ms]"))
    assert seen.outcomes() == ["reset", "reset"]
    assert seen.ends() == [5, 5]
    assert [h.time for h in seen.happenings("crash")] == [5_000_000]


def test_degraded_is_an_answer() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{call: b.go, fallback: {steps: [wait: 3ms]}}]}}}
      b: {endpoints: {go: {steps: [wait: 1ms, fail: 1]}}}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert (seen.outcomes(), seen.latencies()) == (["degraded"], [4])


def test_parallel_with_need_fails_with_error_at_once_too() -> None:
    seen = simulate("""
    services: {a: {endpoints: {go: {steps: [{parallel: [{fail: 1, status: 404}, {fail: 1, status: 404}], need: any}]}}}}
    traffic: {t: {target: a.go, at: [0s]}}
    """)
    assert seen.outcomes() == ["error"]
