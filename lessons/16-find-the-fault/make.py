"""Writes what the shop left behind on the bad day: log.txt, traces.txt and metrics.prom, out of a run of solution.yaml.

    python make.py

The learner gets these three, and never the description they came from.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DAY = 946_684_800_000_000_000
"""Time 0 of a simulation in exported traces, in ns."""
REQUESTS = 150
TREES = 6
SEED = 42
Span = dict[str, Any]


def spans(file: Path) -> list[Span]:
    """All spans with their service, in order of time."""
    found = []
    for group in json.loads(file.read_text("utf-8"))["resourceSpans"]:
        who = attributes(group["resource"])
        name = who.get("service.instance.id") or who["service.name"]
        for scope in group["scopeSpans"]:
            found += [span | {"who": name, "said": attributes(span)} for span in scope["spans"]]
    return sorted(found, key=lambda span: (int(span["startTimeUnixNano"]), span["spanId"]))


def attributes(holder: dict[str, Any]) -> dict[str, str]:
    """A span's or resource's attributes as plain texts."""
    return {each["key"]: str(next(iter(each["value"].values()))) for each in holder["attributes"]}


def length(span: Span) -> float:
    """How long a span took, in ms."""
    return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e6


def log(all_spans: list[Span]) -> str:
    """A line per request served, and per call that its caller gave up."""
    lines = []
    for span in all_spans:
        outcome = span["said"].get("msforge.outcome", "ok")
        if span["kind"] not in (2, 5) and not (span["kind"] == 3 and outcome != "ok"):
            continue
        what = span["name"] if span["kind"] != 3 else f"call of {span['said'].get('server.address')}: {span['name']}"
        end = (int(span["endTimeUnixNano"]) - DAY) / 1e9
        head = f"{end:6.3f}s {span['traceId'][-3:]} {span['who']:<14} {outcome:<7}"
        lines.append((end, f"{head} {length(span):6.1f}ms {what}"))
    return "".join(f"{line}\n" for _, line in sorted(lines))


def trees(all_spans: list[Span]) -> str:
    """Some traces, each span below the one that it is part of."""
    below: dict[tuple[str, str], list[Span]] = {}
    for span in all_spans:
        below.setdefault((span["traceId"], span.get("parentSpanId", "")), []).append(span)
    roots = [span for span in all_spans if not span.get("parentSpanId") and span["name"] == "POST /checkout"]
    bad = [span for span in roots if span["said"]["msforge.outcome"] != "ok"]
    good = [span for span in roots if span not in bad]
    chosen = sorted([*good[:: len(good) // (TREES // 2)][: TREES // 2], *bad[: TREES // 2]],
                    key=lambda span: int(span["startTimeUnixNano"]))
    return "\n".join(tree(root, below, int(root["startTimeUnixNano"]), 0) for root in chosen)


def tree(span: Span, below: dict[tuple[str, str], list[Span]], begin: int, depth: int) -> str:
    """A span and all below it. The first line has the time of day, the others the time since the first."""
    at = int(span["startTimeUnixNano"])
    when = f"{(at - DAY) / 1e9:8.3f}s" if depth == 0 else f"{(at - begin) / 1e6:+7.1f}ms"
    outcome = span["said"].get("msforge.outcome", "ok")
    name = f"{'  ' * depth}{span['who']}  {span['name']}"
    last = f"  {outcome}" if outcome != "ok" else ""
    mark = f"  {span['traceId'][-3:]}" if depth == 0 else ""
    line = f"{when}  {name:<44}{length(span):8.1f}ms{last}{mark}\n"
    inside = below.get((span["traceId"], span["spanId"]), ())
    return line + "".join(tree(each, below, begin, depth + 1) for each in inside)


def main() -> None:
    """Write the three files beside this one."""
    with tempfile.TemporaryDirectory() as name:
        traces, metrics = Path(name) / "traces.json", Path(name) / "metrics.prom"
        subprocess.run(
            [sys.executable, "-m", "msforge", "simulate", str(HERE / "solution.yaml"), "--seed", str(SEED), "--quiet",
             "--traces", str(traces), "--traces-count", str(REQUESTS), "--metrics", str(metrics)],
            check=False, stdout=subprocess.DEVNULL,
        )
        found = spans(traces)
        made = {"log.txt": log(found), "traces.txt": trees(found), "metrics.prom": metrics.read_text("utf-8")}
    for file, text in made.items():
        (HERE / file).write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
