"""Queues as RabbitMQ has them, topics as Kafka has them; outboxes and effects applied twice."""

from __future__ import annotations

import pytest
from rig import Seen, simulate


def queue(
    at: str, steps: str = "wait: 10ms", consumer: str = "threads: 1, ", channel: str = "kind: queue",
    worker: str = "", more: str = "",
) -> Seen:
    """A source that publishes to `jobs`, and a worker."""
    return simulate(f"""
services:
  source: {{threads: unlimited, endpoints: {{send: {{steps: [publish: jobs]}}}}}}
  worker: {{{worker}consumers: {{handle: {{from: jobs, {consumer}steps: [{steps}]}}}}}}
channels:
  jobs: {{{channel}, publish: 2ms}}
traffic: {{t: {{target: source.send, at: {at}}}}}
{more}
""")


def test_publisher_waits_for_the_broker_only() -> None:
    seen = queue("[0, 0]", "wait: 1s")
    assert seen.latencies() == [2, 2]
    assert seen.channel("jobs") == {"published": 2, "delivered": 2, "done": 2}


def test_each_message_goes_to_one_consumer_of_a_queue() -> None:
    seen = queue("[0, 0, 0, 0]", worker="replicas: 2, ")
    assert seen.served("worker.handle") == {"ok": 4}
    assert seen.replicas("worker", "arrived") == [2, 2]


def test_consumer_threads_limit_messages_at_once() -> None:
    one = queue("[0, 0, 0, 0]").replicas("worker", "busy_area")
    two = queue("[0, 0, 0, 0]", consumer="threads: 2, ", more="simulation: {duration: 23ms, drain: 0s}")
    assert one == [40_000_000]
    # 2 ms to the broker, then two at a time for 10 ms each: all done at 22.
    assert two.channel("jobs")["done"] == 4


def test_prefetch_bounds_the_unacknowledged() -> None:
    text = "[0, 0, 0, 0, 0, 0]"
    run = "simulation: {duration: 1s, drain: 5s}"
    seen = queue(text, "wait: 10s", "threads: 1, prefetch: 4, ", more=run)
    assert seen.channel_tick("jobs", 0, "unacked") == 4
    assert seen.channel_tick("jobs", 0, "backlog") == 2


def test_prefetched_messages_wait_at_their_replica_though_another_is_free() -> None:
    # The first replica takes two at once; the second message waits there while the other replica idles.
    late = "faults: [{crash: worker, replicas: 1, at: 0s, for: 500ms}]"
    seen = queue("[0, 0, 700ms]", "wait: 1s", "threads: 1, prefetch: 2, ", worker="replicas: 2, ", more=late)
    assert sorted(seen.replicas("worker", "busy_area")) == [1_000_000_000, 2_000_000_000]


def test_failed_message_comes_again_after_the_retry_delay() -> None:
    seen = queue("[0]", "{wait: 10ms}, {fail: 1}", "retry: {attempts: 3, backoff: 50ms, factor: 2}, ",
                 more="simulation: {duration: 191ms, drain: 0s}")
    # 2, +10, +50, +10, +100, +10 = 182.
    assert seen.channel("jobs") == {"published": 1, "delivered": 3, "redelivered": 2, "dropped": 1}


def test_message_waiting_for_its_delay_lets_others_pass_in_a_queue() -> None:
    seen = simulate("""
    services:
      source: {threads: unlimited, endpoints: {bad: {steps: [publish: jobs]}, good: {steps: [publish: jobs]}}}
      worker:
        consumers:
          handle: {from: jobs, retry: {attempts: 2, backoff: 1s}, steps: [{wait: 10ms}]}
    channels: {jobs: {kind: queue, publish: 0ms}}
    traffic: {t: {target: source.bad, at: [0]}, u: {target: source.good, at: [1ms]}}
    faults: [{fail: worker, at: 0s, for: 5ms}]
    simulation: {duration: 500ms, drain: 0s}
    """)
    assert seen.channel("jobs")["done"] == 1
    assert seen.channel("jobs")["in_flight"] == 1


