"""For teachers: labs of their own, the proof that a lab is one, and a class's results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import JsonOption, QuietOption, quoted, terminal
from msforge.errors import UsageError

HERE = Path()
TrustOption = Annotated[bool, typer.Option("--trust", help="Let a lab that is not msforge's run its commands.")]
NOT_SOLVED = 5
"""Exit code of a lab that is not solved, or is none."""


def new(name: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.", show_default=False)]) -> None:
    """Make a lab of your own: a small one that works, to be changed.

    \b
    Examples:
      msforge lab new my-lab
    """
    from msforge import lessons

    lessons.new(name)
    term = terminal()
    term.say(f"{name} is a lab that works. Change it, then see whether its start fails and its solution passes:\n"
             f"  msforge lab self-test {quoted(name)}\n  msforge lab start {quoted(Path(name))}/ --dir try-it")


def self_test(
    labs: Annotated[
        list[str] | None, typer.Argument(metavar="[LAB]...", help="Labs or folders; left out: all of msforge's.",
                                         show_default=False)
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Make numbers, picture and texts anew first.")] = False,
    trust: TrustOption = False,
    quiet: QuietOption = False,
) -> None:
    """Prove that a lab is one: its start fails and its solution passes for five seeds, its texts say what the run says.

    \b
    Examples:
      msforge lab self-test my-lab
      msforge lab self-test
    """
    from msforge import lessons

    term = terminal(quiet=quiet)
    found = [lessons.find(str(name)) for name in labs] if labs else lessons.labs()
    bad = 0
    for lab in found:
        if write and (made := lessons.write(lab)):
            term.say(f"{lab.name}: wrote {', '.join(made)}")
            lab = lessons.read_lab(lab.folder)
        report = lessons.self_test(lab, trust=trust)
        bad += not report.passed
        term.raw(f"{'✓' if report.passed else '✗'} {lab.name}\n" + "".join(f"    {line}\n" for line in report.wrong))
    if bad:
        raise typer.Exit(NOT_SOLVED)


def report(
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Files handed in, or folders of them.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write your own results, to hand in.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Collect a class's results from files: no server, no names. With --out: make your own file to hand in.

    \b
    Examples:
      msforge lab report --out mine.json
      msforge lab report handed-in/
    """
    from msforge import lessons

    term = terminal()
    if out is not None:
        from msforge.report.files import check_writable, write_atomically

        if places:
            raise UsageError("give files to collect, or --out to write your own, not both")
        check_writable(out)
        write_atomically(out, lessons.hand_in().encode())
        term.say(f"wrote {out}: it holds which labs you did and how, and no name. Hand it to your teacher")
        return
    found = lessons.collect(places or [HERE])
    if as_json:
        import dataclasses
        import json

        term.raw(json.dumps(dataclasses.asdict(found), indent=2, ensure_ascii=False) + "\n")
        return
    from msforge.cli.lab_show import class_report

    term.show(*class_report(found, {lab.name: lab.title for lab in lessons.labs()}, term.out.width))
