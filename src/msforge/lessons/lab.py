"""A lab: a folder with `lab.yaml` and what belongs to it, read and held against itself."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from msforge.errors import Diagnostic, InvalidFileError
from msforge.lessons.expression import Comparison, Expression, ExpressionError, parse, parse_comparison
from msforge.lessons.paths import Limit, PathError, parse_limit
from msforge.lessons.prose import names_in
from msforge.results import Result
from msforge.spec.lab import Read, load_lab
from msforge.spec.schema_lab import LabModel, LabQuestion, LabRun

LAB: Final = "lab.yaml"
START: Final = "start.yaml"
SOLUTION: Final = "solution.yaml"
SOLUTION_FILES: Final = "solution"
"""A folder that is laid over the learner's."""
SYSTEM: Final = "system.yaml"
README: Final = "README.md"
PICTURE: Final = "system.svg"
NUMBERS: Final = "numbers.json"
CLOSING: Final = "closing.md"
TEACHER: Final = "teacher.md"
TEMPLATE: Final = ".in.md"
"""What ends so is a text with `{{figures}}`; the file without `.in` is made from it."""
_PLACES: Final = frozenset(field.name for field in dataclasses.fields(Result))


@dataclass(frozen=True)
class Lab:
    """A lab that was read. `name` is its folder's name, e.g. `04-scale-payment`."""

    name: str
    folder: Path
    model: LabModel

    @property
    def number(self) -> int | None:
        """What its name begins with, e.g. 4; None for a lab without."""
        digits = self.name.partition("-")[0]
        return int(digits) if digits.isdecimal() else None

    @property
    def title(self) -> str:
        """`Lab 4 · Scale payment alone`."""
        return self.model.title if self.number is None else f"Lab {self.number} · {self.model.title}"

    @cached_property
    def figures(self) -> dict[str, Expression]:
        """Every named figure's expression."""
        return {name: parse(figure.of) for name, figure in self.model.figures.items()}

    @cached_property
    def mine(self) -> list[str]:
        """The runs of the learner's own description."""
        return [name for name, run in self.model.runs.items() if run.system is None and run.result is None]

    @cached_property
    def measured(self) -> dict[str, str]:
        """The runs that are a file which the learner has measured, and that file."""
        return {name: run.result for name, run in self.model.runs.items() if run.result is not None}

    @cached_property
    def limits(self) -> list[Limit]:
        """What may be spent."""
        return [parse_limit(text) for text in self.model.limits]

    @cached_property
    def edition(self) -> str:
        """A hash of what decides how a learner is judged: it differs once the lab was changed."""
        seal = hashlib.sha256()
        for name in (LAB, START, *self.model.files):
            seal.update(self.path(name).read_bytes().replace(b"\r\n", b"\n"))
        return seal.hexdigest()[:16]

    def path(self, name: str) -> Path:
        """A file of the lab."""
        return self.folder / name

    def has(self, name: str) -> bool:
        """Whether the lab has this file."""
        return self.path(name).is_file()

    def solution_files(self) -> list[tuple[Path, str]]:
        """Files beside solution.yaml that solve it, each with its path in the learner's folder."""
        root = self.folder / SOLUTION_FILES
        return [(path, path.relative_to(root).as_posix()) for path in sorted(root.rglob("*"))
                if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts]

    def text(self, name: str) -> str:
        """A file's text, "" when the lab does not have it."""
        return self.path(name).read_text("utf-8") if self.has(name) else ""


def read_lab(folder: Path) -> Lab:
    """The lab in `folder`. Raises InvalidFileError with everything that is wrong with it, at its place."""
    read = load_lab(folder / LAB, (folder / LAB).as_posix())
    problems = list(_Checks(read, folder).run())
    if problems:
        raise InvalidFileError(problems)
    return Lab(folder.resolve().name, folder, read.model)


