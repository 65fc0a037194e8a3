"""The context of one Python service: neutral data with every name and piece of code that its templates print."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Final
from urllib.parse import unquote

from msforge import units
from msforge.policies.distributions import Dist
from msforge.scaffold.context import Data, all_steps, dist_of
from msforge.scaffold.names import Scope
from msforge.scaffold.platform.wiring import products
from msforge.scaffold.python import clients, models, steps
from msforge.scaffold.python.handlers import expected, expected_code, handler_code
from msforge.scaffold.python.literals import (
    Code,
    Group,
    array,
    call,
    comment,
    distribution,
    duration,
    number,
    sequence,
    spread,
    text,
    whole,
    written,
)
from msforge.scaffold.python.names import (
    CLASSES_TAKEN,
    CONSTANTS_TAKEN,
    FUNCTIONS_TAKEN,
    camel,
    free,
    numbered,
    snake,
    upper,
)

PLAN: Final = frozenset([
    "Breaker", "Budget", "Cache", "Call", "Channel", "Consumer", "Cpu", "Function", "MINUTE", "MS", "Method", "NOTHING",
    "Retry", "SECOND", "Service", "Store", "Target", "Throttle", "US",
])  # fmt: skip
"""What the generated modules may need of `resilience/plan.py`."""


def service_context(system: Data, service: Data, package: str) -> Data:
    """Everything that the templates of one service print."""
    made = deepcopy(service)
    made["package"] = package
    made["class_scope"] = Scope(CLASSES_TAKEN)
    bodies = [*made["endpoints"], *made["consumers"]]
    functions = numbered((body["name"] for body in bodies), snake, FUNCTIONS_TAKEN)
    for body in bodies:
        body["function"] = functions[body["name"]]
        body["constant"] = free(upper(body["function"]), CONSTANTS_TAKEN)
        body["class_name"] = made["class_scope"].claim(free(camel(body["name"]), CLASSES_TAKEN))
        steps.name_methods(body)
    scope = Scope(CLASSES_TAKEN)
    made["models"] = []
    _own_models(made, scope)
    _name_channels(system, made, scope)
    _name_stores(system, made)
    _name_calls(system, made, scope)
    for body in bodies:
        _body(body, made)
    made["rpc_calls"] = any(asked["rpc"] for asked in made["calls"])
    made["rpc_methods"] = [
        {"endpoint": body["name"], "code": written(clients.method(body), indent=4, before=f"{text(body['name'])}: ",
                                                   after=",")}
        for body in made["endpoints"] if body["grpc"]
    ]
    made |= _plan(system, made)
    made["imports"] = _imports(made)
    del made["class_scope"]
    made["outgoing"] = outgoing(system, made)
    return made


def _own_models(made: Data, scope: Scope) -> None:
    for body in made["endpoints"]:
        request = models.fields(body["request"], body["parameters"])
        answer = models.fields(body["response"])
        stem = body["class_name"].removesuffix("_")
        body["request_class"] = scope.claim(f"{stem}Request")
        body["response_class"] = scope.claim(f"{stem}Response")
        body["request_fields"], body["response_fields"] = request, answer
        body |= {"parts": models.request_parts(body["method"], request)}
        title = f"{body['method']} {body['path']}"
        made["models"] += [
            {"name": body["request_class"], "doc": comment(f"What {title} is asked."), "fields": request},
            {"name": body["response_class"], "doc": comment(f"What {title} answers."), "fields": answer},
        ]


def _name_channels(system: Data, made: Data, scope: Scope) -> None:
    """Constants and message classes of the channels that this service publishes to or reads."""
    used = [consumer["channel"] for consumer in made["consumers"]]
    used += [step["channel"] for step in _steps(made) if step["verb"] == "publish"]
    known = {channel["name"]: channel for channel in system["channels"]}
    for name in used:  # where its messages end up belongs to a channel; `used` grows meanwhile
        if known[name]["dead_letter"] and known[name]["dead_letter"] not in used:
            used.append(known[name]["dead_letter"])
    taken = CONSTANTS_TAKEN | {consumer["constant"] for consumer in made["consumers"]}
    constants = numbered(dict.fromkeys(used), upper, frozenset(taken))
    made["channel_names"] = {}
    made["channels"] = []
    for name, constant in constants.items():
        message = scope.claim(f"{camel(name)}Message")
        made["channel_names"][name] = {"constant": constant, "message_class": message}
        channel = known[name]
        made["channels"].append({
            "name": name, "constant": constant, "broker": channel["broker"], "code": _channel(channel, constant),
        })
        made["models"].append({"name": message, "doc": comment(f"A message of {name}."), "fields": []})


def _name_stores(system: Data, made: Data) -> None:
    used: list[str] = []
    for step in _steps(made):
        if step["verb"] in ("read", "write"):
            used.append(step["store"])
            if step["cache"]:
                used.append(step["cache"]["store"])
        elif step["verb"] == "publish" and step["outbox"]:
            used += [store["name"] for store in system["stores"] if store["owner"] == made["name"]]
    known = {store["name"]: store for store in system["stores"]}
    made["store_constants"] = numbered(dict.fromkeys(used), upper, CONSTANTS_TAKEN | {"STORES"})
    made["stores"] = [
        {"name": name, "constant": constant, "kind": known[name]["kind"], "code": _store(known[name], constant)}
        for name, constant in made["store_constants"].items()
    ]


def _name_calls(system: Data, made: Data, scope: Scope) -> None:
    """Constants and models of the outgoing calls; a call to an endpoint of the same service uses its own models."""
    own = {body["name"]: body for body in made["endpoints"]}
    callees = {
        (service["name"], endpoint["name"]): endpoint
        for service in system["services"]
        for endpoint in service["endpoints"]
    }
    classes: dict[tuple[str, str], tuple[str, str]] = {}
    constants = Scope(CONSTANTS_TAKEN | {"TARGETS"})
    made["calls"] = []
    for body in [*made["endpoints"], *made["consumers"]]:
        for step in all_steps(body["steps"]):
            if step["verb"] != "call":
                continue
            key = (step["service"], step["endpoint"])
            if key not in classes:
                classes[key] = _call_models(made, key, step, callees[key], own, scope)
            step["request_class"], step["response_class"] = classes[key]
            spoken = not step["local"] and step["policy"]["protocol"] == "grpc" and callees[key]["grpc"]
            step["rpc"] = callees[key] if spoken else None
            step["constant"] = constants.claim(upper(f"{body['function']}_{step['method'].removeprefix('call_')}"))
            made["calls"].append(_call(body, step))


def _call_models(
    made: Data, key: tuple[str, str], step: Data, callee: Data, own: dict[str, Data], scope: Scope
) -> tuple[str, str]:
    if step["local"]:
        body = own[key[1]]
        return f"models.{body['request_class']}", f"models.{body['response_class']}"
    stem = f"{camel(key[0])}{camel(key[1])}"
    asked = models.sendable(step["method_http"], callee["request"])
    request, answer = scope.claim(f"{stem}Request"), scope.claim(f"{stem}Response")
    target = comment(f"{key[0]}.{key[1]}")
    made["models"] += [
        {"name": request, "doc": f"What this service asks {target}.",
         "fields": models.fields(asked, callee["parameters"])},
        {"name": answer, "doc": f"What it expects as {target}'s answer.", "fields": models.fields(callee["response"])},
    ]  # fmt: skip
    return f"models.{request}", f"models.{answer}"


def _call(body: Data, step: Data) -> Data:
    said = steps.policies_in_words(step["policy"])
    return {
        "service": step["service"], "endpoint": step["endpoint"], "constant": step["constant"], "local": step["local"],
        "by": body["name"], "code": clients.constant(step), "policies": comment(said), "policy": step["policy"],
        "rpc": step["rpc"], "method": step["method_http"], "path": step["path"],
        "step": step["method"], "class_name": body["class_name"],
        "models": [name.removeprefix("models.") for name in (step["request_class"], step["response_class"])],
    }  # fmt: skip


def _body(body: Data, made: Data) -> None:
    """The code of one endpoint or consumer."""
    body["methods"] = [steps.method(body, step, made) for step in all_steps(body["steps"])]
    body["code"] = handler_code(body)
    body["expected"] = expected(body)
    if body["kind"] == "endpoint":
        body["title"] = comment(f"{body['method']} {body['path']}")
        body["argument"], body["argument_class"] = "request", f"models.{body['request_class']}"
        body["returns"] = f"models.{body['response_class']}"
        body["last"] = f"return {body['returns']}()"
        body["signature"] = _signature(body)
        body["route"] = _route(body)
        body["register"] = written(
            call("replica.register", text(body["name"]), f"steps.{body['class_name']}", f"handlers.{body['function']}",
                 f"models.{body['request_class']}", text(f"{body['method']} {body['path']}")),
            indent=4,
        )
    else:
        names = made["channel_names"][body["channel"]]
        body["title"] = comment(f"Handles a message of {body['channel']}")
        body["argument"], body["argument_class"] = "message", f"models.{names['message_class']}"
        body["message_class"] = names["message_class"]
        body["returns"], body["last"] = "None", ""
        body["signature"] = _signature(body)
        body["consumer_code"] = _consumer(body, made)
        body["consume"] = written(
            call("replica.events.consume", f"events.{body['constant']}", f"steps.{body['class_name']}",
                 f"handlers.{body['function']}", f"models.{body['message_class']}"),
            indent=4,
        )
    body["quoted"] = text(body["name"])
    body["outbox"] = any(step["verb"] == "publish" and step["outbox"] for step in all_steps(body["steps"]))
    body["publishes"] = _publishes(body)
    body["expectation"] = written(
        sequence([
            text(body["function"]), f"steps.{body['class_name']}", body["argument_class"],
            expected_code(body["steps"]),
        ]),
        indent=4, after=",",
    )
    body["steps"] = []  # what they are is in `methods` and `code` now


def _signature(body: Data) -> str:
    """`(request: ..., do: ...) -> ...`, wrapped where the line would be too long."""
    items: tuple[Code, ...] = (
        f"{body['argument']}: {body['argument_class']}", f"do: steps.{body['class_name']}",
    )  # fmt: skip
    return written(
        call(body["function"], *items), before="async def ", after=f" -> {body['returns']}:"
    ).removeprefix(f"async def {body['function']}")


def _route(body: Data) -> Data:
    """The decorator and the arguments of the FastAPI route."""
    parts = body["parts"]
    taken = Scope(["http", "replica", "status", "headers", "content", "body"])
    arguments, values = ["http: Request"], []
    for place, fields in (("Path", parts["path"]), ("Query", parts["query"])):
        for field in fields:
            name = taken.claim(field["attribute"])
            alias = "" if name == field["name"] else f"alias={text(field['name'])}"
            annotation = f"Annotated[{field['type']}, {place}({alias})]"
            default = "" if place == "Path" else f" = {TYPES_DEFAULT[field['kind']]}"
            arguments.append(f"{name}: {annotation}{default}")
            values.append(f"{text(field['attribute'])}: {name}")
    if parts["body"]:
        arguments.append(f"body: models.{body['request_class']} | None = None")
    verb, model = body["method"].lower(), f"models.{body['response_class']}"
    return {
        "decorator": written(call(f"@router.{verb}", text(_served_path(body["path"])), response_model=model), indent=4),
        "arguments": written(call(body["function"], *arguments), indent=4, before="async def ", after=" -> Response:"),
        "given": _given(body, values) if values else "",
        "body": parts["body"],
        "respond": written(
            call("respond", text(body["name"]), f"steps.{body['class_name']}", f"handlers.{body['function']}", "http",
                 "request"),
            indent=8, before="return await ",
        ),
    }


def _given(body: Data, values: list[str]) -> str:
    """The line that puts what path and query gave into the request."""
    fields = Group("{", tuple(values), "}")
    if body["parts"]["body"]:
        return written(call("request.model_copy", update=fields), indent=8, before="request = ")
    return written(call(f"models.{body['request_class']}.model_validate", fields), indent=8, before="request = ")


def _served_path(path: str) -> str:
    """The path as a server sees it: percent signs decoded, unless braces would come of it."""
    plain = unquote(path)
    return plain if plain.count("{") == path.count("{") and plain.count("}") == path.count("}") else path


TYPES_DEFAULT: Final = {kind: default for kind, (_, default) in models.TYPES.items()}


# -- constants ------------------------------------------------------------------------------


def _plan(system: Data, made: Data) -> Data:
    others = {service["name"]: service for service in system["services"]}
    called = dict.fromkeys(step["service"] for step in _all_calls(made) if not step["local"])
    return {
        "service_code": written(_service(made), before="SERVICE: Final = "),
        "targets": [
            {"name": name, "code": written(_target(others[name]), indent=4, before=f"{text(name)}: ", after=",")}
            for name in called
        ],
        "limits": _limits(made),
        **_parts(made),
    }


def _parts(made: Data) -> Data:
    """Which stores and channels the app makes when nobody hands them in."""
    bodies = [*made["endpoints"], *made["consumers"]]
    has_store = bool(made["stores"]) or any(body["outbox"] for body in bodies)
    return {
        "has_store": has_store,
        "has_parts": has_store or bool(made["channels"]),
        "extras": products([c["broker"] for c in made["channels"]] + [s["kind"] for s in made["stores"]]),
        "channel_list": _list("events", [channel["constant"] for channel in made["channels"]]),
        "store_list": _list("stores", [store["constant"] for store in made["stores"]]),
        "consumer_list": _list("events", [body["constant"] for body in made["consumers"]]),
        "zones_code": written(sequence(text(zone) for zone in made["zones"])),
        "watched": _watched(made),
        "route_imports": _route_imports(made),
    }


def _watched(made: Data) -> str:
    """The line that says which channels and stores a replica shows the counts of; empty without any."""
    names = dict.fromkeys(part["name"] for part in (*made["channels"], *made["stores"]))
    return written(sequence(text(name) for name in names), indent=4, before="replica.watched = ") if names else ""


def _list(module: str, constants: list[str]) -> str:
    return written(array(f"{module}.{constant}" for constant in constants), indent=8).lstrip()


def _route_imports(made: Data) -> Data:
    routes = " ".join(body["route"]["arguments"] for body in made["endpoints"])
    names = ["APIRouter", *(name for name in ("Path", "Query") if f"{name}(" in routes), "Request", "Response"]
    typing = [*(["Annotated"] if "Annotated[" in routes else []), "Any", *(["Final"] if made["rpc_methods"] else [])]
    return {"fastapi": ", ".join(names), "typing": ", ".join(typing)}


def outgoing(system: Data, made: Data) -> list[Data]:
    """The calls to other services as the tests list them."""
    folders = {service["name"]: service["folder"] for service in system["services"]}
    return [
        {
            "contract": written(
                sequence([
                    text(f"{asked['service']}.{asked['endpoint']}"), text(folders[asked["service"]]),
                    text(asked["method"].lower()), text(asked["path"]), text(asked["models"][0]),
                    text(asked["models"][1]),
                ]),
                indent=4, after=",",
            ),
            "short": f"({text(asked['step'])}, steps.{asked['class_name']})",
            "breaking": written(
                sequence([text(asked["step"]), f"clients.{asked['constant']}", f"steps.{asked['class_name']}"]),
                indent=8, after=",",
            ).strip().removesuffix(","),
            "waits": _waits(asked["policy"]),
            "breaks": _breaks(asked["policy"]),
            "numbers": written(
                sequence([
                    text(asked["step"]), f"clients.{asked['constant']}", f"steps.{asked['class_name']}",
                    _numbers(asked["policy"]),
                ]),
                indent=4, after=",",
            ),
        }
        for asked in made["calls"]
        if not asked["local"]
    ]


def _waits(policy: Data) -> bool:
    """Whether a silent callee is given up some time."""
    tries = policy["retry"]["attempts"] if policy["retry"] else 1
    return policy["deadline"] >= 0 or (policy["timeout"] >= 0 and tries > 0)


def _breaks(policy: Data) -> bool:
    """Whether errors alone open a breaker, soon enough for a test and with no other policy in the way."""
    breaker = policy["breaker"]
    if not breaker or policy["throttle"] or policy["bulkhead"] == 0 or breaker["timed"]:
        return False
    again = policy["retry"] and ("circuit_open" in policy["retry"]["on"] or policy["retry"]["attempts"] < 0)
    by_errors = breaker["consecutive"] or breaker["failure_rate"] <= 1
    return bool(by_errors) and not again and (breaker["consecutive"] or breaker["minimum_calls"]) <= 500


def _numbers(policy: Data) -> Code:
    """A call's numbers as a test repeats them: whole, so that a slip in the constants shows."""
    retry, breaker = policy["retry"], policy["breaker"]
    told = {
        "timeout": policy["timeout"], "deadline": policy["deadline"], "bulkhead": policy["bulkhead"],
        "hedge": policy["hedge"], "attempts": retry["attempts"] if retry else 1,
        "backoff": retry["backoff"] if retry else 0, "open_for": breaker["open_for"] if breaker else 0,
    }  # fmt: skip
    return Group("{", tuple(f"{text(key)}: {whole(value)}" for key, value in told.items()), "}")


