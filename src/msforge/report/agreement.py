"""A verification on the terminal: the verdict, where it differs, then both readings of each figure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from msforge.report.shapes import heading, name, table
from msforge.report.text import NOTHING, clean, clean_lines, duration, figure, hanging, moment, percent, plural
from msforge.results.agreement import AGREES, DISAGREES, Agreement, Reading, Share
from msforge.results.local import Finding

VERDICTS = {
    AGREES: ("✓ AGREES", "bold green"),
    DISAGREES: ("✗ DISAGREES", "bold red"),
}
UNDECIDED = ("? INCONCLUSIVE", "bold yellow")
SECTIONS = (
    ("entry", "What clients saw"), ("endpoint", "Endpoints"), ("consumer", "Consumers"), ("service", "Services"),
    ("channel", "Channels"),
)
WORDS = {
    "own": "own time", "store": "in stores", "done_rate": "done", "success": "success", "waiting": "waiting",
}
MOST = 5
"""Places that are shown."""
QUIET = ("success", "waiting", "backlog")
"""Metrics that are only shown where there is something to see."""


def agreement_report(found: Agreement, width: int, *, every: bool = False) -> Iterator[RenderableType]:
    """The agreement for `width` columns; `every` shows every figure of every endpoint, too."""
    title = found.system + (f" ({found.scenario})" if found.scenario else "")
    yield Text.assemble(VERDICTS.get(found.verdict, UNDECIDED), "  ", (clean(title, limit=60), "bold"),
                        f"  seed {found.seed}")
    for reason in found.reasons:
        yield Text(hanging(f"- {reason}", width=width))
    if found.reasons:
        yield Text(hanging(f"- try again {_slower(found.scale)}, or when less else runs here", width=width))
    for note in found.notes:
        yield Text(hanging(f"- {note}", width=width), style="dim")
    yield Rule(style="default", characters="─")
    yield from _findings(found, width)
    yield from _traces(found.traces, width)
    yield from _machine(found, width)
    for kind, words in SECTIONS:
        readings = [r for r in found.readings if r.name.partition("/")[0] == kind]
        shown = [r for r in readings if every or ((kind == "entry" or r.inside is False) and _worth(r))]
        if kind == "entry":
            for subject in dict.fromkeys(subject_of(r) for r in shown):
                yield heading(clean(subject, limit=60))
                yield _readings([r for r in shown if subject_of(r) == subject], width, with_subject=False)
        elif shown:
            yield heading(words)
            yield _readings(shown, width, with_subject=True)
    yield from _last(found, width, every)


def _slower(scale: float) -> str:
    return f"in slow motion: --slow-motion {4 if scale < 4 else scale * 2:g}"


def _worth(r: Reading) -> bool:
    metric = r.name.rpartition("/")[2]
    if r.name.startswith("entry/") and metric == "ok":
        return False  # `success` says it
    return metric not in QUIET or r.differs or r.measured != r.twin


def _findings(found: Agreement, width: int) -> Iterator[RenderableType]:
    findings = found.findings
    if not findings:
        return
    yield heading("Where it differs" if not found.reasons else "Where it differs, which proves nothing in this run")
    for finding in findings[:MOST]:
        yield Text(hanging(finding_text(finding), width=width))
    if len(findings) > MOST:
        yield Text(f"  and {plural(len(findings) - MOST, 'more place')}")


def finding_text(finding: Finding) -> str:
    """Where it differs, since when, and how."""
    where = ".".join(part for part in (finding.service, finding.endpoint) if part)
    about = f"{clean(where, limit=60)}, {clean(finding.step, limit=60)}" if finding.step else clean(where, limit=60)
    since = f" (from {moment(finding.at)} on)" if finding.at is not None else ""
    return f"{about}{since}: {finding.text}" if about else finding.text


def _traces(traces: list[dict[str, Any]], width: int) -> Iterator[RenderableType]:
    for trace in traces:
        yield heading(f"Request {trace['number']} of {clean(trace['source'], limit=40)}, in both")
        rows = [
            (visit["side"], name(visit["name"], 34), duration(visit["begin"]), duration(visit["waited"]),
             duration(visit["took"]), visit["outcome"])
            for visit in trace["visits"][:24]
        ]
        yield table(("", "", "begins", "waits", "takes", ""), rows, width, names=2)


def _machine(found: Agreement, width: int) -> Iterator[RenderableType]:
    for share in found.machine:
        yield Text(hanging(share_text(share), indent="", width=width))


def share_text(share: Share) -> str:
    """What of an entry's time is this machine's."""
    return f"{clean(share.name, limit=60)}: of {duration(share.whole)}, {duration(share.machine)} are this machine"


def subject_of(r: Reading) -> str:
    """What a figure is about, e.g. an entry."""
    return r.name.partition("/")[2].rpartition("/")[0]


def metric_of(r: Reading) -> str:
    """What is measured there, in words."""
    metric = r.name.rpartition("/")[2]
    return WORDS.get(metric, metric.replace("_", " "))


def interval_text(r: Reading) -> str:
    """Between which values 95 % of simulated runs lie."""
    if r.low is None or r.high is None:
        return NOTHING
    return f"{figure(max(0.0, r.low), r.unit)}..{figure(min(r.high, 1.0) if r.unit == 'ratio' else r.high, r.unit)}"


def _readings(readings: list[Reading], width: int, *, with_subject: bool) -> RenderableType:
    rows = []
    for r in readings:
        said = f"{subject_of(r)} {metric_of(r)}" if with_subject else metric_of(r)
        rows.append((
            name(said, 60), figure(r.measured, r.unit), figure(r.twin, r.unit), error_text(r), interval_text(r),
            judged(r),
        ))
    return table(("", "measured", "twin", "error", "95% of runs", ""), rows, width)


def error_text(r: Reading) -> str:
    """How far the measured value is from its twin's."""
    if r.unit == "ratio":
        return f"{100 * r.error:+.1f} pp"
    return f"{r.error / r.twin:+.1%}" if r.twin else NOTHING


