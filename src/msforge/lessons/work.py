"""A learner's folder: made, opened, brought back to its start."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msforge.catalog import labs_root
from msforge.errors import ConflictError, LabError, UsageError
from msforge.lessons import library, progress, questions, state
from msforge.lessons.lab import PICTURE, README, START, SYSTEM, Lab, read_lab
from msforge.lessons.numbers import recorded
from msforge.lessons.state import GIVEN, MARK, State
from msforge.report.files import write_atomically
from msforge.spec.lab import load_answers

ANSWERS = "answers.yaml"


@dataclass
class Work:
    """A lab that a learner is at. `notes` are what has to be said about it first."""

    folder: Path
    lab: Lab
    state: State
    notes: list[str]

    def save(self) -> None:
        """Keeps the state, in the folder and in the user's record."""
        state.write(self.folder, self.state)
        if said := progress.note(self.state, self.folder):
            self.notes.append(said)

    @property
    def asks(self) -> bool:
        """Whether the lab asks anything."""
        return bool(self.lab.model.predict or self.lab.model.questions)

    def units(self) -> dict[str, str]:
        """The unit of each numeric answer, from the numbers that the lab's own run made."""
        look = recorded(self.lab)
        asked = {**self.lab.model.predict, **self.lab.model.questions}
        return {name: questions.unit_of(question, look) for name, question in asked.items()}

    def answers(self) -> dict[str, str]:
        """What `answers.yaml` says, for questions that the lab has. Raises InvalidFileError, UsageError."""
        path = self.folder / ANSWERS
        if not path.is_file():
            return {}
        units = self.units()
        asked = {**self.lab.model.predict, **self.lab.model.questions}
        given = load_answers(path, ANSWERS)
        for name in given:
            if name not in asked:
                raise UsageError(f"{ANSWERS}: this lab asks nothing called `{name[:60]}`",
                                 hint=f"it asks {', '.join(asked) or 'nothing'}")
        return {
            name: questions.read_answer(name, asked[name], value, units[name])
            for name, value in given.items() if value is not None and str(value).strip()
        }

    def keep_answers(self, given: Mapping[str, str]) -> None:
        """Writes `answers.yaml` with what is `given` beside what was there."""
        said = {**self.answers(), **given}
        text = questions.page(self.lab.model.predict, self.lab.model.questions, said, self.units())
        write_atomically(self.folder / ANSWERS, text.encode())


def start(wanted: str, folder: Path | None = None) -> Work:
    """Makes the folder of a lab. Raises UsageError for an unknown one, ConflictError when the folder holds anything."""
    lab = library.find(wanted)
    target = folder if folder is not None else Path(lab.name)
    _refuse(lab, target)
    final = target.resolve()
    half_done = final.parent / f".{final.name}.{os.getpid()}.tmp"
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        half_done.mkdir()
        origin = "" if library.ours(lab) else str(lab.folder.resolve())
        begun = State(lab.name, lab.edition, begun=state.now(), origin=origin)
        _fill(Work(half_done, lab, begun, []))
        state.write(half_done, begun)
        if final.is_dir():
            for item in half_done.iterdir():  # an empty folder may be the current one: fill it, don't replace it
                item.rename(final / item.name)
        else:
            half_done.rename(final)
    except OSError as error:
        raise UsageError(f"cannot make {target}: {(error.strerror or str(error)).lower()}",
                         hint="choose another folder: --dir DIR") from error
    finally:
        shutil.rmtree(half_done, ignore_errors=True)
    work = Work(target, lab, begun, [])
    work.save()
    return work


