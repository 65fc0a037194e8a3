"""Lab 21 asks what `advise` says. Its right answers are what it says."""

import json

import pytest
from typer.testing import CliRunner

from msforge.catalog import labs_root
from msforge.cli import app
from msforge.lessons.lab import read_lab

LAB = labs_root() / "21-when-not-to"


@pytest.mark.parametrize("system", ["start.yaml", "solution.yaml"])
@pytest.mark.parametrize(
    ("question", "options"),
    [("advice", ["--engineers", "5"]), ("grown", ["--engineers", "40", "--deploys", "25"])],
)
def test_right_answers(system: str, question: str, options: list[str]) -> None:
    done = CliRunner().invoke(app, ["advise", "--system", str(LAB / system), "--simulate", "--json", *options])
    assert done.exit_code == 0, done.stderr
    assert str(json.loads(done.stdout)["deployables"]) == read_lab(LAB).model.questions[question].figure
