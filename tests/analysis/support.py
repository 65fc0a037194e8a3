"""Small systems for the analysis tests."""

from __future__ import annotations

from msforge.model import System, compile_system
from msforge.spec import load_text


def system_of(text: str) -> System:
    """The plan of a description."""
    return compile_system(load_text(text))


def one_service(steps: str, *, rate: str = "10/s", head: str = "", more: str = "") -> System:
    """One service `s` with one endpoint `go`."""
    return system_of(f"""\
msforge: 1
name: one
services:
  s: {{{head}endpoints: {{go: {{steps: [{steps}]}}}}}}
{more}
traffic: {{t: {{target: s.go, rate: {rate}}}}}
simulation: {{duration: 60s}}
""")
