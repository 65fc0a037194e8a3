"""The prose of the reference pages; the tables come from the model."""

from __future__ import annotations

from typing import Final

INDEX: Final = """\
One YAML file describes a system: what runs, what it does with a request, who sends requests, and what goes wrong.
This is the smallest one:

```yaml
msforge: 1
services:
  hello:
    endpoints:
      greet: {}
traffic:
  users: {target: hello.greet, rate: 10/s, for: 60s}
```

`msforge check FILE` finds everything that is wrong with a file in one go, `msforge check FILE --resolved` prints it
with every default filled in, and `msforge schema` prints the JSON Schema that lets an editor complete and check while
you type. Name the schema in the file's first line: `# yaml-language-server: $schema=./msforge.schema.json`."""

INDEX_REST: Final = """
Beside these, `policies` names policies that are used more than once, `defaults` holds what
all services, calls, stores, channels or consumers share, and `scenarios` are named overlays on all of the above: see
[Overlays](overlays.md).

## The pages

- [Services](services.md): replicas, threads, queues, CPU, scaling, endpoints and consumers
- [Steps](steps.md): what a request does
- [Policies](policies.md): retries, budgets, circuit breakers, hedges, throttles, caches
- [Stores, channels and the network](stores-and-channels.md)
- [Traffic](traffic.md): open and closed loops, stages, journeys
- [Faults](faults.md)
- [Objectives and the run](simulation.md)
- [Values](values.md): durations, rates, shares, sizes, prices, distributions, names, and how YAML is read
- [Overlays](overlays.md): scenarios, `--set`, defaults, named policies
- [Errors](diagnostics.md)
"""

SERVICES: Final = """\
A service is deployed as a whole and has replicas. Each replica serves up to `threads` requests at once and lets
`queue` more wait. A service has endpoints, which are called, and consumers, which take messages."""

STEPS: Final = """\
A step is a mapping with exactly one verb; the other keys are that verb's options. Steps run in order.

```yaml
msforge: 1
services:
  order:
    endpoints:
      place:
        steps:
          - work: 2ms
          - call: payment.charge
            timeout: 400ms
            retry: {attempts: 3, backoff: 50ms}
          - write: orders-db
  payment:
    endpoints:
      charge: {idempotent: true, steps: [wait: lognormal(median=60ms p99=250ms)]}
stores:
  orders-db: {owner: order, write: 5ms}
traffic:
  shoppers: {target: order.place, rate: 20/s, for: 60s}
```

Where several steps are to stand in the place of one, such as a branch of `parallel`, write `steps: [...]`."""

POLICIES: Final = """\
What surrounds a call, outermost first: fallback, deadline, retry with its budget, throttle, circuit breaker, bulkhead,
hedge, and the timeout of each try. Settings are written at the call, or once under `policies` and referred to by name:

```yaml
msforge: 1
policies:
  gentle: {attempts: 4, backoff: 50ms, jitter: full, budget: frugal}
  frugal: {ratio: 10%}
services:
  front:
    endpoints:
      page: {http: GET /, steps: [{call: back.data, timeout: 1s, retry: gentle}]}
  back:
    endpoints:
      data: {http: GET /data, steps: [work: 5ms]}
traffic:
  readers: {target: front.page, rate: 20/s, for: 60s}
```

What kind of policy a name stands for follows from its keys. A retry may name a budget, and a fallback's steps may name
policies in turn."""

STORES: Final = """\
What services share. A channel that is only ever named as somebody's `dead_letter` need not be declared: it is a
queue."""

