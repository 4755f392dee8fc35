"""The web application: a page, the facts of a model, and what it says of a clip that is sent.

It is made for the person who started it. Only a page of its own may ask it: the name by which a browser calls this
machine and the origin of the page that asks are checked. What it sends holds the browser to asking nothing elsewhere.
Every refusal is JSON, {"error": what, and what to do}, with a status of 400 and more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sarcasm.errors import SarcasmError
from sarcasm.serve.answer import Model, answer
from sarcasm.serve.limits import Limits
from sarcasm.serve.uploads import CLOSE, Uploads

HOSTS = ("127.0.0.1", "localhost")
"""What a browser may call this machine. A page whose own name was made to lead here has another (DNS rebinding)."""
HOST_HEADER = re.compile(rf"(?:{'|'.join(map(re.escape, HOSTS))})(?::[0-9]{{1,5}})?", re.IGNORECASE)
MOST_HEADERS, MOST_HEADER_BYTES = 100, 16_384
"""Of a request, the latter with its address; browsers send a dozen headers, of a few hundred bytes."""
LONGEST_NAME = 120
NAME_HEADER = "X-Clip-Name"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; media-src blob:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
OWN, REPORT = Path(__file__).parent, Path(__file__).parents[1] / "report"
FILES = {
    "/": ("text/html", [OWN / "page.html"]),
    "/page.css": ("text/css", [REPORT / "page.css", OWN / "serve.css"]),
    "/timeline.js": ("text/javascript", [REPORT / "timeline.js"]),
    "/serve.js": ("text/javascript", [OWN / "serve.js"]),
    "/recorder.js": ("text/javascript", [OWN / "recorder.js"]),
}
"""Address -> kind, and the files that are sent one after another."""


def application(model: Model, facts: Mapping[str, Any], limits: Limits) -> Starlette:
    """Make the application.

    Args:
        model: what hears clips; it is asked by one thread, one clip at a time.
        facts: what the page says of it; see `sarcasm.serve.facts`.
        limits: how much is taken.
    """
    hearing = _Hearing(model, limits)
    told = {**facts, "limits": {"bytes": limits.most_bytes, "seconds": limits.seconds}}

    async def tell(_: Request) -> Response:
        return JSONResponse(told)

    return Starlette(
        routes=[
            *(Route(path, _sender(*file), methods=["GET"]) for path, file in FILES.items()),
            Route("/api/model", tell, methods=["GET"]),
            Route("/api/predict", hearing.predict, methods=["POST"]),
        ],
        middleware=[
            Middleware(_SafeHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS), www_redirect=False),
            Middleware(_PlainRequests),
            Middleware(_OwnPagesOnly),
        ],
        exception_handlers={HTTPException: _refusal, Exception: _mistake},
        lifespan=hearing.lifespan,
    )


class _Hearing:
    """Takes clips, a few at once, and has them heard one after another."""

    def __init__(self, model: Model, limits: Limits) -> None:
        self._model, self._limits = model, limits
        # TensorFlow has processors enough of its own for one clip.
        self._ear = ThreadPoolExecutor(1, thread_name_prefix="ear")
        self._uploads = Uploads(limits)
        self._n_waiting = 0

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Wait for the clip that is being heard before the model is closed."""
        yield
        self._ear.shutdown(wait=True, cancel_futures=True)

    async def predict(self, request: Request) -> Response:
        """What the model says of the clip in the request's body."""
        self._refuse_full()
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise HTTPException(415, "send the bytes of the file as they are, not as a form: curl --data-binary @FILE")
        name = _safe_name(request.headers.get(NAME_HEADER, ""))
        with_picture = request.query_params.get("picture") == "true"
        try:
            content = await self._uploads.content(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        # Only a clip that is here takes a place: who sends slowly keeps nobody from being heard.
        with self._place():
            heard = partial(answer, self._model, content, name, with_picture=with_picture)
            try:
                said = await asyncio.get_running_loop().run_in_executor(self._ear, heard)
            except SarcasmError as error:
                raise HTTPException(422, str(error)) from error
            return JSONResponse(said)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """A place among those who wait; nobody else counts them, as all of this is one thread."""
        self._refuse_full()
        self._n_waiting += 1
        try:
            yield
        finally:
            self._n_waiting -= 1

    def _refuse_full(self) -> None:
        if self._n_waiting >= self._limits.waiting:
            raise HTTPException(
                503, f"{self._n_waiting} clips are waiting already; send it again in a moment", {"Retry-After": "2"}
            )


class _SafeHeaders:
    """What every answer tells the browser to keep to."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, safely)


class _PlainRequests:
    """Refuses what no browser sends, whatever the parser of HTTP lets through.

    Two names of the host (RFC 9112, section 3.2: they may be read as either), a whole address in place of a path, which
    a proxy is asked for, and more headers than anybody needs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := self._refusal(scope)):
            status, error = refused
            await JSONResponse({"error": error}, status, CLOSE)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    @staticmethod
    def _refusal(scope: Scope) -> tuple[int, str] | None:
        headers, target = scope["headers"], scope.get("raw_path") or scope["path"].encode()
        n_bytes = len(target) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MOST_HEADERS or n_bytes > MOST_HEADER_BYTES:
            return 431, f"the request has more than {MOST_HEADERS} headers, or {MOST_HEADER_BYTES} bytes of them"
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or not HOST_HEADER.fullmatch(hosts[0]):
            return 400, f"this server is called {' or '.join(HOSTS)}, and one Host header has to say so"
        if not target.startswith(b"/"):
            return 400, "ask for a path of this server, such as /api/model"
        return None


class _OwnPagesOnly:
    """Refuses what another page asks; what is no browser tells no origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and origin != f"http://{headers.get('host')}":
                refusal = JSONResponse({"error": "only the page of this server may ask it"}, 403)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _sender(kind: str, files: list[Path]) -> Callable[[Request], Awaitable[Response]]:
    content = b"".join(file.read_bytes() for file in files)

    async def send(_: Request) -> Response:
        return Response(content, media_type=kind)

    return send


def _safe_name(header: str) -> str:
    """What errors call a clip: the last part of the name that was sent, which is percent-encoded, where printable."""
    last = unquote(header, errors="replace").replace("\\", "/").rpartition("/")[2]
    printable = "".join(letter for letter in last if letter.isprintable()).strip()
    return printable[:LONGEST_NAME] or "the clip"


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    said = {404: "there is no such page", 405: "this address is asked in another way"}.get(error.status_code)
    return JSONResponse({"error": said or error.detail}, error.status_code, error.headers)


async def _mistake(_: Request, __: Exception) -> Response:
    """The server raises it once more, so that the terminal shows it."""
    return JSONResponse({"error": "this failed by a mistake of the program; its terminal says more"}, 500)
