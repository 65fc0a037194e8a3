"""Get pip into an environment when Python comes without it (Debian splits ensurepip off).

Tried in turn: the pip wheel that Python or the system keeps; ensurepip; the system's own pip, to
download one; the package index that pip's configuration names. Standard library only.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

PYPI = "https://pypi.org/simple"
WHEEL = re.compile(r"pip-(\d+(?:\.\d+)*)-py3-none-any\.whl$")


class NoPipError(Exception):
    """No way led to a pip; the message lists what was tried."""


def into(python: Path, environment: dict[str, str]) -> None:
    """Install pip into the environment of `python`. Raises NoPipError."""
    tried = []
    with tempfile.TemporaryDirectory() as folder:
        for find in (kept_by_system, ensurepip, by_system_pip, from_index):
            try:
                wheel = find(Path(folder), python, environment)
            except NoPipError as error:
                tried.append(str(error))
                continue
            if wheel is None:
                return
            # A wheel is a zip archive, and pip can be run out of it. Compiling all of it takes longer than using it.
            options = ["--no-index", "--no-deps", "--no-compile"]
            reason = _failed([str(python), str(wheel / "pip"), "install", *options, str(wheel)], environment)
            if not reason:
                return
            tried.append(f"{wheel.name}: {reason}")
    raise NoPipError(
        "this Python has no pip, and none could be fetched:\n"
        + "".join(f"  {line}\n" for line in tried)
        + "forge: on Debian or Ubuntu `sudo apt install python3-venv` helps; elsewhere, connect to a package index"
    )


def kept_by_system(folder: Path, python: Path, environment: dict[str, str]) -> Path | None:
    """A pip wheel that Python brings along, or that the distribution keeps in its place."""
    places = [Path(sysconfig.get_path("stdlib")) / "ensurepip/_bundled", Path("/usr/share/python-wheels")]
    if own := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        places.append(Path(own))
    found = [wheel for place in places for wheel in place.glob("pip-*.whl") if WHEEL.search(wheel.name)]
    if not found:
        raise NoPipError("the system keeps no pip wheel")
    return max(found, key=lambda wheel: _version(wheel.name))


def ensurepip(folder: Path, python: Path, environment: dict[str, str]) -> Path | None:
    """Python's own way, wherever it keeps its wheel. None: pip is installed."""
    if _failed([str(python), "-m", "ensurepip", "--default-pip"], environment):
        raise NoPipError("ensurepip is missing")
    return None


def by_system_pip(folder: Path, python: Path, environment: dict[str, str]) -> Path | None:
    """Have the pip of the Python that runs this download one; it needs no right to install."""
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    reason = _failed([sys.executable, "-m", "pip", "download", *options, "pip"], environment)
    wheels = list(folder.glob("pip-*.whl"))
    if reason or not wheels:
        raise NoPipError(f"{Path(sys.executable).name} -m pip: {reason or 'downloaded nothing'}")
    return wheels[0]


def from_index(folder: Path, python: Path, environment: dict[str, str]) -> Path | None:
    """Download the newest pip that suits this Python from the configured index."""
    settings = configuration(environment)
    candidates: list[tuple[tuple[int, ...], str]] = []
    problems: list[str] = []
    for page in pages(settings):
        try:
            candidates += [(_version(urlsplit(link).path), link) for link in links(page, settings)]
        except (OSError, ValueError) as error:
            problems.append(f"{page}: {getattr(error, 'reason', None) or error}")
    if not candidates:
        raise NoPipError("; ".join(problems) or "the configured index has no pip")
    address, _, digest = max(candidates)[1].partition("#sha256=")
    try:
        content = read(address, settings)
    except OSError as error:
        raise NoPipError(f"{address}: {getattr(error, 'reason', None) or error}") from error
    if digest and hashlib.sha256(content).hexdigest() != digest:
        raise NoPipError(f"{address}: the download does not match its hash")
    wheel = folder / unquote(urlsplit(address).path.rsplit("/", 1)[-1])
    wheel.write_bytes(content)
    return wheel


