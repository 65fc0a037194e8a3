"""Retries, budgets, breakers, bulkheads, hedges, throttles, fallbacks, and their order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rig import Seen, simulate


def calls(
    policy: str, callee: str = "{wait: 10ms}, {fail: 1}", at: str = "[0]", more: str = "", caller: str = ""
) -> Seen:
    """a calls b with a policy; `callee` is what b does."""
    return simulate(f"""
services:
  a: {{threads: unlimited, {caller}endpoints: {{go: {{steps: [{{call: b.go, {policy}}}]}}}}}}
  b: {{threads: unlimited, endpoints: {{go: {{steps: [{callee}]}}}}}}
traffic: {{t: {{target: a.go, at: {at}}}}}
{more}
""")


def every(gap_ms: float, count: int) -> str:
    """Arrival times, evenly spaced."""
    return "[" + ", ".join(f"{round(k * gap_ms * 1000)}us" for k in range(count)) + "]"


# --- retries ---------------------------------------------------------------------------------

def test_attempts_count_the_first_try() -> None:
    seen = calls("retry: {attempts: 3, backoff: 0}")
    assert seen.edge("tries", "b.go") == 3
    assert seen.edge("retries", "b.go") == 2
    assert seen.latencies() == [30]


def test_backoff_grows_by_its_factor() -> None:
    seen = calls("retry: {attempts: 5, backoff: 10ms, factor: 3}")
    assert seen.latencies() == [5 * 10 + 10 + 30 + 90 + 270]


def test_backoff_is_at_most_max_backoff() -> None:
    seen = calls("retry: {attempts: 5, backoff: 10ms, factor: 3, max_backoff: 40ms}")
    assert seen.latencies() == [5 * 10 + 10 + 30 + 40 + 40]


def test_first_success_ends_the_retries() -> None:
    seen = calls("timeout: 15ms, retry: {attempts: 9, backoff: 10ms, factor: 1}", "wait: 10ms",
                 more="faults: [{slow: b, by: 10x, at: 0s, for: 40ms}]")
    # Tries at 0 and 25 are slow, the one at 50 is not.
    assert seen.latencies() == [60]
    assert seen.tries("b.go") == {"ok": 1, "timeout": 2}


DELAYS = "retry: {{attempts: 4, backoff: 100ms, factor: 2, jitter: {jitter}}}"


def pauses(seen: Seen) -> list[list[float]]:
    """Each request's pauses between tries, ms, from the times its tries began at b."""
    found: dict[int, list[float]] = {}
    for span in seen.spans("serve"):
        if span.name.startswith("b.go"):
            found.setdefault(span.number, []).append(span.begin / 1e6)
    return [[round(y - x, 6) for x, y in pairwise(t)] for t in found.values()]


@pytest.mark.parametrize(
    ("jitter", "low", "high"),
    [
        ("none", [100, 200, 400], [100, 200, 400]),
        ("full", [0, 0, 0], [100, 200, 400]),
        ("equal", [50, 100, 200], [100, 200, 400]),
        ("decorrelated", [100, 100, 100], [300, 900, 2700]),
    ],
)
def test_jitter_stays_in_its_bounds(jitter: str, low: list[float], high: list[float]) -> None:
    seen = simulate(f"""
    services:
      a: {{threads: unlimited, endpoints: {{go: {{steps: [{{call: b.go, {DELAYS.format(jitter=jitter)}}}]}}}}}}
      b: {{threads: unlimited, endpoints: {{go: {{steps: [fail: 1]}}}}}}
    traffic: {{t: {{target: a.go, at: {every(1, 60)}}}}}
    """, trace=tuple(range(60)))
    delays = pauses(seen)
    assert len(delays) == 60
    for k in range(3):
        column = [d[k] for d in delays]
        assert low[k] <= min(column) and max(column) <= high[k]
        if jitter != "none":
            assert max(column) - min(column) > 0.6 * (high[k] - low[k]) * (0.5 if jitter == "decorrelated" else 1)
            assert len(set(column)) == 60


