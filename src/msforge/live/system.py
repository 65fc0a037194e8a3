"""Bringing a generated system up and holding it until it is asked to go down."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msforge.errors import ConflictError, MsforgeError
from msforge.live import client, ports, state
from msforge.live.board import Board
from msforge.live.doors import Doors, open_doors
from msforge.live.fleet import Fleet, Tell
from msforge.live.folder import Package, option
from msforge.live.fork_server import fork_server
from msforge.live.servers.hosted import Servers
from msforge.live.servers.known import Wanted
from msforge.live.state import State
from msforge.model.plan import System
from msforge.runtime.loop import new_event_loop

ONE_PROCESS: Final = "one process"
PROCESSES: Final = "processes"


@dataclass(frozen=True, slots=True)
class Up:
    """A system that is up: where its services are reached, and who runs it."""

    system: str
    folder: Path
    way: str
    urls: dict[str, str]
    pid: int
    took: float
    """Seconds until all were ready."""
    servers: dict[str, str] = field(default_factory=dict)
    """Where each server that was asked for is reached, and which one it is where several could be."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to bring it up."""

    processes: bool = False
    port_base: int = 8000
    scale: float = 1.0
    servers: tuple[Wanted, ...] = ()
    """What `--with` asked for."""
    sets: tuple[str, ...] = ()
    """What is set otherwise than in the file, as `--set` says it."""
    outcomes: bool = False
    """Whether each replica notes down every request it has finished, in the folder `state.outcomes_folder`."""

    @property
    def way(self) -> str:
        """The way of running, as the table of capabilities calls it."""
        return PROCESSES if self.processes else ONE_PROCESS


def serve(
    folder: Path, system: System, packages: dict[str, Package], options: Options, *,
    ready: Callable[[Up], None], tell: Tell,
) -> None:
    """Brings the system up, calls `ready`, and returns once it went down: asked to, or by a signal.

    Raises ConflictError when it is up already or its ports are taken, StartError when a service does not start;
    then everything else has been taken down again.
    """
    refuse_second(folder)
    _more_files()
    loop = new_event_loop()
    try:
        loop.run_until_complete(_serve(folder, system, packages, options, ready, tell))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def _more_files() -> None:
    """As many open files as this user may have: each replica listens, and connections are files as well."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def refuse_second(folder: Path) -> None:
    """Raises ConflictError when the system is up already."""
    running = client.find(folder)
    if running is not None:
        since = time.strftime("%H:%M", time.localtime(running.state.begun))
        raise ConflictError(
            f"{running.state.system} is up already, since {since} (pid {running.state.pid})",
            hint=f"`msforge ps{option(folder)}` shows it, `msforge down{option(folder)}` takes it down",
        )


async def _serve(
    folder: Path, system: System, packages: dict[str, Package], options: Options, ready: Callable[[Up], None],
    tell: Tell,
) -> None:
    begun = time.monotonic()
    servers = Servers(options.servers, system, folder, tell)
    doors = open_doors(system, options.port_base)
    state.prepare(folder)
    if options.outcomes:
        state.outcomes_folder(folder).mkdir(exist_ok=True)
    backend = _backend(folder, system, packages, options, doors)
    from msforge.live.control import Control  # with aiohttp, which nobody else needs here

    fleet = Fleet(system, backend, seed=system.run.seed, scale=options.scale, tell=tell)
    board = Board(fleet)
    board.server_of = servers.of
    token = secrets.token_urlsafe(24)
    control = Control(fleet, board, token, options.way, doors.urls(), servers)
    try:
        with _signals(control.leave):
            if not await _up_or_left(_all_up(servers, doors, fleet), control.leave):
                return
            sock = ports.bind(0)
            port = sock.getsockname()[1]
            await control.listen(sock)
            state.write(folder, State(os.getpid(), port, token, system.name, options.way, time.time()))
            took = time.monotonic() - begun
            ready(Up(system.name, folder, options.way, doors.urls(), os.getpid(), took, servers.urls()))
            await control.leave.wait()
            tell("going down")
    finally:
        await fleet.down()
        await servers.stop()
        await control.close()
        state.remove(folder, os.getpid())


def _backend(folder: Path, system: System, packages: dict[str, Package], options: Options, doors: Any) -> Any:
    if options.processes:
        forks = fork_server(folder)  # it imports while we do
        from msforge.live.processes import Processes

        return Processes(folder, system, packages, doors, seed=system.run.seed, scale=options.scale, forks=forks)
    from msforge.live.in_process import InProcess

    return InProcess(folder, system, packages, doors, seed=system.run.seed, scale=options.scale)


async def _all_up(servers: Servers, doors: Doors, fleet: Fleet) -> None:
    """The servers first: the services need them."""
    await servers.start(doors.replica_urls())
    fleet.backend.told = servers.settings
    await fleet.up()


async def _up_or_left(coming: Coroutine[Any, Any, None], leave: asyncio.Event) -> bool:
    """Whether it came up before somebody wanted it to go down."""
    up = asyncio.ensure_future(coming)
    left = asyncio.ensure_future(leave.wait())
    try:
        await asyncio.wait((up, left), return_when=asyncio.FIRST_COMPLETED)
        if up.done():
            await up
            return True
        return False
    finally:
        for task in (up, left):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, MsforgeError):
            await up


@contextlib.contextmanager
def _signals(leave: asyncio.Event) -> Iterator[None]:
    """Ctrl-C, a closed terminal and a polite kill all mean: go down."""
    loop = asyncio.get_running_loop()

    def heard(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(leave.set)

    wanted = [signal.SIGINT, signal.SIGTERM]
    wanted += [getattr(signal, name) for name in ("SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before: dict[signal.Signals, Any] = {}
    for number in wanted:
        with contextlib.suppress(ValueError):  # not in the main thread: whoever calls has the signals
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, heard)
    waking = loop.create_task(_awake()) if sys.platform == "win32" else None
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if waking is not None:
            waking.cancel()


async def _awake() -> None:
    """Windows' loop hears a signal only when it wakes."""
    while True:
        await asyncio.sleep(0.1)


# -- how a start failed, for the one who waits for a detached one ------------------------------------


def failure_file(folder: Path) -> Path:
    """Where a detached start says why it failed."""
    return state.run_folder(folder) / "failed.json"


def write_failure(folder: Path, error: MsforgeError) -> None:
    """For `read_failure`."""
    plain = {"message": error.message, "hint": error.hint, "code": error.exit_code, "pid": os.getpid()}
    with contextlib.suppress(OSError):
        failure_file(folder).parent.mkdir(parents=True, exist_ok=True)
        failure_file(folder).write_text(json.dumps(plain), encoding="utf-8")


def read_failure(folder: Path, pid: int) -> MsforgeError | None:
    """Why the start in process `pid` failed; None when it did not say."""
    try:
        plain = json.loads(failure_file(folder).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if plain.get("pid") != pid:
        return None
    error = MsforgeError(str(plain["message"]), hint=str(plain["hint"]))
    error.exit_code = int(plain["code"])
    return error
