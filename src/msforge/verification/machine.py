"""The machine under a measurement: who it is, and whether it had the time to tell the truth."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

CPU_LIMIT: Final = 0.55
"""Share of the machine's CPU time in use above which a measurement is not to be trusted."""
STEAL_LIMIT: Final = 0.08
"""The same for what a virtual machine's host took away; of less, the control beside a run tells how much it did."""
QUEUE_LIMIT: Final = 0.20
"""The same for the wait for a core, as a share of the requests' latency. A third of it is there on a calm machine, too,
and in its calibration: every process counts, the clients and what holds the system among them."""
MEMORY_LEAST: Final = 200 * 2**20
"""Bytes of memory that have to be left."""
LOOK: Final = 1.0
"""Seconds between two looks."""
PACKAGES: Final = ("msforge", "aiohttp", "uvicorn", "fastapi")


def identity() -> dict[str, str]:
    """What a calibration holds for: the machine, its system, Python and the packages that carry requests."""
    known = {
        "machine": platform.node() or "unnamed",
        "processor": f"{platform.machine()}, {os.cpu_count() or 1} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    for name in PACKAGES:
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            known[name] = "unknown"
    return known


@dataclass(frozen=True, slots=True)
class Times:
    """The machine's CPU seconds so far, over all cores."""

    busy: float
    idle: float
    stolen: float


@dataclass(slots=True)
class Usage:
    """How a span of time was for the machine. Shares are 0..1; None: this system does not tell."""

    seconds: float = 0.0
    cpu: float | None = None
    cpu_most: float | None = None
    steal: float | None = None
    queued: float | None = None
    """Seconds that the watched processes waited for a core, together."""
    memory_least: int | None = None
    """Least bytes of free memory seen."""

    def problems(self, latency: float | None = None, requests: int = 0) -> list[str]:
        """Why what was measured meanwhile is not to be trusted, a sentence each.

        `latency` is the mean latency (s, on the clock) of `requests` requests, for the wait for a core.
        """
        found = []
        if self.cpu is not None and self.cpu > CPU_LIMIT:
            found.append(f"the CPU was {self.cpu:.0%} in use by all that ran here; {CPU_LIMIT:.0%} are the most")
        if self.steal is not None and self.steal > STEAL_LIMIT:
            found.append(f"the host of this virtual machine took {self.steal:.0%} of its CPU time")
        if self.queued is not None and latency and requests:
            share = self.queued / requests / latency
            if share > QUEUE_LIMIT:
                found.append(f"requests waited for a core for {share:.0%} of their time")
        if self.memory_least is not None and self.memory_least < MEMORY_LEAST:
            found.append(f"only {self.memory_least / 2**20:.0f} MB of memory were left")
        return found


class Watch:
    """While entered, looks at the machine from a thread of its own. `usage()` says what it saw.

    `pids` are processes whose wait for a core counts; it may grow. Linux tells by /proc; elsewhere psutil does, which
    knows neither steal nor that wait.
    """

    def __init__(self) -> None:
        self.pids: set[int] = {os.getpid()}
        self._queued: dict[int, tuple[float, float]] = {}  # first and last reading
        self._begun = self._last = time.monotonic()
        self._first = self._before = self._now = _times()
        self._most = 0.0
        self._memory = memory_left()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            self._look()

    def _look(self) -> None:
        self._last = time.monotonic()
        for pid in list(self.pids):
            waited = _waited(pid)
            if waited is not None:
                self._queued[pid] = (self._queued.get(pid, (waited, 0.0))[0], waited)
        self._before, self._now = self._now, _times()
        share = _share(self._before, self._now)
        if share is not None:
            self._most = max(self._most, share)
        left = memory_left()
        if left is not None:
            self._memory = left if self._memory is None else min(left, self._memory)

    def usage(self) -> Usage:
        """What it saw since it was entered."""
        first, now = self._first, self._now
        steal = None
        if first is not None and now is not None and sys.platform == "linux":
            passed = now.busy + now.idle - first.busy - first.idle
            steal = (now.stolen - first.stolen) / passed if passed > 0 else None
        queued = sum(last - begun for begun, last in self._queued.values()) if self._queued else None
        return Usage(
            self._last - self._begun, _share(first, now), self._most if first is not None else None, steal, queued,
            self._memory,
        )


def _share(before: Times | None, after: Times | None) -> float | None:
    if before is None or after is None:
        return None
    busy, idle = after.busy - before.busy, after.idle - before.idle
    return busy / (busy + idle) if busy + idle > 0 else None


def _times() -> Times | None:
    if sys.platform == "linux":
        try:
            fields = [float(f) / os.sysconf("SC_CLK_TCK") for f in _first_line("/proc/stat").split()[1:9]]
        except (OSError, ValueError):
            return None
        idle = fields[3] + fields[4]
        return Times(sum(fields) - idle, idle, fields[7])
    psutil = _psutil()
    if psutil is None:
        return None
    found = psutil.cpu_times()
    idle = float(found.idle)
    return Times(float(sum(found)) - idle, idle, 0.0)


def _waited(pid: int) -> float | None:
    """Seconds that a process' threads have waited for a core; None when nobody tells."""
    try:
        tasks: Sequence[Path] = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text("ascii").split()[1]) for task in tasks) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def memory_left() -> int | None:
    """Bytes of memory that programs may still have; None when nobody tells."""
    if sys.platform == "linux":
        try:
            lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        except OSError:
            return None
        found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
        return int(found[0]) * 1024 if found else None
    psutil = _psutil()
    return int(psutil.virtual_memory().available) if psutil is not None else None


def _first_line(path: str) -> str:
    with Path(path).open(encoding="ascii") as stream:
        return stream.readline()


def _psutil() -> Any:
    try:
        import psutil
    except ImportError:
        return None
    return psutil
