"""`cookiecutter templates/python` alone gives a running service of one endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.scaffold.hello import FILE, ROOT, defaults


def test_its_defaults_are_what_msforge_would_tell_it() -> None:
    assert json.loads(FILE.read_text("utf-8")) == defaults(), "run: python tests/scaffold/hello.py"


def test_plain_cookiecutter_makes_a_service_that_passes_its_own_tests(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-m", "cookiecutter", "--no-input", "-o", str(tmp_path), str(ROOT / "templates" / "python"),
         "name=My Greeter"],
        check=True, env=environment, capture_output=True,
    )  # fmt: skip
    service = tmp_path / "my-greeter"
    path = os.pathsep.join([str(ROOT / "src"), str(service)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=service, capture_output=True, text=True,
        env={**environment, "PYTHONPATH": path}, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    program = (
        "from fastapi.testclient import TestClient\n"
        "from my_greeter_service.app import create_app\n"
        "with TestClient(create_app()) as client:\n"
        "    print(client.post('/greetings', json={'name': 'x'}).json())\n"
        "    print(client.post('/greetings', content=b'{').status_code)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], env={**environment, "PYTHONPATH": path}, check=True, capture_output=True,
        text=True, encoding="utf-8",
    )  # fmt: skip
    assert said.stdout.split("\n")[:2] == ["{'text': ''}", "422"]
