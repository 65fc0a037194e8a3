"""`msforge play`: the simulation while it runs, in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from msforge.cli.common import ExampleOption, FileArgument, QuietOption, ScenarioOption, SetOption, loading, terminal
from msforge.web import PORT

PortOption = Annotated[
    int, typer.Option("--port", "-p", metavar="PORT", min=0, max=65535, help="The port; 0: any that is free.")
]


def play(
    file: FileArgument = None,
    example: ExampleOption = None,
    scenario: ScenarioOption = None,
    sets: SetOption = None,
    port: PortOption = PORT,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Watch the system run in a browser, and turn things while it does, until Ctrl-C.

    Rate, replicas, timeouts, retries, breakers and faults change at once; what was
    done can be copied as a scenario that repeats it exactly.

    \b
    Examples:
      msforge play --example shop --open
      msforge play shop.yaml --scenario black-friday
      msforge play shop.yaml --port 9000
    """
    import msforge
    from msforge.cli.html import open_page

    term = terminal(quiet=quiet)

    def ready(address: str) -> None:
        term.show(address)
        term.say("this machine only; Ctrl-C ends it")
        if open_:
            open_page(address, address, term)

    msforge.play(**loading(file, example, scenario, sets), port=port, ready=ready)
