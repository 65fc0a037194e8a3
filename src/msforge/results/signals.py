"""What the explanation reads: sums per coarse bucket, and when a series stands above its own ordinary level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NEVER, NONE, Edge, System
from msforge.recording.buckets import middle
from msforge.records import Outcome
from msforge.results import links, stations
from msforge.results.slices import Slices

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

QUEUE, OWN, STORE, NETWORK, BACKOFF = range(5)  # columns of `parts`
REFUSED = [int(Outcome.OVERLOADED), int(Outcome.RATE_LIMITED)]
BLATANT = 15
MOST_BUCKETS = 240
REQUESTS = 30
FEWEST_VALUES = 6


class Signals:
    """The span of a run in buckets of `width` ns, replications added up.

    Buckets are wide enough for 30 client requests on average, and at most 240.

    Arrays are [things, buckets, columns]. Rows of requests lie where their root arrived, ticks where time passed.
    """

    def __init__(self, slices: Slices) -> None:
        self.slices = slices
        self.system: System = slices.system
        span = slices.last - slices.first
        self.group = max(1, -(-span // MOST_BUCKETS), self._enough(span))
        self.count = span // self.group
        self.width = self.group * slices.width
        self.begin = slices.first * slices.width
        self.runs = len(slices.runs)
        self.entries = len(slices.entries)

    def _enough(self, span: int) -> int:
        entries, first = len(self.slices.entries), self.slices.first
        requests = sum(int(run.records.outcomes[:entries, first : first + span].sum()) for run in self.slices.runs)
        return min(max(1, span // FEWEST_VALUES), math.ceil(REQUESTS * span / requests)) if requests else 1

    def _fold(self, arrays: list[NDArray[np.generic]]) -> Floats:
        """[windows, things, columns] of each run to [things, buckets, columns], added up."""
        first, last = self.slices.first, self.slices.first + self.count * self.group
        total = np.zeros((self.count, *arrays[0].shape[1:]))
        for array in arrays:
            part = array[first:last].astype(np.float64)
            total += part.reshape(self.count, self.group, *part.shape[1:]).sum(axis=1)
        return np.moveaxis(total, 0, 1)

    @cached_property
    def outcomes(self) -> Floats:
        """[groups, buckets, 13] by root arrival."""
        return self._fold([np.moveaxis(run.records.outcomes, 1, 0) for run in self.slices.runs])

    @cached_property
    def answers(self) -> Floats:
        """[groups, buckets, 13] by answer."""
        return self._fold([np.moveaxis(run.records.answers, 1, 0) for run in self.slices.runs])

    @cached_property
    def gone(self) -> Floats:
        """[bodies, buckets] finished after the caller gave up."""
        return self._fold([np.moveaxis(run.records.gone, 1, 0) for run in self.slices.runs])

    @cached_property
    def times(self) -> Floats:
        """[groups, buckets, 2] number and summed latency of all finished requests, by root arrival."""
        return self._fold([np.moveaxis(run.records.moments[..., :2].sum(axis=1), 1, 0) for run in self.slices.runs])

    @cached_property
    def answered_times(self) -> Floats:
        """[groups, buckets, 2] the same of answered requests alone."""
        return self._fold([np.moveaxis(run.records.moments[:, 0, :, :2], 1, 0) for run in self.slices.runs])

    @cached_property
    def parts(self) -> Floats:
        """[groups, buckets, 5] summed ns of queue, own, store, network, backoff; zeros when not kept."""
        if any(run.records.parts.shape[2] != run.windows for run in self.slices.runs):
            return np.zeros((*self.times.shape[:2], 5))
        return self._fold([np.moveaxis(run.records.parts.sum(axis=1), 1, 0) for run in self.slices.runs])

    @cached_property
    def services(self) -> Floats:
        """[services, buckets, REPLICA_TICKS less two]."""
        return self._fold([run.services for run in self.slices.runs])

    @cached_property
    def stores(self) -> Floats:
        """[stores, buckets, STORE_TICKS less two]."""
        return self._fold([run.stores for run in self.slices.runs])

    @cached_property
    def edges(self) -> Floats:
        """[edges, buckets, EDGE_TICKS less two]."""
        return self._fold([run.edges for run in self.slices.runs])

    @cached_property
    def channels(self) -> Floats:
        """[channels, buckets, CHANNEL_TICKS less two]; levels are summed over the finer buckets."""
        return self._fold([run.channels for run in self.slices.runs])

    @cached_property
    def tries(self) -> Floats:
        """[services, buckets] tries sent to each service over the network, clients' included."""
        sent = np.zeros((len(self.system.services), self.count))
        for edge in self.system.edges:
            if not edge.local:
                sent[self.system.bodies[edge.callee].service] += self.edges[edge.index, :, links.TRIES]
        for entry, (source, target) in enumerate(self.slices.entries):
            sent[self.system.bodies[target].service] += self.root_tries(entry, source)
        return sent

    def root_tries(self, entry: int, source: int) -> Floats:
        """Tries the clients of an entry sent, by arrival; without retries one a request."""
        requests: Floats = self.outcomes[entry].sum(axis=1)
        if self.system.sources[source].policy.retry is None:
            return requests
        if not all("tries" in run.records.roots for run in self.slices.runs):
            return requests
        total = np.zeros(self.count)
        for run in self.slices.runs:
            roots = run.records.roots
            mine = (roots["source"] == source) & (roots["target"] == self.slices.entries[entry][1])
            at = (roots["arrival"][mine] - self.begin) // self.width
            inside = (at >= 0) & (at < self.count)
            total += np.bincount(at[inside], weights=roots["tries"][mine][inside], minlength=self.count)
        return total

    @cached_property
    def arrived_in_place(self) -> Floats:
        """[services, buckets] requests counted as arrived that never left their service (calls in place, messages)."""
        inside = np.zeros((len(self.system.services), self.count))
        for edge in self.system.edges:
            if edge.local:
                inside[self.system.bodies[edge.callee].service] += self.edges[edge.index, :, links.TRIES]
        for body in self.system.bodies:
            if body.consumer != NONE:
                inside[body.service] += self.answers[self.entries + body.index].sum(axis=1)
        return inside

    @cached_property
    def calls_of(self) -> dict[int, list[Edge]]:
        """Edges by calling body."""
        found: dict[int, list[Edge]] = {}
        for edge in self.system.edges:
            found.setdefault(edge.caller, []).append(edge)
        return found

    @cached_property
    def calls_to(self) -> dict[int, list[int]]:
        """Indices of the edges that reach a service over the network, by service."""
        found: dict[int, list[int]] = {}
        for edge in self.system.edges:
            if not edge.local:
                found.setdefault(self.system.bodies[edge.callee].service, []).append(edge.index)
        return found

    def body(self, index: int) -> int:
        """The group of a body."""
        return self.entries + index

    def started(self, body: int) -> Floats:
        """[buckets] requests of a body that were not refused at the door."""
        table = self.outcomes[self.body(body)]
        begun: Floats = table.sum(axis=1) - table[:, REFUSED].sum(axis=1)
        return begun

    def seconds(self) -> float:
        """Length of a bucket over all replications, s."""
        return float(self.width * self.runs) / 1e9

    def threads(self, service: int) -> Floats:
        """Share of thread time in use per bucket; 0 where threads are unlimited, as those of a function are."""
        if self.system.services[service].function is not None:
            return np.zeros(self.count)
        table = self.services[service]
        busy, room = table[:, stations.BUSY], table[:, stations.THREADS]
        used: Floats = np.divide(busy, room, out=np.zeros(self.count), where=room > 0)
        return used

    def timeout(self, edge: int) -> int:
        """The timeout of a call, ns; NEVER without one."""
        policy = self.system.steps[self.system.edges[edge].step].policy
        limits = [limit for limit in (policy.timeout, policy.deadline) if limit != NEVER]
        return min(limits, default=NEVER)

    def slower_than(self, body: int, limit: float) -> Floats:
        """[buckets] requests of a body that its service took longer than `limit` ns for."""
        found = np.zeros(self.count)
        for run in self.slices.runs:
            keys, counts = run.records.latency.keys, run.records.latency.counts
            for class_ in (0, 1):
                low = self.body(body) << 40 | class_ << 38
                a, b = np.searchsorted(keys, [low, low + (1 << 38)])
                at = (((keys[a:b] >> 16) & 0x3FFFFF) - self.slices.first) // self.group
                slow = (middle(keys[a:b] & 0xFFFF) > limit) & (at >= 0) & (at < self.count)
                found += np.bincount(at[slow], weights=counts[a:b][slow], minlength=self.count)
        return found


