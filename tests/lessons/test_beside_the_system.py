"""Labs about more than system.yaml: defaults that hold for all, files that are changed, results that are read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import msforge as package
from msforge import lessons
from msforge.errors import InvalidFileError
from msforge.lessons import judge
from msforge.lessons.runs import described
from tests.lessons.conftest import LAB, SOLUTION, START, Msforge, write_lab

CLERK = "  clerk: {endpoints: {look: {http: GET /look, steps: [wait: 5ms]}}}\n"
WITH_CALLS = "defaults: {calls: {timeout: 1s}}\n" + START.replace(
    "steps: [wait: exponential(10ms)]", "steps: [call: clerk.look]").replace("traffic:\n", f"{CLERK}traffic:\n")


def unmet(folder: Path, changed: str) -> list[str]:
    """The rules that a learner's description breaks."""
    lab = lessons.read_lab(folder)
    mine = folder.parent / "mine.yaml"
    mine.write_text(changed, "utf-8")
    rules = judge.rules(lab, described(lab, folder / "start.yaml", folder), described(lab, mine, folder))
    return [rule.text for rule in rules if not rule.met]


def test_defaults_that_may_be_changed_are_free_in_all_they_hold_for_and_nothing_else_is(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "x")
    (folder / "lab.yaml").write_text(LAB.replace("[services.desk.replicas]", "[defaults]"), "utf-8")
    (folder / "start.yaml").write_text(WITH_CALLS, "utf-8")
    retrying = WITH_CALLS.replace("timeout: 1s}", "timeout: 1s, retry: {attempts: 3}}")
    assert unmet(folder, retrying) == []
    assert unmet(folder, WITH_CALLS.replace("defaults: {calls: {timeout: 1s}}\n", "")) == []
    assert unmet(folder, WITH_CALLS.replace("call: clerk.look", "{call: clerk.look, retry: {attempts: 3}}")) != []
    assert unmet(folder, retrying.replace("wait: 5ms", "wait: 4ms")) == [
        "services.clerk.endpoints.look.steps[0].wait stays as it was"]
    (folder / "lab.yaml").write_text(LAB, "utf-8")
    assert unmet(folder, retrying) != []


@pytest.fixture
def desk(labs: Path, msforge: Msforge) -> Path:
    """A lab in which a file that the learner makes is to be changed."""
    folder = write_lab(Path("given").resolve())
    text = LAB[: LAB.index("questions:")] + LAB[LAB.index("goals:") :]
    text += ("commands: [{says: the bell rings, run: python made/bell.py}]\n"
             "solve: [python make.py, python made/bell.py]\nfiles: [make.py]\n")
    (folder / "lab.yaml").write_text(text, "utf-8")
    (folder / "make.py").write_text(
        "import pathlib\npathlib.Path('made').mkdir()\n"
        "pathlib.Path('made/bell.py').write_text('raise SystemExit(1)')\n",
        "utf-8")
    (folder / "solution" / "made").mkdir(parents=True)
    (folder / "solution" / "made" / "bell.py").write_text("print('ding')\n", "utf-8")
    return folder


def test_files_of_the_solution_are_laid_over_what_was_made(
    desk: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lessons.self_test(lessons.read_lab(desk), seeds=2, processes=1, trust=True).wrong == []
    assert msforge("lab", "start", "./given", "--dir", "try") == 0
    work = Path("try")
    capsys.readouterr()
    assert msforge("lab", "solution", "--apply", "-C", "try") == 2
    said = capsys.readouterr().err
    assert "made is not there yet" in said and "python make.py" in said
    (work / "made").mkdir()
    (work / "made" / "bell.py").write_text("mine\n", "utf-8")
    assert msforge("lab", "solution", "-C", "try") == 0
    shown = capsys.readouterr().out
    assert "--- made/bell.py" in shown and "-mine" in shown and "+print('ding')" in shown
    assert msforge("lab", "solution", "--apply", "-C", "try") == 0
    assert (work / "made" / "bell.before-solution-1.py").read_text("utf-8") == "mine\n"
    assert (work / "system.yaml").read_text("utf-8") == SOLUTION
    assert msforge("lab", "check", "-q", "-C", "try", "--trust") == 0


def test_what_the_learner_has_measured_is_told_of(labs: Path, msforge: Msforge) -> None:
    folder = write_lab(Path("given").resolve())
    text = (LAB.replace("figures:\n", "runs: {day: {}, real: {result: real.json}}\nfigures:\n", 1)
            .replace("  bill:", '  seen: {of: "real:services[desk].utilisation"}\n  bill:')
            .replace("questions:\n  why:", "questions:\n  unasked:"))
    (folder / "lab.yaml").write_text(text, "utf-8")
    (folder / "closing.md").write_text("Seen {{seen}}.\n", "utf-8")
    lessons.write(lessons.read_lab(folder))
    assert json.loads((folder / "numbers.json").read_text("utf-8"))["seen"]["value"] is None
    assert msforge("lab", "start", "./given", "--dir", "try") == 0
    work = Path("try")
    shutil.copyfile(folder / "solution.yaml", work / "system.yaml")
    (work / "answers.yaml").write_text("unasked: few\n", "utf-8")
    assert msforge("lab", "check", "-q", "-C", "try") == 0
    assert "Seen nothing." in (work / "closing.md").read_text("utf-8")
    found = package.simulate(work / "system.yaml")
    package.write_result(found, work / "real.json")
    assert msforge("lab", "check", "-q", "-C", "try") == 0
    assert f"Seen {found.services[0].utilisation.value:.1%}." in (work / "closing.md").read_text("utf-8")
    (work / "real.json").write_text("{}", "utf-8")
    assert msforge("lab", "check", "-q", "-C", "try") != 0


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ("{a: {result: real.json}}", "the first run has to be one that is run"),
        ("{a: {}, b: {result: real.json, scenario: x}}", "a `result` is read, not run"),
        ("{a: {}, b: {result: ../real.json}}", "expected a file beside lab.yaml"),
    ],
)
def test_a_result_that_cannot_be_meant(tmp_path: Path, runs: str, words: str) -> None:
    folder = write_lab(tmp_path / "x")
    (folder / "lab.yaml").write_text(LAB.replace("figures:\n", f"runs: {runs}\nfigures:\n", 1), "utf-8")
    with pytest.raises(InvalidFileError) as caught:
        lessons.read_lab(folder)
    assert any(words in d.message for d in caught.value.diagnostics)


def test_a_goal_about_a_file_is_refused(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "x")
    text = LAB.replace("figures:\n", "runs: {a: {}, b: {result: real.json}}\nfigures:\n", 1)
    (folder / "lab.yaml").write_text(text.replace("goals:\n  - obj", "goals:\n  - run: b\n    obj"), "utf-8")
    with pytest.raises(InvalidFileError) as caught:
        lessons.read_lab(folder)
    assert any("a file that the learner makes" in d.message for d in caught.value.diagnostics)
