"""This machine's overheads, measured with a small system whose own times are known to the nanosecond.

What a request takes beyond them is the machine's: client and framework, the overshoot of sleeps, the hand-off of a
thread from one request to the next. Kept as samples with the machine's name and the versions; used by no other.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from msforge.errors import MsforgeError, UsageError
from msforge.model import compile_system
from msforge.model.overheads import NAMES, Overheads, ascending, middle
from msforge.model.plan import System
from msforge.recording.records import Ints
from msforge.records import ROOT_COLUMNS, SERVED_COLUMNS
from msforge.spec.spec import load_text
from msforge.verification.home import calibration_file
from msforge.verification.machine import Usage, identity
from msforge.verification.measured import NUMBER, Measured

FORMAT: Final = 4
CONTROLLED: Final = ("client", "call", "short call", "step", "short step")
"""What is sampled of the control."""
FEWEST: Final = 30
"""Samples of an overhead below which a calibration is none."""
LEVEL, SPREAD = 0.08, 0.12
"""How one machine's overheads differ within minutes, and from one kind of request to the next: standard deviations of
the logs of their medians, and of how wide the samples' logs spread. Of two shared cores; docs/decisions/0165, 0166."""
STEP, SHORT_STEP, LATENCY, STORE, PUBLISH = 8_000_000, 500_000, 500_000, 2_000_000, 1_000_000
"""ns, as the description below has them."""

RATE: Final = 12
"""Requests per second to a service below: about as many as one has in a system that a small machine can verify. A
process that is asked more often is quicker to wake."""
PAIR: Final = """\
defaults: {services: {balancer: client}}
network: {latency: 0.5ms}
services:
  front:
    threads: 64
    endpoints:
      relay:
        http: GET /relay
        steps: [{repeat: 3, steps: [call: back.nod]}, {repeat: 3, steps: [call: back.echo]}]
  back:
    threads: 64
    endpoints:
      echo: {http: POST /echo, steps: [wait: 8ms]}
      nod: {http: POST /nod, steps: [wait: 0.5ms]}
"""
"""What `hop_samples` reads; the control is it alone."""
DESCRIPTION: Final = f"msforge: 1\nname: calibration\n{PAIR}" + """\
  line: {threads: 1, queue: 1000, endpoints: {next: {http: GET /next, steps: [wait: 24ms]}}}
  keeper:
    threads: 64
    endpoints:
      look: {http: POST /look, steps: [read: shelf]}
      keep: {http: POST /keep, steps: [write: shelf]}
      tell: {http: POST /tell, steps: [publish: news]}
  reader: {consumers: {take: {from: news, threads: 4, steps: [wait: 1ms]}}}
stores: {shelf: {kind: postgres, owner: keeper, connections: 64, read: 2ms, write: 2ms}}
channels: {news: {kind: queue, publish: 1ms}}
traffic:
  relays: {target: front.relay, rate: 4/s}
  lines: {target: line.next, rate: 22/s}
  looks: {target: keeper.look, rate: 8/s}
  keeps: {target: keeper.keep, rate: 8/s}
  tells: {target: keeper.tell, rate: 10/s}
simulation: {duration: 20s, warmup: 2s, seed: 1}
"""


def calibration_system() -> System:
    """The small system."""
    return compile_system(load_text(DESCRIPTION, file="calibration.yaml"))


@dataclass(frozen=True)
class Calibration:
    """Samples (ns, ascending) of each overhead on a machine, and of the control that ran beside.

    `problems`: why they are not to be trusted, if so.
    """

    machine: dict[str, str]
    taken: str
    samples: dict[str, tuple[float, ...]]
    control: dict[str, tuple[float, ...]]
    problems: list[str] = field(default_factory=list)

    @property
    def overheads(self) -> Overheads:
        """As they are added to a plan."""
        return Overheads(self.samples)

    def differs(self) -> str:
        """How this machine is another than the one it was taken on; "" when it is the same."""
        here = identity()
        return "; ".join(
            f"{name} was {self.machine.get(name, 'unknown')}, is {value}"
            for name, value in here.items() if self.machine.get(name) != value
        )

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "format": FORMAT, "machine": self.machine, "taken": self.taken, "problems": self.problems,
            "samples_ns": {name: list(values) for name, values in self.samples.items()},
            "control_ns": {name: list(values) for name, values in self.control.items()},
        }


