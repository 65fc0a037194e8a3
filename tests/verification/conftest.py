"""A small system whose times are so long that no machine matters, and a machine that is always calm."""

from __future__ import annotations

from pathlib import Path

import pytest

import msforge
from msforge.verification import plan, run
from msforge.verification.machine import Usage, Watch

TILL = """\
msforge: 1
name: till
defaults: {services: {balancer: client}}
services:
  front:
    threads: 64
    endpoints:
      buy:
        http: POST /buy
        steps:
          - wait: 60ms
          - call: back.pay
            timeout: 2s
            retry: {attempts: 2, backoff: 40ms}
            fallback: {}
  back:
    threads: 3
    queue: 2
    endpoints:
      pay: {http: POST /pay, idempotent: true, steps: [fail: 60%, wait: exponential(120ms)]}
traffic:
  people: {target: front.buy, rate: 30/s}
simulation: {duration: 10s, warmup: 1s, seed: 4}
scenarios:
  closed: {faults: [{crash: back, at: 3s, for: 4s}]}
"""


class Calm(Watch):
    """A machine with all the time in the world: what a test looks at is not how busy it is."""

    def usage(self) -> Usage:
        """Nothing to complain of."""
        return Usage()


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The generated folder of TILL."""
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path / "home"))
    (tmp_path / "till.yaml").write_text(TILL, "utf-8")
    msforge.new(tmp_path / "till.yaml", tmp_path / "till")
    return tmp_path / "till"


def verify(
    folder: Path, watch: type[Watch] = Calm, slow_motion: float = 2.0, scenario: str | None = None
) -> run.Verification:
    """Verifies a folder without a calibration."""
    subject = plan.of_folder(folder, scenario, (), None)
    return run.verify(
        subject, run.Wishes(slow_motion=slow_motion, calibrated=False, replications=12, watch=watch)
    )
