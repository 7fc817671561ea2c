"""Bounded HTTP to gateways: one deadline for the whole call, at most 16 MB.

A gateway is a foreign process that may hang, send false data or send slowly. `httpx` times each
read, so a server that sends one byte a second could hold a caller for hours. Here every wait for
the network (name, connect, TLS, each read and write) gets the rest of the call's one deadline:
see `_DeadlineBackend`. Requests go straight to a transport and not through `httpx.Client`, which
would log the address with its key, keep a gateway's cookies and read proxies from the
environment.
"""

from __future__ import annotations

import functools
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode

import httpcore
import httpx
import msgspec

from gateways.base import BadAnswer, ConnectionRefused, GatewayError, TimedOut, Unreachable
from gateways.wire.address_guard import Whom
from gateways.wire.deadline import Deadline, DeadlineTransport, deadline_of
from gateways.wire.untrusted import printable

MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_QUOTED_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: any status but a redirect, the body whole and decompressed."""

    status_code: int
    body: bytes
    where: str  # "GET /health on http://host:3001", for error texts
    content_type: str = ""
    retry_after: str = ""  # its header, as it was sent


class Http:
    """Calls to one base URL. `secrets` never appear in an error's text.

    Without `transport` all instances of a process share one pool of connections.
    """

    def __init__(
        self,
        base_url: str,
        *,
        secrets: tuple[str, ...] = (),
        transport: httpx.BaseTransport | None = None,
        whom: Whom = Whom.GATEWAY,
    ) -> None:
        self._whom = whom
        self._base_url = base_url.rstrip("/")
        self._shown_url = shown(self._base_url)
        self._secrets = tuple(secret for secret in secrets if secret)
        self._transport = transport

    def call(
        self,
        method: str,
        path: str,
        *,
        deadline_seconds: float,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call within `deadline_seconds`. `path` is percent-encoded already.

        Raise ConnectionRefused, TimedOut, Unreachable or BadAnswer; any status below 300 and from
        400 up is an answer.
        """
        where = self.clean(f"{method} {path} on {self._shown_url}")
        with deadline_of(deadline_seconds) as deadline, self._translated(where, deadline):
            request = self._request(method, path, query=query, body=body, headers=headers)
            request.extensions["timeout"] = httpx.Timeout(deadline_seconds).as_dict()
            return self._answer(request, where=where, deadline=deadline)

    def clean(self, text: str) -> str:
        """Return `text` fit for an error: on one line, short, without a secret."""
        for secret in self._secrets:
            for spelling in {secret, quote(secret, safe=""), quote(secret)}:
                text = text.replace(spelling, "***")
        return printable(text, limit=MAX_QUOTED_CHARACTERS)

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Request:
        url = f"{self._base_url}{path}" + (f"?{urlencode(query)}" if query else "")
        # As bytes: httpx would take only ASCII, and keys contain any character.
        sent = {name: value.encode() for name, value in (headers or {}).items()}
        sent |= {
            "Accept": b"application/json",
            "Accept-Encoding": b"gzip",
            "User-Agent": b"Rollcall",
        }
        if body is None:
            return httpx.Request(method, url, headers=_as_bytes(sent))
        sent["Content-Type"] = b"application/json"
        return httpx.Request(
            method, url, headers=_as_bytes(sent), content=msgspec.json.encode(body)
        )

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Yield the response, its body not read yet. Raises what `_translated` translates."""
        return (self._transport or _shared_transport(os.getpid(), self._whom)).handle_request(
            request
        )

    def _answer(self, request: httpx.Request, *, where: str, deadline: Deadline) -> Answer:
        response = self.respond(request)
        try:
            if 300 <= response.status_code < 400:
                target = self.clean(unquote(shown(response.headers.get("location", ""))))
                raise BadAnswer(
                    f"{where}: {response.status_code} redirects to {target or 'nowhere'}, "
                    "which is not followed: is the base URL right?"
                )
            body = b"".join(_bounded(response, where=where, deadline=deadline))
        finally:
            response.close()
        return Answer(
            status_code=response.status_code,
            body=body,
            where=where,
            content_type=response.headers.get("content-type", ""),
        )

    @contextmanager
    def _translated(self, where: str, deadline: Deadline) -> Iterator[None]:
        """Translate httpx and httpcore errors into ours.

        Their texts are quoted only if they are the operating system's: a protocol error may
        quote the header that holds the key.
        """
        try:
            yield
        except GatewayError:
            raise
        except (httpx.TimeoutException, httpcore.TimeoutException) as error:
            if isinstance(error, httpx.ReadTimeout | httpcore.ReadTimeout):
                deadline.connected = True
            raise TimedOut(f"{where}: {deadline.said()}") from None
        except (httpx.ConnectError, httpcore.ConnectError) as error:
            raise ConnectionRefused(f"{where}: {self.clean(_why_refused(error))}") from None
        except (httpx.NetworkError, httpcore.NetworkError):
            raise _broken_off(where, deadline) from None
        except (httpx.RemoteProtocolError, httpcore.RemoteProtocolError):
            raise _broken_off(where, deadline, garbled=True) from None
        except (
            httpx.UnsupportedProtocol,
            httpx.InvalidURL,
            httpx.LocalProtocolError,
            httpcore.UnsupportedProtocol,
            httpcore.LocalProtocolError,
            UnicodeError,
        ):
            raise ConnectionRefused(
                f"{where}: the base URL or the key cannot be sent over HTTP"
            ) from None


def shown(url: str) -> str:
    """Return an address without user, password, query or fragment."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        return re.split(r"[?#]", url, maxsplit=1)[0].rsplit("@", 1)[-1]
    shown_url = parts.copy_with(username=None, password=None, query=None, fragment=None)
    return str(shown_url).rstrip("/")


def _as_bytes(headers: Mapping[str, bytes]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value) for name, value in headers.items()]


