"""The steps of a body as methods of its class: what each is called, what it says, what it does."""

from __future__ import annotations

from typing import Any, Final

from msforge import units
from msforge.scaffold.context import Data, all_steps, dist_of
from msforge.scaffold.names import Scope
from msforge.scaffold.python.literals import (
    Code,
    Group,
    call,
    comment,
    count,
    distribution,
    duration,
    number,
    sequence,
    text,
    words,
    written,
)
from msforge.scaffold.python.names import snake, upper

TARGETS: Final = {"call": ("service", "endpoint"), "read": ("store",), "write": ("store",), "publish": ("channel",)}
METHODS_TAKEN: Final = frozenset(["fail_with"])
"""Methods of `Flow` that begin with a verb."""
INSIDE: Final = 8
"""Columns before a statement in a method."""


def name_methods(body: Data) -> None:
    """Gives every step of a body its method: verb and id, verb and target, or verb and number."""
    scope = Scope(METHODS_TAKEN)
    numbers: dict[str, int] = {}
    for step in all_steps(body["steps"]):
        verb = step["verb"]
        target = "_".join(snake(step[key]) for key in TARGETS.get(verb, ()))
        if step["name"]:
            wanted = f"{verb}_{snake(step['name'])}"
        elif target:
            wanted = f"{verb}_{target}"
        else:
            numbers[verb] = numbers.get(verb, 0) + 1
            wanted = f"{verb}_{numbers[verb]}"
        step["method"] = scope.claim(wanted)


def method(body: Data, step: Data, service: Data) -> Data:
    """One step as the template writes it: constants of its class, signature, docstring and statement."""
    made: Data = {"name": step["method"], "constants": [], "doc": "", "signature": "(self) -> None", "code": ""}
    _MAKERS[step["verb"]](made, body, step, service)
    made["doc"] = comment(made["doc"])
    return made


def _constant(made: Data, name: str, code: Code) -> str:
    made["constants"].append(written(code, indent=4, before=f"{name}: Final = "))
    return f"self.{name}"


def _statement(function: str, /, *items: Code, **keywords: Code) -> str:
    return written(call(f"self.{function}", *items, **keywords), indent=INSIDE, before="await ")


def _signature(step: Data, arguments: list[str], returns: str) -> str:
    """`(self, ...) -> ...`, wrapped where the line would be too long."""
    before = f"async def {step['method']}"
    line = written(Group("(", tuple(arguments)), indent=4, before=before, after=f" -> {returns}:")
    return line.strip().removeprefix(before).removesuffix(":")


def _time(made: Data, body: Data, step: Data, service: Data) -> None:
    dist = dist_of(step["dist"])
    constant = _constant(made, upper(step["method"]), distribution(dist))
    made["doc"] = (
        f"Uses a core of this replica ({words(dist)})."
        if step["verb"] == "work"
        else f"Takes its time, but no core ({words(dist)})."
    )
    made["code"] = _statement(step["verb"], text(step["word"]), constant)


def _call(made: Data, body: Data, step: Data, service: Data) -> None:
    target = f"{step['service']}.{step['endpoint']}"
    where = "in place, in the same thread" if step["local"] else policies_in_words(step["policy"])
    made["doc"] = f"Asks {target}{': ' + where if where else ''}."
    fallback = step["fallback"] is not None
    request, response = step["request_class"], step["response_class"]
    arguments = ["self", f"request: {request} | None = None", *(["*", "fallback: Branch"] if fallback else [])]
    made["signature"] = _signature(step, arguments, response)
    keywords: dict[str, Code] = {"fallback": "fallback"} if fallback else {}
    made["code"] = (
        written(
            call("self.call", f"clients.{step['constant']}", "plain(request)", **keywords),
            indent=INSIDE, before="answer = await ",
        )
        + f"\n        return {response}.model_validate(answer or {{}})"
    )


def policies_in_words(policy: Data) -> str:
    """The policies of a call in words, outermost first."""
    said = []
    if policy["deadline"] >= 0:
        said.append(f"deadline {units.format_duration(policy['deadline'])}")
    if policy["retry"]:
        attempts = policy["retry"]["attempts"]
        said.append("retried without limit" if attempts < 0 else f"at most {attempts} tries")
    if policy["throttle"]:
        said.append("throttled")
    if policy["breaker"]:
        said.append("behind a circuit breaker")
    if policy["bulkhead"] >= 0:
        said.append(f"at most {policy['bulkhead']} at once")
    if policy["hedge"] >= 0:
        said.append(f"hedged after {units.format_duration(policy['hedge'])}")
    if policy["timeout"] >= 0:
        said.append(f"timeout {units.format_duration(policy['timeout'])}")
    return ", ".join(said)


def _parallel(made: Data, body: Data, step: Data, service: Data) -> None:
    branches = len(step["blocks"])
    total = branches * step["copies"] if branches == 1 else branches
    need, keywords = step["need"], {}
    if need != total and need > 0:
        keywords["need"] = str(need)
    goes_on = "when all are done" if need in (0, total) else f"at the {_ordinal(need)} success"
    if branches == 1 and step["copies"] > 1:
        made["doc"] = f"Runs its branch {step['copies']} times at once; goes on {goes_on}."
        made["signature"] = "(self, branch: Branch) -> None"
        keywords["copies"] = str(step["copies"])
        made["code"] = _statement("parallel", text(step["word"]), "branch", **keywords)
        return
    made["doc"] = f"Runs its {_plural(branches, 'branch', 'branches')} at once; goes on {goes_on}."
    made["signature"] = "(self, *branches: Branch) -> None"
    made["code"] = _statement("parallel", text(step["word"]), "*branches", **keywords)


