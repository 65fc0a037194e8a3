"""`cookiecutter templates/python` alone gives a service that runs: started as a process, asked over a socket."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


PATIENCE = 120.0
"""Seconds to wait for what comes for sure, on a machine however busy."""
SAID = re.compile(rb"running on (http://127\.0\.0\.1:\d+)")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service, made without a question answered, running under uvicorn."""
    home = tmp_path_factory.mktemp("plain")
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    program = (
        "from cookiecutter.main import cookiecutter;"
        f"cookiecutter({str(ROOT / 'templates' / 'python')!r}, no_input=True, output_dir={str(home)!r})"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, capture_output=True)
    service = home / "hello"
    output = home / "output.txt"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--factory", "hello_service.app:create_app", "--port", "0"],
            cwd=service, env={**environment, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(service)])},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    end = time.monotonic() + PATIENCE
    try:
        while (said := SAID.search(output.read_bytes())) is None:
            assert process.poll() is None and time.monotonic() < end, output.read_text("utf-8", "replace")
            time.sleep(0.05)
        yield said[1].decode()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def ask(url: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of an answer."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_its_endpoint_answers(url: str) -> None:
    status, content = ask(f"{url}/greetings", b'{"name": "Ada"}')
    assert (status, json.loads(content)) == (200, {"text": ""})


def test_bad_bodies_are_refused_without_a_traceback(url: str) -> None:
    for body in (b"{", b'{"name": 5}', b"[]", b"\xff\xfe", b'{"name": "' + b"x" * 2_000_000 + b'"}'):
        status, content = ask(f"{url}/greetings", body)
        assert 400 <= status < 500 and b"Traceback" not in content


def test_it_counts_what_it_did(url: str) -> None:
    ask(f"{url}/greetings", b"{}")
    with urllib.request.urlopen(f"{url}/metrics", timeout=PATIENCE) as answer:
        assert b'outcome="ok"' in answer.read()
