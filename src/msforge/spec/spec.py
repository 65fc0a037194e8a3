"""`Spec`: a description that was read and holds. And the functions that read one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msforge.errors import Diagnostic, InvalidFileError, Severity, UsageError
from msforge.names import did_you_mean
from msforge.spec import validate
from msforge.spec.fields import shown
from msforge.spec.merge import PathError
from msforge.spec.overlays import apply_scenario, apply_set, assign_path, document_of, span
from msforge.spec.places import Path as Parts
from msforge.spec.places import join, place_of, split
from msforge.spec.reader import DEEPEST, read
from msforge.spec.resolve import resolve
from msforge.spec.schema_system import SystemModel
from msforge.spec.source import Map, Mark, Seq, Source, check_text, problem, read_file, spot

Changes = Mapping[str, Any] | Iterable[tuple[str, Any]]


class Spec:
    """A valid description: its model, the text behind it, and what can be asked about it."""

    def __init__(
        self, checked: validate.Checked, file: str, scenario: str, folder: Path | None, root: Mark | None
    ) -> None:
        assert checked.model is not None
        self.model: SystemModel = checked.model
        """The description as pydantic objects, defaults filled in, units as numbers."""
        self.document: dict[str, Any] = checked.document
        """Plain data after the overlay, before defaults."""
        self.file = file
        self.scenario = scenario
        self._lowered = checked.lowered
        self.folder = folder
        """Where files that the description names are looked for."""
        self._folder = folder
        self._root = root

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names of the file's scenarios."""
        return tuple(self.document.get("scenarios") or ())

    def resolved(self) -> dict[str, Any]:
        """Plain data with all defaults filled in and units written; loadable again and meaning the same."""
        return resolve(self.model, self._lowered)

    def locate(self, path: str) -> tuple[int, int, int, str]:
        """Line, column, end column (from 1) and source line of a dotted path, or of the nearest place above it."""
        found = self.diagnostic(Severity.ERROR, "", path, "")
        return found.line, found.column, found.end_column, found.source_line

    def diagnostic(self, severity: Severity, code: str, path: str, message: str, help: str = "") -> Diagnostic:
        """A Diagnostic that points at a dotted path of this description."""
        parts = split(path) or ()
        if parts[:1] == ("objectives",) and len(parts) > 2 and isinstance(parts[1], str):
            parts = ("objectives", f"{parts[1]}.{parts[2]}", *parts[3:])
        place = place_of(self._lowered, parts, self._root)
        return problem(place, code, message, help, path, self.file, severity)

    def overlay(self, changes: Changes) -> Spec:
        """The description after changes of (dotted path, plain value). Raises InvalidFileError.

        Paths may lead to anything the language can set but cannot add a service,
        endpoint, consumer, store, channel or source.
        """
        pairs = list(changes.items() if isinstance(changes, Mapping) else changes)
        document, problems = self._document(), []
        for path, value in pairs:
            document, found = _apply_change(document, path, value)
            problems += found
        try:
            checked = validate.check(document, self._root, self._folder)
        except RecursionError:
            raise _too_deep(self.file) from None
        problems += checked.problems
        if problems:
            raise InvalidFileError(_once(problems))
        return Spec(checked, self.file, self.scenario, self._folder, self._root)

    def _document(self) -> Map:
        assert isinstance(self.document, Map)
        return self.document


def load(source: str | Path, *, scenario: str | None = None, sets: Sequence[str] = ()) -> Spec:
    """Reads a description. Raises InvalidFileError with every diagnostic, UsageError for an unknown scenario."""
    path = Path(source)
    name = path.as_posix()
    try:
        return _load(read_file(path, name), path.parent, scenario, sets)
    except RecursionError:
        raise _too_deep(name) from None


def load_text(
    text: str,
    *,
    file: str = "<text>",
    scenario: str | None = None,
    sets: Sequence[str] = (),
    folder: Path | None = None,
) -> Spec:
    """As `load`, from a text. `folder` is where files it names (`replay`, `empirical`) are looked for."""
    try:
        return _load(Source(file, text.removeprefix("\ufeff")), folder, scenario, sets)
    except RecursionError:
        raise _too_deep(file) from None


def from_data(data: Mapping[str, Any], *, file: str = "<data>", folder: Path | None = None) -> Spec:
    """As `load`, from plain data such as `Spec.resolved()` gives; diagnostics have paths but no places."""
    try:
        document = document_of(dict(data), None)
        checked = validate.check(document, None, folder)
    except (RecursionError, PathError):
        raise _too_deep(file) from None
    if checked.problems:
        raise InvalidFileError([_in_file(found, file) for found in _once(checked.problems)])
    return Spec(checked, file, "", folder, None)


