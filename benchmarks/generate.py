"""What `new` and `up` take: `python benchmarks/generate.py [--rounds 5] [--write]`.

`new`: the eleven services of examples/boutique by `msforge new`, from the start of the command to its end.
`up`: the shop by `msforge up` in one process, from the start of the command until every replica is ready.

Both are wall-clock time with msforge's modules compiled, as they are once it is installed: a round that isn't counted
comes first. The median over the rounds must stay below the limit. Exit code 1 when not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import page

NEW, UP = 2.0, 5.0


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


def up(folder: Path) -> float:
    """Brings a system up and takes it down; how long it took until every replica was ready, s."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command("up", "--port-base", "0"), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        while not (folder / ".msforge" / "run" / "state.json").is_file():  # written once all are ready
            if process.poll() is not None:
                raise SystemExit(process.stdout.read() if process.stdout else "")
            time.sleep(0.01)
        took = time.perf_counter() - begin
        msforge(folder, "down")
        process.communicate(timeout=30)
        return took
    finally:
        process.kill()


def once(folder: Path) -> tuple[float, float]:
    """One round: seconds of `new` and of `up`."""
    new = msforge(folder, "new", "boutique", "--example", "boutique", "--yes")
    msforge(folder, "new", "shop", "--example", "shop", "--yes")
    return new, up(folder / "shop")


def figure(name: str, seconds: list[float], limit: float) -> str:
    """One line: median and range."""
    return f"{name:<32} {statistics.median(seconds):>8.2f}  {min(seconds):.2f}..{max(seconds):.2f}{limit:>9g}"


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
            rounds.append(once(folder))
    new, ready = ([each[i] for each in rounds[1:]] for i in (0, 1))
    lines = [
        f"{'':<32} {'median s':>8}  {'range':<10}{'limit s':>9}",
        figure("new, 11 services", new, NEW), figure("up, the shop, all ready", ready, UP),
    ]  # fmt: skip
    print("\n".join(lines))
    if options.write:
        page.put("generate", "\n".join(lines))
    sys.exit(0 if statistics.median(new) < NEW and statistics.median(ready) < UP else 1)


if __name__ == "__main__":
    main()
