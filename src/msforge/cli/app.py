"""Mounts the commands. Each lives in its own file and is wrapped by `guarded`, so it may simply raise."""

from __future__ import annotations

import typer

from msforge.cli import (
    advise,
    calibrate,
    check,
    compare,
    diff,
    doctor,
    down,
    example,
    explain,
    fault,
    graph,
    import_,
    lab,
    load,
    logs,
    new,
    play,
    ps,
    report,
    schema,
    simulate,
    sync,
    up,
    verify,
    workshop,
)
from msforge.cli.common import guarded, settings
from msforge.cli.running import AboutASystem
from msforge.cli.streams import prepare_streams

HELP = """
Describe a system of microservices in one YAML file, simulate it,
and see what a timeout, a retry or one more replica does.

Three things to try first:

\b
  msforge simulate --example shop                          a shop under load
  msforge simulate --example shop --scenario payment-down  payment is down
  msforge example copy shop                                a file to change
"""

app = typer.Typer(
    name="msforge",
    help=HELP,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"msforge {version('msforge')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
    debug: bool = typer.Option(
        False, "--debug", envvar="MSFORGE_DEBUG", help="Show the full traceback of an unexpected error."
    ),
) -> None:
    settings.debug = debug
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("simulate")(guarded(simulate.simulate))
app.command("check")(guarded(check.check))
app.command("explain")(guarded(explain.explain))
app.command("report")(guarded(report.report))
app.command("compare")(guarded(compare.compare))
app.command("graph")(guarded(graph.graph))
app.command("import")(guarded(import_.import_))
app.command("play")(guarded(play.play))
app.command("schema")(guarded(schema.schema))
app.command("new")(guarded(new.new))
app.command("diff", cls=AboutASystem)(guarded(diff.diff))
app.command("sync", cls=AboutASystem)(guarded(sync.sync))
app.command("up", cls=AboutASystem)(guarded(up.up))
app.command("ps", cls=AboutASystem)(guarded(ps.ps))
app.command("logs", cls=AboutASystem)(guarded(logs.logs))
app.command("down", cls=AboutASystem)(guarded(down.down))
app.command("load", cls=AboutASystem)(guarded(load.load))
app.command("advise")(guarded(advise.advise))
app.command("doctor")(guarded(doctor.doctor))
app.command("verify", cls=AboutASystem)(guarded(verify.verify))
app.command("calibrate")(guarded(calibrate.calibrate))
app.add_typer(fault.app, name="fault")
app.add_typer(example.app, name="example")
app.add_typer(workshop.app, name="workshop")
app.add_typer(lab.app, name="lab")


def main() -> None:
    """The entry point of the `msforge` script."""
    import signal

    prepare_streams()
    settings.own_process = True
    if hasattr(signal, "SIGBREAK"):  # Windows: Ctrl-Break ends a run as Ctrl-C does
        signal.signal(signal.SIGBREAK, signal.default_int_handler)
    app(prog_name="msforge")
