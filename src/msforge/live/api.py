"""What the public door offers of a running system: up, ps, logs, down, its traffic and its faults."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msforge.errors import MsforgeError, UsageError
from msforge.live import client, logs, ports, state
from msforge.live.doors import speaks_grpc
from msforge.live.faults import plain_fault
from msforge.live.folder import Package, description_of, packages
from msforge.live.servers.hosted import shown
from msforge.live.servers.known import text_of
from msforge.live.system import Options, Up, failure_file, read_failure, refuse_second, serve, write_failure
from msforge.model import compile_system
from msforge.scaffold import capabilities
from msforge.scaffold import state as generated
from msforge.scaffold.context import digest_of, system_context
from msforge.spec import Spec, from_data, load
from msforge.units import SECOND, format_duration

if TYPE_CHECKING:
    from msforge.live.load.run import LoadResult, Progress
    from msforge.model.plan import System

DETACHED: Final = "MSFORGE_DETACHED"
WITH: Final = "MSFORGE_WITH"
"""What `--with` would say; a URL with a password is better off here than on a command line."""
PLAN: Final = "MSFORGE_PLAN"
"""The rest of a detached system's options, as JSON."""
PATIENCE: Final = 120.0
"""Seconds that a detached start may take."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated folder, ready to run."""

    folder: Path
    file: Path
    spec: Spec
    system: System
    packages: dict[str, Package]


def find_generated(folder: str | Path, sets: Sequence[str] = ()) -> Generated:
    """The system in a folder, with `sets` laid over its description once the code is known to fit that.

    Raises UsageError when it was not generated, or no longer fits its description.
    """
    where = Path(folder).absolute()
    known = None
    if where.is_dir() and ((where / "services").is_dir() or (where / generated.FILE).is_file()):
        known = generated.read(where)
    file = description_of(where, known.description if known is not None else None)
    spec = load(file)
    system = compile_system(spec)
    if known is not None:
        _same(file, known, spec, system)
    if sets:
        spec = load(file, sets=tuple(sets))
        system = compile_system(spec)
    found = packages(where, system, known.services if known is not None else {})
    return Generated(where, file, spec, system, found)


def _same(file: Path, known: generated.State, spec: Spec, system: System) -> None:
    """Raises UsageError when a service's code was generated from another description."""
    if changed := _changed(known, spec, system):
        raise UsageError(
            f"{file.name} has changed since the code was generated from it: {changed}",
            hint="see what that means with `msforge diff`, and do it with `msforge sync`",
        )


def _changed(known: generated.State, spec: Spec, system: System) -> str:
    """The services whose code was generated from another description, some by name; "" when there are none."""
    told = system_context(spec, system, description=known.description)["services"]
    changed = [s["name"] for s in told if known.services.get(s["name"], {}).get("digest") not in (None, digest_of(s))]
    missing = [s["name"] for s in told if s["name"] not in known.services]
    return ", ".join((missing + changed)[:5]) + (" ..." if len(missing + changed) > 5 else "")


