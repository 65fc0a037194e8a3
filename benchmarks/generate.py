"""What `new` and `up` take: `python benchmarks/generate.py [--rounds 5] [--write]`.

`new`: the eleven services of examples/boutique by `msforge new`, from the start of the command to its end.
`up`: the shop by `msforge up`, from the start of the command until every replica is ready: in one process, as
processes that are forked, and as processes that are spawned, which is how it is where forking is not safe.

All are wall-clock time with msforge's modules compiled, as they are once it is installed: a round that isn't counted
comes first. The ways take turns within a round. The median over the rounds must stay below the limit, and forking must
save what it promises. On Linux the memory of all replicas is added up, pages that they share counted once.
Exit code 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import page

from msforge.live.fork_server import FORKS

NEW, UP, FORKED = 2.0, 5.0, 8.0
FORK, SPAWNED = "up --processes, forked", "up --processes, spawned"
SAVES = 2.0
"""How many times as long the command must take with spawned processes as with forked ones."""
SPAWN = "import msforge.live.fork_server as f; f.FORKS = False; from msforge.cli import main; main()"


def command(*arguments: str) -> list[str]:
    """A call of msforge."""
    return [sys.executable, "-m", "msforge", *arguments]


def msforge(folder: Path, *arguments: str) -> float:
    """Runs a command to its end in a folder; how long it took, s."""
    begin = time.perf_counter()
    done = subprocess.run(
        command(*arguments), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8",
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - begin


def up(folder: Path, words: list[str]) -> tuple[float, float]:
    """Brings a system up and takes it down: seconds until every replica was ready, MB that its replicas have then."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        while not (folder / ".msforge" / "run" / "state.json").is_file():  # written once all are ready
            if process.poll() is not None:
                raise SystemExit(process.stdout.read() if process.stdout else "")
            time.sleep(0.01)
        took = time.perf_counter() - begin
        held = memory(folder)
        msforge(folder, "down")
        process.communicate(timeout=30)
        return took, held
    finally:
        process.kill()


def memory(folder: Path) -> float:
    """MB of a running system's replicas, each shared page divided by those that share it; 0 where nobody says."""
    import msforge as door

    pids = {replica["pid"] for service in door.ps(folder)["services"] for replica in service["replicas"]}
    if not sys.platform.startswith("linux"):
        return 0.0
    found = [re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M) for pid in pids]
    return sum(int(each[1]) for each in found if each) / 1000


def ways() -> dict[str, list[str]]:
    """How the shop is brought up, by the name of its row."""
    made = {"up, all in one process": command("up", "--port-base", "0")}
    if FORKS:
        made[FORK] = command("up", "--processes", "--port-base", "0")
    made[SPAWNED] = [sys.executable, "-c", SPAWN, "up", "--processes", "--port-base", "0"]
    return made


def once(folder: Path, number: int) -> dict[str, tuple[float, float]]:
    """One round: seconds and MB of each row."""
    seen = {"new, 11 services": (msforge(folder, "new", "boutique", "--example", "boutique", "--yes"), 0.0)}
    msforge(folder, "new", "shop", "--example", "shop", "--yes")
    in_turn = list(ways().items())
    turn = number % len(in_turn)
    for name, words in in_turn[turn:] + in_turn[:turn]:
        seen[name] = up(folder / "shop", words)
    return seen


def figure(name: str, rounds: list[tuple[float, float]], limit: float | None) -> str:
    """One line: median and range."""
    seconds, held = [each[0] for each in rounds], statistics.median(each[1] for each in rounds)
    span = f"{min(seconds):.2f}..{max(seconds):.2f}"
    allowed, size = "" if limit is None else f"{limit:g}", f"{held:.0f}" if held else ""
    return f"{name:<26} {statistics.median(seconds):>8.2f}  {span:<13}{allowed:>7}{size:>14}".rstrip()


def judged(rounds: list[dict[str, tuple[float, float]]]) -> tuple[list[str], list[str]]:
    """The table, and what is wrong."""
    limits = {"new, 11 services": NEW, "up, all in one process": UP, FORK: FORKED}
    lines = [f"{'':<26} {'median s':>8}  {'range':<13}{'limit s':>7}{'MB, replicas':>14}"]
    wrong = []
    for name in ("new, 11 services", *ways()):
        of_name = [each[name] for each in rounds]
        lines.append(figure(name, of_name, limits.get(name)))
        middle = statistics.median(took for took, _ in of_name)
        if middle >= limits.get(name, math.inf):
            wrong.append(f"{name}: {middle:.2f} s, the limit is {limits[name]:g} s")
    if FORKS:
        ratios = [each[SPAWNED][0] / each[FORK][0] for each in rounds]
        saved = statistics.median(ratios)
        lines.append(f"spawned takes {saved:.1f} times as long as forked ({min(ratios):.1f}..{max(ratios):.1f})")
        if saved < SAVES:
            wrong.append(f"forking saves a factor of {saved:.1f}, it promises {SAVES:g}")
    return lines, wrong


def main() -> None:
    """Run the rounds, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args()
    rounds = []
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="msforge-bench-") as temporary:
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(temporary) / "compiled")
        for number in range(options.rounds + 1):
            folder = Path(temporary) / str(number)
            folder.mkdir()
            rounds.append(once(folder, number))
    lines, wrong = judged(rounds[1:])
    print("\n".join(lines))
    if options.write:
        page.put("generate", "\n".join(lines))
    for line in wrong:
        print(f"✗ {line}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
