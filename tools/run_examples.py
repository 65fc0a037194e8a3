"""Check every example and scenario and simulate each for a few seconds of its own time.

Whether the examples show what their READMEs say is for tests/examples; here they only have to run.
Exit code 1 when one of them doesn't.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHORT = {
    "": ("simulation.warmup=1s", "simulation.duration=5s", "simulation.drain=5s"),
    "thousand": ("simulation.warmup=0s", "simulation.duration=100ms"),
}
OBJECTIVE_FAILED = 99  # a short run may well miss an objective; that is no defect


def runs() -> list[tuple[Path, str]]:
    """Every (file, scenario), the file itself as scenario ""."""
    found: list[tuple[Path, str]] = []
    for folder in sorted(EXAMPLES.iterdir()):
        file = folder / f"{folder.name}.yaml"
        if folder.is_dir():
            text = yaml.safe_load(file.read_text(encoding="utf-8"))
            found += [(file, ""), *((file, str(name)) for name in text.get("scenarios") or {})]
    return found


def try_out(run: tuple[Path, str]) -> str:
    """Check and simulate one; empty when all is well, else what it printed."""
    file, scenario = run
    chosen = ["--scenario", scenario] if scenario else []
    changes = SHORT.get(file.stem, SHORT[""])
    short = [word for change in changes for word in ("--set", change)]
    for command in (["check"], ["simulate", "--quiet", "--replications=1", *short]):
        begin = time.monotonic()
        whole = [sys.executable, "-m", "msforge", *command, *chosen, str(file)]
        done = subprocess.run(whole, capture_output=True, text=True, encoding="utf-8", check=False)
        took = time.monotonic() - begin
        print(f"  {took:5.1f} s  exit {done.returncode:2}  {command[0]} {file.parent.name} {scenario}")
        if done.returncode not in (0, OBJECTIVE_FAILED):
            return done.stdout + done.stderr
    return ""


def main() -> int:
    """Try all of them out, as many at once as there are cores."""
    everything = runs()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(try_out, everything))
    for (file, scenario), text in zip(everything, said, strict=True):
        if text:
            print(f"\n{file.parent.name} {scenario} failed:\n{text}", file=sys.stderr)
    print(f"  {len(everything)} runs of {len({file for file, _ in everything})} examples")
    return 1 if any(said) or not everything else 0


if __name__ == "__main__":
    sys.exit(main())
