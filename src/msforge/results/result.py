"""The Result: everything a report prints and more, as data. Format 1.

It is made from Records alone, simulated or measured, and knows no clock, path or host.
`docs/result.md` is generated from the field texts below. All times are nanoseconds of the
run's own time.
"""

# ruff: noqa: RUF009  (`doc` is a dataclass field with its text and unit, not a shared default)
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from msforge.errors import ResultFormatError
from msforge.results.codec import CodecError, decode, encode
from msforge.results.courses import ChannelSeries, EdgeSeries, Series, ServiceSeries, StoreSeries, TrafficSeries
from msforge.results.figures import Counts, Latency, Level, Measured, Part, Traffic, doc
from msforge.results.tables import (
    BreakerChange,
    ChannelResult,
    Check,
    Cost,
    Edge,
    FaultWindow,
    HappeningResult,
    ReplicaResult,
    Saga,
    ServiceCost,
    ServiceResult,
    StoreResult,
    Trace,
)
from msforge.results.verdicts import Evidence, ObjectiveResult, Recovery, Storm, Story, Suspect, Unstable

__all__ = [
    "FORMAT", "BreakerChange", "ChannelResult", "ChannelSeries", "Check", "Cost", "Counts", "Edge", "EdgeSeries",
    "Evidence", "FaultWindow", "Figure", "HappeningResult", "Intervals", "Latency", "Level", "Measured",
    "ObjectiveResult", "Part", "Recovery", "ReplicaResult", "Result", "Saga", "Series", "ServiceCost", "ServiceResult",
    "ServiceSeries", "Span", "StoreResult", "StoreSeries", "Storm", "Story", "Suspect", "Trace", "Traffic",
    "TrafficSeries", "Unstable",
]

FORMAT = 1
"""Version of the JSON format. A change that an older reader would misread raises it."""


@dataclass
class Span:
    """A span of simulated time, its end not included."""

    begin: int = doc("when it starts", "ns")
    end: int = doc("when it ends", "ns")


@dataclass
class Intervals:
    """How the intervals were made."""

    method: str = doc("`replications` (Student-t), `batches` (batch means of one run) or `none`")
    n: int = doc("replications or batches behind each interval")
    confidence: float = doc("confidence level", "0..1")
    text: str = doc("the same in a sentence, as reports print it")


@dataclass
class Figure:
    """One figure in every replication (or batch), which `compare` pairs by seed."""

    name: str = doc("e.g. `entry/shoppers -> gateway.checkout/p99`")
    unit: str = doc("`ns`, `ratio`, `per_second`, `count` or `cost`")
    better: str = doc("`less`, `more` or empty: which direction is better")
    values: list[float | None] = doc("one per replication, or per batch in a single run")
    total: Measured = doc("over all of them")


@dataclass
class Result:
    """A run, or several replications of it, summarised."""

    format: int = doc("version of this format")
    engine: str = doc("version of msforge that wrote it")
    system: str = doc("name of the system")
    scenario: str = doc("name of the scenario; empty for the system as it stands")
    digest: str = doc("sha256 of the resolved description")
    seed: int = doc("the seed")
    replications: int = doc("number of replications")
    warmup: int = doc("left out at the start", "ns")
    duration: int = doc("after it nothing arrives", "ns")
    span: Span = doc("what the tables are about: [warmup, duration), or the window asked for")
    windowed: bool = doc("true when the tables are about a window, not the whole run")
    interrupted: bool = doc("true: stopped before its end; the span ends where measuring stopped")
    rows_complete: bool = doc("true: a full row was kept for every root request")
    percentiles: str = doc("how percentiles were taken, in a sentence")
    intervals: Intervals = doc("how intervals were made")
    notes: list[str] = doc("what a reader must know first, e.g. that the run was interrupted")
    objectives: list[ObjectiveResult] = doc("objectives with their verdicts")
    unstable: list[Unstable] = doc("backlogs still growing at the end; empty for a run that kept up")
    story: Story = doc("where it hurts, when, why, what to try")
    sources: list[Traffic] = doc("per traffic source")
    entries: list[Traffic] = doc("per (source, target), as its clients saw it")
    endpoints: list[Traffic] = doc("per endpoint and consumer, as its service saw it")
    services: list[ServiceResult] = doc("per service")
    edges: list[Edge] = doc("per call edge")
    breakers: list[BreakerChange] = doc("circuit breakers' changes, in order of time")
    stores: list[StoreResult] = doc("per store")
    channels: list[ChannelResult] = doc("per channel")
    faults: list[FaultWindow] = doc("faults as they happened")
    happenings: list[HappeningResult] = doc("all marks on the time line")
    sagas: list[Saga] = doc("per saga step")
    storm: Storm = doc("retry storm figures")
    cost: Cost = doc("costs")
    checks: list[Check] = doc("Little's law and the utilisation law")
    figures: list[Figure] = doc("figures per replication or batch")
    series: Series = doc("time series")
    traces: list[Trace] = doc("spans of chosen requests", default_factory=list)
    plan: dict[str, Any] | None = doc("the plan that ran, fields at their defaults left out", default=None)
    data: list[dict[str, Any]] | None = doc(
        "per replication, the counts, histograms and areas that `--window` reads; null when left out", default=None
    )

    @property
    def failed(self) -> bool:
        """True when an objective is not met (exit code 99)."""
        return any(not objective.met for objective in self.objectives)

    def to_json(self, *, data: bool = True) -> str:
        """The Result as JSON text. Equal Results give equal bytes.

        `data=False` leaves out `plan` and `data`, which only reading another window needs.
        """
        plain = encode(self)
        if not data:
            plain["plan"] = plain["data"] = None
        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str, *, name: str = "the file") -> Result:
        """The Result that `text` holds. Raises ResultFormatError when it is none, or of another version."""
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ResultFormatError(
                f"{name} is not a result: it is not JSON ({error})",
                hint="a result is written by `msforge simulate FILE --out run.json`",
            ) from None
        _check_version(plain, name)
        try:
            return decode(cls, plain)
        except (CodecError, ValueError, TypeError) as error:
            raise ResultFormatError(
                f"{name} is a damaged result: {error}", hint="run the simulation again with --out to write it anew"
            ) from None


def _check_version(plain: Any, name: str) -> None:
    if not isinstance(plain, dict) or "format" not in plain or "engine" not in plain:
        raise ResultFormatError(
            f"{name} is not a result: it has no `format`",
            hint="a result is written by `msforge simulate FILE --out run.json`; "
            "a system description is simulated with `msforge simulate`",
        )
    if plain["format"] != FORMAT:
        raise ResultFormatError(
            f"{name} is a result of format {plain['format']!r}, written by msforge {plain['engine']}; "
            f"this version reads format {FORMAT}",
            hint="run the simulation again with this version, or read the file with the version that wrote it",
        )
