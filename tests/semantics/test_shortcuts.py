"""Events that the engine leaves out change nothing: the same Records, to the bit."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from golden import digest

from msforge import sim
from msforge.model import compile_system
from msforge.sim.run import run
from msforge.spec import load_text


def _systems() -> ModuleType:
    path = Path(__file__).parents[1] / "theory" / "systems.py"
    found = importlib.util.spec_from_file_location("systems_for_shortcuts", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


SYSTEMS = _systems()


@pytest.mark.parametrize("number", range(40))
def test_shortcuts_change_nothing_where_they_apply(number: int) -> None:
    system = compile_system(load_text(SYSTEMS.quiet_system(number)))
    assert digest(run(system, seed=number)) == digest(run(system, seed=number, shortcuts=False))


@pytest.mark.parametrize("number", range(40))
def test_shortcuts_change_nothing_in_depth(number: int) -> None:
    system = compile_system(load_text(SYSTEMS.deep_system(number)))
    assert digest(run(system, seed=number)) == digest(run(system, seed=number, shortcuts=False))


@pytest.mark.parametrize("number", range(100, 115))
def test_shortcuts_change_nothing_anywhere(number: int) -> None:
    system = compile_system(load_text(SYSTEMS.random_system(number)))
    assert digest(run(system, seed=number)) == digest(run(system, seed=number, shortcuts=False))


def test_shortcuts_draw_for_repeated_calls_as_events_do() -> None:
    system = compile_system(load_text("""
msforge: 1
name: again
services:
  leaf: {replicas: 2, threads: 4, endpoints: {go: {steps: [{wait: exponential(2ms)}]}}}
  front: {threads: unlimited, endpoints: {go: {steps: [{repeat: 3, steps: [{call: leaf.go}]}]}}}
network: {latency: 1ms}
traffic: {a: {target: front.go, rate: 100/s}}
simulation: {duration: 3s}
"""))
    assert sim.Engine(system, shortcuts=True).quiet
    assert digest(run(system)) == digest(run(system, shortcuts=False))


@pytest.mark.parametrize("queue", ["unlimited", "5", "0"])
@pytest.mark.parametrize("threads", ["2", "unlimited"])
def test_shortcuts_change_nothing_for_a_window_sent_in_one_sweep(threads: str, queue: str) -> None:
    system = compile_system(load_text(f"""
msforge: 1
name: sweep
services:
  only: {{replicas: 3, threads: {threads}, queue: {queue}, endpoints: {{go: {{steps: [{{wait: exponential(2ms)}}]}}}}}}
network: {{latency: 1ms}}
traffic:
  a: {{target: only.go, stages: [{{for: 1s, rate: 2500/s}}, {{for: 1s, rate: 50/s}}, {{for: 1s, rate: 2500/s}}]}}
simulation: {{duration: 3s, warmup: 1s}}
"""))
    assert digest(run(system)) == digest(run(system, shortcuts=False))


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("slices", [1, 90, 204])
def test_shortcuts_change_nothing_in_a_run_that_is_interrupted(number: int, slices: int) -> None:
    system = compile_system(load_text(SYSTEMS.deep_system(number)))

    def interrupted(shortcuts: bool) -> str:
        left = iter(range(slices))
        return digest(run(system, stop=lambda: next(left, None) is None, shortcuts=shortcuts))

    assert interrupted(True) == interrupted(False)


def test_shortcuts_are_taken() -> None:
    """Otherwise the tests above would compare a run with itself."""
    taken = 0
    for number in range(40):
        engine = sim.Engine(compile_system(load_text(SYSTEMS.quiet_system(number))), seed=1, shortcuts=True)
        taken += bool(engine.quiet)
    assert taken >= 20


@pytest.mark.parametrize("target", ["back.ask", "front.page"])
def test_service_without_replicas_is_unavailable_with_shortcuts_too(target: str) -> None:
    system = compile_system(load_text(f"""
msforge: 1
services:
  front: {{threads: unlimited, endpoints: {{page: {{steps: [call: back.ask]}}}}}}
  back: {{replicas: 0, endpoints: {{ask: {{steps: [wait: exponential(5ms)]}}}}}}
traffic: {{t: {{target: {target}, rate: 20/s, for: 5s}}}}
"""))
    with_them, without = run(system, seed=1), run(system, seed=1, shortcuts=False)
    assert digest(with_them) == digest(without)
    assert set(with_them.roots["outcome"]) == {7 if target == "back.ask" else 2}


def test_shortcuts_are_taken_in_depth() -> None:
    """Failures and long queues among them."""
    systems = [compile_system(load_text(SYSTEMS.deep_system(number))) for number in range(40)]
    inner = [sim.Engine(system, shortcuts=True).inner for system in systems]
    assert sum(len(found) > 1 for found in inner) >= 20
