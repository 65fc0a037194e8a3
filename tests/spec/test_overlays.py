"""Scenarios, --set and timed changes: RFC 7386, paths, drivers of traffic, and where errors point."""

from __future__ import annotations

from typing import Any

import pytest

from msforge.errors import InvalidFileError, UsageError
from msforge.spec import Spec, load_text
from msforge.spec.merge import merge
from msforge.spec.places import join, split
from msforge.spec.source import Map, Seq
from tests.spec.shop import EVERYTHING, SHOP, SMALLEST


def document(value: Any) -> Any:
    if isinstance(value, dict):
        return Map({key: document(item) for key, item in value.items()})
    return Seq([document(item) for item in value]) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("base", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": [1]}, {"a+": [2, 3]}, {"a": [1, 2, 3]}),
        ({}, {"a+": [2]}, {"a": [2]}),
    ],
)
def test_merge_patch(base: Any, patch: Any, result: Any) -> None:
    """The cases of RFC 7386's appendix that a mapping can take, and appending."""
    first = document(base)
    assert merge(first, document(patch)) == result
    assert first == base


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b[1].c", ("a", "b", 1, "c")),
        ('a."b.c".d', ("a", "b.c", "d")),
        ("users-db.read", ("users-db", "read")),
        ("a[0][1]", ("a", 0, 1)),
    ],
)
def test_paths(text: str, path: tuple[int | str, ...]) -> None:
    assert split(text) == path
    assert split(join(path)) == path


@pytest.mark.parametrize("text", ["", ".", ".a", "a.", "a..b", "[0]", "a[b]", "a[", "a]", "a[-1]", "a b[", "a[0]b"])
def test_what_is_no_path(text: str) -> None:
    assert split(text) is None


def errors(text: str, *sets: str, scenario: str | None = None) -> list[tuple[str, str, int, int]]:
    with pytest.raises(InvalidFileError) as caught:
        load_text(text, sets=sets, scenario=scenario)
    return [(d.code, d.file, d.line, d.column) for d in caught.value.diagnostics]


def test_the_command_line_of_the_readme() -> None:
    spec = load_text(SHOP, sets=["services.payment.replicas=4", "traffic.shoppers.rate=300/s"])
    assert spec.model.services["payment"].replicas == 4
    source = spec.model.traffic["shoppers"]
    assert (source.rate, source.stages, source.for_) == (300.0, None, 150_000_000_000)


def test_a_list_item_by_number() -> None:
    spec = load_text(SHOP, sets=["services.order.endpoints.place.steps[1].timeout=1s"])
    step = spec.model.services["order"].endpoints["place"].steps[1]
    assert step.verb == "call"
    assert getattr(step, "timeout", None) == 1_000_000_000


def test_null_removes_and_maps_merge() -> None:
    spec = load_text(
        SHOP,
        sets=[
            "services.gateway.endpoints.checkout.steps[2].retry=null",
            "services.gateway={threads: 8, queue: null}",
            "objectives.gateway.checkout=[p99 < 1s]",
        ],
    )
    gateway = spec.model.services["gateway"]
    assert (gateway.threads, gateway.queue.capacity, gateway.replicas) == (8, 100, 2)
    assert getattr(gateway.endpoints["checkout"].steps[2], "retry", "?") is None
    assert [o.text for o in spec.model.objectives["gateway.checkout"]] == ["p99 < 1s"]


def test_a_list_item_removed_and_a_list_appended_to() -> None:
    spec = load_text(SHOP, sets=["faults[0]=null", "faults+=[{crash: user, at: 1s}, {pause: order, at: 2s}]"])
    assert [fault.kind for fault in spec.model.faults] == ["crash", "pause"]


def test_a_part_that_the_language_names_need_not_be_there() -> None:
    spec = load_text(SHOP, sets=["services.order.cpu.cores=2", "network.between_zones.latency=1ms"])
    assert spec.model.services["order"].cpu is not None
    assert spec.model.services["order"].cpu.cores == 2
    assert spec.model.network.between_zones is not None


