"""Every lab: its start fails and its solution passes for five seeds, and its texts say what the run says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from msforge import lessons
from msforge.cli import app
from msforge.lessons import library
from msforge.lessons.lab import README, SOLUTION, TEACHER, Lab
from tests.docs.test_docs_run import FENCE, commands

ROOT = Path(__file__).resolve().parents[2] / "lessons"
FOLDERS = sorted(path.parent for path in ROOT.glob("*/lab.yaml"))
NAMES = [folder.name for folder in FOLDERS]


def lab(name: str) -> Lab:
    """A lab of the checkout."""
    return lessons.read_lab(ROOT / name)


@pytest.mark.parametrize("name", NAMES)
def test_its_start_fails_and_its_solution_passes(name: str) -> None:
    report = lessons.self_test(lab(name), processes=1)
    assert report.passed, "\n".join(report.wrong)


@pytest.mark.parametrize("name", NAMES)
def test_its_pages_are_whole(name: str) -> None:
    found = lab(name)
    readme, teacher = found.text(README), found.text(TEACHER)
    assert readme.startswith(f"# {found.model.title}\n")
    assert "](system.svg)" in readme, "a picture of its system"
    assert "\n## What to read next\n" in readme
    assert f"{found.model.minutes} minutes" in teacher and "The point" in teacher
    assert all(word in teacher for word in ("wrong predictions", "To project", "Questions"))
    for number in re.findall(r"msforge lab start (\d+)", readme):
        assert 1 <= int(number) <= 21


@pytest.mark.parametrize("name", NAMES)
def test_what_its_readme_types_is_a_command(name: str) -> None:
    text = lab(name).text(README)
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {str(group.name) for group in app.registered_groups}
    for match in FENCE.finditer(text):
        for command in commands(match[2]):
            assert command.words[0] in known


@pytest.mark.parametrize("name", [name for name in NAMES if name[0] != "_"])
def test_brute_force_does_not_solve_it(name: str) -> None:
    """A hundred replicas of everything: the bounds say no, or the lab is not solved by replicas."""
    from msforge.lessons import judge
    from msforge.lessons.lab import START
    from msforge.lessons.runs import described

    found = lab(name)
    if not found.has(SOLUTION):
        assert found.model.questions or found.model.commands
        return
    before = described(found, found.path(START), found.folder)
    after = {
        run: spec.overlay({f"services.{service}.replicas": 100 for service, model in spec.model.services.items()
                           if not (model.external or model.function or model.autoscale)})
        for run, spec in before.items()
    }  # fmt: skip
    rules = judge.rules(found, before, after)
    bills = [text for goal in found.model.goals for text in goal.figures if re.match(r"(bill|cost|threads)\b.*<", text)]
    assert not all(rule.met for rule in rules) or bills


@pytest.mark.parametrize("name", ["05-notification-fails", "06-payment-is-slow", "08-breaker-and-fallback"])
def test_work_left_out_does_not_solve_it(name: str, tmp_path: Path) -> None:
    """The solution without the call of payment: nothing is slow any more, and nobody is charged."""
    from msforge.lessons import judge
    from msforge.lessons.runs import described, execute

    found = lab(name)
    text, place = found.text(SOLUTION), re.compile(r"^( *)- call: payment\.charge\n(?:\1 +.*\n)*", re.MULTILINE)
    assert len(place.findall(text)) == 1
    system = tmp_path / "system.yaml"
    system.write_text(place.sub("", text), "utf-8")
    runs = execute(found, described(found, system, found.folder), seeds=1, processes=1)
    assert not all(goal.met for goal in judge.goals(runs))


def test_the_labs_are_found_by_number_and_name() -> None:
    for folder in FOLDERS:
        if folder.name[0] == "_":
            assert folder.name not in library.names()
            continue
        found = lessons.find(folder.name)
        assert found.number is not None
        assert lessons.find(str(found.number)).name == lessons.find(folder.name.partition("-")[2]).name == folder.name
