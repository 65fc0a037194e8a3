"""Laws that hold exactly in every run, whatever the system: conservation, Little's law, the utilisation law."""

from __future__ import annotations

import numpy as np
import pytest
from harness import station
from systems import random_system

from msforge import sim
from msforge.model import compile_system
from msforge.model.plan import System, Verb
from msforge.recording.records import CHANNEL_COUNTS, EDGE_COUNTS, REPLICA_TICKS, STORE_COUNTS, SUM, Records
from msforge.spec import load_text

SYSTEMS = 60


def last_ticks(records: Records, service: int) -> np.ndarray:
    """The last row of ticks of each replica of a service."""
    rows: dict[int, np.ndarray] = {}
    for row in records.replica_ticks:
        number = int(row[REPLICA_TICKS.index("replica")])
        if records.replicas[number].service == service:
            rows[number] = row
    return np.array([rows[k] for k in sorted(rows)])


def total(rows: np.ndarray, column: str) -> int:
    """Sum over replicas."""
    return int(rows[:, REPLICA_TICKS.index(column)].sum())


def check_conservation(system: System, records: Records) -> None:
    """What arrived has finished or is in flight."""
    for arrived, *ended, in_flight in records.sources.tolist():
        assert arrived == sum(ended) + in_flight
    for service in system.services:
        rows = last_ticks(records, service.index)
        assert total(rows, "arrived") == total(rows, "finished") + total(rows, "busy") + total(rows, "waiting")
        groups = [len(records.entries) + b for b in service.bodies]
        assert int(sum(records.answers[g].sum() for g in groups)) == total(rows, "finished")
        assert int(sum(records.moments[g, :, :, 0].sum() for g in groups)) == total(rows, "finished")
    for counts in records.store_counts:
        named = dict(zip(STORE_COUNTS, counts.tolist(), strict=True))
        assert named["arrived"] == named["finished"] + named["in_flight"]
    for channel, counts in zip(system.channels, records.channel_counts, strict=True):
        named = dict(zip(CHANNEL_COUNTS, counts.tolist(), strict=True))
        groups = max(1, len(channel.consumers)) if channel.topic else 1
        assert named["published"] * groups == named["done"] + named["dead"] + named["dropped"] + named["in_flight"]
        assert named["delivered"] >= named["done"] + named["dead"]
    for counts, tries, calls in zip(records.edge_counts, records.edge_tries, records.edge_calls, strict=True):
        named = dict(zip(EDGE_COUNTS, counts.tolist(), strict=True))
        assert int(calls.sum()) <= named["calls"]  # a call whose caller died has no outcome
        assert int(tries.sum()) <= named["tries"]
        assert named["tries"] <= named["calls"] + named["retries"] + named["hedges"]  # refused attempts send none


def check_little(system: System, records: Records) -> None:
    """The area under the number in a service is the sum of the times spent there, to the nanosecond.

    Little's law L = X T, multiplied out: nothing is estimated. Deliveries of messages wait in
    their channel, so a worker's waits are not its own.
    """
    for service in system.services:
        if any(system.bodies[b].consumer >= 0 for b in service.bodies):
            continue
        rows = last_ticks(records, service.index)
        if total(rows, "busy") or total(rows, "waiting"):
            continue
        spent = sum(float(records.moments[len(records.entries) + b, :, :, SUM].sum()) for b in service.bodies)
        area = total(rows, "busy_area") + total(rows, "wait_area")
        assert spent == pytest.approx(area, rel=1e-12, abs=1)


@pytest.mark.parametrize("number", range(SYSTEMS))
def test_conservation_and_littles_law_in_random_systems(number: int) -> None:
    system = compile_system(load_text(random_system(number)))
    records = sim.run(system, seed=number)
    assert int(records.sources[:, 0].sum()) > 20
    check_conservation(system, records)
    check_little(system, records)


def test_random_systems_meet_every_outcome_and_verb() -> None:
    """The laws above would be cheap to keep if the systems were tame."""
    outcomes = np.zeros(13, dtype=np.int64)
    verbs = set()
    for number in range(0, SYSTEMS, 2):
        system = compile_system(load_text(random_system(number)))
        verbs |= {step.verb for step in system.steps}
        records = sim.run(system, seed=number)
        outcomes += records.answers.sum(axis=(0, 1)) + records.edge_calls.sum(axis=0)
    unseen = {0, 1, 2, 4, 5, 6, 7, 8, 9, 11, 12} - set(np.flatnonzero(outcomes).tolist())
    assert not unseen
    assert {Verb.WORK, Verb.WAIT, Verb.CALL, Verb.PARALLEL, Verb.READ, Verb.WRITE, Verb.PUBLISH, Verb.FAIL} <= verbs


@pytest.mark.parametrize("threads", [1, 3, "unlimited"])
def test_utilisation_law(threads: int | str) -> None:
    """Busy time is exactly the number served times a constant service time: U = X S."""
    system = compile_system(load_text(station(50.0, "wait: 7ms", 4000, threads=threads)))
    records = sim.run(system)
    rows = last_ticks(records, 0)
    assert total(rows, "busy_area") == total(rows, "finished") * 7_000_000


def test_work_is_conserved_under_sharing() -> None:
    """The area under the busy cores is exactly the work done, however it was sliced."""
    system = compile_system(load_text(station(60.0, "work: 10ms", 3000, threads=50, more="    cpu: 2\n")))
    records = sim.run(system)
    rows = last_ticks(records, 0)
    done = total(rows, "finished")
    assert total(rows, "cpu_area") == pytest.approx(done * 10_000_000, abs=2 * done)
