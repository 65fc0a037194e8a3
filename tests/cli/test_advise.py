"""`msforge advise`: asked, by options, by a file, by a system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from msforge.cli import advise, app

run = CliRunner().invoke


def test_options_say_it_and_what_nobody_says_is_shown_as_assumed() -> None:
    done = run(app, ["advise", "--engineers", "12", "--budget", "300ms"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("Is it time for microservices? No: a modular monolith (1 deployable).")
    lines = {line.split()[0]: line for line in done.stdout.partition("The numbers it rests on")[2].splitlines() if line}
    assert "given" in lines["budget"] and "assumed" in lines["rate"]
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_json_is_the_same_advice() -> None:
    plain = json.loads(run(app, ["advise", "--engineers", "40", "--deploys", "25", "--json"]).stdout)
    assert (plain["style"], plain["deployables"], plain["asked"]) == ("a few services", 3, 3)
    assert {one["name"] for one in plain["asks"]} == {"deployments", "languages", "scaling"}
    assert all(one["source"] for one in plain["asks"] + plain["allows"])


def test_a_file_says_it_and_options_go_before_it(here: Path) -> None:
    (here / "team.yaml").write_text("engineers: 12\ndeploys: 25\n", "utf-8")
    plain = json.loads(run(app, ["advise", "team.yaml", "--deploys", "2", "--set", "team=20", "--json"]).stdout)
    numbers = plain["numbers"]
    assert (numbers["engineers"]["value"], numbers["engineers"]["from"]) == ("12", "from team.yaml")
    assert (numbers["deploys"]["value"], numbers["deploys"]["from"]) == ("2", "given")
    assert numbers["team"]["value"] == "20"


def test_a_system_says_what_it_can(tiny: Path) -> None:
    plain = json.loads(run(app, ["advise", "--system", str(tiny), "--engineers", "5", "--json"]).stdout)
    numbers = plain["numbers"]
    assert numbers["services"] == {**numbers["services"], "value": "2", "from": "from tiny.yaml"}
    assert numbers["budget"]["value"] == "50ms" and numbers["alone"]["value"] == "18ms"
    assert numbers["hops"]["value"] == "1"


def test_simulating_gives_the_percentiles_with_and_without_the_network(tiny: Path) -> None:
    tiny.write_text(tiny.read_text("utf-8") + "network: {latency: 2ms}\n", "utf-8")
    done = run(app, ["advise", "--system", str(tiny), "--simulate", "--json", "-q"])
    assert done.exit_code == 0, done.stderr
    numbers = json.loads(done.stdout)["numbers"]
    assert numbers["alone"]["value"] == "18ms"  # every time of it is constant
    assert numbers["hop"]["value"] == "8ms"  # two round trips of 4 ms, the client's own included, for one call


def test_a_person_is_asked_until_the_answer_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advise, "_at_a_terminal", lambda: True)
    answers = ["twelve", "12", *[""] * 11]
    done = run(app, ["advise", "--json"], input="\n".join(answers) + "\n")
    assert done.exit_code == 0, done.stderr
    assert "a whole number is needed here, found `twelve`" in done.stderr
    numbers: Any = json.loads(done.stdout[done.stdout.index("{\n") :])["numbers"]  # after what the runner echoes
    assert (numbers["engineers"]["value"], numbers["engineers"]["from"]) == ("12", "given")
    assert numbers["services"]["from"] == "" and numbers["deploys"]["value"] == "6"


@pytest.mark.parametrize(("words", "said"), [
    ([], "no terminal to ask at"),
    (["--budget", "300"], "the unit is missing"),
    (["--set", "bugdet=3s"], "did you mean `budget`"),
    (["--set", "budget"], "--set wants NAME=VALUE"),
    (["--simulate", "--engineers", "3"], "--system shop.yaml"),
    (["--system", "nowhere.yaml"], "there is no file nowhere.yaml"),
])
def test_what_cannot_be_used_is_a_usage_error_with_a_way_on(words: list[str], said: str) -> None:
    done = run(app, ["advise", *words])
    assert done.exit_code == 2 and said in done.stderr and done.stdout == ""
