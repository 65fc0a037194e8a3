"""The machines a bundle is for: a platform and a version of Python, as pip and as markers know them."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass
from typing import Final

from msforge.errors import UsageError
from msforge.names import did_you_mean

_GLIBC: Final = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_24", "manylinux_2_17",
                 "manylinux2014")
PLATFORMS: Final[dict[str, tuple[str, ...]]] = {
    "win_amd64": ("win_amd64",),
    "win_arm64": ("win_arm64",),
    "macosx_arm64": ("macosx_12_0_arm64",),
    "macosx_x86_64": ("macosx_12_0_x86_64",),
    "linux_x86_64": tuple(f"{tag}_x86_64" for tag in _GLIBC),
    "linux_aarch64": tuple(f"{tag}_aarch64" for tag in _GLIBC),
}
"""pip's tags by the name that a teacher types. macOS 12 or newer, glibc 2.28 or newer."""
SHORT: Final = {"windows": "win_amd64", "macos": "macosx_arm64", "linux": "linux_x86_64"}
_TAG: Final = re.compile(r"(win|macosx|manylinux|musllinux)[0-9]*_[a-z0-9_]+")
_PYTHON: Final = re.compile(r"3\.(1[1-9]|2[0-9])")
_SYSTEMS: Final = {
    "win": ("win32", "Windows", "nt"), "macosx": ("darwin", "Darwin", "posix"), "linux": ("linux", "Linux", "posix"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of laptop. `tags` is empty for the one we are on, for which pip needs no telling."""

    platform: str
    python: str                   # 3.12
    tags: tuple[str, ...]

    @property
    def name(self) -> str:
        """`win_amd64, Python 3.12`."""
        return f"{self.platform}, Python {self.python}"

    @property
    def key(self) -> str:
        """A name for files."""
        return f"{self.platform}-{self.python}"

    def pip_options(self) -> list[str]:
        """How pip is told to fetch for it."""
        if not self.tags:
            return []
        platforms = [word for tag in self.tags for word in ("--platform", tag)]
        return [*platforms, "--python-version", self.python, "--implementation", "cp"]

    def markers(self) -> dict[str, str]:
        """Its environment, in which requirements' markers are judged: pip judges them where it runs itself."""
        kind = re.split(r"[_0-9]", self.platform, maxsplit=1)[0].replace("manylinux", "linux")
        sys_platform, system, os_name = _SYSTEMS[kind.replace("musllinux", "linux")]
        machine = next((m for m in ("x86_64", "aarch64", "arm64", "amd64") if self.platform.endswith(m)), "")
        return {
            "sys_platform": sys_platform, "platform_system": system, "os_name": os_name,
            "platform_machine": machine.upper() if os_name == "nt" else machine,
            "python_version": self.python, "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython", "platform_python_implementation": "CPython",
            "implementation_version": f"{self.python}.0", "platform_release": "", "platform_version": "",
        }


def here() -> Target:
    """This machine."""
    return Target(this_platform(), ".".join(map(str, sys.version_info[:2])), ())


def this_platform() -> str:
    """This machine's name among `PLATFORMS`."""
    machine = platform.machine().lower()
    if os.name == "nt":
        return "win_arm64" if machine == "arm64" else "win_amd64"
    return f"{'macosx' if sys.platform == 'darwin' else 'linux'}_{machine}"


def targets(platforms: list[str], pythons: list[str]) -> list[Target]:
    """Every platform with every Python, each once; this one's where none is named. Raises UsageError."""
    us = here()
    made = {}
    for word in platforms or [us.platform]:
        name = SHORT.get(word, word)
        tags = PLATFORMS.get(name, (name,) if _TAG.fullmatch(name) else ())
        if not tags and name != us.platform:
            hint = did_you_mean(word, [*SHORT, *PLATFORMS]) or f"there are {', '.join([*SHORT, *PLATFORMS])}"
            raise UsageError(f"--platform {word}: there is no such platform", hint=f"{hint}; or one of pip's tags")
        for python in pythons or [us.python]:
            if not _PYTHON.fullmatch(python):
                raise UsageError(f"--python {python}: msforge runs on 3.11 and newer", hint="write e.g. --python 3.12")
            ours = (name, python) == (us.platform, us.python)
            if not tags and not ours:
                raise UsageError(f"for {name} only this Python ({us.python}) can be bundled")
            # Named, it is for other laptops, which may be older than this one.
            made[name, python] = us if ours and not (platforms and tags) else Target(name, python, tags)
    return list(made.values())
