"""Traces: the spans of chosen requests, recorded while the same run happens again.

Marks that take no time are put around the steps, so that nothing about the run changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import Verb
from msforge.recording.records import SpanRecord
from msforge.sim import kernel
from msforge.sim.kernel import DONE, Frame

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.request import Request

KINDS = {
    Verb.WORK: "work", Verb.WAIT: "wait", Verb.READ: "read", Verb.WRITE: "write", Verb.PUBLISH: "publish",
    Verb.CALL: "call",
}


class Mark:
    """Before (`opens`) or after a step."""

    __slots__ = ("op", "opens", "tracer")

    def __init__(self, tracer: Tracer, op: Any, opens: bool) -> None:
        self.tracer = tracer
        self.op = op
        self.opens = opens

    def start(self, frame: Frame) -> int:
        """Note the time, when the request is traced."""
        if frame.root.traced:
            if self.opens:
                self.tracer.open(frame, self.op)
            else:
                self.tracer.close(frame, 0)
        return DONE


class Tracer:
    """Collects spans. A span's parent is the span of the frame's request."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.spans: list[SpanRecord] = []
        self.open_spans: dict[int, SpanRecord] = {}
        self.of_request: dict[int, int] = {}
        self.parents: dict[int, int] = {}
        self.kept: list[Any] = []
        self.counts: dict[tuple[int, int], int] = {}
        self.heard: set[tuple[int, int, int]] = set()  # source, number, span: its message was consumed
        self.publishers: dict[tuple[int, int, int, int], int] = {}  # source, number, site, context -> span

    def marked(self, operations: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same operations between marks."""
        marked: list[Any] = []
        for op in operations:
            step = getattr(op, "step", None)
            if step is not None and step.verb in KINDS and step.service >= 0:
                marked += (Mark(self, op, True), op, Mark(self, op, False))
            else:
                marked.append(op)
        return tuple(marked)

    def _id(self, root: Any) -> int:
        key = (root.source, root.number)
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key]

    def span_of(self, request: Request) -> int:
        """The id of a request's own span."""
        found = self.of_request.get(id(request))
        if found is None:
            found = self.of_request[id(request)] = self._id(request.root)
            self.kept.append(request)  # ids stay unique while it lives
        return found

    def open(self, frame: Frame, op: Any) -> None:
        """A step begins."""
        host = frame.host
        root = frame.root
        span = SpanRecord(
            root.source, root.number, self._id(root), self.span_of(host), KINDS[op.step.verb], op.word,
            host.replica.service.index, host.replica.number, self.engine.env.now, -1, -1,
        )
        self.spans.append(span)
        self.open_spans[id(frame)] = span
        self.kept.append(frame)
        if op.step.verb == Verb.PUBLISH:
            site = frame.site.sub(op.slot, op.word)
            self.publishers[root.source, root.number, id(site), frame.context] = span.span

    def close(self, frame: Frame, outcome: int) -> None:
        """A step has ended."""
        span = self.open_spans.pop(id(frame), None)
        if span is not None:
            span.end = self.engine.env.now
            span.outcome = outcome

    def served(self, request: Request, now: int) -> None:
        """A request left a service: its span, and its time in the queue."""
        root = request.root
        mine = self.span_of(request)
        parent = self._parent(request)
        service = request.replica.service.index
        name = self.engine.system.body_name(request.body)
        kind = "consume" if request.message is not None else "serve"
        number = request.replica.number
        if request.begin > request.arrive:
            self.spans.append(SpanRecord(
                root.source, root.number, self._id(root), mine, "queue", name, service, number, request.arrive,
                request.begin, 0,
            ))
        self.spans.append(SpanRecord(
            root.source, root.number, mine, parent, kind, name, service, number, request.arrive, now, request.outcome,
            self._publisher(request),
        ))
        self.close_all(request, now)

    def _publisher(self, request: Request) -> int:
        """The span that published a request's message, -1 for none."""
        message, root = request.message, request.root
        if message is None:
            return -1
        found = self.publishers.get((root.source, root.number, id(message.site), message.context), -1)
        if request.outcome <= kernel.DEGRADED:
            self.heard.add((root.source, root.number, found))
        return found

    def close_all(self, request: Request, now: int) -> None:
        """Steps of a request that failed half-way end with it."""
        span = self.open_spans.pop(id(request), None)
        if span is not None:
            span.end, span.outcome = now, request.outcome

    def finished(self) -> list[SpanRecord]:
        """The spans that have an end."""
        return [span for span in self.spans if span.end >= 0]

    def expects_messages(self) -> bool:
        """Whether a message that a traced request published may still be on its way to a consumer, or at work there."""
        return any((source, number, span) not in self.heard for (source, number, *_), span in self.publishers.items())

    def let_go(self, request: Request) -> None:
        """The caller waits no longer: remember who it was."""
        self.parents[id(request)] = self._parent(request)
        self.kept.append(request)

    def _parent(self, request: Request) -> int:
        """The span around a request: its caller's step, the client (0), or for a message the root's."""
        known = self.parents.get(id(request))
        if known is not None:
            return known
        call = request.call
        frame = call.frame if call is not None else None
        if frame is not None and frame.host is not None:
            span = self.open_spans.get(id(frame))
            return span.span if span is not None else self.span_of(frame.host)
        return 0

    def backoff(self, call: Any, delay: int) -> None:
        """A pause before the next try."""
        frame, root, now = call.frame, call.root, self.engine.env.now
        parent, service, replica = 0, -1, -1
        if frame is not None and frame.host is not None:
            open_span = self.open_spans.get(id(frame))
            parent = open_span.span if open_span is not None else self.span_of(frame.host)
            service, replica = frame.host.replica.service.index, frame.host.replica.number
        self.spans.append(SpanRecord(
            root.source, root.number, self._id(root), parent, "backoff", call.op.word, service, replica, now,
            now + delay, 0,
        ))

    def root(self, call: Any, now: int, outcome: int) -> None:
        """A traced root request has ended: span 0 of its trace."""
        if outcome >= 0:
            body = call.op.target
            self.spans.append(SpanRecord(
                call.source, call.number, 0, -1, "client", self.engine.system.body_name(body),
                self.engine.system.bodies[body].service, -1, call.arrival, now, outcome,
            ))
