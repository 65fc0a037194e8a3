"""How long a learner waits for `msforge lab check`: each lab's start, the whole command, by the clock.

    python benchmarks/labs.py [LAB]...

Predictions and answers are left out, as they cost nothing. A check should take less than 5 s on two cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from msforge.lessons import library

TIMES = 3
WANTED = 5.0


def main(names: list[str]) -> int:
    """Prints each lab's best time; 1 when one is above what is wanted."""
    slow = 0
    for name in names or library.names():
        with tempfile.TemporaryDirectory(prefix="msforge-labs-") as place:
            environment = {**os.environ, "MSFORGE_HOME": place}
            begin = [sys.executable, "-m", "msforge", "lab"]
            folder = str(Path(place) / "lab")
            subprocess.run([*begin, "start", name, "--dir", folder], env=environment, check=True, capture_output=True)
            taken = []
            for _ in range(TIMES):
                before = time.perf_counter()
                subprocess.run([*begin, "check", "-q", "-C", folder], env=environment, check=False, capture_output=True)
                taken.append(time.perf_counter() - before)
        slow += min(taken) > WANTED
        print(f"{name:32} {min(taken):5.1f} s{'  too slow' if min(taken) > WANTED else ''}", flush=True)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
