"""`msforge diff`: what `msforge sync` would change."""

from __future__ import annotations

from typing import Annotated

import typer

from msforge.cli.common import JsonOption, QuietOption, terminal
from msforge.cli.new import TemplatesOption, TrustOption
from msforge.cli.running import HERE, FolderOption


def diff(
    names_only: Annotated[bool, typer.Option("--names", help="List the files alone.")] = False,
    templates: TemplatesOption = None,
    trust: TrustOption = False,
    folder: FolderOption = HERE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show what `msforge sync` would change, as a unified diff.

    \b
    Examples:
      msforge diff
      msforge diff -C my-shop --names
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
