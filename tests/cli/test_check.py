"""`msforge check`: everything wrong at once, on stdout, with exit code 3."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from typer.testing import CliRunner

import msforge
from msforge.cli import app

run = CliRunner().invoke


def test_all_errors_are_shown_with_their_places_and_the_exit_code_is_3(broken: Path) -> None:
    result = run(app, ["check", "broken.yaml"])
    assert result.exit_code == 3
    assert "thraeds" in result.stdout and "did you mean `threads`" in result.stdout
    assert "--> broken.yaml:6:5" in result.stdout and "broken.yaml:22:" in result.stdout
    assert result.stdout.endswith("2 errors\n")


def test_a_valid_file_says_so_and_warnings_alone_leave_it_valid(tiny: Path) -> None:
    result = run(app, ["check", "tiny.yaml"])
    assert result.exit_code == 0
    assert "error[" not in result.output
    warnings = msforge.check("tiny.yaml")
    assert all(d.severity == "warning" for d in warnings)
    assert run(app, ["check", "tiny.yaml", "--strict"]).exit_code == (3 if warnings else 0)


def test_strict_makes_a_warning_count(tiny: Path) -> None:
    change = "services.desk.replicas=1"
    result = run(app, ["check", "tiny.yaml", "--strict", "--set", change])
    assert result.exit_code == 3 and "--strict" in result.stderr and "warning[" in result.stdout
    assert run(app, ["check", "tiny.yaml", "--set", change]).exit_code == 0


def test_json_holds_every_field_of_every_diagnostic(broken: Path) -> None:
    result = run(app, ["check", "broken.yaml", "--json"])
    plain = json.loads(result.stdout)
    assert result.exit_code == 3 and plain["valid"] is False
    assert [(d["severity"], d["file"], d["line"]) for d in plain["diagnostics"]] == [
        ("error", "broken.yaml", 6), ("error", "broken.yaml", 22),
    ]  # fmt: skip


def test_resolved_is_the_file_with_every_default_and_means_the_same(tiny: Path) -> None:
    result = run(app, ["check", "tiny.yaml", "--resolved"])
    assert result.exit_code == 0
    plain = yaml.safe_load(result.stdout)
    assert plain["services"]["desk"]["queue"]["capacity"] == 100
    Path("again.yaml").write_text(result.stdout, "utf-8")
    assert msforge.load("again.yaml").resolved() == msforge.load("tiny.yaml").resolved()
    assert json.loads(run(app, ["check", "tiny.yaml", "--resolved", "--json"]).stdout)["resolved"] == plain


def test_scenario_and_set_are_laid_over_before_checking(tiny: Path) -> None:
    assert run(app, ["check", "tiny.yaml", "--scenario", "slow"]).exit_code == 0
    unknown = run(app, ["check", "tiny.yaml", "--scenario", "slwo"])
    assert unknown.exit_code == 2 and "slow" in unknown.stderr
    assert run(app, ["check", "tiny.yaml", "--set", "services.back.replicas=many"]).exit_code == 3
    assert run(app, ["check", "tiny.yaml", "--set", "nonsense"]).exit_code == 3


def test_the_schema_is_json_and_can_be_written_to_a_file(here: Path) -> None:
    printed = run(app, ["schema"])
    assert printed.exit_code == 0 and json.loads(printed.stdout) == msforge.schema()
    written = run(app, ["schema", "--out", "msforge.schema.json"])
    assert (written.exit_code, written.stdout) == (0, "")
    assert Path("msforge.schema.json").read_text("utf-8") == printed.stdout
    assert "yaml-language-server: $schema=./msforge.schema.json" in written.stderr
    assert run(app, ["schema", "--out", "no/such/folder.json"]).exit_code == 2
