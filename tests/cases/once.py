"""What several workers of pytest-xdist need and one has to make: the others wait for it.

A worker may be given tests of a module whose fixture another one is busy with. Running the whole table twice at the
same time would cost minutes and make both late.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from judge import Wrong

PATIENCE = 1800.0
"""Seconds to wait for another worker."""


def once(name: str, factory: pytest.TempPathFactory, worker: str, make: Callable[[], Wrong]) -> Wrong:
    """`make()`, or what another worker of this run made of it. `worker` is pytest-xdist's `worker_id`."""
    if worker == "master":
        return make()
    place = factory.getbasetemp().parent / f"{name}.json"
    try:
        os.close(os.open(place.with_suffix(".mine"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return _awaited(name, place)
    found: Wrong | None = None
    try:
        found = make()
        return found
    finally:
        rows = None if found is None else [[*case, lines] for case, lines in found.items()]
        place.with_suffix(".part").write_text(json.dumps(rows), "utf-8")
        place.with_suffix(".part").replace(place)


def _awaited(name: str, place: Path) -> Wrong:
    end = time.monotonic() + PATIENCE
    while not place.exists():
        assert time.monotonic() < end, f"no worker finished {name}"
        time.sleep(0.25)
    rows = json.loads(place.read_text("utf-8"))
    assert rows is not None, f"{name} failed in another worker"
    return {(bench, case): lines for bench, case, lines in rows}
