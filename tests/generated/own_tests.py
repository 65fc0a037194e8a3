"""Runs the tests of generated services, each folder by itself, in one process: `python own_tests.py FOLDER...`.

Services name their test modules alike, so each run begins with the last one's modules and paths forgotten. Prints a
JSON object: of each folder pytest's exit code, the number of tests that passed, and the failures.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest


class Ears:
    """A pytest plugin that keeps what came out."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts what passed, keeps what failed."""
        if report.failed:
            self.failed.append(f"{report.nodeid}: {report.longreprtext}")
        elif report.passed and report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keeps what could not be collected."""
        if report.failed:
            self.failed.append(f"{report.nodeid}: {report.longreprtext}")


def run(folder: Path) -> dict[str, Any]:
    """One service's tests, as `cd FOLDER && pytest` runs them."""
    before, path = set(sys.modules), list(sys.path)
    os.chdir(folder)
    ears, out = Ears(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = pytest.main(["-q", "-p", "no:cacheprovider", "-W", "error"], plugins=[ears])
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name not in before and file is not None and Path(file).is_relative_to(folder):
            del sys.modules[name]
    return {"code": int(code), "passed": ears.passed, "failed": ears.failed, "said": out.getvalue()[-3000:]}


def main() -> None:
    """All folders in turn."""
    print(json.dumps({folder: run(Path(folder).resolve()) for folder in sys.argv[1:]}))


if __name__ == "__main__":
    main()
