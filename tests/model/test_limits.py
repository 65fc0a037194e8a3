"""Runs that are refused before they start, each with the reason and a way out."""

from __future__ import annotations

import pytest

from tests.model.plans import plan, problems

SHOP = "services: {a: {endpoints: {x: {steps: [wait: 1ms]}, y: {}}}}\n"


def only(text: str) -> tuple[str, str, str]:
    (found,) = problems(text)
    assert found.line > 0
    assert found.help
    return found.code, found.path, found.message


def test_a_rate_of_a_million_millions_is_refused_with_an_estimate() -> None:
    assert only(SHOP + "traffic: {u: {target: a.x, rate: 1000000000000/s, for: 1m}}") == (
        "E701",
        "traffic.u.rate",
        "this run would have about 6e13 requests to services and take about 19 years: the most is about 2e9",
    )


def test_the_largest_source_is_named() -> None:
    text = SHOP + "traffic: {u: {target: a.x, rate: 1/s, for: 1m}, v: {target: a.x, rate: 1000000000/s, for: 1m}}"
    assert only(text)[1] == "traffic.v.rate"


def test_a_million_requests_are_fine() -> None:
    assert plan(SHOP + "traffic: {u: {target: a.x, rate: 100000/s, for: 10s}}").run.duration == 10 * 10**9


def test_steps_count_as_well() -> None:
    text = SHOP.replace("y: {}", "y: {steps: [{repeat: 1000000000, steps: [work: 1ms]}]}")
    code, _, message = only(text + "traffic: {u: {target: a.y, rate: 10/s, for: 60s}}")
    assert (code, message) == (
        "E701",
        "this run would have about 6e11 steps and take about 7 days: the most is about 2e10",
    )


def test_fan_out_that_doubles_at_every_level() -> None:
    layers = 60
    lines = ["services:"]
    for i in range(layers):
        inner = f"parallel: 2, steps: [call: s{i + 1}.x]" if i + 1 < layers else "work: 1ms"
        lines.append(f"  s{i}: {{endpoints: {{x: {{steps: [{{{inner}}}]}}}}}}")
    code, path, message = only("\n".join(lines) + "\ntraffic: {u: {target: s0.x, at: [0s]}}")
    assert (code, path) == ("E701", "traffic.u.target")
    assert message == "one arrival of `u` leads to about 1e18 requests: the most is about 1e7"


def test_parallel_inside_parallel() -> None:
    text = SHOP.replace("y: {}", "y: {steps: [{parallel: 2000, steps: [call: a.z]}]}, "
                        "z: {steps: [{parallel: 2000, steps: [wait: 1ms]}]}")
    assert only(text + "traffic: {u: {target: a.y, at: [0s]}}")[2] == (
        "one arrival of `u` does about 4e6 things at once: the most is about 1e6")
    assert plan(text.replace("parallel: 2000", "parallel: 400") + "traffic: {u: {target: a.y, at: [0s]}}").steps


def test_an_endless_estimate_is_told_in_words() -> None:
    deep = "{repeat: 1000000000, steps: [{repeat: 1000000000, steps: [work: 1ms]}]}"
    text = SHOP.replace("y: {}", f"y: {{steps: [{deep}]}}") + "traffic: {u: {target: a.y, at: [0s]}}"
    assert only(text)[2] == (
        "this run would have about 1e18 steps and take more than a thousand years: the most is about 2e10")


def test_messages_that_cause_ever_more_messages() -> None:
    text = """
services: {a: {endpoints: {x: {steps: [publish: q]}}, consumers: {c: {from: q, steps: [publish: q]}}}}
channels: {q: {}}
traffic: {u: {target: a.x, rate: 1/s, for: 1m}}
"""
    assert only(text)[2] == "one arrival of `u` leads to endlessly many requests: the most is about 1e7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "services: {a: {replicas: 20000, endpoints: {x: {}}}}",
            ("E702", "services.a.replicas", "20000 replicas of one service: the most is 10000"),
        ),
        (
            "services: {a: {autoscale: {max: 20000, threads: 70%}, endpoints: {x: {}}}}",
            ("E702", "services.a.autoscale.max", "20000 replicas of one service: the most is 10000"),
        ),
        (
            SHOP + f"traffic: {{u: {{target: a.x, stages: [{', '.join(['{rate: 1/h, for: 9000h}'] * 12)}]}}}}",
            ("E703", "simulation.duration", "a run of about 12 years is too long: the most is about 10 years"),
        ),
        (
            SHOP + "traffic: {u: {journey: [{think: 1s}], rate: 1/s, for: 1m}}",
            ("E704", "traffic.u.journey", "`u` never sends a request"),
        ),
        (
            SHOP + "traffic: {u: {target: a.y, users: 3, for: 1m}}",
            (
                "E705",
                "traffic.u.users",
                "a turn of `u` takes no time at all: its users would ask again and again while the clock stands still",
            ),
        ),
    ],
)
def test_other_bounds(text: str, expected: tuple[str, str, str]) -> None:
    assert only(text) == expected


def test_many_services_may_have_too_many_replicas_together() -> None:
    many = ", ".join(f"s{i}: {{replicas: 10000, endpoints: {{x: {{}}}}}}" for i in range(11))
    assert only(f"services: {{{many}}}\ntraffic: {{u: {{target: s0.x, rate: 1/s, for: 1s}}}}") == (
        "E702",
        "services",
        "110000 replicas in all: the most is 100000",
    )


def test_a_closed_loop_needs_only_some_time() -> None:
    for some in ("think: 1ms, target: a.y", "target: a.x", "journey: [a.y, {think: 1s}]"):
        assert plan(SHOP + f"traffic: {{u: {{users: 3, for: 1m, {some}}}}}").sources[0].users == 3