def test_only_outcomes_listed_are_retried() -> None:
    assert calls("retry: {attempts: 3, backoff: 0, on: [timeout]}").edge("tries", "b.go") == 1
    assert calls("retry: {attempts: 3, backoff: 0, on: [error]}").edge("tries", "b.go") == 3


def test_rate_limited_is_not_retried_by_default() -> None:
    text = """
    services:
      a: {{endpoints: {{go: {{steps: [{{call: b.go, retry: {{attempts: 3, backoff: 0{on}}}}}]}}}}}}
      b: {{rate_limit: {{rate: 1/s, burst: 1}}, endpoints: {{go: {{steps: [wait: 1ms]}}}}}}
    traffic: {{t: {{target: a.go, at: [0, 10ms]}}}}
    """
    assert simulate(text.format(on="")).edge("tries", "b.go") == 2
    assert simulate(text.format(on=", on: [rate_limited]")).edge("tries", "b.go") == 4


def test_reset_and_unavailable_are_retried_by_default() -> None:
    seen = calls("retry: {attempts: 9, backoff: 10ms, factor: 1}", "wait: 10ms",
                 more="faults: [{crash: b, at: 5ms, for: 20ms}]")
    # Reset at 5, unavailable at 15, back at 25.
    assert (seen.outcomes(), seen.latencies()) == (["ok"], [35])
    assert seen.tries("b.go") == {"ok": 1, "unavailable": 1, "reset": 1}


def test_unlimited_attempts_go_on_until_one_succeeds() -> None:
    seen = calls("retry: {attempts: unlimited, backoff: 10ms, factor: 1}", "wait: 10ms",
                 more="faults: [{fail: b, at: 0s, for: 305ms}]")
    assert (seen.outcomes(), seen.latencies()) == (["ok"], [330])
    assert seen.edge("tries", "b.go") == 17


def test_each_try_is_balanced_anew() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{call: b.go, retry: {attempts: 3, backoff: 0}}]}}}
      b: {replicas: 3, endpoints: {go: {steps: [fail: 1]}}}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert seen.replicas("b", "arrived") == [1, 1, 1]


def test_each_try_draws_its_time_anew() -> None:
    seen = calls("retry: {attempts: 4, backoff: 0}", "{wait: exponential(10ms)}, {fail: 1}")
    traced = simulate("""
    services:
      a: {threads: unlimited, endpoints: {go: {steps: [{call: b.go, retry: {attempts: 4, backoff: 0}}]}}}
      b: {threads: unlimited, endpoints: {go: {steps: [{wait: exponential(10ms)}, {fail: 1}]}}}
    traffic: {t: {target: a.go, at: [0]}}
    """, trace=(0,))
    assert len({s.end - s.begin for s in traced.spans("wait")}) == 4
    assert traced.latencies() == seen.latencies()


def test_clients_retry_as_callers_do() -> None:
    seen = simulate("""
    services: {a: {threads: 1, queue: 0, endpoints: {go: {steps: [wait: 10ms]}}}}
    traffic: {t: {target: a.go, at: [0, 1ms], retry: {attempts: 3, backoff: 4ms, factor: 1}}}
    """)
    # The second is refused at 1, 5 and 9.
    assert seen.outcomes() == ["ok", "overloaded"]
    assert [r.tries for r in seen.roots()] == [1, 3]
    assert seen.ends() == [10, 9]


# --- budgets ---------------------------------------------------------------------------------

def test_ratio_budget_starts_full_and_earns_by_first_tries() -> None:
    # Burst 2: two retries from the start, then half a token for each first try.
    seen = calls("retry: {attempts: 2, backoff: 0, budget: {ratio: 0.5, burst: 2, minimum: 0/s}}", "fail: 1",
                 at=every(10, 10))
    assert seen.edge("retries", "b.go") == 6
    assert seen.edge("budget_denied", "b.go") == 4


