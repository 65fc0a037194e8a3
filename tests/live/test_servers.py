"""`msforge up --with`: servers found, started with data of their own, watched, and gone with the system."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import msforge
from msforge.errors import UsageError
from msforge.live import state
from msforge.live.servers.known import Wanted, text_of, wanted
from msforge.live.servers.server import MissingError, Server, find_programs, how_to_install
from tests.live.conftest import command, environment, running, until


class Nowhere(Server):
    """A server that nobody has."""

    name = "nowhere"
    programs: ClassVar = {"nowhered": ("nowhered", "/nowhere/*/nowhered")}
    packages: ClassVar = {"apt": "nowhere-server", "brew": "nowhere"}


def server(folder: Path) -> dict[str, Any]:
    return dict(msforge.ps(folder)["servers"][0])


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [int(child) for child in listed]


@pytest.fixture(scope="module")
def with_prometheus(pair: Path) -> Iterator[Path]:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    with running(pair, "--with", "prometheus"):
        yield pair


def test_what_with_says_is_read_and_written() -> None:
    assert wanted("") == ()
    assert wanted(" prometheus ,") == (Wanted("prometheus"),)
    assert text_of((Wanted("prometheus"), Wanted("postgres", "postgres://a:b@c"))) == (
        "prometheus,postgres=postgres://a:b@c"
    )
    assert "a:b" not in repr(Wanted("postgres", "postgres://a:b@c")), "a password would be shown"


@pytest.mark.parametrize(("text", "said"), [
    ("promeheus", "no such server"),
    ("prometheus,prometheus", "twice"),
    ("prometheus=http://127.0.0.1:9090", "only a prometheus that msforge starts"),
])
def test_what_with_cannot_mean_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        wanted(text)


def test_what_is_not_installed_is_said_with_the_package_to_install() -> None:
    with pytest.raises(MissingError) as caught:
        find_programs(Nowhere())
    assert caught.value.message == "nowhere: nowhered is not installed"
    assert how_to_install(Nowhere(), "linux") == "install it: apt-get install nowhere-server"
    assert how_to_install(Nowhere(), "darwin") == "install it: brew install nowhere"
    assert how_to_install(Nowhere(), "win32") == (
        "there is no winget package of it; elsewhere: apt-get install nowhere-server, brew install nowhere"
    )


def test_the_highest_version_of_a_program_is_taken(tmp_path: Path) -> None:
    for version in ("9", "15", "14"):
        program = tmp_path / version / "served"
        program.parent.mkdir()
        program.write_text("")
        program.chmod(0o755)

    class Versions(Server):
        name = "versions"
        programs: ClassVar = {"served": (f"{tmp_path.as_posix()}/*/served",)}

    assert Path(find_programs(Versions())["served"]) == tmp_path / "15" / "served"


def test_prometheus_is_ready_and_shown(with_prometheus: Path) -> None:
    shown = server(with_prometheus)
    assert shown["name"] == "prometheus" and shown["state"] == "ready" and shown["url"].startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{shown['url']}/-/ready") as answer:
        assert answer.status == 200
    assert any(who == "prometheus" for who, _ in msforge.logs(with_prometheus, "prometheus"))


def test_it_scrapes_every_replica(with_prometheus: Path) -> None:
    def up() -> set[str]:
        with urllib.request.urlopen(f"{server(with_prometheus)['url']}/api/v1/query?query=up") as answer:
            found = json.load(answer)["data"]["result"]
        return {one["metric"]["replica"] for one in found if one["value"][1] == "1"}

    assert until(lambda: up() == {"front.0", "back.0", "back.1", "reader.0"})


@pytest.fixture
def down(pair: Path, tmp_path: Path) -> Path:
    """PAIR once more, not up."""
    shutil.copytree(pair, tmp_path / "pair", ignore=shutil.ignore_patterns("run"))
    return tmp_path / "pair"


@pytest.mark.parametrize("how", ["asked", "killed"])
def test_it_is_gone_with_the_system_and_so_are_its_data(down: Path, how: str) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    if how == "killed" and os.name == "nt":
        pytest.skip("only on POSIX systems: SIGKILL")
    with running(down, "--with", "prometheus") as process:
        guard = server(down)["pid"]
        started = children_of(guard) if Path("/proc/self/task").exists() else []
        data = state.run_folder(down) / "servers" / "prometheus"
        assert (data / "data").is_dir()
        if how == "asked":
            msforge.down(down)
        else:
            process.send_signal(signal.SIGKILL)
        process.wait(20)
        assert until(lambda: not any(state.alive(pid) for pid in (guard, *started)))
        assert until(lambda: not data.exists())


def test_one_that_ends_as_it_starts_takes_all_down_and_says_why(down: Path, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("only on POSIX systems: a script as a program")
    fake = tmp_path / "prometheus"
    fake.write_text("#!/bin/sh\necho this configuration is bad >&2\nexit 3\n")
    fake.chmod(0o755)
    env = {**environment(), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    line = command("up", "-C", down, "--port-base", "0", "--with", "prometheus")
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "prometheus ended as it started (exit code 3)" in done.stderr
    assert "this configuration is bad" in done.stderr
    assert not (state.run_folder(down) / "servers" / "prometheus").exists()
