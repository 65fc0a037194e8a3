"""Diagnostics look as rustc's and ruff's do, whatever the text holds."""

from __future__ import annotations

from msforge.errors import Diagnostic, Severity
from msforge.report.diagnostics import show_diagnostics
from msforge.testing import fake_terminal


def shown(*diagnostics: Diagnostic) -> str:
    term, out, _ = fake_terminal()
    show_diagnostics(term.out, diagnostics)
    return out()


def test_a_diagnostic_points_at_its_place() -> None:
    assert shown(
        Diagnostic(
            Severity.ERROR, "unknown-key", "`replcas` is not a key of a service", "shop.yaml", 7, 5, 12,
            "    replcas: 2\n", "did you mean `replicas`?",
        )
    ) == (
        "error[unknown-key]: `replcas` is not a key of a service\n"
        " --> shop.yaml:7:5\n"
        "  |\n"
        "7 |     replcas: 2\n"
        "  |     ^^^^^^^\n"
        "  = help: did you mean `replicas`?\n"
        "\n"
        "1 error\n"
    )  # fmt: skip


def test_all_are_shown_and_then_counted_by_kind() -> None:
    text = shown(
        *[Diagnostic(Severity.WARNING, "w", f"number {n}") for n in range(2)], Diagnostic(Severity.ERROR, "e", "x")
    )
    assert "warning[w]: number 0" in text and "warning[w]: number 1" in text
    assert text.endswith("1 error, 2 warnings\n")


def test_a_finding_without_a_line_names_its_path() -> None:
    assert " --> shop.yaml: services.a\n" in shown(Diagnostic(Severity.ERROR, "e", "x", "shop.yaml", path="services.a"))


def test_the_caret_stands_below_its_character_with_tabs_wide_characters_and_escapes() -> None:
    text = shown(Diagnostic(Severity.ERROR, "e", "x", "f", 1, 4, 5, "\t店\x1bX: 1"))
    lines = text.splitlines()
    assert lines[3] == "1 |     店\\x1bX: 1"
    assert lines[4].index("^") == len("1 |     ") + 2 + 4  # 店 is two columns wide, the escape four


def test_a_very_long_line_is_cut_around_the_caret() -> None:
    text = shown(Diagnostic(Severity.ERROR, "e", "x", "f", 1, 5001, 5004, "a" * 5000 + "BAD" + "c" * 5000))
    source, caret = text.splitlines()[3:5]
    assert len(source) < 120 and source.count("…") == 2
    assert source[caret.index("^") : caret.rindex("^") + 1] == "BAD"


def test_markup_and_control_characters_are_shown_not_obeyed() -> None:
    text = shown(
        Diagnostic(Severity.ERROR, "e", "[red]boo[/red] \x1b[2J", "a\x1b[1m.yaml", 1, 1, 2, "x", help="[bold]\x07")
    )
    assert "[red]boo[/red] \\x1b[2J" in text and "[bold]\\x07" in text and "\x1b" not in text
