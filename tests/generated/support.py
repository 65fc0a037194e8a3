"""Bringing generated systems up, and asking them what their traffic asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msforge
from msforge.model import compile_system

LONG: Final = bool(os.environ.get("MSFORGE_LONG"))
"""The long run: every service of every example, ten times as many random descriptions."""
HERE: Final = Path(__file__).resolve().parent


@contextmanager
def up(folder: Path) -> Iterator[None]:
    """All services of a folder in one process of its own, on any free ports."""
    msforge.up(folder, port_base=0, detach=True)
    try:
        yield
    finally:
        msforge.down(folder)


def entries(file: Path) -> list[str]:
    """The endpoints that a description's traffic asks, `service.endpoint`."""
    system = compile_system(msforge.load(file))
    asked = [step.target for step in system.steps if step.service < 0 and step.target >= 0]
    return sorted({system.body_name(target) for target in asked})


def answers(folder: Path, file: Path, *, seconds: int = 40, enough: int = 2) -> dict[str, Any]:
    """What came of asking every entry twice a second, faults left out; ends once all have answered often enough."""
    wanted = entries(file)
    before = dict.fromkeys(msforge.load(file).document["traffic"])
    calm = {
        f"calm-{number}": {"target": target, "rate": "2/s", "arrivals": "constant", "for": f"{seconds}s"}
        for number, target in enumerate(wanted)
    }
    over = threading.Event()

    def look(done: int, total: int, shown: list[dict[str, Any]]) -> None:
        if len(shown) == len(wanted) and all(entry["ok"] >= enough for entry in shown):
            over.set()

    sets = [f"traffic={json.dumps({**before, **calm})}", "faults=[]", f"simulation.duration={seconds}s",
            "simulation.warmup=0s"]  # fmt: skip
    result = msforge.send_traffic(folder, sets=sets, progress=look, stop=over.is_set)
    found = {entry["target"]: entry["outcomes"] for entry in result.entries}
    assert sorted(found) == wanted
    return found


def ruff(folder: Path, *options: str) -> str:
    """What ruff has to say about a folder; empty when nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *options, "--no-cache", "-q", "."], cwd=folder, capture_output=True, text=True,
        encoding="utf-8",
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout[-4000:] + done.stderr[-2000:]


def own_tests(services: list[Path]) -> dict[str, Any]:
    """Of each service that fails its own tests, what failed. They run in one process, each as if alone."""
    done = subprocess.run(
        [sys.executable, str(HERE / "own_tests.py"), *map(str, services)], capture_output=True, text=True,
        encoding="utf-8", env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert len(found) == len(services)
    assert all(result["passed"] >= 4 for result in found.values() if not result["code"])
    return {folder: result["failed"] or result["said"] for folder, result in found.items() if result["code"]}
