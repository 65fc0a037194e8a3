"""What the commands share: options, the file argument, errors to exit codes."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec

import typer

from msforge.errors import InvalidFileError, MsforgeError, UsageError

if TYPE_CHECKING:
    from msforge.report.console import Terminal

P = ParamSpec("P")

OK = 0
UNEXPECTED = 1
INVALID = 3
INCONCLUSIVE = 97
DISAGREES = 98
OBJECTIVE_FAILED = 99
INTERRUPTED = 130

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The system description (YAML).", show_default=False)
]
ExampleOption = Annotated[
    str | None,
    typer.Option("--example", metavar="NAME", help="Use an example that comes with msforge instead of FILE."),
]
ScenarioOption = Annotated[
    str | None,
    typer.Option("--scenario", "-s", metavar="NAME", help="Apply this scenario of the file.", show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a value, e.g. services.payment.replicas=4. Repeatable.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No narration, no progress; results and errors only.")]
WindowOption = Annotated[
    str | None,
    typer.Option(
        "--window", metavar="FROM..TO", help="Report on this part of the run only, e.g. 60s..80s.", show_default=False
    ),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Treat warnings as errors (exit code 3).")]


class Settings:
    """What was said before the command's name, and whether this process is the command's own."""

    debug = False
    own_process = False


settings = Settings()


def terminal(*, quiet: bool = False) -> Terminal:
    """The streams of this invocation."""
    from msforge.report.console import Terminal

    return Terminal(quiet=quiet)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """`command`, with every way it can end turned into a message and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            _hear_no_more()
            terminal().fail("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _leave_pipe()
        except Exception as error:
            _end(error)

    return run


def _hear_no_more() -> None:
    """On the way out a second Ctrl-C changes nothing; only in a process of our own."""
    if settings.own_process:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(error: Exception) -> NoReturn:
    term = terminal()
    if settings.debug:
        import traceback

        term.err.file.write("".join(traceback.format_exception(error)))
    if isinstance(error, InvalidFileError):
        from msforge.report.diagnostics import show_diagnostics

        show_diagnostics(term.err, error.diagnostics)
        raise typer.Exit(error.exit_code) from None
    if isinstance(error, MsforgeError):
        term.fail(error.message, error.hint)
        raise typer.Exit(error.exit_code) from None
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    again = (
        "" if settings.debug else "Run it again with MSFORGE_DEBUG=1 set to see the full traceback, and send that too. "
    )
    term.fail(
        f"msforge failed unexpectedly: {words}",
        f"this is a bug in msforge, not in your file. {again}Please report it{_where()} with the file and the command.",
    )
    raise typer.Exit(UNEXPECTED) from None


def _where() -> str:
    """The issue tracker that the package's own metadata names."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        urls = dict(line.split(", ", 1) for line in metadata("msforge").get_all("Project-URL") or ())
    except PackageNotFoundError:
        return ""
    return f" at {urls['Issues']}" if "Issues" in urls else ""


def _leave_pipe() -> NoReturn:
    """The reader has seen enough (`| head`): what is still buffered must not complain at exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # a replaced stdout has no file behind it
        pass
    raise typer.Exit(OK)


def source_path(file: Path | None, example: str | None) -> Path:
    """The description to read: FILE, or the example's. Raises UsageError that suggests what was meant."""
    if example is not None:
        if file is not None:
            raise UsageError("give FILE or --example, not both", hint="leave one of them out")
        from msforge.catalog import example as find

        return find(example).file
    if file is None:
        raise UsageError(
            "no description given",
            hint="name a file, e.g. shop.yaml, or an example: --example shop (`msforge example list` shows all)",
        )
    return existing(file)


def existing(file: Path, *, suffixes: tuple[str, ...] = (".yaml", ".yml")) -> Path:
    """`file` when it is there, else UsageError with the nearest names."""
    try:
        if file.is_dir():
            inside = sorted(p for p in file.iterdir() if p.suffix in suffixes)
            hint = f"did you mean {inside[0]}?" if inside else "name a file in it"
            raise UsageError(f"{file} is a folder, not a file", hint=hint)
        if file.exists():
            return file
    except (OSError, ValueError) as e:
        raise UsageError(f"cannot read {str(file)!r}: {e.strerror if isinstance(e, OSError) else e}") from e
    raise UsageError(f"there is no file {file}", hint=_nearest(file, suffixes))


def _nearest(file: Path, suffixes: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    from msforge.catalog import examples

    folder = file.parent
    here = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix in suffixes} if folder.is_dir() else {}
    near = get_close_matches(file.stem, here, n=1)
    if near:
        return f"did you mean {here[near[0]]}?"
    if ".json" in suffixes and (".yaml" not in suffixes or file.suffix == ".json"):
        return "a result is written by `msforge simulate FILE --out run.json`"
    known = [e.name for e in examples()]
    near = get_close_matches(file.stem, known, n=1)
    if near:
        return f"did you mean the example: --example {near[0]}? `msforge example list` shows all"
    return "`msforge example list` shows the examples that come with msforge"


def window_of(text: str | None) -> tuple[int, int] | None:
    """A window in ns, from "200s..600s"; "..600s" begins at 0."""
    if text is None:
        return None
    from msforge.units import UnitError, parse_duration

    hint = "write it as two times since the start of the run, e.g. --window 60s..80s"
    begin, dots, end = text.partition("..")
    if not dots:
        raise UsageError(f"--window wants FROM..TO, not {text!r}", hint=hint)
    try:
        window = parse_duration(begin.strip() or "0"), parse_duration(end.strip())
    except UnitError as e:
        raise UsageError(f"--window {text!r}: {e}", hint=hint) from e
    if window[0] >= window[1]:
        raise UsageError(f"--window {text!r} is empty: it ends before it begins", hint=hint)
    return window


def strictly(strict: bool, warnings: int, term: Terminal) -> None:
    """Ends with 3 when there were warnings and they count."""
    if strict and warnings:
        term.fail(f"{warnings} warning{'s' if warnings != 1 else ''}, and --strict counts them as errors")
        raise typer.Exit(INVALID)


def quoted(path: Path) -> str:
    """A path as it can be typed."""
    return f'"{path}"' if " " in str(path) else str(path)


def is_result(path: Path) -> bool:
    """True for a file that begins as a Result does."""
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip().startswith(b'{"format"')
    except OSError:
        return False


def loading(
    file: Path | None, example: str | None, scenario: str | None, sets: list[str] | None, duration: str | None = None
) -> dict[str, Any]:
    """The arguments of every door function that reads a description; `duration` is one more thing to set."""
    changes = [*(sets or ()), *((f"simulation.duration={duration}",) if duration else ())]
    source = source_path(file, example)
    if is_result(source):
        raise UsageError(f"{source} is a result, not a description", hint=f"to read it: msforge report {source}")
    return {"source": source, "scenario": scenario, "sets": tuple(changes)}
