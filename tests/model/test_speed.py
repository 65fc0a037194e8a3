"""A thousand services are a plan within half a second of CPU time."""

from __future__ import annotations

import time

from msforge.model import compile_system
from msforge.spec import load_text


def _thousand() -> str:
    """Five layers of 200 services, each calling three of the next layer."""
    lines = ["msforge: 1", "services:"]
    for i in range(1000):
        layer, place = divmod(i, 200)
        calls = [f"call: s{(layer + 1) * 200 + (place * 3 + k) % 200}.get" for k in range(3)] if layer < 4 else []
        lines += [
            f"  s{i}:",
            "    replicas: 2",
            "    endpoints:",
            "      get:",
            "        steps:",
            "          - work: exponential(2ms)",
            f"          - parallel: [{', '.join(calls)}]",
        ]
    lines += ["traffic:"] + [f"  t{i}: {{target: s{i}.get, rate: 5/s, for: 60s}}" for i in range(10)]
    return "\n".join(lines)


def test_a_thousand_services_compile_in_half_a_second() -> None:
    spec = load_text(_thousand())
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        system = compile_system(spec)
        best = min(best, time.process_time() - begin)
    assert (len(system.services), len(system.edges)) == (1000, 2400)
    assert best < 0.5
