"""What `new`, `diff` and `sync` say: plans as text, and what to do next."""

from __future__ import annotations

import shlex
from typing import Any

from msforge.report.text import clean, clean_lines, hanging

MARKS = {"create": "+", "update": "~", "merge": "~", "remove": "-", "conflict": "!", "skip": " ", "identical": " "}
MOST = 12
LONGEST = 25
WIDTH = 80


def plan_text(plan: Any, *, brief: bool = False) -> str:
    """A new system's plan: its services, its files, and what it does not do. `brief` leaves the files out."""
    width = min(max([len(service["name"]) for service in plan.services] + [7]), LONGEST)
    lines = [f"{clean(plan.system)} in {clean(str(plan.folder))}: {len(plan.changes)} files to create"]
    shown = plan.services if not brief else plan.services[:MOST]
    lines += [_service(service, width) for service in shown]
    if len(shown) < len(plan.services):
        lines.append(f"  and {len(plan.services) - len(shown)} more services")
    if not brief:
        lines += ["", *(_file(change) for change in plan.changes)]
    if plan.unable:
        lines += ["", "The description also says what generated code does not do (yet):"]
        lines += [hanging(line) for line in plan.unable]
    return "\n".join(lines) + "\n"


def _service(service: Any, width: int) -> str:
    name, folder = clean(service["name"], limit=width), clean(service["folder"], limit=LONGEST)
    return f"  {name:<{width}}  {service['url']}  {folder}/"


def _file(change: Any) -> str:
    line = f"  {MARKS[change.action.value]} {change.action.value:<9} {clean(change.path, limit=300)}"
    reason = f"({clean(change.reason, limit=200)})" if change.reason else ""
    if len(line) + 2 + len(reason) <= WIDTH:
        return f"{line}  {reason}".rstrip()
    return f"{line}\n{hanging(reason, indent=' ' * 14)}"


def changes_text(plan: Any) -> str:
    """The files that a sync would touch, and the tally of all."""
    lines = [_file(change) for change in plan.pending]
    tally = ", ".join(f"{number} {action}" for action, number in plan.counts().items())
    return "\n".join([*lines, f"{len(plan.changes)} files: {tally}"]) + "\n"


def notes_text(plan: Any) -> str:
    """What is left to the user."""
    return "\n".join(hanging(f"note: {note}", indent="") for note in plan.notes)


def conflicts_text(plan: Any, *, check: bool = False) -> tuple[str, str]:
    """What is in conflict, and the way on."""
    number = len(plan.conflicts)
    what = f"{number} file{'s are' if number != 1 else ' is'} in conflict; nothing was changed"
    first = plan.conflicts[0]
    if check:
        return what, "run `msforge sync` to get msforge's side of each under .msforge/conflicts/"
    offered = f".msforge/conflicts/{first.path}"
    return what, (
        f"msforge's side is in {offered}: take over what you want from it into {first.path}, then say so: "
        f"msforge sync --resolved {first.path}"
    )


def what_next(plan: Any) -> str:
    """What to do with a new system."""
    folder = shlex.quote(str(plan.folder))
    return clean_lines(
        f"\nwritten to {plan.folder}. Try:\n"
        f"  cd {folder}\n"
        "  msforge up      all services on this machine\n"
        f"then change {plan.description}, and:\n"
        "  msforge diff    what that means for the code\n"
        "  msforge sync    do it; your own code stays"
    )
