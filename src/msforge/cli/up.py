"""`msforge up`: run the generated services."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msforge.cli.common import QuietOption, terminal
from msforge.cli.running import HERE, FolderOption

if TYPE_CHECKING:
    from msforge.live.api import Generated
    from msforge.live.system import Up

DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Return once it is up; `msforge down` ends it.")]
ProcessesFlag = Annotated[bool, typer.Option("--processes", help="Each replica in a process of its own.")]
PortBaseOption = Annotated[
    int,
    typer.Option("--port-base", metavar="PORT", min=0, max=65000, help="The first port; 0: any that are free."),
]
SlowOption = Annotated[
    float,
    typer.Option("--slow-motion", metavar="TIMES", min=0.001, max=1000, help="Stretch all times by this."),
]

WithOption = Annotated[
    str,
    typer.Option(
        "--with", metavar="SERVER,...", envvar="MSFORGE_WITH",
        help="Servers to start beside the services, as installed here, or NAME=URL: rabbitmq, kafka, postgres, "
        "redis, prometheus.",
        show_default=False,
    ),
]


def up(
    detach: DetachOption = False,
    processes: ProcessesFlag = False,
    port_base: PortBaseOption = 8000,
    slow_motion: SlowOption = 1.0,
    servers: WithOption = "",
    folder: FolderOption = HERE,
    quiet: QuietOption = False,
) -> None:
    """Run the generated services on this machine until Ctrl-C.

    \b
    Examples:
      msforge up
      msforge up -C my-shop --detach
      msforge up --processes --port-base 9000
      msforge up --with rabbitmq,kafka,postgres,prometheus
    """
    import msforge

    term = terminal(quiet=quiet)

    def ready(up: Up, found: Generated) -> None:
        from msforge.report.running import up_summary

        term.say(f"{up.system} is up, in {up.took:.1f} s, {_way(up.way)}:")
        term.show(up_summary(up.urls))
        if up.servers:
            term.say("with:")
            term.show(up_summary(up.servers))
        _say_what_is_beyond(found, up, term)
        _say_what_to_try(found, up, term, detach)

    msforge.up(
        folder, processes=processes, port_base=port_base, slow_motion=slow_motion, servers=servers,
        detach=detach, ready=ready, tell=term.say,
    )


def _way(way: str) -> str:
    return "all in one process" if way == "one process" else "each replica in a process of its own"


def _say_what_is_beyond(found: Generated, up: Up, term: Any) -> None:
    from msforge.live.api import beyond
    from msforge.report.running import beyond_lines

    lines = beyond_lines(beyond(found.system, up.way, up.servers))
    if lines:
        term.say("\nnot as in the simulation:\n" + "\n".join(lines), style="dim")


def _say_what_to_try(found: Generated, up: Up, term: Any, detach: bool) -> None:
    from msforge.live.folder import option

    where = option(found.folder)
    curl = "curl.exe" if os.name == "nt" else "curl"  # PowerShell 5 has something else of that name
    tries = [f"{curl} -X {method} {url}" for method, url in _entries(found, up)[:1]]
    tries.append(f"msforge load{where}")
    busiest = max(found.system.services, key=lambda s: sum(1 for e in found.system.edges
                                                           if found.system.bodies[e.callee].service == s.index))
    tries += [f"msforge fault set {busiest.name} --slow 10x --for 20s{where}", f"msforge logs -f{where}"]
    if detach:
        tries.append(f"msforge down{where}")
    end = "" if detach else "\n\nCtrl-C takes it down"
    term.say("\ntry, in another terminal:\n" + "\n".join(f"  {line}" for line in tries) + end)


def _entries(found: Generated, up: Up) -> list[tuple[str, str]]:
    """Method and URL of what traffic reaches, or of anything."""
    from msforge.scaffold.context import address

    system = found.system
    reached = [step.target for step in system.steps if step.service < 0 and step.target >= 0]
    bodies = [system.bodies[i] for i in dict.fromkeys(reached)] or [b for b in system.bodies if b.consumer < 0]
    made = []
    for body in bodies:
        method, path = address(body)
        made.append((method, up.urls[system.services[body.service].name] + re.sub(r"\{[^}]*\}", "1", path)))
    return made
