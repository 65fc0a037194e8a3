"""Topics on Kafka: what only a real broker can show. The rules of topics are in `cases/test_on_servers.py`.

The broker is an installed Kafka or Tansu, whichever `--with kafka` would start; Tansu forgets all when it ends.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from msforge.runtime.clock import Clock
from msforge.runtime.failures import ERROR, OK, OVERLOADED, RESET
from msforge.runtime.plan import MS, SECOND, Channel
from tests.servers.messaging import Seen, consumer, message, nowhere, until, used, wait
from tests.servers.serving import Serving, serving

pytest.importorskip("aiokafka", reason="aiokafka is not installed")

import aiokafka
from aiokafka.consumer.group_coordinator import GroupCoordinator

from msforge.runtime.kafka import Kafka
from msforge.runtime.kafka_message import Head, head_of, unpacked
from msforge.runtime.kafka_url import KafkaUrl
from msforge.runtime.part_error import PartError

NUMBERS = itertools.count()


@pytest.fixture
def server() -> Serving:
    return serving("kafka")


@pytest.fixture
def topic() -> str:
    """A topic that is not there yet."""
    return f"topic{next(NUMBERS)}"


def connected(url: str, *channels: Channel, ordinal: int = 0) -> Kafka:
    """The topics of a replica, not started."""
    return Kafka(url, channels, Clock(), f"s.{ordinal}", ordinal)


def plan(topic: str, partitions: int = 1, **other: Any) -> Channel:
    """A topic."""
    return Channel(topic, topic=True, partitions=partitions, **other)


def reader(topic: str, **other: Any) -> dict[str, Any]:
    """A consumer's settings, in a group that no other test has had members in."""
    return consumer(topic, **{"group": topic, **other})


def numbers(seen: Seen) -> list[int]:
    """Which messages came, in order."""
    return [delivery["body"]["n"] for delivery in seen.deliveries]


def stuck_at(*stuck: int) -> tuple[Callable[[dict[str, Any]], Any], list[int]]:
    """A handler that never ends for these messages, and the numbers of all that it was given."""
    given: list[int] = []

    async def handle(delivery: dict[str, Any]) -> int:
        given.append(delivery["body"]["n"])
        return await asyncio.get_running_loop().create_future() if given[-1] in stuck else OK

    return handle, given


def test_message_comes_as_it_was_published(server: Serving, topic: str) -> None:
    async def act(broker: Kafka) -> dict[str, Any]:
        seen = Seen()
        assert await broker.publish(topic, message(5)) == OK
        await broker.subscribe(reader(topic), seen, nowhere)  # its group has what came before it
        assert await until(lambda: len(seen.deliveries) == 1)
        return seen.deliveries[0]

    came = used(connected(server.url(), plan(topic)), act)
    sent = message(5)
    assert {name: came[name] for name in sent} == sent
    assert (came["attempt"], came["channel"]) == (1, topic)


def test_stranger_s_message_is_taken_as_it_is(server: Serving, topic: str) -> None:
    async def act(broker: Kafka) -> dict[str, Any]:
        assert broker._producer is not None
        await broker._producer.send_and_wait(topic, b"\xff no json", key=b"who", headers=[("none", None)])
        seen = Seen()
        await broker.subscribe(reader(topic), seen, nowhere)
        assert await until(lambda: len(seen.deliveries) == 1)
        return seen.deliveries[0]

    came = used(connected(server.url(), plan(topic)), act)
    assert came["body"].endswith("no json") and (came["key"], came["draw"]) == (None, [0, 0, 0])
    assert came["id"] == f"{topic}-0-0"


