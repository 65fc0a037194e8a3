"""One scripted run of a channel twice: in the simulator, its event times noted, and on the machine.

The simulator says when messages come to the broker and when consumers are up; the machine must then begin the same
deliveries at the same nanoseconds on the same replicas, and end with the same counts.
"""

from __future__ import annotations

import heapq
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from msforge import sim
from msforge.model import compile_system
from msforge.model.plan import System, Verb
from msforge.policies.keys import child_key, occurrence, uniform
from msforge.runtime.channel_machine import ChannelMachine
from msforge.runtime.delivery import Delivery, Worker
from msforge.runtime.queue_machine import QueueMachine
from msforge.runtime.topic_machine import TopicMachine
from msforge.sim.faults import Faults
from msforge.sim.messaging import ChannelRun
from msforge.sim.messaging import Worker as SimWorker
from msforge.sim.queues import QueueRun
from msforge.sim.replica import Replica
from msforge.sim.service import ServiceRun
from msforge.sim.topics import TopicRun
from msforge.spec import load_text

Happened = tuple[int, str, str, int, int]
"""now, what, where, request number, attempt"""
COUNTS = ("published", "delivered", "done", "redelivered", "dead", "dropped", "rejected", "applied_twice")


@dataclass
class Log:
    """What happened in a run."""

    deliveries: list[Happened] = field(default_factory=list)
    publishes: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)
    ups: list[tuple[int, str, str, int]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


def simulated(system: System, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Run the simulator and note what its channels do."""
    log = Log()
    burying = [0, 0]  # inside a dead-lettering; inside a crash that a step brought about
    runs: dict[str, ChannelRun] = {}
    process, bury, crash = SimWorker.process, ChannelRun.bury, Replica.crash
    suicide = Faults.crash_and_restart
    go_up, down, retire = Replica.go_up, SimWorker.replica_down, ServiceRun.retire

    def noted_process(worker: SimWorker, message: Any) -> None:
        where = f"{worker.replica.service.name}#{worker.replica.ordinal}"
        name = worker.channel.plan.name
        log.deliveries.append((worker.replica.engine.env.now, name, where, message.root.number, message.attempts + 1))
        process(worker, message)

    def noted_bury(channel: ChannelRun, message: Any) -> None:
        now = channel.engine.env.now
        log.deliveries.append((now, channel.plan.name, "buried", message.root.number, message.attempts))
        burying[0] += 1
        bury(channel, message)
        burying[0] -= 1

    def noted_accept(kind: type[ChannelRun]) -> Callable[..., bool]:
        accept = kind.accept

        def noted(channel: ChannelRun, root: Any, site: Any, context: int, key: int | None = None) -> bool:
            runs[channel.plan.name] = channel
            if burying[0]:
                return accept(channel, root, site, context, key)
            content = {"key": key, "draw": (site.key, root.number, context)}
            log.publishes.append((channel.engine.env.now, channel.plan.name, content))
            log.answers.append(False)
            place = len(log.answers) - 1
            log.answers[place] = accept(channel, root, site, context, key)
            return log.answers[place]

        return noted

    def noted_suicide(faults: Faults, replica: Replica) -> None:
        burying[1] += 1
        suicide(faults, replica)
        burying[1] -= 1

    def noted_crash(replica: Replica) -> None:
        if replica.up and not burying[1]:
            log.ups.append((replica.engine.env.now, "crash", replica.service.name, replica.ordinal))
        crash(replica)

    def noted_up(replica: Replica, now: int) -> None:
        if not burying[1]:
            log.ups.append((now, "up", replica.service.name, replica.ordinal))
        go_up(replica, now)

    def noted_retire(service: ServiceRun, replica: Replica, then: Any = None) -> None:
        log.ups.append((service.engine.env.now, "leave", service.name, replica.ordinal))
        retire(service, replica, then)

    def noted_down(worker: SimWorker) -> None:
        replica = worker.replica
        if replica.died >= 0:
            log.ups.append((replica.engine.env.now, "gone", replica.service.name, replica.ordinal))
        down(worker)

    monkeypatch.setattr(SimWorker, "process", noted_process)
    monkeypatch.setattr(SimWorker, "replica_down", noted_down)
    monkeypatch.setattr(Faults, "crash_and_restart", noted_suicide)
    monkeypatch.setattr(ServiceRun, "retire", noted_retire)
    monkeypatch.setattr(ChannelRun, "bury", noted_bury)
    monkeypatch.setattr(QueueRun, "accept", noted_accept(QueueRun))
    monkeypatch.setattr(TopicRun, "accept", noted_accept(TopicRun))
    monkeypatch.setattr(Replica, "crash", noted_crash)
    monkeypatch.setattr(Replica, "go_up", noted_up)
    sim.run(system)
    monkeypatch.undo()
    for name, run in runs.items():
        log.counts[name] = {count: getattr(run, count) for count in COUNTS}
    return log


class Play:
    """The machines of a system, driven by the simulator's publishes and the times of its replicas."""

    def __init__(self, system: System, seen: Log) -> None:
        self.system = system
        self.log = Log()
        self.now = 0
        self.events: list[tuple[int, int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.number = 0
        self.machines: dict[str, ChannelMachine] = {}
        self.workers: dict[tuple[str, int], list[tuple[ChannelMachine, Worker]]] = {}
        self.consumers = {system.body_name(c.body): c for c in system.consumers}
        for channel in system.channels:
            self.machines[channel.name] = self.machine(channel)
        for at, what, service, ordinal in seen.ups:
            self.at(at, 0, getattr(self, what), service, ordinal)
        for at, channel, content in seen.publishes:
            self.at(at, 1, self.publish, channel, content)
        self.going: set[Worker] = set()

    def machine(self, channel: Any) -> ChannelMachine:
        """A channel's machine."""
        bury = None
        if channel.dead_letter >= 0:
            target = self.system.channels[channel.dead_letter].name

            def bury(now: int, content: dict[str, Any]) -> None:
                self.machines[target].accept(now, content)

        def start(delivery: Delivery) -> None:
            self.started(made[0], delivery)

        made: list[ChannelMachine] = []
        if channel.topic:
            names = [self.system.body_name(self.system.consumers[c].body) for c in channel.consumers]
            made.append(TopicMachine(
                channel.name, start, bury, partitions=channel.partitions, rebalance=channel.rebalance, groups=names))
        else:
            made.append(QueueMachine(
                channel.name, start, bury, max_length=channel.max_length, reject=channel.reject))
        self.note_buried(made[0])
        return made[0]

    def note_buried(self, machine: ChannelMachine) -> None:
        """Note what goes to the dead letters or is dropped."""
        bury = machine._bury

        def noted(now: int, message: Any) -> None:
            self.log.deliveries.append((now, machine.name, "buried", message.content["draw"][1], message.attempts))
            bury(now, message)

        machine._bury = noted  # type: ignore[method-assign]

    def at(self, when: int, priority: int, act: Callable[..., None], *arguments: Any) -> None:
        """Do something later."""
        self.number += 1
        heapq.heappush(self.events, (when, priority, self.number, act, arguments))

    def run(self, until: int) -> Log:
        """Play everything up to a time (ns)."""
        while True:
            due = [(m.due(), m) for m in self.machines.values() if m.due() >= 0]
            first = min(due, key=lambda pair: pair[0], default=None)
            if first is not None and (not self.events or first[0] < self.events[0][0]):
                if first[0] > until:
                    break
                self.now = first[0]
                first[1].wake(self.now)
                continue
            if not self.events or self.events[0][0] > until:
                break
            self.now, _, _, act, arguments = heapq.heappop(self.events)
            act(*arguments)
        for name, machine in self.machines.items():
            self.log.counts[name] = {count: getattr(machine, count) for count in COUNTS}
        return self.log

    def publish(self, channel: str, content: dict[str, Any]) -> None:
        """A message reaches the broker."""
        self.log.publishes.append((self.now, channel, content))
        self.log.answers.append(self.machines[channel].accept(self.now, content))

    def up(self, service: str, ordinal: int) -> None:
        """A replica's consumers are ready."""
        for name, consumer in self.consumers.items():
            owner, _, short = name.partition(".")
            if owner == service:
                machine = self.machines[self.system.channels[consumer.channel].name]
                machine.begun = self.now > 0
                worker = machine.join(self.now, settings(short, service, ordinal, consumer), f"{service}#{ordinal}")
                self.workers.setdefault((service, ordinal), []).append((machine, worker))

    def crash(self, service: str, ordinal: int) -> None:
        """A replica dies."""
        workers = self.workers.pop((service, ordinal), [])
        for machine in {id(m): m for m, _ in workers}.values():
            machine.begun = self.now > 0
            machine.crash(self.now, [w for m, w in workers if m is machine])

    def leave(self, service: str, ordinal: int) -> None:
        """A replica takes nothing new."""
        for machine, worker in self.workers.get((service, ordinal), []):
            machine.begun = self.now > 0
            machine.leave(self.now, worker)

    def gone(self, service: str, ordinal: int) -> None:
        """A replica has left, or does so once what it has is done."""
        for machine, worker in self.workers.get((service, ordinal), []):
            if worker.idle():
                machine.gone(self.now, worker)
            else:
                self.going.add(worker)

    def started(self, machine: ChannelMachine, delivery: Delivery) -> None:
        """A delivery begins: play the consumer's steps (waits and fails only)."""
        number = delivery.message.content["draw"][1]
        self.log.deliveries.append((self.now, machine.name, delivery.worker.replica, number, delivery.attempt))
        self.step(machine, delivery, 0)

    def step(self, machine: ChannelMachine, delivery: Delivery, index: int) -> None:
        """Play the consumer's steps from one of them on, each in its own time."""
        if not delivery.open:
            return
        key, number, context = delivery.message.content["draw"]
        place = child_key(key, f"consume {delivery.worker.name}")
        block = self.system.bodies[self.consumers[delivery.worker.name].body].block
        for position in range(index, len(block)):
            plan = self.system.steps[block[position]]
            if plan.verb == Verb.WAIT and plan.dist is not None:
                self.at(self.now + round(plan.dist.mean), 1, self.step, machine, delivery, position + 1)
                return
            u = uniform(child_key(child_key(place, plan.word), "@fail"), number,
                        occurrence(context, 0, delivery.attempt - 1))
            if u < plan.rate:
                if plan.crash:
                    service, _, ordinal = delivery.worker.replica.partition("#")
                    self.crash(service, int(ordinal))
                    self.up(service, int(ordinal))
                else:
                    self.ended(machine, delivery, 2)
                return
        self.ended(machine, delivery, 0)

    def ended(self, machine: ChannelMachine, delivery: Delivery, outcome: int) -> None:
        """A delivery is over; a worker that was to go does so after its last."""
        machine.ended(self.now, delivery, outcome)
        if delivery.worker in self.going and delivery.worker.idle():
            self.going.discard(delivery.worker)
            machine.gone(self.now, delivery.worker)


def settings(name: str, service: str, ordinal: int, consumer: Any) -> dict[str, Any]:
    """A consumer as the parts take it."""
    retry = consumer.retry
    return {
        "name": name, "group": service, "ordinal": ordinal, "threads": consumer.threads, "prefetch": consumer.prefetch,
        "idempotent": consumer.idempotent,
        "retry": {"attempts": retry.attempts, "backoff": retry.backoff, "factor": retry.factor,
                  "max_backoff": retry.max_backoff, "jitter": retry.jitter},
    }


def compiled(text: str) -> System:
    """A description without its head, compiled."""
    return compile_system(load_text("msforge: 1\nname: script\n" + textwrap.dedent(text).strip() + "\n"))


def both(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Log, Log]:
    """What the simulator did and what the machines did."""
    system = compiled(text)
    seen = simulated(system, monkeypatch)
    return seen, Play(system, seen).run(1 << 62)


def same(text: str, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Assert that both did the same; what they did."""
    seen, played = both(text, monkeypatch)
    assert played.answers == seen.answers
    assert sorted(played.deliveries) == sorted(seen.deliveries)
    for name, counts in seen.counts.items():
        assert played.counts[name] == counts, name
    return seen
