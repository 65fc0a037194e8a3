"""Generated services are Python that compiles, is formatted, and passes its own tests, whatever the names."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import msforge
from msforge.catalog import examples
from tests.scaffold.conftest import tree

ODD = """\
msforge: 1
name: import
services:
  class:
    replicas: 2
    threads: unlimited
    queue: {capacity: 5, discipline: priority}
    cpu: {cores: 0.5, scaling: {contention: 0.1}}
    rate_limit: {rate: 100/s}
    balancer: client
    zones: [a, b]
    endpoints:
      def:
        http: POST /def/{from}/{def}
        request: {from: string, class: integer, order-id: string, order_id: string, json: object, copy: array, str: number}
        response: {model_dump: boolean, type: string}
        steps:
          - {work: 1ms, id: with}
          - {fail: 10%, status: 404, id: with-}
          - parallel:
              - call: order-a.models
                retry: {attempts: 3, on: [error, rate_limited], budget: {ratio: 10%}}
                throttle: {k: 1.5}
                hedge: {after: 20ms}
              - steps:
                  - wait: lognormal(mean=5ms p99=30ms)
                  - choose:
                      - {weight: 9, steps: [work: 1ms]}
                      - weight: 1
                        steps:
                          - {repeat: uniform(1 3), steps: [{call: class.flow}, {read: CON, cache: {store: cache, keys: zipf(n=10 s=1)}}]}
                      - weight: 0.5
            need: any
          - {parallel: 3, steps: [work: 1ms], need: 2}
          - call: order-a.models
            timeout: 50ms
            deadline: 120ms
            cancel: all
            circuit_breaker: {consecutive: 3, open_for: 1s}
            bulkhead: 2
            priority: 2
            fallback: {steps: [{steps: [{wait: 1ms}, {publish: None}]}]}
          - saga:
              - {do: {write: CON}, undo: {write: CON}}
              - do: [{publish: None, outbox: true}, {call: order-a.models}]
                undo: [{call: order-a.models, fallback: {steps: []}}]
              - {do: {work: 1ms}}
      flow: {http: "GET /flow/{id}", request: {page: integer}, steps: []}
      router: {http: DELETE /router, steps: []}
    consumers:
      steps: {from: None, steps: [{publish: events-log, key: zipf(n=5 s=1)}]}
      handlers: {from: events-log, threads: 2, retry: {attempts: 3}, steps: []}
  order-a: {endpoints: {models: {http: PUT /models, steps: [work: mixture(90% exponential(1ms) 10% 5ms)]}}}
  order_a: {endpoints: {models: {steps: [{call: order-a.models}, {call: ORDER-A.x}]}}}
  ORDER-A: {endpoints: {x: {grpc: shop.Orders/Place, steps: []}}}
  nul: {consumers: {events: {from: events-log, steps: []}}, external: true, language: java}
stores:
  CON: {kind: postgres, owner: class, connections: 3, read: empirical(1ms 2ms 3ms)}
  cache: {kind: redis}
channels:
  None: {kind: queue, max_length: 10, overflow: reject_publish, dead_letter: dead}
  events-log: {kind: topic, partitions: 4}
network: {latency: 0.2ms, between_zones: {latency: 1ms}}
traffic:
  people: {target: class.def, rate: 5/s}
simulation: {duration: 5s}
"""  # noqa: E501
ROOT = Path(__file__).resolve().parents[2]
has_ruff = importlib.util.find_spec("ruff") is not None


def check(folder: Path, *, services: int, run: int) -> None:
    """Compiles everything, holds it to ruff, and runs the tests of some services."""
    for path, content in tree(folder).items():
        if path.endswith(".py"):
            ast.parse(content)
    if has_ruff:
        for command in (["check", "-q"], ["format", "-q", "--check"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--no-cache", "services"], cwd=folder, capture_output=True,
                text=True, encoding="utf-8",
            )  # fmt: skip
            assert done.returncode == 0, f"ruff {command[0]}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
    found = sorted((folder / "services").iterdir())
    assert len(found) == services
    for service in found[:run]:
        environment = {**os.environ, "PYTHONPATH": str(service)}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=service, env=environment,
            capture_output=True, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        assert done.returncode == 0, f"{service.name}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"


def test_every_verb_and_option_under_odd_names(tmp_path: Path) -> None:
    source = tmp_path / "odd.yaml"
    source.write_text(ODD, "utf-8")
    plan = msforge.new(source, tmp_path / "made")
    assert any("java" in line for line in plan.unable) and not any("grpc" in line.lower() for line in plan.unable)
    check(tmp_path / "made", services=5, run=5)
    assert not msforge.diff(tmp_path / "made").pending


@pytest.mark.parametrize("name", [found.name for found in examples() if found.name != "thousand"])
def test_every_example_is_formatted_code(name: str, tmp_path: Path) -> None:
    source = next(found.file for found in examples() if found.name == name)
    plan = msforge.new(source, tmp_path / "made")
    check(tmp_path / "made", services=len(plan.services), run=0)  # tests/generated/test_examples.py runs their tests


def test_a_handler_that_differs_from_the_description_is_explained(made: Path) -> None:
    service = made / "services/desk"
    handlers = service / "desk_service/handlers.py"
    handlers.write_text(handlers.read_text("utf-8").replace("    await do.call_back_fetch()\n", ""), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_handlers.py"], cwd=service,
        env={**os.environ, "PYTHONPATH": str(service)}, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 1
    for words in ("`serve` in handlers.py no longer does what small.yaml says", "call back.fetch", "msforge sync"):
        assert words in done.stdout
