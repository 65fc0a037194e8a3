"""The numbered SQL files of a service's database (`0001_orders.sql`, ...), and what keeps them all or nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from msforge.runtime.part_error import PartError

NAMED: Final = re.compile(r"(\d{1,9})_[\w.-]+\.sql", re.ASCII)


class StoreError(PartError):
    """The database can't be used; the message says why and what to do."""


class Migration(NamedTuple):
    """A numbered file."""

    number: int
    path: Path
    text: str

    @property
    def digest(self) -> str:
        """What says whether it was changed."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations_in(folder: Path | None) -> list[Migration]:
    """The migrations of a folder in order. Raises StoreError when a name or a text can't be read."""
    found: dict[int, Migration] = {}
    if folder is None or not folder.is_dir():
        return []
    for path in sorted(folder.glob("*.sql")):
        match = NAMED.fullmatch(path.name)
        if match is None:
            raise StoreError(f"{path}: a migration is named like 0001_orders.sql")
        number = int(match[1])
        if number in found:
            raise StoreError(f"{path.name} and {found[number].path.name} have the same number")
        try:
            found[number] = Migration(number, path, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as problem:
            raise StoreError(f"{path}: can't be read: {problem}") from problem
    return [found[number] for number in sorted(found)]


def refuse_strange(applied: Mapping[int, str], files: list[Migration], folder: Path | None, database: str) -> None:
    """Raises StoreError when a database has had a migration that is in no file."""
    strange = sorted(set(applied) - {migration.number for migration in files})
    if strange and folder is not None:
        raise StoreError(f"{database} has migration {strange[0]}, which is not in {folder}: a newer version of this "
                         "service made it; update the service, or begin with a new database")


def is_new(migration: Migration, applied: Mapping[int, str], database: str) -> bool:
    """Whether it is still to be applied. Raises StoreError when it was changed, or comes too late."""
    if migration.number not in applied:
        if applied and max(applied) > migration.number:
            raise StoreError(f"{migration.path.name} is new, but number {max(applied)} has been applied already; "
                             "number it after that")
        return True
    if applied[migration.number] != migration.digest:
        raise StoreError(f"{migration.path.name} was changed after it had been applied to {database}; write a new "
                         "migration instead")
    return False


def failed(migration: Migration, line: int, statement: str, problem: object) -> StoreError:
    """What is said of a statement that failed."""
    return StoreError(f"{migration.path.name}, line {line}: {problem}\n    {_first(statement)}\n"
                      f"Nothing of {migration.path.name} was kept.")


def ends_transaction(migration: Migration, line: int, statement: str) -> StoreError:
    """What is said of a COMMIT in a migration."""
    return StoreError(f"{migration.path.name}, line {line}: a migration runs in a transaction of its own; take this "
                      f"out\n    {_first(statement)}")


def _first(statement: str) -> str:
    return statement.strip().splitlines()[0]
