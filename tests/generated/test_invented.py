"""Random valid descriptions, with every verb and awkward names, are generated and imported; some come up and answer.

20 in CI, 3 of them brought up; with MSFORGE_LONG=1 200 and 20.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import msforge
from msforge.scaffold.plan import Plan
from tests.generated.invented import invented
from tests.generated.support import HERE, LONG, entries, own_tests, up
from tests.generated.support import answers as traffic

GENERATED, RUNNING, TESTED = (200, 20, 40) if LONG else (20, 3, 1)
SYSTEM_NAMES = ("it's", "naïve café", "店", "{x}", "a%20b", "$HOME & co", "{{ x }}", "#1", "[a](b)", "a" * 90)
"""Names of description files: all can be on every platform."""


def make(seed: int, folder: Path) -> tuple[Plan, Path]:
    """The folder of a random system."""
    name = SYSTEM_NAMES[seed % len(SYSTEM_NAMES)]
    source = folder / "from" / str(seed) / f"{name}.yaml"
    source.parent.mkdir(parents=True)
    source.write_text(yaml.safe_dump(invented(seed), sort_keys=False), "utf-8")
    return msforge.new(source, folder / f"{name[:20]} {seed}"), source


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Plan, Path]]:
    """Many of them."""
    folder = tmp_path_factory.mktemp("invented")
    return [make(seed, folder) for seed in range(GENERATED)]


def services(plan: Plan) -> list[Path]:
    """The folders of its services."""
    return [plan.folder / service["folder"] for service in plan.services]


def test_they_are_all_code_that_imports(made: list[tuple[Plan, Path]]) -> None:
    folders = [str(folder) for plan, _ in made for folder in services(plan)]
    for first in range(0, len(folders), 100):
        done = subprocess.run(
            [sys.executable, str(HERE / "import_all.py"), *folders[first : first + 100]], capture_output=True,
            text=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        assert json.loads(done.stdout) == {}


def test_nothing_is_to_be_done_once_they_are_generated(made: list[tuple[Plan, Path]]) -> None:
    assert [plan.folder.name for plan, _ in made[:RUNNING] if msforge.diff(plan.folder).pending] == []


def test_they_pass_their_own_tests(made: list[tuple[Plan, Path]]) -> None:
    assert own_tests([folder for plan, _ in made[:TESTED] for folder in services(plan)]) == {}


@pytest.mark.parametrize("seed", range(RUNNING))
def test_some_come_up_healthy_and_answer(seed: int, made: list[tuple[Plan, Path]]) -> None:
    plan, source = made[-1 - seed]
    with up(plan.folder):
        shown = msforge.ps(plan.folder)
        assert {service["name"] for service in shown["services"]} == {service["name"] for service in plan.services}
        states = {replica["state"] for service in shown["services"] for replica in service["replicas"]}
        assert states == {"ready"}, shown
        found = traffic(plan.folder, source, seconds=4, enough=1)
    # a description may fail its own requests at random, or always time out; a request that is misunderstood is a bug
    assert set(found) == set(entries(source))
    assert not any("rejected" in outcomes for outcomes in found.values()) or "404" in source.read_text("utf-8"), found
