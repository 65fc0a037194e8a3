"""The machine: who it is, and when it had no time to tell the truth."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from msforge import folders
from msforge.verification import machine
from msforge.verification.machine import Usage, Watch


def test_a_calm_machine_has_no_problems() -> None:
    assert Usage(10.0, 0.4, 0.9, 0.01, 0.1, 2**30).problems(latency=0.1, requests=1000) == []
    assert Usage().problems() == []


@pytest.mark.parametrize(
    ("usage", "word"),
    [
        (Usage(cpu=0.6), "CPU was 60%"), (Usage(steal=0.09), "took 9%"), (Usage(queued=22.0), "for a core for 22%"),
        (Usage(memory_least=10 * 2**20), "10 MB of memory"),
    ],
)
def test_each_problem_is_named(usage: Usage, word: str) -> None:
    [problem] = usage.problems(latency=0.1, requests=1000)
    assert word in problem


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: /proc")
def test_a_watch_sees_a_busy_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LOOK", 0.05)
    with Watch() as watch:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pass
    usage = watch.usage()
    assert usage.seconds >= 0.5
    assert usage.cpu is not None and usage.cpu > 0.5 / (os.cpu_count() or 1) * 0.5
    assert usage.steal is not None and 0 <= usage.steal < 1
    assert usage.queued is not None and usage.queued >= 0
    assert usage.memory_least is not None and usage.memory_least > 2**20


def test_psutil_tells_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:
        @staticmethod
        def cpu_times() -> tuple[float, ...]:
            from collections import namedtuple

            return namedtuple("T", "user system idle")(3.0, 1.0, 6.0)  # type: ignore[no-any-return]

        @staticmethod
        def virtual_memory() -> object:
            return type("M", (), {"available": 123})

    monkeypatch.setattr(machine.sys, "platform", "darwin")
    monkeypatch.setattr(machine, "_psutil", lambda: Fake)
    times = machine._times()
    assert times is not None and (times.busy, times.idle) == (4.0, 6.0)
    assert machine.memory_left() == 123
    monkeypatch.setattr(machine, "_psutil", lambda: None)
    assert machine._times() is None
    assert machine.memory_left() is None


@pytest.mark.parametrize(
    ("platform", "variable", "ending"),
    [
        ("linux", "XDG_CACHE_HOME", "msforge"), ("darwin", "HOME", "Library/Caches/msforge"),
        ("win32", "LOCALAPPDATA", "msforge/Cache"),
    ],
)
def test_each_system_keeps_caches_in_its_own_place(
    platform: str, variable: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MSFORGE_HOME", raising=False)
    monkeypatch.setattr(folders.sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert folders.cache() == tmp_path / Path(ending)
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path / "own"))
    assert folders.cache() == tmp_path / "own"


def test_a_machine_has_a_name_and_versions() -> None:
    known = machine.identity()
    assert set(known) == {"machine", "processor", "system", "python", *machine.PACKAGES}
    assert all(known.values())
