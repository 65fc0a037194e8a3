"""Expected, simulated and interval of every case, as the table in docs/theory.md.

`python tests/theory/table.py` prints it; `--write` puts what was run into the page; `--case WORD`
picks cases by parts of their names (with commas); `--processes N` runs so many at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cases_network
import cases_policy
import cases_single
from harness import Seen

CASES = (*cases_single.CASES, *cases_network.CASES, *cases_policy.CASES)
PAGE = Path(__file__).parents[2] / "docs" / "theory.md"
HEAD = "| case | figure | expected | simulated, 95 % | standard errors apart | source |"
BEGIN, END = "<!-- table begin -->", "<!-- table end -->"


def run(number: int, replications: int) -> tuple[list[Seen], float]:
    """One case, with its CPU seconds."""
    begin = time.process_time()
    case = CASES[number]
    seen = dataclasses.replace(case, replications=replications or case.replications).run()
    return seen, time.process_time() - begin


def rows(number: int, seen: list[Seen]) -> list[str]:
    """The lines of one case."""
    case = CASES[number]
    lines = []
    for figure in seen:
        verdict = "" if figure.agrees and figure.half_width <= figure.allowed else " ✗"
        apart = f"{figure.distance:.1f}{verdict}" if figure.error else f"exact{verdict}"
        interval = f"{figure.mean:.5g} ± {figure.half_width:.2g}"
        lines.append(f"| {case.name} | {figure.label} | {figure.expected:.5g} | {interval} | {apart} | {case.source} |")
    return lines


def main() -> None:
    """Run the chosen cases, print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", default="")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--replications", type=int, default=0, help="4, 6, 8, 10, 12, 16, 20 or 24")
    options = parser.parse_args()
    words = options.case.lower().split(",")
    chosen = [k for k, case in enumerate(CASES) if any(word in case.name.lower() for word in words)]
    fresh: dict[str, list[str]] = {}
    with ProcessPoolExecutor(options.processes) as pool:
        done = pool.map(run, chosen, [options.replications] * len(chosen))
        for number, (seen, cpu) in zip(chosen, done, strict=True):
            fresh[CASES[number].name] = rows(number, seen)
            print(f"{cpu:6.1f} s  {CASES[number].name}", file=sys.stderr, flush=True)
            if not options.write:
                print("\n".join(rows(number, seen)), flush=True)
    if options.write:
        write(fresh)


def write(fresh: dict[str, list[str]]) -> None:
    """Put the rows of the cases that were run in place of their old ones; others stay."""
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(BEGIN)
    table, tail = rest.split(END)
    lines = [HEAD, "|---|---|---|---|---|---|"]
    for case in CASES:
        old = [line for line in table.splitlines() if line.startswith(f"| {case.name} |")]
        lines += fresh.get(case.name, old)
    PAGE.write_text("\n".join([head + BEGIN, *lines, END + tail]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
