"""What will be done to each file: data that can be printed, compared and tested before anything is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from difflib import unified_diff
from enum import StrEnum
from pathlib import Path
from typing import Any


class Owner(StrEnum):
    """Whose a file is."""

    MSFORGE = "msforge"     # rewritten whenever its content changes
    USER = "user"           # written once, then left alone
    BOTH = "both"           # msforge's changes are merged into the user's


class Action(StrEnum):
    """What happens to a file."""

    CREATE = "create"
    IDENTICAL = "identical"
    UPDATE = "update"
    MERGE = "merge"
    CONFLICT = "conflict"
    SKIP = "skip"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Generated:
    """A file as msforge would write it; `path` is relative, with `/`."""

    path: str
    content: bytes
    owner: Owner


@dataclass(frozen=True, slots=True)
class Change:
    """One file's fate. `before` is what is on disk, `after` what will be; `offer` is msforge's side of a conflict."""

    path: str
    owner: Owner
    action: Action
    reason: str = ""
    before: bytes | None = None
    after: bytes | None = None
    offer: bytes | None = None

    @property
    def writes(self) -> bool:
        """Whether the file will be written."""
        return self.action in (Action.CREATE, Action.UPDATE, Action.MERGE)

    def diff(self) -> str:
        """The change as a unified diff; for a conflict, from what is there to what msforge would write."""
        after = self.offer if self.action is Action.CONFLICT else self.after
        if self.action is Action.REMOVE:
            after = b""
        if after is None or after == self.before:
            return ""
        before = self.before or b""
        if b"\0" in before or b"\0" in after:
            return f"Binary file {self.path} differs\n"
        old = "/dev/null" if self.before is None else f"a/{self.path}"
        new = "/dev/null" if self.action is Action.REMOVE else f"b/{self.path}"
        lines = unified_diff(_lines(before), _lines(after), old, new)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").replace("\r\n", "\n").splitlines(keepends=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will happen below `folder`, and what a person should know about it."""

    folder: Path
    system: str
    description: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    """What is left to the user: handlers of removed endpoints, folders of removed services."""
    unable: tuple[str, ...] = ()
    """What the description says that the generated code does not do."""
    services: tuple[dict[str, Any], ...] = ()
    """Each service's name, folder, package and port."""
    fresh: bool = field(default=False)
    """Whether the folder is new."""

    @property
    def conflicts(self) -> tuple[Change, ...]:
        """Changes that need a person."""
        return tuple(change for change in self.changes if change.action is Action.CONFLICT)

    @property
    def pending(self) -> tuple[Change, ...]:
        """Changes that a sync would make, conflicts included."""
        return tuple(
            change for change in self.changes if change.action not in (Action.IDENTICAL, Action.SKIP)
        )

    def counts(self) -> dict[str, int]:
        """How many files there are of each action."""
        found = Counter(change.action for change in self.changes)
        return {action.value: found[action] for action in Action if found[action]}

    def to_data(self) -> dict[str, Any]:
        """The plan as plain data, for `--json`."""
        return {
            "folder": self.folder.as_posix(),
            "system": self.system,
            "description": self.description,
            "counts": self.counts(),
            "files": [
                {"path": c.path, "owner": c.owner.value, "action": c.action.value, "reason": c.reason}
                for c in self.changes
            ],
            "services": [dict(service) for service in self.services],
            "notes": list(self.notes),
            "unable": list(self.unable),
        }
