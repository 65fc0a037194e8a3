"""msforge beside plain SimPy and Ciw: `python benchmarks/engine.py [--rounds 5] [--work mm4]`.

Every measurement is a process of its own; the engines take turns within each round, and a
ratio is the median over the rounds of (CPU seconds per root request, other / msforge).
msforge runs with all of its recording on. All engines run the same simulated time, and
their mean latencies must agree within four standard errors (twenty batches a round).
Exit code 1 when a floor is missed or two engines disagree.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import page
import works

ENGINES = {"mm4": ("plain", "ciw", "msforge"), "chain": ("plain", "msforge"), "big": ("plain", "msforge")}
FLOORS = {"mm4": 3.0, "chain": 5.0, "big": 5.0}
PLAIN_OVER_CIW = 1.8
ONE = Path(__file__).with_name("one.py")


@dataclass
class Series:
    """What one engine did on one work, round by round."""

    cost: list[float] = field(default_factory=list)       # CPU seconds per root
    prepare: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """Mean latency, s."""
        return statistics.fmean(self.batches)

    @property
    def error(self) -> float:
        """Standard error of the mean, by batch means."""
        return statistics.stdev(self.batches) / math.sqrt(len(self.batches))


def measure(engine: str, work: str, seconds: float, seed: int) -> dict[str, object]:
    """One measurement in a child process."""
    command = [sys.executable, str(ONE), engine, work, str(seconds), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ONE.parent, check=False)
    if done.returncode:
        raise SystemExit(f"{engine} failed on {work}:\n{done.stderr}")
    result: dict[str, object] = json.loads(done.stdout)
    return result


def rounds_of(work: str, rounds: int, seconds: float) -> dict[str, Series]:
    """All rounds of one work; the order turns by one each round."""
    series = {engine: Series() for engine in ENGINES[work]}
    for number in range(rounds):
        names = list(series)
        turn = number % len(names)
        for engine in names[turn:] + names[:turn]:
            print(f"\r{work}: round {number + 1} of {rounds}, {engine}      ", end="", file=sys.stderr, flush=True)
            seen = measure(engine, work, seconds, 1000 * number + 17)
            mine = series[engine]
            mine.roots.append(int(str(seen["roots"])))
            mine.cost.append(float(str(seen["cpu"])) / mine.roots[-1])
            mine.prepare.append(float(str(seen["prepare"])))
            mine.batches += [float(b) for b in seen["batches"]]  # type: ignore[attr-defined]
    print(file=sys.stderr)
    return series


def ratio(slow: Series, fast: Series) -> tuple[float, float, float]:
    """Median, least and greatest of the rounds' ratios."""
    ratios = [s / f for s, f in zip(slow.cost, fast.cost, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def judge(work: str, series: dict[str, Series]) -> list[str]:
    """What is wrong: a floor missed, means that differ, a straw man."""
    wrong = []
    ours, plain = series["msforge"], series["plain"]
    for name, other in series.items():
        distance = abs(other.mean - ours.mean) / math.hypot(other.error, ours.error) if other is not ours else 0.0
        if distance > 4:
            wrong.append(f"{work}: {name}'s mean latency is {distance:.1f} standard errors from msforge's")
    reached = ratio(plain, ours)[0]
    if reached < FLOORS[work]:
        wrong.append(f"{work}: {reached:.2f} times the plain script, the floor is {FLOORS[work]:g}")
    if "ciw" in series and ratio(series["ciw"], plain)[0] < PLAIN_OVER_CIW:
        wrong.append(f"{work}: the plain script is less than {PLAIN_OVER_CIW:g} times as fast as Ciw")
    return wrong


def table(work: str, series: dict[str, Series]) -> list[str]:
    """One line an engine."""
    plain = series["plain"]
    lines = []
    for engine, mine in series.items():
        median, least, most = ratio(plain, mine)
        lines.append(
            f"{work:<6} {engine:<8} {statistics.median(mine.roots):>8.0f} {1 / statistics.median(mine.cost):>10,.0f} "
            f"{median:>7.2f}  {least:>5.2f}..{most:<5.2f} {statistics.median(mine.prepare):>9.2f} "
            f"{mine.mean * 1e3:>9.3f} ± {1.96 * mine.error * 1e3:.3f}"
        )
    return lines


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--work", choices=sorted(ENGINES), action="append", help="only this work; may be repeated")
    parser.add_argument("--scale", type=float, default=1.0, help="simulated time, as a multiple of the usual")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    wrong: list[str] = []
    head = f"{'work':<6} {'engine':<8} {'roots':>8} {'roots/CPU s':>11} {'x plain':>6}  {'range':<12} {'prepare s':>9}"
    lines = [f"{head}  mean latency, ms (95 %)"]
    print(lines[0])
    for work in options.work or list(ENGINES):
        series = rounds_of(work, options.rounds, works.SECONDS[work] * options.scale)
        lines += table(work, series)
        print("\n".join(lines[-len(series):]))
        wrong += judge(work, series)
    for line in wrong:
        print(f"✗ {line}")
    if not wrong:
        print("✓ every floor is reached and the engines agree")
    if options.write:
        page.put("engine", "\n".join(lines))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
