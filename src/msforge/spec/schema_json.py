"""The JSON Schema that editors complete and check from, made from the same model as everything else."""

from __future__ import annotations

import copy
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from msforge import names
from msforge.spec.lower import POLICY_TYPES
from msforge.spec.overlays import SYSTEM
from msforge.spec.resolve import written_value
from msforge.spec.schema_system import SystemModel
from msforge.spec.shape import keys_of, models_of
from msforge.spec.validate import DEFAULTS

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = {"type": "string", "pattern": names.PATTERN}


class _Generate(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """Defaults are written as a file would write them, afterwards."""
        return None


def _write_defaults(schema: dict[str, Any], model: type[BaseModel]) -> None:
    for name, key in keys_of(model).items():
        written = schema["properties"][name]
        written.pop("default", None)
        written["description"] = key.info.description
        default = key.info.get_default()
        if not key.info.is_required() and default is not None and not isinstance(default, BaseModel):
            written["default"] = written_value(key.shape, default)


def json_schema() -> dict[str, Any]:
    """The schema of a whole description, draft 2020-12."""
    schema = SystemModel.model_json_schema(by_alias=True, schema_generator=_Generate)
    defs: dict[str, Any] = schema["$defs"]
    _write_defaults(schema, SystemModel)
    for model in models_of(SYSTEM):
        if model.__name__ in defs:
            _write_defaults(defs[model.__name__], model)
    _drop_titles(schema)
    _tidy(schema)
    policies = {kind: {"$ref": f"#/$defs/{model.__name__}"} for kind, model in POLICY_TYPES.items()}
    patched = _Patches(defs)
    sections = {name: patched.of(part) for name, part in schema["properties"].items() if name != "msforge"}
    _shorthands(defs)
    for name in [*defs]:
        defs[name] = _allow_names(defs[name])
    schema["properties"] |= {
        "policies": _described(
            "Policies used more than once, by name.",
            {"type": "object", "propertyNames": _NAME, "additionalProperties": {"anyOf": [*policies.values()]}},
        ),
        "defaults": _described(
            "What all services, calls, stores, channels or consumers share.",
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {section: _default(defs, *about) for section, about in DEFAULTS.items()},
            },
        ),
        "scenarios": _described(
            "Named overlays on all of the above: maps merge, lists and scalars replace, null "
            "removes, `faults+` appends.",
            {
                "type": "object",
                "propertyNames": _NAME,
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": sections
                    | {
                        "faults+": sections["faults"],
                        "policies": {"type": ["object", "null"]},
                        "defaults": {"type": ["object", "null"]},
                    },
                },
            },
        ),
    }
    defs |= patched.made
    return {"$schema": _DIALECT, "title": "msforge system description", **schema}


def _described(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, **schema}


def _default(defs: dict[str, Any], model: type, required: dict[str, Any], own: tuple[str, ...]) -> dict[str, Any]:
    properties = {key: value for key, value in defs[model.__name__]["properties"].items() if key not in own}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _drop_titles(node: Any, named: bool = False) -> None:
    """pydantic titles every field with its own name, which says nothing. The keys of `named` maps are names."""
    if isinstance(node, dict):
        if not named and isinstance(node.get("title"), str):
            del node["title"]
        for key, value in node.items():
            _drop_titles(value, not named and key in ("properties", "$defs"))
    elif isinstance(node, list):
        for item in node:
            _drop_titles(item)


def _tidy(node: Any) -> None:
    """Names as `propertyNames`, so that a wrong one is told; and no mention of what is never right."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            [(pattern, inner)] = node.pop("patternProperties").items()
            node |= {"propertyNames": {"pattern": pattern}, "additionalProperties": inner}
        for key in ("oneOf", "anyOf"):
            if key in node:
                node[key] = [option for option in node[key] if option != {"not": {}}]
        for value in node.values():
            _tidy(value)
    elif isinstance(node, list):
        for item in node:
            _tidy(item)


def _shorthands(defs: dict[str, Any]) -> None:
    """A saga's parts may be one step as well as a list of them."""
    for part in ("do", "undo"):
        steps = defs["SagaItem"]["properties"][part]
        steps["anyOf"] = [{"type": "array", "items": steps["items"]}, steps.pop("items")]
        del steps["type"]


def _allow_names(node: Any) -> Any:
    """Where a policy's settings may stand, its name may too."""
    if isinstance(node, list):
        return [_allow_names(item) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if reference in {f"#/$defs/{model.__name__}" for model in POLICY_TYPES.values()}:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return {"anyOf": [{"$ref": reference}, _NAME], **rest}
    return {key: _allow_names(value) for key, value in node.items()}


class _Patches:
    """Schemas of overlays: in what merges, nothing is required and null removes. Lists replace, so steps stay whole."""

    def __init__(self, defs: dict[str, Any]) -> None:
        self.defs = defs
        self.made: dict[str, Any] = {}

    def of(self, node: Any) -> Any:
        """The schema of a patch of what `node` describes."""
        out = self._inner(copy.deepcopy(node))
        text = out.pop("description", None) if isinstance(out, dict) else None
        out = {"anyOf": [out, {"type": "null"}]}
        return {"description": text, **out} if text else out

    def _inner(self, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = node["$ref"].removeprefix("#/$defs/")
            if self.defs[name].get("type") == "object":
                self._make(name)
                node["$ref"] = f"#/$defs/{name}Patch"
            return node
        for key in ("anyOf", "oneOf"):
            if key in node:
                node[key] = [self._inner(option) for option in node[key]]
        if node.get("type") == "object" and isinstance(node.get("additionalProperties"), dict):
            node["additionalProperties"] = self.of(node["additionalProperties"])
        return node

    def _make(self, name: str) -> None:
        if f"{name}Patch" in self.made:
            return
        made = self.made[f"{name}Patch"] = copy.deepcopy(self.defs[name])
        made.pop("required", None)
        made["properties"] = {key: self.of(value) for key, value in made["properties"].items()}
