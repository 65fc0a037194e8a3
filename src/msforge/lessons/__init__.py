"""The workshop: labs in which a learner predicts, runs, explains and repairs, judged by what the system does."""

from __future__ import annotations

from msforge.lessons.checking import Check, check
from msforge.lessons.collect import ClassReport, LabRow, collect, hand_in
from msforge.lessons.lab import Lab, read_lab
from msforge.lessons.library import after, command, find, labs
from msforge.lessons.making import new
from msforge.lessons.selftest import Report, self_test, write
from msforge.lessons.solutions import apply_solution, solution
from msforge.lessons.work import Work, hint, open_work, reset, skip, start

__all__ = [
    "Check", "ClassReport", "Lab", "LabRow", "Report", "Work", "after", "apply_solution", "check", "collect", "command",
    "find", "hand_in", "hint", "labs", "new", "open_work", "read_lab", "reset", "self_test", "skip", "solution",
    "start", "write",
]  # fmt: skip