def _refuse(lab: Lab, target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ConflictError(f"{target} exists and is not a folder", hint="choose another: --dir DIR")
    if (target / MARK).is_dir():
        raise ConflictError(
            f"{target} is a lab that was started already; nothing was changed",
            hint=f"go on there: cd {target}, msforge lab check; to begin again: msforge lab reset -C {target}",
        )
    if target.is_dir() and any(target.iterdir()):
        raise ConflictError(f"{target} exists and is not empty; nothing was written",
                            hint=f"choose another folder: {library.command(lab.name)} --dir DIR")


def _fill(work: Work) -> None:
    lab, folder = work.lab, work.folder
    for source, name in ((START, SYSTEM), (README, README), (PICTURE, PICTURE), *((f, f) for f in lab.model.files)):
        if lab.has(source):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(lab.path(source), folder / name)
    given = folder / GIVEN
    for name in (START, *lab.model.files):
        (given / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(lab.path(name), given / name)
    if work.asks:
        work.keep_answers({})


def open_work(folder: Path) -> Work:
    """The lab that `folder` is or lies in. Raises UsageError outside of a lab, LabError for one that can't go on."""
    place = state.lab_folder(folder)
    known = state.read(place)
    lab = _lab_of(known)
    notes = []
    if lab.edition != known.edition:
        notes.append(
            f"this lab has changed since you started it (with msforge {known.engine}): your files are as they were, "
            "and are judged by the new goals; `msforge lab reset` brings the new start and keeps your system.yaml"
        )
    return Work(place, lab, known, notes)


def _lab_of(known: State) -> Lab:
    if known.origin:
        folder = Path(known.origin)
        if not (folder / "lab.yaml").is_file():
            raise LabError(f"the lab {known.lab} was started from {folder}, which is no longer there",
                           hint="put it back, or start the lab anew from where it is now")
        return read_lab(folder)
    if known.lab not in library.names():
        raise LabError(
            f"this msforge has no lab {known.lab}; the folder was made by msforge {known.engine}",
            hint=f"install msforge {known.engine} or newer; `msforge lab` lists the labs that are here",
        )
    return read_lab(labs_root() / known.lab)


def reset(work: Work) -> list[Path]:
    """Brings the lab back to its start; hints and predictions begin again. Gives where the learner's files are kept."""
    mine = work.folder / SYSTEM
    kept = []
    if mine.is_file() and mine.read_bytes() != work.lab.path(START).read_bytes():
        kept.append(mine.replace(free(work.folder, "system.before-reset")))
    answers = work.folder / ANSWERS
    blank = questions.page(work.lab.model.predict, work.lab.model.questions, {}, work.units())
    if answers.is_file() and answers.read_text("utf-8", "replace") != blank:
        kept.append(answers.replace(free(work.folder, "answers.before-reset")))
    fresh = State(work.lab.name, work.lab.edition, begun=state.now(), origin=work.state.origin)
    work.state = fresh
    _fill(work)
    work.save()
    return kept


def free(folder: Path, stem: str, suffix: str = ".yaml") -> Path:
    """A file that is not there yet: the stem, a number, the suffix."""
    number = 1
    while (folder / f"{stem}-{number}{suffix}").exists():
        number += 1
    return folder / f"{stem}-{number}{suffix}"


def hint(work: Work) -> tuple[int, str]:
    """The next hint and its number, from 1; the last again when all were given."""
    hints = work.lab.model.hints
    number = min(work.state.hints, len(hints) - 1)
    work.state.hints = number + 1
    work.save()
    return number + 1, hints[number]


def system_of(work: Work) -> Path:
    """The learner's description. Raises UsageError when it is gone, InvalidFileError for one that is empty."""
    path = work.folder / SYSTEM
    if not path.is_file():
        raise UsageError(f"{path} is gone", hint="msforge lab reset brings it back as it was given")
    return path


def skip(wanted: str | None, folder: Path) -> tuple[str, str]:
    """Notes that a lab is left out. Gives its title, and what had to be said."""
    if wanted is None:
        work = open_work(folder)
        work.state.skipped = not work.state.solved
        work.save()
        return work.lab.name, "".join(work.notes[-1:])
    lab = library.find(wanted)
    return lab.name, progress.note_skipped(lab.name)
