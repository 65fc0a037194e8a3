"""On an encoding without ticks and blocks, look-alikes are printed and nothing crashes."""

from __future__ import annotations

import io
import sys

import pytest

from msforge.cli.streams import LOOK_ALIKES, prepare_streams


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "cp932", "utf-8"])
def test_every_stream_can_print_every_mark(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline=""))
    prepare_streams()
    print("✓ ✗ ▁█ ± 店 \udc80", end="")
    sys.stdout.flush()
    printed = raw.getvalue().decode(encoding)
    assert len(printed) == len("✓ ✗ ▁█ ± 店 \udc80")
    assert printed.endswith("?")
    assert printed == "✓ ✗ ▁█ ± 店 ?" if encoding == "utf-8" else printed[0] == "+" and printed[2] == "x"


def test_marks_in_columns_are_replaced_one_for_one() -> None:
    for mark in "✓✗±×…→–─│▁▂▃▄▅▆▇█━•µ":  # noqa: RUF001
        assert len(LOOK_ALIKES[mark]) == 1 and LOOK_ALIKES[mark].isascii()
    assert len({LOOK_ALIKES[b] for b in "▁▂▃▄▅▆▇█"}) == 8


def test_streams_that_a_caller_replaced_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    prepare_streams()
    assert sys.stdout is mine