def _all_calls(made: Data) -> list[Data]:
    return made["calls"]  # type: ignore[no-any-return]


def _service(made: Data) -> Code:
    keywords: dict[str, Code] = {"name": text(made["name"])}
    keywords |= {key: whole(made[key]) for key in ("replicas", "threads", "queue")}
    if made["discipline"] != "fifo":
        keywords["discipline"] = text(made["discipline"])
    if made["cpu"]:
        cpu = made["cpu"]
        inner: dict[str, Code] = {"cores": number(cpu["cores"])}
        if not cpu["sharing"]:
            inner["sharing"] = "False"
        for key in ("contention", "coherency"):
            if cpu[key]:
                inner[key] = number(cpu[key])
        keywords["cpu"] = call("Cpu", **inner)
    if made["rate"]:
        keywords |= {"rate": number(made["rate"]), "burst": whole(made["burst"])}
    if made.get("function"):
        function = made["function"]
        keywords["function"] = call(
            "Function", cold_start=distribution(dist_of(function["cold_start"])),
            keep_alive=duration(function["keep_alive"]),
        )
    latency = dist_of(made["latency"])
    if not _nothing(latency):
        keywords["latency"] = distribution(latency)
    if made["bounds"]:
        keywords["bounds"] = sequence(duration(bound) for bound in made["bounds"])
    if made["zone_latency"] and made["zones"]:
        keywords["zone_latency"] = distribution(dist_of(made["zone_latency"]))
    return spread(call("Service", **keywords))


