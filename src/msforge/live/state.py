"""What is known about a running system from outside: `<system>/.msforge/run/`.

state.json says who runs it and how to talk to them; logs/ holds one file a replica. Whatever is left there by
something that was killed is recognised and cleared away.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from msforge.errors import UsageError

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class State:
    """Who runs a system. `port` is the control API's, on loopback; `token` opens it."""

    pid: int
    port: int
    token: str
    system: str
    way: str                 # one process | processes
    begun: float             # seconds since the epoch
    folder: str = ""
    version: int = VERSION


def run_folder(system: Path) -> Path:
    """Where a system's state and logs lie while it runs."""
    return system / ".msforge" / "run"


def logs_folder(system: Path) -> Path:
    """Where its logs lie."""
    return run_folder(system) / "logs"


def data_folder(system: Path) -> Path:
    """Where its replicas' own data lie, a folder each."""
    return run_folder(system) / "data"


def outcomes_folder(system: Path) -> Path:
    """Where its replicas note down what they have finished, a file each, when that is wanted."""
    return run_folder(system) / "outcomes"


def prepare(system: Path) -> None:
    """An empty run folder. Raises UsageError when it can't be written."""
    logs = logs_folder(system)
    try:
        logs.mkdir(parents=True, exist_ok=True)
        (run_folder(system) / ".gitignore").write_text("*\n", encoding="utf-8")
        for old in logs.glob("*.log"):
            old.unlink()
        if outcomes_folder(system).exists():
            shutil.rmtree(outcomes_folder(system))
    except OSError as e:
        raise UsageError(
            f"cannot write to {run_folder(system)}: {(e.strerror or str(e)).lower()}",
            hint="`msforge up` keeps its state and its logs there",
        ) from e


def write(system: Path, state: State) -> None:
    """Writes it, whole or not at all, for nobody but its owner to read."""
    file = run_folder(system) / "state.json"
    new = file.with_name(f"state.{os.getpid()}.tmp")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(asdict(state), out)
    new.replace(file)


def read(system: Path) -> State | None:
    """The state that was written; None when there is none, or it makes no sense."""
    try:
        plain = json.loads((run_folder(system) / "state.json").read_text("utf-8"))
        if plain.get("version") != VERSION:
            return None
        state = State(**plain)
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    sound = isinstance(state.pid, int) and isinstance(state.port, int) and 0 < state.port < 65536
    return state if sound and isinstance(state.token, str) else None


def remove(system: Path, pid: int | None = None) -> None:
    """Removes it; with `pid`, only when it is that process's."""
    if pid is not None:
        state = read(system)
        if state is not None and state.pid != pid:
            return
    with contextlib.suppress(OSError):
        (run_folder(system) / "state.json").unlink()


def end(pid: int, within: float = 5.0) -> None:
    """Asks a process to end, and after `within` seconds makes it."""
    for how in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        until = time.monotonic() + within
        while time.monotonic() < until:
            if not alive(pid):
                return
            time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process of this id runs."""
    if pid <= 0:
        return False
    if os.name == "nt":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    """Whether it is dead, but nobody has asked for its exit code: what a container's first process may never do."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _alive_on_windows(pid: int) -> bool:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # STILL_ACTIVE
