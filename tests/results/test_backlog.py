"""A topic that falls behind for one of its groups."""

from __future__ import annotations

from msforge import sim
from msforge.model import compile_system
from msforge.results import summarise
from msforge.spec import load_text

TEXT = """
msforge: 1
services:
  a: {threads: unlimited, endpoints: {put: {http: PUT /, steps: [{publish: events}]}}}
  slow: {consumers: {eat: {from: events, threads: 2, steps: [wait: 15ms]}}}
  quick: {consumers: {eat: {from: events, threads: 2, steps: [wait: 2ms]}}}
channels: {events: {kind: topic, partitions: 2, dead_letter: bad}}
traffic: {t: {target: a.put, rate: 100/s, arrivals: constant, for: 60s}}
faults: [{slow: slow, by: 3x, at: 20s, for: 20s}]
simulation: {drain: 60s}
"""


def test_only_the_group_that_falls_behind_is_named_and_counted_once() -> None:
    system = compile_system(load_text(TEXT))
    story = summarise(system, [sim.run(system)]).story
    behind = [s for s in story.suspects if s.kind == "backlog"]
    assert {s.service for s in story.suspects} == {"slow"}
    # 100/s come in; the slow group does 2 / 45 ms = 44/s and the quick one 100/s: 72/s each on average, not 144/s.
    assert "144" not in " ".join(e.text for s in behind for e in s.evidence)