def _nothing(dist: Dist) -> bool:
    return dist.kind == "constant" and dist.params[0] == 0


def _target(callee: Data) -> Code:
    keywords: dict[str, Code] = {"balance": text(callee["balance"])}
    if callee["client_balancer"]:
        keywords["client"] = "True"
    return call("Target", **keywords)


def _channel(channel: Data, constant: str) -> str:
    keywords: dict[str, Code] = {"name": text(channel["name"])}
    if channel["topic"]:
        keywords |= {"topic": "True", "partitions": whole(channel["partitions"])}
        if channel["rebalance"]:
            keywords["rebalance"] = duration(channel["rebalance"])
    publish = dist_of(channel["publish"])
    if not _nothing(publish):
        keywords["publish"] = distribution(publish)
    if channel["max_length"] >= 0:
        keywords["max_length"] = whole(channel["max_length"])
    if channel["reject"]:
        keywords["reject"] = "True"
    if channel["dead_letter"]:
        keywords["dead_letter"] = text(channel["dead_letter"])
    keywords["relay"] = duration(channel["relay"])
    if channel["broker"] == "embedded":
        keywords["embedded"] = "True"
    return written(spread(call("Channel", **keywords)), before=f"{constant}: Final = ")


def _store(store: Data, constant: str) -> str:
    keywords: dict[str, Code] = {"name": text(store["name"]), "kind": text(store["kind"])}
    if store["connections"] >= 0:
        keywords["connections"] = whole(store["connections"])
    for key in ("read", "write"):
        dist = dist_of(store[key])
        if not _nothing(dist):
            keywords[key] = distribution(dist)
    return written(spread(call("Store", **keywords)), before=f"{constant}: Final = ")


