"""The channels' machines against the simulator: the same deliveries at the same nanoseconds."""

from __future__ import annotations

import random

import pytest
from script import same

QUEUE = """
services:
  source: {{threads: unlimited, endpoints: {{send: {{steps: [publish: jobs]}}}}}}
  worker: {{replicas: {replicas}, consumers: {{handle: {{from: jobs, {consumer}steps: [{steps}]}}}}}}
channels:
  jobs: {{{channel}, publish: 2ms}}
traffic: {{t: {{target: source.send, at: {at}}}}}
{more}
"""


def queue(
    at: str, steps: str = "wait: 10ms", consumer: str = "threads: 1, ", channel: str = "kind: queue",
    replicas: int = 1, more: str = "",
) -> str:
    """A source that publishes to `jobs`, and a worker."""
    return QUEUE.format(at=at, steps=steps, consumer=consumer, channel=channel, replicas=replicas, more=more)


CASES = {
    "turns over replicas": queue("[0, 0, 0, 0, 3ms]", replicas=2),
    "threads": queue("[0, 0, 0, 0]", consumer="threads: 2, "),
    "prefetch holds messages at a busy replica": queue(
        "[0, 0, 0, 0, 0, 0]", "wait: 1s", "threads: 1, prefetch: 2, ", replicas=2),
    "redelivery after its pause": queue(
        "[0]", "{wait: 10ms}, {fail: 1}", "retry: {attempts: 3, backoff: 50ms, factor: 2}, "),
    "others pass a resting message": queue(
        "[0, 1ms, 3ms]", "{wait: 10ms}, {fail: 60%}", "threads: 1, retry: {attempts: 4, backoff: 100ms}, "),
    "full jitter": queue(
        "[0, 1ms, 3ms]", "{wait: 10ms}, {fail: 80%}", "retry: {attempts: 6, backoff: 100ms, jitter: full}, "),
    "decorrelated jitter": queue(
        "[0, 1ms, 3ms]", "{wait: 10ms}, {fail: 80%}",
        "retry: {attempts: 6, backoff: 10ms, jitter: decorrelated, max_backoff: 100ms}, "),
    "dead letters": queue(
        "[0, 0]", "fail: 1", "retry: {attempts: 2, backoff: 1ms}, ", "kind: queue, dead_letter: lost"),
    "crash redelivers at once, at the head": queue(
        "[0, 0, 0, 3ms]", "wait: 10ms", "threads: 2, prefetch: 3, retry: {attempts: 5, backoff: 10s}, ",
        more="faults: [{crash: worker, at: 5ms, for: 100ms}]"),
    "crash of one replica": queue(
        "[0, 0, 0, 3ms, 4ms]", "wait: 10ms", "threads: 2, prefetch: 3, ", replicas=3,
        more="faults: [{crash: worker, replicas: 1, at: 5ms, for: 100ms}]"),
    "crash at the last attempt, no dead letters": queue(
        "[0]", "wait: 10ms", "retry: {attempts: 1}, ", more="faults: [{crash: worker, at: 5ms, for: 100ms}]"),
    "crash at the last attempt, dead letters": queue(
        "[0]", "wait: 10ms", "retry: {attempts: 1}, ", "kind: queue, dead_letter: lost",
        more="faults: [{crash: worker, at: 5ms, for: 100ms}]"),
    "a message that kills its consumer ends": queue(
        "[0]", "{wait: 1ms}, {fail: 100%, kind: crash}", "retry: {attempts: 1}, "),
    "drop head": queue(
        "[0, 10ms, 20ms, 30ms, 40ms]", "wait: 1s", "prefetch: 1, ", "kind: queue, max_length: 2, overflow: drop_head"),
    "drop head into dead letters": queue(
        "[0, 10ms, 20ms, 30ms, 40ms]", "wait: 1s", "prefetch: 1, ",
        "kind: queue, max_length: 2, overflow: drop_head, dead_letter: lost"),
    "reject publish": queue(
        "[0, 10ms, 20ms, 30ms, 1007ms, 1500ms]", "wait: 1s", "prefetch: 1, ",
        "kind: queue, max_length: 2, overflow: reject_publish"),
    "scaling down lets a replica finish": queue(
        "[0, 0, 0, 0, 0, 0, 20ms, 160ms, 161ms]", "wait: 15ms", "threads: 1, prefetch: 2, ", replicas=3,
        more="faults: [{change: {services.worker.replicas: 1}, at: 40ms, for: 100ms}]"),
}


def lost(text: str) -> str:
    """With a queue of dead letters and a clerk that reads them, when the text names one."""
    if "dead_letter" not in text:
        return text
    text = text.replace("channels:\n", "channels:\n  lost: {kind: queue, publish: 0ms}\n")
    return text.replace("services:\n", "services:\n  clerk: {consumers: {read: {from: lost, steps: [wait: 3ms]}}}\n")


