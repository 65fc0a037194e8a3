"""The body of a handler: its steps in written order, blocks inside as local async functions."""

from __future__ import annotations

from collections.abc import Iterator

from msforge.scaffold.context import Data
from msforge.scaffold.python.literals import INDENT, Code, array, call, sequence, text, written

Lines = list[str]


def handler_code(body: Data) -> str:
    """The statements of a handler, indented as they stand in it; empty when there are none."""
    return "\n".join(_block(body["steps"], INDENT, "do"))


def expected(body: Data) -> list[str]:
    """What a handler does for the rest of the system, in written order; `work`, `wait` and `fail` are its own."""
    return _expected(body["steps"])


def _expected(steps: list[Data]) -> list[str]:
    found: list[str] = []
    for step in steps:
        verb = step["verb"]
        if verb in ("work", "wait", "fail"):
            continue
        if verb == "call":
            found.append(f"call {step['service']}.{step['endpoint']}")
            found += _expected(step["fallback"] or [])
        elif verb in ("read", "write"):
            found.append(f"{verb} {step['store']}")
        elif verb == "publish":
            found.append(f"publish {step['channel']}")
        elif verb != "group":
            found.append(verb)
        for block in step["blocks"]:
            found += _expected(block)
    return found


def expected_code(steps: list[Data]) -> Code:
    """The same as a literal for the handler's test: a choice as `OneOf`, a loop as `Repeated`, each with its steps."""
    return array(_expected_items(steps))


def _expected_items(steps: list[Data]) -> Iterator[Code]:
    for step in steps:
        verb, blocks = step["verb"], step["blocks"]
        if verb == "choose":
            yield call("OneOf", *(expected_code(block) for block in blocks))
        elif verb == "repeat":
            yield call("Repeated", *_expected_items(blocks[0]))
        elif verb == "group":
            yield from _expected_items(blocks[0])
        else:
            yield from map(text, _expected([{**step, "blocks": [], "fallback": None}]))
            for block in [step.get("fallback") or [], *blocks]:
                yield from _expected_items(block)


def _block(steps: list[Data], indent: int, do: str) -> Lines:
    """The lines of a block; a blank line before and after each local function, none at the ends."""
    lines: Lines = []
    after_function = False
    for step in steps:
        functions, statement = _step(step, indent, do)
        for function in functions:
            if lines:
                lines.append("")
            lines += function
            after_function = True
        if after_function and lines:
            lines.append("")
            after_function = False
        lines += statement.split("\n")
    return lines


def _step(step: Data, indent: int, do: str) -> tuple[list[Lines], str]:
    """The local functions that a step needs, and the statement that runs it."""
    functions: list[Lines] = []
    method = step["method"]
    arguments: list[Code] = []
    keywords: dict[str, Code] = {}
    match step["verb"]:
        case "call" if step["fallback"] is not None:
            keywords["fallback"] = _branch(step["fallback"], f"{method}_fallback", indent, do, functions)
        case "parallel" | "choose":
            for i, block in enumerate(step["blocks"]):
                arguments.append(_branch(block, f"{method}_branch_{i + 1}", indent, do, functions))
        case "repeat" | "group":
            arguments.append(_branch(step["blocks"][0], f"{method}_steps", indent, do, functions))
        case "saga":
            pairs = zip(step["blocks"][0::2], step["blocks"][1::2], strict=True)
            for i, (action, undo) in enumerate(pairs):
                does = _branch(action, f"{method}_do_{i + 1}", indent, do, functions)
                undoes = _branch(undo, f"{method}_undo_{i + 1}", indent, do, functions) if undo else "None"
                arguments.append(sequence([does, undoes]))
    statement = written(call(f"{do}.{method}", *arguments, **keywords), indent=indent, before="await ")
    return functions, statement


def _branch(block: list[Data], name: str, indent: int, do: str, functions: list[Lines]) -> str:
    """What runs a block: the method of its only step when that needs nothing else, or a local function."""
    if len(block) == 1 and not block[0]["blocks"] and block[0].get("fallback") is None:
        return f"{do}.{block[0]['method']}"
    pad = " " * indent
    head = f"{pad}async def {name}() -> None:"
    inner = _block(block, indent + INDENT, do) or [f'{pad}    """Nothing to do."""']
    functions.append([head, *inner])
    return name