def _publishes(body: Data) -> str:
    """What a crash after a write would lose: the steps that publish without an outbox, and their channels."""
    steps = body["steps"]
    pairs = [
        sequence([text(step["word"]), text(step["channel"])])
        for step in steps if step["verb"] == "publish" and not step["outbox"]
    ]
    if not pairs or not any(step["verb"] == "write" for step in steps):
        return ""
    return written(sequence(pairs), indent=4, before="publishes = ")


def _consumer(body: Data, made: Data) -> str:
    keywords: dict[str, Code] = {
        "name": text(body["name"]), "channel": text(body["channel"]), "group": text(body["group"]),
        "topic": str(body["topic"]), "threads": whole(body["threads"]), "prefetch": whole(body["prefetch"]),
        "retry": clients.retry(body["retry"]),
    }  # fmt: skip
    if body["idempotent"]:
        keywords["idempotent"] = "True"
    keywords["word"] = text(f"consume {made['name']}.{body['name']}")
    return written(spread(call("Consumer", **keywords)), before=f"{body['constant']}: Final = ")


def _steps(made: Data) -> list[Data]:
    return [step for body in [*made["endpoints"], *made["consumers"]] for step in all_steps(body["steps"])]


def _limits(made: Data) -> list[str]:
    """What a README says that one replica bears."""
    threads, queue = made["threads"], made["queue"]
    said = [
        "an event loop: any number of requests at once" if threads < 0 else f"{threads} requests at once",
    ]
    if threads >= 0:
        said.append("no limit on those that wait" if queue < 0 else f"{queue} may wait, more are refused (503)")
    if made["rate"]:
        said.append(f"at most {units.format_rate(made['rate'])} on average (429)")
    return said


