"""Log lines are in the Elastic Common Schema, with the ids of the request they belong to; metrics show the parts."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

from msforge.runtime.flow import Flow
from msforge.runtime.journal import JsonFormatter
from msforge.runtime.plan import MS, Service
from msforge.runtime.replica import Replica
from msforge.runtime.serve import serve
from msforge.runtime.telemetry import exposition

PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


def lines_of(*handlers: Any, service: Service | None = None) -> tuple[list[dict[str, Any]], str]:
    """The log lines and the metrics of a replica that has served each handler once, a millisecond or so each."""
    lines: list[dict[str, Any]] = []
    metrics = b""

    async def main() -> None:
        nonlocal metrics
        replica = Replica(service or Service("b"), ordinal=2, log=lambda line: lines.append(json.loads(line)))
        await replica.start()
        for handler in handlers:
            await serve(replica, "go", Flow, handler, {"traceparent": PARENT})
        metrics = exposition(replica.registry)
        await replica.stop()

    asyncio.run(main())
    return lines, metrics.decode()


async def wrong(request: Any, do: Flow) -> None:
    raise ZeroDivisionError("no such thing")


async def failing(request: Any, do: Flow) -> None:
    await do.fail("fail", 1.0)


async def fine(request: Any, do: Flow) -> None:
    return None


def test_every_line_has_the_schema_s_fields() -> None:
    lines, _ = lines_of(failing)
    assert [line["message"] for line in lines] == ["ready", "request failed", "stopped"]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["@timestamp"])
        assert line["ecs.version"].startswith("8.") and line["log.level"] in ("info", "warning")
        assert (line["service.name"], line["service.node.name"]) == ("b", "b.2")


def test_a_failed_request_s_line_is_in_its_trace() -> None:
    lines, _ = lines_of(failing)
    line = lines[1]
    assert line["trace.id"] == "ab" * 16 and re.fullmatch(r"[0-9a-f]{16}", line["span.id"])
    assert line["span.id"] != "cd" * 8, "the span is the request's own, not its caller's"
    assert line["labels"]["outcome"] == "error" and line["labels"]["cause"] == "b:error"
    assert "trace.id" not in lines[0]


def test_an_exception_is_the_schema_s_error() -> None:
    lines, _ = lines_of(wrong)
    line = next(line for line in lines if line["log.level"] == "error")
    assert (line["error.type"], line["error.message"]) == ("ZeroDivisionError", "no such thing")
    assert "in wrong" in line["error.stack_trace"] and line["trace.id"] == "ab" * 16


def test_a_handler_s_own_lines_look_the_same() -> None:
    said: list[str] = []

    async def talking(request: Any, do: Flow) -> None:
        record = logging.LogRecord("shop", logging.INFO, __file__, 1, "hello %s", ("you",), None)
        said.append(JsonFormatter().format(record))

    lines_of(talking)
    line = json.loads(said[0])
    assert (line["message"], line["log.logger"], line["service.name"]) == ("hello you", "shop", "b")
    assert line["trace.id"] == "ab" * 16


def test_the_limit_of_an_objective_is_a_bound_of_the_histogram() -> None:
    _, metrics = lines_of(fine, service=Service("b", bounds=(800 * MS,)))
    found = re.findall(r'service_request_duration_seconds_bucket\{endpoint="go",le="([^"]+)"\} (\S+)', metrics)
    bounds = [bound for bound, _ in found]
    assert "0.8" in bounds and bounds[-1] == "+Inf" and [float(b) for b in bounds] == sorted(map(float, bounds))
    assert dict(found)["0.8"] == "1.0"
    _, plain = lines_of(fine)
    assert 'le="0.8"' not in plain


def test_metrics_show_the_channels_and_stores_that_a_service_uses() -> None:
    class Parts:
        async def stats(self, name: str) -> dict[str, int]:
            if name == "orders":
                return {"published": 7, "done": 4, "backlog": 2, "unacked": 1}
            return {"busy": 3, "waiting": 1, "finished": 9, "hits": 5, "misses": 4}

    async def main() -> str:
        replica = Replica(Service("b"), parts=Parts(), log=lambda line: None)
        replica.watched = ("orders", "db")
        await replica.start()
        await replica.ask_parts()
        text = exposition(replica.registry).decode()
        await replica.stop()
        return text

    text = asyncio.run(main())
    for line in (
        'service_channel_messages_total{channel="orders",what="published"} 7.0',
        'service_channel_waiting{channel="orders",what="backlog"} 2.0',
        'service_store_operations{store="db",what="busy"} 3.0', 'service_store_finished_total{store="db"} 9.0',
        'service_cache_lookups_total{store="db",what="hits"} 5.0',
    ):
        assert line in text


def test_parts_that_do_not_answer_cost_no_metrics() -> None:
    class Silent:
        async def stats(self, name: str) -> dict[str, int]:
            raise ConnectionError("gone")

    async def main() -> str:
        replica = Replica(Service("b"), parts=Silent(), log=lambda line: None)
        replica.watched = ("orders",)
        await replica.start()
        await replica.ask_parts()
        text = exposition(replica.registry).decode()
        await replica.stop()
        return text

    assert "service_threads_busy" in asyncio.run(main())
