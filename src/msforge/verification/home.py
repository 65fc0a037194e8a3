"""What verify keeps for a machine: its calibration, and the systems that it runs."""

from __future__ import annotations

from pathlib import Path

from msforge.folders import cache


def calibration_file() -> Path:
    """Where this machine's calibration is kept."""
    return cache() / "calibration.json"


def runs_folder() -> Path:
    """Where the systems lie that a verification generates and runs, a folder each, named for its process."""
    return cache() / "runs"
