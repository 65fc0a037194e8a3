"""Little's law and the utilisation law: they hold when the records are whole, and fail when something is missing."""

from __future__ import annotations

import numpy as np

from msforge.recording.records import REPLICA_TICKS
from msforge.records import SECOND, Outcome
from msforge.results import summarise
from msforge.results.result import Check
from tests.results.handmade import MS, Book, shop


def book() -> Book:
    found = Book(shop(), 130)
    rng = np.random.default_rng(8)
    for n in range(1000):
        at = n * SECOND // 10
        wait, work = int(rng.exponential(30)) * MS, int(rng.exponential(70)) * MS
        found.serve(1, at, at, at + wait + work, wait=wait)
        found.root(at, at + wait + work)
    return found


def checks(records: object) -> dict[tuple[str, str], Check]:
    return {(c.law, c.name): c for c in summarise(shop(), [records]).checks}  # type: ignore[list-item]


def test_the_laws_hold_and_show_their_figures() -> None:
    found = checks(book().records())
    assert {law for law, name in found if name == "pay"} == {"little", "little_queue", "utilisation"}
    assert all(check.holds for check in found.values())
    little = found["little", "pay"]
    assert little.left > 0.5 and abs(little.residual) < 0.005
    assert abs(found["little_queue", "pay"].residual) < 0.01


def test_a_lost_area_is_found() -> None:
    records = book().records()
    busy = REPLICA_TICKS.index("busy_area")
    records.replica_ticks[:, busy] = records.replica_ticks[:, busy] * 8 // 10
    found = checks(records)
    assert not found["little", "pay"].holds and not found["utilisation", "pay"].holds
    assert found["little", "pay"].residual < -0.05


def test_lost_rows_are_found() -> None:
    whole = book()
    whole_records = whole.records()
    whole.served = whole.served[::2]
    records = whole.records()
    records.replica_ticks = whole_records.replica_ticks
    assert not checks(records)["little", "pay"].holds


def test_where_requests_leave_the_queue_unserved_only_the_whole_is_checked() -> None:
    some = book()
    some.serve(1, 50 * SECOND, 50 * SECOND, 50 * SECOND + 200 * MS, wait=-1, outcome=Outcome.RESET)
    assert {law for law, name in checks(some.records()) if name == "pay"} == {"little"}
