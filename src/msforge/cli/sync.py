"""`msforge sync`: brings the code up to its description; edits survive."""

from __future__ import annotations

from typing import Annotated

import typer

from msforge.cli.common import JsonOption, QuietOption, terminal
from msforge.cli.new import TemplatesOption, TrustOption
from msforge.cli.running import HERE, FolderOption

CONFLICT = 4


def sync(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 4 when something is out of date or in conflict.")
    ] = False,
    resolved: Annotated[
        list[str] | None,
        typer.Option("--resolved", metavar="PATH", help="Keep this file as it is now. Repeatable.", show_default=False),
    ] = None,
    restore: Annotated[
        list[str] | None,
        typer.Option("--restore", metavar="PATH", help="Write a file anew that you deleted.", show_default=False),
    ] = None,
    adopt: Annotated[
        str, typer.Option("--adopt", metavar="FILE", help="Begin anew without a state file.", show_default=False)
    ] = "",
    templates: TemplatesOption = None,
    trust: TrustOption = False,
    folder: FolderOption = HERE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bring generated code up to its description. Nothing of yours is overwritten.

    \b
    Examples:
      msforge sync
      msforge sync --check
      msforge sync --resolved services/order/README.md
    """
    import msforge
    from msforge.report.scaffold import changes_text, conflicts_text, notes_text

    term = terminal(quiet=quiet)
    plan = msforge.sync(
        folder, check=check, resolved=resolved or (), restore=restore or (), adopt=adopt, templates=templates,
        trust=trust,
    )
    if as_json:
        import json

        term.raw(json.dumps(plan.to_data(), indent=2, ensure_ascii=False) + "\n")
    else:
        if plan.pending:
            term.raw(changes_text(plan))
        else:
            term.say(f"nothing to do: the code is as {plan.description} says")
        notes = notes_text(plan)
        if notes:
            term.say(notes)
    if plan.conflicts:
        term.fail(*conflicts_text(plan, check=check))
        raise typer.Exit(CONFLICT)
    if check and plan.pending:
        term.fail(f"{len(plan.pending)} files are out of date", "see how: msforge diff; do it: msforge sync")
        raise typer.Exit(CONFLICT)
