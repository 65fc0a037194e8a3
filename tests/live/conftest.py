"""A small generated system, and ways to run it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import msforge

PAIR = """\
msforge: 1
name: pair
services:
  front:
    endpoints:
      ask: {http: "POST /ask", steps: [{call: back.answer, timeout: 5s}]}
  back:
    replicas: 2
    startup: 200ms
    endpoints:
      answer: {http: "POST /answer", idempotent: true, steps: [{wait: 5ms}, {publish: news}]}
  reader:
    consumers:
      take: {from: news, threads: 4, idempotent: true, steps: [{wait: 1ms}]}
channels:
  news: {kind: queue, publish: 0ms}
traffic:
  people: {target: front.ask, rate: 40/s}
simulation: {duration: 2s, seed: 3}
scenarios:
  broken:
    faults: [{fail: back, rate: 50%, at: 500ms, for: 1h}]
  bigger:
    services: {back: {replicas: 4}}
    traffic: {people: {rate: 10/s}}
"""


PATIENCE = 120.0
"""Seconds to wait for what comes for sure: a busy machine is late, and only a broken one needs them all."""


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated folder of PAIR."""
    where = tmp_path_factory.mktemp("live")
    (where / "pair.yaml").write_text(PAIR, "utf-8")
    msforge.new(where / "pair.yaml", where / "pair")
    return where / "pair"


def command(*arguments: str | Path) -> list[str]:
    """`msforge ARGUMENTS` as a process."""
    return [sys.executable, "-m", "msforge", *map(str, arguments)]


def environment() -> dict[str, str]:
    """For a process that imports this msforge."""
    source = str(Path(msforge.__file__).parent.parent)
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": source if before is None else source + os.pathsep + before, "NO_COLOR": "1"}


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """`msforge up` in the foreground, up. Its output goes to run/test.out."""
    return start_with(command("up", "-C", folder, "--port-base", "0", *options), folder)


def start_with(line: list[str], folder: Path) -> subprocess.Popen[str]:
    """A command that brings `folder` up, once it has."""
    apart: dict[str, Any] = {"start_new_session": True} if os.name != "nt" else {"creationflags": 0x200}
    output = folder / "test.out"
    with output.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(line, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment(), text=True,
                                   **apart)
    end = time.monotonic() + PATIENCE
    state = folder / ".msforge" / "run" / "state.json"
    while time.monotonic() < end:
        if state.exists() and json.loads(state.read_text("utf-8"))["pid"] == process.pid:
            return process
        if process.poll() is not None:
            raise AssertionError(output.read_text("utf-8"))
        time.sleep(0.02)
    process.kill()
    raise AssertionError("it did not come up: " + output.read_text("utf-8"))


@contextlib.contextmanager
def running(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """While entered, `folder` is up."""
    process = start(folder, *options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.CTRL_BREAK_EVENT if os.name == "nt" else signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def up(pair: Path) -> Iterator[Path]:
    """PAIR, up in one process."""
    with running(pair):
        yield pair


def ask(url: str, method: str = "POST") -> tuple[int, dict[str, str]]:
    """Status and headers of an answer; status 0 for a connection that was reset or refused."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method, data=b"{}" if method == "POST" else None,
                                     headers={"content-type": "application/json"})
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)
    except OSError:
        return 0, {}


def until(holds: Any, within: float = PATIENCE) -> bool:
    """Whether it comes to hold in time."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.03)
    return bool(holds())


def soon(seconds: float) -> float:
    """So many seconds on a machine that is idle, and more on one where a new interpreter is slow to start and end."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-S", "-c", "pass"], check=True)
    return seconds + 30 * (time.monotonic() - begun)
