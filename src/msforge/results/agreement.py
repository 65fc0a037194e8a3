"""Predicted and measured, laid side by side: do they agree, and if not, where did it begin?

Two readings of each figure. *Twin*: one simulated run with the same dice and arrivals as the measured one, so that
the difference is the model's error. *Independent*: whether the measured value lies inside the 95 % interval in which a
single further run of the simulation would fall. A figure differs when both say so: the twin by more than its
tolerance, and the value outside a wider interval, in which all figures of a run fall together with 95 % (Bonferroni).
"""

# ruff: noqa: RUF009  (`doc` is a dataclass field with its text and unit, not a shared default)
from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np

from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.records import Outcome
from msforge.results.codec import encode
from msforge.results.figures import doc
from msforge.results.local import FEW, LEAST, Calls, Finding, findings, local_figures
from msforge.results.result import Result
from msforge.results.statistics import t_quantile
from msforge.results.summarise import summarise

AGREES, DISAGREES, INCONCLUSIVE = "agrees", "disagrees", "inconclusive"
FORMAT: Final = 1
PIECES: Final = 10
"""Pieces of time that are looked at one by one."""
CHANCE: Final = 0.05
"""How often a value falls outside its 95 % interval when nothing is wrong."""
BEYOND: Final = 5
"""Requests that must be slower than a percentile: otherwise one stutter of the machine decides it."""

# Relative and absolute (in the figure's unit) difference from the twin that the model is allowed. Times are on the
# clock: in slow motion they are divided by it.
TOLERANCES: Final[Mapping[tuple[str, str], tuple[float, float]]] = {
    ("entry", "p50"): (0.05, 5e5), ("entry", "p95"): (0.08, 1e6), ("entry", "p99"): (0.12, 2e6),
    ("entry", "throughput"): (0.03, 0.2), ("entry", "success"): (0.0, 0.01),
    ("endpoint", "mean"): (0.08, LEAST), ("endpoint", "success"): (0.0, 0.01),
    ("consumer", "mean"): (0.10, 5e6),
    ("service", "utilisation"): (0.10, 0.02), ("service", "waiting"): (0.25, 0.3),
    ("channel", "done_rate"): (0.04, 0.3),
}


@dataclass
class Reading:
    """One figure, predicted and measured."""

    name: str = doc("the figure, e.g. `entry/shoppers -> gateway.checkout/p99`")
    unit: str = doc("`ns`, `ratio`, `per_second` or `count`")
    measured: float = doc("what was measured", "unit")
    twin: float = doc("the simulation with the same dice", "unit")
    tolerance: float = doc("difference from the twin that the model is allowed", "unit")
    low: float | None = doc("95 % of further simulated runs lie above this", "unit")
    high: float | None = doc("95 % of further simulated runs lie below this", "unit")
    inside: bool | None = doc("whether the measured value is between them; null with too few runs, or requests")
    differs: bool = doc("true: beyond the tolerance, and outside the interval")

    @property
    def error(self) -> float:
        """The measured value less the twin's."""
        return self.measured - self.twin


@dataclass
class Pairs:
    """The requests of an entry, one by one, in the measured run and in its twin."""

    name: str = doc("the entry")
    count: int = doc("requests answered in both")
    correlation: float | None = doc("of their latencies", "-1..1")
    same_outcome: float | None = doc("share of all requests that ended alike", "0..1")
    median: float | None = doc("median of how far apart the two latencies are", "ns")


@dataclass
class OverTime:
    """An entry's mean latency in pieces of the run, against the same pieces of the simulated runs."""

    name: str = doc("the entry")
    pieces: int = doc("pieces that could be judged")
    inside: int = doc("of them, those inside their 95 % interval")
    first: int | None = doc("begin of the first two pieces in a row that are outside; null when there are none", "ns")


@dataclass
class Share:
    """What of an entry's median latency is this machine's."""

    name: str = doc("the entry")
    whole: float = doc("simulated median latency on this machine", "ns")
    machine: float = doc("of it, what the machine adds", "ns")


