"""Sources: when requests come, and what a client does in a turn."""

from __future__ import annotations

from pathlib import Path

from msforge.model.plan import NEVER, CallPolicy, Stage, System, Verb
from msforge.policies.distributions import Dist
from msforge.records import SECOND
from tests.model.plans import plan, source

SHOP = "services: {a: {endpoints: {x: {steps: [wait: 1ms]}, y: {grpc: a.A/Y}, z: {}}}}\n"


def users(text: str, more: str = "", folder: Path | None = None) -> System:
    return plan(f"{SHOP}traffic: {{users: {{{text}}}}}\n{more}", folder=folder)


def told(system: System, block: tuple[int, ...] | None = None) -> list[object]:
    """A journey in short: target names, pauses in seconds, lists for what is inside."""
    found: list[object] = []
    for index in source(system).journey if block is None else block:
        step = system.steps[index]
        if step.verb is Verb.CALL:
            found.append(system.body_name(step.target))
        elif step.verb is Verb.THINK:
            assert step.dist is not None
            found.append(step.dist.mean / SECOND)
        else:
            found.append((step.verb.name, *[told(system, inner) for inner in step.blocks]))
    return found


def test_a_rate_lasts_as_long_as_it_says_or_as_the_run() -> None:
    given = users("target: a.x, rate: 600/min, for: 9s, start: 1s")
    assert source(given).stages == (Stage(10.0, 10.0, 9 * SECOND),)
    assert (given.run.duration, source(given).end) == (10 * SECOND, 10 * SECOND)
    whole = users("target: a.x, rate: 10/s, start: 4s", "simulation: {duration: 30s}")
    assert source(whole).stages == (Stage(10.0, 10.0, 26 * SECOND),)
    assert source(whole).end == NEVER


def test_the_run_lasts_until_the_last_source_has_ended() -> None:
    system = plan(
        SHOP + "traffic: {one: {target: a.x, rate: 1/s, for: 9s}, two: {target: a.x, start: 5s, "
        "stages: [{rate: 1/s, for: 3s}, {rate: 0, for: 4s}]}}"
    )
    assert system.run.duration == 12 * SECOND


def test_given_times_are_sorted_times_of_the_run() -> None:
    system = users("target: a.x, at: [1.5s, 0s, 700ms], start: 2s")
    assert source(system).arrivals == "given"
    assert (source(system).times, source(system).start) == ((2 * SECOND, 2_700_000_000, 3_500_000_000), 0)
    assert system.run.duration == 4 * SECOND


def test_recorded_times_come_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_text("0.25\n1.5\n", "utf-8")
    system = users("target: a.x, replay: times.csv, start: 1s", folder=tmp_path)
    assert source(system).times == (1_250_000_000, 2_500_000_000)


def test_the_digest_sees_what_other_files_say(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("0.25\n1.5\n", "utf-8")
    before = users("target: a.x, replay: times.csv", folder=tmp_path).digest
    file.write_text("0.25\n1.6\n", "utf-8")
    assert users("target: a.x, replay: times.csv", folder=tmp_path).digest != before


def test_bursts() -> None:
    bursty = source(users("target: a.x, rate: 10/s, for: 9s, arrivals: bursty(on=2s off=8s peak=5x)"))
    assert (bursty.arrivals, bursty.burst) == ("bursty", (2e9, 8e9, 5.0))


def test_a_closed_loop_thinks_before_each_turn() -> None:
    system = users("target: a.x, users: 7, think: exponential(2s), for: 60s, start: 1s, count: 99")
    loop = source(system)
    assert (loop.arrivals, loop.users, loop.count, loop.stages) == ("closed", 7, 99, ())
    assert loop.think == Dist("exponential", (2e9,))
    assert (loop.start, loop.end) == (SECOND, 61 * SECOND)
    assert source(users("target: a.x, users: 7, for: 60s")).think == Dist("constant", (0.0,))


def test_a_mix_is_a_choice_of_calls() -> None:
    system = users("target: [{target: a.x, weight: 3}, {target: a.y}], rate: 1/s, for: 1s, timeout: 1s")
    assert told(system) == [("CHOOSE", ["a.x"], ["a.y"])]
    assert not source(system).single
    choose, first, second = [s for s in system.steps if s.service == -1]
    assert choose.weights == (0.75, 0.25)
    assert first.policy == CallPolicy(timeout=SECOND)
    assert second.policy == CallPolicy(timeout=SECOND, protocol="grpc")
    assert {s.edge for s in (first, second)} == {-1}


def test_pauses_of_a_journey() -> None:
    assert told(users("journey: [a.x, a.y, a.z], think: 1s, rate: 1/s, for: 1s")) == ["a.x", 1.0, "a.y", 1.0, "a.z"]
    # a pause that is written takes the place of the source's, an own one is kept even at the end
    assert told(users("journey: [a.x, {think: 5s}, a.y, {target: a.z, think: 2s}], think: 1s, rate: 1/s, for: 1s")) == [
        "a.x",
        5.0,
        "a.y",
        1.0,
        "a.z",
        2.0,
    ]
    assert told(
        users(
            "journey: [{choose: [{journey: [a.x]}, {}]}, a.y, {repeat: 2, journey: [a.z]}], think: 1s, "
            "rate: 1/s, for: 1s"
        )
    ) == [("CHOOSE", ["a.x", 1.0], []), "a.y", 1.0, ("REPEAT", ["a.z", 1.0])]
    assert told(users("journey: [a.x, a.y], rate: 1/s, for: 1s")) == ["a.x", "a.y"]
    assert source(users("journey: [a.x, a.y], think: 1s, rate: 1/s, for: 1s")).think is None


def test_a_visit_says_for_itself_what_differs_from_its_source() -> None:
    system = users(
        "journey: [a.x, {target: a.z, timeout: 1s, priority: 1, retry: {attempts: 5}, continue: true}], "
        "rate: 1/s, for: 1s, timeout: 9s, priority: 2, retry: {attempts: 2}"
    )
    plain, own = [s for s in system.steps if s.service == -1]
    assert plain.policy == source(system).policy
    assert (plain.policy.timeout, plain.policy.priority, plain.keep_going) == (9 * SECOND, 2, False)
    assert plain.policy.retry is not None
    assert own.policy.retry is not None
    assert (plain.policy.retry.attempts, own.policy.retry.attempts) == (2, 5)
    assert (own.policy.timeout, own.policy.priority, own.keep_going) == (SECOND, 1, True)
