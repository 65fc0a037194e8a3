"""`msforge fault`: the file's faults, by hand, on the services that run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from msforge.cli.common import JsonOption, guarded, terminal
from msforge.cli.running import HERE, AboutASystem, FolderOption
from msforge.errors import UsageError

app = typer.Typer()


def set_fault(
    target: Annotated[
        str | None,
        typer.Argument(metavar="TARGET", help="A service, a store or service.endpoint.", show_default=False),
    ] = None,
    slow: Annotated[
        str | None, typer.Option("--slow", metavar="10x|200ms", help="Take so many times as long, or so much longer.")
    ] = None,
    fail: Annotated[str | None, typer.Option("--fail", metavar="10%", help="Let this share of requests fail.")] = None,
    status: Annotated[int | None, typer.Option("--status", help="With --fail: the status they end with.")] = None,
    crash: Annotated[
        bool, typer.Option("--crash", help="Kill its replicas; with --fail, let each failure kill one.")
    ] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Stop its world.")] = False,
    zone: Annotated[str | None, typer.Option("--zone", metavar="ZONE", help="Take down a whole zone.")] = None,
    cut: Annotated[str | None, typer.Option("--cut", metavar="'A->B'", help="Let nothing pass from A to B.")] = None,
    delay: Annotated[
        str | None, typer.Option("--delay", metavar="'A->B=200ms'", help="Add to each hop between them.")
    ] = None,
    drop: Annotated[
        str | None, typer.Option("--drop", metavar="'A->B=10%'", help="Lose this share of what passes.")
    ] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long.", show_default="until cleared")
    ] = None,
    replicas: Annotated[int | None, typer.Option("--replicas", min=1, help="Only so many of its replicas.")] = None,
    folder: FolderOption = HERE,
) -> None:
    """Begin a fault, written as in a file.

    \b
    Examples:
      msforge fault set payment --slow 10x --for 20s
      msforge fault set order --fail 10% --status 503
      msforge fault set payment --crash --replicas 1
      msforge fault set --cut 'order->payment'
      msforge fault set --delay 'clients->gateway=200ms'
    """
    import msforge
    from msforge.live.folder import option

    given: dict[str, Any] = {
        "slow": slow, "fail": fail, "crash": crash and fail is None, "pause": pause, "zone": zone, "cut": cut,
        "delay": delay, "drop": drop,
    }
    chosen = [kind for kind, value in given.items() if value]
    if len(chosen) != 1:
        what = " and ".join(f"--{kind}" for kind in chosen) if chosen else "nothing"
        raise UsageError(
            f"a fault is one of --slow, --fail, --crash, --pause, --zone, --cut, --delay, --drop; given is {what}",
            hint="such as: msforge fault set payment --slow 10x",
        )
    fault = _of_link(chosen[0], given[chosen[0]]) if chosen[0] in ("cut", "delay", "drop") else (
        {"zone": zone} if chosen[0] == "zone" else _of_target(chosen[0], target, given[chosen[0]])
    )
    if chosen[0] in ("cut", "delay", "drop", "zone") and target is not None:
        raise UsageError(f"--{chosen[0]} names its own target; leave out {target}")
    more = {"status": status, "replicas": replicas, "for": lasts}
    fault |= {key: value for key, value in more.items() if value is not None}
    if crash and fail is not None:
        fault["kind"] = "crash"
    number, label = msforge.set_fault(folder, fault)
    term = terminal()
    term.raw(f"{number}\n")
    term.say(f"{label}; to end it: msforge fault clear {number}{option(folder)}")


def _of_target(kind: str, target: str | None, value: Any) -> dict[str, Any]:
    if target is None:
        raise UsageError(f"--{kind} needs a target", hint=f"such as: msforge fault set payment --{kind} ...")
    fault: dict[str, Any] = {kind: target}
    if kind == "slow":
        fault["by" if str(value).strip().endswith("x") else "add"] = value
    if kind == "fail":
        fault["rate"] = value
    return fault


def _of_link(kind: str, text: str) -> dict[str, Any]:
    link, _, amount = text.partition("=")
    caller, arrow, callee = link.partition("->")
    if not arrow or (kind != "cut" and not amount) or (kind == "cut" and amount):
        example = {"cut": "order->payment", "delay": "order->payment=200ms", "drop": "order->payment=10%"}[kind]
        raise UsageError(f"--{kind} {text!r} is not understood", hint=f"write it as --{kind} '{example}'")
    fault: dict[str, Any] = {kind: f"{caller.strip()} -> {callee.strip()}"}
    if kind != "cut":
        fault["add" if kind == "delay" else "rate"] = amount.strip()
    return fault


def list_faults(folder: FolderOption = HERE, as_json: JsonOption = False) -> None:
    """List the faults that are on.

    \b
    Examples:
      msforge fault list
    """
    import msforge

    found = msforge.faults(folder)
    term = terminal()
    if as_json:
        import json

        term.raw(json.dumps(found, indent=2) + "\n")
    elif found:
        from msforge.report.running import faults_table

        term.show(*faults_table(found))
    else:
        term.say("no fault is on")


def clear(
    number: Annotated[
        str | None, typer.Argument(metavar="ID", help="The fault's id; without it, all.", show_default=False)
    ] = None,
    folder: FolderOption = HERE,
) -> None:
    """End a fault, or all of them.

    \b
    Examples:
      msforge fault clear
      msforge fault clear f1
    """
    import msforge

    cleared = msforge.clear_faults(folder, number)
    terminal().say(f"cleared: {', '.join(cleared)}" if cleared else "no fault was on")


def start() -> None:
    """Break something in the services that run, and mend it: set, list, clear.

    \b
    Examples:
      msforge fault set payment --slow 10x
      msforge fault list
    """


app.callback(no_args_is_help=True)(start)
app.command("set", cls=AboutASystem)(guarded(set_fault))
app.command("list", cls=AboutASystem)(guarded(list_faults))
app.command("clear", cls=AboutASystem)(guarded(clear))