def test_budget_floor_allows_a_minimum_each_second() -> None:
    seen = calls("retry: {attempts: 2, backoff: 0, budget: {ratio: 0, burst: 1, minimum: 2/s}}", "fail: 1",
                 at=every(100, 40))
    assert 8 <= seen.edge("retries", "b.go") <= 10


def test_grpc_budget_retries_only_above_half() -> None:
    # 4 tokens: each failure takes one; retries while more than 2 are left.
    seen = calls("retry: {attempts: 9, backoff: 0, budget: {kind: grpc, max_tokens: 4, token_ratio: 0.1}}", "fail: 1",
                 at="[0, 10ms]")
    assert [seen.edge("tries", "b.go"), seen.edge("retries", "b.go")] == [3, 1]


def test_budget_belongs_to_a_caller_replica() -> None:
    policy = "retry: {attempts: 2, backoff: 0, budget: {ratio: 0, burst: 1, minimum: 0/s}}"
    assert calls(policy, "fail: 1", every(10, 4)).edge("retries", "b.go") == 1
    assert calls(policy, "fail: 1", every(10, 4), caller="replicas: 2, ").edge("retries", "b.go") == 2


# --- breakers --------------------------------------------------------------------------------

def test_breaker_opens_at_its_failure_rate_and_calls_fail_at_once() -> None:
    seen = calls("circuit_breaker: {failure_rate: 50%, window: 4, minimum_calls: 4, open_for: 1s, trial_calls: 2}",
                 at=every(20, 6))
    assert seen.latencies() == [10, 10, 10, 10, 0, 0]
    assert [r.cause for r in seen.roots()][4:] == ["b:circuit_open"] * 2
    assert seen.moments("breaker")[0][0] == 70
    assert "open" in seen.moments("breaker")[0][2]


def test_breaker_never_opens_below_minimum_calls() -> None:
    seen = calls("circuit_breaker: {failure_rate: 1%, window: 100, minimum_calls: 7, open_for: 1s}", at=every(20, 6))
    assert seen.edge("tries", "b.go") == 6
    assert seen.moments("breaker") == []


def test_consecutive_failures_open_it() -> None:
    seen = calls("circuit_breaker: {consecutive: 3, open_for: 1s}", at=every(20, 6))
    assert seen.latencies() == [10, 10, 10, 0, 0, 0]


def test_breaker_half_opens_admits_its_trials_and_closes() -> None:
    seen = simulate("""
    services:
      a:
        threads: unlimited
        endpoints:
          go: {steps: [{call: b.go, circuit_breaker: {consecutive: 1, open_for: 100ms, trial_calls: 2}}]}
      b: {threads: unlimited, endpoints: {go: {steps: [wait: 10ms]}}}
    traffic: {t: {target: a.go, at: [0, 50ms, 109ms, 110ms, 111ms, 112ms, 125ms]}}
    faults: [{fail: b, at: 0s, for: 5ms}]
    """)
    # Opened by the reply at 10; at 110 two trials pass, the next are refused until both are in at 121.
    assert [r.cause for r in seen.roots()] == [
        "b:error", "b:circuit_open", "b:circuit_open", "", "", "b:circuit_open", "",
    ]
    times = [time for time, _, _ in seen.moments("breaker")]
    assert times == [10, 110, 121]
    words = [detail for _, _, detail in seen.moments("breaker")]
    assert words == ["closed -> open", "open -> half-open", "half-open -> closed"]


def test_breaker_opens_again_when_a_trial_fails() -> None:
    seen = calls("circuit_breaker: {consecutive: 1, open_for: 100ms, trial_calls: 1}", at=every(10, 40))
    opened = [time for time, _, detail in seen.moments("breaker") if detail.endswith("-> open")]
    assert opened[:3] == [10, 120, 230]


def test_slow_calls_open_it() -> None:
    seen = calls("circuit_breaker: {slow_call: {rate: 100%, duration: 9ms}, window: 3, minimum_calls: 3, open_for: 1s}",
                 "wait: 10ms", at=every(20, 5))
    assert seen.outcomes() == ["ok", "ok", "ok", "error", "error"]


