"""What a hop through generated services costs: `python benchmarks/hop.py [--rounds 5] [--part hop] [--write]`.

`hop`: two services, generated from `HOP` below and run as processes, metrics and outcome log on. One asks the other
over and over; beside them `bare.py`, a FastAPI handler and an aiohttp client that do the same and nothing else. They
take turns within a round, and the ratio is of the CPU time of both processes together, per hop, of the same round.

`shop`: the example of that name with every replica a process, under its own traffic at a constant rate that makes 300
requests a second between services.

Exit code 1 when a floor is missed. Needs Linux: it reads the CPU time of processes from /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import page

HOPS, LANES = 2000, 8
MOST = 1.5
PER_SECOND = 300
ANSWERED = 0.99
BARE = Path(__file__).with_name("bare.py")
HOST = "127.0.0.1"
HOP = """
msforge: 1
name: hop
services:
  front:
    threads: unlimited
    endpoints:
      plain: {steps: [{repeat: EACH, steps: [{call: back.data}]}]}
      guarded:
        steps:
          - repeat: EACH
            steps:
              - call: back.data
                timeout: 2s
                retry: {attempts: 3, backoff: 50ms, budget: {ratio: 20%}}
                circuit_breaker: {failure_rate: 50%, window: 100}
                bulkhead: 50
  back:
    endpoints:
      data: {request: {sku: string, quantity: integer}, response: {id: string, total: integer}}
traffic: {t: {target: front.plain, rate: 1/s, for: 1s}}
""".replace("EACH", str(HOPS // LANES))
ASK = 'lambda: do.{step}(models.BackDataRequest(sku="a", quantity=2))'
FRONT = "\n".join([
    "from front_service import models, steps",
    *(
        f"async def {name}(request, do):\n"
        f"    await do.repeat_1({ASK.format(step='call_back_data')})\n"
        f"    return models.{name.title()}Response()"
        for name in ("plain", "guarded")
    ),
]) + "\n"
BACK = """from back_service import models, steps


async def data(request, do):
    return models.DataResponse(id=request.sku, total=request.quantity)
"""


def cpu(pid: int) -> float:
    """CPU seconds that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


