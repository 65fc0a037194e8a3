"""A random sample of a run's requests, whose traces are recorded: drawn by key, so that it is always the same."""

from __future__ import annotations

from heapq import nlargest

import numpy as np

from msforge.model.plan import System
from msforge.policies import draws
from msforge.recording.records import Records

RANDOM_BITS = 56
"""Of a trace's random value, as OpenTelemetry's consistent probability sampling has it."""


def random_value(key: int, number: int) -> int:
    """A request's random value, 0 .. 2**56 - 1; `key` is its source's. The last 4 bits are 0: a float holds it."""
    return draws.raw(draws.child_key(key, "@trace"), number) >> 12 << 4


def sample(
    system: System, records: Records, count: int, begin: int, end: int
) -> tuple[frozenset[tuple[int, int]], float]:
    """`count` of the requests (source, number) that arrived in [begin, end) ns, and the share that they are.

    They are those with the largest random values; the share is 1 - T / 2**56, T the least value among them, which is
    what the sampling threshold of a `tracestate` means. None when the run kept no rows; all when there are no more.
    """
    rows = records.roots
    inside = (rows["arrival"] >= begin) & (rows["arrival"] < end)
    pairs = np.unique(np.stack((rows["source"][inside], rows["number"][inside]), 1), axis=0).tolist()
    keys = [source_key(records.seed, records.replication, source.name) for source in system.sources]
    if len(pairs) <= count:
        return frozenset((source, number) for source, number in pairs), 1.0
    found = nlargest(count, ((random_value(keys[source], number), source, number) for source, number in pairs))
    return frozenset((source, number) for _, source, number in found), 1.0 - found[-1][0] / 2.0**RANDOM_BITS


def source_key(seed: int, replication: int, source: str) -> int:
    """The key of a source's draws."""
    return draws.stream_key(seed, "replication", replication, "source", source)
