"""Exported traces: valid OTLP/JSON in OpenTelemetry's words, whose spans add up to what the run measured."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

import pytest

import msforge
from msforge.results import Result
from msforge.spec import load_text
from msforge.traces import EPOCH, Span, read

SHOP = """
msforge: 1
name: small
services:
  front:
    threads: 2
    endpoints:
      go:
        http: GET /things/{id}
        steps:
          - work: exponential(2ms)
          - {call: back.go, timeout: 30ms, retry: {attempts: 3, backoff: 5ms, jitter: full}}
          - call: front.inner
          - read: db
          - publish: news
      inner: {steps: [write: db]}
  back: {threads: 2, queue: 3, endpoints: {go: {grpc: a.B/C, steps: [wait: exponential(12ms)]}}}
  reader: {consumers: {read: {from: news, threads: 8, retry: {attempts: 3}, steps: [{fail: 20%}, wait: 3ms]}}}
stores: {db: {kind: postgres, owner: front, connections: 1, read: exponential(1ms)}}
channels: {news: {publish: 1ms}}
network: {latency: exponential(1ms)}
traffic:
  people: {target: front.go, rate: 60/s}
  walkers: {rate: 3/s, think: 50ms, journey: [front.go, front.go]}
simulation: {warmup: 2s, duration: 12s, seed: 5}
"""


@cache
def run(count: int) -> Result:
    return msforge.simulate(load_text(SHOP), replications=1, processes=1, traces=True, sample=count)


@cache
def spans(count: int) -> list[Span]:
    return read(msforge.export_traces(run(count)).encode()).spans


def test_ids_times_and_kinds_are_those_of_the_format() -> None:
    plain = json.loads(msforge.export_traces(run(60)))
    found = [span for group in plain["resourceSpans"] for scope in group["scopeSpans"] for span in scope["spans"]]
    assert found
    for span in found:
        assert len(bytes.fromhex(span["traceId"])) == 16
        assert len(bytes.fromhex(span["spanId"])) == 8
        assert span["kind"] in range(1, 6)
        assert EPOCH <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    ids = {(span["traceId"], span["spanId"]) for span in found}
    assert len(ids) == len(found)
    named = [(span["traceId"], span["parentSpanId"]) for span in found if "parentSpanId" in span]
    assert set(named) <= ids
    links = [(link["traceId"], link["spanId"]) for span in found for link in span.get("links", [])]
    assert links
    assert set(links) <= ids


def test_it_is_what_the_protocol_itself_reads() -> None:
    proto: Any = pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    from base64 import b64encode

    from google.protobuf.json_format import ParseDict

    def in_base64(value: Any, key: str = "") -> Any:
        """Protobuf's own JSON has bytes in base64; OTLP's has these in hex."""
        if isinstance(value, dict):
            return {name: in_base64(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [in_base64(inner) for inner in value]
        return b64encode(bytes.fromhex(value)).decode() if key in ("traceId", "spanId", "parentSpanId") else value

    parsed = ParseDict(in_base64(json.loads(msforge.export_traces(run(60)))), proto.TracesData())
    count = sum(len(scope.spans) for group in parsed.resource_spans for scope in group.scope_spans)
    assert count == len(spans(60))


def test_the_spans_of_a_sample_add_up_to_the_latencies_of_the_run() -> None:
    result = run(10_000)
    roots = [span for span in spans(10_000) if span.kind == "client" and "msforge.number" in span.attributes]
    [everything] = [source for source in result.sources if source.name == "people"]
    took = sorted(span.took for span in roots if span.service == "people")
    assert len(took) == everything.counts.arrivals - everything.counts.in_flight
    assert sum(took) / len(took) == pytest.approx(everything.all.mean.value, rel=1e-9)
    assert took[-(-99 * len(took) // 100) - 1] == everything.all.p99.value


def test_a_sample_is_random_deterministic_and_says_how_likely_it_was() -> None:
    again = msforge.simulate(load_text(SHOP), replications=1, processes=1, traces=True, sample=60)
    assert msforge.export_traces(again) == msforge.export_traces(run(60))
    few = {(trace.source, trace.number) for trace in run(60).traces}
    many = {(trace.source, trace.number) for trace in run(10_000).traces}
    assert len(few) == 60
    assert few < many
    [share] = {trace.sampled for trace in run(60).traces}
    assert share == pytest.approx(60 / len(many), rel=0.4)  # a random share with a deviation of 13 %
    for span in spans(60):
        said = dict(part.split(":") for part in span.state.removeprefix("ot=").split(";"))
        assert int(said["rv"], 16) >= int(said["th"].ljust(14, "0"), 16)


def test_a_call_with_several_tries_has_a_span_for_each() -> None:
    found = spans(10_000)
    of = {(span.trace, span.span): span for span in found}
    again = [span for span in found if span.attributes.get("http.request.resend_count") == 1]
    assert again
    for span in again:
        call = of[span.trace, span.parent]
        tries = [one for one in found if (one.trace, one.parent) == (span.trace, call.span) and one.kind == "client"]
        assert call.kind == "internal"
        assert call.begin == tries[0].begin
        assert call.end == tries[-1].end
        assert tries[0].failed
        assert tries[0].end <= span.begin


def test_conventions_of_http_rpc_messaging_and_databases() -> None:
    said = {(span.service, span.kind, span.name): span for span in spans(10_000) if not span.failed}
    server = said["front", "server", "GET /things/{id}"].attributes
    assert server["http.request.method"] == "GET"
    assert server["http.route"] == "/things/{id}"
    assert server["http.response.status_code"] == 200
    client = said["people", "client", "GET /things/{id}"].attributes
    assert client["server.address"] == "front"
    grpc = said["front", "client", "a.B/C"].attributes
    assert (grpc["rpc.system"], grpc["rpc.service"], grpc["rpc.method"]) == ("grpc", "a.B", "C")
    assert said["back", "server", "a.B/C"].attributes["rpc.grpc.status_code"] == 0
    store = said["front", "client", "SELECT db"].attributes
    assert (store["db.system.name"], store["db.namespace"]) == ("postgresql", "db")
    sent = said["front", "producer", "send news"]
    assert sent.attributes["messaging.system"] == "rabbitmq"
    taken = said["reader", "consumer", "process news"]
    assert taken.parent == ""
    assert len(taken.links) == 1
    assert said["front", "internal", "front.inner"].attributes["msforge.endpoint"] == "inner"
    failures = Counter(span.attributes["error.type"] for span in spans(10_000) if span.failed and span.kind == "client")
    assert failures["timeout"]
    for span in spans(10_000):
        if span.failed and span.attributes["error.type"] == "timeout":
            assert "rpc.grpc.status_code" not in span.attributes


def test_every_message_was_published_by_the_span_it_names() -> None:
    by_id = {(span.trace, span.span): span for span in spans(60)}
    taken = [span for span in spans(60) if span.kind == "consumer"]
    assert taken
    for span in taken:
        [link] = span.links
        sender = by_id[link.trace, link.span]
        assert sender.kind == "producer"
        assert sender.end <= span.begin


def test_spans_lie_within_those_around_them() -> None:
    by_id = {(span.trace, span.span): span for span in spans(10_000)}
    inner = [span for span in spans(10_000) if span.parent and span.kind != "server"]
    assert inner
    for span in inner:
        around = by_id[span.trace, span.parent]
        assert around.begin <= span.begin
        assert span.end <= around.end, (span, around)


def test_chosen_traces_have_no_sampling_threshold() -> None:
    assert {span.state for span in spans(0)} == {""}


def test_a_result_without_traces_says_so() -> None:
    plain = msforge.simulate(load_text(SHOP), replications=1, processes=1)
    with pytest.raises(msforge.UsageError, match="holds no traces"):
        msforge.export_traces(plain)
    with pytest.raises(msforge.UsageError, match="unknown format"):
        msforge.export_traces(run(60), format="zipkin")