def test_key_picks_the_partition_and_without_keys_they_take_turns(server: Serving, topic: str) -> None:
    async def act(broker: Kafka) -> list[list[int]]:
        ends = []
        for keys in ([7, 7, 7, 4], [None] * 6):
            for key in keys:
                assert await broker.publish(topic, {**message(), "key": key}) == OK
            places = [aiokafka.TopicPartition(topic, p) for p in range(3)]
            await broker.stats(topic)  # opens what looks at offsets
            assert broker._lag is not None
            found = await broker._lag._reader.end_offsets(places)
            ends.append([found[place] for place in places])
        return ends

    assert used(connected(server.url(), plan(topic, 3)), act) == [[0, 4, 0], [2, 6, 2]]


def test_each_group_gets_each_message_and_its_lag_is_seen_when_nobody_of_it_is_there(
    server: Serving, topic: str
) -> None:
    async def act(broker: Kafka) -> None:
        one, other = Seen(), Seen()
        await broker.subscribe(reader(topic), one, nowhere)
        gone = await broker.subscribe(reader(topic, group=f"{topic}-other"), other, nowhere)
        for n in range(4):
            await broker.publish(topic, message(n))
        assert await until(lambda: numbers(one) == numbers(other) == [0, 1, 2, 3])
        assert await settled(broker, topic, 0)
        await gone.leave()
        for n in range(4, 7):
            await broker.publish(topic, message(n))
        assert await until(lambda: len(one.deliveries) == 7)
        assert await settled(broker, topic, 3), "of the group that is gone"
        assert (await broker.stats(topic))["backlog"] == 3

    used(connected(server.url(), plan(topic)), act)


async def settled(broker: Kafka, topic: str, lag: int) -> bool:
    """Whether so many are not yet done, within a few seconds."""
    for _ in range(100):
        if (await broker.stats(topic))["in_flight"] == lag:
            return True
        await asyncio.sleep(0.1)
    return False


def test_consumer_that_is_killed_is_replaced_from_its_last_commit(server: Serving, topic: str) -> None:
    """Its group notices when it is not heard of any more: a killed process says no good-bye."""

    async def act(broker: Kafka) -> list[int]:
        handle, given = stuck_at(2)
        for n in range(4):
            await broker.publish(topic, message(n))
        await broker.subscribe(reader(topic), handle, nowhere)
        assert await until(lambda: given == [0, 1, 2])
        broker.crash()
        other, seen = connected(server.url(), plan(topic), ordinal=1), Seen()
        await other.start()
        try:
            await other.subscribe(reader(topic), seen, nowhere)
            assert await until(lambda: len(seen.deliveries) == 2, within=60)
        finally:
            await other.stop()
        return numbers(seen)

    assert used(connected(server.url(), plan(topic)), act) == [2, 3]


def test_what_is_under_way_when_the_group_changes_comes_once(server: Serving, topic: str) -> None:
    async def act(broker: Kafka) -> list[int]:
        began, seen = asyncio.Event(), Seen()

        async def slow(delivery: dict[str, Any]) -> int:
            began.set()
            await asyncio.sleep(2.0)
            return await seen(delivery)

        await broker.publish(topic, message(0))
        await broker.subscribe(reader(topic), slow, nowhere)
        await asyncio.wait_for(began.wait(), 30)
        other = connected(server.url(), plan(topic), ordinal=1)
        await other.start()
        try:
            await other.subscribe(reader(topic), seen, nowhere)
            await asyncio.sleep(6.0)
            await broker.publish(topic, message(1))
            assert await until(lambda: 1 in numbers(seen), within=60)
        finally:
            await other.stop()
        return numbers(seen)

    assert used(connected(server.url(), plan(topic)), act) == [0, 1]


@pytest.mark.parametrize("how", ["stop", "crash"])
def test_broker_that_is_gone_refuses_and_all_goes_on_when_it_is_back(server: Serving, topic: str, how: str) -> None:
    async def act(broker: Kafka) -> list[int]:
        seen = Seen()
        await broker.subscribe(reader(topic), seen, nowhere)
        assert await broker.publish(topic, message(0)) == OK
        assert await until(lambda: len(seen.deliveries) == 1)
        await asyncio.to_thread(getattr(server, how))
        assert await until(lambda: broker.down(topic), within=5)
        assert await broker.publish(topic, message(1)) == RESET
        assert (await broker.stats(topic))["in_flight"] == 0
        await asyncio.to_thread(server.start)
        assert await until(lambda: not broker.down(topic))
        assert await broker.publish(topic, message(2)) == OK
        assert await until(lambda: len(seen.deliveries) == 2)
        return numbers(seen)

    assert used(connected(server.url(), plan(topic)), act) == [0, 2]


