"""What holds for every test: in CI nothing is skipped for want of a tool."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

PLATFORM = "only on "
"""A skip whose reason begins so is about the operating system, and may stand in CI as well."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI a skipped test is a failed one: a laptop may lack a tool, CI has to have it."""
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    if not report.skipped or hasattr(report, "wasxfail") or os.environ.get("CI") != "true":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if PLATFORM not in reason:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {reason}"