def configuration(environment: dict[str, str]) -> dict[str, str]:
    """pip's settings, by their long option names: files in pip's own order, then PIP_ variables."""
    settings: dict[str, str] = {}
    for file in configuration_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "download", "install"):
            if parser.has_section(section):
                settings.update(parser.items(section))
    for name, value in environment.items():
        if name.startswith("PIP_") and value:
            settings[name[4:].lower().replace("_", "-")] = value
    return settings


def configuration_files(environment: dict[str, str]) -> list[Path]:
    """Where pip looks for its configuration, least important first."""
    own = environment.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return []
    home = Path.home()
    if sys.platform == "win32":
        files = [Path(environment.get("PROGRAMDATA", "C:/ProgramData")) / "pip/pip.ini", home / "pip/pip.ini"]
        files.append(Path(environment.get("APPDATA", str(home))) / "pip/pip.ini")
    else:
        shared = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        files = [Path(place) / "pip/pip.conf" for place in shared.split(":")]
        files += [Path("/etc/pip.conf"), home / ".pip/pip.conf"]
        if sys.platform == "darwin":
            files[:0] = [Path("/Library/Application Support/pip/pip.conf")]
            files.append(home / "Library/Application Support/pip/pip.conf")
        files.append(Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf")
    files.append(Path(sys.prefix) / ("pip.ini" if sys.platform == "win32" else "pip.conf"))
    return [*files, Path(own)] if own else files


def pages(settings: dict[str, str]) -> Iterator[str]:
    """The addresses that may list pip: folders and pages of links, then each index."""
    for place in settings.get("find-links", "").split():
        yield place if "://" in place else Path(place).absolute().as_uri()
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return
    for index in [settings.get("index-url") or PYPI, *settings.get("extra-index-url", "").split()]:
        yield index.rstrip("/") + "/pip/"


def links(page: str, settings: dict[str, str]) -> list[str]:
    """Addresses of the pip wheels on `page` that suit this Python; a file: folder works as well."""
    parts = urlsplit(page)
    if parts.scheme == "file":
        folder = Path(urllib.request.url2pathname(parts.path))
        if folder.is_dir() and not (folder / "index.html").exists():
            return [wheel.as_uri() for wheel in folder.iterdir() if WHEEL.search(wheel.name)]
        page = (folder / "index.html" if folder.is_dir() else folder).as_uri()
    reader = _Anchors()
    reader.feed(read(page, settings).decode("utf-8", "replace"))
    return [urljoin(page, link) for link, wants in reader.found if WHEEL.search(urldefrag(link).url) and _suits(wants)]


def read(address: str, settings: dict[str, str]) -> bytes:
    """The content of an address, through the proxy and with the certificates that pip would use."""
    context = ssl.create_default_context(cafile=settings.get("cert") or None)
    if urlsplit(address).hostname in settings.get("trusted-host", "").replace(":", " ").split():
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    if proxy := settings.get("proxy"):
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    parts = urlsplit(address)
    request = urllib.request.Request(address, headers={"Accept": "text/html, */*"})
    if parts.username:  # a name and password written into the address
        import base64

        word = base64.b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()
        request = urllib.request.Request(
            parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers={"Authorization": f"Basic {word}"}
        )
    with urllib.request.build_opener(*handlers).open(request, timeout=60) as response:
        content: bytes = response.read()
    return content


class _Anchors(HTMLParser):
    """Collects (address, Python versions wanted) of the links that aren't withdrawn."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href") and "data-yanked" not in given:
            self.found.append((given["href"] or "", given.get("data-requires-python") or ""))


def _suits(wants: str) -> bool:
    """Whether this Python meets `wants`; only lower bounds matter for a pip that still counts as new."""
    lows = [_numbers(part.strip()[2:]) for part in wants.split(",") if part.strip().startswith(">=")]
    return all(sys.version_info[:2] >= low[:2] for low in lows)


def _version(name: str) -> tuple[int, ...]:
    found = WHEEL.search(name)
    return _numbers(found[1]) if found else ()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def _failed(command: list[str], environment: dict[str, str]) -> str:
    """Run quietly; empty when it worked, else the last thing it said."""
    try:
        run = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        return str(error)
    said = (run.stderr or run.stdout).strip().splitlines()
    return "" if run.returncode == 0 else (said[-1] if said else f"exit {run.returncode}")
