"""Talking to a running system from outside, through its control API."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Any, Final

from msforge.errors import UsageError
from msforge.live import state as states
from msforge.live.folder import option
from msforge.live.ports import HOST
from msforge.live.state import State

PATIENCE: Final = 10.0
"""Seconds to wait for an answer."""
LEAVES: Final = 60.0
"""Seconds a system may take to go down, each level of it finishing what it has."""


class Running:
    """A system that runs. Every method raises UsageError when it doesn't any more."""

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self.state = state

    def ps(self) -> dict[str, Any]:
        """Its services, replicas, channels and faults."""
        return dict(self._ask("GET", "/ps"))

    def view(self) -> dict[str, Any]:
        """As `ps`, without asking the replicas: what a look every moment may cost."""
        return dict(self._ask("GET", "/view"))

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are on."""
        return list(self._ask("GET", "/faults"))

    def set_fault(self, fault: dict[str, Any]) -> str:
        """Switch a fault (`faults.plain_fault`) on; its id."""
        return str(self._ask("POST", "/faults", fault)["id"])

    def clear_faults(self, number: str | None = None) -> list[str]:
        """Switch one off, or all; the ids of those that were on."""
        if number is None:
            return list(self._ask("DELETE", "/faults")["cleared"])
        if not number.isalnum():
            raise UsageError(f"{number!r} is not a fault's id", hint="`msforge fault list` shows them")
        self._ask("DELETE", f"/faults/{number}")
        return [number]

    def down(self, within: float = LEAVES) -> bool:
        """Ask it to go down; whether it is gone within so many seconds."""
        self._ask("POST", "/down")
        end = time.monotonic() + within
        while time.monotonic() < end:
            if not states.alive(self.state.pid) or states.read(self.folder) != self.state:
                return True
            time.sleep(0.02)
        return False

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(HOST, self.state.port, timeout=PATIENCE)
        try:
            connection.request(
                method, path, None if body is None else json.dumps(body),
                {"authorization": f"Bearer {self.state.token}", "content-type": "application/json"},
            )
            answer = connection.getresponse()
            plain = json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UsageError(
                f"{self.state.system} does not answer on port {self.state.port}: {error or type(error).__name__}",
                hint="is it still running? `msforge ps` looks, `msforge up` starts it",
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise UsageError(plain.get("message", "it refused"), hint=plain.get("hint", ""))
        return plain


def find(folder: Path) -> Running | None:
    """The system of `folder` that runs now; None when none does. What a killed one left is cleared away."""
    state = states.read(folder)
    if state is None:
        return None
    if not states.alive(state.pid):
        states.remove(folder)
        return None
    running = Running(folder, state)
    try:
        pid = running.ps()["pid"]
    except UsageError as error:
        if _somebody_listens(state.port):
            raise
        if isinstance(error.__cause__, ConnectionRefusedError):  # another program has its process id now
            states.remove(folder)
            return None
        raise
    return running if pid == state.pid else None


def running(folder: Path) -> Running:
    """As `find`, but raises UsageError when nothing runs."""
    found = find(folder)
    if found is None:
        if not (folder / ".msforge").is_dir():
            raise UsageError(
                f"nothing runs from {folder}: it is no generated system",
                hint="go to one (cd) or name one (-C DIR); msforge up starts it",
            )
        raise UsageError(f"nothing runs from {folder}", hint=f"start it: msforge up{option(folder)}")
    return found


def _somebody_listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
