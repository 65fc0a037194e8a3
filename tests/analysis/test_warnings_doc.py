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


RETRIED = """\
msforge: 1
name: retried
services:
  a: {{threads: unlimited, endpoints: {{go: {{steps: [{{call: b.go, timeout: 1s, {policy}}}]}}}}}}
  b: {{endpoints: {{go: {{{head}steps: [{steps}]}}}}}}
stores: {{db: {{}}}}
traffic: {{t: {{target: a.go, rate: 1/s}}}}
simulation: {{duration: 60s}}
"""
RETRY = "retry: {attempts: 2, backoff: 10ms, jitter: full}"


@pytest.mark.parametrize(
    ("head", "steps", "policy", "unsafe"),
    [
        ("", "read: db", RETRY, False),                                    # says nothing, and changes nothing
        ("", "write: db", RETRY, True),
        ("http: POST /things, ", "read: db", RETRY, True),                 # says that it changes something
        ("http: PUT /things, ", "write: db", RETRY, False),
        ("grpc: a.B/C, ", "read: db", RETRY, True),
        ("idempotent: true, ", "write: db", RETRY, False),
        ("", "read: db, write: db", RETRY.replace("full}", "full, on: [overloaded, unavailable]}"), False),
        ("", "write: db, read: db", "hedge: {after: 5ms}, cancel: all", True),
    ],
)
def test_what_is_safe_to_repeat(head: str, steps: str, policy: str, unsafe: bool) -> None:
    found = {d.code for d in warnings(RETRIED.format(head=head, steps=steps, policy=policy))}
    assert ("W103" in found) is unsafe


def test_what_one_line_causes_in_many_places_is_said_once() -> None:
    text = """\
msforge: 1
name: line
defaults: {calls: {timeout: 1s, retry: {attempts: 2, backoff: 10ms}}}
services:
  a: {endpoints: {go: {steps: [call: b.go, call: c.go, call: d.go]}}}
  b: {endpoints: {go: {steps: []}}}
  c: {endpoints: {go: {steps: []}}}
  d: {endpoints: {go: {steps: []}}}
traffic: {t: {target: a.go, rate: 1/s}}
simulation: {duration: 60s}
"""
    found = [d for d in warnings(text) if d.code == "W107"]
    assert len(found) == 1 and found[0].line == 3
    assert found[0].message.endswith("(and 2 more like it, by this line)")


def test_a_deadline_of_every_caller_is_a_timeout_too() -> None:
    text = """\
msforge: 1
name: passed-on
services:
  a: {threads: unlimited, endpoints: {go: {steps: [{call: b.go, deadline: 1s}]}}}
  b: {threads: unlimited, endpoints: {go: {steps: [call: c.go]}}}
  c: {endpoints: {go: {steps: []}}}
traffic: {t: {target: a.go, rate: 1/s}}
simulation: {duration: 60s}
"""
    assert warnings(text) == []
    direct = text.replace("target: a.go, rate: 1/s}", "target: a.go, rate: 1/s}, u: {target: b.go, rate: 1/s}")
    assert [d.code for d in warnings(direct)] == ["W104"]