def test_last_attempt_moves_it_to_the_dead_letters() -> None:
    seen = queue("[0, 0]", "fail: 1", "retry: {attempts: 2, backoff: 1ms}, ", "kind: queue, dead_letter: lost")
    assert seen.channel("jobs") == {"published": 2, "delivered": 4, "redelivered": 2, "dead": 2}
    assert seen.channel("lost") == {"published": 2, "in_flight": 2}


def test_dead_letters_can_be_consumed() -> None:
    seen = simulate("""
    services:
      source: {endpoints: {send: {steps: [publish: jobs]}}}
      worker: {consumers: {handle: {from: jobs, retry: {attempts: 1}, steps: [fail: 1]}}}
      clerk: {consumers: {read: {from: lost, steps: [wait: 1ms]}}}
    channels: {jobs: {kind: queue, dead_letter: lost}, lost: {kind: queue}}
    traffic: {t: {target: source.send, at: [0]}}
    """)
    assert seen.channel("lost") == {"published": 1, "delivered": 1, "done": 1}


def test_crash_loses_no_message_and_redelivers_at_once() -> None:
    seen = queue("[0, 0]", "wait: 10ms", "threads: 2, retry: {attempts: 5, backoff: 10s}, ",
                 more="faults: [{crash: worker, at: 5ms, for: 100ms}]\nsimulation: {duration: 116ms, drain: 0s}")
    assert seen.channel("jobs") == {"published": 2, "delivered": 4, "done": 2, "redelivered": 2}


CRASH = "faults: [{crash: worker, at: 5ms, for: 100ms}]"


def test_crash_loses_no_message_whatever_the_retries() -> None:
    seen = queue("[0]", "wait: 10ms", "retry: {attempts: 1}, ", more=CRASH)
    assert seen.channel("jobs") == {"published": 1, "delivered": 2, "done": 1, "redelivered": 1}


def test_crash_counts_as_an_attempt() -> None:
    # One delivery was lost in the crash; the second is the last that two attempts allow.
    seen = queue("[0]", "{wait: 10ms}, {fail: 1}", "retry: {attempts: 2, backoff: 1ms}, ", more=CRASH)
    assert seen.channel("jobs") == {"published": 1, "delivered": 2, "redelivered": 1, "dropped": 1}


def test_crash_at_the_last_attempt_moves_it_to_the_dead_letters() -> None:
    seen = queue("[0]", "wait: 10ms", "retry: {attempts: 1}, ", "kind: queue, dead_letter: lost", more=CRASH)
    assert seen.channel("jobs") == {"published": 1, "delivered": 1, "dead": 1}
    assert seen.channel("lost")["published"] == 1


def test_message_that_kills_its_consumer_comes_to_an_end() -> None:
    seen = queue("[0]", "{wait: 1ms}, {fail: 100%, kind: crash}", "retry: {attempts: 1}, ")
    assert seen.channel("jobs")["dropped"] == 1
    assert 1 < seen.channel("jobs")["delivered"] < 100


def test_full_queue_drops_its_head() -> None:
    seen = queue("[0, 10ms, 20ms, 30ms]", "wait: 1s", "prefetch: 1, ",
                 "kind: queue, max_length: 2, overflow: drop_head")
    assert seen.outcomes() == ["ok"] * 4
    assert seen.channel("jobs") == {"published": 4, "delivered": 3, "done": 3, "dropped": 1}


def test_full_queue_refuses_the_publisher() -> None:
    seen = queue("[0, 10ms, 20ms, 30ms]", "wait: 1s", "prefetch: 1, ",
                 "kind: queue, max_length: 2, overflow: reject_publish")
    assert seen.outcomes() == ["ok", "ok", "ok", "error"]
    assert seen.channel("jobs") == {"published": 3, "delivered": 3, "done": 3, "rejected": 1}


def test_backlog_and_age_are_read_in_time() -> None:
    seen = queue("[0, 0, 0]", "wait: 10s", "prefetch: 1, ", more="simulation: {duration: 2s, drain: 60s}")
    window = seen.records.window
    tick = 1_000_000_000 // window - 1
    assert seen.channel_tick("jobs", tick, "backlog") == 2
    assert seen.channel_tick("jobs", tick, "oldest_age") == 1_000_000_000 - 2_000_000


