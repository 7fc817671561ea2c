"""A business's own backend on 127.0.0.1, for tests of what is handed on."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Arrived:
    """A complete request; of its body only the size, the digest and the beginning."""

    headers: dict[str, str]
    size_bytes: int
    digest: str
    beginning: bytes


@dataclass
class FakeBackend:
    """`status`, `headers` and `body` are its answer, with `drips` a byte every tenth of a second.
    While `gate` is not set it does not answer; `waiting` counts the requests that it has read,
    `begun` those of which it has seen anything. Once `full_at` have arrived it calls `when_full`.
    """

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"ok": true}'
    content_type: str = "application/json"
    drips: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: list[Arrived] = field(default_factory=list)
    begun: int = 0
    waiting: int = 0
    full_at: int = 0
    when_full: Callable[[], object] = lambda: None
    broken_off: int = 0


@contextmanager
def a_backend() -> Iterator[FakeBackend]:
    backend = FakeBackend()
    backend.gate.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            backend.begun += 1
            arrived = _read(self)
            if arrived is None:
                backend.broken_off += 1
                self.close_connection = True
                return
            backend.waiting += 1
            backend.gate.wait(30)
            backend.arrived.append(arrived)
            if len(backend.arrived) == backend.full_at:
                backend.when_full()
            self.send_response(backend.status)
            self.send_header("Content-Type", backend.content_type)
            self.send_header("Content-Length", str(len(backend.body)))
            for name, value in backend.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):
                for piece in _dripping(backend.body) if backend.drips else [backend.body]:
                    self.wfile.write(piece)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    backend.url = f"http://127.0.0.1:{server.server_port}/hooks/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield backend
    finally:
        backend.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _dripping(body: bytes) -> Iterator[bytes]:
    for number in range(len(body)):
        time.sleep(0.1)
        yield body[number : number + 1]


def _read(request: BaseHTTPRequestHandler) -> Arrived | None:
    """Return the request; None if it broke off before its end."""
    digest, beginning, size = hashlib.sha256(), b"", 0
    for piece in _pieces(request):
        if piece is None:
            return None
        digest.update(piece)
        beginning = (beginning + piece)[:1000] if len(beginning) < 1000 else beginning
        size += len(piece)
    return Arrived(dict(request.headers.items()), size, digest.hexdigest(), beginning)


def _pieces(request: BaseHTTPRequestHandler) -> Iterator[bytes | None]:
    if "Content-Length" in request.headers:
        left = int(request.headers["Content-Length"])
        while left:
            piece = request.rfile.read(min(left, 65536))
            if not piece:
                yield None
                return
            left -= len(piece)
            yield piece
        return
    while True:
        size = request.rfile.readline()
        if not size.strip():
            yield None
            return
        length = int(size, 16)
        piece = request.rfile.read(length)
        request.rfile.readline()
        if not length:
            return
        yield piece