@dataclass
class Agreement:
    """A measured run against its prediction."""

    format: int = doc("version of this format")
    system: str = doc("name of the system")
    scenario: str = doc("name of the scenario; empty for none")
    seed: int = doc("the seed of the measured run and of its twin")
    replications: int = doc("further simulated runs, behind the intervals")
    scale: float = doc("slow motion: real seconds for a second of the description")
    verdict: str = doc("`agrees`, `disagrees` or `inconclusive`")
    reasons: list[str] = doc("why it is inconclusive, a sentence each")
    notes: list[str] = doc("what a reader must know, e.g. a service that died")
    readings: list[Reading] = doc("every figure")
    pairs: list[Pairs] = doc("the twin, request by request")
    over_time: list[OverTime] = doc("the same over time")
    machine: list[Share] = doc("what the machine adds; empty without a calibration")
    findings: list[Finding] = doc("where it began to differ, the most likely cause first")
    usage: dict[str, Any] = doc("how busy the machine was", default_factory=dict)
    traces: list[dict[str, Any]] = doc("one request in both, where they differ most", default_factory=list)

    @property
    def coverage(self) -> tuple[int, int]:
        """Of the entries' percentiles: how many are inside their interval, and how many there are."""
        wanted = [r for r in self.readings if r.name.startswith("entry/") and r.name.rpartition("/")[2] in
                  ("p50", "p95", "p99") and r.inside is not None]
        return sum(bool(r.inside) for r in wanted), len(wanted)

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(encode(self), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


@dataclass
class Sides:
    """What is compared: the Records of the measured run, of its twin, and of further simulated runs."""

    system: System
    measured: Records
    twin: Records
    further: Sequence[Records]
    calls: Calls
    """What was counted of the measured run's calls."""
    plain: Records | None = None
    """The twin without the machine's overheads."""
    results: dict[str, Result] = field(default_factory=dict)

    def figures(self) -> tuple[dict[str, float], dict[str, float], dict[str, list[float]], dict[str, str]]:
        """Measured, twin's and further runs' value of each figure, and its unit."""
        self.results["measured"] = summarise(self.system, [self.measured], keep=False)
        self.results["twin"] = summarise(self.system, [self.twin], keep=False)
        many = summarise(self.system, self.further, keep=False) if self.further else None
        units = {f.name: f.unit for f in self.results["twin"].figures if _key(f.name) in TOLERANCES}
        one = [
            {f.name: f.total.value for f in self.results[side].figures if f.name in units and f.total.value is not None}
            for side in ("measured", "twin")
        ]
        values: dict[str, list[float]] = {name: [] for name in units}
        if many is not None:
            per_run = len(self.further) > 1
            for figure in many.figures:
                if figure.name in units:
                    known = figure.values if per_run else [figure.total.value]
                    values[figure.name] = [v for v in known if v is not None]
        return one[0], one[1], values, units


def compare(sides: Sides, *, scale: float = 1.0, reasons: Sequence[str] = (), notes: Sequence[str] = ()) -> Agreement:
    """The agreement of a measured run with its prediction; with `reasons` against it, it is inconclusive."""
    measured, twin, further, units = sides.figures()
    reasons = [*reasons, *_nothing_measured(sides)]
    few = _few(sides.results["twin"])
    twin |= _of_closed_loops(sides.system, further)
    names = [name for name in units if name in measured and name in twin]
    places = list(local_figures(sides.system, sides.measured, sides.twin, sides.further, sides.calls))
    judged = len(names) + len(places) - len(few.intersection(names))
    readings = [
        reading(name, units[name], measured[name], twin[name], further[name], *TOLERANCES[_key(name)], scale=scale,
                judged=0 if name in few else judged)
        for name in names
    ] + [
        reading(local.name, local.unit, local.measured, local.twin, local.further, *local.tolerance, scale=scale,
                least=local.least, judged=judged)
        for local in places
    ]
    over_time = [_over_time(sides, group) for group in range(len(sides.measured.entries))]
    differing = [r.name for r in readings if r.differs]
    found = findings(sides.system, sides.measured, sides.twin, sides.calls, differing, scale)
    differs = bool(found)
    return Agreement(
        format=FORMAT, system=sides.system.name, scenario=sides.system.scenario, seed=sides.twin.seed,
        replications=len(sides.further), scale=scale,
        verdict=INCONCLUSIVE if reasons else DISAGREES if differs else AGREES, reasons=reasons,
        notes=list(notes), readings=readings, pairs=[_pairs(sides, g) for g in range(len(sides.measured.entries))],
        over_time=over_time, machine=_machine(sides), findings=found,
    )


def _nothing_measured(sides: Sides) -> list[str]:
    """A run in which nobody asked for anything agrees with whatever was predicted: it is no evidence."""
    if (sides.measured.roots["arrival"] >= sides.system.run.warmup).any():
        return []
    return ["no request was measured after the warm-up: run it for longer, e.g. --duration 60s"]


def _of_closed_loops(system: System, further: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The throughput of entries whose clients wait for answers: their turns are the measured ones in the twin."""
    mine = tuple(f"entry/{source.name} -> " for source in system.sources if source.arrivals == "closed")
    return {
        name: float(np.median(values)) for name, values in further.items()
        if mine and values and name.startswith(mine) and name.endswith("/throughput")
    }


def _few(twin: Result) -> set[str]:
    """The names of figures that too few requests decide."""
    found = set()
    for entry in twin.entries:
        for metric, share in (("p50", 0.5), ("p95", 0.05), ("p99", 0.01)):
            if entry.counts.answered * share < BEYOND:
                found.add(f"entry/{entry.name}/{metric}")
    for body in twin.endpoints:
        if body.counts.answered < FEW:
            found |= {f"{kind}/{body.name}/mean" for kind in ("endpoint", "consumer")}
    return found


def _key(name: str) -> tuple[str, str]:
    kind, _, rest = name.partition("/")
    return kind, rest.rpartition("/")[2]


# -- one figure -------------------------------------------------------------------------------------


def reading(
    name: str, unit: str, measured: float, twin: float, further: Sequence[float], relative: float, absolute: float, *,
    scale: float = 1.0, least: float = 0.0, judged: int = 1,
) -> Reading:
    """Both readings of a figure. `least` is the half-width below which its interval says nothing (counts are whole).

    `scale` is the slow motion, in which an absolute tolerance of a time is less of the description's. `judged` is the
    number of figures that are judged together; 0 for one that is only shown, since few requests decide it.
    """
    tolerance = max(relative * abs(twin), absolute / scale if unit == "ns" else absolute)
    low, high = prediction(further, logarithmic=unit == "ns", least=least)
    inside = _within(measured, (low, high)) if judged else None
    among = prediction(further, logarithmic=unit == "ns", least=least, chance=CHANCE / max(1, judged))
    differs = bool(judged) and abs(measured - twin) > tolerance and _within(measured, among) is not True
    return Reading(name, unit, measured, twin, tolerance, low, high, inside, differs)


def _within(value: float, interval: tuple[float | None, float | None]) -> bool | None:
    """None where nothing is known."""
    low, high = interval
    return None if low is None or high is None else bool(low <= value <= high)


def prediction(
    values: Sequence[float], *, logarithmic: bool = False, least: float = 0.0, chance: float = CHANCE
) -> tuple[float | None, float | None]:
    """Where a further value of the same kind falls but for a `chance`: mean ± t s √(1 + 1/n).

    `logarithmic` for times, whose far percentiles are skewed. (None, None) with fewer than five values.
    """
    n = len(values)
    if n < 5:
        return None, None
    found = np.array(values, dtype=np.float64)
    logs = logarithmic and bool((found > 0).all())
    if logs:
        found = np.log(found)
    middle = float(found.mean())
    half = t_quantile(1.0 - chance / 2.0, n - 1) * float(found.std(ddof=1)) * math.sqrt(1.0 + 1.0 / n)
    if logs:
        low, high, middle = math.exp(middle - half), math.exp(middle + half), math.exp(middle)
    else:
        low, high = middle - half, middle + half
    return min(low, middle - least), max(high, middle + least)


# -- request by request -----------------------------------------------------------------------------


def _pairs(sides: Sides, group: int) -> Pairs:
    name = _entry_name(sides, group)
    ours, theirs = (_latencies(r, *sides.measured.entries[group]) for r in (sides.measured, sides.twin))
    both = ours.keys() & theirs.keys()
    if not both:
        return Pairs(name, 0, None, None, None)
    alike = sum(ours[k][1] == theirs[k][1] for k in both)
    answered = [k for k in both if ours[k][1] <= Outcome.DEGRADED and theirs[k][1] <= Outcome.DEGRADED]
    if len(answered) < 3:
        return Pairs(name, len(answered), None, alike / len(both), None)
    a, b = (np.array([side[k][0] for k in answered], dtype=np.float64) for side in (ours, theirs))
    correlation = float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else None
    return Pairs(name, len(answered), correlation, alike / len(both), float(np.median(np.abs(a - b))))


def _latencies(records: Records, source: int, target: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Latency (ns) and outcome of each request, by number and, where a journey has several, their order."""
    rows = records.roots
    mine = (rows["source"] == source) & (rows["target"] == target)
    seen: Counter[int] = Counter()
    found = {}
    columns = (rows[name][mine].tolist() for name in ("number", "arrival", "end", "outcome"))
    for number, arrival, end, outcome in zip(*columns, strict=True):
        found[number, seen[number]] = (end - arrival, outcome)
        seen[number] += 1
    return found


def _entry_name(sides: Sides, group: int) -> str:
    source, target = sides.measured.entries[group]
    return f"{sides.system.sources[source].name} -> {sides.system.body_name(target)}"


# -- over time --------------------------------------------------------------------------------------


def _over_time(sides: Sides, group: int) -> OverTime:
    run = sides.system.run
    edges = np.linspace(run.warmup, min(run.duration, sides.measured.end), PIECES + 1)
    ours = _means(sides.measured, group, sides, edges)
    theirs = [_means(records, group, sides, edges) for records in sides.further]
    outside: list[int] = []
    judged = 0
    for piece, value in enumerate(ours):
        low, high = prediction([m[piece] for m in theirs if not math.isnan(m[piece])], logarithmic=True)
        if low is None or high is None or math.isnan(value):
            continue
        judged += 1
        if not low <= value <= high:
            outside.append(piece)
    first = next((int(edges[a]) for a, b in pairwise(outside) if b == a + 1), None)
    return OverTime(_entry_name(sides, group), judged, judged - len(outside), first)


def _means(records: Records, group: int, sides: Sides, edges: Any) -> list[float]:
    """Mean latency (ns) of the answered requests that arrived in each piece; nan for none."""
    rows = records.roots
    source, target = sides.measured.entries[group]
    mine = (rows["source"] == source) & (rows["target"] == target) & (rows["outcome"] <= int(Outcome.DEGRADED))
    arrival, latency = rows["arrival"][mine], (rows["end"] - rows["arrival"])[mine].astype(np.float64)
    place = np.digitize(arrival, edges) - 1
    return [float(latency[place == p].mean()) if (place == p).any() else math.nan for p in range(len(edges) - 1)]


# -- the machine's share ----------------------------------------------------------------------------


def _machine(sides: Sides) -> list[Share]:
    if sides.plain is None:
        return []
    shares = []
    for group in range(len(sides.twin.entries)):
        whole, own = (_median(records, sides, group) for records in (sides.twin, sides.plain))
        if whole is not None and own is not None:
            shares.append(Share(_entry_name(sides, group), whole, whole - own))
    return shares


def _median(records: Records, sides: Sides, group: int) -> float | None:
    rows = records.roots
    source, target = sides.measured.entries[group]
    mine = (rows["source"] == source) & (rows["target"] == target) & (rows["outcome"] <= int(Outcome.DEGRADED))
    mine &= rows["arrival"] >= sides.system.run.warmup
    return float(np.median((rows["end"] - rows["arrival"])[mine])) if mine.any() else None