@dataclass(frozen=True)
class Rise:
    """A series above its ordinary level: where, by how much."""

    base: float            # ordinary level per unit of weight
    hot: Flags             # buckets above it
    excess: Floats         # weight x (value - base) in the hot buckets, else 0
    level: float           # mean value in the hot buckets
    known: Flags           # buckets with enough weight to tell; the others are neither hot nor calm

    @property
    def total(self) -> float:
        """All that is above the ordinary level."""
        return float(self.excess.sum())

    @property
    def first(self) -> int:
        """First hot bucket of the main stretch."""
        return stretch(self.excess, self.hot, self.known)[0]

    @property
    def last(self) -> int:
        """Last hot bucket of the main stretch."""
        return stretch(self.excess, self.hot, self.known)[1]


def stretch(excess: Floats, hot: Flags, known: Flags, gap: int = 2) -> tuple[int, int]:
    """First and last bucket of the hot stretch with the most excess.

    Stretches with at most `gap` calm buckets between them are one; a bucket too empty to tell is not calm.
    """
    at = np.flatnonzero(hot)
    calm = np.concatenate([[0], np.cumsum(known & ~hot)])
    splits = np.split(at, np.flatnonzero(calm[at[1:]] - calm[at[:-1]] > gap) + 1)
    best = max(splits, key=lambda part: float(excess[part[0] : part[-1] + 1].sum()))
    return int(best[0]), int(best[-1])


