"""Publishing and consuming of a replica: times, refusals, faults on the way, the outbox, and crashes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from replicas import entry_key, replica_of, request
from script import compiled, simulated

from msforge.live.parts import embedded_parts
from msforge.policies.distributions import Dist
from msforge.runtime.embedded import EmbeddedParts
from msforge.runtime.failures import ERROR, StepFailed
from msforge.runtime.flow import Flow
from msforge.runtime.migrations import StoreError
from msforge.runtime.plan import Channel, Consumer, Retry, Store
from msforge.runtime.replica import Replica
from msforge.runtime.tracing import tracer_of
from msforge.scaffold.plans import channels_of, consumers_of
from tests.virtual_time import MS, VirtualLoop

TAKES = Dist("constant", (2.0 * MS,))
JOBS = Channel("jobs", publish=TAKES, relay=500 * MS)
HANDLE = Consumer("handle", "jobs", "a", False, 2, 4, Retry(3))
DB = Store("db", "sqlite", 9, TAKES, Dist("constant", (10.0 * MS,)))


class Stage:
    """A replica and its parts in virtual time."""

    def __init__(self, channel: Channel = JOBS, data: Path | None = None) -> None:
        self.loop = VirtualLoop()
        self.clock = self.loop.clock()
        self.channel = channel
        self.data = data
        self.parts = EmbeddedParts([channel], [DB], self.clock, [HANDLE])
        self.handled: list[tuple[float, Any, int]] = []
        self.replica = self.born()

    def born(self) -> Replica:
        """A new life of the replica."""
        replica = replica_of(self.loop, self.parts, data=self.data)
        replica.events.consume(HANDLE, Flow, self.handle)
        return replica

    async def handle(self, body: Any, do: Any) -> None:
        """The consumer: 10 ms."""
        self.handled.append((self.clock.now() / MS, body, do.message.attempt))
        await self.clock.sleep(10 * MS)

    def publish(self, **options: Any) -> Callable[[Any], Any]:
        """A handler that publishes."""
        async def act(do: Any) -> None:
            await do.publish("publish jobs#0", self.channel, {"order": 1}, **options)

        return act

    def play(self, main: Callable[[Stage], Any]) -> None:
        """Start the replica and run."""
        async def all_of_it() -> None:
            await self.replica.start()
            await main(self)
            if self.replica.up:
                self.replica.crash()
            await self.replica.transport.close()
            await self.parts.stop()

        self.loop.play(all_of_it())


def test_a_consumers_span_links_to_its_publishers() -> None:
    memory: Any = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()

    async def main(stage: Stage) -> None:
        stage.replica.tracer = tracer_of("a", 0, exporter)
        publish = stage.publish()

        async def traced(do: Any) -> None:
            do.trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
            await publish(do)

        await request(stage.replica, 0, traced)
        await stage.clock.sleep(50 * MS)
        stage.replica.tracer.close()
        stage.replica.tracer = None

    Stage().play(main)
    published, handled = exporter.get_finished_spans()
    assert (published.name, handled.name, handled.kind.name) == ("POST /go", "process jobs", "CONSUMER")
    assert f"{handled.context.trace_id:x}" == "ab" * 16 and handled.parent is None and not published.links
    [link] = handled.links
    assert (f"{link.context.trace_id:x}", f"{link.context.span_id:x}") == ("ab" * 16, "cd" * 8)


def test_publisher_waits_for_the_broker_only() -> None:
    async def main(stage: Stage) -> None:
        flow = await request(stage.replica, 0, stage.publish())
        assert (flow.outcome, stage.clock.now() / MS, flow.place.store) == (0, 2, 2 * MS)
        await stage.clock.sleep(50 * MS)
        assert stage.handled == [(2, {"order": 1}, 1)]
        assert (await stage.parts.stats("jobs"))["done"] == 1

    Stage().play(main)


@pytest.mark.parametrize(
    ("fault", "timeout", "cause", "ends"),
    [
        (None, 1 * MS, "a:timeout", 1),
        (None, 2 * MS, "", 2),
        ({"kind": "cut"}, 30 * MS, "a:timeout", 30),
        ({"kind": "delay", "add": {"kind": "constant", "params": [5 * MS]}}, -1, "", 7),
        ({"kind": "delay", "add": {"kind": "constant", "params": [5 * MS]}}, 6 * MS, "a:timeout", 6),
        ({"kind": "drop", "rate": 1.0}, 9 * MS, "a:timeout", 9),
        ({"kind": "drop", "rate": 0.0}, 9 * MS, "", 2),
    ],
)
def test_faults_on_the_way_to_the_broker(fault: dict[str, Any] | None, timeout: int, cause: str, ends: float) -> None:
    async def main(stage: Stage) -> None:
        if fault is not None:
            stage.replica.faults.set({"id": "f", "to": {"channel": "jobs"}, **fault})
        flow = await request(stage.replica, 0, stage.publish(timeout=timeout))
        assert (flow.outcome, flow.cause, stage.clock.now() / MS) == (ERROR if cause else 0, cause, ends)

    Stage().play(main)


def test_refused_and_out_of_order() -> None:
    async def main(stage: Stage) -> None:
        stage.parts.fault({"id": "cut", "kind": "cut", "channel": "jobs", "service": "a"})
        assert (await request(stage.replica, 0, stage.publish())).outcome == 0
        assert (await request(stage.replica, 1, stage.publish())).cause == "a:overloaded"
        assert not stage.handled
        stage.parts.clear("cut")
        await stage.clock.sleep(1)
        assert len(stage.handled) == 1
        stage.parts.fault({"id": "zone", "kind": "crash", "channel": "jobs"})
        assert (await request(stage.replica, 2, stage.publish())).cause == "a:unavailable"

    Stage(Channel("jobs", publish=TAKES, max_length=1, reject=True)).play(main)


def test_cut_from_the_broker_set_at_the_replica() -> None:
    async def main(stage: Stage) -> None:
        stage.replica.faults.set({"id": "c", "kind": "cut", "from": {"channel": "jobs"}})
        stage.replica.events.link_changed()
        await request(stage.replica, 0, stage.publish())
        await stage.clock.sleep(100 * MS)
        assert not stage.handled
        stage.replica.faults.clear("c")
        await stage.clock.sleep(1)
        assert [at for at, _, _ in stage.handled] == [102.000000]

    Stage().play(main)


def test_crash_redelivers_at_once_when_it_is_back_and_counts_the_attempt() -> None:
    async def main(stage: Stage) -> None:
        await request(stage.replica, 0, stage.publish())
        await stage.clock.sleep(3 * MS)
        stage.replica.crash()
        await stage.clock.sleep(100 * MS)
        stage.replica = stage.born()
        await stage.replica.start()
        await stage.clock.sleep(50 * MS)
        assert [(at, attempt) for at, _, attempt in stage.handled] == [(2, 1), (105, 2)]
        counts = await stage.parts.stats("jobs")
        assert (counts["delivered"], counts["redelivered"], counts["done"]) == (2, 1, 1)

    Stage().play(main)


def test_stopping_finishes_what_it_has_and_takes_nothing_more() -> None:
    async def main(stage: Stage) -> None:
        await request(stage.replica, 0, stage.publish())
        await stage.clock.sleep(MS)
        await stage.replica.stop()
        assert (await stage.parts.stats("jobs"))["done"] == 1
        await stage.parts.publish("jobs", {"id": "x", "body": None, "key": None, "draw": [0, 0, 0], "headers": {}})
        assert (await stage.parts.stats("jobs"))["backlog"] == 1

    Stage().play(main)


class Steps(Flow):
    """Writes and publishes, together."""

    outbox = True


async def order(do: Any, channel: Channel = JOBS) -> None:
    """Write, think, publish through the outbox."""
    await do.write("write db#0", DB)
    await do.wait("wait#0", Dist("constant", (5.0 * MS,)))
    await do.publish("publish jobs#0", channel, {"order": 1}, outbox=True)


def rows(replica: Replica, table: str) -> int:
    """How many rows a table has."""
    found: int = replica.stores.database.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found


def test_outbox_costs_no_time_and_is_relayed_at_the_next_look() -> None:
    async def main(stage: Stage) -> None:
        await request(stage.replica, 0, order, flow_class=Steps)
        assert stage.clock.now() == 15 * MS
        assert (rows(stage.replica, "msforge_writes"), rows(stage.replica, "msforge_outbox")) == (1, 1)
        await stage.clock.sleep(500 * MS)
        assert [at for at, _, _ in stage.handled] == [502]
        assert rows(stage.replica, "msforge_outbox") == 0

    Stage().play(main)


def test_write_and_outbox_are_committed_together_or_not_at_all(tmp_path: Path) -> None:
    async def main(stage: Stage) -> None:
        task = asyncio.ensure_future(request(stage.replica, 0, order, flow_class=Steps))
        await stage.clock.sleep(12 * MS)  # written, not yet published
        stage.replica.crash()
        await asyncio.gather(task, return_exceptions=True)
        stage.replica = stage.born()
        await stage.replica.start()
        assert (rows(stage.replica, "msforge_writes"), rows(stage.replica, "msforge_outbox")) == (0, 0)
        await request(stage.replica, 1, order, flow_class=Steps)
        stage.replica.crash()  # committed, not yet relayed
        stage.replica = stage.born()
        await stage.replica.start()
        assert (rows(stage.replica, "msforge_writes"), rows(stage.replica, "msforge_outbox")) == (1, 1)
        await stage.clock.sleep(600 * MS)
        assert len(stage.handled) == 1
        assert rows(stage.replica, "msforge_outbox") == 0

    Stage(data=tmp_path).play(main)


def test_write_of_a_flow_that_fails_before_its_message_is_kept() -> None:
    async def failing(do: Any) -> None:
        await do.write("write db#0", DB)
        raise StepFailed(ERROR, "a:error")

    async def main(stage: Stage) -> None:
        flow = await request(stage.replica, 0, failing, flow_class=Steps)
        assert flow.outcome == ERROR
        assert rows(stage.replica, "msforge_writes") == 1

    Stage().play(main)


def test_relay_tries_again_while_the_broker_is_cut_off_or_out_of_order() -> None:
    async def main(stage: Stage) -> None:
        await request(stage.replica, 0, order, flow_class=Steps)
        stage.replica.faults.set({"id": "c", "kind": "cut", "to": {"channel": "jobs"}})
        await stage.clock.sleep(600 * MS)
        stage.replica.faults.clear("c")
        stage.parts.fault({"id": "z", "kind": "crash", "channel": "jobs"})
        await stage.clock.sleep(500 * MS)
        stage.parts.clear("z")
        await stage.clock.sleep(500 * MS)
        assert [at for at, _, _ in stage.handled] == [1502]

    Stage().play(main)


@pytest.mark.parametrize("problem", [StoreError("out of reach"), RuntimeError("nobody thought of this")])
def test_relay_outlives_whatever_goes_wrong(problem: Exception) -> None:
    async def main(stage: Stage) -> None:
        outbox, failed = stage.replica.events.outbox, {"publish": 0, "DELETE": 0}

        def failing(act: Callable[..., Any], what: str) -> Callable[..., Any]:
            async def acts(*told: Any) -> Any:
                if failed[what] < 2 and (what == "publish" or told[0].startswith(what)):
                    failed[what] += 1
                    raise problem
                return await act(*told)

            return acts

        outbox._do = failing(outbox._do, "DELETE")
        stage.parts.publish = failing(stage.parts.publish, "publish")
        await request(stage.replica, 0, order, flow_class=Steps)
        await stage.clock.sleep(2500 * MS)
        assert failed == {"publish": 2, "DELETE": 2}
        assert len(stage.handled) == 1
        assert rows(stage.replica, "msforge_outbox") == 0

    Stage().play(main)


def test_message_whose_request_was_stopped_as_it_was_committed_is_relayed_once() -> None:
    async def main(stage: Stage) -> None:
        database = stage.replica.stores.database
        execute = database.execute

        async def committed_unheard(db: Any, sql: str, parameters: Any = ()) -> Any:
            found = await execute(db, sql, parameters)
            if sql.startswith("INSERT INTO msforge_outbox"):
                db.commit()
                raise asyncio.CancelledError
            return found

        database.execute = committed_unheard
        task = asyncio.ensure_future(request(stage.replica, 0, order, flow_class=Steps))
        await asyncio.gather(task, return_exceptions=True)
        database.execute = execute
        assert rows(stage.replica, "msforge_outbox") == 1
        await stage.clock.sleep(5000 * MS)
        assert len(stage.handled) == 1
        assert rows(stage.replica, "msforge_outbox") == 0

    Stage().play(main)


def test_row_that_a_look_finds_before_its_request_goes_on_is_relayed_once() -> None:
    async def main(stage: Stage) -> None:
        outbox = stage.replica.events.outbox
        database = stage.replica.stores.database
        transaction = database.transaction

        @asynccontextmanager
        async def slow() -> Any:
            async with transaction() as db:
                yield db
            await outbox._look()  # what was committed is seen before anybody goes on

        database.transaction = slow
        task = asyncio.ensure_future(request(stage.replica, 0, order, flow_class=Steps))
        await stage.clock.sleep(14 * MS)
        database.transaction = transaction
        await task
        await stage.clock.sleep(2000 * MS)
        assert len(stage.handled) == 1

    Stage().play(main)


def test_stopping_empties_the_outbox_at_once() -> None:
    async def main(stage: Stage) -> None:
        await request(stage.replica, 0, order, flow_class=Steps)
        await stage.replica.stop()
        assert (await stage.parts.stats("jobs"))["published"] == 1
        assert stage.clock.now() < 100 * MS

    Stage().play(main)


def test_messages_lost_in_a_crash_are_counted_when_the_steps_are_known() -> None:
    class Known(Flow):
        publishes: ClassVar = {"publish jobs#0": "jobs"}

    async def act(do: Any) -> None:
        await do.write("write db#0", DB)
        await do.publish("publish jobs#0", JOBS)
        await do.wait("wait#0", Dist("constant", (50.0 * MS,)))

    async def main(stage: Stage) -> None:
        for crash_at, lost in ((5, 0), (11, 1), (30, 0)):
            task = asyncio.ensure_future(request(stage.replica, 0, act, flow_class=Known))
            before = (await stage.parts.stats("jobs"))["lost"]
            await stage.clock.sleep(crash_at * MS)
            stage.replica.crash()
            await asyncio.gather(task, return_exceptions=True)
            assert (await stage.parts.stats("jobs"))["lost"] - before == lost
            stage.replica = stage.born()
            await stage.replica.start()

    Stage().play(main)


def test_message_that_does_not_fit_its_model_fails_its_delivery() -> None:
    class Model:
        @classmethod
        def model_validate(cls, body: Any) -> Any:
            raise ValueError("no such order")

    async def main(stage: Stage) -> None:
        stage.replica.events.consumers[0].model = Model
        await request(stage.replica, 0, stage.publish())
        await stage.clock.sleep(100 * MS)
        counts = await stage.parts.stats("jobs")
        assert (counts["delivered"], counts["dropped"]) == (3, 1)

    Stage().play(main)


@pytest.mark.parametrize("seed", range(12))
def test_publishes_and_deliveries_come_when_the_simulator_has_them(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    die = random.Random(seed)
    at = sorted(die.randint(0, 300 * MS) for _ in range(25))
    topic = die.choice(["kind: queue", "kind: topic, partitions: 3"])
    key = ", key: zipf(n=9 s=0.5)" if "topic" in topic else ""
    outbox = ", outbox: true" if die.random() < 0.5 else ""
    text = f"""
    network: {{latency: 0ms}}
    services:
      a: {{threads: unlimited, endpoints: {{go: {{steps: [{{publish: jobs{key}{outbox}}}]}}}}}}
      b: {{consumers: {{take: {{from: jobs, threads: 2, retry: {{attempts: 3, backoff: 7ms, jitter: full}},
          steps: [{{wait: exponential(9ms)}}, {{fail: 30%}}]}}}}}}
    channels: {{jobs: {{{topic}, publish: exponential(3ms), relay: 50ms}}}}
    traffic: {{t: {{target: a.go, at: [{", ".join(f"{t}ns" for t in at)}]}}}}
    """
    system = compiled(text)
    seen = simulated(system, monkeypatch)
    loop = VirtualLoop()
    clock = loop.clock()
    parts = embedded_parts(system, clock)
    channel = channels_of(system)[0]
    begun: list[tuple[int, int, int]] = []
    published: list[int] = []

    async def take(body: Any, do: Any) -> None:
        begun.append((clock.now(), do.number, do.message.attempt))
        await do.wait("wait#0", Dist("exponential", (9.0 * MS,)))
        await do.fail("fail#0", 0.3)

    async def go(do: Any) -> None:
        drawn = Dist("zipf", (9.0, 0.5)) if key else None
        await do.publish("publish jobs#0", channel, key=drawn, outbox=bool(outbox))

    async def main() -> None:
        a, b = replica_of(loop, parts, "a"), replica_of(loop, parts, "b")
        b.events.consume(consumers_of(system)[0], Flow, take)
        await a.start()
        await b.start()
        accept = parts.channels["jobs"].accept

        def noted(now: int, content: dict[str, Any]) -> bool:
            published.append(now)
            return accept(now, content)

        parts.channels["jobs"].accept = noted  # type: ignore[method-assign]
        word = system.steps[system.sources[0].journey[0]].word
        entry = entry_key(system.run.seed, "t", word)

        async def one(number: int, when: int) -> None:
            await clock.sleep(when - clock.now())
            await request(a, number, go, key=entry)

        await asyncio.gather(*(one(number, when) for number, when in enumerate(at)))
        await clock.sleep(10_000 * MS)
        await parts.stop()

    loop.play(main())
    assert sorted(published) == sorted(when for when, _, _ in seen.publishes)
    expected = [(now, n, attempt) for now, _, where, n, attempt in seen.deliveries if where != "buried"]
    assert sorted(begun) == sorted(expected)
