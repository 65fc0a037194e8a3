"""`msforge verify` and `msforge calibrate` as they are typed: exit codes, files, words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import msforge
from msforge import sim
from msforge.cli.app import app
from msforge.cli.html import BEGIN
from msforge.model import compile_system
from msforge.results import summarise
from msforge.results.agreement import Agreement, Sides, compare
from msforge.results.local import calls_in
from msforge.verification import calibration, machine
from msforge.verification.run import Verification

run = CliRunner().invoke


def verification(file: Path, reasons: tuple[str, ...] = (), *, lying: bool = False, **_: Any) -> Verification:
    system = compile_system(msforge.load(file))
    twin, *further = sim.run_many(system, replications=8, processes=1)
    plain = twin
    measured = sim.run(system)
    if lying:
        liar = compile_system(msforge.load(file, sets=("services.desk.endpoints.serve.steps[0].work=30ms",)))
        measured = sim.run(liar)
    found = compare(Sides(system, measured, twin, further, calls_in(system, measured), plain), reasons=reasons)
    return Verification(found, summarise(system, [measured]), summarise(system, [twin]))


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(*reasons: str, lying: bool = False) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def verify(**wishes: Any) -> Verification:
            calls.append(wishes)
            return verification(Path(wishes["file"]), reasons, lying=lying)

        monkeypatch.setattr(msforge, "verify", verify)
        return calls

    return install


@pytest.mark.parametrize(
    ("reasons", "lying", "code", "word"),
    [((), False, 0, "AGREES"), ((), True, 98, "DISAGREES"), (("it was busy",), True, 97, "INCONCLUSIVE")],
)
def test_the_exit_code_says_whether_they_agree(
    tiny: Path, pretend: Any, reasons: tuple[str, ...], lying: bool, code: int, word: str
) -> None:
    pretend(*reasons, lying=lying)
    told = run(app, ["verify", str(tiny)])
    assert told.exit_code == code
    assert word in told.stdout
    if lying and not reasons:
        assert "desk.serve, work#0" in told.stdout
    if reasons:
        assert "it was busy" in told.stdout and "--slow-motion 4" in told.stdout
    assert all(len(line) <= 80 for line in told.stdout.splitlines())


def test_what_was_found_is_written(tiny: Path, pretend: Any, tmp_path: Path) -> None:
    pretend()
    out, measured = tmp_path / "out.json", tmp_path / "measured.json"
    told = run(app, ["verify", str(tiny), "--out", str(out), "--measured", str(measured), "--json"])
    assert json.loads(told.stdout) == json.loads(out.read_text("utf-8"))
    assert msforge.read_result(measured).system == "tiny"


def test_a_page_is_written(tiny: Path, pretend: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from msforge.report import bundle
    from msforge.report.page import html

    built = tmp_path / "built"
    built.mkdir()
    (built / "index.html").write_text(BEGIN.decode() + '<title>PAGE-TITLE</title>"PAGE-DATA"', "utf-8")
    for module in (bundle, html):
        monkeypatch.setattr(module, "bundle", lambda page: built)
    calls = pretend(lying=True)
    page = tmp_path / "verify.html"
    words = ["verify", str(tiny), "--measured", str(tmp_path / "m.json"), "--html", str(page)]
    monkeypatch.setattr("sys.argv", ["msforge", *words])
    assert run(app, words).exit_code == 98
    text = page.read_text("utf-8")
    assert '"kind":"agreement"' in text and "desk.serve, work#0" in text
    assert f'"command":"msforge verify {tiny}"' in text
    assert run(app, ["verify", str(tiny), "--html", str(tiny)]).exit_code == 2
    assert len(calls) == 1, "said before anything is run"


def test_the_options_reach_the_door(tiny: Path, pretend: Any) -> None:
    [*_] = calls = pretend()
    run(app, ["verify", str(tiny), "-s", "slow", "--seed", "9", "--slow-motion", "4", "--no-calibration", "-n", "7",
              "--duration", "10s"])
    [wishes] = calls
    assert (wishes["scenario"], wishes["seed"], wishes["slow_motion"]) == ("slow", 9, 4.0)
    assert (wishes["calibrated"], wishes["replications"]) == (False, 7)
    assert wishes["sets"] == ("simulation.duration=10s",)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.yaml"], "there is no file"), (["-C", ".", "x.yaml"], "FILE or -C DIR, not both"),
        (["-C", "nowhere"], "there is no folder"), ([], "no description given"), (["a.yaml", "b"], "one word too many"),
    ],
)
def test_a_slip_is_told(words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = run(app, ["verify", *words])
    assert told.exit_code == 2
    assert said in told.stderr


def test_a_calibration_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path))
    told = run(app, ["calibrate", "--show"])
    assert (told.exit_code, "not calibrated yet" in told.stderr) == (2, True)
    control = dict.fromkeys(calibration.CONTROLLED, (1.0, 2.0))
    samples = dict.fromkeys(calibration.NAMES, (1000000.0, 2000000.0, 3000000.0))
    calibration.write(calibration.Calibration({**machine.identity(), "python": "old"}, "2026-01-01", samples, control))
    told = run(app, ["calibrate", "--show"])
    assert told.exit_code == 0
    assert "a thread's release" in told.stdout and "2.00ms" in told.stdout
    assert "python was old" in told.stderr
    assert json.loads(run(app, ["calibrate", "--show", "--json"]).stdout)["format"] == calibration.FORMAT


def test_a_measured_calibration_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    control = dict.fromkeys(calibration.CONTROLLED, (1.0, 2.0))
    samples = dict.fromkeys(calibration.NAMES, (1000000.0, 2000000.0, 3000000.0))
    found = calibration.Calibration(machine.identity(), "2026-01-01", samples, control, ["it was busy"])
    monkeypatch.setattr(msforge, "calibrate", lambda **wishes: found)
    told = run(app, ["calibrate"])
    assert told.exit_code == 0
    assert "not to be trusted: it was busy" in told.stdout


def test_agreements_are_told_in_full_with_all(tiny: Path, pretend: Any) -> None:
    pretend()
    short, full = (run(app, ["verify", str(tiny), *more]).stdout for more in ((), ("--all",)))
    assert len(full.splitlines()) > len(short.splitlines())
    assert "back.fetch own time" in full
    assert isinstance(verification(tiny).agreement, Agreement)


@pytest.mark.parametrize("option", ["--out", "--measured"])
def test_where_nothing_can_be_written_nothing_is_run(tiny: Path, pretend: Any, tmp_path: Path, option: str) -> None:
    calls = pretend()
    told = run(app, ["verify", str(tiny), option, str(tmp_path / "nowhere" / "it.json")])
    assert (told.exit_code, calls) == (2, [])
    assert "does not exist" in told.stderr