# -- imports --------------------------------------------------------------------------------


def _imports(made: Data) -> Data:
    """What each module needs of `resilience`, as (floor, module, names), sorted as isort wants it."""
    step_code = "\n".join(
        line
        for body in [*made["endpoints"], *made["consumers"]]
        for method in body["methods"]
        for line in (*method["constants"], method["signature"], method["code"])
    )
    call_code = "\n".join(["Target", *(asked["code"] for asked in made["calls"])])
    event_code = "\n".join(
        [channel["code"] for channel in made["channels"]] + [body["consumer_code"] for body in made["consumers"]]
    )
    store_code = "\n".join(store["code"] for store in made["stores"])
    return {
        "steps": _needed(step_code, flow=True) ,
        "step_modules": sorted(
            name for name in ("clients", "events", "models", "stores") if re.search(rf"\b{name}\.", step_code)
        ),
        "uses_plain": "plain(" in step_code,
        "uses_final": ": Final = " in step_code,
        "clients": _needed(call_code),
        "events": _needed(event_code),
        "stores": _needed(store_code),
        "support": ", ".join([*_blocks(made), "Steps", "agree", "recorder", "told", "with_replica"]),
        "app": _app_imports(made),
    }


def _blocks(made: Data) -> list[str]:
    """What the expectations of the handlers' test are made of, beside steps."""
    code = "\n".join(body["expectation"] for body in [*made["endpoints"], *made["consumers"]])
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', code)
    return [name for name in ("OneOf", "Repeated") if f"{name}(" in bare]


