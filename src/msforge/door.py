"""The public door: every function of `import msforge`. The command line calls these and nothing else.

Nothing heavy is imported until a function needs it, so `import msforge` and `msforge --help` stay quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msforge.errors import Diagnostic, InvalidFileError, ResultFormatError, TraceFormatError, UsageError
from msforge.web import PORT

if TYPE_CHECKING:
    from msforge.analysis import Explanation
    from msforge.analysis.style.advice import Advice
    from msforge.catalog import Example
    from msforge.draft import Draft
    from msforge.live.api import Generated
    from msforge.live.load.run import LoadResult
    from msforge.live.load.run import Progress as LoadProgress
    from msforge.live.system import Up
    from msforge.model.estimate import RunEstimate
    from msforge.model.plan import System
    from msforge.recording.records import Records
    from msforge.results import Result
    from msforge.results.compare import Comparison
    from msforge.scaffold.plan import Plan
    from msforge.spec import Spec
    from msforge.verification.calibration import Calibration
    from msforge.verification.run import Verification
    from msforge.workshop.bundle import Bundle
    from msforge.workshop.checks import Checkup

MOST_REPLICATIONS = 100_000  # the language's own bound
MOST_TRACES = 10_000  # of a random sample

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
    sample: int = 0,
) -> Result:
    """Runs the description and summarises what happened.

    `seed` and `replications` are the file's by default; `processes` only decides how fast it is (default: one per
    core). `window` (ns, ns) reports on that part of the run alone. `stop` is asked now and then: once it says True the
    run ends, and the Result is about what was measured until then and says so. `traces` runs the first replication
    once more for the spans of chosen requests; with `sample`, of so many drawn at random instead. Raises as `load`
    does, and UsageError for a window outside the run or too large a sample.
    """
    from msforge import results, sim
    from msforge.model import compile_system

    if not 0 <= sample <= MOST_TRACES:
        raise UsageError(f"{sample} traces: the most is {MOST_TRACES}", hint="a few hundred are plenty for an import")
    if replications is not None and not 1 <= replications <= MOST_REPLICATIONS:
        raise UsageError(f"{replications} replications: it takes 1, and the most is {MOST_REPLICATIONS}")
    system = compile_system(_spec(source, scenario, sets))
    total = system.run.duration * (replications or system.run.replications)

    def tell(done: int, requests: int) -> None:
        if progress is not None:
            progress(min(done, total), total, requests)

    records = sim.run_many(system, replications=replications, seed=seed, processes=processes, progress=tell, stop=stop)
    if traces and not records[0].interrupted:
        _trace(system, records[0], sample, stop)
    return results.summarise(system, records, window=window)


def _trace(system: System, records: Records, sample: int, stop: Callable[[], bool] | None) -> None:
    """Gives `records` the spans of chosen requests, or of a random sample of them."""
    from msforge import results, sim
    from msforge.recording import sampling

    begin, end = system.run.warmup, system.run.duration
    share = 0.0
    if sample:
        wanted, share = sampling.sample(system, records, sample, begin, end)
    else:
        wanted = results.chosen(records, begin, end)
    records.spans = sim.retrace(system, records, wanted, share=share, stop=stop)


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


def export_traces(result: Result, *, format: str = "otlp") -> str:
    """The traces that `result` holds, as text for other tools: "otlp" (OTLP/JSON) or "chrome" (for Perfetto).

    Simulated time 0 is 2000-01-01 00:00 UTC. Raises UsageError for an unknown format, or when it holds none.
    """
    from msforge.report.traces import export

    return export(result, format)


def import_traces(source: str | Path, *, format: str = "") -> Draft:
    """A draft of the system whose traces are in the file `source`: its YAML text, and what is doubtful about it.

    `format` is "otlp", "jaeger" or "zipkin", found out when it is empty. Raises TraceFormatError for a file that holds
    no traces, or too many, UsageError for one that cannot be read.
    """
    from msforge import spec
    from msforge.draft import draft
    from msforge.traces import LARGEST, read

    path = Path(source)
    try:
        if path.stat().st_size > LARGEST:
            raise TraceFormatError(
                f"{path} is larger than {LARGEST >> 20} MiB", hint="give a part of it: a few thousand traces"
            )
        content = path.read_bytes()
    except OSError as e:
        raise UsageError(f"cannot read {path}: {(e.strerror or str(e)).lower()}") from e
    try:
        found = read(content, format)
    except TraceFormatError as e:
        raise TraceFormatError(f"{path} holds no traces that can be read: {e.message}", hint=e.hint) from None
    made = draft(found.spans, origin=found.form, warnings=found.warnings)
    spec.load_text(made.text)
    return made


def export_metrics(result: Result) -> str:
    """The run's counters, gauges and histograms in Prometheus' text format, named as those of generated services.

    Raises ResultFormatError for a result that was written without its data.
    """
    from msforge.report.metrics import exposition

    return exposition(result)


def graph(
    source: str | Path | Spec, *, format: str = "svg", whole: bool = False, scenario: str | None = None,
    sets: Sequence[str] = (),
) -> str:
    """The system as a picture: "svg", "mermaid", "dot" or "text".

    Services of a large system are drawn together by the first word of their names unless `whole`. Raises as `load`
    does, UsageError for an unknown format.
    """
    from msforge import diagram
    from msforge.model import compile_system

    if format not in diagram.FORMATS:
        raise UsageError(f"unknown format {format!r}", hint=f"there are {', '.join(diagram.FORMATS)}")
    found = diagram.graph_of(compile_system(_spec(source, scenario, sets)))
    if not whole and len(found.nodes) > diagram.LEGIBLE:
        found = diagram.collapsed(found)
    return diagram.FORMATS[format](found)


def play(
    source: str | Path | Spec,
    *,
    scenario: str | None = None,
    sets: Sequence[str] = (),
    port: int = PORT,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serves the playground on this machine until Ctrl-C; `ready` is told its address.

    Raises as `load` does, MsforgeError when the page was not built, ConflictError when the port is taken.
    """
    from msforge.report.bundle import bundle
    from msforge.web.playground.game import Game
    from msforge.web.playground.serve import serve

    page = bundle("play")
    serve(Game(lambda wanted: _spec(source, wanted, sets), scenario, tuple(sets)), page, port, ready)


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


