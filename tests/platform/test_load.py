"""The load generator of compose's profile `load` sends the file's traffic to a system that runs."""

from __future__ import annotations

import asyncio
import json
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import msforge
from tests.live.conftest import running


def module(folder: Path) -> dict[str, Any]:
    return runpy.run_path(str(folder / "load" / "traffic.py"))


def test_it_sends_about_as_much_as_the_file_says(odd: Path) -> None:
    with running(odd):
        replicas = {s["name"]: s["url"] for s in msforge.ps(odd)["services"]}
        plan = json.loads((odd / "load" / "plan.json").read_text("utf-8"))
        for source in plan:
            for request in source["requests"]:
                request["service"] = replicas[request["service"]]
        told = odd / "load" / "here.json"
        told.write_text(json.dumps(plan), "utf-8")
        line = [sys.executable, "traffic.py", "--base", "{service}", "--duration", "4", "--plan", str(told)]
        done = subprocess.run(line, cwd=told.parent, capture_output=True, text=True, timeout=60, check=False)
        told.unlink()
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen) <= {"200", "500", "503"}, seen
    expected = 4 * (40 + 10 + 10 + 2 * 5)
    assert 0.7 * expected < sum(seen.values()) < 1.3 * expected


@pytest.mark.parametrize(("at", "rate"), [(0.0, 10.0), (1.0, 20.0), (2.0, 30.0), (3.0, 5.0), (99.0, 5.0)])
def test_rates_follow_the_stages(odd: Path, at: float, rate: float) -> None:
    assert module(odd)["rate_at"]([[10, 30, 2], [30, 30, 1], [5, 5, 1]], at) == rate


def test_a_service_that_is_away_is_counted_and_ends_the_journey(odd: Path) -> None:
    import aiohttp

    found = module(odd)
    seen: Counter[str] = Counter()

    async def main() -> None:
        requests = [{"method": "GET", "service": "x", "path": "/a/{id}"}] * 2
        async with aiohttp.ClientSession() as http:
            await found["journey"](http, requests, "http://127.0.0.1:9", seen)

    asyncio.run(main())
    assert sum(seen.values()) == 1 and "ClientConnectorError" in seen
