"""What quiet services leave behind: short rows that say when things will happen, put to account in due time."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np

from msforge.recording.gauges import BOTH, COME, StationGauges
from msforge.recording.records import EDGE_TICKS, REPLICA_TICKS, Ints
from msforge.records import ROOT_COLUMNS, SERVED_COLUMNS
from msforge.sim.kernel import OVERLOADED

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.observer import Observer

_S = {name: i for i, name in enumerate(SERVED_COLUMNS)}
_R = {name: i for i, name in enumerate(ROOT_COLUMNS)}
FLUSH_BYTES = 1 << 20
EDGE = len(SERVED_COLUMNS)  # a further column: the edge whose caller will see the answer, -1 for none

LEAF = ("call", "replica", "source", "root", "arrive", "wait", "work")
INNER = (
    "call", "replica", "source", "root", "number", "arrive", "wait", "end", "outcome", "own", "network", "backoff",
    "told",
)
COUNTED = 4  # in `told`, beside what the gauges know: its edge has counted it

leaf_row = Struct(f"{len(LEAF)}q").pack
inner_row = Struct(f"{len(INNER)}q").pack
root_row = Struct(f"{len(ROOT_COLUMNS)}q").pack


class Ledger:
    """Rows of quiet services.

    leaf, inner and roots are rows of LEAF, INNER and ROOT_COLUMNS as packed by leaf_row, inner_row and
    root_row (a third of the cost of a list of integers). A `call` stands for the endpoint and who calls it:
    calls[call] = body, edge, timeout (ns), 1 when it is a retry, 1 when roots come by it. `visits` are the requests at
    inner services whose end is not known.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.latency = engine.latency_constant
        self.calls: list[tuple[int, int, int, int, int]] = []
        self.leaf = bytearray()
        self.inner = bytearray()
        self.roots = bytearray()
        # Per edge: calls that count as one try that succeeds; up to each tick not settled yet and behind them, up to
        # each settled tick, and those of measured roots.
        self.sent: Ints = np.zeros((1, len(engine.edges)), dtype=np.int64)
        self.sent_ticks: list[Ints] = []
        self.measured: Ints = np.zeros(len(engine.edges), dtype=np.int64)
        self.visits: dict[Any, None] = {}
        self.ticks: list[int] = []
        self.future: Ints = np.empty((EDGE + 1, 0), dtype=np.int64)  # a row per column: most passes read one
        self.on_the_way = self.future
        self.future_roots: Ints = np.empty((0, len(ROOT_COLUMNS)), dtype=np.int64)

    def begin(self) -> None:
        """All stations are there."""
        services = self.engine.services
        self.stations = StationGauges([s.number for service in services for s in service.stations])
        self.slots: Ints = np.array([max(0, s.slots) for s in services for _ in s.stations], dtype=np.int64)

    def call(self, body: int, edge: int, timeout: int, *, again: bool = False, entry: bool = False) -> int:
        """The number of a way to call `body`."""
        self.calls.append((body, edge, timeout, again, entry))
        return len(self.calls) - 1

    def full(self) -> bool:
        """Whether it is time to settle."""
        return max(len(self.leaf), len(self.inner), len(self.roots)) >= FLUSH_BYTES

    # -- rows in full -------------------------------------------------------------------------

    def _take(self, times: list[int]) -> None:
        """Put new rows with those whose end has not come, and what they say into the gauges; `times` are ticks."""
        leaf = self._leaf_rows(times)
        self.stations.add(leaf.T)
        inner, told = self._inner_rows(times)
        self.stations.add(inner.T, told)
        self.future = np.concatenate((self.future, leaf, inner), axis=1)

    def _leaf_rows(self, times: list[int]) -> Ints:
        call, replica, source, root, arrive, wait, work = unpacked(self.leaf, len(LEAF))
        body, edge, timeout, again, _ = self._calls()[:, call]
        got = wait >= 0
        stay = np.where(got, wait + work, 0)
        rows = np.zeros((EDGE + 1, len(call)), dtype=np.int64)
        rows[0], rows[1], rows[2], rows[3] = body, replica, source, root
        rows[_S["arrive"]], rows[_S["wait"]], rows[_S["end"]] = arrive, wait, arrive + stay
        rows[_S["outcome"]] = np.where(got, 0, OVERLOADED)
        rows[_S["own"]] = np.where(got, work, 0)
        rows[_S["gone"]] = got & (stay + self.latency > timeout)
        rows[EDGE] = edge = np.where(got & (stay + 2 * self.latency <= timeout), edge, -1)
        first = (edge >= 0) & (again == 0)
        self._count_sent(edge[first], arrive[first] - self.latency, root[first], times)
        return rows

    def _count_sent(self, edge: Ints, sent: Ints, root: Ints, times: list[int]) -> None:
        """Calls sent since the last reading that count as one try that succeeds: add them to their tick."""
        size = len(self.engine.edges)
        tick = np.searchsorted(np.array(times, dtype=np.int64), sent, side="right")  # what changes comes first
        counts = np.bincount(tick * size + edge, minlength=self.sent.size)
        self.sent += counts.reshape(self.sent.shape)
        run = self.engine.system.run
        measured = (root >= run.warmup) & (root < run.duration)
        self.measured += np.bincount(edge[measured], minlength=size)

    def _inner_rows(self, times: list[int]) -> tuple[Ints, Ints]:
        short = unpacked(self.inner, len(INNER))
        body, edge, _, _, entry = self._calls()[:, short[0]]
        rows = np.zeros((EDGE + 1, short.shape[1]), dtype=np.int64)
        rows[0], rows[EDGE] = body, edge
        for i, name in enumerate(INNER):
            if name in _S:
                rows[_S[name]] = short[i]
        told = short[INNER.index("told")]
        new = (told < COUNTED) & (edge >= 0)
        self._count_sent(edge[new], rows[_S["arrive"], new] - self.latency, rows[_S["root"], new], times)
        self._add_roots(short[:, (entry > 0) & (rows[_S["outcome"]] == 0)])
        return rows, told % COUNTED

    def _add_roots(self, short: Ints) -> None:
        """The root requests that end well with these rows of INNER."""
        found = dict(zip(INNER, short, strict=True))
        roots = np.zeros((short.shape[1], len(ROOT_COLUMNS)), dtype=np.int64)
        columns = {
            "source": found["source"], "target": self._calls()[0, short[0]], "number": found["number"],
            "arrival": found["root"], "end": found["end"] + self.latency, "cause": -1, "tries": 1,
            "queue": found["wait"], "own": found["own"], "network": 2 * self.latency + found["network"],
            "backoff": found["backoff"],
        }
        for name, values in columns.items():
            roots[:, _R[name]] = values
        self.future_roots = np.concatenate((self.future_roots, roots))

    def _calls(self) -> Ints:
        return np.array(self.calls, dtype=np.int64).reshape(-1, 5).T.copy()

    # -- settling -----------------------------------------------------------------------------

    def settle(self, now: int, observer: Observer) -> None:
        """Rows whose end has come are history; the rest waits."""
        if len(self.stations.numbers):
            ticks, self.ticks = self.ticks, []
            times = [min((tick + 1) * observer.window, now) for tick in ticks]
            self.sent = np.concatenate((self.sent, np.zeros((len(times), self.sent.shape[1]), dtype=np.int64)))
            self._take(times)
            self._tell_visits(now, times)
            self.sent = np.cumsum(self.sent, axis=0)
            self.sent_ticks.append(self.sent[:-1])
            self.sent = self.sent[-1:]
            self._read_stations(ticks, times, now, observer)
            ends = self.future[_S["end"]]
            order = np.argsort(ends, kind="stable")
            done = int(np.searchsorted(ends[order], now, side="right"))
            rows, self.future = self.future[:, order[:done]], self.future[:, order[done:]]
            observer.aggregates.add_served(rows[:EDGE].T)
            rows = np.concatenate((self.on_the_way, rows), axis=1)
            self.on_the_way = rows[:, rows[_S["end"]] + self.latency > now]
        if self.roots or len(self.future_roots):
            roots = np.concatenate((self.future_roots, unpacked(self.roots, len(ROOT_COLUMNS)).T))
            roots = roots[np.argsort(roots[:, _R["end"]], kind="stable")]
            past = roots[:, _R["end"]] <= now
            self._settle_roots(roots[past], observer)
            self.future_roots = roots[~past]

    def _tell_visits(self, now: int, times: list[int]) -> None:
        """What is known of the requests at inner services whose end isn't."""
        come = [v for v in self.visits if v.told % COUNTED == 0 and (v.begin >= 0 or v.arrive <= now)]
        begun = [v for v in self.visits if v.told % COUNTED == COME and v.begin >= 0]
        for visits, gauge in ((come, self.stations.come), (begun, self.stations.begun)):
            gauge(np.array([(v.station.number, v.arrive, v.begin) for v in visits], dtype=np.int64).reshape(-1, 3))
        for v in come + begun:
            v.told = v.told & COUNTED | (BOTH if v.begin >= 0 else COME)
        new = [v for v in self.visits if v.told < COUNTED]
        sent = [(self.calls[v.stage.node.call][1], v.arrive - self.latency, v.root.arrival) for v in new]
        edge, time, root = np.array([s for s in sent if s[0] >= 0], dtype=np.int64).reshape(-1, 3).T
        self._count_sent(edge, time, root, times)
        for v in new:
            v.told |= COUNTED

    def _read_stations(self, ticks: list[int], times: list[int], now: int, observer: Observer) -> None:
        """The gauges of quiet services, at each tick since the last reading."""
        g = self.stations
        readings = g.advance([*times, now])
        for tick, time, r in zip(ticks, times, readings, strict=False):
            table = np.zeros((len(g.numbers), len(REPLICA_TICKS)), dtype=np.int64)
            table[:, 0], table[:, 1], table[:, 2:7] = tick, g.numbers, r[:, :5]
            table[:, 8], table[:, 9], table[:, 10:12] = time, time * self.slots, r[:, 5:7]
            observer.replica_ticks.parts.append(table)

    def _settle_roots(self, roots: Ints, observer: Observer) -> None:
        observer.aggregates.add_roots(roots)
        run = observer.system.run
        for client in self.engine.clients:
            mine = roots[roots[:, 0] == client.index]
            if not len(mine):
                continue
            for outcome, count in enumerate(np.bincount(mine[:, _R["outcome"]]).tolist()):
                client.ended[outcome] += count
            arrival = mine[:, _R["arrival"]]
            measured = mine[(arrival >= run.warmup) & (arrival < run.duration), 1]
            for target, count in zip(*np.unique(measured, return_counts=True), strict=True):
                client.open[int(target)] -= int(count)

    def edge_ticks(self, table: Ints) -> Ints:
        """Readings of the edges (EDGE_TICKS) with the first tries that went without counting."""
        sent = np.concatenate(self.sent_ticks).reshape(-1) if self.sent_ticks else 0
        table[:, EDGE_TICKS.index("calls")] += sent
        table[:, EDGE_TICKS.index("tries")] += sent
        return table

    # -- at the end ---------------------------------------------------------------------------

    def unanswered(self) -> list[int]:
        """Measured calls to quiet services that count as successes, per edge, and that no caller has seen by now."""
        counts = np.zeros(max(1, len(self.engine.edges)), dtype=np.int64)
        rows = np.concatenate((self.on_the_way, self.future), axis=1)
        run = self.engine.system.run
        root, edge = rows[_S["root"]], rows[EDGE]
        np.add.at(counts, edge[(edge >= 0) & (root >= run.warmup) & (root < run.duration)], 1)
        for visit in self.visits:
            edge = self.calls[visit.stage.node.call][1]
            if edge >= 0 and visit.root.measured:
                counts[edge] += 1
        found: list[int] = counts.tolist()
        return found

    def forget_ahead(self, now: int) -> None:
        """Drop the roots that were sent ahead and, as the run ends early, never arrive."""
        arrival = self.future_roots[:, _R["arrival"]]
        ahead = self.future_roots[arrival >= now]
        for client in self.engine.clients:
            mine = ahead[ahead[:, 0] == client.index]
            for target in np.unique(mine[:, 1]).tolist():
                times = mine[mine[:, 1] == target, _R["arrival"]]
                client.forget(target, times.tolist())
        self.future_roots = self.future_roots[arrival < now]
        for visit in [v for v in self.visits if v.root.arrival >= now]:
            del self.visits[visit]
            self.engine.clients[visit.root.source].forget(visit.up.body, [visit.root.arrival])


def unpacked(packed: bytearray, width: int) -> Ints:
    """Rows that were packed, as one array for each of their columns; `packed` is empty then."""
    columns = np.frombuffer(bytes(packed), dtype=np.int64).reshape(-1, width).T.copy()
    packed.clear()
    return columns
