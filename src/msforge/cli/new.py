"""`msforge new`: a description as services that run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msforge.cli.common import JsonOption, QuietOption, existing, terminal
from msforge.errors import UsageError

if TYPE_CHECKING:
    from msforge.scaffold.plan import Plan

TemplatesOption = Annotated[
    Path | None,
    typer.Option("--templates", metavar="DIR", help="Use these cookiecutter templates.", show_default=False),
]
TrustOption = Annotated[bool, typer.Option("--trust", help="Let these templates run their own hooks and extensions.")]


def new(
    name: Annotated[str, typer.Argument(metavar="DIR", help="The new folder.", show_default=False)],
    example: Annotated[
        str | None, typer.Option("--example", metavar="NAME", help="Begin with this example.", show_default=False)
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Begin with this description.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and write nothing.")] = False,
    templates: TemplatesOption = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Turn a description into services that you can open, run, break and extend.

    \b
    Examples:
      msforge new shop
      msforge new my-shop --example shop --yes
      msforge new shop --from shop.yaml --dry-run
    """
    import msforge
    from msforge.report.scaffold import plan_text, what_next

    term = terminal(quiet=quiet)
    ask = not yes and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    file = _source(name, example, source, ask=ask)
    if ask and not dry_run:
        planned = msforge.new(file, name, templates=templates, trust=trust, dry_run=True)
        term.raw(plan_text(planned, brief=True))
        if not typer.confirm("Write this?", default=True, err=True):
            raise typer.Exit(0)
    plan = msforge.new(file, name, templates=templates, trust=trust, dry_run=dry_run)
    if as_json:
        _print_json(term, plan)
    elif dry_run:
        term.raw(plan_text(plan))
    else:
        if not ask:
            term.raw(plan_text(plan, brief=True))
        term.say(what_next(plan))


def _print_json(term: object, plan: Plan) -> None:
    import json

    term.raw(json.dumps(plan.to_data(), indent=2, ensure_ascii=False) + "\n")  # type: ignore[attr-defined]


def _source(name: str, example: str | None, source: Path | None, *, ask: bool) -> Path:
    """The description to begin with: the one that was said, or asked for, or the example of the folder's name."""
    if example is not None and source is not None:
        raise UsageError("give --example or --from, not both", hint="leave one of them out")
    if source is not None:
        return existing(source)
    from msforge.catalog import example as find
    from msforge.catalog import examples

    if example is not None:
        return find(example).file
    known = {found.name: found.file for found in examples()}
    wanted = Path(name).name
    if ask:
        default = wanted if wanted in known else "shop"
        typer.echo(f"Examples: {', '.join(known)}", err=True)
        answer = typer.prompt("Begin with an example, or with a description (a file)", default=default, err=True)
        return known[answer] if answer in known else existing(Path(answer))
    if wanted in known:
        return known[wanted]
    raise UsageError(
        "nothing to begin with", hint=f"name an example or a file: msforge new {wanted} --example shop, or --from FILE"
    )
