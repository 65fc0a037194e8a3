"""Each replica a process: the same system, and nothing is left of it, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import msforge
from msforge.live import state
from msforge.live.children import Spawned
from msforge.live.fork_server import FORKS
from tests.live.conftest import PATIENCE, ask, command, environment, running, soon, start, start_with, until

SECONDS = 2.0
"""How long anything may be left of a system whose parent was killed, on an idle machine."""


@pytest.fixture(scope="module")
def processes(pair: Path) -> Iterator[Path]:
    with running(pair, "--processes"):
        yield pair


def pids(folder: Path) -> list[int]:
    return [r["pid"] for s in msforge.ps(folder)["services"] for r in s["replicas"]]


def replica(folder: Path, service: str, ordinal: int) -> dict[str, Any]:
    found = next(s for s in msforge.ps(folder)["services"] if s["name"] == service)
    return dict(found["replicas"][ordinal])


def front(folder: Path) -> str:
    return str(next(s["url"] for s in msforge.ps(folder)["services"] if s["name"] == "front")) + "/ask"


def test_each_replica_is_a_process_and_they_serve_together(processes: Path) -> None:
    found = pids(processes)
    assert len(set(found)) == 4 and msforge.ps(processes)["pid"] not in found
    result = msforge.send_traffic(processes, sets=["simulation.duration=1s"])
    (entry,) = result.entries
    assert entry["ok"] == entry["sent"] > 20 and result.way == "processes"
    assert until(lambda: msforge.ps(processes)["channels"]["news"]["done"] >= entry["sent"])


ZONAL = """\
msforge: 1
name: zonal
services:
  a: {zones: [west], endpoints: {far: {steps: [call: b.go]}, near: {steps: [call: c.go]}}}
  b: {zones: [east], endpoints: {go: {steps: [wait: 1ms]}}}
  c: {zones: [west], endpoints: {go: {steps: [wait: 1ms]}}}
network: {between_zones: {latency: 400ms}}
traffic: {t: {target: a.far, rate: 1/s}, u: {target: a.near, rate: 1/s}}
simulation: {duration: 2s}
"""


def test_the_way_between_zones_takes_its_time(tmp_path: Path) -> None:
    (tmp_path / "zonal.yaml").write_text(ZONAL, "utf-8")
    msforge.new(tmp_path / "zonal.yaml", tmp_path / "zonal")
    with running(tmp_path / "zonal", "--processes"):
        url = str(msforge.ps(tmp_path / "zonal")["services"][0]["url"])
        took = {}
        for endpoint in ("far", "near"):
            begun = time.monotonic()
            assert ask(f"{url}/{endpoint}")[0] == 200
            took[endpoint] = time.monotonic() - begun
    assert took["far"] >= 0.8 > took["near"], took


def test_faults_reach_the_processes(processes: Path) -> None:
    number = msforge.set_fault(processes, {"fail": "back", "status": 503})[0]
    assert ask(front(processes))[0] == 502
    msforge.clear_faults(processes, number)
    assert ask(front(processes))[0] == 200


def test_a_process_that_dies_is_started_again(processes: Path) -> None:
    before = replica(processes, "back", 0)
    os.kill(before["pid"], signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    assert until(lambda: replica(processes, "back", 0)["state"] == "ready"
                 and replica(processes, "back", 0)["pid"] != before["pid"])
    after = replica(processes, "back", 0)
    assert after["crashes"] == before["crashes"] + 1 and after["url"] == before["url"]
    assert ask(front(processes))[0] == 200


def test_a_crash_fault_kills_the_process_until_it_is_over(processes: Path) -> None:
    number = msforge.set_fault(processes, {"crash": "back"})[0]
    assert ask(front(processes))[0] >= 500
    assert {replica(processes, "back", i)["state"] for i in (0, 1)} == {"down"}
    msforge.clear_faults(processes, number)
    assert until(lambda: ask(front(processes))[0] == 200)


def left(found: list[int]) -> list[int]:
    return [pid for pid in found if state.alive(pid)]


def ppid(pid: int) -> int:
    """The process that started it (Linux)."""
    return int(Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[1])


def test_it_stays_up_when_what_forks_its_replicas_dies(pair: Path, tmp_path: Path) -> None:
    if not FORKS:
        pytest.skip("only on Linux: elsewhere each replica is a new interpreter")
    other = copy_of(pair, tmp_path)
    with running(other, "--processes"):
        found = pids(other)
        (server,) = {ppid(pid) for pid in found}
        assert server not in (os.getpid(), msforge.ps(other)["pid"])
        os.kill(server, signal.SIGKILL)
        assert until(lambda: not left([server]))
        assert ask(front(other))[0] == 200 and pids(other) == found
        os.kill(replica(other, "back", 0)["pid"], signal.SIGKILL)
        assert until(lambda: replica(other, "back", 0)["crashes"] == 1
                     and replica(other, "back", 0)["state"] == "ready")
        assert ask(front(other))[0] == 200
        found = pids(other)
    assert not left(found)


def test_killed_outright_it_leaves_nothing(pair: Path, processes: Path, tmp_path: Path) -> None:
    other = copy_of(pair, tmp_path)
    process = start(other, "--processes")
    found = pids(other)
    process.kill()
    process.wait()
    assert until(lambda: not left(found), soon(SECONDS)), left(found)


def test_a_closed_terminal_and_ctrl_c_leave_nothing(pair: Path, tmp_path: Path) -> None:
    other = copy_of(pair, tmp_path)
    for number in [signal.SIGHUP, signal.SIGINT] if os.name != "nt" else [signal.CTRL_BREAK_EVENT]:
        process = start(other, "--processes")
        found = pids(other)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert not left(found)


def test_a_whole_terminal_that_is_killed_leaves_nothing(pair: Path, tmp_path: Path) -> None:
    """The shell and msforge die at once, as when a window is closed hard."""
    if os.name == "nt":
        pytest.skip("only on POSIX systems: sessions")
    other = copy_of(pair, tmp_path)
    process = start_with(command("up", "-C", other, "--port-base", "0", "--processes"), other)
    found = pids(other)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert until(lambda: not left(found), soon(SECONDS)), left(found)


def test_detached_it_runs_on_and_goes_down_when_told(pair: Path, tmp_path: Path) -> None:
    other = copy_of(pair, tmp_path)
    done = subprocess.run(
        command("up", "-C", other, "--port-base", "0", "-d", "--processes"), capture_output=True, text=True,
        env=environment(), timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "front" in done.stdout and "http://127.0.0.1:" in done.stdout and "msforge down" in done.stderr
    found = [*pids(other), msforge.ps(other)["pid"]]
    assert ask(front(other))[0] == 200
    assert msforge.down(other) == "pair"
    assert until(lambda: not left(found), soon(SECONDS))


def copy_of(pair: Path, where: Path) -> Path:
    made = where / "other"
    shutil.copytree(pair, made, ignore=lambda folder, names: {"run"} & set(names))
    return made


def test_a_child_ends_with_what_it_started(tmp_path: Path) -> None:
    """A service that starts a helper of its own: the helper goes too."""
    if os.name == "nt":
        pytest.skip("only on POSIX systems: process groups; on Windows the job object does it")
    program = (
        "import subprocess, sys\n"
        "p = subprocess.Popen(['sleep', '600'])\n"
        "print(p.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = Spawned((sys.executable, "-c", program), os.environ, tmp_path, tmp_path / "log")
    assert until(lambda: (tmp_path / "log").read_text().endswith("\n"))
    helper = int((tmp_path / "log").read_text())
    child.kill()
    child.process.wait()
    assert until(lambda: not left([helper]))
