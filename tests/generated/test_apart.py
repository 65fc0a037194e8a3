"""Two replicas of one service in one process share nothing that either can change, and no module keeps any state."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import msforge
from msforge.catalog import example
from tests.generated.support import HERE


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `apart.py` says of the shop's order service: it calls, retries, breaks, writes and publishes."""
    folder = tmp_path_factory.mktemp("apart") / "made"
    msforge.new(example("shop").file, folder)
    done = subprocess.run(
        [sys.executable, str(HERE / "apart.py"), str(folder / "services" / "order")], capture_output=True, text=True,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_nothing_that_changes_is_held_by_both(seen: Any) -> None:
    assert seen["shared"] == []
    assert seen["held"] > 30, "it looked inside"
    assert seen["sessions_differ"]


def test_no_module_keeps_what_happened(seen: Any) -> None:
    assert seen["changed"] == []


def test_a_fault_of_one_is_not_the_others(seen: Any) -> None:
    assert seen["fault_set"] == 200 and min(seen["failed"]) >= 500  # 502: nobody is there to be called
    mine, yours = seen["faults"]
    assert [fault["id"] for fault in mine["faults"]] == ["f1"] and yours == {"faults": []}
    assert seen["counted"] == [True, False]
    assert seen["settings"] == [0, 1]


def test_the_look_would_find_a_shared_thing() -> None:
    sys.path.insert(0, str(HERE))
    try:
        from apart import held
    finally:
        sys.path.remove(str(Path(HERE)))
    common: dict[str, int] = {}
    one, other = {"a": [common]}, {"b": (common,)}
    assert [way for key, (way, _) in held(one, "x").items() if key in held(other, "x")] == ["replica['a'][0]"]
