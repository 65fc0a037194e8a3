"""The defaults of `templates/python/cookiecutter.json`: what msforge would tell the template about a smallest service.

`python tests/scaffold/hello.py` writes them anew after the context has changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msforge.model import compile_system
from msforge.scaffold.build import service_values
from msforge.scaffold.context import system_context
from msforge.scaffold.python.service import service_context
from msforge.spec import load_text

DESCRIPTION = """\
msforge: 1
name: hello
services:
  hello:
    endpoints:
      greet:
        http: POST /greetings
        idempotent: true
        request: {name: string}
        response: {text: string}
        steps: [work: 1ms]
traffic:
  people: {target: hello.greet, rate: 1/s}
simulation: {duration: 10s}
"""
ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "templates" / "python" / "cookiecutter.json"


def defaults() -> dict[str, Any]:
    """What the file should hold."""
    spec = load_text(DESCRIPTION)
    context = system_context(spec, compile_system(spec), description="cookiecutter.json")
    made = service_context(context, context["services"][0], "hello_service")
    values = service_values(made, "hello_service", "cookiecutter.json")
    values |= {
        "slug": "{{ cookiecutter.name | lower | replace(' ', '-') }}",
        "package": "{{ cookiecutter.slug | replace('-', '_') }}_service",
        "runtime": "msforge.runtime",
        "policies": "msforge.policies",
        "records": "msforge",
        "_dependencies": ["msforge"],
        "_owners": {"*/py.typed": "msforge", "openapi.json": "both"},
        "_jinja2_env_vars": {"trim_blocks": True, "lstrip_blocks": True},
    }
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain


if __name__ == "__main__":
    FILE.write_text(json.dumps(defaults(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
