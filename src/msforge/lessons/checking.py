"""One check of a learner's folder: what is read, run, judged, kept and told."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msforge.errors import UsageError
from msforge.lessons import judge, questions
from msforge.lessons.figures import Figure, FigureError, forgiving
from msforge.lessons.judge import Judgement, Rule
from msforge.lessons.lab import CLOSING, START, Lab
from msforge.lessons.library import refuse_commands
from msforge.lessons.numbers import filled, recorded
from msforge.lessons.paths import places
from msforge.lessons.questions import Answered
from msforge.lessons.runs import Progress, Runs, described, execute
from msforge.lessons.state import GIVEN, now
from msforge.lessons.work import Work, system_of
from msforge.report.files import write_atomically
from msforge.spec import Spec
from msforge.spec.places import split
from msforge.spec.schema_lab import LabCommand

PATIENCE = 300
"""Seconds that a lab's command may take."""


@dataclass(frozen=True)
class Check:
    """What a check found. `runs` None: a rule was broken, so nothing was run."""

    work: Work
    judgement: Judgement
    runs: Runs | None = None
    predictions: list[Answered] = field(default_factory=list)
    questions: list[Answered] = field(default_factory=list)
    commands: list[Rule] = field(default_factory=list)
    closing: str = ""

    @property
    def solved(self) -> bool:
        """Whether the lab is solved."""
        return (
            self.runs is not None and self.judgement.met and all(q.right for q in self.questions)
            and all(command.met for command in self.commands)
        )


def check(work: Work, *, trust: bool = False, processes: int | None = None, progress: Progress | None = None) -> Check:
    """Judges the folder as it is now, and keeps what came of it. Raises InvalidFileError, UsageError."""
    lab, given = work.lab, work.folder / GIVEN
    if work.state.origin and not trust:
        refuse_commands(lab, "msforge lab check")
    if lab.edition == work.state.edition or not (given / START).is_file():
        given = lab.folder  # what was given is the lab's own still, and that is not the learner's to change
    answers = work.answers()
    after = described(lab, system_of(work), given)
    before = described(lab, given / START, given)
    rules = judge.rules(lab, before, after)
    if not all(rule.met for rule in rules):
        work.state.checks += 1
        work.save()
        return Check(work, Judgement(rules=rules))
    runs = execute(lab, after, processes=processes, progress=progress, folder=work.folder)
    look = runs.numbers()
    known = set(work.state.compared)
    _predicted(work, answers, look, unchanged=_same(before, after))
    found = Check(
        work, Judgement(list(judge.goals(runs)), rules), runs, [],
        [_answered(work, name, answers.get(name, ""), look) for name in lab.model.questions],
        [run_command(command, work.folder) for command in lab.model.commands],
    )
    return _kept(found, runs, known)


def _same(before: Mapping[str, Spec], after: Mapping[str, Spec]) -> bool:
    return all(before[name].resolved() == after[name].resolved() for name in before)


def _predicted(work: Work, answers: Mapping[str, str], look: Callable[[str], Figure], *, unchanged: bool) -> None:
    """The first run ends the time of predicting; what was predicted about the start is compared with the start."""
    asked = work.lab.model.predict
    if not work.state.predicted:
        work.state.predictions = {name: answers.get(name, "") for name in asked}
        work.state.predicted = True
    about = look if unchanged else recorded(work.lab)
    for name, question in asked.items():
        if question.when == "start" and name not in work.state.compared and about is not None:
            _compare(work, name, about)


def _compare(work: Work, name: str, look: Callable[[str], Figure]) -> None:
    said = work.state.predictions.get(name, "")
    try:
        found = questions.judge(name, work.lab.model.predict[name], said, look)
    except (FigureError, UsageError):
        return
    work.state.compared[name] = {
        "said": said, "truth": found.truth, "close": found.right, "off": found.off, "because": found.because,
    }


def _answered(work: Work, name: str, said: str, look: Callable[[str], Figure]) -> Answered:
    """As `answered`; what was right once stays right, with the numbers of that run."""
    kept = work.state.right.get(name)
    if kept is not None and kept.get("said") == said:
        return Answered(name, work.lab.model.questions[name].ask, said, str(kept.get("truth")), True,
                        str(kept.get("off", "")), str(kept.get("because", "")))
    found = answered(work.lab, name, said, look)
    if found.right:
        work.state.right[name] = {
            "said": said, "truth": found.truth, "off": found.off, "because": found.because,
        }
    return found


def answered(lab: Lab, name: str, said: str, look: Callable[[str], Figure]) -> Answered:
    """A question and whether what was said is right; what this run cannot tell is not."""
    question = lab.model.questions[name]
    try:
        return questions.judge(name, question, said, look)
    except (FigureError, UsageError) as error:
        return Answered(name, question.ask, said, str(error), False)


def _kept(found: Check, runs: Runs, known: set[str]) -> Check:
    """Keeps the state. Predictions are shown when they are compared first, and all of them in the end."""
    work = found.work
    work.state.checks += 1
    closing = ""
    if found.solved:
        work.state.solved = work.state.solved or now()
        work.state.skipped = False
        for name, question in work.lab.model.predict.items():
            if question.when == "solved":
                _compare(work, name, runs.numbers())
        closing = closing_page(work, runs)
        write_atomically(work.folder / CLOSING, closing.encode())
    work.save()
    compared = [
        Answered(name, work.lab.model.predict[name].ask, kept["said"], kept["truth"], kept["close"], kept["off"],
                 kept.get("because", ""))
        for name, kept in work.state.compared.items()
        if name in work.lab.model.predict and (found.solved or name not in known)
    ]
    return Check(work, found.judgement, runs, compared, found.questions, found.commands, closing)


def closing_page(work: Work, runs: Runs) -> str:
    """The page that explains, with this run's own numbers."""
    spec = runs.specs[(work.lab.mine or [*runs.specs])[0]]
    return filled(work.lab.text(CLOSING), forgiving(runs.numbers()), start=recorded(work.lab),
                  predicted=work.state.predictions, system=lambda path: value_at(spec, path))


def value_at(spec: Spec, path: str) -> Any:
    """What stands at a path of a description."""
    found = [value for _, value in places(spec.resolved(), split(path) or ())]
    return found[0] if found else "nothing"


def run_command(command: LabCommand, folder: Path) -> Rule:
    """Runs one of a lab's commands, and says whether it ended as it should."""
    first, *rest = shlex.split(command.run)
    words = [sys.executable, *(("-m", "msforge") if first == "msforge" else ()), *rest]
    try:
        done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                              errors="replace", timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return Rule(command.says, f"not done after {PATIENCE} s", False, f"try it yourself: {command.run}")
    return Rule(command.says, f"exit code {done.returncode}", done.returncode == command.exit,
                f"`{command.run}` says: {telling(done.stderr + done.stdout)[:200]}")


def telling(output: str) -> str:
    """The line that says what went wrong: the first that begins with `error` or `FAILED`, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if line.lower().startswith(("error", "failed"))), lines[-1] if lines else "")
