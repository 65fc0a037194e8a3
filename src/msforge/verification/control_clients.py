"""The control's clients, in a process of their own as the others are: together they would wait for each other.

    python -m msforge.verification.control_clients FOLDER

They send until standard input ends, however this process' parent does, and then say on standard output what they saw.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from dataclasses import asdict

from msforge.live import api
from msforge.live.load.run import LoadResult

PATIENCE = 30.0
"""Seconds they have to end once they were asked to."""


def start(folder: str) -> subprocess.Popen[str]:
    """Clients of the system that runs in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
    )


def end(child: subprocess.Popen[str]) -> LoadResult | None:
    """What they saw; None when they are no more, or have nothing to say."""
    try:
        said, _ = child.communicate(timeout=PATIENCE)
        plain = json.loads(said)
        return LoadResult(**{**plain, "rows": [tuple(row) for row in plain["rows"]]})
    except (subprocess.TimeoutExpired, OSError, ValueError, KeyError, TypeError):
        child.kill()
        child.wait()
        return None


def main() -> None:
    """The other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's, who ends this one
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    json.dump(asdict(api.send_traffic(sys.argv[1], stop=over.is_set)), sys.stdout)


if __name__ == "__main__":
    main()
