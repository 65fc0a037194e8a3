"""Reading is quick: a thousand services in well under two seconds of CPU, a timed change in milliseconds."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from msforge.spec import load, load_text
from tests.spec.shop import SHOP

THOUSAND = Path(__file__).parents[2] / "examples" / "thousand" / "thousand.yaml"


def test_a_thousand_services() -> None:
    begin = time.process_time()
    spec = load(THOUSAND)
    assert time.process_time() - begin < 2
    assert len(spec.model.services) == 1000


def test_a_timed_change_of_the_shop() -> None:
    spec = load_text(SHOP)
    times = []
    for replicas in range(1, 12):
        begin = time.process_time()
        spec.overlay({"services.payment.replicas": replicas})
        times.append(time.process_time() - begin)
    assert median(times) < 0.02
