"""Generated systems whose platform files are looked at: the examples, and one with every odd thing at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import msforge
from msforge.catalog import example

ODD = """\
msforge: 1
name: "no"
defaults: {services: {cpu: 1}}
services:
  "no":
    replicas: 2
    threads: 8
    autoscale: {min: 2, max: 6, cpu: 60%}
    endpoints:
      "on":
        http: POST /on
        steps:
          - call: redis.get
            timeout: 200ms
            retry: {attempts: 2, backoff: 10ms}
            circuit_breaker: {failure_rate: 50%, window: 20, open_for: 1s}
          - publish: told
            outbox: true
          - publish: news
      slow: {http: GET /slow, steps: [{wait: 5ms}]}
  redis:
    autoscale: {min: 1, max: 3, threads: 50%}
    endpoints:
      get:
        steps:
          - read: things
            cache: {store: kept, keys: zipf(n=50 s=1.1), capacity: 20, ttl: 1s}
      back: {steps: [{choose: [{weight: 1, steps: [{call: Order_A.ask}]}, {weight: 9, steps: []}]}]}
  Order_A: {endpoints: {ask: {steps: [{wait: 1ms}]}, again: {steps: [{call: redis.get}]}}}
  order-a:
    external: true
    endpoints: {pay: {steps: [{fail: 20%}]}}
    consumers:
      take: {from: told, idempotent: true, steps: [{wait: 1ms}, {write: things}]}
      read: {from: news, steps: [{wait: 1ms}]}
stores:
  things: {kind: postgres, owner: "no", connections: 4, read: 1ms, write: 1ms}
  kept: {kind: redis, read: 200us}
channels:
  told: {kind: queue, dead_letter: dead}
  news: {kind: topic, partitions: 2}
traffic:
  people: {target: no.on, rate: 40/s}
  lookers: {target: no.slow, rate: 10/s}
  payers: {target: order-a.pay, rate: 10/s}
  walkers: {rate: 5/s, journey: [no.slow, redis.back]}
objectives:
  no.on: [p99 < 150ms, success > 99%, mean < 80ms, throughput > 10/s]
  no.slow: [max < 2s, p50 < 33ms]
  order-a.pay: [success >= 100%, error_rate < 0.5%]
  walkers: [p95 < 1s]
simulation: {duration: 30s, seed: 7}
"""


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated folder of ODD."""
    where = tmp_path_factory.mktemp("odd")
    (where / "odd.yaml").write_text(ODD, "utf-8")
    msforge.new(where / "odd.yaml", where / "made")
    return where / "made"


@pytest.fixture(scope="session", params=["odd", *(e.name for e in msforge.examples() if e.name != "thousand")])
def system(request: pytest.FixtureRequest, odd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each generated folder in turn; `thousand` is the same file a thousand times."""
    if request.param == "odd":
        return odd
    folder = tmp_path_factory.mktemp("made") / "made"
    msforge.new(example(request.param).file, folder)
    return folder
