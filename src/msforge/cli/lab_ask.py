"""Asking: predictions before the first run, questions after it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msforge.cli.common import terminal
from msforge.errors import UsageError

if TYPE_CHECKING:
    from msforge.lessons import Work
    from msforge.report.console import Terminal

HERE = Path()
HereOption = Annotated[
    Path,
    typer.Option("--folder", "-C", metavar="DIR", help="The lab's folder, or one in it.", show_default="here"),
]


def ask_first(work: Work, term: Terminal, quiet: bool) -> None:
    """Predictions are asked for before the first run."""
    if work.state.predicted or not work.lab.model.predict:
        return
    given = work.answers()
    open_ones = [name for name in work.lab.model.predict if name not in given]
    if not open_ones:
        return
    if quiet or not sys.stdin.isatty() or not sys.stderr.isatty():
        term.say(f"you have not said what you expect ({', '.join(open_ones)}). Guessing first is half the lab: write "
                 "it into answers.yaml before the first check, or: msforge lab answer NAME=ANSWER", style="yellow")
        return
    term.say("Before it runs: what do you expect? Enter leaves a question out.\n", style="bold")
    _ask(work, open_ones, term)


def _ask(work: Work, asked: list[str], term: Terminal) -> None:
    """Asks one question after the other, again where the answer cannot be meant; keeps each as it comes."""
    from msforge.lessons.questions import how, read_answer

    units = work.units()
    for name in asked:
        question = {**work.lab.model.predict, **work.lab.model.questions}[name]
        term.say(question.ask)
        for word, text in (question.choices or {}).items():
            term.say(f"  {word}: {text}")
        while True:
            said = typer.prompt(f"  {how(question, units[name])}", default="", show_default=False, err=True).strip()
            if not said:
                break
            try:
                work.keep_answers({name: read_answer(name, question, said, units[name])})
                break
            except UsageError as error:
                term.fail(error.message, error.hint)
        term.say("")


def answer(
    given: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=ANSWER]...", help="Answers; left out: each is asked.",
                                         show_default=False)
    ] = None,
    folder: HereOption = HERE,
) -> None:
    """Answer the lab's questions, one by one or as NAME=ANSWER. They are kept in answers.yaml.

    \b
    Examples:
      msforge lab answer
      msforge lab answer hops=7
    """
    from msforge import lessons
    from msforge.lessons.questions import read_answer

    term = terminal()
    work = lessons.open_work(folder)
    asked = {**work.lab.model.predict, **work.lab.model.questions}
    if not asked:
        raise UsageError("this lab asks nothing", hint="change system.yaml, then: msforge lab check")
    if given:
        units, said = work.units(), {}
        for word in given:
            name, sign, text = word.partition("=")
            if not sign or name not in asked:
                raise UsageError(f"`{word[:60]}` answers no question",
                                 hint=f"write NAME=ANSWER; they are {', '.join(asked)}")
            said[name] = read_answer(name, asked[name], text, units[name])
        work.keep_answers(said)
    elif sys.stdin.isatty():
        before = [] if work.state.predicted else list(work.lab.model.predict)
        _ask(work, before or list(work.lab.model.questions), term)
    else:
        raise UsageError("nothing to ask on: this is no terminal", hint="write NAME=ANSWER, or edit answers.yaml")
    late = work.state.predicted and any(word.partition("=")[0] in work.lab.model.predict for word in given or ())
    term.say("kept in answers.yaml" + (
        "; but what you expected before the first run stays as it was" if late else ". Now: msforge lab check"))
