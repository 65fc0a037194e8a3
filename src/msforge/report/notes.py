"""The small print: which interval, which percentiles, and what the simulation can't tell apart in this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from msforge.report.console import listing
from msforge.report.shapes import bullets, heading, indented
from msforge.report.text import clean_lines
from msforge.results.result import Result

DEFAULT_BROKERS = {False: "rabbitmq", True: "kafka"}


def notes(result: Result) -> Iterator[RenderableType]:
    """How the intervals and percentiles were made, the laws that did not hold, and what makes no difference here."""
    yield heading("How to read this")
    said = [result.intervals.text, result.percentiles, *indistinct(result.plan or {})]
    broken = [c for c in result.checks if not c.holds]
    said += [
        f"{check.law} does not hold at {check.name}: {check.left:.4g} against {check.right:.4g}; report this"
        for check in broken
    ]
    yield indented(bullets([clean_lines(s) for s in said if s]))


def indistinct(plan: Mapping[str, Any]) -> list[str]:
    """What the file sets by name that this simulation gives no cost of its own, computed from the plan that ran."""
    said = []
    calls = [s["word"] for s in plan.get("steps", ()) if s.get("policy", {}).get("protocol") == "grpc"]
    grpc = sorted({word.removeprefix("call ").split("#")[0] for word in calls})
    endpoints = [b["name"] for b in plan.get("bodies", ()) if b.get("grpc")]
    if grpc or endpoints:
        said.append(
            f"gRPC is not told apart from HTTP: a hop costs what `network` says ({listing(grpc or endpoints, 4)})"
        )
    languages = sorted({s.get("language", "python") for s in plan.get("services", ())})
    if len(languages) > 1:
        said.append(f"languages are not told apart ({', '.join(languages)}): `work` takes what it says in each")
    brokers = sorted(
        {
            c["broker"]
            for c in plan.get("channels", ())
            if c.get("broker") not in (DEFAULT_BROKERS[bool(c.get("topic"))], None)
        }
    )
    if brokers:
        said.append(f"brokers are not told apart ({', '.join(brokers)}): a channel's `kind` and `publish` decide")
    return said


def closing(result: Result) -> Iterator[RenderableType]:
    """One line to end on: the verdict again, for those who read from the bottom of the screen."""
    if result.interrupted:
        yield Text("\n⚠ interrupted: the figures are about the part that ran", style="bold yellow")
    missed = sum(not o.met for o in result.objectives)
    if missed:
        total = len(result.objectives)
        yield Text(f"\n✗ {missed} of {total} objectives missed", style="bold red")
