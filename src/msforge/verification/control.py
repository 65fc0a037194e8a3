"""A pair of services beside the measured ones, which has nothing to do with them: how slow is the machine just now?

Its own times are known, as the calibration's are. It runs beside the calibration, too: how much longer than there it
takes in a run says how slow the machine was in that very run, and what the measured services do cannot hide in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np

from msforge.errors import MsforgeError
from msforge.live import api, client, state
from msforge.live.load.run import LoadResult
from msforge.live.system import Options
from msforge.model import compile_system
from msforge.model.overheads import Overheads, ascending, log_spread, middle
from msforge.spec.spec import load_text
from msforge.verification import bench, control_clients
from msforge.verification.calibration import FEWEST, PAIR, hop_samples
from msforge.verification.measured import measured
from msforge.verification.session import Noted, take_down

PACE_LIMIT: Final = 2.0
"""How many times slower, or more unsteady, than at its calibration a machine is of which nothing can be said."""
SLOWEST, FASTEST = 5.0, 20.0
"""Requests per second at which it is asked at least and at most."""
DESCRIPTION: Final = f"msforge: 1\nname: control\n{PAIR}" + """\
traffic: {relays: {target: front.relay, rate: RATE/s}}
simulation: {duration: 1h, warmup: 0s, seed: 1}
"""


@dataclass(frozen=True)
class Pace:
    """How slow a machine was in a run: its overheads' medians were `level` times what they were when it was calibrated,
    and their logs spread `spread` times as wide. `seen` are those that were sampled in the run itself (ns)."""

    level: float
    spread: float
    seen: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def of(self, calibrated: Overheads) -> Overheads:
        """The overheads in the run: what was seen in it, and the others at its pace."""
        varied = calibrated.varied(self.level, self.spread)
        return replace(varied, samples={**varied.samples, **self.seen})

    def problems(self) -> list[str]:
        """Why a run at this pace is no evidence, a sentence each."""
        found = []
        if self.level > PACE_LIMIT:
            found.append(f"what this machine adds took {self.level:.1f} times as long as when it was calibrated")
        if self.spread > PACE_LIMIT:
            found.append(f"this machine was {self.spread:.1f} times as unsteady as when it was calibrated")
        return found


def description(rate: float) -> str:
    """The pair, its two services asked so often per second on average."""
    relays = min(max(rate, SLOWEST), FASTEST) / 3.5  # each is one request to the one, and six to the other
    return DESCRIPTION.replace("RATE", f"{relays:.2f}")


class Control:
    """Runs the pair while entered, and says then what it took. Raises as `up` does.

    `rate` is how often per second a replica beside it is asked: who sleeps longer wakes more slowly.
    """

    def __init__(self, rate: float) -> None:
        self.text = description(rate)
        self.samples: dict[str, tuple[float, ...]] = {}
        """What its requests, calls and steps took (ns) beyond their own times, ascending; empty: nothing was seen."""
        self._stack = contextlib.ExitStack()
        self._folder = Path()

    def __enter__(self) -> Control:
        with contextlib.ExitStack() as stack:
            self._folder = stack.enter_context(bench.generated(self.text, "control"))
            stack.callback(take_down, self._folder)
            api.up(self._folder, options=Options(processes=True, port_base=0, outcomes=True), detach=True)
            self._clients = control_clients.start(str(self._folder))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            load = control_clients.end(self._clients)
            if kind is None and load is not None:
                with contextlib.suppress(MsforgeError, OSError):  # what was measured beside it is worth more
                    self.samples = self._samples(load)

    def _samples(self, load: LoadResult) -> dict[str, tuple[float, ...]]:
        system = compile_system(load_text(self.text, file="control.yaml"))
        view = client.running(self._folder).ps()
        take_down(self._folder)  # then all is written
        found = measured(system, Noted(load, 1.0, view, state.outcomes_folder(self._folder)))
        return {name: ascending(values) for name, values in hop_samples(system, found).items()}


def pace_of(seen: Mapping[str, tuple[float, ...]], calibrated: Mapping[str, Sequence[float]]) -> Pace | None:
    """The pace at which a control took these samples (ns, ascending), against those beside the calibration.

    The geometric mean over what was sampled. None when it was too little.
    """
    both = [(seen[name], calibrated[name]) for name in calibrated if len(seen.get(name, ())) >= FEWEST]
    if not both or len(both) < len(calibrated):
        return None
    figures = [(middle(values), log_spread(values)) for pair in both for values in pair]
    if min(min(figure) for figure in figures) <= 0:
        return None
    now, then = np.log(figures[0::2]), np.log(figures[1::2])
    level, spread = np.exp((now - then).mean(axis=0)).tolist()
    return Pace(level, spread, {name: seen[name] for name in calibrated})
