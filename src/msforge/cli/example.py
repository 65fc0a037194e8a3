"""`msforge example`: list the examples that come with the package, copy one to work on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import JsonOption, guarded, quoted, terminal

app = typer.Typer()


def list_examples(as_json: JsonOption = False) -> None:
    """List the examples.

    \b
    Examples:
      msforge example list
      msforge example list --json
    """
    import msforge

    found = msforge.examples()
    term = terminal()
    if as_json:
        import json

        term.raw(json.dumps([{"name": e.name, "summary": e.summary} for e in found], indent=2) + "\n")
        return
    from msforge.report.tables import listing_table

    term.show(listing_table([(e.name, e.summary) for e in found]))
    term.say("\nrun one:   msforge simulate --example shop\ncopy one:  msforge example copy shop", style="dim")


def copy(
    name: Annotated[str, typer.Argument(help="The example's name.", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Where to; default: a new folder of its name.", show_default=False),
    ] = None,
) -> None:
    """Copy an example to a new folder. Never overwrites anything.

    \b
    Examples:
      msforge example copy shop
      msforge example copy shop my-shop
    """
    import msforge

    copied = msforge.copy_example(name, folder)
    term = terminal()
    term.say(f"copied to {copied.parent}. Try:\n  msforge simulate {quoted(copied)}")


def start(context: typer.Context) -> None:
    """List the examples that come with msforge, or copy one.

    \b
    Examples:
      msforge example list
      msforge example copy shop
    """
    if context.invoked_subcommand is None:
        list_examples()


app.callback(invoke_without_command=True)(guarded(start))
app.command("list")(guarded(list_examples))
app.command("copy")(guarded(copy))