def test_time_window_forgets() -> None:
    policy = "circuit_breaker: {{failure_rate: 50%, window: {window}, minimum_calls: 3, open_for: 10s}}"
    assert calls(policy.format(window="1s"), at=every(300, 6)).outcomes().count("error") == 6
    assert calls(policy.format(window="1s"), at=every(300, 6)).edge("tries", "b.go") == 3
    assert calls(policy.format(window="500ms"), at=every(300, 6)).edge("tries", "b.go") == 6


def test_breaker_counts_try_by_try() -> None:
    seen = calls("retry: {attempts: 3, backoff: 1ms, factor: 1, on: [error]}, "
                 "circuit_breaker: {consecutive: 2, open_for: 1s}")
    # Inside the retry: two tries fail, the third is refused, and a refusal is not in `on`.
    assert seen.latencies() == [10 + 1 + 10 + 1]
    assert seen.roots()[0].cause == "b:circuit_open"


def test_rejections_are_no_failures_for_a_breaker() -> None:
    seen = calls("circuit_breaker: {consecutive: 1, open_for: 1s}", "{fail: 1, status: 404}", at=every(20, 4))
    assert seen.edge("tries", "b.go") == 4
    assert seen.moments("breaker") == []


def test_late_reply_to_a_call_from_before_it_opened_counts_for_nothing() -> None:
    # Three calls start together; the first failure opens it, the others must not touch the half-open state.
    seen = simulate("""
    services:
      a:
        threads: unlimited
        endpoints:
          go: {steps: [{call: b.go, circuit_breaker: {consecutive: 1, open_for: 20ms, trial_calls: 1}}]}
          late: {steps: [{call: b.late, circuit_breaker: {consecutive: 1, open_for: 20ms, trial_calls: 1}}]}
      b: {threads: 1, endpoints: {go: {steps: [{wait: 10ms}, {fail: 1}]}, late: {steps: [wait: 1ms]}}}
    traffic: {t: {target: a.go, at: [0, 0, 0, 35ms]}}
    """)
    # b serves one at a time: failures at 10 (opens), 20, 30 (count for nothing); half-open from 30 for the call at 35.
    assert [time for time, _, _ in seen.moments("breaker")] == [10, 35, 45]


def test_breaker_belongs_to_a_caller_replica() -> None:
    policy = "circuit_breaker: {consecutive: 2, open_for: 10s}"
    assert calls(policy, at=every(20, 8)).edge("tries", "b.go") == 2
    assert calls(policy, at=every(20, 8), caller="replicas: 2, ").edge("tries", "b.go") == 4


# --- bulkheads, throttles ----------------------------------------------------------------------

def test_bulkhead_limits_calls_in_flight() -> None:
    seen = calls("bulkhead: 2", "wait: 10ms", at="[0, 1ms, 2ms, 10ms, 11ms]")
    assert seen.outcomes() == ["ok", "ok", "error", "ok", "ok"]
    assert seen.roots()[2].cause == "b:bulkhead_full"
    assert seen.latencies()[2] == 0


def test_bulkhead_belongs_to_a_caller_replica() -> None:
    assert calls("bulkhead: 1", "wait: 10ms", "[0, 0, 0, 0]", caller="replicas: 2, ").outcomes().count("ok") == 2


def test_bulkhead_is_free_again_after_a_timeout() -> None:
    seen = calls("bulkhead: 1, timeout: 5ms", "wait: 100ms", at="[0, 4ms, 6ms]")
    assert [r.cause for r in seen.roots()] == ["b:timeout", "b:bulkhead_full", "b:timeout"]


def test_throttle_refuses_by_the_formula_of_the_sre_book() -> None:
    seen = calls("throttle: {k: 2, window: 30s}", "fail: 1", at=every(10, 400))
    # Nothing is ever accepted: the n-th call (n requests seen before it) is refused with n/(n+1).
    refused = seen.roots()
    throttled = sum(r.cause == "b:throttled" for r in refused)
    expected = sum(n / (n + 1) for n in range(400))
    assert abs(throttled - expected) <= 4 * sum(n / (n + 1) ** 2 for n in range(400)) ** 0.5


