"""text -> Spec: reading, checking, overlays, defaults. The pydantic model is the published reference."""

from __future__ import annotations

from msforge.spec.dump import dump
from msforge.spec.schema_json import json_schema
from msforge.spec.spec import Spec, from_data, load, load_text

__all__ = ["Spec", "dump", "from_data", "json_schema", "load", "load_text"]
