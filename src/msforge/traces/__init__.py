"""Spans as data, and the formats that tools exchange them in: OTLP/JSON, Jaeger's, Zipkin's and Chrome's.

Pure functions from spans to text and from bytes to spans; no file is opened here and nothing is known of a system.
"""

from __future__ import annotations

from msforge.traces.chrome import to_chrome
from msforge.traces.otlp import to_otlp
from msforge.traces.read import FORMS, LARGEST, Read, read
from msforge.traces.span import EPOCH, KINDS, Link, Span

__all__ = ["EPOCH", "FORMS", "KINDS", "LARGEST", "Link", "Read", "Span", "read", "to_chrome", "to_otlp"]
