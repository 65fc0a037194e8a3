"""A teacher's side: labs of one's own, the proof that a lab is one, and a class's results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from msforge import lessons
from msforge.errors import InvalidFileError
from tests.lessons.conftest import LAB, SOLUTION, START, Msforge, use_labs, write_lab

ROOT = Path(__file__).resolve().parents[2] / "lessons"


def wrong(folder: Path) -> str:
    """What a self-test says, with two seeds."""
    return "\n".join(lessons.self_test(lessons.read_lab(folder), seeds=2, processes=1, trust=True).wrong)


def test_a_new_lab_is_one_and_its_name_is_not_taken_twice(
    labs: Path, msforge: Msforge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_labs(monkeypatch, ROOT)
    assert msforge("lab", "new", "my-lab") == 0
    assert "self-test my-lab" in capsys.readouterr().err
    assert msforge("lab", "self-test", "my-lab") == 0
    assert "✓ my-lab" in capsys.readouterr().out
    assert msforge("lab", "new", "my-lab") == 4
    assert msforge("lab", "new", "my lab!") == 2
    assert msforge("lab", "start", "./my-lab", "--dir", "try") == 0
    assert msforge("lab", "check", "-q", "-C", "try") == 5


def test_a_lab_that_is_none_is_found_out(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "02-x")
    assert wrong(folder) == ""
    (folder / "start.yaml").write_text(SOLUTION, "utf-8")
    assert "the start passes" not in wrong(folder), "it still has a question"
    (folder / "lab.yaml").write_text(LAB[: LAB.index("questions:")] + LAB[LAB.index("goals:") :], "utf-8")
    assert "the start passes for seed 1" in wrong(folder)
    (folder / "start.yaml").write_text(START, "utf-8")
    (folder / "solution.yaml").write_text(START, "utf-8")
    assert "the solution misses desk.serve p99 < 80ms for 2 of 2 seeds" in wrong(folder)
    (folder / "solution.yaml").write_text(SOLUTION.replace("threads: 1", "threads: 4"), "utf-8")
    assert "the solution breaks a rule: services.desk.threads stays as it was" in wrong(folder)


def test_prose_and_run_may_not_part(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "02-x")
    text = (folder / "README.md").read_text("utf-8")
    (folder / "README.md").write_text(text.replace("Busy 8", "Busy 9"), "utf-8")
    assert "README.md is not what the run says" in wrong(folder)


def test_a_choice_is_proven(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "02-x")
    text = LAB.replace("right: few}", "right: few, proof: [busy > 95%]}")
    (folder / "lab.yaml").write_text(text, "utf-8")
    assert "`few` is right for why only if busy > 95%, which seed 1 denies" in wrong(folder)


def test_commands_are_tried_and_strangers_run_none(
    labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_lab(Path("mine").resolve())
    text = LAB[: LAB.index("questions:")] + LAB[LAB.index("goals:") :]
    text += "commands: [{says: there is a note, run: python note.py}]\nsolve: [python make.py]\nfiles: [make.py]\n"
    (folder / "make.py").write_text("open('note.py', 'w').close()\n", "utf-8")
    (folder / "lab.yaml").write_text(text, "utf-8")
    assert msforge("lab", "self-test", "./mine") == 2
    assert "self-test --trust" in capsys.readouterr().err
    assert not Path("note.py").exists()
    assert msforge("lab", "self-test", "./mine", "--trust") == 0
    assert wrong(folder) == ""
    (folder / "lab.yaml").write_text(text.replace("note.py}", "other.py}"), "utf-8")
    assert "the solution misses there is a note: exit code 2" in wrong(folder)
    msforge("lab", "start", "./mine", "--dir", "try")
    assert msforge("lab", "check", "-q", "-C", "try") == 2
    assert "--trust" in capsys.readouterr().err
    assert msforge("lab", "check", "-q", "-C", "try", "--trust") == 5
    assert "✗  there is a note" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lab: 1", "lab: 2", "E102: this lab has format 2"),
        ("minutes: 5", "minutes: soon", "E203: expected minutes"),
        ("goals:\n", "gaols:\n", "E101: unknown key `gaols`"),
        ("bill < 100", "bil < 100", "E801: `bil` is neither a figure"),
        ("bill < 100", "bill <", "E802: `bill <` is not a comparison"),
        ("services[desk].utilisation", "servants[desk].utilisation", "E801: `servants[desk].utilisation` is neither"),
        ("It is busy {{busy}}.", "It is {{buzy}}.", "E805: `{{buzy}}` names no figure"),
        ("right: few", "right: fewer", "E401: `right` is none of the choices"),
        ("within: 10%", "when: start", "E402: a number needs `within`"),
        ("[look, think, act]", "[look]", "E106"),
        ("services.desk.replicas <= 3", "a few", "E802: `a few` is not a limit"),
        ("seeds: 2", "runs: {a: {system: b.yaml}}", "E804: the lab has no b.yaml"),
        ("goals:\n  - obj", "goals:\n  - run: x\n    obj", "E801: there is no run `x`"),
    ],
)
def test_a_slip_in_a_lab_is_told_at_its_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    folder = write_lab(tmp_path / "x")
    assert old in LAB
    (folder / "lab.yaml").write_text(LAB.replace(old, new), "utf-8")
    with pytest.raises(InvalidFileError) as caught:
        lessons.read_lab(folder)
    said = [f"{d.code}: {d.message}" for d in caught.value.diagnostics]
    assert any(line.startswith(words) for line in said), said


def test_an_empty_lab_and_one_that_is_a_list(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "x")
    for text in ("", "- a\n", "a: [\n"):
        (folder / "lab.yaml").write_text(text, "utf-8")
        with pytest.raises(InvalidFileError):
            lessons.read_lab(folder)


def test_a_class_is_collected_from_files(
    labs: Path, msforge: Msforge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    handed_in = tmp_path / "handed-in"
    handed_in.mkdir()
    for n, predicted in enumerate(("81%", "20%")):
        monkeypatch.setenv("MSFORGE_HOME", str(tmp_path / f"home{n}"))
        msforge("lab", "start", "1", "--dir", f"l{n}")
        msforge("lab", "answer", f"busy={predicted}", "why=few", "-C", f"l{n}")
        msforge("lab", "check", "-q", "-C", f"l{n}")
        if n == 0:
            msforge("lab", "solution", "--apply", "-C", "l0")
            msforge("lab", "check", "-q", "-C", "l0")
        for name in (f"{n}.json", f"again-{n}.json"):
            assert msforge("lab", "report", "--out", str(handed_in / name)) == 0
    text = (handed_in / "0.json").read_text("utf-8")
    assert str(tmp_path) not in text, "no path of the learner's machine"
    (handed_in / "no.json").write_text("{}", "utf-8")
    capsys.readouterr()
    assert msforge("lab", "report", str(handed_in), "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["learners"] == 2
    row = plain["labs"][0]
    assert (row["lab"], row["started"], row["solved"], row["alone"], row["checks"]) == ("01-desk", 2, 1, 0, [2])
    assert row["predictions"] == {"busy": {"close": 1, "off": 1}}
    assert list(plain["unread"]) == [str(handed_in / "no.json")]
    assert msforge("lab", "report", str(handed_in)) == 0
    said = capsys.readouterr().out
    assert "2 learners, 1 lab" in said and "1 of 2" in said and "not read" in said


def test_nothing_to_collect(labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str]) -> None:
    assert msforge("lab", "report") == 2
    assert "msforge lab report --out" in capsys.readouterr().err
    assert msforge("lab", "report", "nowhere") == 2


def test_a_damaged_record_is_moved_aside_and_one_of_another_version_left_alone(
    labs: Path, msforge: Msforge, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record = tmp_path / "home/labs.json"
    msforge("lab", "start", "1", "--dir", "a")
    for text, words in (("{", "it is kept as"), ('{"format": 9, "labs": {}}', "left alone")):
        record.write_text(text, "utf-8")
        capsys.readouterr()
        assert msforge("lab") == 0
        assert words in capsys.readouterr().err
    assert record.with_suffix(".damaged.json").read_text("utf-8") == "{"
    assert msforge("lab", "check", "-q", "-C", "a") == 5
    assert record.read_text("utf-8") == '{"format": 9, "labs": {}}'
