"""Help is quick, complete, and shows how each command is used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

import msforge
from msforge.cli import app

run = CliRunner().invoke
COMMANDS = ["simulate", "check", "explain", "report", "compare", "graph", "schema", "example", "example list",
            "example copy", "play", "new", "diff", "sync", "up", "ps", "logs", "down", "load", "fault set",
            "fault list", "fault clear"]  # fmt: skip
HEAVY = [
    "simpy",
    "numpy",
    "pydantic",
    "pydantic_core",
    "yaml",
    "scipy",
    "importlib.metadata",
    "msforge.spec",
    "msforge.model",
    "msforge.sim",
    "msforge.results",
    "msforge.analysis",
    "msforge.recording",
    "msforge.report",
    "msforge.scaffold",
    "jinja2",
    "cookiecutter",
    "merge3",
]


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom msforge.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit as e:\n    assert not e.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_a_command_the_help_and_three_things_to_try_are_shown() -> None:
    result = run(app, [])
    assert result.exit_code == 0
    for words in ("msforge simulate --example shop", "--scenario payment-down", "msforge example copy shop"):
        assert words in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_of_itself(command: str) -> None:
    result = run(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"  msforge {command}" in result.stdout


def test_the_version_is_the_packages() -> None:
    result = run(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"msforge {version('msforge')}\n")
    done = subprocess.run([sys.executable, "-m", "msforge", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == result.stdout


def test_a_mistyped_command_or_option_is_a_usage_error_with_a_suggestion() -> None:
    result = run(app, ["simulatee"])
    assert result.exit_code == 2 and "simulate" in result.stderr
    assert run(app, ["simulate", "--sed", "1"]).exit_code == 2
    assert run(app, ["simulate", "x.yaml", "--replications", "0"]).exit_code == 2


def test_the_public_door_is_pinned() -> None:
    assert " ".join(msforge.__all__) == (
        "ConflictError ConservationError Diagnostic InvalidFileError MsforgeError ResultFormatError Severity "
        "UsageError check clear_faults compare copy_example diff down estimate examples explain faults graph load "
        "logs new play ps read_result schema send_traffic set_fault simulate sync up write_result"
    )
    assert all(hasattr(msforge, name) for name in msforge.__all__)
