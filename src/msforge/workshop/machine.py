"""The laptop itself: its console, its folder, its disk and memory, its clock."""

from __future__ import annotations

import codecs
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from msforge.workshop.checks import Check, State, either
from msforge.workshop.memory import memory

CONSOLE = "console"
MACHINE = "machine"
NARROW = 80
GIB = 1 << 30
MIB = 1 << 20
DISK_NEEDED, DISK_WANTED = 50 * MIB, 500 * MIB
MEMORY_WANTED = 500 * MIB
SLEEPS, SLEEP = 80, 0.002
LATE = 0.002
"""Seconds that a sleep may end late before the times of running services are visibly wrong."""


def console() -> Iterator[Check]:
    """Whether what msforge prints looks right here."""
    if not sys.stdout.isatty():
        yield Check(CONSOLE, "terminal", State.NOTE, "the output goes to a file or a pipe: screen not looked at")
    else:
        yield width(shutil.get_terminal_size().columns)
        yield colours(dict(os.environ))
    yield encoding(sys.stdout.encoding or "ascii", _code_page())


def width(columns: int) -> Check:
    """Columns of the terminal."""
    good = columns >= NARROW
    return Check(CONSOLE, "width", either(good, State.WARN), f"{columns} columns",
                 "" if good else f"widen the window: tables are made for {NARROW} columns")


def colours(environment: dict[str, str]) -> Check:
    """Whether there are any; nothing is said by colour alone."""
    if environment.get("NO_COLOR"):
        return Check(CONSOLE, "colours", State.NOTE, "off: NO_COLOR is set")
    if environment.get("TERM") in ("dumb", "unknown"):
        return Check(CONSOLE, "colours", State.NOTE, f"off: TERM is {environment['TERM']}")
    return Check(CONSOLE, "colours", State.OK, "on")


def encoding(name: str, code_page: int) -> Check:
    """Whether bars and marks can be printed; look-alikes stand in where not."""
    try:
        name = codecs.lookup(name).name
    except LookupError:
        name = "ascii"
    page = f", code page {code_page}" if code_page else ""
    if name == "utf-8" and code_page in (0, 65001):
        return Check(CONSOLE, "encoding", State.OK, f"{name}{page}")
    if name == "utf-8":
        return Check(CONSOLE, "encoding", State.NOTE, f"{name}{page}: fine on the screen, not in pipes and files",
                     "chcp 65001, and set PYTHONUTF8=1")
    help = "set PYTHONUTF8=1" + (", and chcp 65001" if code_page else " and LANG=C.UTF-8")
    return Check(CONSOLE, "encoding", State.WARN, f"{name}{page}: look-alikes instead of bars and marks", help)


def _code_page() -> int:
    """The code page of a Windows console; 0 elsewhere."""
    if sys.platform != "win32":
        return 0
    import ctypes

    return int(ctypes.windll.kernel32.GetConsoleOutputCP())


def machine(folder: Path) -> Iterator[Check]:
    """Cores, memory, disk, the working folder, the clock."""
    yield Check(MACHINE, "cores", State.OK, str(os.cpu_count() or 1))
    yield _memory(*memory())
    yield disk(shutil.disk_usage(folder).free)
    yield writable(folder)
    yield clock(*overshoot())


def _memory(total: int, free: int) -> Check:
    if not total:
        return Check(MACHINE, "memory", State.NOTE, "the system does not tell")
    words = f"{total / GIB:.1f} GiB" + (f", {free / GIB:.1f} free" if free else "")
    tight = (free or total) < MEMORY_WANTED
    return Check(MACHINE, "memory", either(not tight, State.WARN), words,
                 "close other programs: a large simulation takes 350 MB" if tight else "")


def disk(free: int) -> Check:
    """Room for results and generated systems."""
    state = State.OK if free >= DISK_WANTED else State.WARN if free >= DISK_NEEDED else State.FAIL
    room = f"{free / GIB:,.1f} GiB free" if free >= GIB else f"{free / MIB:,.0f} MiB free"
    return Check(MACHINE, "disk", state, room, "" if state is State.OK else "make room: a day needs about 500 MB")


def writable(folder: Path) -> Check:
    """Whether files can be made, renamed and removed in the working folder."""
    try:
        with tempfile.TemporaryDirectory(prefix=".msforge-doctor-", dir=folder) as inside:
            made = Path(inside) / "one"
            made.write_text("x", encoding="utf-8")
            made.replace(Path(inside) / "two")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return Check(MACHINE, "working folder", State.FAIL, f"{folder} cannot be written: {reason}",
                     "go to a folder of your own, e.g. below your home folder")
    return Check(MACHINE, "working folder", State.OK, f"{folder} can be written")


def overshoot() -> tuple[float, float, float]:
    """(smallest step of the clock, median and worst lateness of a sleep), seconds; as running services sleep."""
    import asyncio
    import statistics

    from msforge.runtime.loop import new_event_loop

    late: list[float] = []

    async def sleep_often() -> None:
        for _ in range(SLEEPS):
            before = time.perf_counter()
            await asyncio.sleep(SLEEP)
            late.append(time.perf_counter() - before - SLEEP)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(sleep_often())
    return time.get_clock_info("monotonic").resolution, statistics.median(late), max(late)


def clock(step: float, median: float, worst: float) -> Check:
    """Whether sleeps end in time."""
    words = f"a sleep of {SLEEP * 1e3:.0f} ms ends {median * 1e3:.2f} ms late (at worst {worst * 1e3:.1f})"
    if step > 1e-6:
        words += f", the clock steps by {step * 1e3:.2g} ms"
    if median <= LATE:
        return Check(MACHINE, "clock", State.OK, words)
    return Check(MACHINE, "clock", State.WARN, words,
                 "running services are that late at every step: msforge up --slow-motion 4; simulations don't care")
