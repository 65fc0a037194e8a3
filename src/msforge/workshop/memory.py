"""How much memory this machine has, asked in each system's own way."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def memory() -> tuple[int, int]:
    """(bytes in all, bytes free for programs); 0 where the system does not tell."""
    if sys.platform == "win32":
        return _windows()
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        total = 0
    return total, available(Path("/proc/meminfo"))


def available(table: Path) -> int:
    """What Linux says is available, bytes; 0 where there is no such table."""
    try:
        lines = table.read_text("ascii").splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    return 0


def _windows() -> tuple[int, int]:
    """GlobalMemoryStatusEx: two 32-bit words, then seven 64-bit ones, of which the first two are asked for."""
    if sys.platform != "win32":
        return 0, 0
    import ctypes
    import struct

    form = "=II7Q"
    size = struct.calcsize(form)
    status = ctypes.create_string_buffer(struct.pack(form, size, *[0] * 8), size)
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(status):
        return 0, 0
    _, _, total, free, *_ = struct.unpack(form, status.raw)
    return int(total), int(free)