def judged(r: Reading) -> Text:
    """Both readings' verdict on a figure."""
    if r.differs:
        return Text("✗ differs", "bold red")
    if r.inside is None:
        return Text("no interval" if r.low is None else "few requests", "dim")
    return Text("✓ inside", "green") if r.inside else Text("outside", "yellow")


def _last(found: Agreement, width: int, every: bool) -> Iterator[RenderableType]:
    yield Text("")
    for said in readings_told(found):
        yield Text(hanging(said, indent="", width=width))
    close = sum(r.inside is False and not r.differs for r in found.readings)
    if close:
        yield Text(hanging(
            f"{plural(close, 'figure')} of {len(found.readings)} outside, but no further than chance and the model may "
            "be: chance alone puts one in twenty there", indent="", width=width,
        ), style="dim")
    if not every:
        yield Text("--all shows every figure", style="dim")


def readings_told(found: Agreement) -> Iterator[str]:
    """Both readings as sentences: the twin, the independent runs, and the pieces of time."""
    for pairs in found.pairs:
        if pairs.correlation is not None and pairs.median is not None and pairs.same_outcome is not None:
            yield (
                f"twin, {clean(pairs.name, limit=60)}: {plural(pairs.count, 'request')} one by one, correlation "
                f"{pairs.correlation:.3f}, half of them within {duration(pairs.median)} of their twin; "
                f"{percent(pairs.same_outcome)} ended alike"
            )
    inside, judged = found.coverage
    if judged:
        yield (f"independent: {inside} of {judged} percentiles inside the interval in which 95 % of single further "
               f"runs fall ({found.replications} runs)")
    for over in found.over_time:
        if over.pieces:
            first = f", first from {moment(over.first)} on" if over.first is not None else ""
            yield f"over time, {clean(over.name, limit=60)}: {over.inside} of {over.pieces} pieces inside{first}"


def calibration_report(plain: dict[str, Any], words: dict[str, str], width: int) -> Iterator[RenderableType]:
    """What a calibration holds: each overhead's median, 95th and 99th percentile."""
    machine = plain["machine"]
    yield Text(clean_lines(f"{machine['machine']}, {machine['processor']}, {machine['system']}, {machine['python']}"))
    yield Text(clean_lines(f"msforge {machine['msforge']}, measured {plain['taken']}"), style="dim")
    yield heading("What this machine adds")
    rows = []
    for what, values in plain["samples_ns"].items():
        at = [values[int(q * (len(values) - 1))] for q in (0.5, 0.95, 0.99)]
        rows.append((words.get(what, what), *(duration(v) for v in at)))
    yield table(("", "median", "p95", "p99"), rows, width)
    for problem in plain["problems"]:
        yield Text(hanging(f"- not to be trusted: {problem}", width=width), style="yellow")
