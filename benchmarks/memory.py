"""Peak memory of a long run: `python benchmarks/memory.py [--requests 10000000]`.

Ten million requests of M/M/4, all recording on, in a process of its own; its peak resident
set (`ru_maxrss`, or the Windows process counters) must stay under 500 MB. Exit code 1 when not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import page
import works

LIMIT_MB = 500.0


def peak_mb() -> float:
    """This process's peak resident set, MB (10**6 bytes)."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        class Counters(ctypes.Structure):
            _fields_ = [
                ("cb", wintypes.DWORD),
                ("PageFaultCount", wintypes.DWORD),
                *((name, ctypes.c_size_t) for name in (
                    "PeakWorkingSetSize", "WorkingSetSize", "QuotaPeakPagedPoolUsage", "QuotaPagedPoolUsage",
                    "QuotaPeakNonPagedPoolUsage", "QuotaNonPagedPoolUsage", "PagefileUsage", "PeakPagefileUsage",
                )),
            ]

        counters = Counters(cb=ctypes.sizeof(Counters))
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        ask = kernel.K32GetProcessMemoryInfo
        ask.argtypes = (wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD)
        if not ask(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
            raise ctypes.WinError()
        return float(counters.PeakWorkingSetSize) / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def child(requests: int) -> None:
    """Run and print what was seen."""
    from msforge import sim
    from msforge.model import compile_system
    from msforge.results import summarise
    from msforge.spec import load_text

    system = compile_system(load_text(works.mm4(requests / works.MM4_RATE)))
    begin = time.process_time()
    records = sim.run(system, seed=1)
    cpu = time.process_time() - begin
    summarise(system, [records])
    print(json.dumps({"requests": int(records.sources[:, 0].sum()), "cpu": cpu, "peak": peak_mb()}))


def main() -> None:
    """Start the child, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--write", action="store_true", help="put the figure into docs/performance.md")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.requests)
        return
    command = [sys.executable, __file__, "--child", "--requests", str(options.requests)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    seen = json.loads(done.stdout)
    peak = f"peak {seen['peak']:.0f} MB (limit {LIMIT_MB:.0f})"
    line = f"{seen['requests']:,} requests in {seen['cpu']:.1f} CPU s, {peak}"
    print(line)
    if options.write:
        page.put("memory", line)
    sys.exit(0 if seen["peak"] < LIMIT_MB else 1)


if __name__ == "__main__":
    main()