def up(
    folder: str | Path = ".",
    *,
    processes: bool = False,
    port_base: int = 8000,
    slow_motion: float = 1.0,
    servers: str = "",
    detach: bool = False,
    ready: Callable[[Up, Generated], None] = lambda up, found: None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Runs the generated services of `folder`; `ready` is called once all are. Returns when they are down again.

    With `detach` it returns as soon as they are up, and `down` ends them. `servers` are what the command line's
    `--with` names, e.g. "prometheus". `tell` hears what happens meanwhile. Raises UsageError for a folder that was not
    generated or no longer fits its description and for a server that is not installed, ConflictError when they are up
    already or a port is taken, StartError or ServerError when a service or a server does not start.
    """
    from msforge.live import api
    from msforge.live.servers.known import wanted
    from msforge.live.system import Options

    options = Options(processes, port_base, slow_motion, wanted(servers))
    api.up(folder, options=options, detach=detach, ready=ready, tell=tell)


def ps(folder: str | Path = ".") -> dict[str, Any]:
    """What runs from `folder`: services with their replicas, channels, faults. Raises UsageError when nothing does."""
    from msforge.live import api

    return api.ps(folder)


def logs(folder: str | Path = ".", service: str | None = None, *, follow: bool = False) -> Iterator[tuple[str, str]]:
    """The services' log, a (replica, line) each; with `follow` what comes too, until they are down."""
    from msforge.live import api

    return api.log_lines(folder, service, follow=follow)


def down(folder: str | Path = ".") -> str:
    """Takes the services of `folder` down; the system's name, "" when none was up."""
    from msforge.live import api

    return api.down(folder)


def send_traffic(
    folder: str | Path = ".",
    *,
    scenario: str | None = None,
    sets: Sequence[str] = (),
    seed: int | None = None,
    progress: LoadProgress | None = None,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
) -> LoadResult:
    """Sends the description's own traffic, with its faults, to the services that run from `folder`.

    The same requests at the same times as `simulate` has them. Of `scenario` and `sets` only traffic and faults are
    taken. Raises as `load` does, and UsageError when nothing runs.
    """
    from msforge.live import api

    return api.send_traffic(
        folder, scenario=scenario, sets=sets, seed=seed, progress=progress, stop=stop, tell=tell
    )


def verify(
    file: str | Path | None = None,
    *,
    folder: str | Path | None = None,
    scenario: str | None = None,
    sets: Sequence[str] = (),
    seed: int | None = None,
    slow_motion: float | None = None,
    calibrated: bool = True,
    replications: int = 30,
    simulating: Progress | None = None,
    loading: LoadProgress | None = None,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
) -> Verification:
    """Simulates a description and runs it as real services under the same load: do the two agree?

    Of `file` services are generated for the occasion; of a `folder` that was generated the code runs as it is now.
    `slow_motion` None stretches times as far as this machine needs. Without `calibrated` the simulation leaves out
    what this machine adds. `replications` are further simulated runs, behind the intervals. All that was started is
    down when this returns. Raises as `load`, `new` and `up` do, UsageError when this machine is too small, and
    KeyboardInterrupt once `stop` said so.
    """
    from msforge.verification import plan, run

    if (file is None) == (folder is None):
        raise UsageError("a file or a folder is verified, not both or none", hint="msforge.verify('shop.yaml')")
    if replications < 5:
        raise UsageError(f"{replications} replications: an interval takes 5", hint="30 are the default")
    if file is not None:
        subject = plan.of_file(file, scenario, sets)
    else:
        subject = plan.of_folder(folder or ".", scenario, sets, seed)
    return run.verify(subject, run.Wishes(
        seed, slow_motion, calibrated, replications, tell, stop, simulating, loading
    ))


def calibrate(
    *, loading: LoadProgress | None = None, stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """Measures what this machine adds to a system's own times, keeps it, and says it.

    Raises KeyboardInterrupt once `stop` said so, MsforgeError when too little could be measured.
    """
    from msforge.verification import run

    return run.calibrate(run.Wishes(loading=loading, stop=stop, tell=tell))


def set_fault(folder: str | Path, fault: dict[str, Any]) -> tuple[str, str]:
    """Begins a fault on running services, written as in a file but without `at`: its id, and what it is called."""
    from msforge.live import api

    return api.set_fault(folder, fault)


def faults(folder: str | Path = ".") -> list[dict[str, Any]]:
    """The faults that are on in running services."""
    from msforge.live import api

    return api.faults(folder)


def clear_faults(folder: str | Path = ".", number: str | None = None) -> list[str]:
    """Ends the fault of this id, or all; the ids of those that were on."""
    from msforge.live import api

    return api.clear_faults(folder, number)


def new(
    source: str | Path,
    folder: str | Path,
    *,
    templates: str | Path | None = None,
    trust: bool = False,
    dry_run: bool = False,
) -> Plan:
    """Makes `folder`: the services of the description `source` as code that runs. Gives the plan of what was written.

    `templates` is a folder of cookiecutter templates to use instead of msforge's; only with `trust` may these have
    hooks or extensions. Raises as `load` does, and ConflictError when the folder holds anything.
    """
    from msforge.scaffold import system

    return system.new(Path(source), Path(folder), templates=_path(templates), trust=trust, dry_run=dry_run)


def diff(folder: str | Path = ".", *, templates: str | Path | None = None, trust: bool = False) -> Plan:
    """What `sync` would change in a generated folder, and how. Raises as `load` does, and StateError."""
    from msforge.scaffold.system import Sync

    return Sync(Path(folder), templates=_path(templates), trust=trust).plan()


def sync(
    folder: str | Path = ".",
    *,
    check: bool = False,
    resolved: Sequence[str] = (),
    restore: Sequence[str] = (),
    adopt: str = "",
    templates: str | Path | None = None,
    trust: bool = False,
) -> Plan:
    """Brings a generated folder up to its description, and gives what it did; with `check`, what it would do.

    Nothing of the user's is overwritten: with a conflict nothing is changed at all. `resolved` are conflicting files to
    be kept as they are, `restore` deleted ones to be written anew; `adopt` names the description of a folder that has
    lost its state. Raises as `load` does, and StateError.
    """
    from msforge.scaffold.system import Sync

    found = Sync(Path(folder), adopt=adopt, restore=restore, templates=_path(templates), trust=trust)
    if resolved:
        found.resolve(resolved)
    return found.plan() if check else found.apply()


def advise(
    said: Mapping[str, Any] | None = None,
    *,
    file: str | Path | None = None,
    system: str | Path | None = None,
    scenario: str | None = None,
    simulated: bool = False,
) -> Advice:
    """Whether it is time for microservices: how many deployables the numbers ask for and allow, and why.

    Numbers by name are taken from a description `system`, then from a `file` of numbers, then from `said`, each as
    written ("300ms", 12); the rest is assumed. `simulated` takes latencies at p99 from simulating the system with and
    without its network, instead of means by theory. Raises UsageError and InvalidFileError for what cannot be read.
    """
    from msforge.analysis.style.advice import advise as judge
    from msforge.analysis.style.files import read_numbers
    from msforge.analysis.style.situation import parsed, situation

    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if system is not None:
        values = _derived(load(system, scenario=scenario), simulated)
        origins = dict.fromkeys(values, f"from {Path(system).name}")
    elif simulated or scenario is not None:
        raise UsageError("there is no system to simulate", hint="name its description: --system shop.yaml")
    written = read_numbers(Path(file)) if file is not None else {}
    given = {name: parsed(name, value) for name, value in (said or {}).items()}
    values |= written | given
    origins |= dict.fromkeys(written, f"from {Path(file or '').name}") | dict.fromkeys(given, "given")
    return judge(situation(values, origins))


def _derived(spec: Spec, simulated: bool) -> dict[str, Any]:
    """What a description says of a situation; with `simulated`, latencies at p99 of its slowest entry."""
    from msforge.analysis.style.derive import derive, neat, without_network
    from msforge.model import compile_system

    plan = compile_system(spec)
    values = derive(plan)
    if not simulated or not values:
        return values
    from msforge import results, sim

    slowest = []
    for one in (plan, without_network(plan)):
        found = results.summarise(one, sim.run_many(one, replications=1))
        slowest.append(max((e.answered.p99.value or 0.0 for e in found.entries), default=0.0))
    if slowest[1] > 0:
        values["alone"] = max(1, round(neat(slowest[1])))
        values["hop"] = max(1, round(neat((slowest[0] - slowest[1]) / values["hops"])))
    return values


def doctor(folder: str | Path = ".", *, tell: Callable[[str], None] = lambda line: None) -> Checkup:
    """Whether this laptop and the working folder are ready for a class; `tell` hears what is being looked at.

    Changes nothing and needs no network. Never raises for what it finds.
    """
    from msforge.workshop.doctor import examine

    return examine(Path(folder).absolute(), tell=tell)


def bundle_workshop(
    folder: str | Path,
    *,
    platforms: Sequence[str] = (),
    pythons: Sequence[str] = (),
    extras: Sequence[str] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> Bundle:
    """Makes or completes a folder with everything that laptops without a network need to install msforge.

    `platforms` ("windows", "macosx_arm64", ...) and `pythons` ("3.12") are this machine's when none are named; the
    extra `labs` is always there. Raises UsageError for unknown ones, ConflictError for a folder that holds something
    else, MsforgeError when something cannot be fetched; what was fetched is kept.
    """
    from msforge.workshop.bundle import make_bundle
    from msforge.workshop.targets import targets

    wanted = list(dict.fromkeys([*extras, "labs"]))
    return make_bundle(Path(folder), targets(list(platforms), list(pythons)), wanted, tell=tell)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _spec(source: str | Path | Spec, scenario: str | None, sets: Sequence[str]) -> Spec:
    if isinstance(source, str | Path):
        return load(source, scenario=scenario, sets=sets)
    if scenario is not None or sets:
        raise UsageError("a loaded description takes no scenario or sets", hint="give them to load()")
    return source
