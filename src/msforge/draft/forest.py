"""Spans as trees: parents found, cycles cut, roots told from orphans."""

from __future__ import annotations

from msforge.draft.notes import Notes
from msforge.traces import Span

Id = tuple[str, str]


class Forest:
    """Spans by id, the children of each in order of time, and the roots."""

    def __init__(self, spans: list[Span], notes: Notes) -> None:
        self.spans: dict[Id, Span] = {(span.trace, span.span): span for span in spans}
        self.children: dict[Id, list[Span]] = {}
        self.roots: list[Span] = []
        orphans = 0
        for span in sorted(self.spans.values(), key=lambda one: (one.begin, one.end, one.span)):
            above = (span.trace, span.parent)
            if span.parent and above in self.spans:
                self.children.setdefault(above, []).append(span)
                continue
            orphans += bool(span.parent)
            self.roots.append(span)
        if orphans:
            notes.add(
                f"incomplete: {orphans:,} of {len(self.spans):,} spans name a parent that is not there; they are taken "
                "as where a request came in"
            )
        self._cut_cycles(notes)

    def under(self, span: Span) -> list[Span]:
        """The children of a span."""
        return self.children.get((span.trace, span.span), [])

    def _cut_cycles(self, notes: Notes) -> None:
        """What no root leads to is a cycle: its earliest span becomes a root."""
        reached: set[Id] = set()
        for root in self.roots:
            self._reach(root, reached)
        if len(reached) == len(self.spans):
            return
        for span in sorted(self.spans.values(), key=lambda one: (one.begin, one.span)):
            if (span.trace, span.span) in reached:
                continue
            notes.add("cyclic: spans that are their own ancestors; the earliest of them is taken as where it began")
            self.children[span.trace, span.parent].remove(span)
            self.roots.append(span)
            self._reach(span, reached)

    def _reach(self, root: Span, reached: set[Id]) -> None:
        stack = [root]
        while stack:
            span = stack.pop()
            if (span.trace, span.span) not in reached:
                reached.add((span.trace, span.span))
                stack += self.under(span)
