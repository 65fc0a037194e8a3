"""A lab from start to closing page, and every wrong turn on the way."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from msforge import catalog
from msforge.cli import lab_show
from msforge.lessons import read_lab, write
from msforge.lessons.questions import Answered
from tests.lessons.conftest import LAB, SOLUTION, START, Msforge


@pytest.fixture
def begun(labs: Path, msforge: Msforge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Inside a lab that was just started."""
    assert msforge("lab", "start", "1") == 0
    capsys.readouterr()
    folder = Path("01-desk").resolve()
    monkeypatch.chdir(folder)
    return folder


def state(folder: Path) -> dict[str, object]:
    """What the folder remembers."""
    read: dict[str, object] = json.loads((folder / ".lab/state.json").read_text("utf-8"))
    return read


def test_a_lab_from_start_to_closing_page(begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(path.name for path in begun.iterdir()) == [
        ".lab", "README.md", "answers.yaml", "system.svg", "system.yaml",
    ]  # fmt: skip
    assert "{{" not in (begun / "README.md").read_text("utf-8")
    assert msforge("lab", "answer", "busy=50") == 0
    assert msforge("lab", "check") == 5
    said = capsys.readouterr()
    assert "✗  desk.serve  p99 < 80ms" in said.out and "✓  the bill" in said.out
    assert "you: 50 · it is 8" in said.out and "percentage points off" in said.out
    assert "→ It is busy 8" in said.out

    (begun / "system.yaml").write_text(SOLUTION, "utf-8")
    assert msforge("lab", "check") == 5
    said = capsys.readouterr()
    assert "✓  desk.serve  p99 < 80ms" in said.out and "✗ you: nothing" in said.out
    assert "answer the questions" in said.err

    assert msforge("lab", "answer", "why=few") == 0
    assert msforge("lab", "check") == 0
    said = capsys.readouterr()
    closing = (begun / "closing.md").read_text("utf-8")
    assert "expected 50, with 2 desks." in closing and "{{" not in closing
    assert "with 2 desks" in said.out.replace("\n", " ")
    assert "Solved." in said.err
    assert msforge("lab") == 0
    assert "solved" in capsys.readouterr().out


def test_what_was_predicted_stays(begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    msforge("lab", "answer", "busy=50%")
    msforge("lab", "check", "-q")
    msforge("lab", "answer", "busy=81%")
    assert "stays as it was" in capsys.readouterr().err
    msforge("lab", "check", "-q")
    assert state(begun)["predictions"] == {"busy": "50%"}


def test_a_prediction_is_about_the_start_even_when_the_first_run_is_not(
    begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    (begun / "system.yaml").write_text(SOLUTION, "utf-8")
    msforge("lab", "answer", "busy=81%")
    msforge("lab", "check", "-q")
    assert "✓ you: 81% · it is 8" in capsys.readouterr().out


def test_a_right_answer_stays_right(begun: Path, msforge: Msforge) -> None:
    msforge("lab", "answer", "why=few")
    msforge("lab", "check", "-q")
    kept = state(begun)["right"]
    assert isinstance(kept, dict) and kept["why"]["said"] == "few"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", 3, "the file is empty"),
        ("services: [", 3, "error[E010]"),
        ("just words", 3, "a description is a mapping"),
        (START.replace("threads: 1", "thraeds: 1"), 3, "did you mean"),
        (START.replace("replicas: 1", "replicas: 100"), 5, "services.desk.replicas <= 3"),
        (START.replace("80/s", "8/s"), 5, "traffic.people.rate stays as it was"),
        (START.replace("p99 < 500ms", "p99 < 5m"), 5, "objectives"),
        (START.replace("threads: 1", "threads: 9"), 5, "services.desk.threads stays as it was"),
        (START.replace("exponential(10ms)", "1ms"), 5, "became 1ms"),
    ],
)
def test_wrong_turns(
    begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str], text: str, code: int, words: str
) -> None:
    (begun / "system.yaml").write_text(text, "utf-8")
    assert msforge("lab", "check") == code
    said = capsys.readouterr()
    assert words in said.out + said.err
    assert "lab reset" in said.err or "keep to the bounds" in said.err
    assert state(begun)["solved"] == ""


