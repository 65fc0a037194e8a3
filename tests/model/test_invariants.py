"""What holds for every plan, shown on the examples and on a description of everything."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import pytest

from msforge.model import compile_system
from msforge.model.plan import CLIENTS, NONE, System, Verb
from msforge.spec import load
from tests.model.plans import plan

EXAMPLES = [p for p in sorted((Path(__file__).parents[2] / "examples").glob("*/*.yaml")) if p.stem == p.parent.name]
EVERYTHING = """
services:
  a:
    zones: [one, two]
    endpoints:
      x:
        steps:
          - {call: a.local, retry: {budget: {}}, fallback: {steps: [{call: b.y, fallback: {steps: [read: db]}}]}}
          - {parallel: 3, steps: [{repeat: 2, steps: [write: db]}]}
          - saga: [{do: {work: 1ms}, undo: [wait: 1ms, work: 1ms]}, {do: [{parallel: [call: b.y, {steps: []}]}]}]
          - choose: [{weight: 1, steps: [fail: 1%]}, {weight: 2, steps: [publish: q]}]
      local: {steps: [work: 1ms]}
  b:
    endpoints: {y: {}}
    consumers: {c: {from: q, steps: [work: 1ms]}, d: {from: t}}
stores: {db: {}}
channels: {q: {dead_letter: t}, t: {kind: topic}}
traffic:
  one: {journey: [a.x, {choose: [{journey: [{repeat: 2, journey: [b.y]}]}, {}]}, b.y], think: 1s, users: 2, for: 9s}
  two: {target: [{target: a.x}, {target: b.y}], rate: 1/s, for: 9s}
faults: [{cut: clients -> a, at: 1s}, {zone: two, at: 1s}, {slow: db, by: 2x, at: 1s}]
"""


@pytest.fixture(params=["everything", *[path.stem for path in EXAMPLES]])
def system(request: pytest.FixtureRequest) -> System:
    for path in EXAMPLES:
        if path.stem == request.param:
            return compile_system(load(path))
    return plan(EVERYTHING)


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"shop", "boutique", "thousand"}


def test_rows_stand_at_their_index(system: System) -> None:
    for table in (
        "services",
        "bodies",
        "consumers",
        "steps",
        "edges",
        "stores",
        "channels",
        "sources",
        "faults",
        "objectives",
    ):
        assert [row.index for row in getattr(system, table)] == list(range(len(getattr(system, table))))


def test_every_step_stands_in_one_block_after_its_parent(system: System) -> None:
    found = Counter(index for body in system.bodies for index in body.block)
    found += Counter(index for source in system.sources for index in source.journey)
    for step in system.steps:
        inner = [*step.blocks, step.policy.fallback or ()]
        for block in inner:
            assert all(index > step.index and system.steps[index].body == step.body for index in block)
            found += Counter(block)
    assert found == Counter(range(len(system.steps)))


def test_references_lead_somewhere(system: System) -> None:
    tables = {
        Verb.CALL: system.bodies,
        Verb.READ: system.stores,
        Verb.WRITE: system.stores,
        Verb.PUBLISH: system.channels,
    }
    for step in system.steps:
        table = tables.get(step.verb)
        assert (step.target == NONE) if table is None else (0 <= step.target < len(table))
        if step.verb is Verb.CALL and step.body != NONE:
            edge = system.edges[step.edge]
            assert (edge.step, edge.caller, edge.callee) == (step.index, step.body, step.target)
            assert edge.local == (system.bodies[step.target].service == step.service)
        else:
            assert step.edge == NONE
        if step.verb is Verb.CHOOSE:
            assert sum(step.weights) == pytest.approx(1)
            assert len(step.weights) == len(step.blocks)
    for service in system.services:
        assert all(system.bodies[body].service == service.index for body in service.bodies)
    for consumer in system.consumers:
        assert system.bodies[consumer.body].consumer == consumer.index
        assert consumer.index in system.channels[consumer.channel].consumers
    for fault in system.faults:
        assert CLIENTS <= fault.caller < len(system.services)
        assert NONE <= fault.zone < len(system.zones)


def test_paths_are_unique_and_can_be_found(system: System) -> None:
    calls = [step.path for step in system.steps if step.verb is not Verb.THINK]
    assert len(calls) == len(set(calls))


def test_a_plan_is_the_same_after_a_journey(system: System) -> None:
    assert pickle.loads(pickle.dumps(system)) == system