def test_values_are_yaml() -> None:
    assert load_text(SHOP, sets=["name=no"]).model.name == "no"
    assert load_text(SHOP, sets=['name="on"']).model.name == "on"
    assert (
        load_text(SHOP, sets=["stores.users-db.read=uniform(1ms, 2ms)"]).model.stores["users-db"].read.kind == "uniform"
    )


def test_later_arguments_win() -> None:
    assert load_text(SHOP, sets=["name=a", "name=b"]).model.name == "b"


def test_a_scenario_comes_before_the_arguments() -> None:
    spec = load_text(SHOP, scenario="payment-down", sets=["faults[0].at=5s"])
    assert [(fault.kind, fault.at) for fault in spec.model.faults] == [("crash", 5_000_000_000)]
    assert spec.scenario == "payment-down"


def test_an_unknown_scenario() -> None:
    with pytest.raises(UsageError, match="there is no scenario `payment-dwn`") as caught:
        load_text(SHOP, scenario="payment-dwn")
    assert caught.value.hint == "did you mean `payment-down`?"


def test_errors_point_at_the_argument() -> None:
    assert errors(SHOP, "services.order.replicas=many") == [("E203", "--set", 1, 25)]
    assert errors(SHOP, "services.ordr.replicas=2") == [("E601", "--set", 1, 1)]
    assert errors(SHOP, "services.order.replicsa=2") == [("E101", "--set", 1, 1)]
    assert errors(SHOP, "services.order.endpoints.place.steps[9].work=2ms") == [("E602", "--set", 1, 1)]
    assert errors(SHOP, "services.order.endpoints[0]=2") == [("E602", "--set", 1, 1)]
    assert errors(SHOP, "name={a: [}") == [("E010", "--set", 1, 11)]
    assert errors(SHOP, "services.order.endpoints.place.steps[3].publish=orders") == [("E504", "--set", 1, 49)]
    assert errors(SHOP, "nonsense") == [("E604", "--set", 1, 1)]


def test_errors_point_at_the_scenario() -> None:
    text = (
        SMALLEST
        + "scenarios:\n  more:\n    services: {hello: {replicas: lots}}\n    traffic: {users: {target: hello.bye}}\n"
    )
    expected = [("E203", "<text>", 10, 34), ("E502", "<text>", 11, 31)]
    assert errors(text) == expected
    assert errors(text, scenario="more") == expected


def test_errors_of_the_file_are_told_once_however_many_scenarios_there_are() -> None:
    assert errors(SHOP.replace("threads: 64", "threads: lots")) == [("E203", "<text>", 9, 14)]


def test_every_problem_of_every_argument() -> None:
    assert [code for code, *_ in errors(SHOP, "services.ordr.replicas=2", "name=a b", "nonsense")] == [
        "E601",
        "E604",
        "E301",
    ]


# -- drivers of traffic ---------------------------------------------------------------------


def test_a_rate_takes_the_place_of_stages() -> None:
    scenario = "  steady:\n    traffic: {shoppers: {rate: 20/s, for: 30s}}\n"
    source = load_text(SHOP + scenario, scenario="steady").model.traffic["shoppers"]
    assert (source.drive, source.length) == ("rate", 30_000_000_000)


def test_stages_take_the_place_of_a_rate() -> None:
    source = load_text(SMALLEST, sets=["traffic.users.stages=[{rate: 5/s, for: 10s}]"]).model.traffic["users"]
    assert (source.drive, source.for_) == ("stages", None)


def test_users_take_the_place_of_a_rate() -> None:
    text = SMALLEST.replace("rate: 10/s", "rate: 10/s, arrivals: constant")
    source = load_text(text, sets=["traffic.users={users: 5, think: 1s}"]).model.traffic["users"]
    assert (source.drive, source.for_) == ("users", 60_000_000_000)


def test_a_journey_takes_the_place_of_a_target() -> None:
    source = load_text(SMALLEST, sets=["traffic.users.journey=[hello.greet, hello.greet]"]).model.traffic["users"]
    assert source.target is None
    assert source.journey is not None


def test_two_new_drivers_contradict_each_other() -> None:
    assert [e[0] for e in errors(SMALLEST, "traffic.users={users: 5, at: [1s]}")] == ["E404"]