# --- topics ------------------------------------------------------------------------------------

def topic(
    at: str, steps: str = "wait: 10ms", consumer: str = "threads: 1, ", partitions: int = 1, worker: str = "",
    publish: str = "publish: jobs", more: str = "", channel: str = "",
) -> Seen:
    """As `queue`, with a topic."""
    return simulate(f"""
services:
  source: {{threads: unlimited, endpoints: {{send: {{steps: [{{{publish}}}]}}}}}}
  worker: {{{worker}consumers: {{handle: {{from: jobs, {consumer}steps: [{steps}]}}}}}}
channels:
  jobs: {{kind: topic, partitions: {partitions}, publish: 0ms{channel}}}
traffic: {{t: {{target: source.send, at: {at}}}}}
{more}
""")


def test_every_group_gets_each_message_of_a_topic() -> None:
    seen = simulate("""
    services:
      source: {endpoints: {send: {steps: [publish: news]}}}
      mail: {replicas: 2, consumers: {handle: {from: news, steps: [wait: 1ms]}}}
      audit: {consumers: {handle: {from: news, steps: [wait: 1ms]}}}
    channels: {news: {kind: topic, partitions: 2}}
    traffic: {t: {target: source.send, at: [0, 0, 0]}}
    """)
    assert seen.served("mail.handle") == {"ok": 3}
    assert seen.served("audit.handle") == {"ok": 3}


@pytest.mark.parametrize(
    ("threads", "replicas", "partitions", "at_once"),
    [(1, 1, 4, 1), (4, 1, 2, 2), (2, 2, 8, 4), (8, 1, 1, 1), (1, 3, 3, 3)],
)
def test_parallelism_is_the_least_of_threads_times_replicas_and_partitions(
    threads: int, replicas: int, partitions: int, at_once: int
) -> None:
    seen = topic("[" + ", ".join(["0"] * 24) + "]", "wait: 10ms", f"threads: {threads}, ", partitions,
                 f"replicas: {replicas}, ", more="simulation: {duration: 20001us, drain: 0s}")
    assert seen.channel("jobs")["done"] == 2 * at_once


def test_messages_without_key_take_turns_over_partitions() -> None:
    seen = topic("[0, 0, 0, 0]", "wait: 10ms", "threads: 4, ", 4, more="simulation: {duration: 10001us, drain: 0s}")
    assert seen.channel("jobs")["done"] == 4


def test_key_picks_the_partition() -> None:
    seen = topic("[0, 0, 0, 0]", "wait: 10ms", "threads: 4, ", 4, publish="publish: jobs, key: 6",
                 more="simulation: {duration: 35ms, drain: 0s}")
    assert seen.channel("jobs")["done"] == 3


def test_order_is_kept_within_a_partition_and_a_failing_message_blocks_it() -> None:
    seen = simulate("""
    services:
      source: {threads: unlimited, endpoints: {send: {steps: [publish: jobs]}}}
      worker: {consumers: {handle: {from: jobs, retry: {attempts: 3, backoff: 100ms, factor: 1}, steps: [wait: 10ms]}}}
    channels: {jobs: {kind: topic, partitions: 1, publish: 0ms}}
    traffic: {t: {target: source.send, at: [0, 1ms]}}
    faults: [{fail: worker, at: 0s, for: 5ms}]
    simulation: {duration: 125ms, drain: 0s}
    """)
    # Fails at 10, again from 110 to 120; only then the second.
    assert seen.channel("jobs") == {"published": 2, "delivered": 3, "done": 1, "redelivered": 1, "in_flight": 1}


def test_failing_message_is_dead_lettered_and_frees_its_partition() -> None:
    seen = topic("[0, 0]", "{wait: 10ms}, {fail: 1}", "retry: {attempts: 2, backoff: 5ms}, ", 1,
                 channel=", dead_letter: lost")
    assert seen.channel("jobs") == {"published": 2, "delivered": 4, "redelivered": 2, "dead": 2}
    assert seen.channel("lost")["published"] == 2


