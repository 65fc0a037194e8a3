"""What `msforge --help` costs beside a bare Typer program with as many commands: CPU time, paired, medians.

    python benchmarks/help.py [ROUNDS]

Each round starts both programs once, in turn, so that a slow moment of the machine falls on both.
The floor is a ratio of 1.2 (docs/performance.md).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FLOOR = 1.2
BARE = """
import typer
from typing import Annotated
app = typer.Typer()
{commands}
"""
RUN = """
import sys, time
try:
    app(["--help"], prog_name="msforge")
finally:
    sys.stderr.write(str(time.process_time()))
"""
COMMAND = '''
@app.command("{name}")
def {name}(file: Annotated[str, typer.Argument(help="A file.")] = "", flag: bool = False) -> None:
    """Does something to a file."""
'''
OURS = "from msforge.cli import app\n"


def cpu_seconds(program: Path) -> float:
    """CPU time (s) of one run of `program`, user and system, the interpreter's start included."""
    done = subprocess.run([sys.executable, str(program)], check=True, capture_output=True, text=True, encoding="utf-8")
    return float(done.stderr)


def measure(rounds: int) -> tuple[float, float]:
    """Median CPU seconds of the bare program and of msforge, over `rounds` interleaved rounds (one more to warm up)."""
    from msforge.cli import app

    count = len(app.registered_commands) + len(app.registered_groups)
    commands = "\n".join(COMMAND.format(name=f"command{n}") for n in range(count))
    with tempfile.TemporaryDirectory() as folder:
        bare, ours = Path(folder) / "bare.py", Path(folder) / "ours.py"
        bare.write_text(BARE.format(commands=commands) + RUN, "utf-8")
        ours.write_text(OURS + RUN, "utf-8")
        pairs = [(cpu_seconds(bare), cpu_seconds(ours)) for _ in range(rounds + 1)][1:]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def main() -> int:
    """Prints the two medians and their ratio; 1 when the ratio is above the floor."""
    bare, ours = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
    ratio = ours / bare
    print(f"bare Typer {bare * 1000:.0f} ms, msforge {ours * 1000:.0f} ms: ratio {ratio:.2f}, floor {FLOOR}")
    return int(ratio > FLOOR)


if __name__ == "__main__":
    raise SystemExit(main())
