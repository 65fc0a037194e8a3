"""Queues on RabbitMQ: what only a real broker can show. The rules of queues are in `cases/test_on_servers.py`."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest

from msforge.runtime.clock import Clock
from msforge.runtime.failures import ERROR, OK, RESET
from msforge.runtime.plan import MS, Channel
from tests.servers.messaging import Seen, consumer, message, nowhere, until, used, wait
from tests.servers.serving import Serving, serving

pytest.importorskip("aio_pika", reason="aio-pika is not installed")

from msforge.runtime import rabbitmq
from msforge.runtime.part_error import PartError
from msforge.runtime.rabbitmq import RabbitMQ
from msforge.runtime.rabbitmq_consumer import RabbitConsumer

NUMBERS = itertools.count()
SETTLED = 6.0
"""Seconds until RabbitMQ has on disk where a new quorum queue is: killed before, it does not find it again."""


@pytest.fixture
def server() -> Serving:
    return serving("rabbitmq")


@pytest.fixture
def queue() -> str:
    """A queue that is not there yet."""
    return f"queue{next(NUMBERS)}"


def connected(url: str, *channels: Channel) -> RabbitMQ:
    """The queues of a replica, not started."""
    return RabbitMQ(url, channels, Clock(), "s.0")


def test_message_comes_as_it_was_published(server: Serving, queue: str) -> None:
    async def act(broker: RabbitMQ) -> dict[str, Any]:
        seen = Seen()
        await broker.subscribe(consumer(queue), seen, nowhere)
        assert await broker.publish(queue, message(5)) == OK
        assert await until(lambda: len(seen.deliveries) == 1)
        return seen.deliveries[0]

    came = used(connected(server.url(), Channel(queue)), act)
    sent = message(5)
    assert {name: came[name] for name in sent} == sent
    assert (came["attempt"], came["channel"]) == (1, queue)


def test_stranger_s_message_is_taken_as_it_is(server: Serving, queue: str) -> None:
    async def act(broker: RabbitMQ) -> dict[str, Any]:
        import aio_pika

        seen = Seen()
        await broker.subscribe(consumer(queue), seen, nowhere)
        assert broker.exchange is not None
        await broker.exchange.publish(aio_pika.Message(b"\xff no json"), routing_key=queue)
        assert await until(lambda: len(seen.deliveries) == 1)
        return seen.deliveries[0]

    came = used(connected(server.url(), Channel(queue)), act)
    assert came["body"].endswith("no json") and came["draw"] == [0, 0, 0]


@pytest.mark.parametrize("problem", [Exception, asyncio.CancelledError, RuntimeError("a channel that is closed")])
def test_connections_are_had_again_whatever_the_first_try_meets(
    server: Serving, queue: str, monkeypatch: pytest.MonkeyPatch, problem: Any
) -> None:
    async def act(broker: RabbitMQ) -> None:
        failed: list[int] = []
        consume = RabbitConsumer.attach

        async def attach(self: RabbitConsumer, connection: Any) -> None:
            if not failed:
                failed.append(1)
                raise problem
            await consume(self, connection)

        seen = Seen()
        await broker.subscribe(consumer(queue), seen, nowhere)
        monkeypatch.setattr(RabbitConsumer, "attach", attach)
        await asyncio.to_thread(server.control, "close_all_connections", "cut")
        assert await until(lambda: bool(failed) and broker.connected.is_set())
        assert await broker.publish(queue, message()) == OK
        assert await until(lambda: len(seen.deliveries) == 1)

    used(connected(server.url(), Channel(queue)), act)


def test_delivery_that_ends_without_a_word_comes_again(server: Serving, queue: str) -> None:
    async def act(broker: RabbitMQ) -> list[int]:
        attempts: list[int] = []

        async def deliver(delivery: dict[str, Any]) -> int:
            attempts.append(delivery["attempt"])
            if len(attempts) == 1:
                raise asyncio.CancelledError
            return OK

        await broker.subscribe(consumer(queue, retry={"attempts": 3}), deliver, nowhere)
        await broker.publish(queue, message())
        assert await until(lambda: len(attempts) == 2, within=10.0)
        return attempts

    assert used(connected(server.url(), Channel(queue)), act) == [1, 2]


@pytest.mark.parametrize("how", ["stop", "crash"])
def test_attempts_and_pauses_survive_a_restart_of_the_broker(server: Serving, queue: str, how: str) -> None:
    retry = {"attempts": 3, "backoff": 2_000 * MS, "factor": 1.0}

    async def act(broker: RabbitMQ) -> list[int]:
        seen = Seen(ERROR, ERROR, ERROR)
        await broker.subscribe(consumer(queue, retry=retry), seen, nowhere)
        await asyncio.sleep(SETTLED)
        await broker.publish(queue, message())
        assert await until(lambda: len(seen.deliveries) == 1)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(getattr(server, how))
        assert await until(lambda: broker.down(queue))
        assert await broker.publish(queue, message(1)) == RESET
        await asyncio.to_thread(server.start)
        assert await until(lambda: not broker.down(queue))
        assert await until(lambda: broker.counts[queue].dropped == 1)
        return [delivery["attempt"] for delivery in seen.deliveries]

    assert used(connected(server.url(), Channel(queue)), act) == [1, 2, 3]


def test_count_of_crashes_survives_a_restart_of_the_broker(server: Serving, queue: str) -> None:
    url = server.url()

    async def die(broker: RabbitMQ) -> dict[str, Any]:
        """Take the message and die with it."""
        seen: list[dict[str, Any]] = []

        async def hang(delivery: dict[str, Any]) -> int:
            seen.append(delivery)
            return await asyncio.get_running_loop().create_future()

        await broker.subscribe(consumer(queue, retry={"attempts": 9}), hang, nowhere)
        assert await until(lambda: len(seen) == 1)
        broker.crash()
        return seen[0]

    async def publish(broker: RabbitMQ) -> int:
        return await broker.publish(queue, message())

    assert used(connected(url, Channel(queue)), publish) == OK
    assert used(connected(url, Channel(queue)), die)["attempt"] == 1
    assert used(connected(url, Channel(queue)), die)["attempt"] == 2
    time.sleep(SETTLED)
    server.crash()
    server.start()
    assert used(connected(url, Channel(queue)), die)["attempt"] == 3


def test_poison_message_ends_after_its_last_attempt(server: Serving, queue: str) -> None:
    """Of a queue that refuses, too: RabbitMQ counts no deliveries there."""
    plan = Channel(queue, max_length=10, reject=True, dead_letter=f"{queue}-lost")
    letters = Channel(f"{queue}-lost")

    async def die(broker: RabbitMQ) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []

        async def hang(delivery: dict[str, Any]) -> int:
            seen.append(delivery)
            return await asyncio.get_running_loop().create_future()

        await broker.subscribe(consumer(queue, retry={"attempts": 2}), hang, broker.bury)
        await until(lambda: bool(seen) or broker.counts[queue].dead == 1)
        broker.crash()
        return seen

    async def publish(broker: RabbitMQ) -> int:
        return await broker.publish(queue, message())

    async def read(broker: RabbitMQ) -> dict[str, Any]:
        seen = Seen()
        await broker.subscribe(consumer(f"{queue}-lost"), seen, nowhere)
        assert await until(lambda: len(seen.deliveries) == 1)
        return seen.deliveries[0]

    assert used(connected(server.url(), plan, letters), publish) == OK
    attempts = [[d["attempt"] for d in used(connected(server.url(), plan, letters), die)] for _ in range(3)]
    assert attempts == [[1], [2], []]
    letter = used(connected(server.url(), plan, letters), read)
    assert (letter["id"], letter["body"], letter["attempt"]) == ("m0", {"n": 0}, 1)


def test_broker_without_disk_takes_nothing_and_loses_nothing(server: Serving, queue: str) -> None:
    async def act(broker: RabbitMQ) -> list[int]:
        seen = Seen()
        await broker.publish(queue, message(0))
        await asyncio.to_thread(limit, server, "100000GB")
        try:
            blocked = asyncio.ensure_future(broker.publish(queue, message(1)))
            await asyncio.wait((blocked,), timeout=1.0)
            assert not blocked.done()
            await broker.subscribe(consumer(queue), seen, nowhere)
            assert await until(lambda: len(seen.deliveries) == 1), "consumers go on"
        finally:
            await asyncio.to_thread(limit, server, "50MB")
        assert await asyncio.wait_for(blocked, 30) == OK
        assert await until(lambda: len(seen.deliveries) == 2)
        return [delivery["body"]["n"] for delivery in seen.deliveries]

    assert used(connected(server.url(), Channel(queue)), act) == [0, 1]


def limit(server: Serving, size: str) -> None:
    """Have the broker want so much free disk."""
    server.control("set_disk_free_limit", size)


def test_wrong_password_is_said_in_a_line_that_does_not_show_it(server: Serving) -> None:
    wrong = server.url().replace(server.hosted.site.secret, "not-the-password")
    with pytest.raises(PartError) as told:
        used(connected(wrong), wait)
    assert "refuses the user or the password" in str(told.value)
    assert "not-the-password" not in str(told.value) and "\n" not in str(told.value)


def test_nobody_there_is_said() -> None:
    with pytest.raises(PartError, match="no RabbitMQ answers there") as told:
        used(connected("amqp://a:secret@127.0.0.1:9/"), wait)
    assert told.value.out_of_reach and "secret" not in str(told.value)


def test_server_that_is_too_old_is_refused(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "OLDEST", (99, 0))
    with pytest.raises(PartError, match=r"is RabbitMQ \d+\.\d+\.\d+; 99\.0 or newer is needed"):
        used(connected(server.url()), wait)


def test_queue_with_other_settings_is_not_used(server: Serving, queue: str) -> None:
    used(connected(server.url(), Channel(queue, max_length=3)), wait)
    with pytest.raises(PartError, match="a queue is there already with other settings"):
        used(connected(server.url(), Channel(queue, max_length=4)), wait)