def test_the_same_written_otherwise_is_the_same(
    begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "# mine\n" + SOLUTION.replace("threads: 1", "threads:   1  # one").replace("20s", "20000ms")
    (begun / "system.yaml").write_text(text, "utf-8")
    msforge("lab", "check", "-q")
    said = capsys.readouterr().out
    assert "stays as it was" not in said and "✓  desk.serve  p99 < 80ms" in said


def test_a_deleted_system_comes_back(begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    (begun / "system.yaml").unlink()
    assert msforge("lab", "check") == 2
    assert "msforge lab reset" in capsys.readouterr().err
    assert msforge("lab", "reset") == 0
    assert (begun / "system.yaml").read_text("utf-8") == START


def test_reset_and_solution_keep_what_the_learner_wrote(begun: Path, msforge: Msforge) -> None:
    (begun / "system.yaml").write_text("mine", "utf-8")
    assert msforge("lab", "reset") == 0
    (begun / "system.yaml").write_text("mine again", "utf-8")
    assert msforge("lab", "solution", "--apply") == 0
    assert (begun / "system.before-reset-1.yaml").read_text("utf-8") == "mine"
    assert (begun / "system.before-solution-1.yaml").read_text("utf-8") == "mine again"
    assert (begun / "system.yaml").read_text("utf-8") == SOLUTION


def test_reset_keeps_the_answers_too(begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    assert msforge("lab", "reset") == 0
    assert not list(begun.glob("answers.before-reset*")), "nothing was answered yet"
    msforge("lab", "answer", "why=few")
    (begun / "system.yaml").write_text("mine", "utf-8")
    capsys.readouterr()
    assert msforge("lab", "reset") == 0
    assert "system.before-reset-1.yaml, answers.before-reset-1.yaml" in capsys.readouterr().err
    assert "why: few" in (begun / "answers.before-reset-1.yaml").read_text("utf-8")
    assert "why: few" not in (begun / "answers.yaml").read_text("utf-8")


def test_hints_come_in_order(begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for _ in range(4):
        assert msforge("lab", "hint") == 0
        said.append(capsys.readouterr().out)
    assert [line.split(": ")[1].strip() for line in said] == ["look", "think", "act", "act"]
    assert state(begun)["hints"] == 3


def test_the_solution_is_a_diff(begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    assert msforge("lab", "solution") == 0
    said = capsys.readouterr().out
    assert "-    replicas: 1\n+    replicas: 2\n" in said and "why: few" in said
    assert state(begun)["solution_shown"] is True


def test_big_type_says_what_holds(begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    assert msforge("lab", "check", "--presenter") == 5
    said = capsys.readouterr().out
    assert "✗ desk.serve" in said and "▀" in said
    assert max(len(line) for line in said.splitlines()) <= 80


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("busy: soon", "is no answer to `busy`"),
        ("why: fewer", "did you mean `few`?"),
        ("nonsense: 1", "asks nothing called `nonsense`"),
        ("[1", "answers.yaml"),
        ("- a", "answers are a mapping"),
    ],
)
def test_answers_that_cannot_be_meant(
    begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (begun / "answers.yaml").write_text(text, "utf-8")
    assert msforge("lab", "check") in (2, 3)
    assert words in capsys.readouterr().err


def test_what_is_said_first_names_the_file_that_cannot_be_read(
    begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    msforge("lab", "answer", "busy=50%")
    msforge("lab", "check", "-q")
    capsys.readouterr()
    answers = begun / "answers.yaml"
    answers.write_text("{{{", "utf-8")
    assert msforge("lab", "check") == 3
    said = capsys.readouterr().err
    assert "answers.yaml has to be readable first" in said and "system.yaml" not in said
    answers.unlink()
    assert msforge("lab", "answer", "why=few") == 0
    assert "why: few" in answers.read_text("utf-8")
    (begun / "system.yaml").write_text("{{{", "utf-8")
    assert msforge("lab", "check") == 3
    assert "system.yaml has to be readable first" in capsys.readouterr().err


def test_every_line_of_an_answer_hangs_beside_its_mark() -> None:
    answer = Answered("why", "Why?", "few", "few: too few desks", True, "", "Three desks, and seven who wait.")
    console = Console(width=30, file=io.StringIO())
    with console.capture() as shown:
        console.print(*lab_show._answers([answer], 30, judged=True))
    asked, first, *further = [line for line in shown.get().splitlines() if line.strip()]
    assert "Why?" in asked and first.startswith("    ✓ you: few")
    assert len(further) > 2 and all(line.startswith(" " * 6) and line[6] != " " for line in further)


def test_outside_of_a_lab(labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "hint", "solution", "reset", "answer"):
        assert msforge("lab", command) == 2
        assert "no lab's folder" in capsys.readouterr().err
    msforge("lab", "start", "1")
    capsys.readouterr()  # it names the folder as well
    assert msforge("lab", "check") == 2
    assert "cd 01-desk" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "words"), [("7", "There are 1"), ("desc", "did you mean `desk`?"), ("./x", "no lab")])
def test_a_lab_that_is_not_there(
    labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str], word: str, words: str
) -> None:
    assert msforge("lab", "start", word) == 2
    assert words in capsys.readouterr().err


def test_starting_twice_changes_nothing(begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    (begun / "system.yaml").write_text("mine", "utf-8")
    assert msforge("lab", "start", "1", "--dir", str(begun)) == 4
    assert "started already" in capsys.readouterr().err
    assert (begun / "system.yaml").read_text("utf-8") == "mine"
    other = begun.parent / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine", "utf-8")
    assert msforge("lab", "start", "1", "--dir", str(other)) == 4
    assert [path.name for path in other.iterdir()] == ["mine.txt"]


def test_a_folder_of_another_version_says_what_to_do(
    begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (begun / ".lab/state.json").read_text("utf-8")
    for change, words in (
        ({"format": 2, "engine": "9.9"}, "go on with msforge 9.9 or newer"),
        ({"lab": "99-later", "engine": "9.9"}, "install msforge 9.9 or newer"),
        ({"checks": "many"}, "is damaged"),
    ):
        (begun / ".lab/state.json").write_text(json.dumps({**json.loads(before), **change}), "utf-8")
        assert msforge("lab", "check") == 3
        assert words in capsys.readouterr().err
    (begun / ".lab/state.json").write_text(before[:40], "utf-8")
    assert msforge("lab", "check") == 3
    assert "your system.yaml is untouched" in capsys.readouterr().err
    (begun / ".lab/state.json").unlink()
    assert msforge("lab", "check") == 3
    assert "has lost" in capsys.readouterr().err


def test_a_lab_that_has_changed_since_goes_on(
    begun: Path, labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    start = labs / "01-desk/start.yaml"
    start.write_text(START.replace("80/s", "85/s"), "utf-8")
    assert msforge("lab", "check") == 5
    said = capsys.readouterr()
    assert "has changed since you started it" in said.err
    assert "stays as it was" not in said.out, "what was given then is what the learner is held to"
    assert msforge("lab", "reset") == 0
    assert "85/s" in (begun / "system.yaml").read_text("utf-8")


def test_the_folder_may_be_moved(begun: Path, msforge: Msforge, monkeypatch: pytest.MonkeyPatch) -> None:
    there = begun.parent / "moved"
    monkeypatch.chdir(begun.parent)
    shutil.move(begun, there)
    assert msforge("lab", "check", "-q", "-C", str(there)) == 5


def test_skipping(labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    assert msforge("lab", "skip", "1") == 0
    assert "the last one" in capsys.readouterr().err
    assert msforge("lab", "list") == 0
    assert "skipped" in capsys.readouterr().out


def test_an_installation_without_labs_says_so(
    msforge: Msforge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path))
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "a/b/c/catalog.py"))
    assert msforge("lab") == 1
    assert "has no labs" in capsys.readouterr().err


def lab_with_a_back(labs: Path, msforge: Msforge) -> Path:
    """Inside a lab in which all but the traffic may be changed, and whose texts speak of a service `back`."""
    text = LAB.replace("allow_change: [services.desk.replicas]", "forbid_change: [traffic]")
    text = text.replace("busy {{busy}}", "busy {{back}}").replace(
        "figures:\n", 'figures:\n  back: {of: "services[back].utilisation", says: the back}\n', 1)
    lab = labs / "02-back"
    shutil.copytree(labs / "01-desk", lab)
    (lab / "lab.yaml").write_text(text, "utf-8")
    back = "  back: {endpoints: {do: {http: GET /do, steps: [wait: 0.1ms]}}}\n"
    (lab / "start.yaml").write_text(START.replace("traffic:", back + "traffic:"), "utf-8")
    (lab / "closing.md").write_text("The back was busy {{back}}.\n", "utf-8")
    write(read_lab(lab))
    assert msforge("lab", "start", "2") == 0
    return Path("02-back").resolve()


def test_texts_about_what_was_taken_away_say_so(
    labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = lab_with_a_back(labs, msforge)
    (begun / "system.yaml").write_text(START, "utf-8")
    assert msforge("lab", "check", "-C", str(begun)) == 5
    assert "It is busy nothing." in capsys.readouterr().out
    msforge("lab", "answer", "why=few", "-C", str(begun))
    (begun / "system.yaml").write_text(SOLUTION, "utf-8")
    assert msforge("lab", "check", "-C", str(begun)) == 0
    assert "The back was busy nothing." in (begun / "closing.md").read_text("utf-8")


def test_what_was_given_is_not_the_learners_to_change(
    begun: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    easy = START.replace("80/s", "8/s")
    (begun / "system.yaml").write_text(easy, "utf-8")
    (begun / ".lab/start/start.yaml").write_text(easy, "utf-8")
    assert msforge("lab", "check") == 5
    assert "traffic.people.rate stays as it was" in capsys.readouterr().out


def test_a_limit_holds_in_every_run(labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    lab, quiet = labs / "01-desk", "\nscenarios: {quiet: {services: {desk: {replicas: 1}}}}\n"
    runs = "runs: {plain: {}, quiet: {scenario: quiet}}\nfigures:"
    (lab / "lab.yaml").write_text(LAB.replace("figures:", runs, 1), "utf-8")
    for name, text in (("start", START), ("solution", SOLUTION)):
        (lab / f"{name}.yaml").write_text(text + quiet, "utf-8")
    msforge("lab", "start", "1")
    system = Path("01-desk/system.yaml")
    system.write_text(SOLUTION + quiet.replace("replicas: 1", "replicas: 9"), "utf-8")
    assert msforge("lab", "check", "-C", "01-desk") == 5
    assert "services.desk.replicas is 9" in capsys.readouterr().out.replace("\n", " ")
