"""Reading `lab.yaml`: the same reader, the same kinds of messages, as for a description."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from msforge.errors import Diagnostic, InvalidFileError
from msforge.spec.diagnose import diagnose
from msforge.spec.fields import shown
from msforge.spec.places import join, place_of
from msforge.spec.reader import read
from msforge.spec.schema_lab import LabModel
from msforge.spec.shape import Model
from msforge.spec.source import Map, check_text, problem, read_file

Report = Callable[[tuple[int | str, ...], str, str, str], Diagnostic]
"""Makes the diagnostic of (path, code, message, help), at its place in the file."""


class Read(NamedTuple):
    """A lab's file that holds, and how to point at a place in it."""

    model: LabModel
    report: Report


def load_lab(path: Path, name: str = "") -> Read:
    """The lab in the file `path`. Raises InvalidFileError with every diagnostic at once."""
    name = name or path.as_posix()
    source = read_file(path, name)
    problems = check_text(source)
    document: Any = None
    root = None
    if not problems:
        document, root, problems = read(source)
    if not problems and not isinstance(document, Map):
        said = f"a lab is a mapping, found {shown(document)}"
        problems = [problem(None, "E100", said, "begin with `lab: 1`", file=name)]
    if problems:
        raise InvalidFileError(problems)
    root = (source, None, None)
    try:
        model = LabModel.model_validate(document)
    except ValidationError as error:
        raise InvalidFileError(diagnose(error, document, root, Model(LabModel))) from None

    def report(path: tuple[int | str, ...], code: str, message: str, help: str) -> Diagnostic:
        return problem(place_of(document, path, root), code, message, help, join(path))

    return Read(model, report)


def load_answers(path: Path, name: str) -> dict[str, Any]:
    """A mapping of plain words: what a learner has answered. Raises InvalidFileError."""
    source = read_file(path, name)
    if not source.text.strip():
        return {}
    document, _, problems = read(source)
    if problems:
        raise InvalidFileError(problems)
    if document is None:
        return {}
    if not isinstance(document, Map):
        said = f"answers are a mapping, found {shown(document)}"
        raise InvalidFileError([problem(None, "E100", said, "write `name: answer`", file=name)])
    return dict(document)