def test_failing_message_blocks_only_its_own_partition() -> None:
    seen = topic("[0, 1ms]", "wait: 10ms", "threads: 2, retry: {attempts: 2, backoff: 1s}, ", 2,
                 more="faults: [{fail: worker, at: 0s, for: 500us}]\nsimulation: {duration: 50ms, drain: 0s}")
    assert seen.channel("jobs")["done"] == 1


def test_message_that_comes_again_at_once_keeps_its_thread_busy() -> None:
    # One thread, two partitions: three deliveries of 10 ms end by 30 ms, and the fourth is under way at 33.
    seen = topic("[0, 0]", "wait: 10ms, fail: 100%", "threads: 1, retry: {attempts: 3, backoff: 0s}, ", 2,
                 more="simulation: {duration: 33ms, drain: 0s}")
    assert seen.channel("jobs")["delivered"] == 4


def test_crash_costs_a_rebalance_and_redelivers_from_the_last_commit() -> None:
    seen = topic("[0, 0]", "wait: 10ms", "threads: 1, ", 1, "replicas: 2, ", channel=", rebalance: 200ms",
                 more="faults: [{crash: worker, at: 15ms}]\nsimulation: {duration: 100ms, drain: 10s}")
    assert seen.channel("jobs")["done"] == 1
    kept = topic("[0, 0]", "wait: 10ms", "retry: {attempts: 9}, ", 1, channel=", rebalance: 200ms",
                 more="faults: [{crash: worker, at: 15ms, for: 5ms}]\nsimulation: {duration: 300ms, drain: 0s}")
    # The first was committed at 10; back at 20, still until 220, then the second again.
    assert kept.channel("jobs") == {"published": 2, "delivered": 3, "done": 2, "redelivered": 1}
    assert kept.happenings("rebalance")
    early = topic("[0, 0]", "wait: 10ms", "retry: {attempts: 9}, ", 1, channel=", rebalance: 200ms",
                  more="faults: [{crash: worker, at: 15ms, for: 5ms}]\nsimulation: {duration: 229ms, drain: 0s}")
    assert early.channel("jobs")["done"] == 1


# --- effects, outbox ---------------------------------------------------------------------------

TWICE = """
services:
  source: {{endpoints: {{send: {{steps: [publish: jobs]}}}}}}
  worker:
    consumers:
      handle:
        from: jobs
        idempotent: {idempotent}
        retry: {{attempts: 3, backoff: 1ms}}
        steps: [{{write: db}}, {{wait: 10ms}}]
stores: {{db: {{owner: worker, write: 1ms}}}}
channels: {{jobs: {{kind: queue, publish: 0ms}}}}
traffic: {{t: {{target: source.send, at: [0]}}}}
faults: [{{fail: worker, at: 0s, for: 5ms}}]
"""


def test_redelivered_effect_is_counted_twice_unless_idempotent() -> None:
    assert simulate(TWICE.format(idempotent="false")).channel("jobs")["applied_twice"] == 1
    assert "applied_twice" not in simulate(TWICE.format(idempotent="true")).channel("jobs")


OUTBOX = """
services:
  source: {{endpoints: {{send: {{steps: [{{write: db}}, {{publish: jobs{outbox}}}]}}}}}}
  worker: {{consumers: {{handle: {{from: jobs, steps: [wait: 1ms]}}}}}}
stores: {{db: {{owner: source, write: 10ms}}}}
channels: {{jobs: {{kind: queue, publish: 10ms, relay: 500ms}}}}
traffic: {{t: {{target: source.send, at: [0]}}}}
faults: [{{crash: source, at: {at}, for: 100ms}}]
"""


def test_crash_between_write_and_publish_loses_the_message_without_an_outbox() -> None:
    seen = simulate(OUTBOX.format(outbox="", at="15ms"))
    assert seen.outcomes() == ["reset"]
    assert seen.channel("jobs") == {"lost": 1}


