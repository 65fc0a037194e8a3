"""What `simulate` and `report` write for other tools: traces and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msforge.errors import UsageError

if TYPE_CHECKING:
    from msforge.report.console import Terminal
    from msforge.results import Result


class TracesFormat(StrEnum):
    """Whose format."""

    OTLP = "otlp"
    CHROME = "chrome"


BEGINS = {TracesFormat.OTLP: b'{"resourceSpans"', TracesFormat.CHROME: b'{"traceEvents"'}
METRICS_BEGIN = b"# HELP service_"

TracesOption = Annotated[
    Path | None,
    typer.Option(
        "--traces", metavar="FILE", help="Write the run's traces to FILE, for other tools.", show_default=False
    ),
]
TracesFormatOption = Annotated[
    TracesFormat,
    typer.Option("--traces-format", help="Of --traces: OTLP/JSON (for Jaeger, Tempo), or chrome (for Perfetto)."),
]
MetricsOption = Annotated[
    Path | None,
    typer.Option(
        "--metrics", metavar="FILE", help="Write the run's metrics to FILE, in Prometheus' text format.",
        show_default=False,
    ),
]


class Exports:
    """The files that were asked for. Raises when one cannot be written, before the work. False when there is none."""

    def __init__(
        self, traces: Path | None, format: TracesFormat, metrics: Path | None, *, never: Sequence[Path]
    ) -> None:
        self.traces, self.format, self.metrics = traces, format, metrics
        taken = [*never, *([traces] if traces is not None else [])]
        if traces is not None:
            _check("--traces", traces, never, BEGINS[format])
        if metrics is not None:
            _check("--metrics", metrics, taken, METRICS_BEGIN)

    def __bool__(self) -> bool:
        return bool(self.files)

    @property
    def files(self) -> list[Path]:
        """What is written."""
        return [path for path in (self.traces, self.metrics) if path is not None]

    def write(self, result: Result, term: Terminal) -> None:
        """Writes them and says so."""
        import msforge
        from msforge.report.files import write_atomically
        from msforge.report.text import plural

        if self.traces is not None and result.interrupted and not result.traces:
            term.say("no traces were written: the run was interrupted before they were recorded")
        elif self.traces is not None:
            content = msforge.export_traces(result, format=self.format.value).encode("utf-8")
            write_atomically(self.traces, content)
            requests = len({(trace.replication, trace.source, trace.number) for trace in result.traces})
            term.say(f"wrote {self.traces}: {plural(requests, 'trace')}, {_opened(self.format)}")
        if self.metrics is not None:
            write_atomically(self.metrics, msforge.export_metrics(result).encode("utf-8"))
            term.say(f"wrote {self.metrics}: the metrics at the run's end, in Prometheus' text format")


def _opened(format: TracesFormat) -> str:
    if format is TracesFormat.CHROME:
        return "to open in https://ui.perfetto.dev"
    return "OTLP/JSON for Jaeger, Tempo and others, or for: msforge import"


def _check(option: str, path: Path, never: Sequence[Path], begin: bytes) -> None:
    from msforge.report.files import check_writable

    check_apart(option, path, never)
    check_writable(path, begin=begin)


def check_apart(option: str, path: Path, never: Sequence[Path]) -> None:
    """Raises UsageError unless the file of `option` is none that this command reads or writes otherwise."""
    if str(path) == "-":
        raise UsageError(f"{option} wants a file name")
    for other in never:
        if path.resolve() == other.resolve():
            raise UsageError(f"{option} {path}: that file is in use by this very command", hint="choose another name")