TRAFFIC: Final = """\
A source sends requests to one `target`, to a weighted mix of them, or lets each visitor make a `journey`.

Open loop: arrivals come whether or not the system keeps up. `rate` is steady, `stages` ramps (the source ends after
the last), `at` and `replay` give the arrival times themselves. Closed loop: `users` each think, ask, wait for the
answer and think again; so a slow system is asked less.

A source runs to the end of its stages, for its `for`, until its `count`, or to the end of the run. Setting a
source's driver in an overlay takes the place of the driver it had: `--set traffic.shoppers.rate=300/s` replaces its
`stages`, and the rate then holds for as long as the stages did, unless `for` says otherwise.

```yaml
msforge: 1
services:
  shop:
    endpoints:
      browse: {http: GET /, steps: [work: 3ms]}
      buy: {steps: [work: 8ms]}
traffic:
  visitors:
    users: 50
    think: exponential(2s)
    for: 2m
    journey:
      - shop.browse
      - repeat: 2
        journey: [{target: shop.browse, continue: true}]
      - choose:
          - {weight: 20%, journey: [{think: 5s}, shop.buy]}
          - {weight: 80%}
  robots:
    target: [{weight: 9, target: shop.browse}, {weight: 1, target: shop.buy}]
    arrivals: bursty(on=2s off=8s peak=4x)
    stages: [{rate: 5/s -> 20/s, for: 1m}, {rate: 20/s, for: 1m}]
```"""

FAULTS: Final = """\
A fault is a mapping of one kind. It begins `at` a time and lasts `for` a duration (without it, to the end of the
run), or comes again and again: `every` is the time up, from the end of one to the start of the next, and both may be
distributions, drawn each time.

`cut`, `delay` and `drop` are about what `a` sends to `b`, and about the answers: a call from one service to another or
from `clients`, an operation on a store, a message published to a channel. What a channel delivers to a service can be
`cut`. A `deploy` lasts as long as it takes.

`deploy` and `change` set anything the language can set, by path. `change` takes full paths, `deploy` paths within its
service. Inside `{ }` a path that contains `[0]` has to stand in quotes.

```yaml
msforge: 1
services:
  shop:
    replicas: 4
    endpoints:
      browse: {http: GET /, steps: [work: 3ms]}
traffic:
  visitors: {target: shop.browse, rate: 50/s, for: 3m}
faults:
  - {slow: shop, by: 10x, at: 30s, for: 20s}
  - {crash: shop, replicas: each, every: exponential(10m), for: exponential(30s)}
  - {cut: clients -> shop, at: 60s, for: 5s}
  - deploy: shop
    at: 90s
    canary: 25%
    canary_for: 20s
    changes:
      endpoints.browse.steps[0].work: 9ms
  - change: {services.shop.replicas: 8}
    at: 120s
```"""

SIMULATION: Final = """\
`objectives` maps an endpoint (`service.endpoint`) or a source to what it is judged by: one `metric operator limit`
or a list of them. Operators are <, <=, > and >=; the metrics are METRICS.

```yaml
msforge: 1
services:
  hello:
    endpoints:
      greet: {http: GET /, steps: [work: 5ms]}
traffic:
  users: {target: hello.greet, rate: 10/s, for: 60s}
objectives:
  hello.greet: [p99 < 50ms, success > 99%]
  users: throughput >= 9/s
simulation: {warmup: 10s, seed: 42, replications: 5}
```"""

