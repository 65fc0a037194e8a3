"""The judge of the examples' claims can say no."""

from __future__ import annotations

from pathlib import Path

import pytest

from msforge.lessons.figures import FigureError
from tests.examples import claims

PLAIN = {
    "services": [{"name": "a", "utilisation": {"value": 0.5, "low": 0.4, "high": 0.6}}],
    "entries": [{"name": "s -> a.b", "counts": {"outcomes": {"ok": 7}}}],
    "series": {"begin": 0},
    "marks": [{"kind": "x", "at": 1}, {"kind": "y", "at": 5}, {"kind": "x", "at": 9}],
    "gaps": [1, 2, 4],
}


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("services[a].utilisation", 0.5),
        ("services[0].utilisation.low", 0.4),
        ("entries[s -> a.b].counts.outcomes[ok]", 7),
        ("entries[s -> a.b].counts.outcomes[timeout]", 0),
        ("series.begin", 0),
        ("marks[kind=x].count", 2),
        ("gaps.sum", 7),
        ("marks[kind=x].last.at", 9),
    ],
)
def test_a_figure_is_found(figure: str, value: float) -> None:
    assert claims.find(PLAIN, figure) == value


@pytest.mark.parametrize("figure", ["services[b].utilisation", "services[a].wait", "services[a]", "nothing"])
def test_a_figure_that_is_not_there_is_an_error(figure: str) -> None:
    with pytest.raises(FigureError):
        claims.find(PLAIN, figure)


@pytest.mark.parametrize(("bound", "value"), [(3, 3.0), ("5%", 0.05), ("80ms", 80e6), ("50/s", 50.0)])
def test_a_bound_is_read_with_its_unit(bound: object, value: float) -> None:
    assert claims.quantity(bound) == pytest.approx(value)


@pytest.mark.parametrize(
    ("bounds", "times", "kept"),
    [
        ({"above": "40%"}, {}, True),
        ({"above": "50%"}, {}, False),
        ({"below": "50%"}, {}, False),
        ({"above": "40%", "below": "60%"}, {}, True),
        ({"equals": 0.5}, {}, True),
        ({"equals": 0.4}, {}, False),
        ({"above": 1.5}, {"run": "other", "figure": "f"}, True),
        ({"above": 2.5}, {"run": "other", "figure": "f"}, False),
    ],
)
def test_a_claim_holds_or_not(
    monkeypatch: pytest.MonkeyPatch, bounds: dict[str, object], times: dict[str, str], kept: bool
) -> None:
    monkeypatch.setattr(claims, "measured", lambda c, run, figure: {"this": 0.5, "other": 0.25}[run])
    claim = claims.Claim("so it is", "this", "f", bounds, times)
    wrong = claims.judge(claims.Claims("x", Path("x"), {}, (claim,), {}))
    assert (not wrong) == kept
    assert kept or "'so it is' wants" in wrong[0]
