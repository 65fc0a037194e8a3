"""The Dockerfile of a generated service, really built and run: `pytest tests/containers --containers`.

MSFORGE_ENGINE is the engine's command with its options (default: podman or docker, whichever is there),
MSFORGE_PYTHON_IMAGE the image to build on (default: the Dockerfile's own), MSFORGE_BUILD_OPTIONS more for `build`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import msforge
from msforge.catalog import example
from msforge.live import ports
from tests.live.conftest import ask, until

TAG = "msforge-test-user:ci"


def engine(*arguments: str, within: float = 60.0) -> str:
    """Run the container engine; what it printed."""
    line = [*shlex.split(os.environ["MSFORGE_ENGINE"]), *arguments]
    env = {**os.environ, "BUILDAH_FORMAT": "docker"}  # podman's own format has no health check
    done = subprocess.run(line, capture_output=True, text=True, timeout=within, env=env, check=False)
    assert done.returncode == 0, f"{shlex.join(line)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module", autouse=True)
def an_engine() -> Iterator[None]:
    found = os.environ.get("MSFORGE_ENGINE") or next(filter(None, map(shutil.which, ("podman", "docker"))), None)
    if found is None:
        pytest.skip("neither podman nor docker is installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSFORGE_ENGINE", found)
        yield


@pytest.fixture(scope="module")
def image(an_engine: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the shop's service `user`, built."""
    folder = tmp_path_factory.mktemp("image") / "shop"
    msforge.new(example("shop").file, folder)
    base = os.environ.get("MSFORGE_PYTHON_IMAGE")
    options = [*(["--build-arg", f"PYTHON={base}"] if base else []),
               *shlex.split(os.environ.get("MSFORGE_BUILD_OPTIONS", ""))]
    engine("build", "--network", "host", *options, "--tag", TAG, str(folder / "services" / "user"), within=900.0)
    return TAG


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[tuple[str, int]]:
    """It runs, with nothing to write to but /data and /tmp; its id and its port."""
    sock = ports.bind(0)
    port = sock.getsockname()[1]
    sock.close()
    id = engine(
        "run", "--detach", "--network", "host", "--read-only", "--tmpfs", "/tmp", "--volume", "/data",
        "--cap-drop", "ALL", "--env", "USER_HOST=127.0.0.1", "--env", f"USER_PORT={port}", image,
    ).splitlines()[-1]
    try:
        yield id, port
    finally:
        engine("rm", "--force", "--volumes", id)


def test_it_serves_and_runs_as_nobody_in_particular(container: tuple[str, int]) -> None:
    id, port = container
    assert until(lambda: ask(f"http://127.0.0.1:{port}/readyz", "GET")[0] == 200, within=60), engine("logs", id)
    assert ask(f"http://127.0.0.1:{port}/sessions")[0] == 200
    [pid] = json.loads(engine("inspect", "--format", "[{{.State.Pid}}]", id))
    if Path(f"/proc/{pid}/status").is_file():
        status = Path(f"/proc/{pid}/status").read_text("ascii")
        uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
        assert set(uids.split()[1:]) == {"10001"}


def test_its_health_check_works(container: tuple[str, int]) -> None:
    id, port = container
    assert until(lambda: ask(f"http://127.0.0.1:{port}/readyz", "GET")[0] == 200, within=60)
    check = json.loads(engine("inspect", "--format", "{{json .Config.Healthcheck.Test}}", id))
    assert check[0] == "CMD"
    engine("exec", id, *check[1:])


def test_the_image_has_no_root_and_no_tests(image: str) -> None:
    told = json.loads(engine("inspect", "--type", "image", image))[0]
    assert told["Config"]["User"] == "10001:10001"
    look = "import user_service, pathlib; print(*pathlib.Path(user_service.__file__).parent.parent.glob('tests'))"
    files = engine("run", "--rm", "--network", "host", image, "python", "-c", look)
    assert files == ""


def test_it_ends_when_asked(container: tuple[str, int]) -> None:
    id, _ = container
    engine("stop", "--time", "20", id)
    assert engine("inspect", "--format", "{{.State.ExitCode}}", id) in ("0", "143")
