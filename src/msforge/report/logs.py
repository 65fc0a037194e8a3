"""Lines of a running system's log as a reader wants them: who, when, what; the JSON's other fields behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from msforge.report.text import clean, clean_lines

PLAIN = ("endpoint", "outcome", "cause", "problem")
"""Fields whose value says what it is."""
LEFT_OUT = ("time", "level", "service", "replica", "event", "trace_id", "number", "logger", "traceback")


def log_lines(replica: str, line: str, width: int) -> Iterator[str]:
    """What is shown of a line: the replica in `width` columns, the local time, the event; then its traceback."""
    front = f"{clean(replica):<{width}} | "
    written = parsed(line)
    if written is None:
        yield front + clean(line)
        return
    said = clean(str(written["event"]))
    if fields := ", ".join(_fields(written)):
        said += f": {fields}"
    yield f"{front}{_time(written)}{said}"
    for more in clean_lines(str(written.get("traceback", "")).rstrip()).splitlines():
        yield f"{front}  {more}"


def json_line(replica: str, line: str) -> str:
    """The line as it was written; one that is no JSON object becomes one."""
    return line if parsed(line) is not None else json.dumps({"log": replica, "event": line}, ensure_ascii=False)


def parsed(line: str) -> Mapping[str, Any] | None:
    """A line of JSON that says what happened; None for any other."""
    if not line.startswith("{"):
        return None
    try:
        written = json.loads(line)
    except ValueError:
        return None
    return written if isinstance(written, dict) and "event" in written else None


def _fields(written: Mapping[str, Any]) -> Iterator[str]:
    for key, value in written.items():
        if key not in LEFT_OUT and value != "":
            yield clean(str(value)) if key in PLAIN else f"{clean(key)}={clean(str(value))}"


def _time(written: Mapping[str, Any]) -> str:
    try:
        at = datetime.fromisoformat(str(written["time"])).astimezone()
    except (KeyError, ValueError):
        return ""
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} "
