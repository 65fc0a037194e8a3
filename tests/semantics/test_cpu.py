"""Work on limited CPU: time-sliced or first come first served, scaled, paused."""

from __future__ import annotations

import pytest
from rig import simulate


def cpu(options: str, at: str = "[0]", steps: str = "work: 10ms", faults: str = "") -> str:
    """One service with CPU settings."""
    return f"""
services:
  a: {{{options}, endpoints: {{go: {{steps: [{steps}]}}}}}}
traffic: {{t: {{target: a.go, at: {at}}}}}
{"faults: [" + faults + "]" if faults else ""}
"""


def test_cpu_left_out_never_limits() -> None:
    assert simulate(cpu("threads: 9", "[0, 0, 0]")).ends() == [10, 10, 10]


def test_cpu_is_time_sliced_under_threads() -> None:
    # Alone for 4 ms; then two share one core until the first ends.
    assert simulate(cpu("threads: 9, cpu: 1", "[0, 4ms]")).ends() == [16, 20]


def test_two_cores_slow_nobody_until_three_want_them() -> None:
    # Two alone until 6 ms; three on two cores: 2/3 speed. The first two need 4 ms more, so 6 ms of time.
    assert simulate(cpu("threads: 9, cpu: 2", "[0, 0, 6ms]")).ends() == [12, 12, 18]


def test_half_a_core_takes_twice_as_long() -> None:
    assert simulate(cpu("threads: 9, cpu: 0.5")).ends() == [20]


def test_cpu_is_first_come_first_served_on_an_event_loop() -> None:
    assert simulate(cpu("threads: unlimited, cpu: 1", "[0, 4ms, 5ms]")).ends() == [10, 20, 30]


def test_scheduling_can_be_chosen() -> None:
    fifo = "threads: 9, cpu: {cores: 1, scheduling: fifo}"
    sharing = "threads: unlimited, cpu: {cores: 1, scheduling: sharing}"
    assert simulate(cpu(fifo, "[0, 4ms]")).ends() == [10, 20]
    assert simulate(cpu(sharing, "[0, 4ms]")).ends() == [16, 20]


def test_waits_use_no_cpu() -> None:
    assert simulate(cpu("threads: unlimited, cpu: 1", "[0, 0]", "{wait: 10ms}, {work: 1ms}")).ends() == [11, 12]


def test_event_loop_waits_for_nobody_else() -> None:
    seen = simulate("""
    services:
      a: {threads: unlimited, cpu: 1, endpoints: {slow: {steps: [call: b.go]}, fast: {steps: [work: 1ms]}}}
      b: {endpoints: {go: {steps: [wait: 1s]}}}
    traffic:
      s: {target: a.slow, at: [0, 0, 0]}
      f: {target: a.fast, at: [1ms]}
    """)
    assert seen.ends(1) == [2]


@pytest.mark.parametrize("present", [1, 2, 4])
def test_universal_scalability_law(present: int) -> None:
    # n in progress: 1 + 0.1 (n - 1) + 0.01 n (n - 1), n as it is when each starts.
    at = "[" + ", ".join(["0"] * present) + "]"
    seen = simulate(cpu("threads: 9, cpu: {cores: 9, scaling: {contention: 0.1, coherency: 0.01}}", at))
    factors = [1 + 0.1 * (n - 1) + 0.01 * n * (n - 1) for n in range(1, present + 1)]
    assert seen.ends() == pytest.approx([10 * f for f in factors], abs=1e-6)


# --- pause -----------------------------------------------------------------------------------

PAUSE = "{pause: a, at: 4ms, for: 100ms}"


@pytest.mark.parametrize("options", ["threads: 9", "threads: 9, cpu: 4", "threads: unlimited, cpu: 4"])
def test_paused_replica_resumes_where_it_was(options: str) -> None:
    assert simulate(cpu(options, faults=PAUSE)).ends() == [110]


def test_paused_replica_still_admits() -> None:
    seen = simulate(cpu("threads: 1, queue: 1", "[0, 50ms, 60ms]", faults=PAUSE))
    assert seen.outcomes() == ["ok", "ok", "overloaded"]
    assert seen.ends() == [110, 120, 60]


def test_paused_replica_starts_new_work_after_the_pause() -> None:
    assert simulate(cpu("threads: 9", "[50ms]", faults=PAUSE)).ends() == [114]


def test_waits_run_on_through_a_pause() -> None:
    assert simulate(cpu("threads: 9", "[0, 0]", "{wait: 20ms}", PAUSE)).ends() == [20, 20]
    assert simulate(cpu("threads: 9", "[0]", "{wait: 20ms}, {work: 5ms}", PAUSE)).ends() == [109]


def test_timers_run_on_through_a_pause() -> None:
    seen = simulate("""
    services:
      a: {endpoints: {go: {steps: [{call: b.go, timeout: 20ms}]}}}
      b: {endpoints: {go: {steps: [wait: 1s]}}}
    traffic: {t: {target: a.go, at: [0]}}
    faults: [{pause: a, at: 4ms, for: 100ms}]
    """)
    assert (seen.outcomes(), seen.ends()) == (["error"], [20])


def test_threads_of_a_paused_replica_count_as_busy() -> None:
    seen = simulate(cpu("threads: 2", faults=PAUSE) + "simulation: {duration: 1s}\n")
    assert int(seen.records.replicas[0].busy_time[1]) == 110_000_000


def test_call_in_place_does_not_count_twice_for_scaling() -> None:
    seen = simulate("""
    services:
      a:
        cpu: {cores: 4, scaling: {contention: 1}}
        endpoints: {go: {steps: [call: a.inner]}, inner: {steps: [work: 10ms]}}
    traffic: {t: {target: a.go, at: [0, 1s, 1s]}}
    """)
    # Alone: 10 ms. The second of two in progress: 1 + 1 * (2 - 1) times as long.
    assert seen.latencies() == [10, 10, 20]
