"""Two Results side by side: what changed, by how much, and whether that is more than noise.

Runs from the same seed share their dice, request by request, so their replications (or batches of single runs) are
paired and most of the noise cancels. Otherwise Welch's interval for independent runs is used. A figure that is
equal in every pair is `same`; one whose interval holds 0 is `noise`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from msforge.results.codec import encode
from msforge.results.figures import Measured, doc
from msforge.results.result import Figure, Result
from msforge.results.statistics import CONFIDENCE, critical, t_quantile

# ruff: noqa: RUF009  (`doc` is a dataclass field with its text and unit, not a shared default)


@dataclass
class Difference:
    """One figure in both Results."""

    name: str = doc("the figure, e.g. `entry/shoppers -> gateway.checkout/p99`")
    unit: str = doc("`ns`, `ratio`, `per_second`, `count` or `cost`")
    before: Measured = doc("in the first Result", "unit")
    after: Measured = doc("in the second Result", "unit")
    difference: Measured = doc("after less before, with its 95 % interval", "unit")
    relative: float | None = doc("difference / before; null when before is 0 or missing")
    verdict: str = doc("`same`, `noise`, `better`, `worse`, `changed` (neither is better) or `unknown` (no interval)")


@dataclass
class ObjectiveChange:
    """An objective's verdict in both Results."""

    subject: str = doc("the endpoint or source")
    text: str = doc("the objective as written")
    before: bool | None = doc("met before; null when it was not there")
    after: bool | None = doc("met after; null when it is not there")
    verdict: str = doc("verdict of the figure's difference")


@dataclass
class Comparison:
    """What changed between two Results."""

    format: int = doc("version of this format")
    before: str = doc("name and scenario of the first")
    after: str = doc("name and scenario of the second")
    method: str = doc("`paired replications`, `paired batches`, `independent` or `none`")
    text: str = doc("the method in a sentence")
    objectives: list[ObjectiveChange] = doc("objectives of either")
    differences: list[Difference] = doc("figures of both, in the order of the second Result")
    only_before: list[str] = doc("figures that the second lacks")
    only_after: list[str] = doc("figures that the first lacks")

    def to_json(self) -> str:
        """The comparison as JSON text; equal comparisons give equal bytes."""
        return json.dumps(encode(self), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def compare(before: Result, after: Result) -> Comparison:
    """Every figure of both Results, paired where their seeds allow it."""
    method, text = _method(before, after)
    old = {figure.name: figure for figure in before.figures}
    new = {figure.name: figure for figure in after.figures}
    differences = [_difference(old[name], figure, method) for name, figure in new.items() if name in old]
    return Comparison(
        format=1,
        before=_title(before),
        after=_title(after),
        method=method,
        text=text,
        objectives=_objectives(before, after, {d.name: d.verdict for d in differences}),
        differences=differences,
        only_before=[name for name in old if name not in new],
        only_after=[name for name in new if name not in old],
    )


def _title(result: Result) -> str:
    return f"{result.system} ({result.scenario})" if result.scenario else result.system


def _method(before: Result, after: Result) -> tuple[str, str]:
    kinds = before.intervals.method, after.intervals.method
    n = before.intervals.n
    alike = before.seed == after.seed and n == after.intervals.n and before.span == after.span
    if kinds == ("replications", "replications") and alike:
        return "paired replications", f"paired t over {n} replications with the same seeds: the dice are the same"
    if kinds == ("batches", "batches") and alike:
        return "paired batches", f"paired t over {n} batches of two runs with the same seed: the dice are the same"
    if "none" in kinds:
        return "none", "no intervals: a run is too short for batches; compare with --replications"
    why = "seeds" if before.seed != after.seed else "spans or numbers of replications"
    return "independent", f"Welch's interval for independent runs, since their {why} differ"


def _difference(old: Figure, new: Figure, method: str) -> Difference:
    before, after = old.total.value, new.total.value
    if before is None or after is None:
        return Difference(new.name, new.unit, old.total, new.total, Measured(None), None, "unknown")
    change = after - before
    half = _paired(old, new) if method.startswith("paired") else _welch(old, new) if method == "independent" else None
    measured = Measured(change) if half is None else Measured(change, change - half, change + half)
    same = _equal(before, after) and (not method.startswith("paired") or all(map(_equal, old.values, new.values)))
    verdict = "same" if same else _verdict(change, half, new.better)
    return Difference(new.name, new.unit, old.total, new.total, measured, change / before if before else None, verdict)


def _equal(a: float | None, b: float | None) -> bool:
    """Equal but for the last digits of sums that were added in another order: those differ in what nobody did."""
    return a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9))


def _verdict(change: float, half: float | None, better: str) -> str:
    if half is None:
        return "unknown"
    if abs(change) <= half:
        return "noise"
    if not better:
        return "changed"
    return "better" if (change < 0) == (better == "less") else "worse"


def _paired(old: Figure, new: Figure) -> float | None:
    """Half-width of the paired t interval; None with fewer than two pairs."""
    pairs = [(a, b) for a, b in zip(old.values, new.values, strict=True) if a is not None and b is not None]
    if len(pairs) < 2:
        return None
    gaps = np.array([b - a for a, b in pairs])
    return critical(len(gaps)) * float(gaps.std(ddof=1)) / math.sqrt(len(gaps))


def _welch(old: Figure, new: Figure) -> float | None:
    """Half-width of Welch's interval (Welch 1947; degrees of freedom after Satterthwaite)."""
    a = np.array([value for value in old.values if value is not None])
    b = np.array([value for value in new.values if value is not None])
    if len(a) < 2 or len(b) < 2:
        return None
    u, v = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    if u + v == 0.0:
        return 0.0
    freedom = (u + v) ** 2 / (u**2 / (len(a) - 1) + v**2 / (len(b) - 1))
    return t_quantile(0.5 + CONFIDENCE / 2.0, max(1, math.floor(freedom))) * math.sqrt(u + v)


def _objectives(before: Result, after: Result, verdicts: dict[str, str]) -> list[ObjectiveChange]:
    old = {(o.subject, o.text): o.met for o in before.objectives}
    new = {(o.subject, o.text): o.met for o in after.objectives}
    return [
        ObjectiveChange(subject, text, old.get((subject, text)), new.get((subject, text)),
                        verdicts.get(f"objective/{subject} {text}", "unknown"))
        for subject, text in dict.fromkeys([*old, *new])
    ]
