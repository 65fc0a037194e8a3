"""Runs one server and ends it when our parent is gone. Started as a script, with nothing but Python's own library.

A broker does not watch its standard input as our services do, so this process does it in its place: however msforge
ends, the pipe closes, the server is asked to end, made to when it does not, and its data are removed. A line "keep" on
the pipe says to leave the data: it will be started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any


def main(told: dict[str, Any]) -> int:
    """Run `told["command"]` until it ends or the pipe closes; its exit code, or 0 when it was asked to end."""
    happened: queue.SimpleQueue[str] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, frame: happened.put("leave"))
    account = told["account"]
    apart: dict[str, Any] = {"user": account, "group": account, "extra_groups": ()} if account else {}
    helper = _start(told["helper"], told["folder"], apart) if told["helper"] else None
    child = _start(told["command"], told["folder"], apart)
    keep = threading.Event()
    threading.Thread(target=_watch, args=(happened, keep), daemon=True).start()
    threading.Thread(target=_wait, args=(happened, child), daemon=True).start()
    asked = happened.get() != "ended"
    if asked:
        _end(child, told["stop"], told["grace"])
    if helper is not None:
        _end(helper, "SIGTERM", 2.0)
    if asked and not keep.is_set():
        shutil.rmtree(told["folder"], ignore_errors=True)
    return 0 if asked else child.returncode


def _start(command: list[str], folder: str, apart: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, **apart)


def _end(child: subprocess.Popen[bytes], how: str, grace: float) -> None:
    with contextlib.suppress(OSError):
        child.terminate() if os.name == "nt" else child.send_signal(getattr(signal, how))
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait(happened: queue.SimpleQueue[str], child: subprocess.Popen[bytes]) -> None:
    child.wait()
    happened.put("ended")


def _watch(happened: queue.SimpleQueue[str], keep: threading.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in sys.stdin:
            if line.strip() == "keep":
                keep.set()
    happened.put("leave")


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
