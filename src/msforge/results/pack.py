"""Records and plans as plain JSON data, so that any window of a stored result can be read later.

Arrays are sparse: `at` holds the gaps between flat indices of the values that are not 0, `of` those values. Root rows
stay out: a stored result reads percentiles of other windows from buckets.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msforge.errors import ResultFormatError
from msforge.model.plan import System
from msforge.recording.records import Happening, Histogram, Records, ReplicaRecord
from msforge.results.codec import CodecError, decode, encode

_ARRAYS = (
    "moments", "arrivals", "outcomes", "answers", "bands", "gone", "replica_ticks", "store_ticks", "edge_ticks",
    "channel_ticks", "store_counts", "edge_counts", "edge_tries", "edge_calls", "channel_counts", "sources",
    "measured_in_flight", "invocations", "billed", "cold_starts", "replica_seconds", "parts",
)
_PLAIN = ("replication", "seed", "window", "windows", "end", "interrupted", "bodies", "zone_bytes")


def pack_array(array: NDArray[Any]) -> dict[str, Any]:
    """`{shape, float, at, of}` of an array of integers or floats. Whole floats are written as integers."""
    flat = np.where(np.isfinite(array), array, 0).reshape(-1)  # least and most of no requests
    at = np.flatnonzero(flat)
    gaps = np.diff(at, prepend=0)
    values = flat[at].tolist()
    if array.dtype.kind == "f":
        values = [int(value) if value.is_integer() and abs(value) < 2**53 else value for value in values]
    return {"shape": list(array.shape), "float": array.dtype.kind == "f", "at": gaps.tolist(), "of": values}


def unpack_array(plain: dict[str, Any]) -> NDArray[Any]:
    """The array that `pack_array` wrote."""
    flat = np.zeros(int(np.prod(plain["shape"])), dtype=np.float64 if plain["float"] else np.int64)
    flat[np.cumsum(np.array(plain["at"], dtype=np.int64))] = plain["of"]
    return flat.reshape(plain["shape"])


def _pack_histogram(table: Histogram) -> dict[str, Any]:
    return {"keys": np.diff(table.keys, prepend=0).tolist(), "counts": table.counts.tolist()}


def _unpack_histogram(plain: dict[str, Any]) -> Histogram:
    keys = np.cumsum(np.array(plain["keys"], dtype=np.int64))
    return Histogram(keys, np.array(plain["counts"], dtype=np.int64))


def pack(records: Records) -> dict[str, Any]:
    """Plain data of one replication, without rows and spans."""
    plain: dict[str, Any] = {name: encode(getattr(records, name)) for name in _PLAIN}
    plain["entries"] = [list(entry) for entry in records.entries]
    plain |= {name: pack_array(getattr(records, name)) for name in _ARRAYS}
    plain["latency"], plain["wait"] = _pack_histogram(records.latency), _pack_histogram(records.wait)
    plain["causes"] = [[group, cause, records.causes[group, cause]] for group, cause in sorted(records.causes)]
    plain["sagas"] = [[step, *records.sagas[step]] for step in sorted(records.sagas)]
    plain["lost"] = {word: records.lost[word] for word in sorted(records.lost)}
    plain["store_busy"] = [levels.tolist() for levels in records.store_busy]
    plain["store_wait"] = [levels.tolist() for levels in records.store_wait]
    plain["replicas"] = [
        [r.number, r.service, r.ordinal, r.zone, r.version, r.born, r.died, r.busy_time.tolist(), r.wait_time.tolist()]
        for r in records.replicas
    ]
    plain["happenings"] = [encode(list(dataclasses.astuple(happening))) for happening in records.happenings]
    return plain


def _replica(row: list[Any]) -> ReplicaRecord:
    number, service, ordinal, zone, version, born, died, busy, waiting = row
    times = np.array(busy, dtype=np.int64), np.array(waiting, dtype=np.int64)
    return ReplicaRecord(number, service, ordinal, zone, version, born, died, *times)


def unpack(plain: dict[str, Any]) -> Records:
    """The Records that `pack` wrote, without rows. Raises ResultFormatError for anything else."""
    try:
        ints = np.int64
        scalars: dict[str, Any] = {name: plain[name] for name in _PLAIN}
        arrays: dict[str, Any] = {name: unpack_array(plain[name]) for name in _ARRAYS}
        return Records(
            **scalars,
            **arrays,
            entries=tuple((source, target) for source, target in plain["entries"]),
            roots={},
            rows_complete=False,
            latency=_unpack_histogram(plain["latency"]),
            wait=_unpack_histogram(plain["wait"]),
            causes={(group, cause): count for group, cause, count in plain["causes"]},
            sagas={step: (a, b, c) for step, a, b, c in plain["sagas"]},
            lost=dict(plain["lost"]),
            store_busy=[np.array(levels, dtype=ints) for levels in plain["store_busy"]],
            store_wait=[np.array(levels, dtype=ints) for levels in plain["store_wait"]],
            replicas=[_replica(row) for row in plain["replicas"]],
            happenings=[Happening(*row) for row in plain["happenings"]],
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ResultFormatError(
            f"the result's `data` is damaged ({type(error).__name__}: {error})",
            hint="run the simulation again with --out to write it anew",
        ) from None


def pack_plan(system: System) -> dict[str, Any]:
    """The plan as plain data, without fields at their defaults, the description, its place and replayed times."""
    plain = encode(system, sparse=True, skip=frozenset({"document", "file", "folder"}))
    for source in plain["sources"]:
        source["times"] = []
    assert isinstance(plain, dict)
    return plain


def unpack_plan(plain: dict[str, Any]) -> System:
    """The plan that `pack_plan` wrote. Raises ResultFormatError for anything else."""
    try:
        return decode(System, plain)
    except (CodecError, TypeError, ValueError) as error:
        raise ResultFormatError(
            f"the result's `plan` is damaged: {error}", hint="run the simulation again with --out to write it anew"
        ) from None
