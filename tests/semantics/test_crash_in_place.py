"""A crash ends a request and the calls it has made in place, each once."""

from __future__ import annotations

from pathlib import Path

import msforge
from msforge.records import Outcome

TEXT = """
msforge: 1
services:
  shop:
    replicas: 2
    endpoints:
      buy: {steps: [wait: 5ms, call: shop.charge]}
      charge: {steps: [wait: 5ms, call: shop.book]}
      book: {steps: [wait: 20ms]}
network: {latency: 1ms}
traffic: {people: {target: shop.buy, rate: 400/s, for: 20s}}
faults: [{crash: shop, replicas: 1, at: 10s, for: 1s}]
"""


def test_a_crash_resets_calls_in_place_with_their_caller(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(TEXT, encoding="utf-8")
    result = msforge.simulate(tmp_path / "shop.yaml", processes=1)
    reset = Outcome.RESET.word
    struck = {e.name: e.counts.outcomes.get(reset, 0) for e in result.endpoints}
    assert struck["shop.buy"] > 0
    assert struck["shop.book"] <= struck["shop.charge"] <= struck["shop.buy"]
    entry = result.entries[0].counts
    assert entry.outcomes[reset] == struck["shop.buy"]
    assert entry.arrivals == entry.finished