@pytest.mark.parametrize("name", CASES)
def test_queue_does_as_the_simulator(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = same(lost(CASES[name]), monkeypatch)
    assert seen.deliveries


TOPIC = """
services:
  source: {{threads: unlimited, endpoints: {{send: {{steps: [{{publish: jobs{key}}}]}}}}}}
  worker: {{replicas: {replicas}, consumers: {{handle: {{from: jobs, {consumer}steps: [{steps}]}}}}}}
  audit: {{replicas: 2, consumers: {{note: {{from: jobs, threads: 2, steps: [wait: 7ms]}}}}}}
channels:
  jobs: {{kind: topic, partitions: {partitions}, publish: 1ms{channel}}}
traffic: {{t: {{target: source.send, at: {at}}}}}
{more}
"""


def topic(
    at: str, steps: str = "wait: 10ms", consumer: str = "threads: 1, ", partitions: int = 1, replicas: int = 1,
    key: str = "", channel: str = "", more: str = "",
) -> str:
    """As `queue`, with a topic of two groups."""
    return TOPIC.format(at=at, steps=steps, consumer=consumer, partitions=partitions, replicas=replicas, key=key,
                        channel=channel, more=more)


MANY = "[" + ", ".join(f"{3 * k}ms" for k in range(24)) + "]"
TOPICS = {
    "one partition keeps the order": topic("[0, 0, 0]", consumer="threads: 4, "),
    "turns over partitions": topic(MANY, consumer="threads: 2, ", partitions=4, replicas=2),
    "more threads than partitions": topic(MANY, consumer="threads: 8, ", partitions=3, replicas=2),
    "more partitions than threads": topic(MANY, consumer="threads: 2, ", partitions=7, replicas=2),
    "keys pick the partition": topic(MANY, partitions=4, replicas=3, key=", key: zipf(n=9 s=0.8)"),
    "a failing message blocks its partition": topic(
        MANY, "{wait: 10ms}, {fail: 50%}", "threads: 2, retry: {attempts: 3, backoff: 40ms}, ", 3, 2),
    "dead letters free the partition": topic(
        "[0, 0, 3ms]", "{wait: 10ms}, {fail: 70%}", "threads: 2, retry: {attempts: 2, backoff: 5ms}, ", 2,
        channel=", dead_letter: lost"),
    "a crash costs two rebalances": topic(
        MANY, "wait: 10ms", "threads: 2, retry: {attempts: 9}, ", 3, 2, channel=", rebalance: 200ms",
        more="faults: [{crash: worker, replicas: 1, at: 15500us, for: 50ms}]"),
    "a crash of the whole group": topic(
        MANY, "wait: 10ms", "threads: 1, ", 2, 2, channel=", rebalance: 30ms",
        more="faults: [{crash: worker, at: 15500us, for: 100ms}]"),
    "crash while resting": topic(
        MANY, "{wait: 10ms}, {fail: 50%}", "threads: 1, retry: {attempts: 5, backoff: 90ms, jitter: equal}, ", 3, 2,
        channel=", rebalance: 33ms", more="faults: [{crash: worker, at: 31100us, for: 20ms}]"),
    "poison": topic("[0, 5ms]", "{wait: 1ms}, {fail: 100%, kind: crash}", "retry: {attempts: 1}, ", 2,
                    channel=", rebalance: 10ms"),
    "a member leaves and another joins": topic(
        MANY[:-1] + ", 205ms, 215ms, 225ms, 235ms, 245ms, 255ms, 265ms]", "wait: 10ms", "threads: 2, ", 4, 3,
        channel=", rebalance: 21ms",
        more="faults: [{change: {services.worker.replicas: 2}, at: 200500us, for: 31ms}]"),
}


BUSY = topic(
    MANY, "wait: 10ms", "threads: 2, ", 4, 3, channel=", rebalance: 21ms",
    more="faults: [{change: {services.worker.replicas: 2}, at: 20500us, for: 31ms}]")


def test_busy_member_leaves_after_its_last_as_the_simulator_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert same(BUSY, monkeypatch).deliveries


@pytest.mark.parametrize("name", TOPICS)
def test_topic_does_as_the_simulator(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = same(lost(TOPICS[name]), monkeypatch)
    assert seen.deliveries


def anything(seed: int) -> str:
    """A random small system with times that do not coincide."""
    die = random.Random(seed)

    def ns(low: int, high: int) -> str:
        return f"{die.randint(low * 1_000_000, high * 1_000_000)}ns"

    consumer = f"threads: {die.randint(1, 3)}, "
    if die.random() < 0.5:
        consumer += f"prefetch: {die.choice(['unlimited', '3', '5'])}, "
    jitter = die.choice(["none", "full", "equal", "decorrelated"])
    backoff = die.choice(["0ms", ns(1, 60)])
    consumer += f"retry: {{attempts: {die.randint(1, 6)}, backoff: {backoff}, jitter: {jitter}}}, "
    steps = f"{{wait: {ns(1, 40)}}}, {{fail: {die.randint(0, 90)}%}}"
    if die.random() < 0.2:
        steps += f", {{wait: {ns(1, 5)}}}, {{fail: 10%, kind: crash}}"
    at = "[" + ", ".join(sorted((ns(0, 300) for _ in range(30)), key=lambda t: int(t[:-2]))) + "]"
    faults = [
        f"{{crash: worker, replicas: {die.choice(['1', 'all'])}, at: {ns(1, 300)}, for: {ns(1, 100)}}}"
        for _ in range(die.randint(0, 3))
    ]
    more = f"faults: [{', '.join(faults)}]\n" if faults else ""
    dead = die.choice(["", ", dead_letter: lost"])
    replicas = die.randint(1, 3)
    if die.random() < 0.5:
        overflow = die.choice(["", ", max_length: 3, overflow: drop_head", ", max_length: 3, overflow: reject_publish"])
        return queue(at, steps, consumer, f"kind: queue{overflow}{dead}", replicas, more)
    return topic(at, steps, consumer, die.randint(1, 6), replicas, die.choice(["", ", key: zipf(n=20 s=0.5)"]),
                 f", rebalance: {ns(1, 50)}{dead}", more)


@pytest.mark.parametrize("seed", range(60))
def test_anything_does_as_the_simulator(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    same(lost(anything(seed)), monkeypatch)
