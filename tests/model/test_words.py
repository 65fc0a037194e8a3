"""A step's word is the key of its draws: unrelated edits must leave it as it was."""

from __future__ import annotations

from collections import defaultdict

import pytest
import yaml

from msforge.model.plan import System
from tests.model.plans import plan, words

BASE = """
services:
  a:
    endpoints:
      x:
        steps:
          - work: 1ms
          - call: b.y
          - work: 2ms
          - parallel:
              - call: b.y
              - steps: [wait: 1ms, call: b.y]
          - choose:
              - {weight: 1, steps: [read: db]}
              - {weight: 3, steps: [read: db, write: db]}
          - {id: named, wait: 5ms}
  b:
    endpoints:
      y: {steps: [work: 1ms, fail: 1%]}
    consumers:
      c: {from: q, steps: [saga: [{do: {write: db}, undo: {write: db}}]]}
stores: {db: {}}
channels: {q: {}}
"""


def test_a_word_is_verb_target_and_number_among_equals() -> None:
    assert words(plan(BASE)) == {
        "a.x": [
            "work#0",
            "call b.y#0",
            "work#1",
            "parallel#0",
            "call b.y#0",
            "steps#0",
            "wait#0",
            "call b.y#0",
            "choose#0",
            "read db#0",
            "read db#1",
            "write db#0",
            "named",
        ],
        "b.y": ["work#0", "fail#0"],
        "b.c": ["saga#0", "write db#0", "write db#1"],
        "users": ["call a.x#0"],
    }


@pytest.mark.parametrize(
    "edit",
    [
        ("          - work: 1ms\n", "          - wait: 9ms\n          - read: db\n          - work: 1ms\n"),
        (
            "- call: b.y\n          - work",
            "- {call: b.y, timeout: 1s, retry: {}, fallback: {steps: [work: 1ms]}}\n          - work",
        ),
        ("  b:\n", "  new: {endpoints: {x: {steps: [work: 1ms, call: b.y]}}}\n  b:\n"),
        ("work: 1ms, fail: 1%", "wait: 1s, work: 7ms, fail: 2%"),
        ("stores: {db: {}}", "stores: {other: {}, db: {connections: 1, read: 9ms}}"),
        ("weight: 3", "weight: 1"),
    ],
)
def test_what_is_unrelated_leaves_words_alone(edit: tuple[str, str]) -> None:
    before, after = words(plan(BASE)), words(plan(BASE.replace(*edit)))
    assert BASE.replace(*edit) != BASE
    for name, kept in before.items():
        assert set(kept) <= set(after[name])


def test_the_order_of_the_file_decides_indices_and_nothing_else() -> None:
    document = yaml.safe_load(BASE)
    document["services"] = dict(reversed(document["services"].items()))
    turned = plan(yaml.safe_dump(document, sort_keys=False))
    original = plan(BASE)
    assert [s.name for s in turned.services] == ["b", "a"]
    assert words(turned) == words(original)
    assert _by_name(turned) == _by_name(original)
    assert turned.digest == original.digest


def test_unrelated_additions_change_nothing_by_name() -> None:
    more = plan(BASE.replace("  b:\n", "  new: {endpoints: {z: {steps: [call: b.y]}}}\n  b:\n"))
    known, found = _by_name(plan(BASE)), _by_name(more)
    assert {name: found[name] for name in known} == known


def test_no_two_children_of_a_parent_share_a_word() -> None:
    system = plan(BASE)
    parents: dict[int, int] = {}
    for step in system.steps:
        for block in step.blocks:
            parents |= dict.fromkeys(block, step.index)
    seen: dict[tuple[int, int], list[str]] = defaultdict(list)
    for step in system.steps:
        seen[step.body, parents.get(step.index, -1)].append(step.word)
    for siblings in seen.values():
        assert len(siblings) == len(set(siblings))


def test_fault_words_count_among_equals_only() -> None:
    faults = "[{crash: a, at: 1s}, {slow: b, by: 2x, at: 1s}, {crash: a, at: 9s}, {id: mine, crash: b, at: 2s}]"
    more = "[{cut: a -> b, at: 1s}, {crash: b, at: 5s}, " + faults[1:]
    few = [fault.word for fault in plan(f"{BASE}\nfaults: {faults}").faults]
    assert few == ["crash a#0", "slow b#0", "crash a#1", "mine"]
    assert [fault.word for fault in plan(f"{BASE}\nfaults: {more}").faults] == ["cut a -> b#0", "crash b#0", *few]


def _by_name(system: System) -> dict[str, object]:
    """What the tables say of everything, with names for indices."""
    name = system.body_name
    found: dict[str, object] = {}
    for service in system.services:
        found[service.name] = (
            service.replicas,
            service.threads,
            service.queue,
            sorted(name(b) for b in service.bodies),
        )
    for body in system.bodies:
        steps = [s for s in system.steps if s.body == body.index]
        found[name(body.index)] = [
            (s.verb, s.word, s.path, s.dist, s.weights, s.rate, _target(system, s)) for s in steps
        ]
    found["edges"] = None
    for edge in system.edges:
        found[f"edge {system.steps[edge.step].path}"] = (name(edge.caller), name(edge.callee), edge.local)
    return found


def _target(system: System, step: object) -> str:
    from msforge.model.plan import Step, Verb

    assert isinstance(step, Step)
    match step.verb:
        case Verb.CALL:
            return system.body_name(step.target)
        case Verb.READ | Verb.WRITE:
            return system.stores[step.target].name
    return ""