# -- defaults and named policies ------------------------------------------------------------


def test_defaults_and_policies() -> None:
    spec = load_text(EVERYTHING)
    front, back = spec.model.services["front"], spec.model.services["back"]
    assert (front.threads, back.threads, back.startup.mean) == (-1, 32, 2e9)
    call = front.endpoints["page"].steps[1]
    assert getattr(call, "timeout", "?") is None
    assert getattr(call, "retry").budget.ratio == 0.1  # noqa: B009
    assert back.consumers["worker"].threads == 3
    assert spec.model.stores["db"].connections == 7
    assert spec.model.channels["events"].publish.mean == 2e6


def test_a_default_of_functions_and_channels_fits_only_some() -> None:
    text = SMALLEST + (
        "defaults:\n  services: {threads: 4}\n  channels: {max_length: 9, partitions: 3}\nchannels:\n  q: {}\n"
        "  t: {kind: topic}\n"
    )
    text = text.replace("traffic:\n", "  f: {function: {}, endpoints: {x: {}}}\ntraffic:\n")
    spec = load_text(text)
    assert (spec.model.channels["q"].max_length, spec.model.channels["t"].partitions) == (9, 3)


def test_a_default_that_nobody_takes_is_checked_all_the_same() -> None:
    assert errors(SMALLEST + "defaults:\n  stores: {conections: 5}\n  calls: {timeout: 5}\n") == [
        ("E101", "<text>", 9, 12),
        ("E202", "<text>", 10, 20),
    ]


def test_a_policy_that_nobody_names_is_checked_all_the_same() -> None:
    assert errors(SMALLEST + "policies:\n  gentle: {attempts: 0}\n  odd: 5\n") == [
        ("E204", "<text>", 9, 22),
        ("E104", "<text>", 10, 8),
    ]


def test_a_path_below_a_named_policy_changes_one_use() -> None:
    spec = load_text(EVERYTHING, sets=["traffic.steady.retry.attempts=9"])
    retry = spec.model.traffic["steady"].retry
    assert retry is not None
    assert (retry.attempts, retry.backoff) == (9, 20_000_000)
    assert getattr(spec.model.services["front"].endpoints["page"].steps[1], "retry").attempts == 4  # noqa: B009


def test_a_default_fallback_does_not_fall_back_for_ever() -> None:
    text = SHOP + "defaults:\n  calls: {fallback: {steps: [call: user.address]}}\n"
    call = load_text(text).model.services["gateway"].endpoints["checkout"].steps[1]
    inner = getattr(call, "fallback").steps[0]  # noqa: B009
    assert inner.fallback is None


# -- timed changes --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop() -> Spec:
    return load_text(SHOP)


def test_a_timed_change(shop: Spec) -> None:
    after = shop.overlay({"services.payment.replicas": 4, "network.latency": "1ms"})
    assert after.model.services["payment"].replicas == 4
    assert after.model.network.latency.mean == 1e6
    assert shop.model.services["payment"].replicas == 1
    assert after.overlay([("services.payment.replicas", 5)]).model.services["payment"].replicas == 5


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("services.paymnt.replicas", 4, "E601"),
        ("services.payment.replicas", "four", "E203"),
        ("services.new", {"endpoints": {"x": {}}}, "E601"),
        ("services.order.endpoints.new", {}, "E601"),
        ("stores.new", {}, "E601"),
        ("services.payment.replicsa", 4, "E101"),
        ("a b[", 4, "E602"),
        ("", 4, "E602"),
        ("services.order.endpoints.place.steps[1].call", "payment.refund", "E502"),
    ],
)
def test_a_timed_change_that_does_not_fit(shop: Spec, path: str, value: Any, code: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        shop.overlay({path: value})
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_changes_written_in_faults_are_tried_beforehand() -> None:
    text = SHOP.replace("faults:\n", "faults:\n  - {change: {services.paymnt.replicas: 4}, at: 3s}\n")
    assert errors(text) == [("E601", "<text>", 80, 15)]


def test_a_value_nested_without_end_is_refused(shop: Spec) -> None:
    value: Any = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(InvalidFileError):
        shop.overlay({"faults": value})