def _bounded(response: httpx.Response, *, where: str, deadline: Deadline) -> Iterator[bytes]:
    """Yield the body, decompressed here: httpx expands a whole chunk before its size can be
    checked."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise BadAnswer(f"{where}: answered in {printable(encoding, limit=20)!r}, not asked for")
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    allowed = MAX_ANSWER_BYTES
    for chunk in raw_pieces(response):
        deadline.check()
        piece = chunk if inflate is None else _inflated(inflate, chunk, allowed + 1, where)
        allowed -= len(piece)
        if allowed < 0:
            raise BadAnswer(f"{where}: the answer is longer than {MAX_ANSWER_BYTES} bytes")
        yield piece
    if inflate is not None and not inflate.eof:
        raise BadAnswer(f"{where}: the compressed answer breaks off")


def raw_pieces(response: httpx.Response) -> httpx.SyncByteStream:
    if not isinstance(response.stream, httpx.SyncByteStream):
        raise TypeError("gateways are called by synchronous transports only")
    return response.stream


def _inflated(inflate: zlib._Decompress, chunk: bytes, limit: int, where: str) -> bytes:
    try:
        return inflate.decompress(chunk, limit)
    except zlib.error:
        raise BadAnswer(f"{where}: the compressed answer is damaged") from None


def _broken_off(where: str, deadline: Deadline, *, garbled: bool = False) -> GatewayError:
    if not deadline.received_bytes:
        return Unreachable(f"{where}: the connection was closed before any answer")
    if garbled:
        return BadAnswer(f"{where}: the answer is not HTTP, or breaks off")
    return BadAnswer(f"{where}: the answer breaks off")


def _why_refused(error: Exception) -> str:
    """The operating system's own words, without the noise around them."""
    text = str(error) or "refused"
    text = re.sub(r"^\[(Errno|SSL)[^\]]*\] ", "", text)
    return re.sub(r" \(_ssl\.c:\d+\)$", "", text)


@functools.lru_cache(maxsize=len(Whom))
def _shared_transport(process_id: int, whom: Whom) -> DeadlineTransport:
    """Return this process' pool: a forked child must not speak on its parent's connections."""
    return DeadlineTransport(whom)
