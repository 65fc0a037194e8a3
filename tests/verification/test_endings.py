"""However a verification ends, nothing is left running, and what was measured is not lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from msforge.live import api, client, state
from msforge.live.system import Options
from msforge.results.agreement import INCONCLUSIVE
from msforge.verification import bench, home, session
from msforge.verification.run import Verification
from tests.live.conftest import command, environment
from tests.verification.conftest import verify

PATIENCE = 90.0
"""s."""


def until_up(folder: Path) -> dict[str, Any]:
    """What `ps` says, once it is up."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if state.read(folder) is not None:
            return client.running(folder).ps()
        time.sleep(0.1)
    raise AssertionError("it did not come up")


def pids(view: dict[str, Any]) -> list[int]:
    return [int(view["pid"]), *(int(r["pid"]) for s in view["services"] for r in s["replicas"])]


def gone(numbers: list[int]) -> bool:
    end = time.monotonic() + PATIENCE
    while any(state.alive(pid) for pid in numbers):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: a console's Ctrl-C can't be sent to one process")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "a polite kill"])
def test_being_ended_takes_everything_down(how: signal.Signals, till: Path) -> None:
    words = command("verify", "-C", till, "--no-calibration", "-n", "5", "--duration", "60s", "--slow-motion", "2")
    child = subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    view = until_up(till)
    time.sleep(1.0)
    child.send_signal(how)
    out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out) == (130, "")
    assert "interrupted" in err and "sending for 1m, the first 1s to warm up; that is 2m on the clock" in err
    assert not any(noise in err for noise in ("Traceback", "Exception ignored", "destroyed", "Unclosed")), err
    assert state.read(till) is None
    assert gone(pids(view))


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows has no polite kill")
def test_a_kill_that_comes_as_everything_goes_down_is_not_forgotten() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), session._asked_to_end() as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked()
    assert signal.getsignal(signal.SIGTERM) == before
    with session._asked_to_end():
        pass


def test_what_was_measured_before_a_service_died_is_kept_and_marked(till: Path) -> None:
    found: list[Verification] = []
    running = threading.Thread(target=lambda: found.append(verify(till)))
    running.start()
    view = until_up(till)
    time.sleep(6.0)
    [victim] = next(s for s in view["services"] if s["name"] == "back")["replicas"]
    os.kill(victim["pid"], signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    running.join(PATIENCE)
    [verification] = found
    agreement = verification.agreement
    assert agreement.verdict == INCONCLUSIVE
    assert any("back.0 died" in reason for reason in agreement.reasons)
    counts = verification.measured.entries[0].counts
    assert counts.arrivals > 0 and counts.outcomes.get("degraded", 0) + counts.outcomes.get("ok", 0) > 0
    assert gone(pids(view))


def test_what_an_earlier_one_left_running_is_taken_down(till: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = home.runs_folder() / f"{ended.pid}-1"
    folder.mkdir(parents=True)
    till.rename(folder / "system")
    api.up(folder / "system", options=Options(processes=True, port_base=0), detach=True)
    view = until_up(folder / "system")
    said: list[str] = []
    bench.clear_left_over(said.append)
    assert "left over" in said[0]
    assert not folder.exists()
    assert gone(pids(view))


def test_one_that_still_runs_is_left_alone(till: Path) -> None:
    folder = home.runs_folder() / f"{os.getpid()}-1"
    folder.mkdir(parents=True)
    bench.clear_left_over(lambda line: None)
    assert folder.exists()


def test_a_generated_folder_is_gone_even_when_it_goes_wrong(till: Path) -> None:
    text = (till / "till.yaml").read_text("utf-8")
    with pytest.raises(RuntimeError), bench.generated(text, "till") as folder:
        assert (folder / "services" / "back").is_dir()
        raise RuntimeError
    assert list(home.runs_folder().iterdir()) == []
