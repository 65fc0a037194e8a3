"""docs/warnings.md: the first file of each section raises its warning, the second none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from msforge.analysis import lint
from msforge.analysis.advice import CODES
from msforge.errors import Diagnostic, Severity
from msforge.model import compile_system
from msforge.spec import load_text

PAGE = Path(__file__).parents[2] / "docs" / "warnings.md"
SECTIONS = {
    match[1]: (match[2], re.findall(r"```yaml\n(.*?)```", match[3], re.DOTALL))
    for match in re.finditer(r"^## (W\d+) (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
}
COMPANIONS = {"W143": {"W133"}}  # what nobody asks for is unreached as well


def warnings(text: str) -> list[Diagnostic]:
    spec = load_text(text)
    return lint(compile_system(spec), spec)


def test_every_warning_has_its_section_and_title() -> None:
    assert {code: title for code, (title, _) in SECTIONS.items()} == CODES


@pytest.mark.parametrize("code", SECTIONS)
def test_the_bad_example_raises_its_warning_and_the_fixed_one_none(code: str) -> None:
    bad, fixed = SECTIONS[code][1]
    found = warnings(bad)
    assert {d.code for d in found} - COMPANIONS.get(code, set()) == {code}
    assert len([d for d in found if d.code == code]) == 1
    assert warnings(fixed) == []


@pytest.mark.parametrize("code", SECTIONS)
def test_a_warning_has_a_place_a_reason_and_advice(code: str) -> None:
    for found in warnings(SECTIONS[code][1][0]):
        assert found.severity is Severity.WARNING
        assert found.line > 0 and found.column > 0 and found.source_line
        assert len(found.message) > 20 and found.help


def test_warnings_are_sorted_by_place_and_always_the_same() -> None:
    text = """\
msforge: 1
name: many
services:
  a:
    endpoints:
      x:
        steps:
          - call: b.y
          - {call: c.z, timeout: 1s, retry: {attempts: 3, backoff: 0}}
  b: {endpoints: {y: {steps: [wait: normal(1ms 1ms)]}}}
  c: {endpoints: {z: {steps: [wait: 1ms]}, unused: {steps: []}}}
traffic:
  t: {target: a.x, rate: 1/s}
simulation: {duration: 60s, warmup: 50s}
"""
    found = warnings(text)
    places = [(d.line, d.column, d.code) for d in found]
    assert places == sorted(places)
    assert [d.code for d in found] == ["W104", "W103", "W106", "W141", "W133", "W142"]
    assert warnings(text) == found