def _in_file(found: Diagnostic, file: str) -> Diagnostic:
    return found if found.file else replace(found, file=file)


def _too_deep(name: str) -> InvalidFileError:
    return InvalidFileError([problem(None, "E012", f"nested more than {DEEPEST} levels deep", "flatten it", file=name)])


def _load(source: Source, folder: Path | None, scenario: str | None, sets: Sequence[str]) -> Spec:
    problems = check_text(source)
    if problems:
        raise InvalidFileError(problems)
    document, root, problems = read(source)
    if not isinstance(document, Map):
        if not problems:
            problems = [
                problem(
                    spot(source, root[2]) if root else None,
                    "E100",
                    f"a description is a mapping, found {shown(document)}",
                    "begin with `msforge: 1`",
                    file=source.name,
                )
            ]
        raise InvalidFileError(problems)
    root = (source, None, None)
    base = validate.check(document, root, folder)
    problems += base.problems + _check_changes(document, root, folder)
    final = _overlaid(base, root, folder, scenario, sets, problems)
    if problems:
        raise InvalidFileError(_once(problems))
    return Spec(final, source.name, scenario or "", folder, root)


def _overlaid(
    base: validate.Checked,
    root: Mark,
    folder: Path | None,
    scenario: str | None,
    sets: Sequence[str],
    problems: list[Diagnostic],
) -> validate.Checked:
    """Checks every scenario; the chosen one and the `--set` arguments make the final document."""
    final = base
    scenarios = base.document.get("scenarios")
    known = scenarios if isinstance(scenarios, Map) else Map()
    if scenario is not None and scenario not in known:
        if problems:
            raise InvalidFileError(_once(problems))
        raise UsageError(
            f"there is no scenario `{scenario}`", hint=did_you_mean(scenario, known) or "the file has no scenarios"
        )
    for name, patch in known.items():
        if isinstance(patch, Map):
            document, found = apply_scenario(base.document, name, patch)
            checked = validate.check(document, root, folder)
            problems += found + checked.problems + _check_changes(document, root, folder)
            if name == scenario:
                final = checked
    if sets:
        document = final.document
        for argument in sets:
            document, found = apply_set(document, argument)
            problems += found
        final = validate.check(document, root, folder)
        problems += final.problems + _check_changes(document, root, folder)
    return final


def _check_changes(document: Map, root: Mark, folder: Path | None) -> list[Diagnostic]:
    """Tries what `change` and `deploy` faults will do, so that it is known to work before the run begins."""
    problems = []
    faults = document.get("faults")
    for index, fault in enumerate(faults if isinstance(faults, Seq) else ()):
        if not isinstance(fault, Map):
            continue
        for key, prefix in (("change", ""), ("changes", f"services.{fault.get('deploy')}.")):
            changes = fault.get(key)
            if not isinstance(changes, Map) or (key == "changes" and not isinstance(fault.get("deploy"), str)):
                continue
            after = document
            for path, value in changes.items():
                after, found = _change(
                    after, prefix + path, value, changes.marks.get(path), ("faults", index, key, path)
                )
                problems += found
            if after is not document:
                problems += validate.check(after, root, folder).problems
    return problems


def _change(document: Map, path: str, value: Any, mark: Mark | None, where: Parts) -> tuple[Map, list[Diagnostic]]:
    parts = split(path)
    if parts is None or mark is None:
        place = spot(mark[0], mark[1]) if mark is not None else None
        return document, [
            problem(place, "E602", f"`{path[:60]}` is not a path", "write e.g. services.payment.replicas", join(where))
        ]
    return assign_path(document, parts, value, mark, create=False)


def _apply_change(document: Map, path: str, value: Any) -> tuple[Map, list[Diagnostic]]:
    source = Source("<change>", f"{path}: {shown(value).strip('`')}"[:400])
    mark: Mark = (source, span(0, len(path)), span(len(path) + 2, len(source.text)))
    try:
        data = document_of(value, mark)
    except PathError as error:
        return document, [problem(spot(source, mark[1]), error.code, str(error))]
    return _change(document, path, data, mark, (path,))


def _once(problems: list[Diagnostic]) -> list[Diagnostic]:
    """Each finding once, in the order of the file; those without a place come first."""
    seen: dict[tuple[Any, ...], Diagnostic] = {}
    for found in problems:
        where = (found.line, found.column) if found.line else (0, found.path)
        seen.setdefault((found.file, *where, found.code, found.message), found)
    return sorted(seen.values(), key=lambda d: (d.file == "--set", d.line, d.column))
