"""`msforge lab`: the workshop. Start a lab, predict, change, check, and read why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import JsonOption, guarded, quoted, terminal
from msforge.cli.lab_ask import HERE, HereOption, answer
from msforge.cli.lab_check import PresenterOption, check, show_notes
from msforge.cli.lab_teach import new, report, self_test

app = typer.Typer()

LabArgument = Annotated[str, typer.Argument(metavar="LAB", help="The lab's number or name.", show_default=False)]


def begin(context: typer.Context, as_json: JsonOption = False) -> None:
    """The workshop's labs: predict, run, repair, and read why.

    \b
    Examples:
      msforge lab
      msforge lab start 1
      msforge lab check
    """
    if context.invoked_subcommand is None:
        list_labs(as_json)


def list_labs(as_json: JsonOption = False) -> None:
    """List the labs, the minutes each takes, and how far you are.

    \b
    Examples:
      msforge lab list
      msforge lab list --json
    """
    from msforge import lessons
    from msforge.lessons import progress

    term = terminal()
    found = lessons.labs()
    record, said = progress.read()
    if said:
        term.warn(said)
    if as_json:
        import json

        rows = [
            {"lab": lab.name, "title": lab.model.title, "minutes": lab.model.minutes, "teaches": lab.model.teaches,
             "status": record["labs"].get(lab.name, {}).get("status", "")}
            for lab in found
        ]
        term.raw(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return
    from msforge.cli.lab_show import listing

    term.show(*listing(found, record["labs"]))
    left = [lab for lab in found if record["labs"].get(lab.name, {}).get("status") not in ("solved", "skipped")]
    if left:
        term.say(f"\nnext: {lessons.command(left[0].name)}", style="dim")


def start(
    lab: LabArgument,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where to.", show_default="a new folder of the lab's name"),
    ] = None,
) -> None:
    """Begin a lab: makes a folder with a README.md to read and a system.yaml to change.

    \b
    Examples:
      msforge lab start 4
      msforge lab start scale-payment --dir my-lab
    """
    from msforge import lessons

    work = lessons.start(lab, folder)
    term = terminal()
    show_notes(work, term)
    term.say(f"{work.lab.title} ({work.lab.model.minutes} min) is in {work.folder}")
    term.say(f"  cd {quoted(work.folder)}\n  read README.md, then: msforge lab check")


def hint(folder: HereOption = HERE, presenter: PresenterOption = False) -> None:
    """Give the next of three hints.

    \b
    Examples:
      msforge lab hint
    """
    from msforge import lessons

    term = terminal()
    work = lessons.open_work(folder)
    number, text = lessons.hint(work)
    show_notes(work, term)
    if presenter:
        from rich.text import Text

        from msforge.report.bigtype import big

        term.show(Text(big(text, term.out.width)))
    else:
        term.raw(f"Hint {number} of {len(work.lab.model.hints)}: {text}\n")
    if number == len(work.lab.model.hints):
        term.say("that was the last one; msforge lab solution shows the way", style="dim")


def solution(
    folder: HereOption = HERE,
    apply: Annotated[bool, typer.Option("--apply", help="Put it in place of yours, which is kept.")] = False,
) -> None:
    """Show what the solution changes, as a diff.

    \b
    Examples:
      msforge lab solution
      msforge lab solution --apply
    """
    from msforge import lessons
    from msforge.cli.lab_show import diff

    term = terminal()
    work = lessons.open_work(folder)
    text = lessons.solution(work)
    show_notes(work, term)
    if apply:
        kept = lessons.apply_solution(work)
        mine = f"; yours is kept as {', '.join(path.name for path in kept)}" if kept else ""
        term.say(f"the solution is in its place now{mine}. Now: msforge lab check")
        return
    if text:
        term.show(diff(text))
    for name, question in work.lab.model.questions.items():
        right = f"{question.right}: {question.choices[question.right or '']}" if question.choices else (
            f"{question.figure}, as the run gives it")
        term.raw(f"{name}: {right}\n")
    for line in work.lab.model.solve:
        term.raw(f"{line}\n")


def skip(
    lab: Annotated[str | None, typer.Argument(metavar="[LAB]", help="The lab; left out: the one you are in.",
                                              show_default=False)] = None,
    folder: HereOption = HERE,
) -> None:
    """Leave a lab out, and say which comes next.

    \b
    Examples:
      msforge lab skip
      msforge lab skip 3
    """
    from msforge import lessons

    name, said = lessons.skip(lab, folder)
    term = terminal()
    if said:
        term.warn(said)
    coming = lessons.after(name)
    term.say(f"{name} is left out. " + (f"Next: {lessons.command(coming)}" if coming else "It was the last one."))


def reset(folder: HereOption = HERE) -> None:
    """Begin the lab again: system.yaml as it was given. Your files are kept beside it.

    \b
    Examples:
      msforge lab reset
    """
    from msforge import lessons

    term = terminal()
    work = lessons.open_work(folder)
    kept = lessons.reset(work)
    names = ", ".join(path.name for path in kept)
    term.say("the lab is as it was given" + (f"; yours is kept: {names}" if kept else ""))


app.callback(invoke_without_command=True)(guarded(begin))
for _name, _command in (
    ("list", list_labs), ("start", start), ("check", check), ("answer", answer), ("hint", hint), ("solution", solution),
    ("skip", skip), ("reset", reset), ("new", new), ("self-test", self_test), ("report", report),
):  # fmt: skip
    app.command(_name)(guarded(_command))