def test_attempts_go_along_with_the_commit(server: Serving, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka keeps a note with a committed offset. Tansu does not, so the test keeps them."""
    notes: dict[Any, Any] = {}
    commit, fetch = aiokafka.AIOKafkaConsumer.commit, GroupCoordinator.fetch_committed_offsets

    async def keep(self: Any, offsets: Any) -> None:
        await commit(self, offsets)
        notes.update(offsets)

    async def with_notes(self: Any, places: Any) -> Any:
        found = await fetch(self, places)
        return {place: notes.get(place, told) for place, told in found.items()}

    monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "commit", keep)
    monkeypatch.setattr(GroupCoordinator, "fetch_committed_offsets", with_notes)
    settings = reader(topic, retry={"attempts": 3, "backoff": 60 * SECOND})

    async def fail(broker: Kafka) -> list[int]:
        seen = Seen(ERROR)
        await broker.subscribe(settings, seen, nowhere)
        await broker.publish(topic, message())
        assert await until(lambda: broker.consumers[0].resting() == 1)
        await asyncio.sleep(0.2)
        return [delivery["attempt"] for delivery in seen.deliveries]

    async def go_on(broker: Kafka) -> list[int]:
        seen = Seen()
        await broker.subscribe(settings, seen, nowhere)
        assert await until(lambda: len(seen.deliveries) == 1)
        await broker.publish(topic, message(1))
        assert await until(lambda: len(seen.deliveries) == 2)
        return [delivery["attempt"] for delivery in seen.deliveries]

    assert used(connected(server.url(), plan(topic)), fail) == [1]
    assert used(connected(server.url(), plan(topic), ordinal=1), go_on) == [2, 1]


def test_a_note_is_read_as_it_was_written() -> None:
    head = Head(7, 3, 200 * MS, {2**63 + 1, 5})
    assert head_of(7, head.note()) == head
    assert Head(7).note() == ""
    for strange in ("", None, "someone's note", "msforge", "msforge 1", "msforge x y", "msforge -1 0", "msforge ² 1"):
        assert head_of(7, strange) == Head(7)
    many = Head(7, 1, 0, set(range(2**63, 2**63 + 500)))
    assert head_of(7, many.note()).effects < many.effects


def test_letter_that_is_dead_goes_to_its_topic_and_frees_its_partition(server: Serving, topic: str) -> None:
    async def act(broker: Kafka) -> dict[str, Any]:
        seen, letters = Seen(ERROR, ERROR), Seen()
        await broker.subscribe(
            reader(topic, retry={"attempts": 2, "backoff": 10 * MS}), seen, broker.bury)
        await broker.subscribe(reader(f"{topic}-lost"), letters, nowhere)
        await broker.publish(topic, message(0))
        await broker.publish(topic, message(1))
        assert await until(lambda: numbers(seen) == [0, 0, 1] and len(letters.deliveries) == 1)
        assert await until(lambda: broker.counts[topic].done == 1)
        counts = broker.counts[topic]
        assert (counts.dead, counts.redelivered, broker.counts[f"{topic}-lost"].published) == (1, 1, 1)
        return letters.deliveries[0]

    dead_letter = f"{topic}-lost"
    letter = used(connected(server.url(), plan(topic, dead_letter=dead_letter), plan(dead_letter, 2)), act)
    assert (letter["id"], letter["body"], letter["key"]) == ("m0", {"n": 0}, None)


def test_nothing_is_left_when_it_ends(server: Serving, topic: str) -> None:
    """However it ends: clients of Kafka have tasks and connections of their own."""

    async def end(how: str) -> list[str]:
        broker = connected(server.url(), plan(topic))
        await broker.start()
        handle, given = stuck_at(0)
        await broker.subscribe(reader(topic), handle, nowhere)
        await broker.publish(topic, message(0))
        assert await until(lambda: given == [0]) if how == "crash" else True
        if how == "crash":
            broker.crash()
        await broker.stop()
        await asyncio.sleep(0.1)
        return [str(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    for how in ("crash", "stop"):
        assert asyncio.run(end(how)) == []


def test_message_that_is_too_large_is_refused(server: Serving, topic: str) -> None:
    async def act(broker: Kafka) -> int:
        return await broker.publish(topic, {**message(), "body": "x" * 2_000_000})

    broker = connected(server.url(), plan(topic))
    assert used(broker, act) == OVERLOADED
    assert broker.counts[topic].rejected == 1


def test_topic_with_fewer_partitions_is_not_used(server: Serving, topic: str) -> None:
    used(connected(server.url(), plan(topic, 2)), wait)
    with pytest.raises(PartError, match=f"topic {topic} is there already with 2 partitions, not 3"):
        used(connected(server.url(), plan(topic, 3)), wait)


def test_prefix_keeps_systems_apart(server: Serving, topic: str) -> None:
    async def act(broker: Kafka) -> set[str]:
        assert broker._admin is not None
        return set(await broker._admin.list_topics())

    names = used(connected(f"{server.url()}/alice", plan(topic)), act)
    assert f"alice.{topic}" in names and topic not in names


def test_nobody_there_is_said() -> None:
    with pytest.raises(PartError, match="no Kafka answers there") as told:
        used(connected("kafka://a:secret@127.0.0.1:9/"), wait)
    assert told.value.out_of_reach and "secret" not in str(told.value)
    assert "or it refuses the user or the password" in str(told.value)


@pytest.mark.parametrize(("url", "said"), [
    ("amqp://host", "no address of a Kafka"),
    ("kafka://", "names no host"),
    ("kafka://host:port", "has no port 'port'"),
    ("kafka://host:9²", "has no port '9²'"),
    ("kafka://[::1", "no address of a Kafka: Invalid IPv6"),
    ("kafka://u:p@host?mechanism=GSSAPI", "no mechanism 'GSSAPI'"),
])
def test_address_that_makes_no_sense_is_said(url: str, said: str) -> None:
    with pytest.raises(PartError, match=said):
        KafkaUrl(url)


def test_address_says_all_that_clients_are_told() -> None:
    url = KafkaUrl("kafkas://me:p%40ss@one,two:9093/alice/?mechanism=SCRAM-SHA-512")
    assert (str(url), url.prefix) == ("kafkas://one:9092,two:9093/alice", "alice.")
    options = url.options()
    assert options.pop("ssl_context").check_hostname
    assert options == {
        "bootstrap_servers": ["one:9092", "two:9093"], "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "me", "sasl_plain_password": "p@ss",
    }
    assert KafkaUrl("kafka://host").options() == {"bootstrap_servers": ["host:9092"], "security_protocol": "PLAINTEXT"}
    assert KafkaUrl("kafka://[::1],[::2]:9").hosts == ["[::1]:9092", "[::2]:9"]
    assert KafkaUrl("kafka://me@host").options()["sasl_plain_username"] == "me"


@pytest.mark.parametrize(("key", "value"), [(b"9" * 5000, b"1"), (b"\xb2", b"[" * 200_000)])
def test_a_strangers_message_can_be_read_whatever_it_says(key: bytes, value: bytes) -> None:
    found = unpacked(SimpleNamespace(
        topic="t", partition=1, offset=2, timestamp=3, headers=(), key=key, value=value))
    assert (found["id"], found["key"]) == ("t-1-2", None)
    assert found["body"] in (1, value.decode())