def test_throttle_lets_a_healthy_callee_alone() -> None:
    assert calls("throttle: {k: 2, window: 30s}", "wait: 1ms", at=every(10, 200)).outcomes() == ["ok"] * 200


# --- hedges ----------------------------------------------------------------------------------

SLOW_FIRST = "faults: [{slow: b, by: 10x, at: 0s, for: 15ms}]"


def test_hedge_goes_out_after_a_delay_and_the_first_answer_wins() -> None:
    seen = calls("hedge: {after: 20ms}", "wait: 10ms", more=SLOW_FIRST)
    # The first try takes 100; the second, sent at 20, takes 10.
    assert seen.latencies() == [30]
    assert seen.edge("hedges", "b.go") == 1
    assert seen.tries("b.go") == {"ok": 1, "cancelled": 1}


def test_no_hedge_when_the_answer_is_in_time() -> None:
    assert calls("hedge: {after: 11ms}", "wait: 10ms").edge("hedges", "b.go") == 0


@pytest.mark.parametrize(("cancel", "busy"), [("none", 110), ("all", 40)])
def test_loser_is_cancelled_as_cancel_says(cancel: str, busy: int) -> None:
    seen = calls(f"hedge: {{after: 20ms}}, cancel: {cancel}", "wait: 10ms", more=SLOW_FIRST)
    assert seen.replicas("b", "busy_area") == [busy * 1_000_000]


def test_hedged_tries_count_one_each_against_the_bulkhead() -> None:
    seen = calls("hedge: {after: 20ms}, bulkhead: 2", "wait: 50ms", at="[0, 10ms]")
    # Two calls fill it: no room for a hedge.
    assert seen.edge("hedges", "b.go") == 0
    full = calls("hedge: {after: 20ms}, bulkhead: 2", "wait: 50ms", at="[0, 25ms]")
    assert full.roots()[1].cause == "b:bulkhead_full"


def test_hedged_tries_count_one_together_against_the_breaker() -> None:
    seen = calls("hedge: {after: 5ms}, circuit_breaker: {consecutive: 2, open_for: 10s}", at="[0, 50ms, 100ms]")
    # Each call fails with both of its tries: two failures for the breaker, then refused.
    assert [r.cause for r in seen.roots()] == ["b:error", "b:error", "b:circuit_open"]
    assert seen.edge("hedges", "b.go") == 2


def test_hedged_call_fails_only_when_both_tries_have() -> None:
    assert calls("hedge: {after: 5ms}").latencies() == [15]


# --- parallel ----------------------------------------------------------------------------------

def branches(need: str, *times: str) -> Seen:
    """One endpoint with branches in parallel."""
    steps = ", ".join(f"{{steps: [{t}]}}" for t in times)
    return simulate(f"""
    services: {{a: {{endpoints: {{go: {{steps: [{{parallel: [{steps}], need: {need}}}]}}}}}}}}
    traffic: {{t: {{target: a.go, at: [0]}}}}
    """)


def test_parallel_waits_for_all() -> None:
    assert branches("all", "wait: 5ms", "wait: 9ms", "wait: 2ms").latencies() == [9]


def test_need_all_fails_at_the_first_failure() -> None:
    seen = branches("all", "wait: 50ms", "{wait: 3ms}, {fail: 1}")
    assert (seen.outcomes(), seen.latencies()) == (["error"], [3])


