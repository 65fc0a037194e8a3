"""What commands about generated and running systems print: it fits 80 columns, whatever the names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from msforge.report.console import Terminal
from msforge.report.logs import json_line, log_lines
from msforge.report.running import beyond_lines, load_summary, services_table, up_summary
from msforge.report.scaffold import changes_text, notes_text, plan_text, what_next
from msforge.scaffold.plan import Action

LONG = "a-very-long-name-of-a-service-that-somebody-typed-on-a-monday-morning"
URL = "http://127.0.0.1:18000"


def printed(capsys: Any, parts: Iterable[Any]) -> str:
    Terminal().show(*parts)
    out: str = capsys.readouterr().out
    return out


def fits(text: str) -> bool:
    return max(map(len, text.splitlines())) <= 80


def test_a_plan_fits_and_its_paragraphs_hang() -> None:
    unable = "brokers as products (order-placed (rabbitmq), order-failed (rabbitmq)): an embedded channel with the same"
    plan = SimpleNamespace(
        system="shop", folder=Path("my shop"), description="shop.yaml", changes=[], unable=[unable],
        services=[{"name": name, "url": URL, "folder": f"services/{name}"} for name in ("order", LONG)],
    )
    text = plan_text(plan, brief=True)
    assert fits(text) and URL in text
    assert text.endswith("\n    embedded channel with the same\n") or "\n    " in text.split("brokers")[1]
    assert fits(what_next(plan)) and "cd 'my shop'" in what_next(plan)


def test_what_is_beyond_fits() -> None:
    found = [SimpleNamespace(feature="stores as products", used_by=[LONG, "b", "c", "d"], instead="SQLite, " * 12)]
    (text,) = beyond_lines(found)
    assert fits(text) and text.startswith("  stores") and "\n    " in text and "and 1 more" in text.replace("\n   ", "")


def test_the_tables_fit_and_addresses_stand_under_their_title(capsys: Any) -> None:
    replica = {"name": f"{LONG}.0", "state": "ready", "busy": 1000, "waiting": 100000, "crashes": 3}
    view = {
        "services": [{"name": name, "url": URL, "replicas": [replica]} for name in ("order", LONG)],
        "channels": {}, "faults": [],
    }
    out = printed(capsys, services_table(view, 80))
    assert fits(out) and out.count(URL) == 2
    title, first = out.splitlines()[:2]
    assert title.index("address") == first.index("http")
    out = printed(capsys, [up_summary({"order": URL, LONG: URL})])
    assert fits(out) and out.count(URL) == 2


def test_a_line_of_the_log_is_short_and_its_json_is_kept() -> None:
    line = json.dumps({
        "time": "2026-11-25T22:17:15.045Z", "level": "warning", "service": "gateway", "replica": 1,
        "event": "request failed", "trace_id": "f" * 32, "endpoint": "checkout", "outcome": "error",
        "cause": "user:timeout", "number": 631,
    })
    (shown,) = log_lines("gateway.1", line, 14)
    assert fits(shown)
    assert shown.startswith("gateway.1      | ")
    assert shown.endswith(":15.045 request failed: checkout, error, user:timeout")
    assert json_line("gateway.1", line) == line


def test_other_lines_of_the_log_are_shown_as_they_are_but_harmless() -> None:
    for text in ("plain \x1b[31mwords", '{"no": "event"}', "{broken"):
        (shown,) = log_lines("a.0", text, 3)
        assert shown.startswith("a.0 | ") and "\x1b" not in shown
        assert json.loads(json_line("a.0", text)) == {"log": "a.0", "event": text}
    mistake = json.dumps({"event": "exception", "endpoint": "buy", "problem": "KeyError: 'x'", "traceback": "a\n  b\n"})
    assert list(log_lines("a.0", mistake, 3)) == [
        "a.0 | exception: buy, KeyError: 'x'", "a.0 |   a", "a.0 |     b",
    ]


def test_the_end_of_load_fits_with_long_names(capsys: Any) -> None:
    entry = {
        "source": LONG, "target": f"{LONG}.{LONG}", "sent": 1234567, "ok": 1234560, "failed": 7, "in_flight": 0,
        "rate": 12345.6, "outcomes": {"ok": 1234560, "timeout": 4, "rate_limited": 3},
        "latency_ms": {"p50": 1234.5, "p95": 12345.0, "p99": 123456.0, "max": None},
    }
    result = {
        "system": LONG, "scenario": LONG, "interrupted": False, "seconds": 5.0, "way": "one process", "seed": 42,
        "entries": [entry], "late": True, "lag_ms": {"p99": 123.0},
    }
    assert fits(printed(capsys, load_summary(result, 80)))


def test_files_and_notes_of_a_sync_fit() -> None:
    changes = [
        SimpleNamespace(action=Action.UPDATE, path="services/payment/payment_service/handlers.py", reason=reason)
        for reason in ("", "adds refund at its end", "it is not valid Python at the moment (line 22), so " * 3)
    ]
    plan = SimpleNamespace(pending=changes, changes=changes, counts=lambda: {"update": 3}, notes=["word " * 40])
    text = changes_text(plan)
    assert fits(text) and "(adds refund at its end)" in text and text.splitlines()[0].endswith("handlers.py")
    assert fits(notes_text(plan)) and notes_text(plan).startswith("note: word")
