"""JSON log lines: one object a line, with the service, the replica and the trace it belongs to."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from msforge.runtime.failures import WORDS
from msforge.runtime.place import HERE

Sink = Callable[[str], None]


def to_stderr(line: str) -> None:
    """The usual sink."""
    sys.stderr.write(line + "\n")


class Journal:
    """What a replica says. `sink` takes each line."""

    __slots__ = ("replica", "service", "sink")

    def __init__(self, service: str, replica: int, sink: Sink | None = None) -> None:
        self.service = service
        self.replica = replica
        self.sink = sink or to_stderr

    def write(self, level: str, event: str, **fields: Any) -> None:
        """One line."""
        line = {
            "time": _now(), "level": level, "service": self.service, "replica": self.replica, "event": event,
            "trace_id": trace_id(), **fields,
        }
        self.sink(json.dumps({key: value for key, value in line.items() if value != ""}, default=str))

    def info(self, event: str, **fields: Any) -> None:
        """Something worth knowing."""
        self.write("info", event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something worth looking at."""
        self.write("warning", event, **fields)

    def failure(self, flow: Any, problem: BaseException) -> None:
        """A mistake in a handler: with its traceback, which no client gets to see."""
        self.write(
            "error", "exception", endpoint=flow.endpoint, problem=f"{type(problem).__name__}: {problem}",
            traceback="".join(traceback.format_exception(problem)), trace_id=trace_of(flow),
        )

    def failed(self, flow: Any) -> None:
        """A request that was not answered well."""
        self.write(
            "warning", "request failed", endpoint=flow.endpoint, outcome=WORDS[flow.outcome], cause=flow.cause,
            number=flow.number, trace_id=trace_of(flow),
        )


class JsonFormatter(logging.Formatter):
    """The same lines from the standard library's logging, for a handler's own messages."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as a line."""
        flow = _flow()
        line: dict[str, Any] = {"time": _now(record.created), "level": record.levelname.lower()}
        if flow is not None:
            line.update(service=flow.replica.name, replica=flow.replica.ordinal, trace_id=trace_of(flow))
        line.update(logger=record.name, event=record.getMessage())
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def trace_of(flow: Any) -> str:
    """The trace a request belongs to, 32 hex digits."""
    return str(flow.trace)[3:35]


def trace_id() -> str:
    """The trace of the request being served here, "" outside of one."""
    flow = _flow()
    return trace_of(flow) if flow is not None else ""


def _flow() -> Any:
    place = HERE.get(None)
    return place.flow if place is not None else None


def _now(seconds: float | None = None) -> str:
    at = time.time() if seconds is None else seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
