"""Replicas come and go while a system runs: autoscaled and deployed, in one process and as processes."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

import msforge
from msforge.errors import UsageError
from tests.live.conftest import ask, running, until

BUSY = """\
msforge: 1
name: busy
services:
  front: {endpoints: {ask: {steps: [call: back.answer]}}}
  back:
    threads: 2
    autoscale: {min: 1, max: 3, threads: 10%}
    endpoints: {answer: {steps: [wait: 5s]}}
traffic: {t: {target: front.ask, rate: 1/s}}
simulation: {duration: 2s}
"""


def ready(folder: Path) -> list[str]:
    back = next(s for s in msforge.ps(folder)["services"] if s["name"] == "back")
    return [r["name"] for r in back["replicas"] if r["state"] == "ready"]


@pytest.mark.parametrize("way", [[], ["--processes"]], ids=["one process", "processes"])
def test_a_busy_service_gets_replicas_that_serve(tmp_path: Path, way: list[str]) -> None:
    (tmp_path / "busy.yaml").write_text(BUSY, "utf-8")
    folder = tmp_path / "busy"
    msforge.new(tmp_path / "busy.yaml", folder)
    with running(folder, "--slow-motion", "0.04", *way):  # a look each 0.6 s
        front = str(next(s for s in msforge.ps(folder)["services"] if s["name"] == "front")["url"])
        over = threading.Event()
        answers: list[int] = []

        def keep_busy() -> None:
            while not over.is_set():
                answers.append(ask(f"{front}/ask")[0])

        busy = [threading.Thread(target=keep_busy) for _ in range(6)]
        for thread in busy:
            thread.start()
        try:
            assert until(lambda: len(ready(folder)) == 3, 60), ready(folder)
        finally:
            over.set()
            for thread in busy:
                thread.join()
        assert set(answers) == {200}
        assert ready(folder) == ["back.0", "back.1", "back.2"]
        assert all(ask(f"{front}/ask")[0] == 200 for _ in range(4))


@pytest.mark.parametrize("way", [[], ["--processes"]], ids=["one process", "processes"])
def test_a_deployment_replaces_all_and_loses_nothing(pair: Path, tmp_path: Path, way: list[str]) -> None:
    folder = tmp_path / "pair"
    shutil.copytree(pair, folder, ignore=shutil.ignore_patterns(".msforge/run"))
    with running(folder, *way):
        front = str(next(s for s in msforge.ps(folder)["services"] if s["name"] == "front")["url"])
        before = ready(folder)
        deployment = {"deploy": "back", "changes": {"endpoints.answer.steps[0].wait": "300ms"}}
        number, label = msforge.set_fault(folder, deployment)
        assert label == "deploy of back"
        with pytest.raises(UsageError, match="under way"):
            msforge.set_fault(folder, deployment)
        with pytest.raises(UsageError, match="goes on to its end"):
            msforge.clear_faults(folder, number)
        answers = []
        while msforge.faults(folder):
            answers.append(ask(f"{front}/ask")[0])
        assert set(answers) == {200} and len(answers) > 2
        assert before == ["back.0", "back.1"] and ready(folder) == ["back.2", "back.3"]
        begun = time.monotonic()
        assert ask(f"{front}/ask")[0] == 200 and time.monotonic() - begun >= 0.3


FUNCTION = """\
msforge: 1
name: cold
services:
  resize:
    function: {cold_start: 600ms, keep_alive: 1m}
    endpoints: {go: {steps: [wait: 1ms]}}
traffic: {t: {target: resize.go, rate: 1/s}}
simulation: {duration: 2s}
"""


@pytest.mark.parametrize("way", [[], ["--processes"]], ids=["one process", "processes"])
def test_a_function_is_cold_once(tmp_path: Path, way: list[str]) -> None:
    (tmp_path / "cold.yaml").write_text(FUNCTION, "utf-8")
    folder = tmp_path / "cold"
    msforge.new(tmp_path / "cold.yaml", folder)
    with running(folder, *way):
        url = str(msforge.ps(folder)["services"][0]["url"]) + "/go"
        took = []
        for _ in range(2):
            begun = time.monotonic()
            assert ask(url)[0] == 200
            took.append(time.monotonic() - begun)
    assert took[0] >= 0.6 > took[1], took
