"""The simulator against closed forms, case by case."""

from __future__ import annotations

import cases_network
import cases_policy
import cases_single
import pytest
import table
from harness import Case

CASES = (*cases_single.CASES, *cases_network.CASES, *cases_policy.CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_closed_form(case: Case) -> None:
    wrong = []
    for seen in case.run():
        line = f"{seen.label}: expected {seen.expected:.6g}, simulated {seen.mean:.6g} ± {seen.half_width:.2g}"
        if not seen.agrees:
            wrong.append(f"{line}: {seen.distance:.1f} standard errors apart")
        if seen.half_width > seen.allowed:
            wrong.append(f"{line}: the interval is wider than {seen.allowed:.2g}")
    assert not wrong, "\n".join([f"{case.name} ({case.source})", *wrong])


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_page_shows_every_case() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    shown = page.split(table.BEGIN)[1].split(table.END)[0]
    missing = [f"{c.name}: {f.label}" for c in CASES for f in c.figures if f"| {c.name} | {f.label} |" not in shown]
    assert not missing, "python tests/theory/table.py --write"
    assert "✗" not in shown