class _Checks:
    """What the file as a whole, and the files beside it, show."""

    def __init__(self, read: Read, folder: Path) -> None:
        self.model, self.report, self.folder = read.model, read.report, folder
        self.found: list[Diagnostic] = []

    def run(self) -> list[Diagnostic]:
        model = self.model
        for name in (START, *model.files, *(run.system for run in model.runs.values() if run.system)):
            if not (self.folder / name).is_file():
                self._say((), "E804", f"the lab has no {name}", f"write it beside {LAB}")
        if next(iter(model.runs.values())).result is not None:
            self._say(("runs",), "E801", "the first run has to be one that is run", "write the `result` after it")
        for name, run in model.runs.items():
            if run.system and run.system not in model.files:
                self._say(("runs", name, "system"), "E801", f"`{run.system}` is not among the lab's `files`",
                          f"write files: [{run.system}], so that the learner has it too")
        for name, figure in model.figures.items():
            self._expression(figure.of, ("figures", name))
        for section, questions in (("predict", model.predict), ("questions", model.questions)):
            for name, question in questions.items():
                self._question(question, (section, name))
        for index, goal in enumerate(model.goals):
            if goal.run is not None and model.runs.get(goal.run, LabRun()).result is not None:
                self._say(("goals", index, "run"), "E801", f"`{goal.run}` is a file that the learner makes, not a run",
                          "a goal about its figures needs no `run`")
            if goal.run is not None and goal.run not in model.runs:
                self._say(("goals", index, "run"), "E801", f"there is no run `{goal.run}`",
                          f"the runs are {', '.join(model.runs)}")
            for text in goal.figures:
                self._comparison(text, ("goals", index, "figures"))
            self._prose(goal.why or "", ("goals", index, "why"))
        for index, text in enumerate(model.limits):
            try:
                parse_limit(text)
            except PathError as error:
                self._say(("limits", index), "E802", str(error), "write e.g. services.payment.replicas <= 3")
        for index, command in enumerate(model.commands):
            if command.run.split()[0] not in ("msforge", "python"):
                self._say(("commands", index, "run"), "E802", f"`{command.run}` is neither msforge nor python",
                          "begin it with `msforge` or `python`: these are on every laptop")
        for file in sorted([*self.folder.glob(f"*{TEMPLATE}"), self.folder / CLOSING]):
            if file.is_file():
                self._prose(file.read_text("utf-8"), (), file.name)
        return self.found

    def _question(self, question: LabQuestion, path: tuple[int | str, ...]) -> None:
        if question.figure is not None:
            self._expression(question.figure, (*path, "figure"))
        for text in question.proof:
            self._comparison(text, (*path, "proof"))
        self._prose(question.because or "", (*path, "because"))

    def _expression(self, text: str, path: tuple[int | str, ...]) -> None:
        try:
            self._names(parse(text).names(), path)
        except ExpressionError as error:
            self._say(path, "E802", str(error), "")

    def _comparison(self, text: str, path: tuple[int | str, ...]) -> Comparison | None:
        try:
            found = parse_comparison(text)
        except ExpressionError as error:
            self._say(path, "E802", str(error), "")
            return None
        self._names(found.names(), path)
        return found

    def _names(self, names: list[str], path: tuple[int | str, ...]) -> None:
        for name in names:
            if wrong := self._unknown(name):
                self._say(path, "E801", wrong, f"figures: {', '.join(self.model.figures) or 'none'}; or a place in the "
                          "Result, e.g. services[payment].utilisation (docs/result.md)")

    def _unknown(self, name: str) -> str:
        run, colon, place = name.partition(":")
        if colon and "[" not in run:
            if run not in self.model.runs:
                return f"there is no run `{run}`"
            name = place
        elif name in self.model.figures:
            return ""
        root = name.partition(".")[0].partition("[")[0]
        return "" if root in _PLACES else f"`{name}` is neither a figure of this lab nor a place in the Result"

    def _prose(self, text: str, path: tuple[int | str, ...], file: str = "") -> None:
        for said in names_in(text):
            plain = said.partition(" as ")[0].strip()
            first, _, rest = plain.partition(".")
            if first == "system" or (first == "predicted" and rest in self.model.predict):
                continue
            if first == "start":
                plain = rest
            try:
                unknown = [name for name in parse(plain).names() if self._unknown(name)]
            except ExpressionError:
                unknown = [plain]
            if unknown:
                where = f"{file}: " if file else ""
                self._say(path, "E805", f"{where}`{{{{{said}}}}}` names no figure of this lab",
                          f"figures: {', '.join(self.model.figures) or 'none'}")

    def _say(self, path: tuple[int | str, ...], code: str, message: str, help: str) -> None:
        self.found.append(self.report(path, code, message, help))