VALUES: Final = """\
# Values

Units are written. A bare number where a unit is needed is an error that says so; `0` needs none.

| value | written | |
|---|---|---|
| duration | `250ms`, `1.5s`, `1m30s`, `2h` | ns, us, ms, s, m or min, h, d; the larger unit first; at most 400 days |
| rate | `120/s`, `6000/min`, `5/h` | |
| share | `10%` or `0.1` | between 0 and 1 |
| factor | `10x` | |
| size | `4KiB`, `2MB` | B, kB, MB, GB, TB, KiB, MiB, GiB, TiB |
| price per hour | `0.05/h`, `1.20/day`, `36/month` | a month has 730 hours |
| price per size | `0.01/GiB` | |
| number without limit | `unlimited` | where the reference says so |

## Distributions

Where a duration may vary, a distribution may stand. Its arguments are separated by spaces, since a comma inside
YAML's `{ }` or `[ ]` ends the value; where YAML leaves commas whole they are accepted. Parameters are about the
variable itself, never about its logarithm.

| distribution | |
|---|---|
| `exponential(5ms)` | by its mean |
| `uniform(2ms 8ms)` | between the two |
| `normal(5ms 1ms)`, `normal(mean=5ms cv=0.2)` | mean and deviation of the uncut normal; never below 0 |
| `lognormal(mean=5ms p99=30ms)` | also `median` instead of `mean`, and p75, p90, p95, p99.9 or `cv` instead of `p99` |
| `gamma(mean=5ms cv=0.5)`, `gamma(shape=4 scale=1ms)` | shape = 1/cv², scale = mean·cv² |
| `erlang(k=3 mean=5ms)` | the sum of k exponentials |
| `weibull(scale=5ms shape=0.8)` | |
| `pareto(scale=2ms alpha=2.5)` | at least `scale`; the mean is infinite for alpha up to 1, the variance up to 2 |
| `hyperexponential(90% 2ms 10% 50ms)` | shares and means; or `mean` and `cv`, then with balanced means |
| `mixture(99% exponential(2ms) 1% 200ms)` | shares and distributions, up to four deep |
| `empirical(samples.csv)`, `empirical(1ms 2ms 5ms)` | each value as likely; a file has one value a line |
| `zipf(n=1000 s=1.1)` | ranks 1 to n with weight 1/rank^s, for keys and counts only |

A lognormal from its mean and a percentile: with z the normal quantile of the percentile, sigma is the smaller root of
sigma²/2 - z·sigma + ln(p/mean) = 0, the narrower of the two that fit. A p99 above 14.97 times the mean has none.

Counts (`repeat`, the keys of a cache) take a whole number or a distribution of plain numbers: `uniform(1 5)`.

## Names

A name starts with a letter and has letters, digits, `-` and `_`, at most 63 in all: the length of a DNS label, since a
service's name becomes a host's. Letters are ASCII's. An endpoint is referred to as `service.endpoint`.

## How YAML is read

As YAML 1.2's core schema says: `no`, `on` and `1:30` are text, `0755` is the number 755, `1_000` is text (and no
number field takes it), true and false are the only booleans. A key that is written twice is an error, and so are
tags, more than one document, and tabs for indentation. Anchors and aliases are allowed, and `<<: *base` merges a
mapping into another (the mapping's own keys win); what aliases expand to is bounded. A file has at most 10 MB and is
UTF-8.
"""

OVERLAYS: Final = """\
# Overlays

Scenarios, `--set` and timed changes lay something over the file, all by one rule, RFC 7386's: mappings merge, lists
and scalars replace, null removes. A key that ends in `+` appends to a list: `faults+: [{crash: payment, at: 30s}]`.

```yaml
msforge: 1
services:
  shop:
    replicas: 2
    endpoints:
      browse: {http: GET /, steps: [work: 3ms]}
traffic:
  visitors: {target: shop.browse, rate: 50/s, for: 60s}
scenarios:
  twice-the-load:
    traffic: {visitors: {rate: 100/s}}
  and-a-crash:
    faults+: [{crash: shop, replicas: 1, at: 20s, for: 10s}]
```

`msforge simulate shop.yaml --scenario twice-the-load --set services.shop.replicas=4` applies the scenario first,
then each `--set` in turn. A path's parts are separated by dots, items of lists have numbers (`steps[1].timeout`),
and the value is read as YAML. A part of a path that you named (a service, an endpoint) has to exist; a whole new one
can be set with a mapping as its value. Where a named policy is used, a path that goes on below it (`retry.attempts`)
changes that use alone.

In traffic, a new driver takes the old one's place: `rate` set over `stages` holds for as long as they did.

Every scenario is checked whenever the file is, and errors point at the scenario's own lines or at the argument. A
scenario cannot set `msforge` or `scenarios`.

## Defaults and named policies

`defaults` and what a thing says itself merge by the same rule, the thing's own keys winning; `timeout: null` at a
call goes without the default timeout. A default that has no meaning for one of them (`threads` for a function,
`partitions` for a queue) is left out there. The calls inside a fallback take all defaults but `fallback`.

`msforge check FILE --resolved` shows the outcome: policies and defaults in place, every default of the language
filled in, the chosen scenario and `--set` applied, no overlays left. It loads again and means the same; recorded
times and samples from files are written out in it.
"""

DIAGNOSTICS: Final = """\
`msforge check` reports all that is wrong with a file at once, each with its code, its place, the line it stands on,
and what to do. These are the errors; [warnings](../warnings.md) have codes of their own and leave a file valid."""

LAB = """\
What a lab asks, judges and tells. [Writing a lab](labs-authoring.md) explains it; this page lists every key. The file
is read as strictly as a description: an unknown key is an error with its place and what was meant."""
