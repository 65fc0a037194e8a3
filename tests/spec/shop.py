"""The full shop of the language's design page, the document most tests here start from."""

from __future__ import annotations

SHOP = """\
# yaml-language-server: $schema=./msforge.schema.json
msforge: 1
name: shop

services:
  gateway:
    language: python
    replicas: 2
    threads: 64
    queue: 200
    endpoints:
      checkout:
        http: POST /checkout
        steps:
          - work: 2ms
          - call: user.authenticate
            timeout: 200ms
          - call: order.place
            timeout: 1s
            retry: {attempts: 3, backoff: 50ms, factor: 2, jitter: full}

  user:
    endpoints:
      authenticate: {http: POST /sessions, idempotent: true, steps: [work: 1ms, read: users-db]}
      address:      {http: "GET /users/{id}/address", steps: [read: users-db]}

  product:
    endpoints:
      reserve: {http: POST /reservations, steps: [work: exponential(3ms), write: products-db]}

  order:
    replicas: 3
    endpoints:
      place:
        http: POST /orders
        steps:
          - parallel:
              - call: product.reserve
              - call: user.address
          - call: payment.charge
            timeout: 400ms
            circuit_breaker: {failure_rate: 50%, window: 100, open_for: 5s}
          - write: orders-db
          - publish: order-placed

  payment:
    endpoints:
      charge: {http: POST /charges, steps: [work: 1ms, wait: lognormal(median=60ms p99=250ms)]}

  notification:
    consumers:
      send-email:
        from: order-placed
        threads: 4
        retry: {attempts: 5, backoff: 1s, factor: 2}
        steps:
          - wait: lognormal(median=40ms p99=400ms)

stores:
  users-db:    {kind: postgres, owner: user, connections: 20, read: exponential(2ms)}
  products-db: {kind: postgres, owner: product, connections: 20, write: exponential(4ms)}
  orders-db:   {kind: postgres, owner: order, connections: 20, write: lognormal(mean=6ms p99=40ms)}

channels:
  order-placed: {kind: queue, broker: rabbitmq, max_length: 10000, overflow: drop_head, dead_letter: order-failed}

network:
  latency: lognormal(median=0.3ms p99=2ms)

traffic:
  shoppers:
    target: gateway.checkout
    arrivals: poisson
    stages:
      - {rate: 50/s, for: 30s}
      - {rate: 50/s -> 200/s, for: 60s}
      - {rate: 200/s, for: 60s}

faults:
  - slow: payment
    by: 10x
    at: 60s
    for: 20s

objectives:
  gateway.checkout: [p99 < 800ms, success > 99%]

simulation: {warmup: 10s, seed: 42, replications: 5}

scenarios:
  payment-down:
    faults: [{crash: payment, replicas: all, at: 30s, for: 30s}]
  black-friday:
    traffic: {shoppers: {stages: [{rate: 50/s -> 600/s, for: 2m}]}}
"""

SMALLEST = """\
msforge: 1
services:
  hello:
    endpoints:
      greet: {}
traffic:
  users: {target: hello.greet, rate: 10/s, for: 60s}
"""

