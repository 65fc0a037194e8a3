"""What stands in the way of using a server, and how its address is shown."""

from __future__ import annotations

from urllib.parse import urlsplit


class PartError(Exception):
    """A broker, a cache or a database can't be used; the message says why. `out_of_reach`: that may pass by itself."""

    def __init__(self, message: str, *, out_of_reach: bool = False) -> None:
        super().__init__(message)
        self.out_of_reach = out_of_reach


def without_password(url: str) -> str:
    """A URL as people may see it."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the URL"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path.rstrip('/')}"
