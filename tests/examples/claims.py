"""What an example's README says, in a form that a run can be held to.

`claims.yaml` beside an example names runs and claims about them:

    runs:
      base: {}
      down: {scenario: payment-down, window: 30s..60s}
    claims:
      - says: While payment is down, hardly a checkout succeeds
        run: down
        figure: entries[shoppers -> gateway.checkout].counts.success
        below: 10%
      - says: an e-mail is late, but none is lost
        run: down
        figure: channels[order-placed].backlog_most
        above: 10                       # times the other run's figure
        times: {run: base}

`says` is a sentence of the README. `figure` is a place in the Result; `[name]` picks an item of a
list by its name, and a measured figure stands for its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import msforge
from msforge import units
from msforge.lessons import figures
from msforge.lessons.figures import FigureError, look_up
from msforge.results import Result, read_window
from msforge.results.codec import encode

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RUN_KEYS = {"scenario", "window", "set", "replications", "seed"}
BOUNDS = ("above", "below", "equals")


@dataclass(frozen=True)
class Claim:
    """One sentence and the bounds that a figure of a run keeps if it is true."""

    says: str
    run: str
    figure: str
    bounds: Mapping[str, Any]
    times: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claims:
    """All claims of one example."""

    example: str
    file: Path
    runs: Mapping[str, Mapping[str, Any]]
    claims: tuple[Claim, ...]
    warnings: Mapping[str, int]

    @property
    def readme(self) -> str:
        """The README's words, however its lines are broken."""
        return " ".join((self.file.parent / "README.md").read_text(encoding="utf-8").split())


def read(example: str) -> Claims:
    """The claims of an example; a ValueError for a key that means nothing."""
    folder = EXAMPLES / example
    text = yaml.safe_load((folder / "claims.yaml").read_text(encoding="utf-8"))
    _known(text, {"runs", "claims", "warnings"}, example)
    for name, run in text["runs"].items():
        _known(run, RUN_KEYS, f"{example}: run {name}")
    claims = []
    for item in text["claims"]:
        _known(item, {"says", "run", "figure", "times", *BOUNDS}, f"{example}: {item.get('says')}")
        bounds = {key: item[key] for key in BOUNDS if key in item}
        times = {"run": item["run"], "figure": item["figure"], **item["times"]} if "times" in item else {}
        if not bounds or item["run"] not in text["runs"]:
            raise ValueError(f"{example}: `{item['says']}` has no bound or an unknown run")
        claims.append(Claim(item["says"], item["run"], item["figure"], bounds, times))
    return Claims(example, folder / f"{example}.yaml", text["runs"], tuple(claims), text.get("warnings", {}))


def judge(claims: Claims) -> list[str]:
    """Each claim that a run does not bear out, with what was measured instead; and each law that a run breaks."""
    wrong = []
    for name, run in claims.runs.items():
        for check in [] if "window" in run else result_of(claims, name)["checks"]:
            if not check["holds"]:
                wrong.append(f"{name}: {check['law']} does not hold at {check['name']}: {check['residual']:.2%}")
    for claim in claims.claims:
        value = measured(claims, claim.run, claim.figure)
        shown = f"{claim.run}: {claim.figure} = {value:g}"
        if claim.times:
            other = measured(claims, claim.times["run"], claim.times["figure"])
            shown += f", {value / other if other else float('inf'):.4g} times {claim.times['run']}'s {other:g}"
            bounds = {key: bound * other for key, bound in claim.bounds.items()}
        else:
            bounds = {key: quantity(bound) for key, bound in claim.bounds.items()}
        kept = (
            value > bounds.get("above", float("-inf"))
            and value < bounds.get("below", float("inf"))
            and value == bounds.get("equals", value)
        )
        if not kept:
            wrong.append(f"{claim.says!r} wants {dict(claim.bounds)}, but {shown}")
    return wrong


def measured(claims: Claims, run: str, figure: str) -> float:
    """A figure of a run."""
    return find(result_of(claims, run), figure)


def result_of(claims: Claims, name: str) -> dict[str, Any]:
    """The Result of a named run, as plain data. Runs that only read another window share a simulation."""
    run = dict(claims.runs[name])
    begin, _, end = str(run.pop("window", "")).partition("..")
    window = (units.parse_duration(begin), units.parse_duration(end)) if end else None
    sets = tuple(f"{path}={value}" for path, value in run.pop("set", {}).items())
    return _windowed(claims.file, sets, window, tuple(sorted(run.items())))


@cache
def _simulated(file: Path, sets: tuple[str, ...], options: tuple[tuple[str, Any], ...]) -> Result:
    return msforge.simulate(file, sets=sets, processes=1, **{"replications": 1, **dict(options)})  # type: ignore[arg-type]


@cache
def _windowed(
    file: Path, sets: tuple[str, ...], window: tuple[int, int] | None, options: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    result = _simulated(file, sets, options)
    plain: dict[str, Any] = encode(result if window is None else read_window(result, window))
    return plain


def find(plain: Any, figure: str) -> float:
    """What stands at `figure`, e.g. `services[payment].utilisation`. Raises FigureError where there is no number."""
    value = look_up(plain, figure).value
    if value is None:
        raise FigureError(f"{figure} was not measured")
    return value


def quantity(bound: Any) -> float:
    """A bound as written: a number, a ratio (`5%`), a duration (`80ms`) or a rate (`50/s`)."""
    value = figures.quantity(bound).value
    assert value is not None
    return value


def _known(mapping: Mapping[str, Any], keys: set[str], where: str) -> None:
    if unknown := set(mapping) - keys:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}")
