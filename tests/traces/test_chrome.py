"""Chrome's trace events: what Perfetto asks for, spans nested on their lanes."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

import msforge
from tests.traces.test_otlp import run, spans


def test_complete_events_nest_on_every_lane() -> None:
    plain = json.loads(msforge.export_traces(run(60), format="chrome"))
    events = plain["traceEvents"]
    lanes = defaultdict(list)
    for event in events:
        assert event["ph"] in "MXsf"
        if event["ph"] == "X":
            lanes[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert sum(map(len, lanes.values())) == len(spans(60))
    for lane in lanes.values():
        open_spans: list[float] = []
        for begin, end in sorted(lane, key=lambda one: (one[0], -one[1])):
            while open_spans and open_spans[-1] <= begin + 1e-6:
                open_spans.pop()
            assert not open_spans or end <= open_spans[-1] + 1e-6
            open_spans.append(end)


def test_processes_have_names_and_arrows_two_ends() -> None:
    events = json.loads(msforge.export_traces(run(60), format="chrome"))["traceEvents"]
    named = {event["pid"]: event["args"]["name"] for event in events if event["ph"] == "M"}
    assert {event["pid"] for event in events} == set(named)
    assert {"people", "front#0", "back#0"} <= set(named.values())
    ends = [{event["id"]: event for event in events if event["ph"] == which} for which in "sf"]
    assert ends[0]
    assert set(ends[0]) == set(ends[1])
    assert all(ends[0][id]["ts"] <= ends[1][id]["ts"] for id in ends[0])


def test_times_are_microseconds_of_the_run() -> None:
    events = json.loads(msforge.export_traces(run(60), format="chrome"))["traceEvents"]
    first = min(event["ts"] for event in events if event["ph"] == "X")
    assert first == pytest.approx(min(trace.begin for trace in run(60).traces) / 1000, abs=0.001)
