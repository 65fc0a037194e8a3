"""`msforge workshop`: what a teacher prepares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msforge.cli.common import QuietOption, guarded, terminal

app = typer.Typer(help="Prepare a workshop.", no_args_is_help=True)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make or to complete.")]
PlatformsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--platform", metavar="NAME", show_default="this one's",
        help="Laptops to make it for: windows, macos, linux, win_amd64, win_arm64, macosx_arm64, macosx_x86_64, "
        "linux_x86_64, linux_aarch64, or one of pip's tags. Repeatable.",
    ),
]
PythonsOption = Annotated[
    list[str] | None,
    typer.Option("--python", metavar="VERSION", show_default="this one's",
                 help="Versions of Python on them, e.g. 3.12. Repeatable."),
]
ExtrasOption = Annotated[
    list[str] | None,
    typer.Option("--extra", metavar="NAME", show_default="none",
                 help="Optional parts: grpc, tracing, rabbitmq, postgres, redis, kafka, kafka-broker, labs. "
                 "Repeatable; labs is always there."),
]


def bundle(
    folder: FolderArgument,
    platforms: PlatformsOption = None,
    pythons: PythonsOption = None,
    extras: ExtrasOption = None,
    quiet: QuietOption = False,
) -> None:
    """Make a folder with everything for a room without Wi-Fi: wheels, examples, docs, and scripts that install them.

    Needs a package index once. Interrupted, the same command goes on; complete, it only brings msforge up to date.

    \b
    Examples:
      msforge workshop bundle for-the-class
      msforge workshop bundle for-the-class --platform windows --platform macos --python 3.12 --python 3.13
    """
    import msforge

    term = terminal(quiet=quiet)
    try:
        made = msforge.bundle_workshop(
            folder, platforms=platforms or (), pythons=pythons or (), extras=extras or (), tell=term.say
        )
    except KeyboardInterrupt:
        term.say("what was fetched is kept; the same command goes on")
        raise
    from msforge.report.workshop import bundle_summary

    term.show(*bundle_summary(made, term.out.width))
    term.say(f"\ncopy {made.folder} to each laptop; its README.md says what to type there")


app.command("bundle")(guarded(bundle))
