"""Lab 21 asks what `advise` says. Its right answers are what it says."""

import json

import pytest

from msforge.catalog import labs_root
from msforge.cli import main
from msforge.lessons.lab import read_lab

LAB = labs_root() / "21-when-not-to"


@pytest.mark.parametrize("system", ["start.yaml", "solution.yaml"])
@pytest.mark.parametrize(
    ("question", "options"),
    [("advice", ["--engineers", "5"]), ("grown", ["--engineers", "40", "--deploys", "25"])],
)
def test_right_answers(
    system: str, question: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["advise", "--system", str(LAB / system), "--simulate", "--json", *options]) == 0
    advised = json.loads(capsys.readouterr().out)["deployables"]
    assert str(advised) == read_lab(LAB).model.questions[question].figure
