"""Keyed topics: the busiest thread decides what a consumer can do."""

from __future__ import annotations

import pytest

from msforge.analysis import lint
from msforge.analysis.theory import explain
from msforge.model import compile_system
from msforge.spec import load_text


def text(key: str, threads: int, partitions: int, rate: int = 100) -> str:
    return f"""
msforge: 1
services:
  a: {{threads: unlimited, endpoints: {{put: {{http: PUT /, steps: [{{publish: q{key}}}]}}}}}}
  c: {{consumers: {{eat: {{from: q, threads: {threads}, idempotent: true, steps: [wait: 10ms]}}}}}}
channels: {{q: {{kind: topic, partitions: {partitions}, dead_letter: bad}}}}
traffic: {{t: {{target: a.put, rate: {rate}/s, for: 60s}}}}
"""


@pytest.mark.parametrize(
    ("key", "threads", "partitions", "most"),
    [
        ("", 4, 4, 400),                              # evenly: four threads of 100/s
        ("", 4, 6, 300),                              # two of the four have two partitions of six
        ("", 9, 3, 300),                              # no more threads than partitions work
        (", key: 7", 4, 4, 100),                      # one key, one partition
        (", key: uniform(0.5 4.5)", 4, 4, 400),       # 1, 2, 3 and 4 alike
        (", key: zipf(n=2 s=1)", 2, 2, 150),          # two thirds have key 1
    ],
)
def test_no_more_lasts_than_the_fullest_thread_does(key: str, threads: int, partitions: int, most: float) -> None:
    found = explain(compile_system(load_text(text(key, threads, partitions)))).bottleneck
    assert found is not None and found.rate == pytest.approx(most, rel=1e-6)


def test_partition_that_is_too_hot_is_warned_about() -> None:
    spec = load_text(text(", key: zipf(n=2 s=1)", 2, 2, rate=160))
    (warning,) = [w for w in lint(compile_system(spec), spec) if w.code == "W120"]
    assert "c.eat's fullest thread is offered 107%" in warning.message.replace(" %", "%")
    assert lint(compile_system(load_text(text("", 2, 2, rate=160))), spec) == []