def test_branches_left_over_keep_running() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{parallel: [{call: b.go}, {fail: 1}]}]}}}
      b: {endpoints: {go: {steps: [wait: 50ms]}}}
    traffic: {t: {target: a.go, at: [0]}}
    """)
    assert (seen.outcomes(), seen.latencies()) == (["error"], [0])
    assert seen.served("b.go") == {"ok": 1}
    assert seen.replicas("b", "busy_area") == [50_000_000]


def test_need_some_goes_on_at_that_success() -> None:
    assert branches("2", "wait: 5ms", "wait: 9ms", "wait: 2ms").latencies() == [5]
    assert branches("any", "wait: 5ms", "wait: 9ms", "wait: 2ms").latencies() == [2]


def test_need_some_survives_failures_and_fails_once_it_cannot_be_reached() -> None:
    assert branches("2", "wait: 5ms", "wait: 9ms", "{wait: 2ms}, {fail: 1}").latencies() == [9]
    seen = branches("2", "wait: 50ms", "{wait: 4ms}, {fail: 1}", "{wait: 2ms}, {fail: 1}")
    assert (seen.outcomes(), seen.latencies()) == (["error"], [4])


def test_parallel_number_runs_copies_at_once_that_draw_on_their_own() -> None:
    seen = simulate("""
    services: {a: {endpoints: {go: {steps: [{parallel: 5, steps: [wait: exponential(10ms)]}]}}}}
    traffic: {t: {target: a.go, at: [0]}}
    """, trace=(0,))
    lengths = [s.end - s.begin for s in seen.spans("wait")]
    assert len(set(lengths)) == 5
    assert seen.latencies() == [max(lengths) / 1e6]


# --- fallbacks and order -----------------------------------------------------------------------

def test_fallback_runs_in_the_caller_and_takes_its_time() -> None:
    seen = calls("fallback: {steps: [wait: 7ms]}")
    assert (seen.outcomes(), seen.latencies()) == (["degraded"], [17])


def test_failing_fallback_fails_the_step() -> None:
    seen = calls("fallback: {steps: [{wait: 7ms}, {fail: 1}]}")
    assert (seen.outcomes(), seen.latencies()) == (["error"], [17])


def test_fallback_is_outside_retry_and_deadline() -> None:
    seen = calls("deadline: 25ms, retry: {attempts: 9, backoff: 0}, fallback: {steps: [wait: 7ms]}")
    assert (seen.outcomes(), seen.latencies()) == (["degraded"], [32])


def test_retry_is_outside_the_breaker_and_may_retry_its_refusals() -> None:
    seen = calls("retry: {attempts: 4, backoff: 10ms, factor: 1, on: [error, circuit_open]}, "
                 "circuit_breaker: {consecutive: 1, open_for: 25ms, trial_calls: 1}")
    # Try 0..10 opens it; refused at 20 and 30; at 40 a trial, which fails.
    assert seen.latencies() == [50]
    assert seen.tries("b.go").get("error") == 2


def test_throttle_is_outside_the_breaker() -> None:
    # Once open, the breaker's refusals are requests that nobody accepted: the throttle joins in.
    seen = calls("throttle: {k: 1, window: 30s}, circuit_breaker: {consecutive: 1, open_for: 100s}", "fail: 1",
                 at=every(10, 200))
    causes = [r.cause for r in seen.roots()]
    assert causes.count("b:throttled") > 150
    assert 1 <= causes.count("b:circuit_open") < 50


def test_breaker_is_outside_the_bulkhead() -> None:
    # A full bulkhead is no failure for the breaker.
    seen = calls("circuit_breaker: {consecutive: 1, open_for: 10s}, bulkhead: 1", "wait: 10ms",
                 at="[0, 1ms, 2ms, 20ms]")
    assert [r.cause for r in seen.roots()] == ["", "b:bulkhead_full", "b:bulkhead_full", ""]


def test_timeout_is_per_try_and_deadline_for_all() -> None:
    seen = calls("timeout: 5ms, deadline: 100ms, retry: {attempts: 3, backoff: 10ms, factor: 1}", "wait: 1s")
    assert seen.latencies() == [5 + 10 + 5 + 10 + 5]


# --- one endpoint, several calls to it -----------------------------------------------------------

def test_calls_with_other_settings_leave_a_breaker_alone() -> None:
    seen = simulate("""
    services:
      a:
        threads: unlimited
        endpoints:
          go: {steps: [{call: b.go, circuit_breaker: {failure_rate: 50%, window: 4, open_for: 10s}}]}
          too: {steps: [{call: b.go, bulkhead: 5}]}
      b: {threads: unlimited, endpoints: {go: {steps: [{wait: 1ms}, {fail: 1}]}}}
    traffic:
      t: {target: a.go, rate: 10/s, arrivals: constant, for: 4s}
      u: {target: a.too, rate: 10/s, arrivals: constant, for: 4s, start: 50ms}
    """)
    assert seen.edge("tries", "b.go", "a.go") == 4
    assert seen.edge("tries", "b.go", "a.too") == 40


def test_bulkheads_with_other_settings_count_for_themselves() -> None:
    seen = simulate("""
    services:
      a:
        threads: unlimited
        endpoints:
          go: {steps: [{call: b.go, bulkhead: 1}]}
          too: {steps: [{call: b.go, bulkhead: 2}]}
      b: {threads: unlimited, endpoints: {go: {steps: [wait: 1s]}}}
    traffic:
      t: {target: a.go, at: [0ms, 20ms, 40ms]}
      u: {target: a.too, at: [10ms, 30ms, 50ms, 70ms]}
    """)
    assert seen.outcomes(0) == ["ok", "error", "error"]
    assert seen.outcomes(1) == ["ok", "ok", "error", "error"]


def test_calls_with_the_same_settings_share_a_breaker() -> None:
    seen = simulate("""
    policies: {guard: {consecutive: 3, open_for: 10s}}
    services:
      a:
        threads: unlimited
        endpoints:
          go: {steps: [{call: b.go, circuit_breaker: guard}]}
          too: {steps: [{call: b.go, circuit_breaker: guard, bulkhead: 5}]}
      b: {threads: unlimited, endpoints: {go: {steps: [{fail: 1}]}}}
    traffic:
      t: {target: a.go, at: [0s, 2s, 4s]}
      u: {target: a.too, at: [1s, 3s]}
    """)
    assert [root.cause for root in seen.roots(0)] == ["b:error", "b:error", "b:circuit_open"]
    assert [root.cause for root in seen.roots(1)] == ["b:error", "b:circuit_open"]


def test_breaker_whose_settings_change_and_change_back_starts_anew() -> None:
    seen = calls("circuit_breaker: {consecutive: 2, open_for: 10s}", "fail: 1", at="[0s, 1s, 2s, 4s, 6s]", more="""
