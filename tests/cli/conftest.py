"""Small descriptions to type commands at, in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

TINY = """\
msforge: 1
name: tiny
services:
  desk:
    replicas: 2
    threads: 2
    endpoints:
      serve:
        http: GET /served
        steps:
          - work: 8ms
          - call: back.fetch
            timeout: 100ms
  back:
    replicas: 2
    threads: 4
    endpoints:
      fetch:
        http: GET /fetched
        steps: [wait: 10ms]
traffic:
  people: {target: desk.serve, rate: 50/s, arrivals: constant}
objectives:
  desk.serve: [p99 < 50ms, success > 99%]
simulation: {duration: 20s, warmup: 5s, seed: 1, replications: 2}
scenarios:
  slow:
    faults: [{slow: back, by: 10x, at: 10s, for: 5s}]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and a plain environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "MSFORGE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def tiny(here: Path) -> Path:
    """A system whose every time is constant: its summary can be written down."""
    path = here / "tiny.yaml"
    path.write_text(TINY, "utf-8")
    return Path("tiny.yaml")


@pytest.fixture
def broken(here: Path) -> Path:
    """A description with two errors."""
    path = here / "broken.yaml"
    path.write_text(TINY.replace("threads: 2\n", "thraeds: 2\n").replace("rate: 50/s", "rate: 50"), "utf-8")
    return Path("broken.yaml")