def varieties(overheads: Overheads, count: int, seed: int) -> Iterator[Overheads]:
    """The overheads as this machine may have them in so many other minutes, for the runs behind the intervals."""
    dice = random.Random(f"{seed} overheads")
    for _ in range(count):
        yield overheads.varied(dice.lognormvariate(0.0, LEVEL), dice.lognormvariate(0.0, SPREAD))


def read(path: Path | None = None) -> Calibration | None:
    """The calibration that was kept, of whatever machine; None when there is none, or it makes no sense."""
    try:
        plain = json.loads((path or calibration_file()).read_text("utf-8"))
        if plain["format"] != FORMAT:
            return None
        samples, control = (
            {name: tuple(float(v) for v in plain[key][name]) for name in names}
            for key, names in (("samples_ns", tuple(NAMES)), ("control_ns", CONTROLLED))
        )
        for some in (samples, control):
            Overheads(some).on(calibration_system())  # sorted, none below 0
            if not all(some.values()):
                return None
        machine = {name: str(plain["machine"][name]) for name in identity()}
        return Calibration(machine, str(plain["taken"]), samples, control, [str(p) for p in plain["problems"]])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write(found: Calibration, path: Path | None = None) -> Path:
    """Keeps a calibration, whole or not at all. Raises UsageError when it can't be written."""
    file = path or calibration_file()
    new = file.with_name(f"{file.name}.{time.time_ns()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(found.plain()), "utf-8")
        new.replace(file)
    except OSError as e:
        with suppress(OSError):
            new.unlink()
        raise UsageError(
            f"cannot write {file}: {(e.strerror or str(e)).lower()}", hint="MSFORGE_HOME names another folder"
        ) from e
    return file


def calibrate(measure: Callable[[str], tuple[Measured, Usage, Mapping[str, tuple[float, ...]]]]) -> Calibration:
    """Measures this machine with `measure`, which runs a description and says what came of it, and of the control.

    Raises MsforgeError when too little came back.
    """
    system = calibration_system()
    found, usage, beside = measure(DESCRIPTION)
    samples = {name: ascending(values) for name, values in samples_of(system, found).items()}
    control = {name: beside.get(name, ()) for name in CONTROLLED}
    few = [name for name in NAMES if len(samples[name]) < FEWEST]
    few += [f"{name} of the control" for name in CONTROLLED if len(control[name]) < FEWEST]
    if few:
        raise MsforgeError(
            f"the calibration got too few samples: {', '.join(few)}",
            hint="run it again when the machine has less to do; `msforge verify --no-calibration` goes without",
        )
    rows = found.records.roots
    latency = float((rows["end"] - rows["arrival"]).mean()) / 1e9
    problems = usage.problems(latency, len(rows["end"]))
    return Calibration(identity(), time.strftime("%Y-%m-%d %H:%M"), samples, control, problems)


def samples_of(system: System, found: Measured) -> dict[str, list[float]]:
    """What each overhead took (ns) each time, warm-up left out."""
    table = _Table(system, found)
    line, look, keep = table.of("line.next"), table.of("keeper.look"), table.of("keeper.keep")
    tell, take = table.of("keeper.tell"), table.of("reader.take")
    around = _usually_around(look.values())  # without a commit
    samples: dict[str, list[float]] = {
        **_hops(table),
        "hand-off": _hand_offs(line.values()),
        "delivery": [row["wait"] for row in take.values()],
        "store": [row["store"] - STORE for row in look.values()],
        "write": [row["store"] + max(0, _around(row) - around) - STORE for row in keep.values()],
        "publish": [row["store"] - PUBLISH for row in tell.values()],
    }
    for name, rows in (("lines", line), ("looks", look), ("tells", tell)):
        for number, latency in table.roots(name).items():
            row = rows.get((name, number))
            if row is not None:
                samples["client"].append(latency - row["wait"] - row["own"] - row["store"] - 2 * LATENCY)
    return samples


def hop_samples(system: System, found: Measured) -> dict[str, list[float]]:
    """The same of `front.relay`, which calls `back` some times in a row, alone: what is CONTROLLED.

    From the end of one call's service to the arrival of the next of its kind is one way back and one there; what a
    service does around its steps counts as well.
    """
    return _hops(_Table(system, found))


def _hops(table: _Table) -> dict[str, list[float]]:
    echoes, nods = table.all_of("back.echo"), table.all_of("back.nod")
    around = _usually_around(row for rows in nods.values() for row in rows)
    relays, roots = table.of("front.relay"), table.roots("relays")
    return {
        "client": [
            roots[number] - (row["end"] - row["arrive"]) + around - 2 * LATENCY
            for (_, number), row in relays.items() if number in roots
        ],
        "step": [row["own"] - STEP for rows in echoes.values() for row in rows],
        "short step": [row["own"] - SHORT_STEP for rows in nods.values() for row in rows],
        "call": _gaps(echoes.values()),
        "short call": _gaps(nods.values()),
    }


Row = Mapping[str, int]


def _gaps(requests: Iterable[Iterable[Row]]) -> list[float]:
    """What calls in a row took, from the end of one's service to the arrival of the next."""
    rows = (sorted(some, key=lambda row: row["arrive"]) for some in requests)
    pairs = (pair for some in rows for pair in pairwise(some))
    return [after["arrive"] - before["end"] + _around(after) - 2 * LATENCY for before, after in pairs]


def _around(row: Row) -> int:
    """What of its stay is neither waiting nor a step."""
    return row["end"] - row["arrive"] - row["wait"] - row["own"] - row["store"]


def _usually_around(rows: Iterable[Row]) -> float:
    """The median; 0 without rows."""
    found = sorted(_around(row) for row in rows)
    return middle(found) if found else 0


def _hand_offs(rows: Iterable[Row]) -> list[float]:
    """How long after the end of one request the next that waited had the thread."""
    ordered = sorted(rows, key=lambda row: row["arrive"] + row["wait"])
    pairs = pairwise(ordered)
    return [
        row["arrive"] + row["wait"] - before["end"] for before, row in pairs if row["arrive"] < before["end"]
    ]


class _Table:
    """The rows of a calibration run, by endpoint, source and request."""

    def __init__(self, system: System, found: Measured) -> None:
        self.system = system
        self.served: Ints = found.served[found.served[:, 3] >= system.run.warmup]
        self.columns = found.records.roots

    def all_of(self, body: str) -> dict[tuple[str, int], list[Row]]:
        """Rows of an endpoint that ended well, by the request behind them."""
        [index] = [b.index for b in self.system.bodies if self.system.body_name(b.index) == body]
        found: dict[tuple[str, int], list[Row]] = {}
        for row in self.served[(self.served[:, 0] == index) & (self.served[:, 7] == 0)].tolist():
            key = self.system.sources[row[2]].name, row[NUMBER]
            found.setdefault(key, []).append(dict(zip(SERVED_COLUMNS, row, strict=False)))
        return found

    def of(self, body: str) -> dict[tuple[str, int], Row]:
        """The one row of each request."""
        return {key: rows[-1] for key, rows in self.all_of(body).items()}

    def roots(self, source: str) -> dict[int, int]:
        """Latency (ns) by number of a source's requests that ended well."""
        [index] = [s.index for s in self.system.sources if s.name == source]
        rows = np.stack([self.columns[name] for name in ROOT_COLUMNS[:6]], axis=1)
        rows = rows[(rows[:, 0] == index) & (rows[:, 5] == 0) & (rows[:, 3] >= self.system.run.warmup)]
        return {number: end - arrival for _, _, number, arrival, end, _ in rows.tolist()}

