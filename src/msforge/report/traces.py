"""The traces that a Result holds as OpenTelemetry's spans: what a running system would have sent, and where it waited.

A call is a CLIENT span, each try one of its own when there are several (below an INTERNAL one); who serves it has a
SERVER span. Publishers have PRODUCER spans, consumers CONSUMER spans with a link to theirs; stores are CLIENT spans.
What only a simulator sees are INTERNAL spans: work, wait, queue and backoff (`msforge.step`), and calls in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from msforge.errors import UsageError
from msforge.policies import draws
from msforge.recording.sampling import RANDOM_BITS, random_value, source_key
from msforge.report.known import Known
from msforge.report.tries import Try, tries_of
from msforge.results import Result
from msforge.results.result import Trace
from msforge.runtime import conventions
from msforge.runtime.conventions import Value, root_trace
from msforge.runtime.wire import OUTCOME_OF
from msforge.traces import EPOCH, Link, Span, to_chrome, to_otlp

FORMATS = ("otlp", "chrome")


def export(result: Result, format: str = "otlp") -> str:
    """The result's traces as text in one of FORMATS. Raises UsageError for another one, or when it holds none."""
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}", hint=f"there are {', '.join(FORMATS)}")
    if not result.traces:
        raise UsageError(
            "the result holds no traces",
            hint="a run that was interrupted, answered nothing or had more than a million requests keeps none; "
            "one read with --window has none either",
        )
    spans = list(spans_of(result))
    return to_chrome(spans) if format == "chrome" else to_otlp(spans, scope="msforge", version=result.engine)


def spans_of(result: Result) -> Iterator[Span]:
    """The result's traces, one after the other."""
    known = Known(result)
    for _, members in groupby(result.traces, key=lambda trace: (trace.replication, trace.source, trace.number)):
        yield from _Writer(known, list(members)).spans()


