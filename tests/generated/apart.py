"""Two replicas of the shop's order service in one process: `python apart.py SERVICE_FOLDER`.

Prints as JSON what they share and what one saw of the other; `test_apart.py` says what that has to be.
"""

from __future__ import annotations

import json
import sys
import types
from collections import deque
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from msforge.live.folder import Package, imported

FIXED = (str, bytes, int, float, bool, type(None), type, types.FunctionType, types.BuiltinFunctionType,
         types.ModuleType, types.CodeType, Enum, Path)  # fmt: skip
CONTAINERS = (dict, list, set, deque, bytearray)


def inside(thing: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds, each with the way to it."""
    if isinstance(thing, dict):
        yield from ((f"[{key!r:.40}]", value) for key, value in list(thing.items()))
    elif isinstance(thing, list | tuple | set | frozenset | deque):
        yield from ((f"[{index}]", value) for index, value in enumerate(list(thing)))
    elif isinstance(thing, types.MethodType):
        yield ".__self__", thing.__self__
    else:
        names = [*getattr(thing, "__dict__", ())]
        names += [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        yield from ((f".{name}", getattr(thing, name)) for name in names if hasattr(thing, name))


def held(root: Any, package: str) -> dict[int, tuple[str, Any]]:
    """All that a replica can change: containers, and objects of the service's own classes, by identity."""
    found: dict[int, tuple[str, Any]] = {}
    seen: set[int] = set()
    waiting = [("replica", root)]
    while waiting:
        way, thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, FIXED):
            continue
        seen.add(id(thing))
        module = type(thing).__module__
        declared = getattr(type(thing), "__dataclass_params__", None)
        fixed = isinstance(thing, tuple) or (declared is not None and declared.frozen)
        if (isinstance(thing, CONTAINERS) or module.startswith(package)) and not fixed:
            found[id(thing)] = (way, thing)
        if isinstance(thing, (*CONTAINERS, tuple, frozenset, types.MethodType)) or module.startswith(
            (package, "prometheus_client")
        ):
            waiting += [(way + step, value) for step, value in inside(thing)]
    return found


def module_state(package: str) -> dict[str, str]:
    """Every container and every object of its own classes that a module of the service holds, as text."""
    return {
        f"{name}.{key}": repr(value)
        for name, module in sorted(sys.modules.items())
        if name == package or name.startswith(f"{package}.")
        for key, value in sorted(vars(module).items())
        if not key.startswith("__")
        and (isinstance(value, CONTAINERS) or type(value).__module__.startswith(package))
    }


def main() -> None:
    """Make two, use one, look at both."""
    folder = Path(sys.argv[1])
    inside_ = next(path for path in sorted(folder.iterdir()) if (path / "app.py").is_file())
    app, settings = imported(Package(folder.name, folder, inside_.name, ""))
    package = inside_.name
    apps = [app.create_app(settings.Settings(ordinal=n, number=n, seed=7)) for n in (0, 1)]
    one, other = (made.state.replica for made in apps)
    before = module_state(package)
    fault = {"id": "f1", "word": "bug", "occurrence": 0, "kind": "fail", "endpoint": "place", "rate": 1.0,
             "status": 500, "crash": False}  # fmt: skip
    here = ("127.0.0.1", 50000)
    with TestClient(apps[0], client=here) as first, TestClient(apps[1], client=here) as second:
        sessions = [replica.transport._session for replica in (one, other)]
        set_ = first.put("/_msforge/faults", json=fault)
        failed = [first.post("/orders", json={}).status_code for _ in range(5)]
        mine, yours = held(one, package), held(other, package)
        told = [client.get("/metrics").text for client in (first, second)]
        found = {
            "shared": sorted(mine[key][0] for key in mine.keys() & yours.keys()),
            "held": len(mine),
            "sessions_differ": None not in sessions and sessions[0] is not sessions[1],
            "fault_set": set_.status_code,
            "failed": failed,
            "faults": [first.get("/_msforge/faults").json(), second.get("/_msforge/faults").json()],
            "counted": ['outcome="error"' in text for text in told],
            "settings": [replica.ordinal for replica in (one, other)],
        }
    after = module_state(package)
    found["changed"] = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
