"""The web as it is served: gunicorn with the project's own settings, on the tests' database, and
requests written by hand onto a socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
from django.conf import settings

from instance.environment import inherited
from instance.ports import free_port
from tests.instance.running import until
from tests.webhooks.sending import PATH, as_bytes, signed

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


@dataclass
class Answer:
    status: int
    content: bytes
    seconds: float

    def json(self) -> dict:
        return json.loads(self.content)


@dataclass
class Server:
    """`source`: the address that requests are sent from, one of 127.0.0.0/8."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    source: str = "127.0.0.1"

    def send(self, body: bytes, headers: Mapping[str, str], *, path: str = PATH) -> Answer:
        return self.exchange([body], {"Content-Length": str(len(body))} | headers, path=path)

    def send_signed(self, secret: str, body: bytes, **headers: str) -> Answer:
        return self.send(body, signed(secret, body) | headers)

    def learn(self, secret: str) -> None:
        """Returns when both of its processes know the secret; each looks twice a second at most."""
        ping = as_bytes({"event": "connection_test"})
        self._until_both_answer(lambda: self.send_signed(secret, ping).status == 200)

    def learn_path(self, path: str) -> None:
        """The same for a gateway's own path."""
        self._until_both_answer(lambda: self.send(b"{}", {}, path=path).status != 401)

    def _until_both_answer(self, is_known: Callable[[], bool]) -> None:
        def are_known() -> bool:
            with ThreadPoolExecutor(20) as senders:
                return all(senders.map(lambda _: is_known(), range(40)))

        until(are_known)

    def send_chunked(self, pieces: Iterable[bytes], headers: Mapping[str, str]) -> Answer:
        chunks = (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        return self.exchange(
            [*chunks, b"0\r\n\r\n"], {"Transfer-Encoding": "chunked"} | dict(headers)
        )

    def exchange(
        self, pieces: Iterable[bytes], headers: Mapping[str, str], *, path: str = PATH
    ) -> Answer:
        """Send a request with its body piece by piece, and return the answer."""
        began = time.monotonic()
        address, source = ("127.0.0.1", self.port), (self.source, 0)
        with socket.create_connection(address, PATIENCE_SECONDS, source) as connection:
            lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            # A server that has answered may have stopped reading.
            with suppress(ConnectionError):
                for piece in pieces:
                    connection.sendall(piece)
            content = read_all(connection)
        head, _, body = content.partition(b"\r\n\r\n")
        return Answer(int(head.split()[1]), body, time.monotonic() - began)

    def memory_bytes(self) -> int:
        """Return the memory of the master and its workers; shared memory counts once."""
        processes = [psutil.Process(self.process.pid)]
        processes += processes[0].children(recursive=True)
        return sum(process.memory_full_info().pss for process in processes)

    def logged(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()


def read_all(connection: socket.socket) -> bytes:
    pieces = []
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


@contextmanager
def served(
    directory: Path, *, config: str = "instance.web", **environment: str
) -> Iterator[Server]:
    """Start the server, wait for it, and stop it after the block. `environment` adds to the
    tests' own."""
    port = free_port()
    log = directory / f"web-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *[sys.executable, "-m", "gunicorn", "config.wsgi:application"],
                *["--config", f"python:{config}", "--bind", f"127.0.0.1:{port}"],
            ],
            env=deployed() | environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Server(port, process, log)
        until(lambda: _listens(server), limit_seconds=30)
        yield server
    finally:
        process.terminate()
        process.wait(15)


def _listens(server: Server) -> bool:
    assert server.process.poll() is None, server.logged()
    try:
        return server.exchange([], {}, path="/api/").status == 404
    except (OSError, IndexError):
        return False


def deployed() -> dict[str, str]:
    """The environment of a deployment, with the tests' database."""
    address = urlsplit(os.environ["DATABASE_URL"])
    name = settings.DATABASES["default"]["NAME"]
    return {
        **inherited(),
        "DATABASE_URL": urlunsplit(address._replace(path=f"/{name}")),
        "ROLLCALL_INSECURE_HTTP": "1",
        "FORWARD_NETWORKS": "127.0.0.0/8",  # the tests' backends are here
    }