def _ordinary(sums: Floats, weights: Floats) -> tuple[float, Flags]:
    """The 15th percentile of means over five neighbouring buckets, and the buckets below the 40th.

    Buckets that hardly any request fell in have no say.
    """
    size = min(5, len(sums))
    ones = np.ones(size)
    weight = np.convolve(weights, ones, mode="valid")
    smooth = np.convolve(sums, ones, mode="valid") / weight
    full = weight >= 0.1 * float(np.median(weight))
    ordered = np.sort(smooth[full])
    base, limit = (float(ordered[math.ceil(share * len(ordered)) - 1]) for share in (0.15, 0.4))
    calm = np.zeros(len(sums), dtype=bool)
    for start in np.flatnonzero(full & (smooth <= limit)):
        calm[start : start + size] = True
    return base, calm


def rise(
    sums: Floats, weights: Floats, *, sigmas: float = 6.0, share: float = 0.3, floor: float = 0.0, least: int = 2
) -> Rise | None:
    """Where sums / weights stands above its ordinary level, or None.

    The ordinary level is a low percentile of the buckets, so that most of a run may be out of the ordinary. Noise is
    judged from differences of neighbours at that level, and grows as a bucket's weight shrinks. A bucket is hot when it
    lies above the level by `sigmas` of noise, by `share` of the level and by `floor`; at least `least` buckets must
    be, or one of at least 15 requests by ten times the level.
    """
    seen = weights > 0
    if int(seen.sum()) < FEWEST_VALUES:
        return None
    values = sums[seen] / weights[seen]
    weight = weights[seen]
    base, calm = _ordinary(sums[seen], weight)
    steps = np.abs(np.diff(values))
    near = calm[1:] & calm[:-1]
    noise = float(np.median(steps[near] if int(near.sum()) >= 5 else steps)) / 0.954
    scaled = noise * np.sqrt(np.median(weight) / weight)
    limit = base + np.maximum(np.maximum(sigmas * scaled, share * base), floor)
    hot = np.zeros(len(sums), dtype=bool)
    hot[seen] = values > limit
    blatant = (values > 10.0 * base) & (values > base + 20.0 * scaled) & (values > limit) & (weight >= BLATANT)
    if not hot.any():
        return None
    excess = np.where(hot, sums - weights * base, 0.0)
    known = weights >= 0.1 * float(np.median(weight))
    first, last = stretch(excess, hot, known)
    if int(hot[first : last + 1].sum()) < least and not blatant.any():
        return None
    return Rise(base, hot, excess, float(sums[hot].sum() / weights[hot].sum()), known)
