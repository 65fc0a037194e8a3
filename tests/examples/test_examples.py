"""Every example shows what its README says."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

import msforge
from tests.examples import claims

NAMES = sorted(folder.name for folder in claims.EXAMPLES.iterdir() if folder.is_dir())
FILES = [(name, scenario) for name in NAMES for scenario in (
    None, *(yaml.safe_load((claims.EXAMPLES / name / f"{name}.yaml").read_text("utf-8")).get("scenarios") or {}))]


def test_all_examples_are_there() -> None:
    assert NAMES == [
        "boutique", "fan-out", "flight-booking", "retry-storm", "shop", "shop-monolith", "sock-shop", "thousand",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_run_bears_out_what_the_readme_says(name: str) -> None:
    wrong = claims.judge(claims.read(name))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_checked_is_what_the_readme_says(name: str) -> None:
    read = claims.read(name)
    assert [claim.says for claim in read.claims if claim.says not in read.readme] == []
    scenarios = {scenario for example, scenario in FILES if example == name and scenario}
    claimed = {run["scenario"] for run in read.runs.values() if "scenario" in run}
    assert claimed == scenarios, "each scenario has a claim"
    assert scenarios - set(re.findall(r"`([\w-]+)`", read.readme)) == set(), "and is explained"


@pytest.mark.parametrize(("name", "scenario"), FILES)
def test_only_the_warnings_that_are_the_lesson_are_given(name: str, scenario: str | None) -> None:
    read = claims.read(name)
    given = msforge.check(read.file, scenario=scenario)
    assert [d for d in given if d.severity is msforge.Severity.ERROR] == []
    if scenario is None:
        assert Counter(d.code for d in given) == read.warnings
    for code in read.warnings:
        assert code in read.readme, f"the README says what {code} is about"


def test_a_thousand_services_are_checked_within_two_seconds(tmp_path: Path) -> None:
    file = claims.EXAMPLES / "thousand/thousand.yaml"
    taken = []
    for _ in range(3):
        begin = time.process_time()
        msforge.check(file)
        taken.append(time.process_time() - begin)
    assert min(taken) < 2.0


def test_the_generator_writes_the_thousand_services_to_the_byte() -> None:
    folder = claims.EXAMPLES / "thousand"
    done = subprocess.run([sys.executable, str(folder / "generate.py")], capture_output=True, check=True)
    assert done.stdout.replace(b"\r\n", b"\n") == (folder / "thousand.yaml").read_bytes().replace(b"\r\n", b"\n")
