"""Two streams: results on one, everything else on the other."""

from __future__ import annotations

import io
import re

import pytest

from msforge.report.console import NARROW, WIDE, Terminal, console, listing
from msforge.report.progress import ProgressBar
from msforge.testing import FakeClock, fake_terminal


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_narration_goes_to_stderr_and_quiet_silences_it_alone() -> None:
    term, out, err = fake_terminal()
    term.show("result")
    term.say("narration")
    assert (out(), err()) == ("result\n", "narration\n")
    term.quiet = True
    term.say("more")
    term.fail("broken", "mend it")
    term.warn("beware")
    term.show("result")
    assert out() == "result\nresult\n"
    assert err() == "narration\nerror: broken\nhelp: mend it\nwarning: beware\n"


def test_what_goes_wrong_is_wrapped_between_words_on_a_terminal_and_not_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    path = "/a/folder/" + "with-a-long-name/" * 5 + "shop.yaml"
    message = f"{path}: " + "there is no such service as the one that is named here " * 2
    screen, pipe = Screen(), io.StringIO()
    for stream in (screen, pipe):
        term = Terminal(io.StringIO(), stream)
        term.fail(message.strip(), "look at this:\n    a line of a log")
        term.warn(message.strip())
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()]
    assert all(len(line) <= 60 or line.removesuffix(":") == path for line in lines)
    assert " ".join(lines).split() == pipe.getvalue().split(), "no word was broken, none is missing"
    assert len(pipe.getvalue().splitlines()) == 4


def test_a_pipe_gets_80_columns_and_no_colour_and_no_trailing_blanks() -> None:
    out = io.StringIO()
    term = Terminal(out, io.StringIO())
    assert term.out.width == NARROW
    from rich.table import Table

    grid = Table.grid(expand=True)
    grid.add_row("[red]x[/red]", "y")
    term.show(grid)
    assert out.getvalue().startswith("[red]x[/red]")
    assert all(line == line.rstrip() for line in out.getvalue().splitlines())
    assert "\x1b" not in out.getvalue()


def test_a_terminal_gets_its_width_up_to_what_is_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in (("100", 100), ("300", WIDE), ("20", 40)):
        monkeypatch.setenv("COLUMNS", columns)
        assert console(Screen()).width == width


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    coloured, plain = Screen(), Screen()
    console(coloured).print(Text("x", "red"))
    monkeypatch.setenv("NO_COLOR", "1")
    console(plain).print(Text("x", "red"))
    assert "\x1b[31m" in coloured.getvalue()
    assert "\x1b[31m" not in plain.getvalue()


def test_data_is_written_as_utf_8_whatever_the_stream_says() -> None:
    raw = io.BytesIO()
    term = Terminal(io.TextIOWrapper(raw, encoding="cp1252", newline="\r\n"), io.StringIO())
    term.raw('{"name": "店"}\n')
    assert raw.getvalue() == '{"name": "店"}\n'.encode()


def test_a_broken_pipe_is_left_to_the_command_line() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        console(Closed()).print("x")


def test_names_in_a_sentence_are_few_and_clean() -> None:
    assert listing(["a", "b\x1b"]) == "a, b\\x1b"
    assert listing([str(n) for n in range(12)], 3) == "0, 1, 2 and 9 more"


def test_the_bar_waits_a_second_and_says_time_requests_and_what_remains() -> None:
    screen, clock = Screen(), FakeClock()
    with ProgressBar(console(screen, width=100), clock=clock) as progress:
        clock.advance(0.9)
        progress(10**9, 100 * 10**9, 500)
        assert screen.getvalue() == ""
        clock.advance(0.2)
        progress(50 * 10**9, 100 * 10**9, 12_345)
        assert "50s of 100s simulated, 12,345 requests" in screen.getvalue()
        assert "50%" in screen.getvalue() and "left" in screen.getvalue()
        before = len(screen.getvalue())
        clock.advance(0.05)
        progress(51 * 10**9, 100 * 10**9, 12_400)
        assert len(screen.getvalue()) == before


def test_the_bar_is_never_drawn_into_a_pipe() -> None:
    pipe, clock = io.StringIO(), FakeClock()
    with ProgressBar(console(pipe), clock=clock) as progress:
        clock.advance(60)
        progress(1, 2, 3)
    assert pipe.getvalue() == ""
