"""The playground's server: the page, the stream of what happens, and a way to do something."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from msforge.diagram.embedded import SCOPED
from msforge.diagram.palette import stylesheet
from msforge.errors import InvalidFileError, UsageError
from msforge.web.playground.game import Game
from msforge.web.playground.guard import Guard, refusal
from msforge.web.playground.hub import MOST, Hub
from msforge.web.playground.pace import Pace

MOST_BYTES: Final = 200_000
"""The largest request body: a link with five hundred changes fits."""
TYPES: Final = {".js": "text/javascript", ".css": "text/css"}
"""Said here: Windows takes them from its registry, where a script may be plain text, which no browser runs."""


class Assets(StaticFiles):
    """Scripts and styles under their own types, whatever this machine thinks of them."""

    def file_response(self, full_path: str | os.PathLike[str], *args: Any, **options: Any) -> Response:
        """The file."""
        answer = super().file_response(full_path, *args, **options)
        kind = TYPES.get(Path(full_path).suffix)
        if kind is not None:
            answer.headers["content-type"] = f"{kind}; charset=utf-8"
        return answer


class Playground:
    """The application around one game. `page` is the folder of the built page.

    `hub` and `pace` are there once the application has started.
    """

    def __init__(self, game: Game, page: Path, port: int) -> None:
        self.game = game
        self.page = page
        self.hub: Hub | None = None
        self.pace: Pace | None = None
        self.app = Starlette(
            routes=[
                Route("/", self.index),
                Route("/palette.css", self.palette),
                Route("/api/events", self.events),
                Route("/api/do", self.do, methods=["POST"]),
                Route("/api/yaml", self.yaml),
                Mount("/assets", Assets(directory=page / "assets")),
            ],
            middleware=[Middleware(Guard, port=port)],
            exception_handlers={404: _missing, 405: _wrong_method},
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self.hub = Hub(asyncio.get_running_loop())
        self.pace = Pace(self.game, self.hub.tell, self.hub.watched)
        self.pace.start()
        try:
            yield
        finally:
            self.close()
            await asyncio.to_thread(self.pace.end)

    def close(self) -> None:
        """Send the watchers away, so that the server can end."""
        if self.hub is not None:
            self.hub.close()

    # -- answers -------------------------------------------------------------------------------------

    async def index(self, request: Request) -> Response:
        """The page."""
        return FileResponse(self.page / "index.html", media_type="text/html")

    async def palette(self, request: Request) -> Response:
        """Colours, and how the graph is drawn."""
        return Response(f"{stylesheet()}\n{SCOPED}", media_type="text/css")

    async def events(self, request: Request) -> Response:
        """The stream: hello, then frame and status events."""
        assert self.hub is not None
        assert self.pace is not None
        hub, pace = self.hub, self.pace
        if len(hub.watchers) >= MOST:
            return refusal(503, f"{MOST} pages watch already", "close some")

        def come(watcher: asyncio.Queue[bytes | None]) -> None:
            pace.ask(lambda game: hub.greet(watcher, game.hello()))

        return StreamingResponse(hub.events(come), media_type="text/event-stream")

    async def do(self, request: Request) -> Response:
        """Take an action."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return refusal(415, "an action is sent as application/json")
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return refusal(413, f"an action has at most {MOST_BYTES} bytes")
        try:
            action = json.loads(body)
        except (ValueError, RecursionError):
            return refusal(400, "the body is not JSON")
        return await self._asked(lambda game: game.do(action), lambda _: JSONResponse({"done": True}))

    async def yaml(self, request: Request) -> Response:
        """The session as a scenario."""
        return await self._asked(lambda game: game.yaml(), PlainTextResponse)

    async def _asked(self, act: Callable[[Game], Any], answer: Callable[[Any], Response]) -> Response:
        assert self.pace is not None
        try:
            return answer(await asyncio.wrap_future(self.pace.ask(act)))
        except InvalidFileError as error:
            found = error.diagnostics[0] if error.diagnostics else None
            return refusal(400, found.message if found else error.message, found.help if found else "")
        except UsageError as error:
            return refusal(400, error.message, error.hint)


async def _missing(request: Request, error: Exception) -> Response:
    return refusal(404, "there is nothing here", "the page is at /")


async def _wrong_method(request: Request, error: Exception) -> Response:
    return refusal(405, "this is asked in another way")
