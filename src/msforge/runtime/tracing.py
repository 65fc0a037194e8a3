"""OpenTelemetry spans, for those who have installed it (the extra `tracing`) and say where they go.

A request's trace and span ids are known from its `traceparent` header with or without OpenTelemetry; a span is written
when the request has ended, with these ids. So nothing of it is imported, or costs anything, unless it is wanted:
`OTEL_EXPORTER_OTLP_ENDPOINT` is set.
"""

from __future__ import annotations

import os
import time
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from msforge.runtime import conventions
from msforge.runtime.failures import DEGRADED, WORDS

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
NEEDED: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")


def wanted() -> bool:
    """Whether the environment says where spans go."""
    return bool(os.environ.get(ENDPOINT))


def tracer_of(service: str, ordinal: int, exporter: Any = None) -> Tracer | None:
    """What writes a replica's spans; None when nobody wants them or OpenTelemetry is not installed."""
    if exporter is None and not wanted():
        return None
    try:
        if find_spec(NEEDED[0]) is None or (exporter is None and find_spec(NEEDED[1]) is None):
            return None
    except ModuleNotFoundError:
        return None
    return Tracer(service, ordinal, exporter)


class Tracer:
    """Writes a span for each request that has ended."""

    def __init__(self, service: str, ordinal: int, exporter: Any = None) -> None:
        sdk: Any = import_module("opentelemetry.sdk.trace")
        export: Any = import_module("opentelemetry.sdk.trace.export")
        resources: Any = import_module("opentelemetry.sdk.resources")
        self._api: Any = import_module("opentelemetry.trace")
        if exporter is None:
            exporter = import_module(NEEDED[1]).OTLPSpanExporter()
        self._ids = _Ids()
        resource = resources.Resource.create({"service.name": service, "service.instance.id": f"{service}#{ordinal}"})
        self._provider = sdk.TracerProvider(id_generator=self._ids, resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(export.BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("msforge")

    def served(self, flow: Flow, took: int) -> None:
        """A request has ended, `took` real ns after it came."""
        api = self._api
        self._ids.trace, self._ids.span = int(flow.trace[3:35], 16), int(flow.trace[36:52], 16)
        above, links = None, []
        if flow.caller:
            before = api.SpanContext(
                self._ids.trace, int(flow.caller[36:52], 16), is_remote=True, trace_flags=api.TraceFlags(1)
            )
            if flow.message is None:
                above = api.set_span_in_context(api.NonRecordingSpan(before))
            else:  # its publisher may have ended long ago, so that is a link and no parent
                links.append(api.Link(before))
        now = time.time_ns()
        kind = api.SpanKind.CONSUMER if flow.message is not None else api.SpanKind.SERVER
        name, attributes, failed = _told(flow)
        span = self._tracer.start_span(
            name, context=above, kind=kind, links=links, start_time=now - took, attributes=attributes
        )
        if flow.outcome > DEGRADED:
            span.set_attribute("msforge.cause", flow.cause)
        if failed:
            span.set_status(api.StatusCode.ERROR, flow.cause)
        span.end(end_time=now)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _told(flow: Flow) -> tuple[str, dict[str, Any], bool]:
    """A request's span: its name, what it says, and whether its status is an error."""
    own: dict[str, Any] = {"msforge.endpoint": flow.endpoint, "msforge.number": flow.number}
    if flow.message is not None:
        failed = flow.outcome > DEGRADED
        ended: dict[str, Any] = {"msforge.outcome": WORDS[flow.outcome]}
        if failed:
            ended["error.type"] = WORDS[flow.outcome]
        channel = flow.message.channel
        consumed = conventions.messaging("", channel, "process", flow.replica.name)
        return f"process {channel}", consumed | own | ended, failed
    found = flow.replica.handlers.get(flow.endpoint)
    asked = found.asked if found is not None else ""
    status = flow.status if flow.outcome > DEGRADED else 0
    said, failed = conventions.ended(flow.outcome, grpc=False, caller=False, status=status)
    name = conventions.named(asked, "", flow.endpoint)
    return name, conventions.request(asked, "", flow.endpoint) | own | said, failed


class _Ids:
    """Gives the ids that a request already has."""

    def __init__(self) -> None:
        self.trace = 0
        self.span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return self.span

    def is_trace_id_random(self) -> bool:
        return True