class _Writer:
    """The spans of one request, or of all requests of one journey."""

    def __init__(self, known: Known, members: list[Trace]) -> None:
        self.known = known
        self.members = members
        first = members[0]
        self.first = first
        self.key = source_key(known.result.seed, first.replication, first.source)
        self.parent_of_all = root_trace(self.key, first.number)
        self.trace = self.parent_of_all[3:35]
        self.roots = [span for span in members if span.kind == "client"]
        self.by_id = {span.span: span for span in members if span.kind != "client"}
        self.children: dict[int, list[Trace]] = {}
        for span in members:
            self.children.setdefault(span.parent, []).append(span)
        self.ids: dict[tuple[int, int], str] = {}
        self.above: dict[int, str] = {}  # span -> id of what stands above it, where that is not its parent
        self.state = self._state()

    def _state(self) -> str:
        """The sampling threshold and random value, as OpenTelemetry's `tracestate` has them."""
        share = self.first.sampled
        if not share:
            return ""
        threshold = f"{round((1.0 - share) * 2.0**RANDOM_BITS):014x}".rstrip("0") or "0"
        return f"ot=th:{threshold};rv:{random_value(self.key, self.first.number):014x}"

    def spans(self) -> Iterator[Span]:
        """All of them, callers before callees."""
        if len(self.roots) > 1 or not self.roots:
            yield self._journey()
        for number, root in enumerate(self.roots):
            yield self._client(root, number)
        for span in self.members:
            if span.kind == "call":
                yield from self._call(span)
            elif span.kind != "client":
                yield self._step(span)

    # -- ids -------------------------------------------------------------------------------------

    def _id(self, span: int, part: int = 0) -> str:
        """A span's id: a hash of its trace's key and its number, never 0."""
        found = self.ids.get((span, part))
        if found is None:
            found = f"{random_id(self.key, self.first.number, span, part):016x}"
            self.ids[span, part] = found
        return found

    def _root_id(self, number: int) -> str:
        return self.parent_of_all[36:52] if len(self.roots) == 1 else self._id(-1 - number)

    def _parent(self, span: Trace) -> str:
        if span.span in self.above:
            return self.above[span.span]
        if span.parent != 0:
            return self._id(span.parent) if span.parent in self.by_id else ""
        began = [number for number, root in enumerate(self.roots) if root.begin <= span.begin]
        return self._root_id(began[-1]) if began else self.parent_of_all[36:52]

    # -- pieces ------------------------------------------------------------------------------------

    def _make(
        self, span: Trace, id: str, parent: str, name: str, kind: str, service: str, attributes: dict[str, Value],
        failed: bool = False, *, begin: int = -1, end: int = -1,
    ) -> Span:
        resource: dict[str, str | int | float | bool] = {"service.namespace": self.known.result.system}
        ordinal = self.known.ordinals.get((span.replication, span.replica))
        if span.replica >= 0 and ordinal is not None:
            resource["service.instance.id"] = f"{service}#{ordinal}"
        return Span(
            self.trace, id, parent, name, kind, EPOCH + (span.begin if begin < 0 else begin),
            EPOCH + (span.end if end < 0 else end), service, failed=failed, message=span.outcome if failed else "",
            state=self.state, attributes={**attributes}, resource=resource,
        )

    def _journey(self) -> Span:
        """What a client does one after the other."""
        first, last = min(s.begin for s in self.members), max(s.end for s in self.roots or self.members)
        return self._make(
            self.first, self.parent_of_all[36:52], "", "journey", "internal", self.first.source,
            {"msforge.number": self.first.number}, begin=first, end=last,
        )

    def _client(self, root: Trace, number: int) -> Span:
        asked = self.known.asked(root.name)
        ended, failed = conventions.ended(OUTCOME_OF[root.outcome], grpc=bool(asked[1]), caller=True)
        attributes = conventions.request(*asked, callee=root.name.partition(".")[0]) | ended
        parent = "" if len(self.roots) == 1 else self.parent_of_all[36:52]
        return self._make(
            root, self._root_id(number), parent, conventions.named(*asked), "client", root.source,
            attributes | {"msforge.number": root.number}, failed,
        )

    def _call(self, call: Trace) -> Iterator[Span]:
        """A call: a CLIENT span, or an INTERNAL one with a CLIENT span for each try."""
        target = call.name.removeprefix("call ").rpartition("#")[0] or call.name
        inner = self.children.get(call.span, [])
        served = [span for span in inner if span.kind == "serve"]
        target = served[0].name if served else target
        callee = target.partition(".")[0]
        tries = tries_of(call, inner)
        if callee == call.service:  # in place: one INTERNAL span, the callee's
            for span in served:
                self.above[span.span] = self._parent(call)
            if not served:
                yield self._internal(call, target)
            return
        if len(tries) > 1:
            yield self._internal(call, f"call {target}")
        for number, one in enumerate(tries):
            yield self._try(call, one, target, number, alone=len(tries) == 1)

    def _try(self, call: Trace, one: Try, target: str, number: int, *, alone: bool) -> Span:
        asked = self.known.asked(target)
        outcome = OUTCOME_OF[one.outcome]
        ended, failed = conventions.ended(outcome, grpc=bool(asked[1]), caller=True)
        attributes = conventions.request(*asked, callee=target.partition(".")[0]) | ended
        if number:
            attributes["http.request.resend_count"] = number
        id = self._id(call.span) if alone else self._id(call.span, number + 1)
        for span in one.served:
            self.above[span.span] = id
        made = self._make(
            call, id, self._parent(call) if alone else self._id(call.span), conventions.named(*asked), "client",
            call.service, attributes, failed, begin=one.begin, end=one.end,
        )
        made.message = one.outcome if failed else ""
        return made

    def _internal(self, span: Trace, name: str) -> Span:
        failed = span.outcome not in ("ok", "degraded")
        said: dict[str, Value] = {"msforge.step": span.kind, "msforge.outcome": span.outcome}
        if failed:
            said["error.type"] = span.outcome
        return self._make(span, self._id(span.span), self._parent(span), name, "internal", span.service, said, failed)

    def _step(self, span: Trace) -> Span:
        """Everything but calls."""
        if span.kind in ("serve", "consume"):
            return self._served(span)
        target = span.name.partition(" ")[2].rpartition("#")[0]
        if span.kind in ("read", "write"):
            name, attributes = conventions.database(
                self.known.stores.get(target, "postgres"), target, write=span.kind == "write"
            )
            return self._outward(span, name, "client", attributes)
        if span.kind == "publish":
            attributes = conventions.messaging(self.known.brokers.get(target, "embedded"), target, "send")
            return self._outward(span, f"send {target}", "producer", attributes)
        return self._internal(span, span.kind)

    def _outward(self, span: Trace, name: str, kind: str, attributes: dict[str, Value]) -> Span:
        failed = span.outcome not in ("ok", "degraded")
        said: dict[str, Value] = {"msforge.outcome": span.outcome, **({"error.type": span.outcome} if failed else {})}
        return self._make(
            span, self._id(span.span), self._parent(span), name, kind, span.service, attributes | said, failed
        )

    def _served(self, span: Trace) -> Span:
        asked = self.known.asked(span.name)
        outcome, endpoint = OUTCOME_OF[span.outcome], asked[2]
        caller = self.by_id.get(span.parent)
        ended, failed = conventions.ended(outcome, grpc=bool(asked[1]), caller=False)
        own: dict[str, Value] = {"msforge.endpoint": endpoint, "msforge.number": span.number}
        if span.kind == "consume":
            return self._consumed(span, own)
        if caller is not None and caller.kind == "call" and caller.service == span.service:
            return self._make(
                span, self._id(span.span), self._parent(span), span.name, "internal", span.service,
                own | {"msforge.step": "call", "msforge.outcome": span.outcome} | (
                    {"error.type": span.outcome} if failed else {}
                ), failed,
            )
        return self._make(
            span, self._id(span.span), self._parent(span), conventions.named(*asked), "server", span.service,
            conventions.request(*asked) | ended | own, failed,
        )

    def _consumed(self, span: Trace, own: dict[str, Value]) -> Span:
        channel = self.known.from_channel.get(span.name, "")
        failed = span.outcome not in ("ok", "degraded")
        broker = self.known.brokers.get(channel, "embedded")
        attributes = conventions.messaging(broker, channel, "process", span.service)
        said: dict[str, Value] = {"msforge.outcome": span.outcome, **({"error.type": span.outcome} if failed else {})}
        made = self._make(
            span, self._id(span.span), "", f"process {channel}", "consumer", span.service, attributes | own | said,
            failed,
        )
        if span.link >= 0:
            made.links = (Link(self.trace, self._id(span.link)),)
        return made


def random_id(key: int, number: int, span: int, part: int) -> int:
    """64 bits for a span's id, not 0."""
    return draws.raw(draws.child_key(key, f"@span {span}.{part}"), number) or 1
