"""From trees of spans to visits: who served, whom it called, which stores and channels it used, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

from msforge.draft import attributes as on
from msforge.draft.forest import Forest
from msforge.draft.naming import Operation, operation_of
from msforge.draft.notes import Notes, plain
from msforge.draft.seen import Entry, Item, Seen, Target, Visit
from msforge.traces import Span

MOST_ITEMS = 300  # that one request did and that are looked at
UNKNOWN = "unknown"


def walk(forest: Forest, notes: Notes) -> Seen:
    """Everything the traces show."""
    return _Walk(forest, notes).run()


@dataclass(slots=True)
class _At:
    """Where a span stands: in which visit, below which call, and below whose span."""

    visit: Visit | None
    call: Item | None
    above: Span | None
    source: str = ""


class _Walk:
    def __init__(self, forest: Forest, notes: Notes) -> None:
        self.forest = forest
        self.notes = notes
        self.seen = Seen()
        self.open_calls: list[tuple[Item, str]] = []  # calls whose server was not heard, with who called
        self.client_of: dict[tuple[str, str, str], Target] = {}
        self.sent: dict[tuple[str, str], str] = {}    # a publisher's span -> its channel
        self.serving = {span.service for span in forest.spans.values() if span.kind in ("server", "consumer")}

    def run(self) -> Seen:
        """All trees."""
        for span in self.forest.spans.values():
            if on.is_send(span):
                self.sent[span.trace, span.span] = on.channel_of(span)
            if not self.seen.namespace:
                self.seen.namespace = str(span.resource.get("service.namespace", ""))
        for root in self.forest.roots:
            stack = [(root, _At(None, None, None))]
            while stack:
                span, at = stack.pop()
                below = self._look(span, at)
                stack += [(child, below) for child in reversed(self.forest.under(span))]
        if not self.seen.visits:
            self._roots_alone()
        self._resolve()
        for visit in self.seen.visits:
            self._tidy(visit)
        return self.seen

    # -- what a span is --------------------------------------------------------------------------

    def _look(self, span: Span, at: _At) -> _At:
        """Takes a span in; gives where its children stand."""
        if self._serves(span, at):
            return _At(self._visit(span, at), None, span)
        if on.database(span):
            if at.visit is not None and not self._inside_store(at):
                self._store(span, at.visit)
        elif on.is_send(span):
            if at.visit is not None:
                self._publish(span, at.visit)
            return _At(None, None, span)
        elif span.kind == "client" and at.call is None:
            return self._call(span, at)
        elif span.attributes.get("msforge.step") == "queue" and at.visit is not None:
            at.visit.queue += span.took
        return _At(at.visit, at.call, span, at.source)

    def _serves(self, span: Span, at: _At) -> bool:
        if span.kind == "server" or (span.kind == "consumer" and not on.is_poll(span)):
            return True
        if span.kind not in ("internal", "unspecified"):
            return False
        if "msforge.endpoint" in span.attributes:
            return True
        if at.above is not None:
            return bool(span.service) and span.service != at.above.service and not on.database(span)
        inner = self.forest.under(span)
        return span.service in self.serving or any(on.database(one) or on.is_send(one) for one in inner)

    @staticmethod
    def _inside_store(at: _At) -> bool:
        return at.above is not None and bool(on.database(at.above))

    def _visit(self, span: Span, at: _At) -> Visit:
        operation = operation_of(span)
        if span.kind == "consumer":  # an endpoint may have the same name, and is another thing
            operation = Operation(f"consumer {operation.key}", operation.name, operation.http, operation.grpc)
        visit = Visit(
            span.service or UNKNOWN, operation, span.begin, span.end, span.failed, on.weight_of(span),
            instance=on.instance_of(span),
        )
        self.seen.visits.append(visit)
        if span.kind == "consumer":
            channel = next((self.sent[link.trace, link.span] for link in span.links
                            if (link.trace, link.span) in self.sent), "")
            if not channel and at.above is not None:
                channel = self.sent.get((at.above.trace, at.above.span), "")
            visit.channel = channel or on.channel_of(span)
            self.seen.channels.setdefault(visit.channel, on.messaging(span))
            return visit
        if at.call is not None:
            self._answered(at, span, visit)
        elif at.visit is not None:
            self._direct(span, at.visit, visit)
        else:
            self.seen.entries.append(Entry(at.source, visit.key, span.begin, visit.weight))
        return visit

    def _answered(self, at: _At, span: Span, visit: Visit) -> None:
        """A call's server: who it was for, and how long the way took."""
        call = at.call
        assert call is not None
        if call.target[0]:
            call.tries += 1
        call.target = visit.key
        client = call.client
        if client is not None:
            self.client_of[client.service, client.name, on.peer_of(client)] = visit.key
            if at.visit is None:
                self.seen.entries.append(Entry(client.service, visit.key, client.begin, visit.weight))
            if client.service != span.service and not client.failed and span.took <= client.took:
                self._hop(client, span)

    def _hop(self, client: Span, server: Span) -> None:
        there, back = server.begin - client.begin, client.end - server.end
        if there < 0 or back < 0:
            self.notes.add(
                f"clock skew: {plain(client.service)} and {plain(server.service)} do not agree on the time; "
                "half of the difference in duration is taken as the way"
            )
            there = back = (client.took - server.took) // 2
        self.seen.hops += (there, back)

    def _direct(self, span: Span, caller: Visit, visit: Visit) -> None:
        """A server's span right below its caller's, which has none for the call."""
        begin, end = span.begin, span.end
        if span.service != caller.service and span.took <= caller.end - caller.begin and not (
            caller.begin <= begin and end <= caller.end
        ):
            self.notes.add(
                f"clock skew: {plain(span.service)} answers {plain(caller.service)} outside of the call; moved into it"
            )
            begin = min(max(begin, caller.begin), caller.end - span.took)
            end = begin + span.took
        caller.items.append(Item("call", visit.key, begin, end, span.failed, on.timed_out(span)))

    def _call(self, span: Span, at: _At) -> _At:
        gave_up = span.failed and on.timed_out(span)
        call = Item("call", ("", ""), span.begin, span.end, span.failed, gave_up, client=span)
        if at.visit is not None:
            at.visit.items.append(call)
        self.open_calls.append((call, span.service))
        return _At(at.visit, call, span)

    def _store(self, span: Span, visit: Visit) -> None:
        store = on.store_of(span)
        self.seen.stores.setdefault(store, on.database(span))
        kind = "write" if on.is_write(span) else "read"
        visit.items.append(Item(kind, (store, ""), span.begin, span.end, span.failed))

    def _publish(self, span: Span, visit: Visit) -> None:
        channel = on.channel_of(span)
        self.seen.channels.setdefault(channel, on.messaging(span))
        visit.items.append(Item("publish", (channel, ""), span.begin, span.end, span.failed))

    # -- afterwards ------------------------------------------------------------------------------

    def _roots_alone(self) -> None:
        """Traces without any server's span: what began them is all there is."""
        self.notes.add("no span says that it served a request; where each trace begins is taken for that")
        for root in self.forest.roots:
            operation = operation_of(root)
            visit = Visit(
                root.service or UNKNOWN, operation, root.begin, root.end, root.failed, on.weight_of(root),
                instance=on.instance_of(root),
            )
            self.seen.visits.append(visit)
            self.seen.entries.append(Entry("", visit.key, root.begin, visit.weight))
            for child in self.forest.under(root):
                if child.kind == "client" and on.database(child):
                    self._store(child, visit)

    def _resolve(self) -> None:
        """Calls whose server was not heard: one that another call of that name reached, or somebody outside."""
        heard = {visit.key for visit in self.seen.visits}
        for call, service in self.open_calls:
            span = call.client
            if call.target[0] or span is None:
                continue
            peer = on.peer_of(span) or f"{service}-{UNKNOWN}"
            operation = operation_of(span)
            known = self.client_of.get((service, span.name, on.peer_of(span)))
            call.target = known or (peer, operation.key)
            if known is None and call.target not in heard:
                self.seen.external.setdefault(call.target, operation)
                self.seen.answers.setdefault(call.target, []).append(call)

    def _tidy(self, visit: Visit) -> None:
        """What it did in order, tries of one call together."""
        visit.items.sort(key=lambda item: (item.begin, item.end))
        if len(visit.items) > MOST_ITEMS:
            self.notes.add(
                f"large: a request of {plain(visit.service)} did more than {MOST_ITEMS} things; only the first are used"
            )
            del visit.items[MOST_ITEMS:]
        kept: list[Item] = []
        last: dict[tuple[str, Target], Item] = {}
        for item in visit.items:
            before = last.get(item.label)
            item.single = item.end - item.begin
            if item.kind == "call" and before is not None and before.failed and before.end <= item.begin:
                before.tries += item.tries
                before.pause = item.begin - before.end
                before.end, before.failed, before.single = item.end, item.failed, item.single
                before.timed_out = before.timed_out or item.timed_out
                continue
            last[item.label] = item
            kept.append(item)
        visit.items = kept


def operations(seen: Seen) -> dict[Target, Operation]:
    """The operation of each endpoint and consumer, the one with the most to say."""
    found: dict[Target, Operation] = {}
    for visit in seen.visits:
        found.setdefault(visit.key, visit.operation)
    return found
