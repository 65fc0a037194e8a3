"""msforge's own wheel: built from the checkout that runs, or put together again from the files that are installed."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from msforge.errors import MsforgeError
from msforge.workshop.pip import run_pip

LEFT_OUT = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
"""What an installer adds to a wheel's own metadata."""
EPOCH = (1980, 1, 1, 0, 0, 0)


def checkout() -> Path | None:
    """The root of the checkout that this msforge runs from; None when it is installed."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() and (root / "src/msforge").is_dir() else None


def own_wheel(into: Path) -> Path:
    """Makes the wheel in the folder `into`. Raises MsforgeError when it cannot."""
    root = checkout()
    if root is None:
        return repacked(_installed(), into)
    offline = ["--no-build-isolation"] if find_spec("hatchling") else []
    run_pip(["wheel", "--no-deps", "--wheel-dir", str(into), *offline, "."], folder=root)
    return next(into.glob("msforge-*.whl"))


def _installed() -> Distribution:
    try:
        return distribution("msforge")
    except PackageNotFoundError as error:
        raise MsforgeError("msforge is not installed as a package", hint="run it from a checkout: ./forge") from error


def repacked(found: Distribution, into: Path) -> Path:
    """The wheel that an installed package came from, from its files; those that were changed since are refused.

    Scripts and compiled files are left out: installing makes them anew.
    """
    files = [f for f in found.files or () if _belongs(PurePosixPath(f))]
    metadata = found.read_text("WHEEL") or ""
    tag = next((line.partition(":")[2].strip() for line in metadata.splitlines() if line.startswith("Tag:")), "")
    if not files or not tag or not any(PurePosixPath(f).parts[0] == "msforge" for f in files):
        raise MsforgeError("this installation of msforge has no list of its files",
                           hint="install it from a wheel, or run it from a checkout: ./forge")
    name = f"{found.metadata['Name']}-{found.version}"
    wheel = into / f"{name}-{tag}.whl"
    record = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(files, key=str):
            data = Path(str(file.locate())).read_bytes()
            digest = _digest(data)
            if file.hash is not None and file.hash.value != digest:
                raise MsforgeError(f"{file} was changed since msforge was installed",
                                   hint="install msforge again: pip install --force-reinstall msforge")
            archive.writestr(zipfile.ZipInfo(str(PurePosixPath(file)), EPOCH), data, zipfile.ZIP_DEFLATED)
            record.append(f"{PurePosixPath(file)},sha256={digest},{len(data)}\n")
        inside = f"{name}.dist-info/RECORD"
        archive.writestr(zipfile.ZipInfo(inside, EPOCH), "".join([*record, f"{inside},,\n"]))
    return wheel


def _belongs(file: PurePosixPath) -> bool:
    inside = ".." not in file.parts and "__pycache__" not in file.parts
    return inside and not (file.parts[0].endswith(".dist-info") and file.name in LEFT_OUT)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