def up(
    folder: str | Path = ".", *, options: Options | None = None, detach: bool = False,
    ready: Callable[[Up, Generated], None] = lambda up, found: None, tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Bring a generated system up and hold it until it goes down; with `detach`, return once it is up."""
    wanted = _planned(options or Options())
    try:
        found = find_generated(folder, wanted.sets)
        refuse_second(found.folder)
        if detach:
            _detach(found, wanted, ready)
        else:
            serve(
                found.folder, found.system, found.packages, wanted, ready=lambda up: ready(up, found), tell=tell
            )
    except MsforgeError as error:
        if os.environ.get(DETACHED) == "1":
            write_failure(Path(folder).absolute(), error)
        raise


def _planned(options: Options) -> Options:
    """The options of a detached system, with those that its command line does not say."""
    told = os.environ.get(PLAN) if os.environ.get(DETACHED) == "1" else None
    if told is None:
        return options
    plan = json.loads(told)
    return replace(options, sets=tuple(plan["sets"]), outcomes=bool(plan["outcomes"]))


def _detach(found: Generated, options: Options, ready: Callable[[Up, Generated], None]) -> None:
    begun = time.monotonic()
    state.prepare(found.folder)
    with contextlib.suppress(OSError):
        failure_file(found.folder).unlink()
    command = [sys.executable, "-m", "msforge", "up", "-C", str(found.folder), "--port-base", str(options.port_base)]
    if options.processes:
        command.append("--processes")
    if options.scale != 1.0:
        command += ["--slow-motion", str(options.scale)]
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        apart = {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    log = state.run_folder(found.folder) / "up.log"
    plan = json.dumps({"sets": options.sets, "outcomes": options.outcomes})
    environment = {**os.environ, DETACHED: "1", WITH: text_of(options.servers), PLAN: plan}
    with log.open("wb") as out:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, **apart
        )
    try:
        running = _until_up(found, child, log)
    except BaseException:
        if child.poll() is None:
            child.terminate()
        raise
    view = running.ps()
    urls = {service["name"]: service["url"] for service in view["services"]}
    servers = {server["name"]: shown(server) for server in view["servers"]}
    ready(Up(view["system"], found.folder, view["way"], urls, child.pid, time.monotonic() - begun, servers), found)


def _until_up(found: Generated, child: subprocess.Popen[bytes], log: Path) -> client.Running:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        written = state.read(found.folder)
        if written is not None and written.pid == child.pid:
            return client.Running(found.folder, written)
        if child.poll() is not None:
            said = read_failure(found.folder, child.pid)
            raise said or UsageError(
                f"{found.system.name} did not come up (exit code {child.returncode})",
                hint="\n".join(logs.last_lines(log)) or f"look at {log}",
            )
        time.sleep(0.03)
    raise UsageError(f"{found.system.name} was not up within {PATIENCE:.0f} s", hint=f"look at {log}")


def ps(folder: str | Path = ".") -> dict[str, Any]:
    """What runs: services with their replicas, channels, faults. Raises UsageError when nothing does."""
    return client.running(Path(folder).absolute()).ps()


def down(folder: str | Path = ".") -> str:
    """Take the system down; its name, "" when none was up. One too busy to answer is ended by its process id."""
    where = Path(folder).absolute()
    try:
        running = client.find(where)
    except UsageError:
        deaf = state.read(where)
        if deaf is None or f"(pid {deaf.pid})" not in ports.owner_of(deaf.port):
            raise
        state.end(deaf.pid)
        state.remove(where, deaf.pid)
        return deaf.system
    if running is None:
        return ""
    if not running.down():
        raise UsageError(
            f"{running.state.system} (pid {running.state.pid}) is still there after {client.LEAVES:.0f} s",
            hint="end that process; its replicas end with it",
        )
    return running.state.system


def log_lines(folder: str | Path = ".", service: str | None = None, *, follow: bool = False) -> Iterator[logs.Line]:
    """The log, a (replica, line) each; with `follow` what comes too, until the system is down."""
    where = Path(folder).absolute()
    if not follow:
        yield from logs.read(where, service)
        return
    yield from logs.follow(where, service, goes_on=lambda: state.read(where) is not None)


# -- faults -----------------------------------------------------------------------------------------


def set_fault(folder: str | Path, fault: dict[str, Any]) -> tuple[str, str]:
    """Switch a fault on, written as in a file but without `at`: its id and what it is called.

    Raises InvalidFileError for one that the language does not know, UsageError when nothing runs, or when it wants
    more replicas than there are.
    """
    where = Path(folder).absolute()
    running = client.running(where)
    found = find_description(where)
    document = {**found.document, "faults": [{**fault, "at": "0s"}]}
    system = compile_system(from_data(document, file="this fault", folder=found.folder))
    compiled = system.faults[0]
    service = system.bodies[compiled.body].service if compiled.body >= 0 else compiled.service
    if compiled.replicas == "some" and service >= 0:
        _refuse_too_many(running, system.services[service].name, compiled.number)
    drawn = [0.0] * compiled.number if compiled.replicas == "some" else None  # the first of those there are
    lasts = None if compiled.duration is None else round(compiled.duration.mean)
    number = running.set_fault(plain_fault(system, compiled, 0, lasts, None, drawn))
    return number, compiled.label


def _refuse_too_many(running: client.Running, service: str, wanted: int) -> None:
    """Raises UsageError when a service has fewer replicas than a fault is to hit."""
    here = next(len(one["replicas"]) for one in running.ps()["services"] if one["name"] == service)
    if wanted > here:
        raise UsageError(
            f"{service} has {here} replica{'s' if here != 1 else ''}, not {wanted}",
            hint=f"say a number from 1 to {here}, or leave it out to hit all" if here > 1 else "leave the number out",
        )


def find_description(folder: Path) -> Spec:
    """The description of a generated folder, whether or not its code is up to it."""
    return load(description_of(folder, generated.read(folder).description))


def faults(folder: str | Path = ".") -> list[dict[str, Any]]:
    """The faults that are on."""
    return client.running(Path(folder).absolute()).faults()


def clear_faults(folder: str | Path = ".", number: str | None = None) -> list[str]:
    """Switch off one fault, or all; their ids."""
    return client.running(Path(folder).absolute()).clear_faults(number)


# -- traffic ----------------------------------------------------------------------------------------


def send_traffic(
    folder: str | Path = ".", *, scenario: str | None = None, sets: Sequence[str] = (), seed: int | None = None,
    progress: Progress | None = None, stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
) -> LoadResult:
    """Send the description's traffic to the system that runs, with its faults; what was measured.

    Of a scenario and of `sets` only traffic and faults are taken: the services stay those that run.
    """
    from msforge.live.load.run import Run

    where = Path(folder).absolute()
    running = client.running(where)
    known = generated.read(where)
    file = description_of(where, known.description)
    spec, base = load(file, scenario=scenario, sets=tuple(sets)), load(file)
    system = compile_system(spec)
    if changed := _changed(known, base, compile_system(base)):
        tell(
            f"{file.name} has changed since the code was generated from it: {changed}; what runs is as before, until "
            "msforge sync, msforge down, msforge up"
        )
    for what in unlike(base, spec):
        tell(f"{what} is not as this traffic wants it: the services that run were generated without it")
    run = Run(
        system, running, seed=system.run.seed if seed is None else seed, progress=progress, stop=stop, tell=tell
    )
    for label in _left_out(system):
        tell(f"left out: {label} (a running system can't do that)")
    for fault in system.faults:
        if fault.every is None and fault.at >= system.run.duration:
            tell(f"not reached: {fault.label or fault.kind}, at {format_duration(fault.at)}")
    warmup = f", the first {format_duration(system.run.warmup)} to warm up" if system.run.warmup else ""
    slow = ""
    if run.scale != 1:
        clock = round(system.run.duration * run.scale / SECOND) * SECOND
        slow = f"; that is {format_duration(clock)} on the clock"
    tell(f"sending for {format_duration(system.run.duration)}{warmup}{slow}")
    return run.go()


def _left_out(system: System) -> list[str]:
    from msforge.live.faults import left_out

    return left_out(system)


SERVICES_SIDE: Final = ("defaults", "policies", "services", "stores", "channels", "network")


def unlike(base: Spec, wanted: Spec) -> list[str]:
    """The paths, two levels deep, at which another description's services differ from the generated ones."""
    found = []
    for section in SERVICES_SIDE:
        before, after = base.document.get(section), wanted.document.get(section)
        if before == after:
            continue
        names = sorted({*_keys(before), *_keys(after)})
        found += [f"{section}.{name}" for name in names if _get(before, name) != _get(after, name)] or [section]
    return found


def _keys(section: Any) -> list[str]:
    return list(section) if isinstance(section, dict) else []


def _get(section: Any, name: str) -> Any:
    return section.get(name) if isinstance(section, dict) else None


def beyond(system: System, way: str, servers: Iterable[str] = ()) -> list[capabilities.Beyond]:
    """What the description uses that this way of running, on this machine, does not fully honour.

    What stands on one of the `servers` is what the description says it is.
    """
    found = capabilities.without_servers(capabilities.beyond(system, way), servers)
    if system.speaking_grpc() and not speaks_grpc():
        said = "served and called over HTTP: pip install 'msforge[grpc]'"
        found.append(capabilities.Beyond("`grpc` endpoints", capabilities.PARTLY,
                                         tuple(capabilities.grpc_endpoints(system)), said))
    return found
