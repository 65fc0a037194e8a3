"""`msforge diff`: what `msforge sync` would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import JsonOption, QuietOption, terminal
from msforge.cli.new import TemplatesOption, TrustOption

FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The system's folder; default: this one.", show_default=False)
]


def diff(
    folder: FolderArgument = Path(),
    names_only: Annotated[bool, typer.Option("--names", help="List the files alone.")] = False,
    templates: TemplatesOption = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show what `msforge sync` would change, as a unified diff.

    \b
    Examples:
      msforge diff
      msforge diff my-shop --names
    """
    import msforge
    from msforge.report.scaffold import changes_text, notes_text

    term = terminal(quiet=quiet)
    plan = msforge.diff(folder, templates=templates, trust=trust)
    if as_json:
        import json

        plain = plan.to_data()
        shown = {change.path: change.diff() for change in plan.pending}
        for file in plain["files"]:
            file["diff"] = shown.get(file["path"], "")
        term.raw(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
        return
    if not plan.pending:
        term.say(f"nothing to do: the code is as {plan.description} says")
    elif names_only:
        term.raw(changes_text(plan))
    else:
        term.raw("".join(change.diff() for change in plan.pending))
        term.say(changes_text(plan).rstrip("\n"))
    notes = notes_text(plan)
    if notes:
        term.say(notes)
