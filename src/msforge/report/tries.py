"""The tries of a call, out of its backoffs and of who served it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msforge.results.result import Trace


@dataclass
class Try:
    """One try of a call, or two that were hedged. Times in ns."""

    begin: int
    end: int
    outcome: str
    served: list[Trace] = field(default_factory=list)


def tries_of(call: Trace, inner: Sequence[Trace]) -> list[Try]:
    """A call's tries in order: a backoff ends one and begins the next.

    How one ended that was not the last is what its server said, when it said so in time; else it timed out.
    """
    tries = [Try(call.begin, call.end, call.outcome)]
    for pause in sorted((span for span in inner if span.kind == "backoff"), key=lambda span: span.begin):
        tries[-1].end = pause.begin
        tries.append(Try(pause.end, call.end, call.outcome))
    for span in inner:
        if span.kind == "serve":
            next(one for one in reversed(tries) if one.begin <= span.begin or one is tries[0]).served.append(span)
    for one in tries[:-1]:
        said = [span.outcome for span in one.served if span.end <= one.end]
        one.outcome = next((word for word in said if word not in ("ok", "degraded")), "timeout")
    return tries
