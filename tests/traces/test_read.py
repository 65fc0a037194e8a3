"""Reading traces: the formats that tools write, and whatever else a file may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import msforge
from msforge.draft import draft
from msforge.errors import MsforgeError, TraceFormatError
from msforge.traces import Span, decode, read
from tests.traces.foreign import jaeger, zipkin
from tests.traces.test_otlp import run, spans

TRACE, SPAN = "ab" * 16, "cd" * 8


def otlp(*found: dict[str, Any], service: Any = "a") -> bytes:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(found)}]}]}).encode()


def one(**changed: Any) -> dict[str, Any]:
    return {
        "traceId": TRACE, "spanId": SPAN, "name": "GET /", "kind": 2, "startTimeUnixNano": "1000000",
        "endTimeUnixNano": "3000000", **changed,
    }


def test_what_is_written_is_what_is_read() -> None:
    again = msforge.export_traces(run(60))
    found = read(again.encode())
    assert (found.form, found.warnings) == ("otlp", [])
    from msforge.report.traces import spans_of

    assert {(span.trace, span.span): span for span in found.spans} == {
        (span.trace, span.span): span for span in spans_of(run(60))
    }


def known(found: list[Span]) -> set[tuple[Any, ...]]:
    """What every format keeps."""
    return {(s.trace, s.span, s.service, s.kind, s.begin // 1000, s.failed) for s in found}


def test_jaegers_own_format() -> None:
    found = read(json.dumps(jaeger(spans(60))).encode())
    assert found.form == "jaeger"
    assert known(found.spans) == known(spans(60))
    assert {(s.span, s.parent, s.links) for s in found.spans} == {(s.span, s.parent, s.links) for s in spans(60)}


def test_zipkins_format() -> None:
    found = read(json.dumps(zipkin(spans(60))).encode())
    assert found.form == "zipkin"
    assert known(found.spans) == known(spans(60))
    nested = [zipkin(spans(60))[:50], zipkin(spans(60))[50:]]
    assert known(read(json.dumps(nested).encode()).spans) == known(spans(60))


@pytest.mark.parametrize("write", [jaeger, zipkin, lambda found: zipkin(found, shared=True)])
def test_the_draft_is_the_same_whatever_the_format(write: Any) -> None:
    from tests.draft.systems import drafted, shapes

    found = read(json.dumps(write(spans(10_000))).encode())
    wanted = draft(spans(10_000), origin="otlp")
    made = draft(found.spans, origin=found.form)
    assert shapes(drafted(made.text)) == shapes(drafted(wanted.text))


def test_lines_of_the_collectors_file_exporter() -> None:
    lines = b"\n".join(otlp(one(spanId=f"{number:016x}")) for number in range(1, 4))
    assert len(read(lines + b"\n").spans) == 3
    assert len(read(lines + b'\n{"resourceSp').spans) == 3  # cut off while it was written


def test_other_line_ends_inside_of_a_string_end_no_line() -> None:
    lines = [one(name=f"a{end}b", spanId=f"{number:016x}") for number, end in enumerate("\u2028\u2029\x85", 1)]
    content = "\n".join(json.dumps(json.loads(otlp(line)), ensure_ascii=False) for line in lines)
    assert [span.name for span in read(content.encode()).spans] == [line["name"] for line in lines]


@pytest.mark.parametrize(("written", "kept"), [
    ("-5", -5), ("9223372036854775807", 2**63 - 1), ("--5", "--5"), ("\u00b2", "\u00b2"), ("9" * 25, "9" * 25),
])
def test_whole_numbers_are_read_and_what_is_none_stays_a_text(written: str, kept: int | str) -> None:
    [span] = read(otlp(one(attributes=[{"key": "x", "value": {"intValue": written}}]))).spans
    assert span.attributes == {"x": kept}


def test_names_of_the_proto_file_and_words_for_kinds() -> None:
    plain = {"resource_spans": [{"scope_spans": [{"spans": [{
        "trace_id": TRACE.upper(), "span_id": SPAN, "start_time_unix_nano": 5, "end_time_unix_nano": 7.0,
        "kind": "SPAN_KIND_CLIENT", "status": {"code": "STATUS_CODE_ERROR"},
    }]}]}]}
    [span] = read(json.dumps(plain).encode()).spans
    assert (span.trace, span.kind, span.begin, span.end, span.failed) == (TRACE, "client", 5, 7, True)


@pytest.mark.parametrize(("content", "said"), [
    (b"", "not JSON|empty"), (b"   \n", "not JSON|empty"), (b"\xff\xfe", "not text"), (b"{", "not JSON"),
    (b"[]", "no span"), (b"{}", "no traces"), (b"17", "no traces"), (b"[" * 100_000, "nested too deeply|not JSON"),
    (b'{"resourceSpans": NaN}', "not JSON"), (b'{"resourceSpans": 7}', "no span"), (b"1" * 5000, "not JSON|no traces"),
    (b"# HELP a b\n", "not JSON"), (b'{"data": []}', "no span"),
])  # fmt: skip
def test_what_is_no_trace_is_a_clear_error(content: bytes, said: str) -> None:
    with pytest.raises(TraceFormatError, match=said) as caught:
        read(content)
    assert caught.value.hint


@pytest.mark.parametrize("changed", [
    {"traceId": ""}, {"traceId": "zz"}, {"traceId": "0" * 32}, {"spanId": None}, {"startTimeUnixNano": "-5"},
    {"startTimeUnixNano": "99999999999999999999999"}, {"startTimeUnixNano": 1e300}, {"endTimeUnixNano": []},
    {"startTimeUnixNano": True}, {"endTimeUnixNano": "4" * 19}, {"endTimeUnixNano": "90000000000000000"},
])  # fmt: skip
def test_a_span_that_makes_no_sense_is_left_out_and_said(changed: dict[str, Any]) -> None:
    found = read(otlp(one(), one(spanId="ef" * 8, **changed) if "spanId" not in changed else one(**changed)))
    assert len(found.spans) == 1
    assert found.warnings


def test_a_negative_duration_is_mended_and_said() -> None:
    found = read(otlp(one(endTimeUnixNano="500000")))
    assert found.spans[0].took == 0
    assert "ended before it began" in found.warnings[0]


def test_the_first_of_several_spans_with_one_id_is_kept() -> None:
    found = read(otlp(one(name="first"), one(name="second")))
    assert [span.name for span in found.spans] == ["first"]
    assert "id was there before" in found.warnings[0]


def test_too_many_spans_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MOST_SPANS", 2)
    with pytest.raises(TraceFormatError, match="more than 2 spans"):
        read(otlp(*(one(spanId=f"{number:016x}") for number in range(1, 5))))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(msforge.UsageError, match="unknown format"):
        read(b"[]", "skywalking")


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just("9" * 400), st.just([]),
    st.just({}), st.lists(st.integers(), max_size=2), st.just("../../etc"), st.just("a\nb: {c"), st.just("\u202e"),
)
NAME = st.one_of(st.text(max_size=30), st.sampled_from([
    "a: b\n  - x", "'; drop", "{{ 7 * 7 }}", "\x00", "- &a *a", "true", "null", "1e9", "a" * 300, "é", "a b", "a-b",
    "# x",
]))
IDS = st.sampled_from(["01", "02", "03", "04", "05", "06"])


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(*[strategy] * 12, ODD)


ATTRIBUTES = st.dictionaries(
    st.sampled_from([
        "http.request.method", "http.route", "url.path", "url.full", "rpc.method", "rpc.service", "db.system.name",
        "db.namespace", "db.operation.name", "messaging.system", "messaging.destination.name", "peer.service",
        "msforge.endpoint", "msforge.step", "messaging.operation.type", "error.type", "http.request.resend_count",
    ]),
    st.one_of(NAME, st.sampled_from(["GET", "POST", "/a/{b}", "/a/1234567", "kafka", "http://[bad", "send", "queue"])),
    max_size=4,
)
SPANS = st.builds(
    lambda trace, span, parent, name, kind, begin, took, said, links, status, state: {
        "traceId": trace, "spanId": span, "parentSpanId": parent, "name": name, "kind": kind,
        "startTimeUnixNano": begin,
        "endTimeUnixNano": begin + took if isinstance(begin, int) and isinstance(took, int) else took,
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in said.items()],
        "links": links, "status": status, "traceState": state,
    },
    IDS, IDS, _maybe(IDS), _maybe(NAME), _maybe(st.integers(1, 5)),
    st.integers(0, 10**10), st.integers(-(10**6), 10**10), ATTRIBUTES,
    _maybe(st.lists(st.builds(lambda a, b: {"traceId": a, "spanId": b}, IDS, IDS), max_size=2)),
    _maybe(st.just({"code": 2})), _maybe(st.just("ot=th:c")),
)
GROUPS = st.lists(st.tuples(_maybe(NAME), st.lists(SPANS, min_size=1, max_size=8)), min_size=1, max_size=4)


ONE_NAME = [("", [
    {"traceId": "01", "spanId": "01", "parentSpanId": "01", "name": "", "startTimeUnixNano": 0, "endTimeUnixNano": 0},
    {"traceId": "01", "spanId": "02", "name": "", "kind": 5, "startTimeUnixNano": 0, "endTimeUnixNano": 0},
])]
"""An endpoint and a consumer."""


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(GROUPS)
@example(ONE_NAME)
def test_hostile_spans_give_a_valid_draft_or_a_clear_error(groups: list[tuple[Any, list[dict[str, Any]]]]) -> None:
    content = json.dumps({"resourceSpans": [
        {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
         "scopeSpans": [{"spans": found}]} for service, found in groups
    ]})
    _is_valid_or_refused(content.encode())


def _is_valid_or_refused(content: bytes) -> None:
    from msforge.model import compile_system
    from msforge.spec import load_text

    try:
        found = read(content)
    except MsforgeError:
        return
    made = draft(found.spans, origin=found.form, warnings=found.warnings)
    assert made.text.isascii()
    system = compile_system(load_text(made.text))
    assert system.services


@settings(max_examples=150, deadline=None)
@given(st.recursive(ODD, lambda inner: st.one_of(
    st.lists(inner, max_size=4),
    st.dictionaries(st.sampled_from([
        "resourceSpans", "scopeSpans", "spans", "data", "processes", "traceID", "spanID", "traceId", "id", "timestamp",
        "duration", "startTime", "references", "tags", "key", "value", "kind", "shared", "parentId", "localEndpoint",
    ]), inner, max_size=5),
), max_leaves=25))  # fmt: skip
@example([{"traceId": "1", "id": "1", "timestamp": 5, "duration": -3, "shared": True, "kind": "SERVER"}])
@example({"data": [{"spans": [{"traceID": "1", "spanID": "1", "startTime": 1e308, "duration": 1}], "processes": 7}]})
def test_any_json_at_all_is_read_or_refused(plain: Any) -> None:
    _is_valid_or_refused(json.dumps(plain).encode())
