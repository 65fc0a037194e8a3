"""What holds for every test: in CI nothing is skipped for want of a tool; a late machine is not a broken rule."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PLATFORM = "only on "
"""A skip whose reason begins so is about the operating system, and may stand in CI as well."""

HERE = Path(__file__).parent
REAL_TIME = [HERE / "live", HERE / "generated", HERE / "docs", HERE / "cases" / "test_sockets.py",
             HERE / "cases" / "test_processes.py", HERE / "cases" / "test_grpc_processes.py",
             HERE / "cases" / "test_grpc.py", HERE / "cases" / "test_on_servers.py", HERE / "servers",
             HERE / "cli" / "test_signals.py", HERE / "runtime" / "core" / "test_over_sockets.py",
             HERE / "runtime" / "core" / "test_rpc.py", HERE / "platform" / "test_prometheus.py",
             HERE / "platform" / "test_load.py", HERE / "web" / "playground" / "test_page.py",
             HERE / "web" / "playground" / "test_server.py",
             HERE / "verification" / "test_lies.py", HERE / "verification" / "test_endings.py",
             HERE / "verification" / "test_faults.py"]
"""Tests with sockets, processes and the wall clock (docs/decisions/0115-real-time-tests.md)."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--containers`: build and run images, which wants podman or Docker and minutes. No CI of ours has either."""
    parser.addoption("--containers", action="store_true", help="collect tests/containers: build and run images")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Tests that build images are collected only when they are asked for."""
    asked = config.getoption("--containers")
    return True if collection_path.is_relative_to(HERE / "containers") and not asked else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test against the wall clock that fails is tried twice more: a broken rule stays broken."""
    again = pytest.mark.flaky(reruns=2, reruns_delay=1)
    for item in items:
        if any(item.path.is_relative_to(place) for place in REAL_TIME):
            item.add_marker(again)


def pytest_sessionfinish() -> None:
    """Servers that tests have started end with the session."""
    started = sys.modules.get("tests.servers.serving")
    if started is not None:
        started.end_all()


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
