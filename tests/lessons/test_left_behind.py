"""Lab 16's log, traces and metrics are what a run of its solution leaves behind."""

import shutil
import subprocess
import sys
from pathlib import Path

from msforge.catalog import labs_root

LAB = labs_root() / "16-find-the-fault"
MADE = ("log.txt", "traces.txt", "metrics.prom")


def test_what_is_left_behind_is_what_the_solution_leaves(tmp_path: Path) -> None:
    for name in ("make.py", "solution.yaml"):
        shutil.copyfile(LAB / name, tmp_path / name)
    subprocess.run([sys.executable, str(tmp_path / "make.py")], check=True)
    for name in MADE:
        assert (tmp_path / name).read_text("utf-8") == (LAB / name).read_text("utf-8"), f"run make.py again: {name}"
    for line in (LAB / "log.txt").read_text("utf-8").splitlines():
        _, _, machine, outcome, took, *_ = line.split()
        slow = machine.startswith("product") and outcome == "ok" and float(took.removesuffix("ms")) > 300
        assert not slow or machine == "product#1", "one machine alone is slow"
