"""Spans have the ids that the headers carry; without OpenTelemetry there are none, and nothing asks for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

import msforge
from msforge.report.traces import spans_of
from msforge.runtime.flow import Flow
from msforge.runtime.plan import Service
from msforge.runtime.replica import Replica
from msforge.runtime.serve import serve, trace_of
from msforge.runtime.tracing import tracer_of
from msforge.spec import load_text


def test_spans_follow_the_headers() -> None:
    memory: Any = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()

    async def failing(request: Any, do: Flow) -> None:
        await do.fail("fail", 1.0)

    async def main() -> None:
        replica = Replica(Service("b"), log=lambda line: None)
        await replica.start()
        replica.tracer = tracer_of("b", 0, exporter)
        await serve(replica, "go", Flow, failing, {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})
        await replica.stop()

    asyncio.run(main())
    [span] = exporter.get_finished_spans()
    assert (f"{span.context.trace_id:x}", f"{span.parent.span_id:x}", span.name) == ("ab" * 16, "cd" * 8, "POST /go")
    assert span.attributes["msforge.cause"] == "b:error"
    assert span.attributes["http.response.status_code"] == 500
    assert not span.status.is_ok


def test_a_span_says_what_the_simulated_request_s_would() -> None:
    """The same names and attributes, so that one dashboard shows both."""
    memory: Any = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()

    async def fine(request: Any, do: Flow) -> None:
        return None

    async def main() -> None:
        replica = Replica(Service("b"), log=lambda line: None)
        replica.register("go", Flow, fine, None, "GET /things/{id}")
        await replica.start()
        replica.tracer = tracer_of("b", 0, exporter)
        await serve(replica, "go", Flow, fine, {})
        await replica.stop()

    asyncio.run(main())
    [measured] = exporter.get_finished_spans()
    text = """
msforge: 1
name: alike
services: {b: {endpoints: {go: {http: "GET /things/{id}", steps: [work: 1ms]}}}}
traffic: {t: {target: b.go, rate: 50/s, for: 2s}}
"""
    result = msforge.simulate(load_text(text), replications=1, processes=1, traces=True)
    simulated = next(span for span in spans_of(result) if span.kind == "server")
    assert (measured.name, measured.kind.name.lower()) == (simulated.name, simulated.kind)
    assert set(measured.attributes) == set(simulated.attributes)
    for key in set(simulated.attributes) - {"msforge.number"}:
        assert measured.attributes[key] == simulated.attributes[key]
    resource = measured.resource.attributes
    assert (resource["service.name"], resource["service.instance.id"]) == (
        simulated.service, simulated.resource["service.instance.id"]
    )


def test_nobody_wants_spans_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert tracer_of("a", 0) is None
    said = "import msforge.runtime.replica, msforge.runtime.serve, sys; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_trace_goes_on_or_begins() -> None:
    parent = f"00-{'ab' * 16}-{'cd' * 8}-00"
    assert trace_of(parent)[:36] == parent[:36]
    assert trace_of(parent)[36:52] != "cd" * 8
    assert trace_of(parent)[-2:] == "00"
    for odd in ("", "00-" + "0" * 32 + "-" + "cd" * 8 + "-01", parent.upper(), parent + "-more", "ff-" + parent[3:]):
        assert trace_of(odd)[3:35] not in ("ab" * 16, "0" * 32)
