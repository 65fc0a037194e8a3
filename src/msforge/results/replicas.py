"""Each replica over time, read from the data that a stored Result carries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msforge.recording.records import REPLICA_TICKS
from msforge.results.pack import unpack
from msforge.results.result import Result


@dataclass(frozen=True)
class ReplicaCourse:
    """One replica of the first replication, a value per bucket of the Result's series."""

    service: int
    """Its service's place in `Result.services`."""
    name: str
    utilisation: list[float | None]
    """Busy thread time / thread time, 0..1; None while it was not there, or when its threads are unlimited."""
    waiting: list[float]
    """Mean number waiting in the bucket."""


def replica_courses(result: Result) -> list[ReplicaCourse]:
    """The first replication's replicas in the order of their numbers; [] for a Result stored without its data."""
    if not result.data:
        return []
    records = unpack(result.data[0])
    buckets, window = result.series.buckets, records.window
    first = result.series.begin // window
    column = {name: i for i, name in enumerate(REPLICA_TICKS)}
    table = np.zeros((len(records.replicas), first + buckets, 3))
    for row in records.replica_ticks:
        if row[column["tick"]] < first + buckets:
            areas = row[column["busy_area"]], row[column["wait_area"]], row[column["threads_area"]]
            table[row[column["replica"]], row[column["tick"]]] = areas
    # Before its birth and after its end a replica has no ticks: the areas stand still.
    steps = np.diff(np.maximum.accumulate(table, axis=1), axis=1, prepend=0.0)[:, first:]
    names = [service.name for service in result.services]
    return [
        ReplicaCourse(
            replica.service,
            f"{names[replica.service]}#{replica.ordinal}",
            [float(busy / there) if there > 0 else None for busy, there in zip(own[:, 0], own[:, 2], strict=True)],
            [float(value) for value in own[:, 1] / window],
        )
        for replica, own in zip(records.replicas, steps, strict=True)
    ]
