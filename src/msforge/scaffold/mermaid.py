"""A system as a Mermaid graph, for its README."""

from __future__ import annotations

from typing import Final

from msforge.scaffold.context import Data, all_steps

MOST: Final = 60
"""Services that a graph can show and a person can read."""


def graph(system: Data) -> str:
    """The graph's text; "" when there is too much to draw."""
    services = system["services"]
    if len(services) > MOST:
        return ""
    ids = {("service", s["name"]): f"s{i}" for i, s in enumerate(services)}
    ids |= {("store", s["name"]): f"d{i}" for i, s in enumerate(system["stores"])}
    ids |= {("channel", c["name"]): f"c{i}" for i, c in enumerate(system["channels"])}
    ids |= {("source", s["name"]): f"t{i}" for i, s in enumerate(system["sources"])}
    lines = ["graph LR"]
    lines += [f'  {ids["source", s["name"]]}(["{s["name"]}"])' for s in system["sources"]]
    lines += [f'  {ids["service", s["name"]]}["{s["name"]}"]' for s in services]
    lines += [f'  {ids["store", s["name"]]}[("{s["name"]}")]' for s in system["stores"]]
    lines += [f'  {ids["channel", c["name"]]}[/"{c["name"]}"/]' for c in system["channels"]]
    lines += [f"  {arrow}" for arrow in dict.fromkeys(_arrows(system, ids))]
    return "\n".join(lines)


def _arrows(system: Data, ids: dict[tuple[str, str], str]) -> list[str]:
    found = [
        f"{ids['source', source['name']]} --> {ids['service', target.split('.')[0]]}"
        for source in system["sources"]
        for target in source["targets"]
    ]
    for service in system["services"]:
        here = ids["service", service["name"]]
        for body in [*service["endpoints"], *service["consumers"]]:
            for step in all_steps(body["steps"]):
                found += _arrow(here, step, ids)
        found += [f"{ids['channel', body['channel']]} -.-> {here}" for body in service["consumers"]]
    found += [
        f"{ids['channel', channel['name']]} -. dead letters .-> {ids['channel', channel['dead_letter']]}"
        for channel in system["channels"]
        if channel["dead_letter"]
    ]
    return found


def _arrow(here: str, step: Data, ids: dict[tuple[str, str], str]) -> list[str]:
    match step["verb"]:
        case "call" if not step["local"]:
            return [f"{here} --> {ids['service', step['service']]}"]
        case "read" | "write":
            cache = [f"{here} --- {ids['store', step['cache']['store']]}"] if step["cache"] else []
            return [*cache, f"{here} --- {ids['store', step['store']]}"]
        case "publish":
            return [f"{here} -.-> {ids['channel', step['channel']]}"]
    return []