@pytest.mark.parametrize("steps", [
    "{steps: [{write: db}, {publish: jobs}]}",
    "{write: db}, {parallel: [{publish: jobs}, {wait: 1s}]}",
    "{parallel: [{steps: [{write: db}, {wait: 1s}, {publish: jobs}]}, {wait: 1s}]}",
    "{saga: [{do: {write: db}, undo: {write: db}}, {do: {publish: jobs}}]}",
    "{call: source.store}, {publish: jobs}",
    "{call: source.both}",
])
def test_message_is_lost_wherever_the_two_steps_stand(steps: str) -> None:
    seen = simulate(f"""
services:
  source:
    endpoints:
      send: {{steps: [{steps}]}}
      store: {{steps: [{{write: db}}]}}
      both: {{steps: [{{write: db}}, {{publish: jobs}}]}}
  worker: {{consumers: {{handle: {{from: jobs, steps: [wait: 1ms]}}}}}}
stores: {{db: {{owner: source, write: 10ms}}}}
channels: {{jobs: {{publish: 10ms}}}}
traffic: {{t: {{target: source.send, at: [0]}}}}
faults: [{{crash: source, at: 15ms, for: 100ms}}]
""")
    assert seen.channel("jobs") == {"lost": 1}


def test_consumer_that_crashes_before_its_publish_comes_to_it_again() -> None:
    seen = simulate("""
services:
  source: {endpoints: {send: {steps: [{publish: jobs}]}}}
  worker: {consumers: {handle: {from: jobs, retry: {attempts: 3}, steps: [{write: db}, {publish: after}]}}}
  last: {consumers: {handle: {from: after, steps: [wait: 1ms]}}}
stores: {db: {owner: worker, write: 10ms}}
channels: {jobs: {publish: 0}, after: {publish: 10ms}}
traffic: {t: {target: source.send, at: [0]}}
faults: [{crash: worker, at: 15ms, for: 100ms}]
""")
    assert seen.channel("after") == {"published": 1, "delivered": 1, "done": 1}


def test_outbox_loses_nothing() -> None:
    seen = simulate(OUTBOX.format(outbox=", outbox: true", at="15ms"))
    assert seen.channel("jobs") == {"published": 1, "delivered": 1, "done": 1}


def test_outbox_costs_no_time_and_is_relayed_at_the_latest_after_relay() -> None:
    seen = simulate(OUTBOX.format(outbox=", outbox: true", at="15ms") + "simulation: {duration: 600ms, drain: 0s}\n")
    assert seen.latencies() == [10]
    assert seen.channel("jobs")["published"] == 1


def test_crash_before_the_write_loses_nothing() -> None:
    assert simulate(OUTBOX.format(outbox="", at="5ms")).channel("jobs") == {}


def test_publish_timeout_ends_a_wait_for_a_broker_out_of_reach() -> None:
    seen = simulate("""
    services:
      source: {endpoints: {send: {steps: [{publish: jobs, timeout: 30ms}]}}}
      worker: {consumers: {handle: {from: jobs, steps: [wait: 1ms]}}}
    channels: {jobs: {kind: queue}}
    traffic: {t: {target: source.send, at: [10ms]}}
    faults: [{cut: source -> jobs, at: 0s, for: 1s}]
    """)
    assert (seen.outcomes(), seen.latencies()) == (["error"], [30])
    assert seen.roots()[0].cause == "source:timeout"


def test_consumer_that_is_taken_out_finishes_its_message_and_goes() -> None:
    text = """
    services:
      a: {{endpoints: {{go: {{steps: [publish: q]}}}}}}
      c: {{replicas: 2, consumers: {{eat: {{from: q, steps: [wait: 300ms]}}}}}}
    channels: {{q: {{publish: 0}}}}
    traffic: {{t: {{target: a.go, at: [0, 0, 1s]}}}}
    faults: [{fault}]
    """
    fewer = simulate(text.format(fault="{change: {services.c.replicas: 1}, at: 100ms}"))
    assert fewer.channel("q") == {"published": 3, "delivered": 3, "done": 3}
    assert [r.died // 10**6 for r in fewer.records.replicas if r.died >= 0] == [300]
    newer = simulate(text.format(fault="{deploy: c, at: 100ms}"))
    assert newer.channel("q") == {"published": 3, "delivered": 3, "done": 3}
    assert [detail for _, _, detail in newer.moments("deploy")] == ["version 1 begins", "version 1 done"]
    # The first goes at 300 ms; the second has the third message from then to 600 ms.
    assert newer.moments("deploy")[-1][0] <= 600
