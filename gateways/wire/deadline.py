"""One deadline for everything a call waits for: an httpx transport whose network obeys it."""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpcore
import httpx

from gateways.wire import address_guard
from gateways.wire.address_guard import Whom

# Node closes an idle connection after 5 s (its keepAliveTimeout); ours must be gone before, or a
# request would now and then meet a connection that is just being closed.
IDLE_CONNECTION_SECONDS = 4.0
MAX_IDLE_CONNECTIONS = 100


@dataclass(slots=True)
class Deadline:
    """The end of one call, and its progress."""

    seconds: float
    ends_at: float
    connected: bool = False
    received_bytes: int = 0

    def remaining_seconds(self) -> float:
        return self.ends_at - time.monotonic()

    def check(self) -> float:
        """Return the seconds left. Raise httpcore.TimeoutException if there are none."""
        remaining = self.remaining_seconds()
        if remaining <= 0:
            raise httpcore.TimeoutException
        return remaining

    def said(self) -> str:
        limit = f"within {self.seconds:g} s"
        if self.received_bytes:
            return f"the answer was not complete {limit}"
        return f"no answer {limit}" if self.connected else f"no connection {limit}"


_current: ContextVar[Deadline | None] = ContextVar("gateways_deadline", default=None)


@contextmanager
def deadline_of(seconds: float) -> Iterator[Deadline]:
    """Limit all network waits inside to `seconds` in total."""
    deadline = Deadline(seconds=seconds, ends_at=time.monotonic() + seconds)
    token = _current.set(deadline)
    try:
        yield deadline
    finally:
        _current.reset(token)


def _deadline() -> Deadline:
    deadline = _current.get()
    if deadline is None:
        raise RuntimeError("a gateway was called outside deadline_of()")
    return deadline


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose every wait gets the rest of the current call's deadline.

    httpcore sets a timeout per read; a server that sends its headers byte by byte would restart
    it with each byte. That timeout is therefore ignored.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        deadline = _deadline()
        deadline.connected = True
        data = self._stream.read(max_bytes, deadline.check())
        deadline.received_bytes += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _deadline().check())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        # Python's handshake counts its timeout over all its reads.
        remaining = _deadline().check()
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, remaining))

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _DeadlineBackend(httpcore.NetworkBackend):
    def __init__(self, whom: Whom) -> None:
        self._whom = whom
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = _deadline()
        if not host:  # the resolver would take it for this machine
            raise httpcore.ConnectError("the base URL names no host")
        addresses = self._allowed(_addresses(host, port, deadline), port)
        for position, address in enumerate(addresses):
            # A fair share for each, so that a dead first address leaves time for the second.
            share = deadline.check() / (len(addresses) - position)
            try:
                stream = self._backend.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(addresses) - 1:
                    raise
            else:
                deadline.connected = True
                return _DeadlineStream(stream)
        raise httpcore.ConnectError("the name has no address")

    def _allowed(self, addresses: list[str], port: int) -> list[str]:
        """Return the addresses that may be called; only addresses that were checked are connected
        to."""
        refusals = {
            address: address_guard.reach().refusal(address, port, self._whom)
            for address in addresses
        }
        allowed = [address for address, refusal in refusals.items() if not refusal]
        if refusals and not allowed:
            raise httpcore.ConnectError(next(iter(refusals.values())))
        return allowed

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, _deadline().check()))


def _addresses(host: str, port: int, deadline: Deadline) -> list[str]:
    """The addresses of a name, at most four. The system's resolver knows no timeout of ours, so it
    is asked in a thread of its own, which is left behind if it takes too long."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    answer: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
    threading.Thread(target=_resolve, args=(host, port, answer.put), daemon=True).start()
    try:
        found = answer.get(timeout=deadline.check())
    except queue.Empty:
        raise httpcore.ConnectTimeout from None
    if isinstance(found, OSError):
        raise httpcore.ConnectError(str(found)) from None
    return found[:4]


def _resolve(host: str, port: int, put: Callable[[list[str] | OSError], None]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        put(error if isinstance(error, OSError) else OSError("the name is not a host's name"))
    else:
        put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))


def trusted_certificates() -> ssl.SSLContext:
    """Public authorities and the machine's own store (a company's private authority)."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


class DeadlineTransport(httpx.BaseTransport):
    """Connections to any number of gateways, kept alive, TLS verified. Redirects and proxies are
    not its business: it has none. One for each of `Whom`: a connection that is kept was allowed for
    that."""

    def __init__(self, whom: Whom = Whom.GATEWAY) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted_certificates(),
            max_connections=None,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_CONNECTION_SECONDS,
            network_backend=_DeadlineBackend(whom),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not isinstance(request.stream, httpx.SyncByteStream):
            raise TypeError("bodies are sent synchronously only")
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()
