"""JSON log lines: one object a line, with the service, the replica and the trace it belongs to."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from msforge.runtime.failures import WORDS
from msforge.runtime.place import HERE

Sink = Callable[[str], None]


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

    def close(self) -> None:
        """No more lines are expected."""
        if isinstance(self.sink, LogFile):
            self.sink.close()

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
