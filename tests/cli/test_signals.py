"""Ctrl-C, closed pipes, odd encodings: in real processes, as a shell starts them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

import msforge
from msforge.cli import app, interrupt
from msforge.cli.interrupt import Interrupt
from msforge.sim.many import deaf_children
from msforge.testing import FakeClock

MSFORGE = [sys.executable, "-m", "msforge"]
LONG = ["--set", "simulation.duration=100000s", "--set", "traffic.people.rate=200/s"]
posix = pytest.mark.skipif(os.name == "nt", reason="only on POSIX systems: Windows has no SIGINT to send")


PATIENCE = 240.0
"""Seconds to wait for what comes for sure, on a machine however busy."""


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts msforge. Whatever a test comes to, nothing of it runs on: these runs are without an end."""
    started = []

    def begin(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*MSFORGE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **environment},
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if os.name == "nt":
            process.kill()
            continue
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def wait_until_it_runs(process: subprocess.Popen[str], begun: float, times: float) -> None:
    """Big runs are announced just before they start. Waits for `times` what it took until then, which is mostly
    imports: a busy machine gets as much more time as it needs.
    """
    assert process.stderr is not None
    for line in process.stderr:
        if "a big run" in line:
            time.sleep(times * (time.monotonic() - begun))
            return
    raise AssertionError("it ended before it ran")


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """As a terminal does: to every process of the group."""
    if os.name == "nt":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_ctrl_c_shows_what_was_measured_and_ends_with_130(start: Start, tiny: Path, processes: str) -> None:
    begun = time.monotonic()
    process = start("simulate", "tiny.yaml", *LONG, "-n", "2", "--processes", processes, "--out", "run.json")
    wait_until_it_runs(process, begun, 4 if processes == "1" else 8)
    press_ctrl_c(process)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "Error" not in err
    assert "interrupted" in out and "seed 1" in out
    assert re.search(r"desk\.serve +[\d,]+ ", out)
    assert '"interrupted":true' in Path("run.json").read_text("utf-8")
    assert [p.name for p in Path().iterdir() if p.name.endswith(".tmp")] == []


@posix
def test_no_worker_is_left_behind(start: Start, tiny: Path) -> None:
    begun = time.monotonic()
    process = start("simulate", "tiny.yaml", *LONG, "-n", "2", "--processes", "2")
    wait_until_it_runs(process, begun, 0.5)  # while the workers are still starting
    press_ctrl_c(process)
    process.communicate(timeout=PATIENCE)
    end = time.monotonic() + PATIENCE
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(process.pid, 0)
            time.sleep(0.1)


@posix
def test_a_press_while_workers_are_started_is_heard_once_they_are() -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with deaf_children():
            os.kill(os.getpid(), signal.SIGINT)
            child = subprocess.run(
                [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('deaf')"],
                capture_output=True, text=True, check=False)
        assert heard == [signal.SIGINT]  # by then: another thread may have let it in before
    finally:
        signal.signal(signal.SIGINT, before)
    assert child.stdout == "deaf\n", child.stderr


def test_the_first_press_asks_a_second_one_ends_and_an_echo_of_the_first_is_not_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    monkeypatch.setattr(interrupt.time, "monotonic", clock)
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        clock.advance(0.1)
        signal.raise_signal(signal.SIGINT)  # as `timeout` and `make` pass it on
        clock.advance(1)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_before_or_after_the_run_is_130_without_a_traceback(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(msforge, "load", pressed)
    result = CliRunner().invoke(app, ["simulate", "tiny.yaml"])
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "error: interrupted\n")


@posix
def test_a_reader_that_leaves_early_is_no_error(tiny: Path) -> None:
    for arguments in (
        "schema",
        "check tiny.yaml --resolved",
        "--help",
        "simulate tiny.yaml --json --processes 1 --duration 10s",
    ):
        done = subprocess.run(
            f"{sys.executable} -m msforge {arguments} | head -c 1 >/dev/null",
            shell=True,
            capture_output=True,
            text=True,
        )
        assert "Error" not in done.stderr and "Traceback" not in done.stderr and "error" not in done.stderr, arguments


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_gets_the_whole_summary(tiny: Path, encoding: str) -> None:
    done = subprocess.run(
        [*MSFORGE, "simulate", "tiny.yaml", "--duration", "10s", "--processes", "1"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    mark = "✓" if encoding == "utf-8" else "+"
    assert any(line.startswith(f"  {mark}  desk.serve  p99 < 50ms") for line in lines)
    assert max(map(len, lines)) <= 80


def test_json_in_a_pipe_is_utf_8_whatever_the_console_is(tiny: Path) -> None:
    tiny.write_text(tiny.read_text("utf-8") + "# 店\n店: 1\n", "utf-8")
    done = subprocess.run(
        [*MSFORGE, "check", "tiny.yaml", "--json"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 3
    assert '"source_line": "店: 1"' in done.stdout.decode("utf-8")


@posix
def test_a_terminal_sees_colour_and_a_bar_and_no_color_takes_the_colour_away(tiny: Path) -> None:
    import pty

    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        read, write = pty.openpty()
        process = subprocess.Popen(
            [*MSFORGE, "simulate", "tiny.yaml", "--duration", "1500s", "--processes", "1"],  # well past a second
            stdout=write,
            stderr=write,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
        )
        os.close(write)
        seen = b""
        while True:
            try:
                piece = os.read(read, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not piece:
                break
            seen += piece
        os.close(read)
        assert process.wait(timeout=PATIENCE) == 0
        text = seen.decode("utf-8")
        assert "simulated," in text and "requests" in text
        assert bool(re.search("\x1b\\[[0-9;]*3[1-6]m", text)) is coloured
        assert "✓" in text
