"""The one error tree. Libraries raise; only the command line prints.

Every error says where it happened, what is wrong and what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a diagnostic is; warnings alone leave a file valid."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a description, tied to a place in its text.

    `line` and `column` count from 1; 0 means the finding has no place in the file
    (an overlay given on the command line, say). `path` is the dotted path of the
    value, e.g. `services.order.endpoints.place.steps[1].timeout`.
    """

    severity: Severity
    code: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    end_column: int = 0
    source_line: str = ""
    help: str = ""
    path: str = ""


class MsforgeError(Exception):
    """Base of all errors. `hint` says what to do next; `exit_code` is the command line's."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MsforgeError):
    """The call itself is wrong: an unknown scenario, a path that cannot be written."""

    exit_code = 2


class InvalidFileError(MsforgeError):
    """A description with at least one error. Carries every diagnostic of the run."""

    exit_code = 3

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        errors = sum(d.severity is Severity.ERROR for d in diagnostics)
        super().__init__(f"{errors} error{'s' if errors != 1 else ''} in the description")
        self.diagnostics = diagnostics
        self.args = (diagnostics,)  # what SimPy makes it anew from when it is raised in a run

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[InvalidFileError], tuple[list[Diagnostic]]]:
        return type(self), (self.diagnostics,)  # so that it survives the way from a worker process


class ResultFormatError(MsforgeError):
    """A result file that is not one, or was written by another version."""

    exit_code = 3


class TraceFormatError(MsforgeError):
    """A file that should hold traces and does not, or more than can be read."""

    exit_code = 3


class ConservationError(MsforgeError):
    """The simulation lost or invented a request: a bug in msforge, never the user's."""


class ConflictError(MsforgeError):
    """Something of the user's is in the way; nothing was overwritten."""

    exit_code = 4


class LabError(MsforgeError):
    """A lab's folder, or the record of progress in it, that this version cannot work with."""

    exit_code = 3
