"""JSON log lines in the shape of the Elastic Common Schema, as its logging libraries write it: one object a line.

Names with dots are the schema's own fields; what it has no field for stands under `labels`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TextIO

from msforge.runtime.failures import WORDS
from msforge.runtime.place import HERE

Sink = Callable[[str], None]
ECS: Final = "8.17.0"
"""The version of the schema."""


def to_stderr(line: str) -> None:
    """The usual sink."""
    sys.stderr.write(line + "\n")


class LogFile:
    """A sink: a file that is opened at the first line and kept open. Each line is there as soon as it is written."""

    __slots__ = ("_file", "path")

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: TextIO | None = None

    def __call__(self, line: str) -> None:
        """Appends a line. A full disk costs the line, not the request that it is about."""
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self.path.open("a", encoding="utf-8", buffering=1)
            self._file.write(line + "\n")

    def close(self) -> None:
        """Lets the file go; one more line opens it again."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


class Journal:
    """What a replica says. `sink` takes each line."""

    __slots__ = ("replica", "service", "sink")

    def __init__(self, service: str, replica: int, sink: Sink | None = None) -> None:
        self.service = service
        self.replica = replica
        self.sink = sink or to_stderr

    def write(
        self, level: str, event: str, *, trace: str | None = None, raised: dict[str, str] | None = None, **labels: Any
    ) -> None:
        """One line. `trace` is a `traceparent`, by default that of the request served here; `raised` an `error.*`."""
        line: dict[str, Any] = {
            "@timestamp": _now(), "log.level": level, "message": event, "ecs.version": ECS,
            **origin(self.service, self.replica), **ids(_trace() if trace is None else trace), **(raised or {}),
        }
        if labels:
            line["labels"] = labels
        self.sink(json.dumps(line, default=str))

    def info(self, event: str, **fields: Any) -> None:
        """Something worth knowing."""
        self.write("info", event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something worth looking at."""
        self.write("warning", event, **fields)

    def close(self) -> None:
        """No more lines are expected."""
        if isinstance(self.sink, LogFile):
            self.sink.close()

    def failure(self, flow: Any, problem: BaseException) -> None:
        """A mistake in a handler: with its traceback, which no client gets to see."""
        self.write("error", "exception", trace=flow.trace, raised=error(problem), endpoint=flow.endpoint)

    def failed(self, flow: Any) -> None:
        """A request that was not answered well."""
        self.write(
            "warning", "request failed", trace=flow.trace, endpoint=flow.endpoint, outcome=WORDS[flow.outcome],
            cause=flow.cause, number=flow.number,
        )


class JsonFormatter(logging.Formatter):
    """The same lines from the standard library's logging, for a handler's own messages."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as a line."""
        flow = _flow()
        line: dict[str, Any] = {
            "@timestamp": _now(record.created), "log.level": record.levelname.lower(), "message": record.getMessage(),
            "ecs.version": ECS, "log.logger": record.name,
        }
        if flow is not None:
            line |= origin(flow.replica.name, flow.replica.ordinal) | ids(flow.trace)
        if record.exc_info and record.exc_info[1] is not None:
            line |= error(record.exc_info[1])
        return json.dumps(line, default=str)


def origin(service: str, replica: int) -> dict[str, str]:
    """Who writes."""
    return {"service.name": service, "service.node.name": f"{service}.{replica}"}


def ids(trace: str) -> dict[str, str]:
    """The ids in a `traceparent`; none of an empty one."""
    return {"trace.id": trace[3:35], "span.id": trace[36:52]} if trace else {}


def error(problem: BaseException) -> dict[str, str]:
    """An exception."""
    return {
        "error.type": type(problem).__name__, "error.message": str(problem),
        "error.stack_trace": "".join(traceback.format_exception(problem)),
    }


def trace_of(flow: Any) -> str:
    """The trace a request belongs to, 32 hex digits."""
    return str(flow.trace)[3:35]


def _trace() -> str:
    flow = _flow()
    return str(flow.trace) if flow is not None else ""


def _flow() -> Any:
    place = HERE.get(None)
    return place.flow if place is not None else None


def _now(seconds: float | None = None) -> str:
    at = time.time() if seconds is None else seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
