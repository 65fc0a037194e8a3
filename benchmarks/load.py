"""CPU time to read, check and compile a thousand services: `python benchmarks/load.py [--rounds 5]`.

Each round is a process of its own; what is measured, imports aside, is the CPU time of
reading examples/thousand, every check and warning, and the compiled plan. The median must
stay under two seconds. Exit code 1 when not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import page

LIMIT = 2.0
EXAMPLE = Path(__file__).parent.parent / "examples" / "thousand" / "thousand.yaml"


def child(file: Path) -> None:
    """Load, compile, lint; print the CPU seconds of each."""
    from msforge.analysis import lint
    from msforge.model import compile_system
    from msforge.spec import load

    marks = [time.process_time()]
    spec = load(file)
    marks.append(time.process_time())
    system = compile_system(spec)
    marks.append(time.process_time())
    warnings = lint(system, spec)
    marks.append(time.process_time())
    names = ("load", "compile", "lint")
    spent = {name: marks[k + 1] - marks[k] for k, name in enumerate(names)}
    print(json.dumps({**spent, "services": len(system.services), "warnings": len(warnings)}))


def main() -> None:
    """Run the rounds, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the figure into docs/performance.md")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("file", nargs="?", type=Path, help="another description (default: examples/thousand)")
    options = parser.parse_args()
    file = options.file or EXAMPLE
    if options.child:
        child(file)
        return
    rounds = []
    for _ in range(options.rounds):
        command = [sys.executable, __file__, "--child", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        rounds.append(json.loads(done.stdout))
    parts = {name: statistics.median(r[name] for r in rounds) for name in ("load", "compile", "lint")}
    total = statistics.median(r["load"] + r["compile"] + r["lint"] for r in rounds)
    detail = ", ".join(f"{name} {seconds:.2f}" for name, seconds in parts.items())
    line = f"{rounds[0]['services']} services: {total:.2f} CPU s ({detail}; limit {LIMIT:g}), {len(rounds)} rounds"
    print(line)
    if options.write:
        page.put("load", line)
    sys.exit(0 if total < LIMIT else 1)


if __name__ == "__main__":
    main()
