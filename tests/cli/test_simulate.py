"""`msforge simulate`: results on stdout, narration on stderr, exit codes, the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from typer import Typer
from typer.testing import CliRunner, Result

import msforge
from msforge.cli import app


def run(app: Typer, arguments: list[str], **options: Any) -> Result:
    """Types a command. In this process, unless it says otherwise: starting others is most of a short run's time."""
    here = ["--processes", "1"] if arguments[0] in ("simulate", "compare") and "--processes" not in arguments else []
    return CliRunner().invoke(app, [*arguments, *here], **options)


def test_the_whole_summary_of_a_deterministic_system_at_80_columns(tiny: Path, snapshot: SnapshotAssertion) -> None:
    result = run(app, ["simulate", "tiny.yaml"])
    assert result.exit_code == 0
    assert result.stdout == snapshot


def test_the_whole_summary_with_a_slow_callee(tiny: Path, snapshot: SnapshotAssertion) -> None:
    result = run(app, ["simulate", "tiny.yaml", "--scenario", "slow"])
    assert result.exit_code == 99
    assert result.stdout == snapshot


def test_json_is_the_result_alone_and_equals_the_written_file(tiny: Path) -> None:
    result = run(app, ["simulate", "tiny.yaml", "--json", "--out", "run.json", "--quiet"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout_bytes == Path("run.json").read_bytes()
    plain = json.loads(result.stdout)
    assert (plain["system"], plain["seed"], plain["replications"]) == ("tiny", 1, 2)


def test_the_same_command_gives_the_same_bytes_however_many_processes_run_it(tiny: Path) -> None:
    for name, processes in (("a", "1"), ("b", "1"), ("c", "2")):
        assert run(app, ["simulate", "tiny.yaml", "-o", f"{name}.json", "--processes", processes, "-q"]).exit_code == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes() == Path("c.json").read_bytes()


def test_seed_replications_duration_and_set_reach_the_run(tiny: Path) -> None:
    arguments = ["--seed", "7", "-n", "3", "--duration", "10s", "--set", "services.desk.replicas=3", "--json"]
    plain = json.loads(run(app, ["simulate", "tiny.yaml", *arguments]).stdout)
    assert (plain["seed"], plain["replications"], plain["duration"]) == (7, 3, 10**10)
    desk = next(s for s in plain["services"] if s["name"] == "desk")
    assert desk["replicas_mean"]["value"] == 3
    assert "seed 7" in run(app, ["simulate", "tiny.yaml", *arguments[:-1]]).stdout


def test_a_window_is_reported_alone_now_and_later(tiny: Path) -> None:
    now = run(app, ["simulate", "tiny.yaml", "--scenario", "slow", "--window", "10s..15s", "-q"])
    assert "in the window 10s to 15s" in now.stdout
    run(app, ["simulate", "tiny.yaml", "--scenario", "slow", "-o", "run.json", "-q"])
    later = run(app, ["report", "run.json", "--window", "10s..15s"])
    assert "in the window 10s to 15s" in later.stdout
    for text in ("10s", "15s..10s", "a..b", "10..15"):
        wrong = run(app, ["simulate", "tiny.yaml", "--window", text])
        assert wrong.exit_code == 2 and "--window" in wrong.stderr
    assert run(app, ["report", "run.json", "--window", "100s..200s"]).exit_code == 2


def test_a_failed_objective_is_99_an_invalid_file_3_a_wrong_call_2(tiny: Path, broken: Path) -> None:
    failed = run(app, ["simulate", "tiny.yaml", "--set", "objectives={desk.serve: [p99 < 1ms]}"])
    assert failed.exit_code == 99 and "✗" in failed.stdout and "1 of 1 objectives missed" in failed.stdout
    invalid = run(app, ["simulate", "broken.yaml"])
    assert (invalid.exit_code, invalid.stdout) == (3, "") and "2 errors" in invalid.stderr
    for arguments in ([], ["none.yaml"], ["tiny.yaml", "--example", "shop"], ["tiny.yaml", "--scenario", "x"]):
        wrong = run(app, ["simulate", *arguments])
        assert (wrong.exit_code, wrong.stdout) == (2, "") and "error: " in wrong.stderr


def test_strict_refuses_to_run_a_file_with_warnings(tiny: Path) -> None:
    result = run(app, ["simulate", "tiny.yaml", "--strict", "--set", "services.desk.replicas=1"])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "warning[" in result.stderr


def test_an_output_that_cannot_be_written_is_found_before_the_run(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the run was started")

    monkeypatch.setattr(msforge, "simulate", never)
    Path("folder").mkdir()
    for out, code in (("folder", 2), ("no/run.json", 2), ("tiny.yaml", 4), ("-", 2)):
        result = run(app, ["simulate", "tiny.yaml", "--out", out])
        assert result.exit_code == code, result.output
        assert "error: " in result.stderr
    assert "msforge: 1" in Path("tiny.yaml").read_text("utf-8")


def test_an_absurd_run_is_refused_with_its_size(tiny: Path) -> None:
    result = run(app, ["simulate", "tiny.yaml", "--set", "traffic.people.rate=1e12/s"])
    assert result.exit_code == 3
    assert "tiny.yaml" in result.stderr or "--set" in result.stderr


def test_a_big_run_is_announced(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from msforge.cli import simulate

    monkeypatch.setattr(simulate, "LONG", 0.0)
    result = run(app, ["simulate", "tiny.yaml"])
    assert "a big run: about 1,000 requests, 2,000 inside, in each of 2 replications" in result.stderr
    assert "a big run" not in run(app, ["simulate", "tiny.yaml", "--quiet"]).stderr


def test_an_unexpected_error_is_short_and_the_traceback_only_on_request(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("what\x1b[2J")

    monkeypatch.setattr(msforge, "simulate", broken)
    result = run(app, ["simulate", "tiny.yaml"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "ZeroDivisionError: what\\x1b[2J" in result.stderr and "report it" in result.stderr
    assert "Traceback" not in result.stderr and "MSFORGE_DEBUG=1" in result.stderr
    assert "Traceback" in run(app, ["--debug", "simulate", "tiny.yaml"]).stderr
    assert "Traceback" in run(app, ["simulate", "tiny.yaml"], env={"MSFORGE_DEBUG": "1"}).stderr


def test_report_shows_what_simulate_showed(tiny: Path) -> None:
    first = run(app, ["simulate", "tiny.yaml", "--out", "run.json"])
    again = run(app, ["report", "run.json"])
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert run(app, ["report", "run.json", "--json"]).stdout_bytes == Path("run.json").read_bytes()


def test_what_is_no_result_is_refused_by_name(tiny: Path) -> None:
    Path("other.json").write_text('{"format": 99, "engine": "9.9"}')
    Path("bytes.json").write_bytes(b"\xff\xfe\x00")
    Path("cut.json").write_text('{"format": 1, "eng')
    for name in ("tiny.yaml", "other.json", "bytes.json", "cut.json"):
        result = run(app, ["report", name])
        assert (result.exit_code, result.stdout) == (3, ""), name
        assert name in result.stderr and "help: " in result.stderr
    assert run(app, ["report", "missing.json"]).exit_code == 2


def test_hostile_names_in_a_file_do_not_reach_the_terminal(tiny: Path) -> None:
    text = tiny.read_text("utf-8").replace("name: tiny", 'name: "a\\e[2J[red]b"')
    tiny.write_text(text, "utf-8")
    for command in ("check", "simulate"):
        assert "\x1b" not in run(app, [command, "tiny.yaml"]).output


@pytest.mark.parametrize("command", ["simulate", "check", "explain"])
def test_result_where_a_description_belongs_is_told_apart(tiny: Path, command: str) -> None:
    run(app, ["simulate", "tiny.yaml", "-o", "tiny.json", "-q"])
    result = run(app, [command, "tiny.json"])
    assert result.exit_code == 2
    assert result.stderr == (
        "error: tiny.json is a result, not a description\nhelp: to read it: msforge report tiny.json\n"
    )


@pytest.mark.parametrize("number", ["0", "-1", "100001", "1000000000"])
def test_replications_are_bounded(tiny: Path, number: str) -> None:
    result = run(app, ["simulate", "tiny.yaml", "-n", number])
    assert result.exit_code == 2 and "--replications" in result.stderr
    with pytest.raises(msforge.UsageError, match="it takes 1, and the most is 100000"):
        msforge.simulate(tiny, replications=int(number))
