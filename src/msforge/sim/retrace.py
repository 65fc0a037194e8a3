"""Whole traces of a few requests: the same run once more, recording only those."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from msforge.errors import ConservationError, UsageError
from msforge.model.plan import System
from msforge.recording.records import Records, SpanRecord
from msforge.records import SECOND
from msforge.sim.engine import Engine
from msforge.sim.run import without_collector

MOST_SPANS = 1_000_000
"""Of all traces together; each takes about half a kilobyte of memory."""


def retrace(
    system: System, records: Records, traces: frozenset[tuple[int, int]], *, share: float = 0.0,
    stop: Callable[[], bool] | None = None,
) -> list[SpanRecord]:
    """The spans of the requests `traces` (source, number) of a run that left `records`.

    The run is repeated from its seed up to the last of them, and until the messages they published are consumed (at
    most `drain` longer). `stop` ends it early, with no spans. `share` is that of a random sample, for the spans to say.
    Raises ConservationError when a request does not end as it did the first time (a bug in msforge: every draw is
    keyed), UsageError for more than MOST_SPANS spans.
    """
    if not traces:
        return []
    ends = _ends(records, traces)
    last = max(ends.values(), default=0)
    engine = Engine(system, seed=records.seed, replication=records.replication, traces=traces)
    assert engine.tracer is not None
    with without_collector():
        while engine.env.now <= last:
            if stop is not None and stop():
                return []
            engine.run_to(min(last + 1, engine.env.now + SECOND))
            if len(engine.tracer.spans) > MOST_SPANS:
                raise UsageError(
                    f"the {len(traces)} requests to trace have more than {MOST_SPANS:,} spans",
                    hint="trace fewer of them: --traces-count",
                )
        limit = min(records.end, last + system.run.drain) if system.channels else last
        while engine.env.now < limit and engine.tracer.expects_messages():  # what they published is consumed later
            if stop is not None and stop():
                return []
            engine.run_to(min(limit, engine.env.now + SECOND))
    seen = {(s.source, s.number, s.begin): s.end for s in engine.tracer.spans if s.kind == "client"}
    for key, end in ends.items():
        if seen.get(key) != end:
            raise ConservationError(f"request {key[1]} of source {key[0]} ended at {seen.get(key)}, not at {end}")
    found = engine.tracer.finished()
    for span in found:
        span.sampled = share
    return sorted(found, key=lambda s: (s.source, s.number, s.begin, s.span))


def _ends(records: Records, traces: frozenset[tuple[int, int]]) -> dict[tuple[int, int, int], int]:
    """When each chosen request ended, by source, number and arrival."""
    rows = records.roots
    wanted = np.array([(s, n) in traces for s, n in zip(rows["source"].tolist(), rows["number"].tolist(), strict=True)])
    if not len(wanted):
        return {}
    keys = zip(*(rows[name][wanted].tolist() for name in ("source", "number", "arrival", "end")), strict=True)
    return {(source, number, arrival): end for source, number, arrival, end in keys}