def msforge(*words: str, folder: Path | None = None) -> str:
    """Run a command of msforge; what it printed."""
    done = subprocess.run([sys.executable, "-m", "msforge", *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"msforge {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


# -- one hop ------------------------------------------------------------------------------------


@contextmanager
def process(command: list[str], port: int, path: str, folder: Path, env: dict[str, str]) -> Iterator[int]:
    """A server that answers on `path`; its pid."""
    with (folder / f"{port}.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=folder, env={**os.environ, **env}, stdout=log, stderr=log)
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                raise SystemExit(f"{command} does not answer:\n{(folder / f'{port}.log').read_text()}")
            yield child.pid
        finally:
            child.terminate()
            child.wait()


@contextmanager
def generated(folder: Path) -> Iterator[tuple[int, int, int]]:
    """The two services, running: the front's port, and the pids of both."""
    (folder / "hop.yaml").write_text(HOP)
    msforge("new", str(folder / "system"), "--from", str(folder / "hop.yaml"), "--yes", "--quiet")
    services = folder / "system" / "services"
    (services / "front" / "front_service" / "handlers.py").write_text(FRONT)
    (services / "back" / "back_service" / "handlers.py").write_text(BACK)
    ports = {"front": free_port(), "back": free_port()}
    where = json.dumps({"back": [f"http://{HOST}:{ports['back']}"]})

    def settings(name: str) -> dict[str, str]:
        prefix = name.upper()
        told = {"PORT": ports[name], "SERVICES": where, "OUTCOME_FILE": folder / f"{name}.csv",
                "LOG_FILE": folder / f"{name}.jsonl"}
        return {f"{prefix}_{key}": str(value) for key, value in told.items()}

    def start(name: str) -> Any:
        command = [sys.executable, "-m", f"{name}_service"]
        return process(command, ports[name], "/readyz", services / name, settings(name))

    with start("back") as back, start("front") as front:
        yield ports["front"], front, back


async def drive(port: int, endpoint: str) -> None:
    """Have the front make its hops, `LANES` requests at once."""
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async def ask() -> None:
            async with session.post(f"http://{HOST}:{port}/{endpoint}", json={}) as answer:
                answer.raise_for_status()
                await answer.read()

        await asyncio.gather(*(ask() for _ in range(LANES)))


def hop(rounds: int) -> tuple[list[str], list[str]]:
    """The table, and what is wrong."""
    seen: dict[str, list[tuple[float, float]]] = {"bare": [], "plain": [], "guarded": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = free_port()
        command = [sys.executable, str(BARE), "serve", str(port)]
        with process(command, port, "/openapi.json", folder, {}) as server, generated(folder) as (front, one, two):
            for number in range(-1, rounds):  # the first warms up
                for kind in turned(list(seen), number):
                    print(f"\rhop: round {number + 1} of {rounds}, {kind}   ", end="", file=sys.stderr, flush=True)
                    if kind == "bare":
                        before = cpu(server)
                        words = [sys.executable, str(BARE), "call", str(port), str(HOPS), str(LANES)]
                        caller = float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
                        cost = caller, cpu(server) - before
                    else:
                        before, also = cpu(one), cpu(two)
                        asyncio.run(drive(front, kind))
                        cost = cpu(one) - before, cpu(two) - also
                    if number >= 0:
                        seen[kind].append(cost)
        rows = sum(1 for _ in (folder / "back.csv").open())
    print(file=sys.stderr)
    ratios = {
        kind: [sum(c) / sum(b) for c, b in zip(costs, seen["bare"], strict=True)] for kind, costs in seen.items()
    }
    lines = [f"{'hop':<10} {'caller ms':>10} {'callee ms':>10} {'x bare':>7}  range"]
    for kind, costs in seen.items():
        caller, callee = (statistics.median(c[i] for c in costs) / HOPS * 1e3 for i in (0, 1))
        middle = statistics.median(ratios[kind])
        lines.append(f"{kind:<10} {caller:>10.3f} {callee:>10.3f} {middle:>7.2f}  "
                     f"{min(ratios[kind]):.2f}..{max(ratios[kind]):.2f}")
    wrong = [
        f"a {kind} hop costs {statistics.median(of_rounds):.2f} times a bare one, the floor is {MOST:g}"
        for kind, of_rounds in ratios.items() if statistics.median(of_rounds) > MOST
    ]
    if rows < 2 * (rounds + 1) * HOPS:
        wrong.append(f"the outcome log has {rows} rows only")
    return lines, wrong


def turned(names: list[str], number: int) -> list[str]:
    """Another one first each round."""
    turn = number % len(names)
    return names[turn:] + names[:turn]


# -- the shop -----------------------------------------------------------------------------------


def shop(seconds: int) -> tuple[list[str], list[str]]:
    """The shop as processes at 300 requests a second between services."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        msforge("new", str(folder), "--example", "shop", "--yes", "--quiet")
        msforge("up", "--detach", "--processes", "--port-base", "0", "--quiet", folder=folder)
        try:
            return _shop(folder, seconds)
        finally:
            msforge("down", folder=folder)
            shutil.rmtree(folder, ignore_errors=True)


def _shop(folder: Path, seconds: int) -> tuple[list[str], list[str]]:
    sent = load(folder, 10, 3)["entries"][0]["sent"]
    calls, pids = inside(folder)
    rate = PER_SECOND / round(calls / sent)
    before, begun = sum(map(cpu, pids)), time.monotonic()
    result = load(folder, rate, seconds)
    took = time.monotonic() - begun
    made, _ = inside(folder)
    used = sum(map(cpu, pids)) - before
    entry = result["entries"][0]
    per_second = (made - calls) / seconds
    answered = entry["success"]
    lines = [
        "shop as processes processes  checkouts/s  requests/s between services  answered  p50 ms  p99 ms  cores used",
        f"{seconds:>15} s {len(pids):>10} {rate:>12.1f} {per_second:>28.0f} {answered:>9.2%} "
        f"{entry['latency_ms']['p50']:>7.0f} {entry['latency_ms']['p99']:>7.0f} {used / took:>11.2f}",
    ]
    wrong = []
    if per_second < PER_SECOND * 0.97:
        wrong.append(f"the shop made {per_second:.0f} requests a second between its services, not {PER_SECOND}")
    if answered < ANSWERED:
        wrong.append(f"the shop answered {answered:.1%} of its checkouts at that rate, the floor is {ANSWERED:.0%}")
    return lines, wrong


def load(folder: Path, rate: float, seconds: int) -> Any:
    """Send the shop's traffic evenly for so long."""
    sets = ["traffic.shoppers.stages=null", f"traffic.shoppers.rate={rate:g}/s", f"traffic.shoppers.for={seconds}s",
            "traffic.shoppers.arrivals=constant", "simulation.warmup=0s", "faults=[]"]
    words = [word for each in sets for word in ("--set", each)]
    return json.loads(msforge("load", "--json", "--quiet", *words, folder=folder))


def inside(folder: Path) -> tuple[int, list[int]]:
    """Tries between services since the start, and the pids of all that runs."""
    import msforge as door

    seen = door.ps(folder)
    tries, pids = 0, [seen["pid"]]  # the balancers and the channels are in this one
    for service in seen["services"]:
        for replica in service["replicas"]:
            with urllib.request.urlopen(f"{replica['url']}/_msforge/state", timeout=5) as answer:
                tries += sum(edge["tries"] for edge in json.load(answer)["calls"].values())
            pids.append(replica["pid"])
    return tries, pids


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=20, help="how long the shop is loaded (default 20)")
    parser.add_argument("--part", choices=("hop", "shop"), action="append", help="only this; may be repeated")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    if not sys.platform.startswith("linux"):
        parser.error("this benchmark reads /proc: it needs Linux")
    wrong: list[str] = []
    for part in options.part or ("hop", "shop"):
        lines, missed = hop(options.rounds) if part == "hop" else shop(options.seconds)
        print("\n".join(lines))
        wrong += missed
        if options.write:
            page.put(part, "\n".join(lines))
    for line in wrong:
        print(f"✗ {line}")
    if not wrong:
        print("✓ every floor is reached")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