faults: [{change: {"services.a.endpoints.go.steps[0].circuit_breaker.consecutive": 9}, at: 3s, for: 2s}]
""")
    # Open at 2 s; the other breaker at 4 s is closed, and so is a new one at 6 s.
    assert [root.cause for root in seen.roots()] == ["b:error", "b:error", "b:circuit_open", "b:error", "b:error"]


# --- what is counted once, and what not at all -----------------------------------------------------

def test_deadline_that_passes_between_two_tries_is_no_second_failure() -> None:
    seen = calls("deadline: 15ms, retry: {attempts: 3, backoff: 1s}, circuit_breaker: {consecutive: 2, open_for: 10s}",
                 at="[0s, 1s, 2s]")
    # One try fails in each call and then the deadline passes: two calls to open, not one.
    assert seen.edge("tries", "b.go") == 2


def test_throttle_takes_a_rejection_for_an_answer() -> None:
    seen = calls("throttle: {k: 1.1, window: 30s}", "{fail: 1, status: 404}", at=every(10, 100))
    assert seen.edge("tries", "b.go") == 100


def test_rejections_take_nothing_from_a_grpc_budget() -> None:
    seen = calls("retry: {attempts: 2, backoff: 1ms, budget: {kind: grpc, max_tokens: 10}}", "wait: 1ms",
                 at=every(100, 15), more="""
faults: [{fail: b, status: 404, at: 0s, for: 950ms}, {fail: b, at: 950ms}]
""")
    # Ten tokens are left. Failed tries leave 9 (again), 8, 7 (again), 6, and 5, which is half: no more.
    assert seen.tries("b.go") == {"rejected": 10, "error": 7}
    assert seen.edge("retries", "b.go") == 2
