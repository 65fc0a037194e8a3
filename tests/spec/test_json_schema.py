"""The JSON Schema an editor uses: it takes what the loader takes, refuses what it can, and has the model's defaults."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from msforge.errors import InvalidFileError
from msforge.spec import json_schema, load_text
from msforge.spec.overlays import SYSTEM
from msforge.spec.reader import read
from msforge.spec.shape import keys_of, models_of
from msforge.spec.source import Source
from tests.spec.shop import EVERYTHING, SHOP, SMALLEST

SCHEMA = json_schema()
EXAMPLES = [p for p in sorted((Path(__file__).parents[2] / "examples").glob("*/*.yaml")) if p.stem == p.parent.name]
KNOWN = {
    "$ref", "$defs", "$schema", "title", "description", "default", "type", "const", "enum", "anyOf", "oneOf", "pattern",
    "minimum", "maximum", "exclusiveMinimum", "properties", "required", "additionalProperties", "propertyNames",
    "items", "minItems", "minProperties",
}  # fmt: skip
TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value: Any, name: str) -> bool:
    if name in ("integer", "number"):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer() and name == "integer")
        return (whole or (name == "number" and isinstance(value, float))) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def fits(schema: Any, value: Any) -> bool:
    """JSON Schema's rules for the keywords that are used here; any other keyword is a failure of this test."""
    if isinstance(schema, bool):
        return schema
    assert set(schema) <= KNOWN
    if "$ref" in schema:
        return fits(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], value)
    names = schema.get("type", [])
    if names and not any(is_type(value, name) for name in ([names] if isinstance(names, str) else names)):
        return False
    if "const" in schema and (value != schema["const"] or isinstance(value, bool) != isinstance(schema["const"], bool)):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "anyOf" in schema and not any(fits(option, value) for option in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(fits(option, value) for option in schema["oneOf"]) != 1:
        return False
    return scalar_fits(schema, value) and map_fits(schema, value) and list_fits(schema, value)


def scalar_fits(schema: Any, value: Any) -> bool:
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    if is_type(value, "number"):
        above = value > schema.get("exclusiveMinimum", float("-inf"))
        return bool(above and schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def map_fits(schema: Any, value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    properties = schema.get("properties", {})
    more = schema.get("additionalProperties", True)
    return (
        set(schema.get("required", [])) <= set(value)
        and len(value) >= schema.get("minProperties", 0)
        and all(fits(properties.get(key, more), item) for key, item in value.items())
        and all(fits(schema.get("propertyNames", True), key) for key in value)
    )


def list_fits(schema: Any, value: Any) -> bool:
    if not isinstance(value, list):
        return True
    return len(value) >= schema.get("minItems", 0) and all(fits(schema.get("items", True), item) for item in value)


def plain(text: str) -> Any:
    return json.loads(json.dumps(read(Source("t", text))[0]))


@pytest.mark.parametrize("text", [SHOP, EVERYTHING, SMALLEST], ids=["shop", "everything", "smallest"])
def test_it_takes_what_the_loader_takes(text: str) -> None:
    assert fits(SCHEMA, plain(text))
    assert fits(SCHEMA, load_text(text).resolved())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_takes_every_example(path: Path) -> None:
    assert fits(SCHEMA, plain(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["msforge"], 2),
        (["services", "gateway", "replica"], 2),
        (["services", "gateway", "replicas"], "two"),
        (["services", "gateway", "balance"], "roundrobin"),
        (["services", "gateway", "detect"], 5),
        (["services", "gateway", "detect"], "5"),
        (["services", "2nd"], {}),
        (["services", "order", "endpoints", "place", "steps"], [{"work": 5}]),
        (["services", "order", "endpoints", "place", "steps"], [{"timeout": "5ms"}]),
        (["services", "order", "endpoints", "place", "steps"], [{"work": "5ms", "wait": "5ms"}]),
        (["services", "order", "endpoints", "place", "steps"], [{"read": "db", "retry": {}}]),
        (["services", "order", "endpoints", "place", "steps"], [{"call": "order"}]),
        (["traffic", "shoppers", "stages"], [{"rate": "50", "for": "30s"}]),
        (["faults"], [{"crash": "order", "by": "10x", "at": "1s"}]),
        (["objectives", "gateway.checkout"], ["p42 < 5ms"]),
        (["simulation", "seed"], -1),
        (["scenarios", "payment-down", "faults"], {}),
        (["scenarios", "payment-down", "service"], {}),
        (["scenarios", "payment-down", "services"], {"order": {"replicas": "two"}}),
        (["defaults"], {"calls": {"call": "a.b"}}),
    ],
)
def test_it_refuses_what_the_loader_refuses(path: list[str], value: Any) -> None:
    document = plain(SHOP)
    holder = document
    for part in path[:-1]:
        holder = holder.setdefault(part, {})
    holder[path[-1]] = value
    assert not fits(SCHEMA, document)
    with pytest.raises(InvalidFileError):
        load_text(json.dumps(document))


def test_a_scenario_needs_only_what_it_changes() -> None:
    document = plain(SHOP)
    document["scenarios"]["more"] = {"services": {"order": {"rate_limit": {"burst": 5}, "cpu": None, "queue": 8}}}
    assert fits(SCHEMA, document)


def test_every_key_is_described_and_has_its_default() -> None:
    for model in models_of(SYSTEM):
        schema = SCHEMA if model.__name__ == "SystemModel" else SCHEMA["$defs"].get(model.__name__)
        if schema is None:
            continue
        assert set(keys_of(model)) <= set(schema["properties"])
        for name, key in keys_of(model).items():
            written = schema["properties"][name]
            assert key.info.description == written["description"]
            if "default" in written:
                assert fits(written, written["default"])


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(SCHEMA)
    assert set(re.findall(r"\"#/\$defs/([A-Za-z]+)\"", text)) <= set(SCHEMA["$defs"])
