"""Faults that a running system can't carry out are refused, and change nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from msforge.errors import UsageError
from msforge.live.board import Board
from msforge.live.faults import plain_fault
from msforge.live.fleet import Fleet
from msforge.model import compile_system
from msforge.spec import load_text

TEXT = """\
msforge: 1
services:
  a: {endpoints: {go: {steps: [{write: db}, {publish: jobs}]}}}
  b: {consumers: {take: {from: jobs}}}
stores: {db: {kind: postgres, owner: a}}
channels: {jobs: {kind: queue}}
traffic: {t: {target: a.go, rate: 1/s}}
simulation: {duration: 3s}
faults: [%s]
"""


class Parts:
    """A backend that only remembers what its parts were told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def unit(self, *arguments: Any) -> Any:
        """A replica that is never started."""

    async def part_fault(self, fault: dict[str, Any]) -> None:
        """Remembered."""
        self.told.append(fault)


def struck(fault: str, server: str) -> list[dict[str, Any]]:
    """What the parts were told of a fault while everything stands on `server`."""
    system = compile_system(load_text(TEXT % fault))
    parts: Any = Parts()
    board = Board(Fleet(system, parts, seed=1, tell=lambda line: None))
    board.server_of = lambda name: server
    asyncio.run(board.set(plain_fault(system, system.faults[0], 0, None, None)))
    return list(parts.told)


@pytest.mark.parametrize(("fault", "part"), [
    ("{pause: db, at: 1s, for: 1s}", "db"), ("{cut: jobs -> b, at: 1s, for: 1s}", "jobs"),
])
def test_a_part_on_a_server_is_out_of_reach(fault: str, part: str) -> None:
    assert len(struck(fault, "")) == 1
    with pytest.raises(UsageError, match=f"{part} is on postgres") as caught:
        struck(fault, "postgres")
    assert "stop postgres itself" in caught.value.hint
