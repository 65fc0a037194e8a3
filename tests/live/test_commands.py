"""The commands about a running system, as typed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

import msforge
from msforge.cli import app
from msforge.report.console import console
from msforge.report.running import LiveTable
from tests.live.conftest import PATIENCE, command, environment, until


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_nothing_runs_is_said_and_how_to_change_that(pair: Path, tmp_path: Path) -> None:
    for words in (["ps"], ["load"], ["fault", "list"], ["fault", "clear"], ["fault", "set", "back", "--slow", "2x"]):
        code, out, err = run(*words, "-C", tmp_path)
        assert code == 2 and not out and "nothing runs" in err and "msforge up" in err
    assert run("down", "-C", tmp_path) == (0, "", "nothing was up\n")
    assert run("logs", "-C", tmp_path)[0] == 2


def test_ps_fits_80_columns_and_is_data_with_json(up: Path) -> None:
    code, out, _ = run("ps", "-C", up)
    assert code == 0 and "2/2" in out and max(map(len, out.splitlines())) <= 80
    code, out, _ = run("ps", "--json", "-C", up)
    assert code == 0 and json.loads(out)["system"] == "pair"


def test_faults_by_hand(up: Path) -> None:
    code, number, err = run("fault", "set", "back", "--slow", "10x", "--for", "1h", "--replicas", "1", "-C", up)
    assert code == 0 and "1 replica of back 10x slower" in err
    code, out, _ = run("fault", "list", "-C", up)
    assert code == 0 and number.strip() in out and "left" in out
    assert json.loads(run("fault", "list", "--json", "-C", up)[1])[0]["kind"] == "slow"
    assert run("fault", "clear", number.strip(), "-C", up)[0] == 0
    assert run("fault", "list", "-C", up)[1:] == ("", "no fault is on\n")
    for words, label in (
        (["back", "--slow", "20ms"], "back 20ms slower"),
        (["back", "--fail", "10%", "--status", "503"], "10% of back's requests fail"),
        (["back.answer", "--fail", "1%", "--crash"], "crash"),
        (["back", "--pause"], "back paused"),
        (["--cut", "front->back"], "front -> back cut"),
        (["--delay", "clients -> front=200ms"], "clients -> front 200ms later"),
        (["--drop", "front->back=10%"], "front -> back loses 10%"),
    ):
        code, _, err = run("fault", "set", *words, "-C", up)
        assert code == 0 and label in err, err
    assert len(msforge.faults(up)) == 7
    assert run("fault", "clear", "-C", up)[0] == 0 and not msforge.faults(up)


@pytest.mark.parametrize(("words", "code", "said"), [
    ([], 2, "given is nothing"),
    (["back"], 2, "given is nothing"),
    (["back", "--slow", "2x", "--pause"], 2, "--slow and --pause"),
    (["--slow", "2x"], 2, "needs a target"),
    (["--cut", "front"], 2, "order->payment"),
    (["--delay", "front->back"], 2, "=200ms"),
    (["--drop", "front->back=lots"], 3, "lots"),
    (["back", "--cut", "front->back"], 2, "leave out back"),
    (["bakc", "--slow", "2x"], 3, "did you mean `back`"),
    (["back", "--slow", "2z"], 3, "2z"),
    (["back", "--slow", "2x", "--for", "soon"], 3, "soon"),
    (["--cut", "clients->news"], 3, "nothing passes"),
])
def test_faults_that_make_no_sense_change_nothing(up: Path, words: list[str], code: int, said: str) -> None:
    got, out, err = run("fault", "set", *words, "-C", up)
    assert (got, out) == (code, "") and said in err, err
    assert msforge.faults(up) == []


def test_load_prints_a_table_or_json_and_nothing_else(up: Path) -> None:
    short = ["--duration", "1s", "-C", str(up)]
    code, out, _ = run("load", *short)
    assert code == 0 and "front.ask" in out and "100% of" in out and max(map(len, out.splitlines())) <= 80
    code, out, err = run("load", "--json", "--quiet", *short)
    assert code == 0 and err == "" and json.loads(out)["entries"][0]["ok"] > 20
    code, out, _ = run("load", "--json", "--set", "traffic.people.rate=5/s", *short)
    assert json.loads(out)["entries"][0]["sent"] < 15
    assert run("load", "--scenario", "brokn", *short)[0] == 2
    assert run("load", "--set", "traffic.people.rate=fast", *short)[0] == 3


def test_load_says_how_long_it_takes_and_what_is_too_short_for_the_warm_up(up: Path) -> None:
    code, _, err = run("load", "--duration", "2s", "--set", "simulation.warmup=1s", "-C", up)
    assert code == 0 and "sending for 2s, the first 1s to warm up" in err
    code, out, err = run("load", "--duration", "1s", "--set", "simulation.warmup=5s", "-C", up)
    assert code == 3 and not out and "the warm-up of 5s is no shorter than the whole run of 1s" in err
    assert "--set simulation.warmup=0s" in err


def test_load_says_which_faults_come_too_late(up: Path) -> None:
    assert "not reached: " in run("load", "--scenario", "broken", "--duration", "500ms", "-C", up)[2]
    assert "not reached: " not in run("load", "--scenario", "broken", "--duration", "600ms", "-C", up)[2]


def test_load_says_that_the_description_is_no_longer_what_runs(up: Path) -> None:
    file = up / "pair.yaml"
    before = file.read_text("utf-8")
    file.write_text(before.replace("timeout: 5s", "timeout: 6s"), "utf-8")
    try:
        code, _, err = run("load", "--duration", "500ms", "-C", up)
    finally:
        file.write_text(before, "utf-8")
    assert code == 0 and "pair.yaml has changed since the code was generated from it: front" in err
    assert "has changed" not in run("load", "--duration", "500ms", "-C", up)[2]


@pytest.mark.parametrize("words", [["up"], ["ps"], ["down"], ["load"], ["diff"], ["sync"], ["fault", "list"]])
def test_a_folder_without_its_option_is_told_where_it_goes(words: list[str], tmp_path: Path) -> None:
    code, out, err = run(*words, tmp_path)
    assert code == 2 and not out
    assert "a folder goes after -C" in err and f"msforge {' '.join(words)} -C {tmp_path}" in err.replace("\n", "")


def test_a_folder_inside_of_a_system_stands_for_it(up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = up / "services" / "front"
    assert run("ps", "-C", inside)[:2] == run("ps", "-C", up)[:2]
    monkeypatch.chdir(inside)
    code, out, _ = run("ps")
    assert code == 0 and "front" in out
    assert run("diff")[0] == 0


def test_what_is_suggested_can_be_typed_where_one_stands(up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(up.parent)
    _, number, err = run("fault", "set", "back", "--slow", "10x", "-C", "pair")
    assert f"msforge fault clear {number.strip()} -C pair" in err
    words = err.partition("msforge ")[2].split()
    assert run(*words)[0] == 0 and msforge.faults(up) == []


def test_ctrl_c_ends_load_with_what_was_measured(up: Path) -> None:
    if os.name == "nt":
        pytest.skip("only on POSIX systems: a signal for one process")
    process = subprocess.Popen(
        command("load", "--duration", "1h", "--scenario", "broken", "-C", up), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True,
    )
    assert until(lambda: msforge.faults(up))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and out.startswith("interrupted: pair, scenario broken"), err
    assert "front.ask" in out and msforge.faults(up) == []


def test_logs_have_a_prefix(up: Path) -> None:
    code, out, _ = run("logs", "back.1", "-C", up)
    assert code == 0 and all(line.startswith("back.1 | ") for line in out.splitlines()) and out


def test_the_live_table_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    entry = {
        "source": "people", "target": "front.\x1b[31mask", "sent": 3, "ok": 2, "failed": 1, "in_flight": 0, "rate": 1.5,
        "outcomes": {"ok": 2, "timeout": 1}, "latency_ms": {"p50": 1.0, "p95": 2.0, "p99": None, "max": None},
    }
    plain, screen = io.StringIO(), io.StringIO()
    made = console(screen, width=80)
    made._force_terminal = made.is_interactive = True
    for out in (console(plain, width=80), made):
        with LiveTable(out) as shown:
            shown(500_000_000, 2_000_000_000, [])
            shown(1_000_000_000, 2_000_000_000, [{**entry, "sent": 0, "rate": None}])
            shown(1_500_000_000, 2_000_000_000, [entry])
    assert plain.getvalue() == ""
    assert "0.5s of 2s; nothing was sent yet" in screen.getvalue() and "1s of 2s; warming up" in screen.getvalue()
    assert "1.5s of 2s; percentiles" in screen.getvalue() and "1 timeout" in screen.getvalue()
    assert "\x1b[31mask" not in screen.getvalue()
