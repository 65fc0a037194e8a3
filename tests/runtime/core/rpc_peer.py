"""A client's author at work: the generated .proto file, compiled with protoc."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import grpc_tools
from grpc_tools import protoc

from msforge.runtime.plan import Method
from msforge.scaffold import proto


def compiled(method: Method, folder: Path) -> tuple[Any, Any]:
    """The classes of a method's messages as protoc makes them."""
    endpoint = {"grpc": method.name, "request": dict(method.request), "response": dict(method.response)}
    [(name, text)] = proto.files({"endpoints": [endpoint]}, "shop.yaml")
    (folder / name).write_text(text, "utf-8")
    includes = Path(grpc_tools.__file__).parent / "_proto"
    status = protoc.main(["protoc", f"-I{folder}", f"-I{includes}", f"--python_out={folder}", str(folder / name)])
    assert status == 0, text
    made = next(folder.rglob("*_pb2.py"))
    spec = importlib.util.spec_from_file_location(made.stem, made)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[made.stem] = module
    spec.loader.exec_module(module)
    short = method.name.rpartition("/")[2]
    return getattr(module, f"{short}Request"), getattr(module, f"{short}Response")
