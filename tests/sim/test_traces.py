"""Traces: the same run once more, whose spans add up to what the first run saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msforge import results, sim
from msforge.errors import ConservationError
from msforge.model import compile_system
from msforge.spec import load, load_text

EXAMPLES = Path(__file__).parents[2] / "examples"

CHAIN = """
msforge: 1
name: traced
services:
  front:
    threads: 2
    endpoints:
      go:
        steps:
          - work: exponential(2ms)
          - {call: back.go, timeout: 30ms, retry: {attempts: 2, backoff: 5ms, jitter: full}}
          - read: db
  back: {threads: 2, queue: 3, endpoints: {go: {steps: [wait: exponential(12ms)]}}}
stores: {db: {kind: postgres, owner: front, connections: 1, read: exponential(1ms)}}
network: {latency: exponential(1ms)}
traffic: {t: {target: front.go, rate: 100/s, for: 20s}}
simulation: {warmup: 2s, seed: 5}
"""


def test_chosen_are_the_slowest_the_median_and_one_of_each_failure() -> None:
    system = compile_system(load_text(CHAIN))
    records = sim.run(system)
    wanted = results.chosen(records, system.run.warmup, system.run.duration)
    rows = records.roots
    inside = rows["arrival"] >= system.run.warmup
    ok = inside & (rows["outcome"] == 0)
    latency = (rows["end"] - rows["arrival"])[ok]
    assert (0, int(rows["number"][ok][np.argmax(latency)])) in wanted
    failed = set(rows["outcome"][inside & ~ok].tolist())
    assert failed
    assert len(wanted) == 2 + len(failed)


def test_spans_add_up_to_the_latency_of_the_first_run() -> None:
    system = compile_system(load_text(CHAIN))
    records = sim.run(system)
    wanted = results.chosen(records, system.run.warmup, system.run.duration)
    spans = sim.retrace(system, records, wanted)
    rows = records.roots
    for source, number in wanted:
        mine = [s for s in spans if (s.source, s.number) == (source, number)]
        (root,) = [s for s in mine if s.parent == -1]
        row = int(np.flatnonzero(rows["number"] == number)[0])
        assert (root.begin, root.end) == (rows["arrival"][row], rows["end"][row])
        (serve,) = [s for s in mine if s.parent == root.span and s.kind == "serve"]
        inner = [s for s in mine if s.parent == serve.span]
        # At the entry, one after the other: queue, work, call, read; together they are its whole time.
        assert sum(s.end - s.begin for s in inner if s.kind != "backoff") == serve.end - serve.begin
        network = int(rows["network"][row])
        assert root.end - root.begin - (serve.end - serve.begin) <= network


def test_every_span_lies_within_its_parent_unless_the_caller_gave_up() -> None:
    boutique = compile_system(load(EXAMPLES / "boutique/boutique.yaml", sets=["simulation.duration=20s"]))
    records = sim.run(boutique)
    wanted = results.chosen(records, boutique.run.warmup, boutique.run.duration)
    spans = sim.retrace(boutique, records, wanted)
    by_id = {(s.source, s.number, s.span): s for s in spans}
    assert len(spans) > len(wanted)
    for span in spans:
        parent = by_id.get((span.source, span.number, span.parent))
        if parent is not None and span.kind not in ("serve", "client"):
            assert parent.begin <= span.begin <= span.end <= parent.end


def test_a_run_that_differs_from_its_trace_is_an_error() -> None:
    system = compile_system(load_text(CHAIN))
    records = sim.run(system)
    wanted = results.chosen(records, system.run.warmup, system.run.duration)
    records.roots["end"][:] += 1
    with pytest.raises(ConservationError, match="ended at"):
        sim.retrace(system, records, wanted)
