"""What is forked is what `python -m PACKAGE` would have run, and ends as it would have."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from msforge.live.children import PYTHON, Child, Spawned
from msforge.live.folder import Package
from msforge.live.fork_server import FORKS, UNKNOWN, ForkServer
from tests.live.conftest import PATIENCE, until
from tests.live.test_processes import left, ppid

pytestmark = pytest.mark.skipif(not FORKS, reason="only on Linux: elsewhere each replica is a new interpreter")


def package(folder: Path, program: str) -> Package:
    """A package `made` whose `__main__` is `program`."""
    (folder / "made").mkdir(parents=True)
    (folder / "made" / "__init__.py").write_text("")
    (folder / "made" / "__main__.py").write_text(program)
    return Package("made", folder, "made", "MADE_")


def with_server(folder: Path, work: Callable[[ForkServer], Awaitable[None]]) -> None:
    async def whole() -> None:
        server = ForkServer(folder / "server.txt")
        await server.open()
        try:
            await work(server)
        finally:
            await server.close()
        assert server.server.code == 0, (folder / "server.txt").read_text()

    asyncio.run(whole())


async def forked(server: ForkServer, made: Package, log: Path) -> Child:
    child = await server.fork(made, {"MADE_A": "x"}, log)
    assert child is not None, server.log.read_text()
    return child


FACTS = """
import json, os, sys, threading
print(json.dumps({
    "name": __name__, "package": __package__, "file": __file__, "argv": sys.argv, "cwd": os.getcwd(),
    "path": sys.path[0], "said": os.environ.get("MADE_A"), "threads": threading.active_count(),
    "leads": os.getsid(0) == os.getpid(),
    "open": sorted(int(name) for name in os.listdir("/proc/self/fd")), "utf8": sys.flags.utf8_mode,
    "here": sys.modules["__main__"].__name__,
}))
"""


def test_it_finds_what_a_new_interpreter_would_find(tmp_path: Path) -> None:
    made = package(tmp_path / "service", FACTS)

    async def work(server: ForkServer) -> None:
        child = await forked(server, made, tmp_path / "forked.txt")
        other = Spawned((sys.executable, "-m", "made"), {**os.environ, **PYTHON, "MADE_A": "x"}, made.folder,
                        tmp_path / "spawned.txt")
        assert await child.gone(PATIENCE) and await other.gone(PATIENCE)
        assert child.code == other.code == 0

    with_server(tmp_path, work)
    facts, expected = (json.loads((tmp_path / name).read_text()) for name in ("forked.txt", "spawned.txt"))
    assert facts == expected and facts["said"] == "x"


@pytest.mark.parametrize(("program", "code", "said"), [
    ("raise SystemExit(3)", 3, ""), ("print('ä' * 3)", 0, "äää"), ("1 / 0", 1, "ZeroDivisionError"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""), ("import os; os._exit(70)", 70, ""),
])
def test_its_exit_code_and_output_are_known(program: str, code: int, said: str, tmp_path: Path) -> None:
    made = package(tmp_path / "service", program)

    async def work(server: ForkServer) -> None:
        child = await forked(server, made, tmp_path / "log")
        assert await child.gone(PATIENCE)
        assert child.code == code

    with_server(tmp_path, work)
    assert said in (tmp_path / "log").read_text("utf-8")


def test_no_two_draw_the_same_random_numbers(tmp_path: Path) -> None:
    made = package(tmp_path / "service", "import random; print(random.random())")

    async def work(server: ForkServer) -> None:
        for child in [await forked(server, made, tmp_path / "log") for _ in range(3)]:
            assert await child.gone(PATIENCE)

    with_server(tmp_path, work)
    assert len(set((tmp_path / "log").read_text().split())) == 3


def test_its_sources_are_read_when_it_starts(tmp_path: Path) -> None:
    made = package(tmp_path / "service", "print('old')")

    async def work(server: ForkServer) -> None:
        assert await (await forked(server, made, tmp_path / "log")).gone(PATIENCE)
        (made.folder / "made" / "__main__.py").write_text("print('changed')")
        assert await (await forked(server, made, tmp_path / "log")).gone(PATIENCE)

    with_server(tmp_path, work)
    assert (tmp_path / "log").read_text().split() == ["old", "changed"]


def test_closing_the_pipe_asks_it_to_leave_and_killing_ends_its_helpers(tmp_path: Path) -> None:
    program = ("import subprocess, sys\n"
               "print(subprocess.Popen(['sleep', '600']).pid, flush=True)\n"
               "sys.stdin.read()\n")
    made = package(tmp_path / "service", program)

    async def work(server: ForkServer) -> None:
        for number, end in enumerate((Child.leave, Child.kill)):
            log = tmp_path / f"log{number}"
            child = await forked(server, made, log)
            assert until(lambda log=log: log.exists() and log.read_text().endswith("\n"), PATIENCE)
            if end is Child.kill:
                child.kill()
            else:
                await child.leave(PATIENCE)
            assert await child.gone(PATIENCE)
            assert child.code == (-signal.SIGKILL if end is Child.kill else 0)
            assert until(lambda log=log: not left([int(log.read_text())]), PATIENCE)

    with_server(tmp_path, work)


def test_children_outlive_the_server_and_are_still_looked_after(tmp_path: Path) -> None:
    made = package(tmp_path / "service", "import sys; sys.stdin.read()")

    async def work() -> None:
        server = ForkServer(tmp_path / "server.txt")
        await server.open()
        child = await forked(server, made, tmp_path / "log")
        assert ppid(child.pid) == server.server.pid
        os.kill(server.server.pid, signal.SIGKILL)
        assert await server.server.gone(PATIENCE)
        await asyncio.sleep(0)
        assert await server.fork(made, {}, tmp_path / "log") is None
        assert child.code is None
        child.ask_to_leave()
        assert await child.gone(PATIENCE)
        assert child.code == UNKNOWN
        await server.close()

    asyncio.run(work())


def test_a_server_that_cannot_start_forks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "uvicorn.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    made = package(tmp_path / "service", "print('here')")

    async def work() -> None:
        server = ForkServer(tmp_path / "server.txt")
        await server.open()
        assert await server.fork(made, {}, tmp_path / "log") is None
        await server.close()

    asyncio.run(work())
    assert "threads" in (tmp_path / "server.txt").read_text() and not (tmp_path / "log").exists()


def test_a_generated_service_has_little_left_to_import(pair: Path, tmp_path: Path) -> None:
    """What the server has imported is what services need: a new import of theirs belongs into its list."""
    program = ("import sys\n"
               f"sys.path.insert(0, {str(pair / 'services' / 'front')!r})\n"
               "before = set(sys.modules)\n"
               "from front_service.__main__ import Settings, create_app\n"
               "create_app(Settings())\n"
               "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n")
    made = package(tmp_path / "service", program)

    async def work(server: ForkServer) -> None:
        child = await forked(server, made, tmp_path / "log")
        assert await child.gone(PATIENCE)

    with_server(tmp_path, work)
    new = (tmp_path / "log").read_text().split()
    assert set(new) - set(sys.stdlib_module_names) == {"front_service"}