# Every verb, option and fault of the language, in one file.
EVERYTHING = """\
msforge: 1
name: everything
policies:
  gentle: {attempts: 4, backoff: 20ms, factor: 1.5, max_backoff: 1s, jitter: decorrelated, on: [error, timeout],
           budget: frugal}
  frugal: {kind: ratio, ratio: 10%, burst: 20, minimum: 2/s}
  fuse: {failure_rate: 40%, slow_call: {rate: 80%, duration: 2s}, window: 10s, minimum_calls: 20, open_for: 3s,
         trial_calls: 2}
  plan-b: {steps: [wait: 1ms]}
  hasty: {after: 30ms}
  shy: {k: 1.5, window: 30s}
  hot: {store: cache, keys: zipf(n=1000 s=1.1), capacity: 100, ttl: 1m, single_flight: true}
defaults:
  services: {threads: 32, startup: 2s}
  calls: {timeout: 2s, retry: {attempts: 2, backoff: 5ms}}
  stores: {connections: 7}
  channels: {publish: 2ms}
  consumers: {threads: 3}
services:
  front:
    language: node
    threads: unlimited
    queue: {capacity: unlimited, discipline: priority}
    cpu: {cores: 2, scaling: {contention: 0.02, coherency: 0.001}}
    balance: power_of_two
    balancer: client
    rate_limit: {rate: 500/s, burst: 50}
    detect: 200ms
    startup: exponential(3s)
    autoscale: {min: 1, max: 8, cpu: 70%}
    instance: {cost: 36.5/month}
    zones: [north, south]
    endpoints:
      page:
        http: GET /page/{id}
        request: {id: string}
        response: {ok: boolean}
        steps:
          - id: render
            work: normal(5ms 1ms)
          - call: back.do
            timeout: null
            deadline: 3s
            cancel: all
            retry: gentle
            circuit_breaker: fuse
            bulkhead: 12
            hedge: hasty
            fallback: plan-b
            throttle: shy
            priority: 2
            protocol: grpc
          - parallel:
              - call: back.do
              - steps: [wait: 1ms, fail: 1%]
            need: any
          - parallel: 3
            need: 2
            steps: [wait: gamma(mean=5ms cv=0.5)]
          - choose:
              - {weight: 80%, steps: [read: db]}
              - {weight: 20%}
          - repeat: uniform(1 3)
            steps: [work: erlang(k=3 mean=2ms)]
          - {read: db, timeout: 50ms, cache: hot}
          - {read: db, cache: {store: cache, hit: 90%}}
          - {write: db, timeout: 100ms}
          - {publish: jobs, outbox: true, timeout: 1s}
          - {publish: events, key: zipf(n=50 s=1)}
          - saga:
              - {do: {call: back.do}, undo: {call: back.undo}}
              - do: [work: 1ms, call: back.do]
                undo: [call: back.undo]
          - {fail: 0.5%, status: 409}
          - {fail: 0.01%, kind: crash}
  back:
    replicas: 2
    cpu: 1
    endpoints:
      do: {grpc: shop.Back/Do, idempotent: true, steps: [work: hyperexponential(90% 1ms 10% 20ms)]}
      undo: {steps: []}
    consumers:
      worker: {from: jobs, prefetch: 10, retry: {attempts: unlimited, backoff: 1s}, idempotent: true,
               steps: [write: db]}
      reader: {from: events, steps: [wait: mixture(99% exponential(2ms) 1% 200ms)]}
  lambda:
    function: {cold_start: 400ms, keep_alive: 5m, cost_per_million: 0.2, memory: 512MiB,
               cost_per_gib_second: 0.0000166667}
    endpoints: {run: {steps: [work: weibull(scale=5ms shape=0.8)]}}
  third:
    external: true
    endpoints: {ask: {steps: [wait: pareto(scale=2ms alpha=2.5)]}}
stores:
  db: {kind: mysql, owner: back, read: 1ms, write: empirical(1ms 2ms 5ms), zone: north, cost: 0.5/h}
  cache: {kind: redis, connections: unlimited, read: 0.2ms, write: 0.3ms}
channels:
  jobs: {kind: queue, max_length: 50, overflow: reject_publish, dead_letter: dead}
  events: {kind: topic, broker: kafka, partitions: 6, rebalance: 5s, dead_letter: dead, relay: 250ms}
network:
  latency: 0.5ms
  between_zones: {latency: 2ms, cost: 0.01/GiB}
  message_size: 2KiB
traffic:
  steady: {target: front.page, rate: 100/s, for: 60s, arrivals: constant, timeout: 5s, retry: gentle, priority: 2}
  bursts: {target: front.page, rate: 10/s, for: 60s, arrivals: bursty(on=2s off=8s peak=4x)}
  mix:
    target: [{weight: 3, target: front.page}, {weight: 1, target: lambda.run}]
    stages: [{rate: 5/s -> 50/s, for: 10s}, {rate: 0, for: 5s}, {rate: 600/min, for: 45s}]
  exact: {target: third.ask, at: [0s, 1.5s, 2s], start: 5s}
  visitors:
    users: 20
    think: exponential(2s)
    count: 1000
    for: 1m
    journey:
      - front.page
      - {target: front.page, continue: true, timeout: 1s, think: 1s}
      - think: uniform(1s 3s)
      - choose:
          - {weight: 1, journey: [lambda.run]}
          - {weight: 3, journey: []}
      - repeat: 2
        journey: [third.ask]
faults:
  - {crash: back, replicas: 1, every: exponential(1h), for: exponential(1m)}
  - {crash: back, replicas: each, every: exponential(2h), for: 30s}
  - {slow: db, by: 3x, at: 10s, for: 5s}
  - {slow: front.page, add: exponential(20ms), at: 10s, for: 5s}
  - {fail: back.do, rate: 30%, status: 503, at: 20s, for: 5s}
  - {cut: clients -> front, at: 30s, for: 1s}
  - {delay: front -> back, add: 50ms, at: 35s, for: 5s}
  - {drop: back -> db, rate: 10%, at: 40s, for: 5s}
  - {pause: back, at: 45s, for: 2s}
  - {zone: south, at: 46s, for: 2s}
  - {deploy: back, at: 50s, changes: {"endpoints.do.steps[0].work": 9ms}, max_unavailable: 1, canary: 50%,
     canary_for: 5s}
  - change: {services.front.threads: 128, traffic.steady.rate: 10/s}
    at: 55s
    for: 2s
objectives:
  front.page: [p99 < 800ms, success > 99%, error_rate <= 0.01, throughput >= 10/s, mean < 100ms, p99.9 < 2s, max < 1m]
  visitors: p50 < 1s
simulation: {duration: 60s, warmup: 5s, drain: 10s, seed: 7, replications: 2}
scenarios:
  more: {faults+: [{pause: db, at: 1s, for: 1s}], services: {front: {cpu: null, autoscale: null}}}
"""
