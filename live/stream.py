"""The ASGI application: `GET /live/events` for a page, `GET /live/health` for whoever watches.

Not a Django view: an open stream of Django holds a thread, this one holds about 20 kB.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from django.conf import settings
from django.db import Error
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host

from live.feed import Asked, Feed, accounts_asked, rights_asked
from live.hub import End, Hub, Stream, last_event
from live.reading import as_uuids
from live.rights import Rights

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Accounts that one page may name. The longest list of the admin has half as many.
MOST_SHOWN = 200
LAST_WORD_SECONDS = 1.0
_PORTS = {"http": 80, "https": 443}
_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-encoding", b"identity"),
    (b"vary", b"Cookie, Origin"),
]


class Application:
    """One per process."""

    hub: Hub
    feed: Feed
    loop: asyncio.AbstractEventLoop | None = None
    _rights: Asked
    _accounts: Asked

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    def stop(self) -> None:
        """End all streams with a last word. May be called by a signal's handler."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.hub.end_all, End.STOPPING)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.loop = asyncio.get_running_loop()
        self.hub = Hub()
        self.feed = Feed(self.hub)
        self._rights, self._accounts = rights_asked(), accounts_asked()
        self.feed.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.feed.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origin = _allowed_origin(headers)
        if origin is None:
            await _say(send, 403, {"error": "only for pages of this host"})
        elif scope["path"] == "/live/health" and scope["method"] == "GET":
            await _say(send, 200, {"status": "ok", **self._health()})
        elif scope["path"] == "/live/events" and scope["method"] == "GET":
            allowed = [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-allow-credentials", b"true"),
            ]
            await self._stream(scope, headers, allowed if origin else [], receive, send)
        else:
            await _say(send, 404, {"error": "GET /live/events or /live/health"})

    def _health(self) -> dict[str, object]:
        return {
            "version": settings.VERSION,
            "streams": len(self.hub.streams),
            "redis": self.feed.has_redis,
        }

    async def _stream(
        self,
        scope: Message,
        headers: dict[bytes, str],
        allowed: list[tuple[bytes, bytes]],
        receive: Receive,
        send: Send,
    ) -> None:
        key = parse_cookie(headers.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
        try:
            rights = await self._rights.ask(key) if key.isalnum() else None
        except Error:
            await _say(send, 503, {"error": "the database does not answer"}, allowed)
            return
        start = [(b"content-type", b"text/event-stream; charset=utf-8"), *_HEADERS, *allowed]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        if rights is None:
            await _send(send, last_event(End.FORBIDDEN), more=False)
            return
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("accounts", [""])[0]
        await self._follow(key, rights, as_uuids(asked, most=MOST_SHOWN), receive, send)

    async def _follow(
        self, key: str, rights: Rights, shown: list[str], receive: Receive, send: Send
    ) -> None:
        """Send what the hub gives, until the page or the hub ends it."""
        stream = Stream(key, rights, shown)
        # Before the snapshot is read, so that nothing is missed between the two.
        self.hub.add(stream)
        watch = asyncio.create_task(_until_gone(receive, asyncio.current_task()))
        try:
            found = [await self._accounts.ask(uuid) for uuid in ("", *shown)]
            now, accounts = found[0], [one for one in found[1:] if one is not None]
            await _send(send, self.hub.snapshot(stream, now, accounts))
            while True:
                await _send(send, await stream.queue.get())
        except asyncio.CancelledError:
            if stream.end is not None:
                await _finish(send, stream.end)
        except (Error, OSError):
            await _finish(send, End.UNCHECKED)
        finally:
            self.hub.remove(stream)
            watch.cancel()


async def _until_gone(receive: Receive, task: asyncio.Task[Any] | None) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if task is not None:
        task.cancel()


async def _finish(send: Send, why: End) -> None:
    """Send a last event to who is forbidden; the others come back by themselves."""
    last = last_event(why) if why is End.FORBIDDEN else b""
    try:
        await asyncio.wait_for(_send(send, last, more=False), LAST_WORD_SECONDS)
    except (TimeoutError, OSError):
        return


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _say(
    send: Send,
    status: int,
    content: dict[str, object],
    allowed: list[tuple[bytes, bytes]] | None = None,
) -> None:
    headers = [(b"content-type", b"application/json"), *_HEADERS, *(allowed or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await _send(send, json.dumps(content).encode(), more=False)


def _allowed_origin(headers: dict[bytes, str]) -> str | None:
    """Return the origin if it is of the pages: the same host, and the port of PUBLIC_URL or of the
    request; "" without one; None if it is another's, or the host is not ours.

    A browser sends its cookies to every port of a host, so another application there must not read
    the stream with them.
    """
    asked = headers.get(b"host", "")
    host, _ = split_domain_port(asked)
    if not host or not validate_host(host, settings.ALLOWED_HOSTS):
        return None
    origin = headers.get(b"origin", "")
    if not origin:
        return ""
    scheme = origin.partition("://")[0]
    if scheme not in _PORTS:
        return None
    pages = (urlsplit(settings.PUBLIC_URL), urlsplit(f"{scheme}://{asked}"))
    try:
        parts = urlsplit(origin)
        ports = {_port(one) for one in pages}
        ours = split_domain_port(parts.netloc)[0] == host and _port(parts) in ports
    except ValueError:
        return None
    return origin if ours else None


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)
