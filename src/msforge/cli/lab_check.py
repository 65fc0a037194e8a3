"""`msforge lab check`: what holds, what does not, and what to do now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msforge.cli.common import QuietOption, terminal
from msforge.cli.lab_ask import HERE, HereOption, ask_first
from msforge.cli.lab_teach import NOT_SOLVED, TrustOption
from msforge.errors import InvalidFileError, MsforgeError

if TYPE_CHECKING:
    from msforge.lessons import Check, Work
    from msforge.report.console import Terminal

PresenterOption = Annotated[bool, typer.Option("--presenter", help="Big type, for a projector.")]
LOOK = 0.3
"""Seconds between two looks at the files."""


def check(
    folder: HereOption = HERE,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Check again each time a file is saved.")] = False,
    presenter: PresenterOption = False,
    trust: TrustOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run the lab's system and say what holds, what does not, and why. Exit code 5: not solved yet.

    \b
    Examples:
      msforge lab check
      msforge lab check --watch
    """
    from msforge import lessons

    term = terminal(quiet=quiet)
    work = lessons.open_work(folder)
    ask_first(work, term, quiet)
    if watch:
        _watch(work.folder, term, presenter, trust, quiet)
        return
    found = _check(work, term, presenter, trust, quiet)
    if not found.solved:
        raise typer.Exit(NOT_SOLVED)


def _check(work: Work, term: Terminal, presenter: bool, trust: bool, quiet: bool) -> Check:
    from msforge import lessons
    from msforge.cli import lab_show
    from msforge.lessons.work import ANSWERS
    from msforge.report.progress import ProgressBar

    show_notes(work, term)
    try:
        with ProgressBar(term.err) as progress:
            found = lessons.check(work, trust=trust, progress=None if quiet else progress)
    except InvalidFileError as error:
        if any(diagnostic.file == ANSWERS for diagnostic in error.diagnostics):
            term.say(f"Nothing was run: {ANSWERS} has to be readable first. Mend it; or delete it, and "
                     "`msforge lab answer` makes it anew.\n")
        else:
            term.say("Nothing was run: system.yaml has to be readable first. `msforge lab reset` brings back the one "
                     "you were given, and keeps yours.\n")
        raise
    shown = lab_show.presented if presenter else lab_show.checked
    term.show(*shown(found, term.out.width))
    if found.closing:
        from rich.rule import Rule

        term.show("", Rule(style="green"), lab_show.page(found.closing))
    _next(found, term)
    return found


def _next(found: Check, term: Terminal) -> None:
    """What to do now."""
    from msforge import lessons

    work = found.work
    if found.solved:
        coming = lessons.after(work.lab.name)
        last = "" if work.state.origin else " It was the last one."
        further = f" Next: {lessons.command(coming)}" if coming else last
        term.say(f"\nSolved. This page is kept as closing.md.{further}", style="bold green")
        return
    if found.runs is None:
        term.say("\nNothing was run: first keep to the bounds.", style="bold")
        return
    unanswered = [answer.name for answer in found.questions if not answer.said]
    if unanswered and found.judgement.met:
        term.say("\nNot solved yet: answer the questions, with `msforge lab answer` or in answers.yaml.", style="bold")
        return
    wrong = sum(not goal.met for goal in found.judgement.goals) + sum(not q.right for q in found.questions) + sum(
        not command.met for command in found.commands)
    help = "msforge lab hint" if work.state.hints < len(work.lab.model.hints) else "msforge lab solution"
    term.say(f"\nNot solved yet: {wrong} to go. To look closer: msforge simulate system.yaml. Stuck: {help}",
             style="bold")


def _watch(folder: Path, term: Terminal, presenter: bool, trust: bool, quiet: bool) -> None:
    """Checks whenever a file of the learner's was saved, until the lab is solved."""
    import time

    from msforge import lessons
    from msforge.report.diagnostics import show_diagnostics

    seen: dict[str, int] = {}
    while True:
        now = _saved(folder)
        if now == seen:
            time.sleep(LOOK)
            continue
        seen = now
        try:
            if _check(lessons.open_work(folder), term, presenter, trust, quiet).solved:
                return
        except InvalidFileError as error:
            show_diagnostics(term.err, error.diagnostics)
        except MsforgeError as error:
            term.fail(error.message, error.hint)
        term.say("\nwatching system.yaml and answers.yaml; Ctrl-C ends it", style="dim")


def _saved(folder: Path) -> dict[str, int]:
    """When each file that a learner changes was last written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.yaml") if path.is_file()}


def show_notes(work: Work, term: Terminal) -> None:
    """What has to be said about a lab first, once."""
    for note in work.notes:
        term.warn(note)
    work.notes.clear()
