"""Every example is generated, passes its own tests, comes up in one process, and answers what its traffic asks.

`thousand` is cut down to twenty services that belong together; with MSFORGE_LONG=1 all of it is generated too, and
twenty of its services are tested.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

import msforge
from msforge.catalog import example, examples
from tests.generated.support import LONG, answers, own_tests, ruff, up

SMALL = [found.name for found in examples() if found.name != "thousand"]


def cut(document: dict[str, Any], number: int, seed: int) -> dict[str, Any]:
    """So many services of `thousand`: an entry and others that it reaches, drawn; calls to the rest are left out."""
    dice, services = Random(seed), document["services"]
    kept, waiting = [], [dice.choice(sorted(document["traffic"])).removeprefix("to-")]
    while waiting and len(kept) < number:
        kept.append(waiting.pop(dice.randrange(len(waiting))))
        waiting += [name for name in callees(services[kept[-1]]) if name not in (*kept, *waiting)]
    for name in kept:
        for step in services[name]["endpoints"]["ask"]["steps"]:
            if "parallel" in step:
                step["parallel"] = [call for call in step["parallel"] if call["call"].split(".")[0] in kept]
        steps = services[name]["endpoints"]["ask"]["steps"]
        services[name]["endpoints"]["ask"]["steps"] = [step for step in steps if step.get("parallel") != []]
    document["services"] = {name: services[name] for name in kept}
    document["traffic"] = {key: source for key, source in document["traffic"].items() if key == f"to-{kept[0]}"}
    return document


def callees(service: dict[str, Any]) -> list[str]:
    """Whom one of its services calls."""
    steps = service["endpoints"]["ask"]["steps"]
    return [call["call"].split(".")[0] for step in steps for call in step.get("parallel", ())]


@pytest.fixture(scope="module", params=[*SMALL, "thousand"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An example's folder as `new` makes it, and the description."""
    folder = tmp_path_factory.mktemp("examples")
    source = example(request.param).file
    if request.param == "thousand":
        document = cut(yaml.safe_load(source.read_text("utf-8")), 20, seed=7)
        source = folder / "thousand.yaml"
        source.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    plan = msforge.new(source, folder / "made")
    assert len(plan.services) == len(msforge.load(source).model.services)
    return folder / "made", source


def test_it_passes_its_own_tests(made: tuple[Path, Path]) -> None:
    assert own_tests(sorted((made[0] / "services").iterdir())) == {}


def test_it_answers_its_traffic(made: tuple[Path, Path]) -> None:
    folder, source = made
    with up(folder):
        found = answers(folder, source)
        shown = msforge.ps(folder)
    assert all(outcomes.get("ok", 0) >= 1 for outcomes in found.values()), found
    assert len(shown["services"]) == len(msforge.load(source).model.services)


@pytest.mark.skipif(not LONG, reason="only on a long run: MSFORGE_LONG=1")
def test_a_thousand_services_are_generated(tmp_path: Path) -> None:
    msforge.new(example("thousand").file, tmp_path / "made")
    services = sorted((tmp_path / "made" / "services").iterdir())
    assert len(services) == 1000
    assert ruff(tmp_path / "made", "check") == "" and ruff(tmp_path / "made", "format", "--check") == ""
    assert own_tests(Random(1).sample(services, 20)) == {}
