"""Errors that only the plan can show, collected so that one run reports them all (codes E7.., see `spec.codes`)."""

from __future__ import annotations

from msforge.errors import Diagnostic, InvalidFileError, Severity
from msforge.spec import Spec


class Problems:
    """Collects errors at their places in the description."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.found: list[Diagnostic] = []

    def error(self, code: str, path: str, message: str, help: str = "") -> None:
        """One more error about the value at a dotted path."""
        self.found.append(self._spec.diagnostic(Severity.ERROR, code, path, message, help))

    def driver(self, source: str) -> str:
        """The path of what drives a source: its rate, stages, times or users."""
        return f"traffic.{source}.{self._spec.model.traffic[source].drive}"

    def stop(self) -> None:
        """Raises InvalidFileError with all errors so far, if there are any."""
        if self.found:
            raise InvalidFileError(sorted(self.found, key=lambda found: (found.line, found.column, found.code)))
