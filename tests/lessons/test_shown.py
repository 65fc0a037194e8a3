"""A check at 80 columns: names give way, marks and counts do not."""

from __future__ import annotations

from types import SimpleNamespace

from rich.console import Console

from msforge.cli.lab_show import _verdicts


def test_long_names_leave_the_marks_and_the_counts() -> None:
    goal = SimpleNamespace(
        met=False, held=2, each=[1.0, 2.0, 3.0], run="monolith with the same hardware", measured="1.02s", why="",
        subject="shoppers who check out at the gateway", wanted="a limit with a long name p99 < 800ms")
    console = Console(width=80)
    with console.capture() as captured:
        for part in _verdicts([goal]):  # type: ignore[list-item]
            console.print(part)
    lines = captured.get().splitlines()
    assert lines[0].lstrip().startswith("✗") and lines[0].rstrip().endswith("2 of 3")
    assert "1.02s" in lines[0] and "800ms" in captured.get()
    assert all(len(line) <= 80 for line in lines)
