"""Description -> every file of the system, in memory: what `new` writes and `sync` compares with what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from msforge.diagram import LEGIBLE, collapsed, graph_of, mermaid
from msforge.errors import ConflictError, UsageError
from msforge.model.plan import System
from msforge.scaffold import names, openapi, proto, resilience
from msforge.scaffold.capabilities import beyond
from msforge.scaffold.context import Data, digest_of, system_context
from msforge.scaffold.plan import Generated, Owner
from msforge.scaffold.platform.context import platform_context
from msforge.scaffold.python.names import packages, snake
from msforge.scaffold.python.service import service_context
from msforge.scaffold.render import Renderer
from msforge.scaffold.templates import find
from msforge.spec import Spec, json_schema

RESILIENCE: Final = "resilience"


@dataclass(frozen=True, slots=True)
class Build:
    """A rendered system. `handlers` are the files that hold handlers; `services` names, folders, packages, ports."""

    files: tuple[Generated, ...]
    handlers: tuple[str, ...]
    services: tuple[dict[str, Any], ...]
    unable: tuple[str, ...]
    system: str = ""
    passwords: tuple[str, ...] = ()
    """The names of those that the folder needs; their values are in no plan."""


def build(spec: Spec, system: System, *, description: str, templates: Path | None = None, trust: bool = False) -> Build:
    """Every generated file. `description` is the file's name in the folder. Raises UsageError."""
    context = system_context(spec, system, description=description)
    named = packages(service["name"] for service in context["services"])
    unable = _unable(system)
    made: list[Generated] = []
    python = Renderer(find("python", templates, trust=trust))
    handlers: list[str] = []
    services = []
    for service in context["services"]:
        digest = digest_of(service)
        package = named[service["name"]]
        service["package"] = package
        folder = f"services/{service['folder']}"
        files = list(_service(python, context, service, package, folder, description))
        handlers += [file.path for file in files if file.path.endswith("/handlers.py") and file.owner is Owner.USER]
        made += files
        services.append({
            "name": service["name"], "folder": folder, "package": package, "port": service["port"],
            "url": service["url"], "digest": digest,
        })
    made += Renderer(find("system", templates, trust=trust)).render(_system(context, unable, _picture(system)), "")
    platform = platform_context(context, system)
    made += _platform(platform, description, templates, trust)
    made.append(Generated("msforge.schema.json", _schema(), Owner.MSFORGE))
    return Build(tuple(_distinct(made)), tuple(handlers), tuple(services), tuple(unable), system.name,
                 tuple(platform["passwords"]))


def _platform(platform: Data, description: str, templates: Path | None, trust: bool) -> Iterator[Generated]:
    """What runs and watches the services: once for the system, and a deployment for each service."""
    values = {"name": platform["name"], "description": description, "_platform": platform}
    yield from Renderer(find("platform", templates, trust=trust)).render(values, "")
    deployment = Renderer(find("deployment", templates, trust=trust))
    for service in platform["services"]:
        told = {**values, "host": service["host"], "_service": service}
        yield from deployment.render(told, "deploy/k8s/base")


@cache
def _schema() -> bytes:
    """What an editor completes the description by; its first line names this file."""
    return (json.dumps(json_schema(), indent=1) + "\n").encode()


def _service(
    renderer: Renderer, system: Data, service: Data, package: str, folder: str, description: str
) -> Iterator[Generated]:
    made = service_context(system, service, package)
    values = service_values(made, package, description)
    files = renderer.render(values, folder)
    yield from files
    for name, text in proto.files(service, description):
        yield Generated(f"{folder}/proto/{name}", text.encode(), Owner.MSFORGE)
    texts = [file.content.decode("utf-8", "replace") for file in files if file.path.endswith(".py")]
    used = resilience.used_by(texts)
    inside = f"{folder}/{package}/{RESILIENCE}"
    if used:
        prefix = f"{package}.{RESILIENCE}"
        yield Generated(f"{inside}/__init__.py", resilience.init_text().encode(), Owner.MSFORGE)
        for module in resilience.closure(used):
            yield Generated(f"{inside}/{module}.py", resilience.source(module, prefix).encode(), Owner.MSFORGE)


