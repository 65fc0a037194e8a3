"""Child processes that never outlive their parent.

Three nets, since none holds everywhere: every child watches a pipe from its parent and leaves at its end, which
works however the parent died; it leads a process group of its own, so that what it started ends with it; and on
Windows a job object takes all of them down with the handle.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

WINDOWS: Final = os.name == "nt"
GRACE: Final = 1.5
"""Seconds a child has to finish what it has, after being asked to leave."""
PYTHON: Final = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
"""How Python runs in a child: what it prints is in its log at once, in UTF-8."""


class Closes(Protocol):
    """A pipe or a socket."""

    def close(self) -> None:
        """No more."""


class Child(ABC):
    """One child process, `pid`. It leads a process group, and leaves once `ask` is closed: the pipe it watches."""

    def __init__(self, pid: int, ask: Closes) -> None:
        self.pid = pid
        self._ask = ask

    @property
    @abstractmethod
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""

    def ask_to_leave(self) -> None:
        """Close the pipe: it finishes what it has and leaves."""
        with contextlib.suppress(OSError):
            self._ask.close()

    def kill(self) -> None:
        """End it at once, and what it started."""
        self.ask_to_leave()
        if self.code is None:
            self._kill()

    def _kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            with contextlib.suppress(OSError):  # it was just forked and does not lead its group yet
                os.kill(self.pid, signal.SIGKILL)

    async def gone(self, within: float) -> bool:
        """Whether it ends within so many seconds."""
        end = asyncio.get_running_loop().time() + within
        pause = 0.005
        while self.code is None:
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(pause)
            pause = min(0.05, pause * 1.5)
        return True

    async def leave(self, grace: float = GRACE) -> None:
        """Ask it to leave, and make it when it doesn't in time."""
        self.ask_to_leave()
        if not await self.gone(grace):
            self.kill()
            await self.gone(1.0)
        self.sweep()

    def sweep(self) -> None:
        """End what a child that is gone has left of its group."""
        if not WINDOWS and self.code is not None:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)


class Spawned(Child):
    """A program that was started. Its standard input is a pipe, or `stdin` whose other end is `ask`."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None, log: Path, *,
        stdin: Any = subprocess.PIPE, ask: Closes | None = None,
    ) -> None:
        options: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
            if WINDOWS else {"start_new_session": True}
        )
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                list(command), env=dict(env), cwd=cwd, stdin=stdin, stdout=out, stderr=out, **options
            )
        if WINDOWS:
            _job().add(self.process)
        pipe = ask or self.process.stdin
        assert pipe is not None
        super().__init__(self.process.pid, pipe)

    @property
    def code(self) -> int | None:
        """As any child's."""
        return self.process.poll()

    def tell(self, line: str) -> None:
        """A line on its standard input. Nothing happens when it is gone."""
        pipe = self.process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(OSError):
                pipe.write(line.encode() + b"\n")
                pipe.flush()

    def _kill(self) -> None:
        if WINDOWS:
            self.process.kill()
        else:
            super()._kill()


class _Job:
    """A Windows job object that kills its processes when its last handle closes, which is when we end."""

    def __init__(self) -> None:
        import ctypes
        from ctypes import wintypes

        class Basic(ctypes.Structure):
            _fields_ = [
                ("PerProcessUserTimeLimit", ctypes.c_int64), ("PerJobUserTimeLimit", ctypes.c_int64),
                ("LimitFlags", wintypes.DWORD), ("MinimumWorkingSetSize", ctypes.c_size_t),
                ("MaximumWorkingSetSize", ctypes.c_size_t), ("ActiveProcessLimit", wintypes.DWORD),
                ("Affinity", ctypes.c_size_t), ("PriorityClass", wintypes.DWORD), ("SchedulingClass", wintypes.DWORD),
            ]

        class Extended(ctypes.Structure):
            _fields_ = [
                ("Basic", Basic), ("IoInfo", ctypes.c_uint64 * 6), ("ProcessMemoryLimit", ctypes.c_size_t),
                ("JobMemoryLimit", ctypes.c_size_t), ("PeakProcessMemoryUsed", ctypes.c_size_t),
                ("PeakJobMemoryUsed", ctypes.c_size_t),
            ]

        kill_on_close, extended_limits = 0x2000, 9
        self._kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
        self._kernel.CreateJobObjectW.restype = wintypes.HANDLE
        self._kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
        self._kernel.SetInformationJobObject.argtypes = (
            wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD
        )
        self._kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
        self.handle = self._kernel.CreateJobObjectW(None, None)
        limits = Extended()
        limits.Basic.LimitFlags = kill_on_close
        self._kernel.SetInformationJobObject(
            self.handle, extended_limits, ctypes.byref(limits), ctypes.sizeof(limits)
        )

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Take a process into the job. The pipe holds where this fails."""
        self._kernel.AssignProcessToJobObject(self.handle, int(process._handle))  # type: ignore[attr-defined]


_jobs: list[_Job] = []


def _job() -> _Job:
    """This process's job: one, whoever asks."""
    if not _jobs:
        _jobs.append(_Job())
    return _jobs[0]
