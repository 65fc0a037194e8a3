"""A service's outgoing calls: what it sends and expects, and the policies around it."""

from __future__ import annotations

from msforge.scaffold.context import Data
from msforge.scaffold.proto import method_fields
from msforge.scaffold.python.literals import Code, array, call, duration, number, sequence, spread, text, whole, written


def constant(step: Data) -> str:
    """The `Call` of a call step, as a module's constant."""
    policy = step["policy"]
    keywords: dict[str, Code] = {
        "service": text(step["service"]), "endpoint": text(step["endpoint"]), "method": text(step["method_http"]),
        "path": text(step["path"]), "word": text(step["word"]),
    }  # fmt: skip
    for name in ("timeout", "deadline"):
        if policy[name] >= 0:
            keywords[name] = duration(policy[name])
    if policy["cancel"] != "none":
        keywords["cancel"] = text(policy["cancel"])
    if policy["retry"]:
        keywords["retry"] = retry(policy["retry"])
    if policy["breaker"]:
        keywords["breaker"] = breaker(policy["breaker"])
    if policy["bulkhead"] >= 0:
        keywords["bulkhead"] = whole(policy["bulkhead"])
    if policy["hedge"] >= 0:
        keywords["hedge"] = duration(policy["hedge"])
    if policy["throttle"]:
        throttle = policy["throttle"]
        keywords["throttle"] = call("Throttle", k=number(throttle["k"]), window=duration(throttle["window"]))
    if policy["priority"] != 1:
        keywords["priority"] = str(policy["priority"])
    if not step["effect"]:
        keywords["effect"] = "False"
    if step["rpc"]:
        keywords["rpc"] = method(step["rpc"])
    return written(spread(call("Call", **keywords)), before=f"{step['constant']}: Final = ")


def method(endpoint: Data) -> Code:
    """A `Method`: what an endpoint is called over gRPC, and its messages."""
    keywords = {
        name: sequence(sequence([text(field), text(kind)]) for field, kind in fields)
        for name, fields in zip(("request", "response"), method_fields(endpoint), strict=True)
        if fields
    }
    return call("Method", text(endpoint["grpc"]), **keywords)


def retry(data: Data) -> Code:
    """A `Retry`."""
    keywords: dict[str, Code] = {
        "attempts": str(data["attempts"]), "backoff": duration(data["backoff"]), "factor": number(data["factor"]),
    }  # fmt: skip
    if data["max_backoff"] >= 0:
        keywords["max_backoff"] = duration(data["max_backoff"])
    keywords["jitter"] = text(data["jitter"])
    keywords["on"] = call("frozenset", array(text(word) for word in data["on"])) if data["on"] else "frozenset()"
    if data["budget"]:
        keywords["budget"] = budget(data["budget"])
    return call("Retry", **keywords)


def budget(data: Data) -> Code:
    """A `Budget`."""
    if data["kind"] == "grpc":
        return call(
            "Budget", kind='"grpc"', max_tokens=str(data["max_tokens"]), token_ratio=number(data["token_ratio"])
        )
    return call(
        "Budget", kind=text(data["kind"]), ratio=number(data["ratio"]), burst=str(data["burst"]),
        minimum=number(data["minimum"]),
    )


def breaker(data: Data) -> Code:
    """A `Breaker`."""
    keywords: dict[str, Code] = {"failure_rate": number(data["failure_rate"])}
    if data["consecutive"]:
        keywords["consecutive"] = str(data["consecutive"])
    if data["slow_rate"] <= 1:
        keywords["slow_rate"] = number(data["slow_rate"])
        keywords["slow_duration"] = duration(data["slow_duration"])
    keywords["window"] = duration(data["window"]) if data["timed"] else whole(data["window"])
    if data["timed"]:
        keywords["timed"] = "True"
    keywords |= {
        "minimum_calls": whole(data["minimum_calls"]), "open_for": duration(data["open_for"]),
        "trial_calls": whole(data["trial_calls"]),
    }  # fmt: skip
    return call("Breaker", **keywords)