def _plural(many: int, one: str, more: str) -> str:
    return one if many == 1 else f"{many} {more}"


def _ordinal(position: int) -> str:
    words_ = {1: "first", 2: "second", 3: "third"}
    ending = {1: "st", 2: "nd", 3: "rd"}.get(position % 10 if position % 100 not in (11, 12, 13) else 0, "th")
    return words_.get(position, f"{position}{ending}")


def _choose(made: Data, body: Data, step: Data, service: Data) -> None:
    shares = ", ".join(f"{weight:.4g}" for weight in step["weights"])
    made["doc"] = f"Runs one branch, drawn by weight ({shares})."
    made["signature"] = "(self, *branches: Branch) -> None"
    weights = _constant(made, upper(step["method"]), sequence(number(weight) for weight in step["weights"]))
    made["code"] = _statement("choose", text(step["word"]), weights, "*branches")


def _repeat(made: Data, body: Data, step: Data, service: Data) -> None:
    dist = dist_of(step["dist"])
    often = f"{round(dist.mean)} times" if dist.is_constant else f"a drawn number of times ({dist.kind})"
    made["doc"] = f"Runs its branch {often} in a row."
    made["signature"] = "(self, branch: Branch) -> None"
    constant = _constant(made, upper(step["method"]), count(dist))
    made["code"] = _statement("repeat", text(step["word"]), constant, "branch")


def _group(made: Data, body: Data, step: Data, service: Data) -> None:
    made["doc"] = "Runs several steps as one."
    made["signature"] = "(self, branch: Branch) -> None"
    made["code"] = _statement("group", text(step["word"]), "branch")


def _saga(made: Data, body: Data, step: Data, service: Data) -> None:
    made["doc"] = "Runs each action in turn; when one fails, takes back those done, the last first."
    made["signature"] = "(self, *pairs: tuple[Branch, Branch | None]) -> None"
    made["code"] = _statement("saga", text(step["word"]), "*pairs")


def _read(made: Data, body: Data, step: Data, service: Data) -> None:
    cache = step["cache"]
    made["doc"] = f"Reads from {step['store']}" + (f", asking {cache['store']} first." if cache else ".")
    keywords = _timeout(step)
    if cache is not None:
        keywords["cache"] = _constant(made, upper(step["method"]), _cache(cache, service))
    made["code"] = _statement("read", text(step["word"]), _store(step["store"], service), **keywords)


def _cache(cache: Data, service: Data) -> Code:
    keywords: dict[str, Code] = {"store": _store(cache["store"], service)}
    if cache["hit"] >= 0:
        keywords["hit"] = number(cache["hit"])
    else:
        keywords["keys"] = count(dist_of(cache["keys"]))
    if cache["capacity"] >= 0:
        keywords["capacity"] = str(cache["capacity"])
    if cache["ttl"] >= 0:
        keywords["ttl"] = duration(cache["ttl"])
    if cache["single_flight"]:
        keywords["single_flight"] = "True"
    return call("Cache", **keywords)


def _store(name: str, service: Data) -> str:
    return f"stores.{service['store_constants'][name]}"


def _write(made: Data, body: Data, step: Data, service: Data) -> None:
    made["doc"] = f"Writes to {step['store']}."
    made["code"] = _statement("write", text(step["word"]), _store(step["store"], service), **_timeout(step))


def _timeout(step: Data) -> dict[str, Any]:
    return {"timeout": duration(step["timeout"])} if step["timeout"] >= 0 else {}


def _publish(made: Data, body: Data, step: Data, service: Data) -> None:
    channel = service["channel_names"][step["channel"]]
    how = ", stored with the data in one operation; a relay passes it on" if step["outbox"] else ""
    made["doc"] = f"Hands a message to {step['channel']}{how or '; goes on once the broker has it'}."
    made["signature"] = _signature(step, ["self", f"message: models.{channel['message_class']} | None = None"], "None")
    keywords: dict[str, Code] = {}
    if step["key"] is not None:
        keywords["key"] = _constant(made, upper(step["method"]), count(dist_of(step["key"])))
    if step["outbox"]:
        keywords["outbox"] = "True"
    keywords |= _timeout(step)
    made["code"] = _statement(
        "publish", text(step["word"]), f"events.{channel['constant']}", "plain(message)", **keywords
    )


def _fail(made: Data, body: Data, step: Data, service: Data) -> None:
    share = f"{step['rate'] * 100:.4g} %"
    made["doc"] = (
        f"A bug that kills this replica in {share} of the requests."
        if step["crash"]
        else f"Ends {share} of the requests with status {step['status']}."
    )
    made["code"] = _statement("fail", text(step["word"]), number(step["rate"]), str(step["status"]),
                              "True" if step["crash"] else "False")


_MAKERS: Final = {
    "work": _time, "wait": _time, "call": _call, "parallel": _parallel, "choose": _choose, "repeat": _repeat,
    "group": _group, "read": _read, "write": _write, "publish": _publish, "saga": _saga, "fail": _fail,
}  # fmt: skip
