"""Which requests are worth a trace: per entry the slowest, the median, and one of each failure."""

from __future__ import annotations

import numpy as np

from msforge.recording.records import Records
from msforge.records import ANSWERED, OUTCOMES

MOST = 40  # traces of one run


def chosen(records: Records, warmup: int, end: int) -> frozenset[tuple[int, int]]:
    """(source, number) of the requests to trace, of those that arrived in [warmup, end) ns.

    Of the answered requests the slowest and the median by latency (the first to arrive of equals), of every
    failing outcome the first. Empty when the rows were not kept.
    """
    rows = records.roots
    inside = (rows["arrival"] >= warmup) & (rows["arrival"] < end)
    found: dict[tuple[int, int], None] = {}
    for source, target in records.entries:
        mine = np.flatnonzero(inside & (rows["source"] == source) & (rows["target"] == target))
        outcome = rows["outcome"][mine]
        answered = mine[np.isin(outcome, ANSWERED)]
        latency = rows["end"][answered] - rows["arrival"][answered]
        order = answered[np.argsort(latency, kind="stable")]
        picks = [order[-1], order[(len(order) - 1) // 2]] if len(order) else []
        for failure in range(2, OUTCOMES):
            failed = mine[outcome == failure]
            if len(failed):
                picks.append(failed[0])
        for row in picks:
            found[(source, int(rows["number"][row]))] = None
    return frozenset(list(found)[:MOST])
