"""The generated system's CI: its script decides and tests in a real git repository, its pipelines run that script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import msforge
from tests.platform.conftest import ODD

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false"]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def environment() -> dict[str, str]:
    """The tests of services run in this Python: they need no installation of their own."""
    return {**os.environ, "CI_SAME_PYTHON": "1"}


def ci(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "ci/affected.py", *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, env=environment(), check=False)


def listed(folder: Path, base: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(ci(folder, "--base", base).stdout)
    return found


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """ODD in a git repository, with one commit on main, and that commit's name."""
    (tmp_path / "odd.yaml").write_text(ODD, "utf-8")
    msforge.new(tmp_path / "odd.yaml", tmp_path / "made")
    folder = tmp_path / "made"
    git(folder, "init", "-q", "-b", "main")
    return folder, commit(folder, "begin")


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def touch(folder: Path, path: str) -> None:
    target = folder / path
    target.write_text((target.read_text("utf-8") if target.is_file() else "") + "\n# touched\n", "utf-8")


@pytest.mark.parametrize(("paths", "touched", "neighbours"), [
    (["services/redis/redis_service/handlers.py"], ["redis"], ["Order_A", "no"]),
    (["services/Order_A/README.md"], ["Order_A"], ["redis"]),
    (["services/no/no_service/models.py"], ["no"], ["order-a"]),
    (["services/no/new file.py", "services/redis/x\u00fc.py"], ["no", "redis"], ["Order_A", "order-a"]),
    (["README.md", "odd.yaml", "observability/filebeat.yml"], [], []),
    (["ci/affected.py"], ["Order_A", "no", "order-a", "redis"], []),
    (["services/redis-notes.txt"], [], []),
])
def test_what_a_commit_touches(
    repository: tuple[Path, str], paths: list[str], touched: list[str], neighbours: list[str]
) -> None:
    folder, base = repository
    for path in paths:
        touch(folder, path)
    commit(folder, "change")
    assert listed(folder, base) == {"touched": touched, "neighbours": neighbours}


def test_only_the_branch_s_own_changes_count(repository: tuple[Path, str]) -> None:
    folder, _ = repository
    git(folder, "checkout", "-q", "-b", "work")
    touch(folder, "services/redis/README.md")
    commit(folder, "mine")
    git(folder, "checkout", "-q", "main")
    touch(folder, "services/no/README.md")
    commit(folder, "theirs")
    git(folder, "checkout", "-q", "work")
    assert listed(folder, "main")["touched"] == ["redis"]
    git(folder, "mv", "services/redis/README.md", "services/no/moved.md")
    commit(folder, "moved")
    assert listed(folder, "main")["touched"] == ["no", "redis"], "both folders of a file that was moved"


@pytest.mark.parametrize("base", ["0" * 40, "no-such-branch", ""])
def test_all_are_tested_when_there_is_nothing_to_compare_with(repository: tuple[Path, str], base: str) -> None:
    folder, _ = repository
    assert len(listed(folder, base)["touched"]) == 4


def test_a_touched_service_is_tested_and_its_callers_contracts(repository: tuple[Path, str]) -> None:
    folder, base = repository
    touch(folder, "services/redis/README.md")
    commit(folder, "harmless")
    done = ci(folder, "--base", base, "--run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"== (.*)", done.stdout) == ["redis: all tests", "Order_A: contract tests", "no: contract tests"]
    assert done.stdout.rstrip().endswith("all is well")


def test_a_broken_promise_fails_at_the_caller(repository: tuple[Path, str]) -> None:
    folder, base = repository
    contract = folder / "services" / "redis" / "openapi.json"
    document = json.loads(contract.read_text("utf-8"))
    del document["paths"]["/get"]
    contract.write_text(json.dumps(document), "utf-8")
    commit(folder, "drops what others call")
    done = ci(folder, "--base", base, "--run")
    assert done.returncode == 1
    assert "failed: Order_A, no" in done.stdout and "in_their_contract[redis.get]" in done.stdout


def test_only_one_service_of_a_matrix(repository: tuple[Path, str]) -> None:
    folder, base = repository
    touch(folder, "services/redis/README.md")
    commit(folder, "harmless")
    done = ci(folder, "--base", base, "--run", "--only", "no")
    assert done.returncode == 0 and re.findall(r"== (.*)", done.stdout) == ["no: contract tests"]


def shell(folder: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A pipeline's step, as a runner would have it."""
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    env = {**environment(), "PATH": path, **variables}
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True,
                          env=env, check=False)


@pytest.fixture
def bash() -> None:
    if os.name == "nt":
        pytest.skip("only on POSIX systems: the pipelines' steps are for their shell")


def test_the_steps_of_github_s_workflow_run(repository: tuple[Path, str], bash: None, tmp_path: Path) -> None:
    folder, base = repository
    touch(folder, "services/Order_A/README.md")
    commit(folder, "harmless")
    workflow: dict[str, Any] = yaml.safe_load((folder / ".github" / "workflows" / "services.yml").read_text("utf-8"))
    jobs = workflow["jobs"]
    look = next(step for step in jobs["affected"]["steps"] if step.get("id") == "look")
    output = tmp_path / "output"
    done = shell(folder, look["run"], BASE=base, GITHUB_OUTPUT=str(output))
    assert done.returncode == 0, done.stderr
    said = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
    assert said["any"] == "true" and json.loads(said["all"]) == ["Order_A", "redis"]
    test = jobs["test"]["steps"][-1]["run"].replace(" --images ci", "")  # no engine that builds images here
    for service in json.loads(said["all"]):
        done = shell(folder, test, BASE=base, SERVICE=service)
        assert done.returncode == 0 and "== " in done.stdout, done.stdout + done.stderr


def test_the_script_of_gitlab_s_pipeline_runs(repository: tuple[Path, str], bash: None) -> None:
    folder, base = repository
    touch(folder, "services/Order_A/README.md")
    commit(folder, "harmless")
    pipeline = yaml.safe_load((folder / ".gitlab-ci.yml").read_text("utf-8"))
    [job] = [job for name, job in pipeline.items() if isinstance(job, dict) and "script" in job]
    done = shell(folder, "\n".join(job["script"]), BASE=base)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"== (.*)", done.stdout) == ["Order_A: all tests", "redis: contract tests"]


def test_images_are_built_of_touched_services_alone(
    repository: tuple[Path, str], bash: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = repository
    touch(folder, "services/Order_A/README.md")
    commit(folder, "harmless")
    fake = tmp_path / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$PWD $*" >>{tmp_path}/built\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    assert ci(folder, "--base", base, "--run", "--images", "shop").returncode == 0
    built = (tmp_path / "built").read_text("utf-8").splitlines()
    assert built == [f"{folder / 'services' / 'Order_A'} build --tag shop/order_a:ci ."]
