"""Runs small descriptions and reads the Records in milliseconds, request by request."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from msforge import sim
from msforge.model import compile_system
from msforge.model.plan import System
from msforge.recording.records import (
    CHANNEL_COUNTS,
    CHANNEL_TICKS,
    EDGE_COUNTS,
    REPLICA_TICKS,
    STORE_COUNTS,
    Happening,
    Records,
    SpanRecord,
)
from msforge.records import Outcome
from msforge.spec import load_text

MS = 1_000_000


class Root(NamedTuple):
    """A finished request as its client saw it; times in ms, exact."""

    source: int
    number: int
    arrival: float
    end: float
    outcome: str
    tries: int
    cause: str                    # service:outcome of the first cause, or ""

    @property
    def latency(self) -> float:
        """ms from the intended arrival."""
        return round(self.end - self.arrival, 6)


@dataclass(frozen=True)
class Seen:
    """A run and short words for what tests ask of it."""

    system: System
    records: Records

    def roots(self, source: int = 0) -> list[Root]:
        """A source's requests by number."""
        columns = self.records.roots
        found = []
        for k in range(len(columns["number"])):
            if columns["source"][k] == source:
                cause = int(columns["cause"][k])
                words = "" if cause < 0 else f"{self.system.services[cause // 16].name}:{Outcome(cause % 16).word}"
                found.append(Root(
                    source, int(columns["number"][k]), int(columns["arrival"][k]) / MS, int(columns["end"][k]) / MS,
                    Outcome(int(columns["outcome"][k])).word, int(columns["tries"][k]), words,
                ))
        return sorted(found, key=lambda root: root.number)

    def outcomes(self, source: int = 0) -> list[str]:
        """Outcomes by number."""
        return [root.outcome for root in self.roots(source)]

    def ends(self, source: int = 0) -> list[float]:
        """Ends in ms by number."""
        return [root.end for root in self.roots(source)]

    def latencies(self, source: int = 0) -> list[float]:
        """Latencies in ms by number."""
        return [root.latency for root in self.roots(source)]

    def column(self, name: str, source: int = 0) -> list[float]:
        """A time column of the roots in ms, by number."""
        columns = self.records.roots
        chosen = columns["source"] == source
        order = np.argsort(columns["number"][chosen])
        return [int(v) / MS for v in columns[name][chosen][order]]

    def service(self, name: str) -> int:
        """Index of a service."""
        return next(s.index for s in self.system.services if s.name == name)

    def body(self, name: str) -> int:
        """Index of service.endpoint."""
        return next(b.index for b in self.system.bodies if self.system.body_name(b.index) == name)

    def served(self, name: str) -> dict[str, int]:
        """What a body answered: outcome word -> count, whole run."""
        group = len(self.records.entries) + self.body(name)
        counts = self.records.answers[group].sum(axis=0)
        return {Outcome(k).word: int(n) for k, n in enumerate(counts) if n}

    def gone(self, name: str) -> int:
        """Requests a body finished after their caller had given up."""
        return int(self.records.gone[self.body(name)].sum())

    def replicas(self, service: str, column: str) -> list[int]:
        """The last value of a tick column, replica by replica."""
        found = {}
        for row in self.records.replica_ticks:
            number = int(row[REPLICA_TICKS.index("replica")])
            if self.records.replicas[number].service == self.service(service):
                found[number] = int(row[REPLICA_TICKS.index(column)])
        return [found[k] for k in sorted(found)]

    def edge(self, count: str, callee: str, caller: str = "") -> int:
        """A count over the edges to a body."""
        total = 0
        for edge in self.system.edges:
            if edge.callee == self.body(callee) and (not caller or edge.caller == self.body(caller)):
                total += int(self.records.edge_counts[edge.index, EDGE_COUNTS.index(count)])
        return total

    def tries(self, callee: str) -> dict[str, int]:
        """Outcomes of each try to a body."""
        total = sum(
            (self.records.edge_tries[e.index] for e in self.system.edges if e.callee == self.body(callee)),
            start=np.zeros(13, dtype=np.int64),
        )
        return {Outcome(k).word: int(n) for k, n in enumerate(total) if n}

    def channel(self, name: str) -> dict[str, int]:
        """A channel's counts, zeros left out."""
        index = next(c.index for c in self.system.channels if c.name == name)
        return {
            word: int(n) for word, n in zip(CHANNEL_COUNTS, self.records.channel_counts[index], strict=True) if n
        }

    def channel_tick(self, name: str, tick: int, column: str) -> int:
        """A channel's tick column at the end of a window."""
        index = next(c.index for c in self.system.channels if c.name == name)
        ticks = self.records.channel_ticks
        row = ticks[(ticks[:, 0] == tick) & (ticks[:, 1] == index)][0]
        return int(row[CHANNEL_TICKS.index(column)])

    def store(self, name: str) -> dict[str, int]:
        """A store's counts, zeros left out."""
        index = next(s.index for s in self.system.stores if s.name == name)
        return {word: int(n) for word, n in zip(STORE_COUNTS, self.records.store_counts[index], strict=True) if n}

    def happenings(self, kind: str) -> list[Happening]:
        """Marks of a kind in order of time."""
        return [h for h in self.records.happenings if h.kind == kind]

    def moments(self, kind: str) -> list[tuple[float, str, str]]:
        """(ms, subject, detail) of the marks of a kind."""
        return [(h.time / MS, h.subject, h.detail) for h in self.happenings(kind)]

    def spans(self, kind: str) -> list[SpanRecord]:
        """Spans of a kind in order of begin, of a traced run."""
        return sorted((s for s in self.records.spans if s.kind == kind), key=lambda s: (s.begin, s.span))


def compiled(text: str) -> System:
    """A description without its head, compiled."""
    return compile_system(load_text("msforge: 1\nname: rig\n" + textwrap.dedent(text).strip() + "\n"))


def simulate(text: str, *, replication: int = 0, trace: tuple[int, ...] = (), seed: int | None = None) -> Seen:
    """Run a description; `trace` names requests of the first source."""
    system = compiled(text)
    traces = frozenset((0, number) for number in trace)
    return Seen(system, sim.run(system, replication=replication, seed=seed, traces=traces))
