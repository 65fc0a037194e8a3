"""Running a lab's systems: every run for every seed, on the same processes, and the numbers that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from msforge import door, results, sim
from msforge.errors import UsageError
from msforge.lessons.figures import Figure, FigureError, look_up
from msforge.lessons.lab import Lab
from msforge.model import compile_system
from msforge.model.estimate import estimate
from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.results import Result
from msforge.spec import Spec
from msforge.spec.schema_lab import LabRun

SEED: Final = 42
"""Every laptop's seed: thirty learners see the same numbers."""
SMALL: Final = 0.15
"""Estimated seconds below which other processes would take longer to start than they save."""
MOST: Final = 30.0
"""Estimated seconds beyond which a check is refused. On a laptop it would take some ten times as long."""
Progress = Callable[[int, int, int], None]
V = TypeVar("V")


class _Lazy(dict[str, V]):
    """What is made by name, once."""

    def __init__(self, make: Callable[[str], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> V:
        self[name] = self._make(name)
        return self[name]


@dataclass(frozen=True)
class Runs:
    """What a check has run: per run the Result over all seeds, one for each seed, and the description.

    `folder` is the learner's, where the Results are that a lab has them measure.
    """

    lab: Lab
    specs: Mapping[str, Spec]
    systems: Mapping[str, System]
    records: Mapping[str, Sequence[Records]]
    folder: Path | None = None

    @cached_property
    def pooled(self) -> Mapping[str, Result]:
        """Each run's Result over all seeds, made when it is asked for."""
        return _Lazy(lambda name: self._summarised(name, self.records[name]))

    @cached_property
    def single(self) -> Mapping[str, list[Result]]:
        """Each run's Result for each seed by itself, made when it is asked for."""
        return _Lazy(lambda name: [self._summarised(name, [one]) for one in self.records[name]])

    @property
    def seeds(self) -> int:
        """How many seeds each run has."""
        return len(next(iter(self.records.values())))

    def first(self, seeds: int) -> Runs:
        """The same with the first seeds only."""
        return replace(self, records={name: records[:seeds] for name, records in self.records.items()})

    def _summarised(self, run: str, records: Sequence[Records]) -> Result:
        return results.on_demand(self.systems[run], records, self.lab.model.runs[run].window)

    @cached_property
    def _measured(self) -> Mapping[str, Result | None]:
        """What the learner has measured; None where it is not there yet. Raises ResultFormatError."""
        return _Lazy(lambda name: self._read(self.lab.measured[name]))

    def _read(self, file: str) -> Result | None:
        path = self.folder / file if self.folder is not None else None
        return door.read_result(path) if path is not None and path.is_file() else None

    def numbers(self, seed: int | None = None) -> Callable[[str], Figure]:
        """Gives the figure of a name or place, over all seeds or for one of them. Raises FigureError."""

        def found(name: str) -> Figure:
            run, colon, place = name.partition(":")
            if not colon or "[" in run:
                if name in self.lab.figures:
                    value = self.lab.figures[name].value(found)
                    return Figure(value.value, self.lab.model.figures[name].unit or value.unit)
                run, place = next(iter(self.records)), name
            if run in self.lab.measured:
                result = self._measured[run]
                return Figure(None, "count") if result is None else look_up(result, place)
            if run not in self.records:
                raise FigureError(f"there is no run `{run}`")
            return look_up(self.pooled[run] if seed is None else self.single[run][seed], place)

        return found

    def figures(self) -> dict[str, Figure]:
        """All named figures of the lab, over all seeds."""
        look = self.numbers()
        return {name: look(name) for name in self.lab.figures}


def described(lab: Lab, system: Path, given: Path) -> dict[str, Spec]:
    """Each run's description: the one in the file `system`, or (where a run names another) one of the folder `given`.

    Raises InvalidFileError, and UsageError for a scenario that is gone.
    """
    return {name: _described(run, system, given) for name, run in lab.model.runs.items() if not run.result}


def _described(run: LabRun, system: Path, given: Path) -> Spec:
    sets = [f"{path}={_yaml(value)}" for path, value in run.set.items()]
    return door.load(given / run.system if run.system else system, scenario=run.scenario, sets=sets)


def _yaml(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value)


def execute(
    lab: Lab, specs: Mapping[str, Spec], *, seeds: int | None = None, processes: int | None = None,
    progress: Progress | None = None, folder: Path | None = None,
) -> Runs:
    """Runs each description for `seeds` seeds (the lab's own number by default). `folder` is the learner's."""
    count = seeds or lab.model.seeds
    judged = {name: _judged(lab, name, spec) for name, spec in specs.items()}
    systems = {name: compile_system(spec) for name, spec in judged.items()}
    jobs = [(system, replication) for system in systems.values() for replication in range(count)]
    total = sum(system.run.duration for system, _ in jobs)
    work = sum(estimate(system).seconds for system, _ in jobs)
    if work > MOST:
        raise UsageError(
            "this would take minutes to check: what you wrote makes far more work than the lab's system has",
            hint="look for retries without an end, calls in a repeat, or times that became very short",
        )

    def tell(done: int, requests: int) -> None:
        if progress is not None:
            progress(min(done, total), total, requests)

    records = sim.run_jobs(jobs, seed=SEED, processes=1 if work < SMALL else processes, progress=tell)
    made = {name: records[n * count : (n + 1) * count] for n, name in enumerate(systems)}
    return Runs(lab, judged, systems, made, folder)


def _judged(lab: Lab, run: str, spec: Spec) -> Spec:
    """The description with the lab's objectives in place of its own: what is judged is the lab's to say."""
    first = next(iter(lab.model.runs))
    wanted: dict[str, list[str]] = {}
    for goal in lab.model.goals:
        if (goal.run or first) == run:
            for subject, objectives in goal.objectives.items():
                wanted.setdefault(subject, []).extend(objective.text for objective in objectives)
    own = spec.document.get("objectives")
    return spec.overlay([("objectives", None), ("objectives", wanted)] if own else [("objectives", wanted)])
