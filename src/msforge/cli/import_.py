"""`msforge import`: a draft of a description, out of traces."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import QuietOption, existing, terminal


class Source(StrEnum):
    """Whose format."""

    OTLP = "otlp"
    JAEGER = "jaeger"
    ZIPKIN = "zipkin"


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="TRACES", help="Traces of a running system (JSON).", show_default=False)
    ],
    source: Annotated[
        Source | None,
        typer.Option("--from", help="Whose format TRACES has.", show_default="found out"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write it to FILE instead of stdout.", show_default=False),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Draft a description out of traces: services, calls and their order, times, errors.

    It takes OTLP/JSON (of exporters, and of the collector's file exporter), Jaeger's JSON and Zipkin's. What is
    doubtful is said in the draft and on stderr.

    \b
    Examples:
      msforge import traces.json > system.yaml
      msforge import traces.json --from otlp --out system.yaml
    """
    import msforge
    from msforge.report.files import check_writable, write_atomically
    from msforge.report.text import plural

    term = terminal(quiet=quiet)
    path = existing(file, suffixes=(".json", ".jsonl"))
    if out is not None:
        check_writable(out, begin=b"# A draft")
    made = msforge.import_traces(path, format=source.value if source is not None else "")
    if out is None:
        term.raw(made.text)
    else:
        write_atomically(out, made.text.encode("utf-8"))
    for warning in made.warnings:
        term.say(f"doubtful: {warning}")
    count = f"{plural(made.services, 'service')} out of {plural(made.traces, 'trace')}"
    if out is None:
        term.say(f"{count}. Save it with --out system.yaml, then: msforge check system.yaml")
    else:
        term.say(f"wrote {out}: {count}. Next: msforge check {out}, msforge simulate {out}")
