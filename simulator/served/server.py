"""The simulated gateway as a process: an API port that closes when it is stopped, and a control
port that stays open."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from simulator.served.api import application
from simulator.state.settings import Failure
from simulator.web.wsgi import Application
from simulator.world.world import ProcessState, World

TICK_SECONDS = 0.05


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: request addresses contain the key."""


class _SimulatorServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: Application) -> None:
        self._open: dict[socket.socket, int] = {}  # each with its thread
        super().__init__(address, _Handler)
        self.set_app(app)

    def server_bind(self) -> None:
        """Bind without resolving this machine's host name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open[request] = threading.get_ident()
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a caller that disconnected. Print any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Close every connection, as when a process dies, except the control connection that
        asked for it."""
        for connection, thread in list(self._open.items()):
            if thread != threading.get_ident():
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Listener:
    """A port that can be closed and opened again."""

    def __init__(self, host: str, port: int, app: Application) -> None:
        self._host, self._app = host, app
        self.port = port
        self._server: _SimulatorServer | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open the port. Raise OSError if it is taken."""
        with self._lock:
            if self._server is not None:
                return
            server = self._server = _SimulatorServer((self._host, self.port), self._app)
            self.port = server.server_port
            threading.Thread(target=server.serve_forever, args=(TICK_SECONDS,), daemon=True).start()

    def close(self) -> None:
        with self._lock:
            server, self._server = self._server, None
            if server is not None:
                server.shutdown()
                server.server_close()
                server.hang_up()


class Process:
    """The two ports of a world, and the thread that runs its due jobs."""

    def __init__(self, world: World, *, host: str, port: int, control_port: int) -> None:
        self._world = world
        app = application(world)
        self.api = Listener(host, port, app)
        self.control = Listener(host, control_port, app)
        self._ended = threading.Event()

    def start(self) -> None:
        """Open both ports and start the thread. Raise OSError if a port is taken."""
        self.control.open()
        self.api.open()
        self._world.when_state_changes = self._follow
        threading.Thread(target=self._tick, daemon=True).start()

    def wait(self) -> None:
        self._ended.wait()

    def end(self) -> None:
        self._ended.set()

    def close(self) -> None:
        self._ended.set()
        self.api.close()
        self.control.close()

    def _follow(self, state: ProcessState) -> None:
        if state is ProcessState.STOPPED:
            self.api.close()
            return
        try:
            self.api.open()
        except OSError as error:
            self._world.state = ProcessState.STOPPED
            raise Failure(f"port {self.api.port} cannot be opened again: {error}") from None

    def _tick(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            self._world.settle()
