"""`--html` and `--open`: a page beside the terminal's report."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msforge.cli.exports import check_apart
from msforge.errors import UsageError

if TYPE_CHECKING:
    from msforge.report.console import Terminal

HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a report to look at, one HTML file.", show_default=False),
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open that report in the browser.")]
FILES = ("--html", "--out", "-o", "--traces", "--metrics", "--measured")
BEGIN = b"<!doctype html><!-- a page of msforge -->"
"""How every page begins; a file that begins otherwise is not overwritten."""


def check_html(html: Path | None, open_it: bool, *, never: Sequence[Path] = ()) -> None:
    """Raises before the work when the page could not be written or made later."""
    if html is None:
        if open_it:
            raise UsageError("--open has nothing to open", hint="name the report: --html report.html --open")
        return
    from msforge.report.bundle import bundle
    from msforge.report.files import check_writable

    check_apart("--html", html, never)
    check_writable(html, begin=BEGIN)
    bundle("report")


def write_html(html: Path | None, open_it: bool, make: Callable[[str], str], term: Terminal) -> None:
    """Writes what `make` says of the command that was typed; opens it if asked to."""
    if html is None:
        return
    from msforge.report.files import write_atomically

    write_atomically(html, make(typed()).encode("utf-8"))
    term.say(f"wrote {html}" + ("" if open_it else "; open it in a browser"))
    if open_it:
        open_page(html.resolve().as_uri(), str(html), term)


def open_page(address: str, called: str, term: Terminal) -> None:
    """Open an address in the browser, or say that it is left to the user."""
    import webbrowser

    if not webbrowser.open(address):
        term.say(f"no browser could be started here: open {called} yourself")


def typed() -> str:
    """The command line of this process, without what only says where its reports go."""
    kept, arguments = ["msforge"], iter(sys.argv[1:])
    for argument in arguments:
        option, given, _ = argument.partition("=")
        if option in FILES:
            if not given:
                next(arguments, None)
        elif argument not in ("--open", "--json", "--quiet", "-q"):
            kept.append(argument)
    return joined(kept)


def joined(words: Sequence[str], *, windows: bool = sys.platform == "win32") -> str:
    """The words as one line for this machine's shell: Windows' own knows no single quotes."""
    return subprocess.list2cmdline(words) if windows else shlex.join(words)
