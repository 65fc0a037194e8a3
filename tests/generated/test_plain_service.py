"""`cookiecutter templates/python` alone gives a service that runs: started as a process, asked over a socket."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


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
    port = free_port()
    service = home / "hello"
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "hello_service.app:create_app", "--port", str(port)],
        cwd=service, env={**environment, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(service)])},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(400):
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
                break
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=20)


def ask(url: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of an answer."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
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
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        assert b'outcome="ok"' in answer.read()
