"""Diagnostics as plain text: carets stand below what they mean, whatever the line looks like."""

from __future__ import annotations

from msforge.errors import Diagnostic, InvalidFileError, Severity
from msforge.spec import load_text
from msforge.spec.render import render
from tests.spec.shop import SMALLEST


def shown(line: str, column: int, end: int) -> list[str]:
    return render(Diagnostic(Severity.WARNING, "W1", "look", "a.yaml", 7, column, end, line, "do")).split("\n")


def test_the_parts() -> None:
    assert shown("  threads: 5", 12, 13) == [
        "warning[W1]: look",
        " --> a.yaml:7:12",
        "  |",
        "7 |   threads: 5",
        "  |            ^",
        "  = help: do",
    ]


def test_a_finding_without_a_place() -> None:
    assert (
        render(Diagnostic(Severity.ERROR, "E1", "look", "a.yaml", path="x.y")) == "error[E1]: look\n --> a.yaml at x.y"
    )
    assert render(Diagnostic(Severity.ERROR, "E1", "look")) == "error[E1]: look"


def test_wide_and_combining_characters() -> None:
    assert shown("名前: x", 5, 6)[4] == "  |       ^"
    assert shown("e\u0301: x", 5, 6)[4] == "  |    ^"


def test_a_tab_takes_one_cell() -> None:
    assert shown("a:\tx", 4, 5)[3:5] == ["7 | a: x", "  |    ^"]


def test_a_long_line_is_cut_around_the_place() -> None:
    line = "x" * 300 + "HERE" + "y" * 300
    text, carets = shown(line, 301, 305)[3:5]
    assert text[carets.index("^") : carets.rindex("^") + 1] == "HERE"
    assert len(text) < 140
    assert text.startswith("7 | ...")
    assert text.endswith("...")


def test_a_place_behind_the_end_of_its_line() -> None:
    assert shown("abc", 40, 41)[4] == "  |    ^"


def test_a_thousand_mistakes_do_not_take_a_minute() -> None:
    names = "".join(
        f"  service-number-{i}: {{endpoints: {{x: {{steps: [call: no-such-{i}.x]}}}}}}\n" for i in range(600)
    )
    text = SMALLEST.replace("  hello:\n", names + "  hello:\n")
    try:
        load_text(text)
    except InvalidFileError as error:
        assert len(error.diagnostics) == 600
    else:
        raise AssertionError("no error was found")
