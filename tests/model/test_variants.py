"""Timed changes: the same names and indices, other values; and plans that travel between processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from msforge.errors import InvalidFileError
from msforge.model import compile_system, variant_of, variants
from msforge.model.plan import System
from msforge.spec import load
from tests.model.plans import plan, problems, service

TEXT = """
services:
  a: {zones: [north, south], endpoints: {x: {steps: [work: 1ms, {call: b.y, timeout: 1s}]}}}
  b: {replicas: 2, endpoints: {y: {steps: [work: 1ms]}}}
channels: {q: {}}
traffic: {users: {target: a.x, rate: 10/s, for: 60s}}
faults: [%s]
"""


@pytest.fixture
def system() -> System:
    return plan(TEXT % "{slow: b, by: 2x, at: 1s}")


def test_a_variant_differs_in_what_changed_alone(system: System) -> None:
    changed = system.variant((("services.b.replicas", 4), ("services.a.endpoints.x.steps[1].timeout", "2s")))
    assert (service(system, "b").replicas, service(changed, "b").replicas) == (2, 4)
    assert changed.steps[1].policy.timeout == 2 * system.steps[1].policy.timeout
    assert [s for s in changed.steps if s.index != 1] == [s for s in system.steps if s.index != 1]
    for table in ("bodies", "edges", "stores", "channels", "zones", "sources", "faults", "run", "network"):
        assert getattr(changed, table) == getattr(system, table)


def test_of_two_changes_to_one_value_the_later_wins(system: System) -> None:
    changes = (("services.b.replicas", 4), ("services.b.threads", 2), ("services.b.replicas", 6))
    made = service(variant_of(system, changes), "b")
    assert (made.replicas, made.threads) == (6, 2)


def test_steps_may_be_replaced(system: System) -> None:
    changed = variant_of(system, (("services.b.endpoints.y.steps", [{"wait": "1ms"}, {"work": "2ms"}]),))
    assert [s.word for s in changed.steps if s.body == 1] == ["wait#0", "work#0"]


def test_variants_are_made_once(system: System) -> None:
    changes = (("services.b.replicas", 4),)
    assert variant_of(system, changes) is variant_of(system, changes)
    assert variant_of(system, ()) is system
    assert variant_of(system, changes).digest != system.digest


def test_the_same_services_in_another_order_are_another_plan(system: System) -> None:
    lines = (TEXT % "{slow: b, by: 2x, at: 1s}").splitlines()
    turned = plan("\n".join([*lines[:2], lines[3], lines[2], *lines[4:]]))
    assert turned.digest == system.digest
    changes = (("services.b.replicas", 4),)
    assert [s.replicas for s in variant_of(system, changes).services] == [1, 4]
    assert [s.replicas for s in variant_of(turned, changes).services] == [4, 1]


def test_a_zone_keeps_its_index(system: System) -> None:
    moved = variant_of(system, (("services.a.zones", ["south"]),))
    assert moved.zones == system.zones == ("north", "south")
    assert service(moved, "a").zones == (1,)


def test_a_variant_of_a_scenario_stays_in_it() -> None:
    text = TEXT % "" + "scenarios: {big: {services: {b: {threads: 3}}}}"
    made = variant_of(plan(text, scenario="big"), (("services.b.replicas", 4),))
    assert (made.scenario, service(made, "b").threads, service(made, "b").replicas) == ("big", 3, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((("services.b.replicas", "many"),), "many"),
        ((("services.b.endpoints.z", {}),), "services.b.endpoints.z"),
        ((("services.c.replicas", 1),), "services.c"),
        ((("channels.q.dead_letter", "dead"),), "a change cannot add or remove channels: dead"),
        ((("simulation.seed", 3),), "`simulation.seed` cannot change while a run is under way"),
        ((("faults[0].by", "3x"),), "`faults[0].by` cannot change while a run is under way"),
        ((("services.b.replicas", 100000),), "100000 replicas of one service: the most is 10000"),
        ((("services.b.endpoints.y.steps", [{"call": "a.x"}]),), "a.x -> b.y -> a.x"),
    ],
)
def test_a_change_that_does_not_fit(system: System, changes: tuple[tuple[str, object], ...], message: str) -> None:
    with pytest.raises(InvalidFileError) as error:
        variant_of(system, changes)
    assert any(message in found.message for found in error.value.diagnostics)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            "{change: {services.b.replicas: 20000}, at: 1s}",
            "after this change: 20000 replicas of one service: the most is 10000",
        ),
        (
            "{change: {simulation.seed: 3}, at: 1s}",
            "after this change: `simulation.seed` cannot change while a run is under way",
        ),
        (
            "{deploy: b, changes: {replicas: 20000}, at: 1s}",
            "after this change: 20000 replicas of one service: the most is 10000",
        ),
    ],
)
def test_a_change_is_tried_before_the_run(fault: str, message: str) -> None:
    (found,) = problems(TEXT % fault)
    assert (found.code, found.message) == ("E706", message)
    assert found.path.startswith("faults[0].change")
    assert found.source_line.startswith("faults:")


def test_a_plan_travels(system: System) -> None:
    copy = pickle.loads(pickle.dumps(system))
    assert copy == system
    assert hash(copy) == hash(system)
    assert type(copy.document) is dict
    assert type(copy.document["services"]) is dict


def test_a_variant_is_the_same_where_only_the_plan_is_known(system: System) -> None:
    changes = (("services.b.replicas", 4),)
    here = variant_of(system, changes)
    copy = pickle.loads(pickle.dumps(system))
    variants._specs.clear()
    variants._variants.clear()
    assert variant_of(copy, changes) == here


def test_a_variant_in_another_process_finds_the_files_it_names(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_text("0\n1\n", "utf-8")
    file = tmp_path / "t.yaml"
    file.write_text("msforge: 1\n" + (TEXT % "").replace("rate: 10/s, for: 60s", "replay: times.csv"), "utf-8")
    (tmp_path / "plan.bin").write_bytes(pickle.dumps(compile_system(load(file))))
    code = (
        "import pickle, sys; system = pickle.load(open(sys.argv[1], 'rb')); "
        "print(system.variant((('services.b.replicas', 4),)).services[1].replicas)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "plan.bin")], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "4"
