"""Check every example and scenario and simulate each for a few seconds of its own time.

Whether the examples show what their READMEs say is for tests/examples; here they only have to run, and
to lose no request on the way. Exit code 1 when one of them doesn't.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msforge

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHORT = {
    "": ("simulation.warmup=1s", "simulation.duration=5s", "simulation.drain=5s"),
    "thousand": ("simulation.warmup=0s", "simulation.duration=100ms"),
}


def runs() -> list[tuple[Path, str]]:
    """Every (file, scenario), the file itself as scenario ""."""
    files = [folder / f"{folder.name}.yaml" for folder in sorted(EXAMPLES.iterdir()) if folder.is_dir()]
    return [(file, name) for file in files for name in ("", *(msforge.load(file).document.get("scenarios") or {}))]


def try_out(run: tuple[Path, str]) -> tuple[str, str]:
    """Check and simulate one. A line about it, and what is wrong: empty when all is well."""
    file, scenario = run
    begin = time.perf_counter()
    chosen = scenario or None
    wrong = [
        f"{d.line}: {d.code} {d.message}"
        for d in msforge.check(file, scenario=chosen)
        if d.severity is msforge.Severity.ERROR
    ]
    if not wrong:
        sets = SHORT.get(file.stem, SHORT[""])
        result = msforge.simulate(file, scenario=chosen, sets=sets, replications=1, processes=1)
        if not any(entry.counts.arrivals for entry in result.entries):
            wrong = ["no request arrived"]
    return f"{time.perf_counter() - begin:6.1f} s  {file.stem} {scenario}", "; ".join(wrong)


def main() -> int:
    """Try all of them out, as many at once as there are cores."""
    everything = runs()
    failed = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for line, wrong in pool.map(try_out, everything):
            print(f"{line}  {'failed: ' + wrong if wrong else 'ok'}", flush=True)
            failed += bool(wrong)
    print(f"{len(everything)} runs of {len({file for file, _ in everything})} examples, {failed} failed")
    return 1 if failed or not everything else 0


if __name__ == "__main__":
    sys.exit(main())
