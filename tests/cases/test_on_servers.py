"""Cases of channels, stores and sagas against generated services on real servers: RabbitMQ, Kafka, Redis and
PostgreSQL.

A case that says `embedded` does not hold there, for the reason that it gives. All else is as in `test_sockets.py`, and
slower: a server's answer takes time that the simulation knows nothing of.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
import socket_run
from casetable import Bench, Case, benches
from judge import Wrong, judge
from observed import Observed
from once import once
from simulated import compiled, simulate

from msforge.errors import MsforgeError
from msforge.runtime.loop import new_event_loop
from tests.servers.serving import serving

SPEEDS = (3.0, 8.0, 20.0)
"""Of each attempt: how much slower than simulated time."""


def server_of(bench: Bench) -> str:
    """The server that a bench's cases are about; "" for none."""
    system = compiled(bench)
    if any(channel.topic for channel in system.channels):
        return "kafka"
    if any(not channel.topic for channel in system.channels):
        return "rabbitmq"
    if any(store.kind == "redis" for store in system.stores):
        return "redis"
    return "postgres" if any(store.kind == "postgres" for store in system.stores) else ""


ROWS = [
    (bench, case) for bench in benches() if server_of(bench) for case in bench.cases if not case.embedded
]
FOUND: dict[str, Wrong] = {}
"""What does not agree after the last attempt, by bench: each is run when its first case asks."""


async def run(bench: Bench, made: socket_run.Generated, folder: Path, scale: float) -> Observed:
    """Bring a bench up on its server, play it, take it down and forget its queues."""
    server = serving(server_of(bench))
    kind = server.hosted.server
    database = f"{bench.name}-{folder.name}"

    def told(service: str) -> dict[str, str]:
        settings = kind.settings(server.hosted.site, f"{database}-{service}")
        if kind.name == "kafka":  # topics of its own for each attempt
            settings["kafka_url"] += f"/{database}"
        return settings

    running = socket_run.Running(made, folder, scale, lambda line: None, told)
    try:
        await running.up()
        await asyncio.sleep(0.5)
        if kind.name == "kafka":
            await dealt(running)
        return await running.play()
    finally:
        await running.down()
        if kind.name == "rabbitmq":
            await forget_queues(server.url(), [channel.name for channel in running.system.channels])
        elif kind.name == "redis":
            await forget_entries(server.url())


async def dealt(running: socket_run.Running) -> None:
    """Wait until every group has dealt out its partitions, each to one member."""
    wanted = {channel.name: channel.partitions for channel in running.system.channels if channel.topic}
    for _ in range(600):
        held: dict[str, list[int]] = {}
        consumers = [
            consumer for unit in running.host.units for broker in {*unit.replica.parts.brokers.values()}
            for consumer in broker.consumers
        ]
        for one in consumers:
            held.setdefault(f"{one.plan.name} {one.settings['group']}", []).extend(one.member.lanes)
        if all(sorted(found) == [*range(wanted[name.split()[0]])] for name, found in held.items()):
            return
        await asyncio.sleep(0.1)
    raise OSError(f"the groups did not settle: {held}")


async def forget_entries(url: str) -> None:
    """Empty a Redis server."""
    from redis.asyncio import Redis

    async with Redis.from_url(url) as redis:
        await redis.flushall()


async def forget_queues(url: str, queues: list[str]) -> None:
    """Delete queues."""
    import aio_pika

    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        for name in queues:
            await channel.queue_delete(name)


def play(bench: Bench) -> Wrong:
    """Attempt after attempt, each slower, until all cases agree."""
    simulated, records = simulate(bench)
    wrong: Wrong = {}
    loop = new_event_loop()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = socket_run.generate(bench, Path(folder) / "made", int(records.end))
        for number, scale in enumerate(SPEEDS):
            try:
                seen = loop.run_until_complete(run(bench, made, Path(folder) / str(number), scale))
            except (MsforgeError, OSError) as error:  # a server may be out of breath as a machine may
                wrong.update({(bench.name, case.id): [f"did not come up: {error}"] for case in bench.cases})
                continue
            judge(bench, seen, simulated, wrong, first=number == 0)
            for case in bench.cases:
                if case.embedded:
                    wrong.pop((bench.name, case.id), None)
            print(f"{bench.name}, {scale:g} times slower: {len(wrong)} cases do not agree")
            if not wrong:
                break
    loop.close()
    return wrong


@pytest.mark.parametrize(("bench", "case"), ROWS, ids=[f"{b.name}-{c.id}" for b, c in ROWS])
def test_generated_services_agree_on_servers(
    bench: Bench, case: Case, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> None:
    serving(server_of(bench))
    if bench.name not in FOUND:
        FOUND[bench.name] = once(f"servers-{bench.name}", tmp_path_factory, worker_id, lambda: play(bench))
    lines = FOUND[bench.name].get((bench.name, case.id), [])
    assert not lines, case.name + "\n" + "\n".join(lines)
