"""A case: a description, what theory expects of it, and how each figure is read from Records.

A case runs as independent replications (keyed by number, so the figures never change on one
platform). It passes when every figure is within four standard errors of its closed form and
the Student-t interval over the replications is as narrow as the case promises.
"""

from __future__ import annotations

import math
import statistics
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from msforge import sim
from msforge.model import compile_system
from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.spec import load_text

STUDENT_95 = {3: 3.182, 5: 2.571, 7: 2.365, 9: 2.262, 11: 2.201, 15: 2.131, 19: 2.093, 23: 2.069}
"""Two-sided 95 % quantiles by degrees of freedom."""

ANSWERED = (0, 1)
MEAN = 0.02
TAIL = 0.05
SHARE = 0.05


@dataclass(frozen=True)
class Run:
    """One replication, with the figures that tests read; times in seconds."""

    system: System
    records: Records

    @cached_property
    def measured(self) -> NDArray[np.bool_]:
        """Which roots arrived after warm-up."""
        arrival = self.records.roots["arrival"]
        chosen: NDArray[np.bool_] = arrival >= self.system.run.warmup
        return chosen

    def latency(self, source: int = 0, outcomes: tuple[int, ...] = ANSWERED) -> NDArray[np.float64]:
        """Latencies of measured requests of one source that ended so."""
        roots = self.records.roots
        chosen = self.measured & (roots["source"] == source) & np.isin(roots["outcome"], outcomes)
        seconds: NDArray[np.float64] = (roots["end"][chosen] - roots["arrival"][chosen]) / 1e9
        return seconds

    def column(self, name: str, source: int = 0) -> NDArray[np.int64]:
        """A column of the measured roots of one source."""
        return self.records.roots[name][self.measured & (self.records.roots["source"] == source)]

    def share(self, *outcomes: int, source: int = 0) -> float:
        """Share of measured roots that ended in one of these outcomes."""
        return float(np.isin(self.column("outcome", source), outcomes).mean())

    @property
    def span(self) -> float:
        """Measured seconds."""
        return (self.system.run.duration - self.system.run.warmup) / 1e9

    def throughput(self, source: int = 0) -> float:
        """Answers per second, by answer, over [warmup, duration]."""
        end = self.records.roots["end"]
        roots = self.records.roots
        chosen = (end >= self.system.run.warmup) & (end < self.system.run.duration) & (roots["source"] == source)
        return int(chosen.sum()) / self.span

    def service(self, name: str) -> int:
        """Index of a service."""
        return next(s.index for s in self.system.services if s.name == name)

    def busy(self, service: str) -> float:
        """Mean number of busy threads of a service."""
        return self._mean_over_time("busy_time", self.service(service))

    def waiting(self, service: str) -> float:
        """Mean number waiting for a thread."""
        return self._mean_over_time("wait_time", self.service(service))

    def _mean_over_time(self, column: str, service: int) -> float:
        total = 0.0
        for replica in self.records.replicas:
            if replica.service == service:
                spent = getattr(replica, column)
                total += float((spent * np.arange(len(spent))).sum()) / 1e9
        return total / self.span

    def busy_share(self, service: str, threads: int) -> float:
        """Share of the measured time with exactly so many threads busy (one replica)."""
        spent = next(r for r in self.records.replicas if r.service == self.service(service)).busy_time
        return float(spent[threads]) / 1e9 / self.span if threads < len(spent) else 0.0

    def store_busy(self, store: int) -> float:
        """Mean number of busy connections."""
        spent = self.records.store_busy[store]
        return float((spent * np.arange(len(spent))).sum()) / 1e9 / self.span

    def edge(self, column: int, edge: int = 0) -> int:
        """A count of a call edge (EDGE_COUNTS)."""
        return int(self.records.edge_counts[edge, column])


Reader = Callable[[Run], float]


@dataclass(frozen=True)
class Figure:
    """One number that theory predicts."""

    label: str
    expected: float
    read: Reader
    width: float = MEAN           # most half-width, as a share of what is expected


@dataclass(frozen=True)
class Seen:
    """One figure as simulated."""

    label: str
    expected: float
    mean: float
    error: float                  # standard error of the mean over replications
    half_width: float             # 95 %, Student t
    allowed: float                # most half-width

    @property
    def distance(self) -> float:
        """Standard errors between simulation and theory."""
        return abs(self.mean - self.expected) / self.error if self.error else math.inf * abs(self.mean - self.expected)

    @property
    def agrees(self) -> bool:
        """Whether theory is within four standard errors (or met exactly, where nothing varies)."""
        return self.distance <= 4 if self.error else math.isclose(self.mean, self.expected, rel_tol=1e-9)


@dataclass(frozen=True)
class Case:
    """A system with a closed form."""

    name: str
    source: str                   # of the formula
    text: str
    figures: tuple[Figure, ...] = field(repr=False)
    replications: int = 16

    def run(self) -> list[Seen]:
        """Simulate all replications and read every figure."""
        system = compile_system(load_text(self.text))
        seed = zlib.crc32(self.name.encode())  # its own dice, or all cases would err to the same side
        values: list[list[float]] = [[] for _ in self.figures]
        for replication in range(self.replications):
            run = Run(system, sim.run(system, replication=replication, seed=seed))
            assert run.records.rows_complete, "the case is longer than the rows that are kept"
            for k, figure in enumerate(self.figures):
                values[k].append(float(figure.read(run)))
        return [self._seen(figure, column) for figure, column in zip(self.figures, values, strict=True)]

    def _seen(self, figure: Figure, values: list[float]) -> Seen:
        error = statistics.stdev(values) / math.sqrt(len(values))
        half = STUDENT_95[len(values) - 1] * error
        allowed = figure.width * abs(figure.expected)
        return Seen(figure.label, figure.expected, statistics.fmean(values), error, half, allowed)


def mean_latency(source: int = 0) -> Reader:
    """Mean latency of the answered."""
    return lambda run: float(run.latency(source).mean())


def percentile(q: float, source: int = 0) -> Reader:
    """A quantile of the latency of the answered. The usual estimate is too low by 1 % at a p99 of 900 values."""
    return lambda run: float(np.quantile(run.latency(source), q, method="median_unbiased"))


def waited(source: int = 0) -> Reader:
    """Share that waited for a thread at the entry service."""
    return lambda run: float((run.column("queue", source) > 0).mean())


def busy(service: str) -> Reader:
    """Mean number of busy threads."""
    return lambda run: run.busy(service)


def in_system(service: str) -> Reader:
    """Mean number in a service: busy and waiting."""
    return lambda run: run.busy(service) + run.waiting(service)


def share(*outcomes: int, source: int = 0) -> Reader:
    """Share of requests that ended so."""
    return lambda run: run.share(*outcomes, source=source)


def station(
    rate: float, steps: str, requests: int, *, threads: int | str = 1, queue: str = "unlimited", more: str = "",
    client: str = "", tail: str = "",
) -> str:
    """One service behind one Poisson source: the description most cases share."""
    duration = requests / rate
    return f"""\
msforge: 1
name: station
services:
  server:
    threads: {threads}
    queue: {queue}
{more}    endpoints:
      serve: {{http: POST /serve, steps: [{steps}]}}
traffic:
  clients: {{target: server.serve, rate: {rate!r}/s{client}}}
{tail}simulation: {{duration: {duration!r}s, warmup: {duration / 20!r}s, drain: 600s}}
"""
