"""What does not agree after several attempts, each slower than the one before.

A busy machine is late, and late enough changes outcomes. In slow motion all durations grow alike, and so nothing about
the rules changes: a case that agrees at one speed agrees, and a rule that is broken stays broken.
"""

from __future__ import annotations

from casetable import Bench
from observed import Observed, Slack, differences, unlike

EARLY = 3.0
"""ms: a timer may ring a little early."""

Wrong = dict[tuple[str, str], list[str]]
"""Differences by bench and case."""


def judge(bench: Bench, seen: Observed, simulated: Observed, found: Wrong, *, first: bool) -> None:
    """Take note of the cases that do not agree; one that has agreed once is done with."""
    for case in bench.cases:
        place = bench.name, case.id
        if first or place in found:
            slack = Slack(EARLY, case.slack)
            found.pop(place, None)
            lines = differences(case, seen, slack) + unlike(bench, case, simulated, seen, slack)
            if lines:
                found[place] = lines
