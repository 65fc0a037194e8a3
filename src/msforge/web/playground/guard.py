"""Who may ask the playground's server, and what a browser may do with its answers."""

from __future__ import annotations

from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store", "x-frame-options": "DENY",
}


class Guard:
    """Answers only who asked for this machine by its own name, and only its own pages may change anything.

    A page of the open web can let a name of its own lead to 127.0.0.1: then Host is that name. It can send a
    request here from its own origin: then Origin is that.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        if port == 80:
            self.hosts |= {"127.0.0.1", "localhost", "[::1]"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with the headers added."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        said = self._refused(scope)
        if said:
            await refusal(403, said)(scope, receive, with_headers)
            return
        await self.app(scope, receive, with_headers)

    def _refused(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self.hosts:
            return "this server answers to 127.0.0.1 and localhost only"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self.hosts}:
            return "another page's requests are not taken"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and (
            scope["method"] != "GET" or scope["path"].startswith("/api")
        ):
            return "another page's requests are not taken"
        return ""


def refusal(status: int, error: str, hint: str = "") -> JSONResponse:
    """A 4xx that says why."""
    said: dict[str, Any] = {"error": error}
    if hint:
        said["hint"] = hint
    return JSONResponse(said, status)
