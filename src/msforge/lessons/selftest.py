"""Is a lab a lab? Its start has to fail and its solution to pass, for each of five seeds; its texts have to be true."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msforge import door
from msforge.errors import MsforgeError
from msforge.lessons import judge, questions
from msforge.lessons.checking import answered, run_command
from msforge.lessons.figures import FigureError
from msforge.lessons.lab import CLOSING, NUMBERS, PICTURE, README, SOLUTION, START, SYSTEM, TEACHER, TEMPLATE, Lab
from msforge.lessons.library import ours, refuse_commands
from msforge.lessons.numbers import filled, recorded, to_text
from msforge.lessons.runs import Runs, described, execute
from msforge.report.files import write_atomically
from msforge.spec.schema_lab import LabCommand

SEEDS = 5
NOTE = "\n<!-- Made from {source} by msforge: its numbers are the run's own. -->\n"


@dataclass
class Report:
    """What was looked at, and all that is wrong."""

    lab: str
    wrong: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing is."""
        return not self.wrong


def self_test(lab: Lab, *, seeds: int = SEEDS, processes: int | None = None, trust: bool = False) -> Report:
    """Everything that keeps a lab from being one.

    Raises InvalidFileError for a system that cannot be read, and UsageError for a lab with commands that did not come
    with msforge, unless you `trust` it.
    """
    if not (trust or ours(lab)):
        refuse_commands(lab, "msforge lab self-test")
    seeds = max(seeds, lab.model.seeds)
    start = execute(lab, described(lab, lab.path(START), lab.folder), seeds=seeds, processes=processes)
    solution = start
    if lab.has(SOLUTION):
        solution = execute(lab, described(lab, lab.path(SOLUTION), lab.folder), seeds=seeds, processes=processes)
    wrong = [*_start(lab, start), *_solution(lab, start, solution), *_texts(lab, start, solution), *_commands(lab)]
    return Report(lab.name, wrong)


def _start(lab: Lab, start: Runs) -> Iterator[str]:
    verdicts = list(judge.goals(start))
    asked = bool(lab.model.questions or lab.model.commands)
    for seed in range(start.seeds):
        if not asked and all(verdict.each[seed] for verdict in verdicts):
            yield f"the start passes for seed {seed + 1} of {start.seeds}: there would be nothing to do"


def _solution(lab: Lab, start: Runs, solution: Runs) -> Iterator[str]:
    before = described(lab, lab.path(START), lab.folder)
    after = described(lab, lab.path(SOLUTION if lab.has(SOLUTION) else START), lab.folder)
    for rule in judge.rules(lab, before, after):
        if not rule.met:
            yield f"the solution breaks a rule: {rule.text} ({rule.found})"
    for verdict in judge.goals(solution):
        if not verdict.met:
            yield (f"the solution misses {verdict.subject} {verdict.wanted} for {solution.seeds - verdict.held} of "
                   f"{solution.seeds} seeds: {verdict.measured}")
    for name, question in lab.model.questions.items():
        found = answered(lab, name, questions.truth(question, solution.numbers()), solution.numbers())
        if not found.right:
            yield f"the right answer to {name} is not taken: {found.truth}"
    for runs, asked in ((start, lab.model.predict), (solution, lab.model.questions)):
        for name, question in asked.items():
            for seed in range(runs.seeds):
                look = (solution if question.when == "solved" else runs).numbers(seed)
                for text in questions.proven(question, look):
                    yield f"`{question.right}` is right for {name} only if {text}, which seed {seed + 1} denies"


def _texts(lab: Lab, start: Runs, solution: Runs) -> Iterator[str]:
    for name, text in generated(lab, start.first(lab.model.seeds)).items():
        if lab.text(name) != text:
            yield f"{name} is not what the run says: msforge lab self-test --write makes it anew"
    for name in (README, TEACHER, CLOSING):
        if not lab.has(name):
            yield f"there is no {name}"
    if lab.has(CLOSING):
        try:
            filled(lab.text(CLOSING), solution.numbers(), start=recorded(lab))
        except FigureError as error:
            yield f"{CLOSING}: {error}"


def _commands(lab: Lab) -> Iterator[str]:
    """Commands have to fail in the folder as it is given and, after `solve`, to end as they should."""
    if not lab.model.commands:
        return
    with tempfile.TemporaryDirectory(prefix="msforge-lab-") as name:
        folder = Path(name)
        _copy([(lab.path(START), SYSTEM), *((lab.path(file), file) for file in lab.model.files)], folder)
        if all(run_command(command, folder).met for command in lab.model.commands):
            yield "all commands end well at the start: there would be nothing to do"
        if lab.has(SOLUTION):
            shutil.copyfile(lab.path(SOLUTION), folder / SYSTEM)
        makes, then = lab.model.solve[:1], lab.model.solve[1:]
        yield from _solve(makes, folder)
        _copy(lab.solution_files(), folder)
        yield from _solve(then, folder)
        for command in lab.model.commands:
            done = run_command(command, folder)
            if not done.met:
                yield f"the solution misses {command.says}: {done.found}, {done.help}"


def _solve(commands: Iterable[str], folder: Path) -> Iterator[str]:
    for text in commands:
        done = run_command(LabCommand(says=text, run=text), folder)
        if not done.met:
            yield f"`{text}`, which solves it, fails: {done.help}"


def _copy(files: Iterable[tuple[Path, str]], folder: Path) -> None:
    for source, file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / file)


def generated(lab: Lab, runs: Runs) -> dict[str, str]:
    """Every file of a lab that is made from its start: the numbers, the picture, and the texts with numbers in them."""
    made = {NUMBERS: to_text(runs.figures()), PICTURE: door.graph(lab.path(START))}
    for source in sorted(lab.folder.glob(f"*{TEMPLATE}")):
        try:
            text = filled(source.read_text("utf-8"), runs.numbers())
        except FigureError as error:
            raise MsforgeError(f"{source}: {error}", hint="write a figure of lab.yaml between the braces") from None
        made[source.name.removesuffix(TEMPLATE) + ".md"] = text.rstrip() + "\n" + NOTE.format(source=source.name)
    return made


def write(lab: Lab) -> list[str]:
    """Writes what is made from the lab's start; gives the names of the files that were not so before."""
    old = []
    runs = execute(lab, described(lab, lab.path(START), lab.folder))
    for name, text in generated(lab, runs).items():
        if lab.text(name) != text:
            old.append(name)
            write_atomically(lab.path(name), text.encode())
    return old
