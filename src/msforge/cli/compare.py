"""`msforge compare`: before and after, paired by seed, each difference with its interval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from msforge.cli.common import JsonOption, QuietOption, SetOption, existing, is_result, terminal
from msforge.cli.html import HtmlOption, OpenOption, check_html, write_html
from msforge.cli.simulate import DurationOption, ProcessesOption, ReplicationsOption, SeedOption
from msforge.errors import UsageError

if TYPE_CHECKING:
    from msforge.results import Result

Scenarios = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        "-s",
        metavar="NAME",
        help="With one file: compare it with this scenario, or (given twice) two scenarios.",
        show_default=False,
    ),
]


def compare(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="A result (JSON) or a description (YAML).", show_default=False)
    ],
    after: Annotated[
        Path | None,
        typer.Argument(
            metavar="AFTER", help="The same; left out: BEFORE changed by --scenario or --set.", show_default=False
        ),
    ] = None,
    scenarios: Scenarios = None,
    sets: SetOption = None,
    duration: DurationOption = None,
    seed: SeedOption = None,
    replications: ReplicationsOption = None,
    processes: ProcessesOption = None,
    every: Annotated[bool, typer.Option("--all", help="Show figures that did not change, too.")] = False,
    html: HtmlOption = None,
    open_it: OpenOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare two results, two descriptions, or a description with itself changed.

    \b
    Examples:
      msforge compare before.json after.json
      msforge compare shop.yaml shop-monolith.yaml --replications 10
      msforge compare shop.yaml --set services.payment.replicas=4 --html compare.html
      msforge compare shop.yaml --scenario payment-slow --scenario payment-down
    """
    import msforge
    from msforge.cli.interrupt import Interrupt
    from msforge.report.comparison import comparison_report
    from msforge.report.progress import ProgressBar

    term = terminal(quiet=quiet)
    check_html(html, open_it)
    sides = _sides(before, after, scenarios or [], sets or [], duration)
    with ProgressBar(term.err) as progress, Interrupt() as stop:
        options: dict[str, Any] = {
            "seed": seed,
            "replications": replications,
            "processes": processes,
            "progress": None if quiet else progress,
            "stop": stop,
        }
        results = _results(sides, options)
    compared = msforge.compare(*results)
    compared.after += _changed(*sides)
    if as_json:
        term.raw(compared.to_json())
    else:
        term.show(*comparison_report(compared, term.out.width, every=every))
    if html is not None:
        from msforge.report.page import comparison_page

        write_html(html, open_it, lambda command: comparison_page(compared, *results, command), term)


class Side(NamedTuple):
    """What stands on one side: a result file, or a description with what is laid over it."""

    path: Path
    scenario: str | None = None
    sets: tuple[str, ...] = ()

    @property
    def is_result(self) -> bool:
        """True for a file that looks like a Result."""
        return self.path.suffix == ".json" or is_result(self.path)


def _sides(
    before: Path, after: Path | None, scenarios: list[str], sets: list[str], duration: str | None
) -> tuple[Side, Side]:
    """Who is compared with whom.

    Two files: each as it stands, a single --scenario and every --set on both, two scenarios one each. One file: itself
    against itself with the --set; without one, against the scenario; given two scenarios, one against the other.
    """
    if len(scenarios) > 2:
        raise UsageError("--scenario at most twice: once for before, once for after")
    suffixes = (".yaml", ".yml", ".json")
    first = existing(before, suffixes=suffixes)
    second = existing(after, suffixes=suffixes) if after is not None else first
    always = (f"simulation.duration={duration}",) if duration else ()
    changes = (*sets, *always)
    if len(scenarios) == 2:
        return Side(first, scenarios[0], changes), Side(second, scenarios[1], changes)
    scenario = scenarios[0] if scenarios else None
    if after is not None:
        return Side(first, scenario, changes), Side(second, scenario, changes)
    if sets:
        return Side(first, scenario, always), Side(first, scenario, changes)
    if scenario is not None:
        return Side(first, None, always), Side(first, scenario, always)
    raise UsageError(
        f"nothing to compare {before} with",
        hint="name a second file, or a change: --scenario payment-down, --set services.payment.replicas=4",
    )


def _changed(before: Side, after: Side) -> str:
    """What only the second side was set to, for its title."""
    only = [change for change in after.sets if change not in before.sets]
    return f" with {', '.join(only)}" if only else ""


def _results(sides: tuple[Side, Side], options: dict[str, Any]) -> tuple[Result, Result]:
    """Both results; a description is simulated, with the seed and as many replications as the other side has."""
    import msforge

    done: dict[int, Result] = {}
    if all(side.is_result for side in sides):
        idle = [f"--{option}" for option in ("seed", "replications") if options[option] is not None]
        if idle:
            raise UsageError(
                f"both files are results: {' and '.join(idle)} would change nothing", hint="give the YAML files instead"
            )
    for n, side in enumerate(sides):
        if side.is_result:
            if side.scenario or side.sets:
                raise UsageError(
                    f"{side.path} is a result: a scenario, --set or --duration changes descriptions only",
                    hint="give the YAML file instead",
                )
            done[n] = msforge.read_result(side.path)
    for n, side in enumerate(sides):
        if n not in done:
            other = done.get(1 - n)
            same = {"seed": other.seed, "replications": other.replications} if other else {}
            given = {**options, **{k: v for k, v in same.items() if options[k] is None}}
            spec = msforge.load(side.path, scenario=side.scenario, sets=side.sets)
            done[n] = msforge.simulate(spec, **given)
            if done[n].interrupted:
                raise KeyboardInterrupt
    return done[0], done[1]
