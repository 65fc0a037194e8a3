"""The commands: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from msforge.cli import app

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_new_begins_with_the_example_of_that_name_and_says_what_to_do_next() -> None:
    result = run(app, ["new", "shop"])
    assert result.exit_code == 0
    assert "http://127.0.0.1:8000" in result.stdout and "msforge up" in result.stderr
    assert "brokers as products" in result.stdout
    again = run(app, ["new", "shop"])
    assert again.exit_code == 4 and "not empty" in again.stderr


def test_a_dry_run_writes_nothing_and_its_json_is_the_plan() -> None:
    result = run(app, ["new", "mine", "--example", "fan-out", "--dry-run"])
    assert result.exit_code == 0 and "+ create" in result.stdout
    data = json.loads(run(app, ["new", "mine", "--example", "fan-out", "--dry-run", "--json"]).stdout)
    assert data["counts"] == {"create": len(data["files"])}
    assert not Path("mine").exists()


def test_new_needs_something_to_begin_with() -> None:
    for arguments in (["new", "nothing"], ["new", "x", "--example", "shop", "--from", "y.yaml"], ["new", "a/NUL",
                      "--example", "shop"], ["new", "x", "--from", "missing.yaml"]):  # fmt: skip
        result = run(app, arguments)
        assert result.exit_code == 2, arguments
        assert "help:" in result.stderr


def test_diff_and_sync_agree_and_exit_codes_tell(made: Path) -> None:
    assert run(app, ["sync", "-C", str(made), "--check"]).exit_code == 0
    description = made / "small.yaml"
    description.write_text(description.read_text("utf-8").replace("100ms", "150ms"), "utf-8")
    shown = run(app, ["diff", "-C", str(made)])
    assert shown.exit_code == 0 and "+    timeout=150 * MS," in shown.stdout
    data = json.loads(run(app, ["diff", "-C", str(made), "--json"]).stdout)
    assert any("150 * MS" in file["diff"] for file in data["files"])
    assert run(app, ["sync", "-C", str(made), "--check"]).exit_code == 4
    clients = made / "services/desk/desk_service/clients.py"
    text = clients.read_text("utf-8")
    clients.write_text(text + "MINE = 1\n", "utf-8")
    conflict = run(app, ["sync", "-C", str(made)])
    assert conflict.exit_code == 4 and "--resolved services/desk/desk_service/clients.py" in conflict.stderr
    clients.write_text(text, "utf-8")
    assert run(app, ["sync", "-C", str(made)]).exit_code == 0
    assert run(app, ["sync", "-C", str(made), "--check"]).exit_code == 0


def test_a_folder_without_a_state_is_told_what_to_do() -> None:
    result = run(app, ["sync"])
    assert result.exit_code == 3 and "--adopt" in result.stderr