def service_values(made: Data, package: str, description: str) -> dict[str, Any]:
    """What the templates of a Python service see as `cookiecutter`."""
    prefix = f"{package}.{RESILIENCE}"
    fields = [field for model in made["models"] for field in model["fields"]]
    made["models_need_any"] = any("Any" in field["type"] for field in fields)
    made["models_need_field"] = any(" = Field(" in field["line"] for field in fields)
    return {
        "name": made["name"],
        "slug": made["folder"],
        "package": package,
        "description": description,
        "runtime": prefix,
        "policies": prefix,
        "records": prefix,
        "_service": made,
        "_openapi": openapi.document(made),
        "_prefix": f"{snake(made['name']).upper()}_",
        "_port": made["port"],
        "_dependencies": ["grpcio>=1.70", "protobuf>=5.29"] if made["rpc_methods"] or made["rpc_calls"] else [],
        "_summary": _summary(made),
    }


def _summary(made: Data) -> str:
    what = []
    if made["endpoints"]:
        what.append(f"{len(made['endpoints'])} endpoint{'s' if len(made['endpoints']) > 1 else ''}")
    if made["consumers"]:
        what.append(f"{len(made['consumers'])} consumer{'s' if len(made['consumers']) > 1 else ''}")
    kind = "Stands in for a third party" if made["external"] else "A service"
    return f"{kind} with {' and '.join(what) or 'nothing to do yet'}."


def _picture(system: System) -> str:
    """The system's graph in Mermaid, small enough to be read."""
    found = graph_of(system)
    return mermaid(collapsed(found) if len(found.nodes) > LEGIBLE else found)


def _system(context: Data, unable: list[str], picture: str) -> dict[str, Any]:
    services = []
    for service in context["services"]:
        routes = ", ".join(f"`{body['method']} {body['path']}`" for body in service["endpoints"])
        services.append({
            "name": service["name"], "folder": service["folder"], "url": service["url"],
            "routes": routes.replace("|", "\\|"),
        })
    return {
        "name": context["name"],
        "description": context["description"],
        "mermaid": picture,
        "services": services,
        "tries": list(_tries(context)),
        "unable": unable,
    }


def _tries(context: Data) -> Iterator[str]:
    """What a README suggests to do first."""
    found = {service["name"]: service for service in context["services"]}
    target = next((target for source in context["sources"] for target in source["targets"]), None)
    if target is not None:
        name, _, endpoint = target.partition(".")
        body = next(body for body in found[name]["endpoints"] if body["name"] == endpoint)
        path = re.sub(r"\{[^}]*\}", "1", body["path"])
        data = "" if body["method"] in ("GET", "HEAD") else " -H 'content-type: application/json' -d '{}'"
        yield f"`curl -i -X {body['method']} {found[name]['url']}{path}{data}`"
    if context["scenarios"]:
        scenario, *more = context["scenarios"]
        yield f"`msforge load --scenario {scenario}`" + (f", and the others: {', '.join(more)}" if more else "")
    first = (target or "").split(".")[0]
    others = [s["name"] for s in context["services"] if s["endpoints"] and s["name"] != first]
    callee = others[-1] if others else None
    if callee is not None:
        yield f"`msforge fault set {callee} --slow 10x`, then `msforge load`, then `msforge fault clear`"
    yield f"change {context['description']} (a timeout, one more replica), then `msforge diff` and `msforge sync`"


def _unable(system: System) -> list[str]:
    """What the description says and generated code does not do (yet), by name."""
    return [
        f"{found.feature} ({_some(found.used_by)}): {found.instead or found.support}"
        for found in beyond(system, "one process")
    ]


def _some(used: Any) -> str:
    listed = list(used)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def _distinct(made: list[Generated]) -> list[Generated]:
    """Refuses two files that one platform or another takes for the same."""
    seen: dict[str, str] = {}
    for file in made:
        other = seen.setdefault(file.path.lower(), file.path)
        if other != file.path:
            raise ConflictError(f"{other} and {file.path} would be the same file where case does not count")
    paths = [file.path for file in made]
    if len(set(paths)) != len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise UsageError(f"the templates write {twice} twice", hint="give the files different names")
    return made


def companions(text: str) -> list[str]:
    """Files that a description names and that must come along: samples and recorded arrivals."""
    found = re.findall(r"empirical\(\s*([^\s(),0-9][^\s(),]*)\s*[,)]", text)
    found += re.findall(r"^\s*(?:-\s*)?\{?.*\breplay:\s*[\"']?([^\s\"',}#]+)", text, re.MULTILINE)
    return [name for name in dict.fromkeys(found) if not names.path_problem(name)]
