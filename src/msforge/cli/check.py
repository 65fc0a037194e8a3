"""`msforge check`: every error and every warning, at its line and column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from msforge.cli.common import (
    INVALID,
    ExampleOption,
    FileArgument,
    JsonOption,
    QuietOption,
    ScenarioOption,
    SetOption,
    StrictOption,
    loading,
    strictly,
    terminal,
)

if TYPE_CHECKING:
    from msforge.errors import Diagnostic


def check(
    file: FileArgument = None,
    example: ExampleOption = None,
    scenario: ScenarioOption = None,
    sets: SetOption = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Print the file with every default filled in.")] = False,
    as_json: JsonOption = False,
    strict: StrictOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check a description: all errors and warnings, each with its place and what to do.

    \b
    Examples:
      msforge check shop.yaml
      msforge check shop.yaml --scenario payment-down --strict
      msforge check shop.yaml --resolved
    """
    import msforge
    from msforge.errors import Severity
    from msforge.report.diagnostics import show_diagnostics, tally

    term = terminal(quiet=quiet)
    given = loading(file, example, scenario, sets)
    found = msforge.check(**given)
    errors = sum(d.severity is Severity.ERROR for d in found)
    if as_json:
        term.raw(_json(found, given, resolved=resolved and not errors))
    elif resolved and not errors:
        term.raw(_yaml(msforge.load(**given).resolved()))
        show_diagnostics(term.err, found)
    else:
        show_diagnostics(term.out, found)
        if not found:
            term.say(f"{given['source']}: {tally(found)}")
    if errors:
        raise typer.Exit(INVALID)
    strictly(strict, len(found), term)


def _json(found: list[Diagnostic], given: dict[str, object], *, resolved: bool) -> str:
    import dataclasses
    import json

    import msforge

    plain: dict[str, object] = {
        "valid": not any(d.severity == "error" for d in found),
        "diagnostics": [dataclasses.asdict(d) for d in found],
    }
    if resolved:
        plain["resolved"] = msforge.load(**given).resolved()  # type: ignore[arg-type]
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _yaml(plain: object) -> str:
    import yaml

    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
