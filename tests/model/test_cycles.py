"""Cycles of calls are judged on endpoints, never on services."""

from __future__ import annotations

import pytest

from tests.model.plans import plan, problems

BACK = (
    "services: {a: {endpoints: {x: {steps: [call: b.y]}, z: {}}}, b: {endpoints: {y: {steps: [%s]}}}}\nstores: {db: {}}"
)


def test_services_may_call_each_other() -> None:
    system = plan(BACK % "call: a.z")
    assert [(system.body_name(e.caller), system.body_name(e.callee)) for e in system.edges] == [
        ("a.x", "b.y"),
        ("b.y", "a.z"),
    ]


@pytest.mark.parametrize(
    "step",
    [
        "call: a.x",
        "parallel: [call: a.x]",
        "parallel: 2, steps: [call: a.x]",
        "choose: [{weight: 1%, steps: [call: a.x]}, {weight: 99%}]",
        "repeat: 2, steps: [call: a.x]",
        "saga: [{do: {work: 1ms}, undo: {call: a.x}}]",
        "call: a.z, fallback: {steps: [call: a.x]}",
        "parallel: [{steps: [work: 1ms, {repeat: 1, steps: [call: a.x]}]}]",
    ],
)
def test_an_endpoint_never_waits_for_itself(step: str) -> None:
    (found,) = problems(BACK % f"{{{step}}}")
    assert "a.x -> b.y -> a.x" in found.message
    assert found.path.startswith("services.b.endpoints.y.steps[0]")
    assert found.source_line[found.column - 1 : found.end_column - 1] == "a.x"


def test_messages_are_no_calls() -> None:
    system = plan(
        "services: {a: {endpoints: {x: {steps: [publish: q]}}, "
        "consumers: {c: {from: q, steps: [choose: [{weight: 50%, steps: [call: a.x]}, {weight: 50%}]]}}}}\n"
        "channels: {q: {}}"
    )
    assert len(system.edges) == 1
