"""The control beside a run: how much slower is the machine than when it was calibrated?"""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import msforge
from msforge.live import state
from msforge.model.overheads import Overheads
from msforge.verification import calibration, control, run
from msforge.verification.control import Control, Pace, pace_of
from msforge.verification.home import runs_folder
from msforge.verification.machine import Usage
from tests.verification.test_calibration import SEEN, simulated_run, taken


def slower(level: float, spread: float) -> dict[str, tuple[float, ...]]:
    return dict(Overheads(SEEN).varied(level, spread).samples)


@pytest.mark.parametrize(("level", "spread"), [(1.0, 1.0), (1.4, 1.0), (0.8, 1.5)])
def test_the_pace_is_found_again(level: float, spread: float) -> None:
    found = pace_of(slower(level, spread), SEEN)
    assert found is not None
    assert (found.level, found.spread) == (pytest.approx(level), pytest.approx(spread))
    assert found.seen == slower(level, spread)


def test_one_overhead_twice_as_long_and_another_half_is_the_same_pace() -> None:
    doubled, halved = slower(2.0, 1.0)["step"], slower(0.5, 1.0)["call"]
    found = pace_of({**SEEN, "step": doubled, "call": halved}, SEEN)
    assert found is not None and found.level == pytest.approx(1.0)


@pytest.mark.parametrize("seen", [{}, {"step": SEEN["step"]}, {**SEEN, "call": SEEN["call"][:9]},
                                  {**SEEN, "call": (0.0,) * 60}])
def test_too_little_is_no_pace(seen: dict[str, tuple[float, ...]]) -> None:
    assert pace_of(seen, SEEN) is None


@pytest.mark.parametrize(("rate", "relays"), [(0.1, 1.43), (10.0, 2.86), (500.0, 5.71)])
def test_it_is_asked_as_often_as_a_replica_beside_it_within_bounds(rate: float, relays: float) -> None:
    [found] = re.findall(r"rate: ([\d.]+)/s", control.description(rate))
    assert float(found) == relays


@pytest.mark.parametrize(("pace", "says"), [(Pace(2.1, 1.0), "2.1 times as long"), (Pace(1.0, 2.2), "2.2 times as"),
                                            (Pace(1.9, 1.9), ""), (Pace(0.5, 0.5), "")])
def test_nothing_is_said_of_a_machine_that_is_too_slow_or_unsteady(pace: Pace, says: str) -> None:
    noted: Any = SimpleNamespace(usage=Usage(), load=SimpleNamespace(late=False), died=[], scale=1.0)
    told = run._reasons(noted, simulated_run(), taken(), pace)
    assert says in told[0] if says else told == []


def test_what_the_machine_adds_goes_at_the_pace_of_the_run() -> None:
    kept = calibration.Calibration({}, "", {"call": (1e6, 2e6, 3e6)}, {})
    assert run._on_the_clock(kept, Pace(1.5, 1.0)).median("call") == pytest.approx(3e6)
    assert run._on_the_clock(kept, None) == kept.overheads
    seen = Pace(1.5, 1.0, {"step": (7e6,)})  # what was seen in the run itself is not guessed at
    assert run._on_the_clock(kept, seen).samples == {"call": pytest.approx((1.5e6, 3e6, 4.5e6)), "step": (7e6,)}
    assert run._on_the_clock(None, Pace(1.5, 1.0)) == Overheads({})


@pytest.mark.parametrize(("pace", "says"), [(Pace(1.3, 1.0), "1.30 times as long"), (Pace(1.02, 1.0), ""),
                                            (Pace(2.1, 1.0), ""), (None, "too rarely")])
def test_a_reader_is_told(pace: Pace | None, says: str) -> None:
    told = run._told(taken(), pace)
    assert says in told[0] if says else told == []
    assert run._told(None, pace) == []


def test_it_really_runs_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path))
    with Control(20.0) as beside:
        [folder] = runs_folder().iterdir()
        running = state.read(folder / "system")
        time.sleep(8)
    assert running is not None
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", running.port), timeout=2):
        pass
    assert list(runs_folder().iterdir()) == []
    assert {name for name, values in beside.samples.items() if len(values) > 20} == set(calibration.CONTROLLED)
    assert all(min(values) >= 0 and list(values) == sorted(values) for values in beside.samples.values())


def test_it_is_down_when_what_it_stands_beside_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path))
    beside = Control(20.0)
    with pytest.raises(msforge.MsforgeError, match="no port"), beside:
        raise msforge.MsforgeError("no port")
    assert list(runs_folder().iterdir()) == [] and beside.samples == {}


def test_one_that_dies_on_the_way_spoils_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path))
    with Control(20.0) as beside:
        [folder] = runs_folder().iterdir()
        msforge.down(folder / "system")
    assert beside.samples == {} and list(runs_folder().iterdir()) == []
