"""Spans have the ids that the headers carry; without OpenTelemetry there are none, and nothing asks for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from msforge.runtime.flow import Flow
from msforge.runtime.plan import Service
from msforge.runtime.replica import Replica
from msforge.runtime.serve import serve, trace_of
from msforge.runtime.tracing import tracer_of


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
    assert (f"{span.context.trace_id:x}", f"{span.parent.span_id:x}", span.name) == ("ab" * 16, "cd" * 8, "b.go")
    assert span.attributes["msforge.cause"] == "b:error"


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
