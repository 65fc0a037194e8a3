"""`msforge advise`: is it time for microservices?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from msforge.cli.common import JsonOption, QuietOption, ScenarioOption, existing, terminal

NumbersArgument = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="A team's numbers (YAML), e.g. `engineers: 12`.", show_default=False),
]
SystemOption = Annotated[
    Path | None,
    typer.Option("--system", metavar="FILE", help="Take what a system's description says.", show_default=False),
]
SetNumberOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other number, e.g. upkeep=16h. Repeatable.",
                 show_default=False),
]
SimulateFlag = Annotated[
    bool, typer.Option("--simulate", help="Latencies at p99 by simulating the system, instead of means by theory."),
]


def _number(flag: str, metavar: str, help: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=help, show_default=False)


EngineersOption = Annotated[str | None, _number("--engineers", "N", "People who change the code.")]
ServicesOption = Annotated[str | None, _number("--services", "N", "Services that are planned.")]
RateOption = Annotated[str | None, _number("--rate", "RATE", "Requests at an ordinary peak, e.g. 200/s.")]
CpuOption = Annotated[str | None, _number("--cpu", "TIME", "CPU time of a request in all, e.g. 10ms.")]
BudgetOption = Annotated[str | None, _number("--budget", "TIME", "How long a request may take, e.g. 300ms.")]
AloneOption = Annotated[str | None, _number("--alone", "TIME", "How long it takes in one program, e.g. 80ms.")]
DeploysOption = Annotated[str | None, _number("--deploys", "N", "Deployments wanted a day.")]
DeployTimeOption = Annotated[str | None, _number("--deploy-time", "TIME", "How long one takes, e.g. 30m.")]
PeakOption = Annotated[str | None, _number("--peak", "FACTOR", "Own peak of the most uneven part, e.g. 5x.")]
ShareOption = Annotated[str | None, _number("--share", "SHARE", "That part's share of the CPU time, e.g. 20%.")]
LanguagesOption = Annotated[str | None, _number("--languages", "N", "Languages or runtimes needed.")]
AvailabilityOption = Annotated[
    str | None, _number("--availability", "SHARE", "Share of requests to be answered, e.g. 99.9%.")
]


def advise(
    file: NumbersArgument = None,
    system: SystemOption = None,
    scenario: ScenarioOption = None,
    simulate: SimulateFlag = False,
    engineers: EngineersOption = None,
    services: ServicesOption = None,
    rate: RateOption = None,
    cpu: CpuOption = None,
    budget: BudgetOption = None,
    alone: AloneOption = None,
    deploys: DeploysOption = None,
    deploy_time: DeployTimeOption = None,
    peak: PeakOption = None,
    share: ShareOption = None,
    languages: LanguagesOption = None,
    availability: AvailabilityOption = None,
    sets: SetNumberOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Is it time for microservices? How many deployables a team's numbers ask for, how many they allow, and why.

    Without a file, a system or an option it asks, on a terminal. What nobody says is assumed, and shown.

    \b
    Examples:
      msforge advise --engineers 12 --services 8 --budget 300ms --alone 120ms
      msforge advise --engineers 30 --deploys 12 --set upkeep=16h
      msforge advise --system shop.yaml --engineers 40 --deploys 25
    """
    import msforge
    from msforge.report.advise import advice_page

    term = terminal(quiet=quiet)
    options = {
        "engineers": engineers, "services": services, "rate": rate, "cpu": cpu, "budget": budget, "alone": alone,
        "deploys": deploys, "deploy_time": deploy_time, "peak": peak, "share": share, "languages": languages,
        "availability": availability,
    }
    said: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    said |= dict(_pair(one) for one in sets or ())
    if not said and file is None and system is None:
        said = _ask()
    if simulate and not quiet:
        term.say("simulating with and without the network ...", style="dim")
    found = msforge.advise(
        said, file=existing(file) if file is not None else None,
        system=existing(system) if system is not None else None, scenario=scenario, simulated=simulate,
    )
    if as_json:
        import json

        term.raw(json.dumps(found.to_dict(), indent=2, ensure_ascii=False) + "\n")
        return
    term.show(*advice_page(found, term.out.width))


def _pair(text: str) -> tuple[str, str]:
    from msforge.errors import UsageError

    name, given, value = text.partition("=")
    if not given:
        raise UsageError(f"--set wants NAME=VALUE, not {text!r}", hint="e.g. --set upkeep=16h")
    return name.strip(), value.strip()


def _at_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask() -> dict[str, Any]:
    """Ask a person, question by question; an answer that cannot be read is asked for again."""
    from msforge.errors import UsageError

    if not _at_a_terminal():
        raise UsageError(
            "advise needs a team's numbers, and there is no terminal to ask at",
            hint="e.g. msforge advise --engineers 12 --services 8, a file of numbers, or --system shop.yaml",
        )
    from msforge.analysis.style.fields import FIELDS
    from msforge.units import UnitError

    typer.echo("Enter takes what stands in brackets; Ctrl-C ends.\n", err=True)
    answers: dict[str, Any] = {}
    for field in FIELDS:
        if not field.asked:
            continue
        usual = field.shown or "half the people"
        while True:
            answer = typer.prompt(field.question, default=usual, err=True).strip()
            if answer == usual:
                break
            try:
                field.parse(answer)
            except UnitError as error:
                typer.echo(f"  {error}" + (f"; {error.help}" if error.help else ""), err=True)
                continue
            answers[field.name] = answer
            break
    typer.echo("", err=True)
    return answers
