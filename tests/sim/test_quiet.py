"""Which services are taken for quiet, and which for nearly so."""

from __future__ import annotations

import pytest

from msforge.model import compile_system
from msforge.sim.quiet import quiet_inner, quiet_leaves
from msforge.spec import load_text

LEAF = "{wait: exponential(2ms)}"
CALL = "{call: leaf.go}"


def quiet(
    steps: str, *, leaf: str = LEAF, threads: str = "4", queue: str = "unlimited", call: str = "", more: str = "",
    latency: str = "1ms",
) -> set[str]:
    """The quiet services of top -> middle -> leaf; `steps` are the middle's."""
    system = compile_system(load_text(f"""
msforge: 1
name: quiet
services:
  leaf: {{threads: 8, endpoints: {{go: {{steps: [{leaf}]}}}}}}
  middle: {{threads: {threads}, queue: {queue}, endpoints: {{go: {{steps: [{steps}]}}}}}}
  top: {{threads: unlimited, endpoints: {{go: {{steps: [{{call: middle.go{call}}}]}}}}}}
network: {{latency: {latency}}}
traffic: {{a: {{target: top.go, rate: 10/s}}}}
simulation: {{duration: 3s}}
{more}
"""))
    leaves = quiet_leaves(system)
    return {system.services[i].name for i in leaves | quiet_inner(system, leaves)}


ALL = {"leaf", "middle", "top"}


@pytest.mark.parametrize("steps", [
    f"{LEAF}, {CALL}", f"{LEAF}, {CALL}, {CALL}, {{work: 1ms}}", f"{LEAF}, {{parallel: [{CALL}, {CALL}]}}", LEAF,
    f"{LEAF}, {{parallel: [{CALL}]}}, {LEAF}", f"{LEAF}, {{call: leaf.go, timeout: 9ms, retry: {{attempts: 2}}}}",
])
def test_services_that_work_wait_and_call(steps: str) -> None:
    assert quiet(steps) == ALL


@pytest.mark.parametrize("steps", [
    f"{{wait: 1ms}}, {CALL}",                                     # it sends a constant time after it begins
    f"{LEAF}, {CALL}, {{wait: 1ms}}, {CALL}",                     # or after an answer
    CALL,                                                         # or at once, when a thread comes free
    f"{LEAF}, {{parallel: [{CALL}, {CALL}], need: any}}",
    f"{LEAF}, {{repeat: 2, steps: [{CALL}]}}",
    f"{LEAF}, {{fail: 1%}}, {CALL}",
    f"{LEAF}, {{parallel: [{CALL}, {{steps: [{LEAF}, {CALL}]}}]}}",
])
def test_services_that_go_by_events(steps: str) -> None:
    assert quiet(steps) == {"leaf"}


def test_without_threads_to_wait_for_a_service_may_send_at_once() -> None:
    assert quiet(CALL, threads="unlimited") == ALL


def test_a_queue_that_can_be_full_needs_events() -> None:
    assert quiet(f"{LEAF}, {CALL}", queue="3") == {"leaf"}


@pytest.mark.parametrize("policy", ["timeout: 1s", "retry: {attempts: 2}", "hedge: {after: 1ms}"])
def test_callers_of_an_inner_service_must_be_patient(policy: str) -> None:
    assert "middle" not in quiet(f"{LEAF}, {CALL}", call=f", {policy}")


def test_answers_that_tie_need_events_at_the_caller() -> None:
    assert quiet(f"{LEAF}, {CALL}", leaf="{wait: mixture(50% 1ms 50% exponential(1ms))}") == {"leaf"}


def test_a_network_that_varies_and_faults_need_events() -> None:
    assert quiet(f"{LEAF}, {CALL}", latency="exponential(1ms)") == set()
    assert quiet(f"{LEAF}, {CALL}", more="faults: [{slow: middle, by: 2x, at: 1s, for: 1s}]") == {"leaf"}
    assert quiet(f"{LEAF}, {CALL}", more="faults: [{slow: leaf, by: 2x, at: 1s, for: 1s}]") == set()


def test_a_request_that_leads_to_very_many_calls_goes_by_events() -> None:
    layers, wide = 16, 2  # 65,536 paths from the top
    lines = ["  s0: {threads: 8, endpoints: {go: {steps: [{wait: exponential(2ms)}]}}}"]
    for k in range(1, layers + 1):
        calls = ", ".join([f"{{call: s{k - 1}.go}}"] * wide)
        lines.append(f"  s{k}: {{threads: unlimited, endpoints: {{go: {{steps: [{calls}]}}}}}}")
    system = compile_system(load_text("\n".join([
        "msforge: 1", "name: wide", "services:", *lines, f"traffic: {{a: {{target: s{layers}.go, rate: 1/s}}}}",
        "simulation: {duration: 3s}"])))
    leaves = quiet_leaves(system)
    inner = quiet_inner(system, leaves)
    assert leaves == {0} and 0 < max(inner) < layers
