"""Identifiers: what the user's names become in generated Python, and what they must not clash with."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from typing import Final

from msforge.scaffold.names import Scope

KEYWORDS: Final = frozenset([*keyword.kwlist, *keyword.softkwlist, "self", "cls", "__debug__"])
BUILTINS: Final = frozenset(
    ["str", "int", "float", "bool", "dict", "list", "tuple", "object", "type", "property", "super", "Any", "None"]
)
FUNCTIONS_TAKEN: Final = KEYWORDS | BUILTINS | {
    "annotations", "do", "handlers", "message", "models", "replica", "request", "respond", "router", "steps",
}  # fmt: skip
"""What a handler's name would hide in `handlers.py`."""
CLASSES_TAKEN: Final = KEYWORDS | {
    "Any", "BaseModel", "Branch", "Cache", "Call", "Channel", "ConfigDict", "Consumer", "Dist", "Field", "Final",
    "Flow", "MS", "Model", "SECOND", "Store", "US",
}  # fmt: skip
"""What a class would hide in `steps.py`, `models.py` and `clients.py`."""
CONSTANTS_TAKEN: Final = CLASSES_TAKEN | {"MINUTE", "NOTHING"}
"""What a constant would hide in `clients.py`, `events.py` and `stores.py`."""
FIELDS_TAKEN: Final = KEYWORDS | BUILTINS | {
    "construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw", "schema", "schema_json",
    "update_forward_refs", "validate", "Field", "ConfigDict", "BaseModel", "model_config", "model_construct",
    "model_copy", "model_dump", "model_dump_json", "model_extra", "model_fields", "model_fields_set",
    "model_json_schema", "model_parametrized_name", "model_post_init", "model_rebuild", "model_validate",
    "model_validate_json", "model_validate_strings", "model_computed_fields",
}  # fmt: skip
"""What a field of a pydantic model would hide."""


def snake(name: str) -> str:
    """`send-email`, `SendEmail` and `send_email` alike become `send_email`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]+", "_", spaced)).strip("_").lower() or "x"


def camel(name: str) -> str:
    """`send-email` becomes `SendEmail`."""
    return "".join(word[:1].upper() + word[1:] for word in snake(name).split("_"))


def upper(name: str) -> str:
    """`send-email` becomes `SEND_EMAIL`."""
    return snake(name).upper()


def free(name: str, taken: Iterable[str]) -> str:
    """`name`, with the underscore behind it that PEP 8 wants where it would hide something."""
    return f"{name}_" if name in taken else name


def numbered(names: Iterable[str], make: object, taken: frozenset[str] = frozenset()) -> dict[str, str]:
    """Each of `names` as the identifier that `make` gives, told apart where two would be the same.

    Names that are identifiers as they stand come first, so that `order_id` keeps its name beside `order-id`.
    """
    assert callable(make)
    ordered = list(names)
    scope = Scope()
    made: dict[str, str] = {}
    for name in sorted(ordered, key=lambda name: make(name) != name):
        made[name] = scope.claim(free(make(name), taken))
    return {name: made[name] for name in ordered}


def packages(services: Iterable[str]) -> dict[str, str]:
    """Each service's package. `_service` behind it keeps `import`, `json` and `asyncio` out of the way."""
    return numbered(services, package)


def package(service: str) -> str:
    """What a service's package is called, unless another has taken that name."""
    name = snake(service)
    return name if name.endswith("service") and name != "service" else f"{name}_service"
