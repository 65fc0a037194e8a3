"""Functions have as many threads as they are asked for."""

from __future__ import annotations

from msforge import sim
from msforge.model import compile_system
from msforge.results import summarise
from msforge.spec import load_text

TEXT = """
msforge: 1
services:
  f: {function: {cold_start: 300ms}, endpoints: {go: {http: GET /, steps: [wait: exponential(100ms)]}}}
traffic: {t: {target: f.go, stages: [{rate: 5/s, for: 30s}, {rate: 5/s -> 60/s, for: 20s}, {rate: 60/s, for: 30s}]}}
"""


def test_growing_load_does_not_saturate_a_function() -> None:
    system = compile_system(load_text(TEXT))
    result = summarise(system, [sim.run(system)])
    (function,) = result.services
    assert (function.threads, function.utilisation.value) == (None, None)
    assert function.busy.value > 1
    assert result.story.suspects == []
    assert "threads" not in result.story.headline


def test_service_without_a_replica_is_said_to_have_none() -> None:
    system = compile_system(load_text(TEXT.replace("function: {cold_start: 300ms}", "replicas: 0")))
    assert summarise(system, [sim.run(system)]).story.headline == (
        "t -> f.go failed 100 % of its requests: f has no replica."
    )
