"""`--traces`, `--metrics` and `msforge import`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from msforge.cli import app


def run(*arguments: str) -> Result:
    one = ["-n", "1", "--processes", "1"] if arguments[0] == "simulate" else []
    return CliRunner().invoke(app, [*arguments, *one])


@pytest.fixture
def traced(tiny: Path) -> Path:
    """Traces of a hundred requests."""
    assert run("simulate", str(tiny), "--traces", "t.json", "--traces-count", "100", "--out", "run.json").exit_code == 0
    return Path("t.json")


def test_simulate_and_report_write_the_same_traces_and_metrics(traced: Path) -> None:
    again = run("report", "run.json", "--traces", "again.json", "--metrics", "run.prom")
    assert again.exit_code == 0
    assert Path("again.json").read_bytes() == traced.read_bytes()
    assert "wrote again.json: 100 traces" in again.stderr
    assert Path("run.prom").read_text("utf-8").startswith("# HELP service_requests_total")
    assert "traces" not in again.stdout


def test_traces_for_perfetto(tiny: Path) -> None:
    done = run("simulate", str(tiny), "--traces", "t.json", "--traces-format", "chrome")
    assert done.exit_code == 0
    assert "ui.perfetto.dev" in done.stderr
    assert json.loads(Path("t.json").read_text("utf-8"))["traceEvents"]


def test_import_prints_a_draft_that_simulates(traced: Path) -> None:
    done = run("import", str(traced))
    assert done.exit_code == 0
    assert done.stdout.startswith("# A draft, made by `msforge import`")
    assert "2 services out of 100 traces" in done.stderr
    assert run("import", "t.json", "--from", "otlp", "--out", "draft.yaml").exit_code == 0
    assert Path("draft.yaml").read_text("utf-8") == done.stdout
    assert run("check", "draft.yaml").exit_code == 0
    assert run("simulate", "draft.yaml").exit_code == 0


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (("import", "nothing.json"), 2, "there is no file nothing.json"),
    (("import", "tiny.yaml"), 3, "holds no traces that can be read"),
    (("import", "run.json"), 3, "it is JSON, but no traces"),
    (("import", "t.json", "--from", "jaeger"), 3, "no span in it that jaeger allows"),
    (("import", "t.json", "--out", "tiny.yaml"), 4, "holds something else"),
    (("import", "."), 2, "is a folder"),
    (("simulate", "tiny.yaml", "--traces", "tiny.yaml"), 2, "in use by this very command"),
    (("simulate", "tiny.yaml", "--out", "a.json", "--traces", "a.json"), 2, "in use by this very command"),
    (("simulate", "tiny.yaml", "--traces", "a.json", "--metrics", "a.json"), 2, "in use by this very command"),
    (("simulate", "tiny.yaml", "--traces", "run.json"), 4, "holds something else"),
    (("simulate", "tiny.yaml", "--traces", "no/where.json"), 2, "does not exist"),
    (("simulate", "tiny.yaml", "--traces-count", "20000"), 2, ""),
    (("report", "run.json", "--traces", "b.json", "--window", "6s..8s"), 2, "not a window of it"),
])  # fmt: skip
def test_what_cannot_be_is_said_and_nothing_is_lost(
    traced: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    before = {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    done = run(*arguments)
    assert done.exit_code == code, done.output
    assert said in " ".join(done.stderr.split())
    assert {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def test_a_count_without_a_file_is_asked_about(tiny: Path) -> None:
    done = run("simulate", str(tiny), "--traces-count", "5")
    assert done.exit_code == 2
    assert "--traces" in done.stderr
