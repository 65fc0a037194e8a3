"""The two things a person does: make a system's folder, and keep it in step with its description."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msforge.errors import UsageError
from msforge.model import compile_system
from msforge.scaffold import state as states
from msforge.scaffold import stubs, write
from msforge.scaffold.build import Build, build, companions
from msforge.scaffold.compare import compare
from msforge.scaffold.names import file_problem, path_problem
from msforge.scaffold.plan import Action, Change, Generated, Owner, Plan
from msforge.scaffold.state import Known, State, digest
from msforge.spec import load


def new(
    source: Path, folder: Path, *, templates: Path | None = None, trust: bool = False, dry_run: bool = False
) -> Plan:
    """Makes the folder of a system from its description, or only plans it. Raises as `load` does, and ConflictError."""
    write.check_new(folder)
    problem = file_problem(folder.resolve().name)
    if problem:
        raise UsageError(f"{folder} is no name for a folder: {problem}", hint="choose a plain name, e.g. shop")
    spec = load(source)
    description = source.name
    if file_problem(description):
        raise UsageError(f"{description!r} cannot be copied: {file_problem(description)}", hint="rename it")
    made = build(spec, compile_system(spec), description=description, templates=templates, trust=trust)
    files = [*_own(source), *made.files]
    changes = tuple(Change(file.path, file.owner, Action.CREATE, after=file.content) for file in _once(files))
    plan = Plan(
        folder, made.system, description, changes, unable=made.unable, services=made.services, fresh=True
    )
    if not dry_run:
        state = State(description, templates=_text(templates))
        _record(state, made)
        write.create(plan, state, made.passwords)
    return plan


def _own(source: Path) -> list[Generated]:
    """The description and the files that it names: the user's."""
    text = source.read_bytes()
    found = [Generated(source.name, text, Owner.USER)]
    for name in companions(text.decode("utf-8", "replace")):
        path = source.parent / name
        if path.is_file():
            found.append(Generated(name, path.read_bytes(), Owner.USER))
    return found


def _once(files: list[Generated]) -> list[Generated]:
    seen = {file.path.lower(): file.path for file in reversed(files)}
    if len(seen) != len(files):
        paths = [file.path.lower() for file in files]
        twice = next(file.path for file in files if paths.count(file.path.lower()) > 1)
        raise UsageError(f"{twice} is both yours and generated", hint="rename the description or that file")
    return files


class Sync:
    """One look at a generated folder: what is there, what would be written, and what to do about it."""

    def __init__(
        self, folder: Path, *, adopt: str = "", restore: Sequence[str] = (), templates: Path | None = None,
        trust: bool = False,
    ) -> None:
        self.folder = folder
        self.state = self._adopted(adopt) if adopt else states.read(folder)
        self.adopting = bool(adopt)
        if templates is not None:
            self.state.templates = _text(templates)
        brought = Path(self.state.templates) if self.state.templates else None
        if brought is not None and not brought.is_absolute():
            brought = folder / brought if (folder / brought).is_dir() else brought
        source = folder / self.state.description
        if not source.is_file():
            raise UsageError(
                f"the description {source} is gone",
                hint="bring it back from version control, or name another: msforge sync --adopt FILE.yaml",
            )
        spec = load(source)
        self.build = build(
            spec, compile_system(spec), description=self.state.description, templates=brought, trust=trust
        )
        for path in restore:
            self.state.files.pop(self._inside(path), None)

    def _adopted(self, description: str) -> State:
        path = self._inside(description)
        if not (self.folder / path).is_file():
            raise UsageError(f"there is no description {self.folder / path}", hint="name the YAML file in this folder")
        return State(path)

    def _inside(self, path: str) -> str:
        """A path as plans name it, from one that a person typed: relative to the folder, or to where they are."""
        plain = path.replace("\\", "/").removeprefix("./")
        if not (self.folder / plain).exists() and Path(path).exists():
            try:
                plain = Path(path).resolve().relative_to(self.folder.resolve()).as_posix()
            except ValueError:
                raise UsageError(f"{path} is outside {self.folder}") from None
        problem = path_problem(plain)
        if problem:
            raise UsageError(f"{path} is not a file of this system: {problem}")
        return plain

    def plan(self) -> Plan:
        """What a sync would do now."""
        changes, notes = compare(self.folder, self.build, self.state)
        return Plan(
            self.folder, self.build.system, self.state.description, tuple(changes), tuple(notes), self.build.unable,
            self.build.services,
        )

    def resolve(self, paths: Sequence[str]) -> None:
        """Takes the files at `paths` as they are for the answer to their conflicts."""
        generated = {file.path: file for file in self.build.files}
        conflicts = {change.path: change for change in self.plan().conflicts}
        for typed in paths:
            path = self._inside(typed)
            if path not in conflicts:
                raise UsageError(f"{path} is not in conflict", hint=_listed(conflicts))
            if conflicts[path].owner is Owner.USER or conflicts[path].before is None:
                raise UsageError(f"{path}: {conflicts[path].reason}", hint="put that right; then run `msforge sync`")
            file = generated[path]
            self.state.files[path] = Known(file.owner, digest(file.content))
            if file.owner is Owner.BOTH:
                write.write_base(self.folder, path, file.content)
            (self.folder / states.CONFLICTS / path).unlink(missing_ok=True)
        write.write_state(self.folder, self.state)

    def apply(self) -> Plan:
        """Does it. With conflicts nothing is changed; msforge's side of them lies under `.msforge/conflicts/`."""
        plan = self.plan()
        if plan.conflicts:
            if self.adopting:
                self._keep_identical(plan)
            write.offer(plan)
            return plan
        _record(self.state, self.build)
        write.apply(plan, self.state, self.build.passwords)
        return plan

    def _keep_identical(self, plan: Plan) -> None:
        """An adopted folder's state: the files that are as msforge writes them are known from now on."""
        same = {change.path for change in plan.changes if change.action is Action.IDENTICAL}
        for file in self.build.files:
            if file.path in same:
                self.state.files[file.path] = Known(file.owner, digest(file.content))
                if file.owner is Owner.BOTH:
                    write.write_base(self.folder, file.path, file.content)
        _record_services(self.state, self.build)
        write.write_state(self.folder, self.state)


def _listed(conflicts: dict[str, Change]) -> str:
    return f"in conflict: {', '.join(conflicts)}" if conflicts else "nothing is in conflict"


def _record(state: State, made: Build) -> None:
    """What the state will say once everything that was made is written."""
    before = state.files
    kept = {file.path for file in made.files}
    folders = {service["folder"] for service in made.services}
    left = tuple(f"{s['folder']}/" for s in state.services.values() if s["folder"] not in folders)
    state.files = {path: known for path, known in before.items() if path not in kept and path.startswith(left)}
    state.files |= {file.path: Known(file.owner, digest(file.content)) for file in made.files}
    state.texts = {file.path: file.content for file in made.files if file.owner is Owner.BOTH}
    _record_services(state, made)


def _record_services(state: State, made: Build) -> None:
    for file in made.files:
        if file.path in made.handlers:
            known = state.handlers.get(file.path, [])
            state.handlers[file.path] = list(dict.fromkeys([*known, *stubs.functions(file.content)]))
    for service in made.services:
        state.services[service["name"]] = {key: service[key] for key in ("folder", "package", "digest")}


def _text(templates: Path | None) -> str:
    return "" if templates is None else templates.resolve().as_posix()
