"""A learner's place: an empty folder, a home of their own, and a small lab that takes no time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from msforge.cli import main
from msforge.lessons import library, work

LAB = """\
lab: 1
title: A desk
minutes: 5
teaches: Waiting.
seeds: 2
figures:
  busy: "services[desk].utilisation"
  bill: {of: cost.per_month, says: the bill}
predict:
  busy: {ask: How busy is it?, figure: busy, within: 10%}
questions:
  why: {ask: Why do they wait?, choices: {few: too few desks, many: too many desks}, right: few}
goals:
  - objectives: {desk.serve: p99 < 80ms}
    figures: [bill < 100]
    why: It is busy {{busy}}.
limits: [services.desk.replicas <= 3]
allow_change: [services.desk.replicas]
hints: [look, think, act]
"""
START = """\
msforge: 1
name: desk
services:
  desk:
    replicas: 1
    threads: 1
    instance: {cost: 0.04/h}
    endpoints:
      serve: {http: GET /served, steps: [wait: exponential(10ms)]}
traffic:
  people: {target: desk.serve, rate: 80/s, for: 20s}
objectives:
  desk.serve: p99 < 500ms
simulation: {warmup: 2s}
"""
SOLUTION = START.replace("replicas: 1", "replicas: 2")
Msforge = Callable[..., int]


def write_lab(folder: Path) -> Path:
    """A whole lab in `folder`."""
    from msforge.lessons import read_lab, write

    folder.mkdir(parents=True)
    for name, text in {
        "lab.yaml": LAB, "start.yaml": START, "solution.yaml": SOLUTION, "README.in.md": "# A desk\n\nBusy {{busy}}.\n",
        "closing.md": "From {{start.busy}} to {{busy}}, expected {{predicted.busy}}, "
                      "with {{system.services.desk.replicas}} desks.\n",
        "teacher.in.md": "# For the teacher\n",
    }.items():  # fmt: skip
        (folder / name).write_text(text, "utf-8")
    write(read_lab(folder))
    return folder


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands in for msforge's own labs, with one in it; and an empty folder to stand in."""
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    root = tmp_path / "lessons"
    write_lab(root / "01-desk")
    for module in (library, work):
        monkeypatch.setattr(module, "labs_root", lambda: root)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return root


@pytest.fixture
def msforge(monkeypatch: pytest.MonkeyPatch) -> Msforge:
    """Types a command line; gives its exit code."""

    def run(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["msforge", *words])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run
