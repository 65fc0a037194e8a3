"""Clients outside are nobody's namesake: a service may be called `clients`."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import msforge
from tests.live.conftest import running

NAMESAKE = """\
msforge: 1
name: namesake
services:
  clients: {endpoints: {ask: {steps: [{call: back.answer}]}}}
  back: {endpoints: {answer: {steps: [{wait: 1ms}]}}}
traffic:
  people: {target: clients.ask, rate: 50/s, for: 1s}
"""


def test_a_service_called_clients_is_reached_and_cut_off_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "namesake.yaml").write_text(NAMESAKE, "utf-8")
    made = tmp_path / "namesake"
    msforge.new(tmp_path / "namesake.yaml", made)
    with running(made):
        (entry,) = msforge.send_traffic(made).entries
        assert entry["ok"] == entry["sent"] > 20
        msforge.set_fault(made, {"cut": "clients -> back"})
        (entry,) = msforge.send_traffic(made, sets=["traffic.people.timeout=100ms"]).entries
        assert entry["ok"] == 0 < entry["sent"]


def test_traffic_says_that_nobody_answers_any_more(tmp_path: Path) -> None:
    (tmp_path / "namesake.yaml").write_text(NAMESAKE, "utf-8")
    made = tmp_path / "namesake"
    msforge.new(tmp_path / "namesake.yaml", made)
    told: list[str] = []

    def down_at_last(done: int, _total: int, _entries: object) -> None:
        if done > 1_000_000_000 and not down.is_alive() and not told[1:]:
            with contextlib.suppress(RuntimeError):
                down.start()

    down = threading.Thread(target=msforge.down, args=(made,))
    with running(made):
        result = msforge.send_traffic(
            made, sets=["traffic.people.for=5s"], progress=down_at_last, tell=told.append
        )
        down.join()
    assert [line for line in told if "the traffic goes on" in line] == told[1:] and told[1:]
    assert result.entries[0]["failed"] > 0
