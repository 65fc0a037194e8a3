"""The public door: every function of `import msforge`. The command line calls these and nothing else.

Nothing heavy is imported until a function needs it, so `import msforge` and `msforge --help` stay quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msforge.errors import Diagnostic, InvalidFileError, ResultFormatError, UsageError

if TYPE_CHECKING:
    from msforge.analysis import Explanation
    from msforge.catalog import Example
    from msforge.model.estimate import RunEstimate
    from msforge.results import Result
    from msforge.results.compare import Comparison
    from msforge.spec import Spec

MOST_REPLICATIONS = 100_000  # the language's own bound

Progress = Callable[[int, int, int], None]
"""Called with the simulated ns done, the simulated ns in all and the requests so far, over all replications."""


def load(source: str | Path, *, scenario: str | None = None, sets: Sequence[str] = ()) -> Spec:
    """The description in the file `source`, with `scenario` and `sets` ("path=value") laid over it.

    Raises InvalidFileError with every diagnostic at once, UsageError for a scenario that does not exist.
    """
    from msforge import spec

    return spec.load(source, scenario=scenario, sets=tuple(sets))


def check(source: str | Path | Spec, *, scenario: str | None = None, sets: Sequence[str] = ()) -> list[Diagnostic]:
    """Every error, or every warning when there is no error. Never raises for an invalid description."""
    from msforge.analysis import lint
    from msforge.model import compile_system

    try:
        spec = _spec(source, scenario, sets)
        return lint(compile_system(spec), spec)
    except InvalidFileError as invalid:
        return invalid.diagnostics


def explain(source: str | Path | Spec, *, scenario: str | None = None, sets: Sequence[str] = ()) -> Explanation:
    """What theory says about the system before any dice are thrown. Raises as `load` does."""
    from msforge.analysis import explain as expect
    from msforge.model import compile_system

    return expect(compile_system(_spec(source, scenario, sets)))


def estimate(source: str | Path | Spec, *, scenario: str | None = None, sets: Sequence[str] = ()) -> RunEstimate:
    """How much work one replication of the description will be, before it starts. Raises as `load` does."""
    from msforge.model import compile_system
    from msforge.model.estimate import estimate as size_of

    return size_of(compile_system(_spec(source, scenario, sets)))


def simulate(
    source: str | Path | Spec,
    *,
    scenario: str | None = None,
    sets: Sequence[str] = (),
    seed: int | None = None,
    replications: int | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
    window: tuple[int, int] | None = None,
    stop: Callable[[], bool] | None = None,
    traces: bool = False,
) -> Result:
    """Runs the description and summarises what happened.

    `seed` and `replications` are the file's by default; `processes` only decides how fast it is (default: one per
    core). `window` (ns, ns) reports on that part of the run alone. `stop` is asked now and then: once it says True the
    run ends, and the Result is about what was measured until then and says so. `traces` runs the first replication
    once more for the spans of chosen requests. Raises as `load` does, and UsageError for a window outside the run.
    """
    from msforge import results, sim
    from msforge.model import compile_system

    if replications is not None and not 1 <= replications <= MOST_REPLICATIONS:
        raise UsageError(f"{replications} replications: it takes 1, and the most is {MOST_REPLICATIONS}")
    system = compile_system(_spec(source, scenario, sets))
    total = system.run.duration * (replications or system.run.replications)

    def tell(done: int, requests: int) -> None:
        if progress is not None:
            progress(min(done, total), total, requests)

    records = sim.run_many(system, replications=replications, seed=seed, processes=processes, progress=tell, stop=stop)
    if traces and not records[0].interrupted:
        wanted = results.chosen(records[0], system.run.warmup, system.run.duration)
        records[0].spans = sim.retrace(system, records[0], wanted, stop=stop)
    return results.summarise(system, records, window=window)


def compare(before: Result, after: Result) -> Comparison:
    """Every figure of two Results side by side, each difference with its interval, paired by seed where possible."""
    from msforge.results.compare import compare as side_by_side

    return side_by_side(before, after)


def read_result(path: str | Path, *, window: tuple[int, int] | None = None) -> Result:
    """The Result in the file `path`; with `window` (ns, ns), that part of it. Raises ResultFormatError, UsageError."""
    from msforge import results

    try:
        text = Path(path).read_text("utf-8")
    except UnicodeDecodeError as e:
        raise ResultFormatError(
            f"{path} is not a result: it is not text",
            hint="a result is written by `msforge simulate FILE --out run.json`",
        ) from e
    except OSError as e:
        raise UsageError(f"cannot read {path}: {(e.strerror or str(e)).lower()}") from e
    result = results.Result.from_json(text, name=str(path))
    if window is None:
        return result
    part = results.read_window(result, window)
    part.plan = result.plan  # reports say from it what the simulation can't tell apart
    return part


def write_result(result: Result, path: str | Path) -> None:
    """Writes `result` to `path` as JSON, whole or not at all. Equal Results give equal bytes. Raises UsageError."""
    from msforge.report.files import write_atomically

    write_atomically(Path(path), result.to_json().encode("utf-8"))


def schema() -> dict[str, Any]:
    """The JSON Schema of the language."""
    from msforge import spec

    return spec.json_schema()


def examples() -> list[Example]:
    """The examples that come with the package, by name."""
    from msforge import catalog

    return catalog.examples()


def copy_example(name: str, folder: str | Path | None = None) -> Path:
    """Copies an example to `folder` (default: a new folder of its name here) and returns its description's path.

    Raises UsageError for an unknown name, ConflictError when the folder holds anything; nothing is ever overwritten.
    """
    from msforge import catalog

    return catalog.copy_example(name, folder)


def _spec(source: str | Path | Spec, scenario: str | None, sets: Sequence[str]) -> Spec:
    if isinstance(source, str | Path):
        return load(source, scenario=scenario, sets=sets)
    if scenario is not None or sets:
        raise UsageError("a loaded description takes no scenario or sets", hint="give them to load()")
    return source
