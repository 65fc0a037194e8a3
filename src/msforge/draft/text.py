"""A System as YAML with comments. What is written is made here or a valid name; strangers' words are comments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from msforge.draft.notes import plain
from msforge.draft.steps import Step
from msforge.draft.system import Endpoint, Service, System
from msforge.units import format_duration

Options = dict[str, tuple[dict[str, str], list[str]]]


def text_of(system: System, header: Iterable[str]) -> str:
    """The whole file."""
    return "\n".join(_lines(system, header)) + "\n"


def _lines(system: System, header: Iterable[str]) -> Iterator[str]:
    yield from _comments(header, 0)
    yield "msforge: 1"
    yield f"name: {system.name}"
    yield from ("", "defaults:")
    yield "  services: {threads: unlimited, queue: unlimited}  # not to be seen in traces: set them"
    if system.stores:
        yield "  stores: {connections: unlimited}  # the times below hold what was waited for a connection"
    yield from ("", "services:")
    for service in system.services:
        yield from _service(service)
    for title, part in (("stores", system.stores), ("channels", system.channels)):
        if part:
            yield from ("", f"{title}:")
            yield from _options(part)
    if system.latency:
        yield from ("", "network:", f"  latency: {system.latency}  # one way, out of callers' and servers' times")
    if system.traffic:
        yield from ("", "traffic:")
        yield from _options(system.traffic)
    warmup = format_duration(system.duration // 10_000_000_000 * 1_000_000_000)
    yield from ("", f"simulation: {{duration: {format_duration(system.duration)}, warmup: {warmup}}}")


def _comments(texts: Iterable[str], indent: int) -> Iterator[str]:
    for text in texts:
        yield f"{' ' * indent}# {plain(text)}".rstrip()


def _options(part: Options) -> Iterator[str]:
    for name, (options, notes) in part.items():
        yield from _comments(notes, 2)
        yield f"  {name}: {{{', '.join(f'{key}: {value}' for key, value in options.items())}}}"


def _service(service: Service) -> Iterator[str]:
    yield f"  {service.name}:"
    yield from _comments(service.notes, 4)
    if service.external:
        yield "    external: true"
    if service.replicas > 1:
        yield f"    replicas: {service.replicas}  # as many as were seen"
    for title, bodies in (("endpoints", service.endpoints), ("consumers", service.consumers)):
        if bodies:
            yield f"    {title}:"
            for body in bodies:
                yield from _body(body)


def _body(body: Endpoint) -> Iterator[str]:
    yield f"      {body.name}:"
    yield from _comments(body.notes, 8)
    for key, value in body.protocol.items():
        yield f"        {key}: {json.dumps(value)}"
    if body.channel:
        yield f"        from: {body.channel}"
        yield "        threads: unlimited"
    if not body.steps:
        yield "        steps: []"
        return
    yield "        steps:"
    for step in body.steps:
        yield from _step(step, 10)


def _step(step: Step, indent: int) -> Iterator[str]:
    margin = " " * indent
    yield from _comments(step.notes, indent)
    yield f"{margin}- {step.verb}:{f' {step.value}' if step.value else ''}"
    for key, value in step.options.items():
        yield f"{margin}  {key}: {value}"
    if step.steps is not None:
        if step.verb != "steps":
            yield f"{margin}  steps:"
        for inner in step.steps:
            yield from _step(inner, indent + 4)
    for weight, steps in step.branches or ():
        yield from _branch(weight, steps, indent + 4)


def _branch(weight: str, steps: list[Step], indent: int) -> Iterator[str]:
    margin = " " * indent
    if not weight and len(steps) == 1:
        yield from _step(steps[0], indent)
        return
    yield f"{margin}- weight: {weight}" if weight else f"{margin}- steps:{'' if steps else ' []'}"
    if weight:
        yield f"{margin}  steps:{'' if steps else ' []'}"
    for step in steps:
        yield from _step(step, indent + 4)