def _app_imports(made: Data) -> list[Data]:
    """What the app needs of `resilience`, by module."""
    runtime = {"balancer": "Balancer", "clock": "Clock", "directory": "Directory",
               "discovery": "Discovery, plain", "journal": "LogFile", "limits": "Limits",
               "replica": "Replica"}  # fmt: skip
    if made["has_parts"]:
        runtime |= {"embedded": "EmbeddedParts", "real_parts": "Chosen, real_parts"}
    if made["channels"]:
        runtime["events"] = "Events"
    if made["has_store"]:
        runtime["stores"] = "Stores"
    if made["rpc_calls"]:
        runtime["rpc_client"] = "RpcClient"
    if made["rpc_methods"]:
        runtime["rpc_server"] = "RpcServer"
    found = [{"floor": "runtime", "module": module, "names": names} for module, names in runtime.items()]
    found += _needed(made["service_code"])
    return sorted(found, key=lambda item: item["module"])


def _needed(code: str, *, flow: bool = False) -> list[Data]:
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', code)
    used = set(re.findall(r"\b[A-Za-z]+\b", bare))
    found = []
    if "Dist" in used:
        found.append({"floor": "policies", "module": "distributions", "names": "Dist"})
    if flow:
        names = ["Branch", "Flow"] if "Branch" in used else ["Flow"]
        found.append({"floor": "runtime", "module": "flow", "names": ", ".join(names)})
    plan = sorted(used & PLAN, key=lambda name: (not name.isupper(), name))
    if plan:
        found.append({"floor": "runtime", "module": "plan", "names": ", ".join(plan)})
    return found
