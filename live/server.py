"""The process of the streams: its socket, its server, its end."""

from __future__ import annotations

import argparse
import ipaddress
import resource
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string

from live.stream import Application

# Without these a client whose address vanished would hold its stream for a quarter of an hour.
GONE_AFTER_MILLISECONDS = 15_000
KEEPALIVE_SECONDS = 5
# All streams get their last word at once; this is for one that does not read it.
STOPS_WITHIN_SECONDS = 3
BACKLOG = 2048


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the streams first: uvicorn waits for them, and tells the application last. It would
        also raise the signal again at the end, and so skip what Python does at its exit."""
        self._stop()
        self.should_exit = True


def main() -> None:
    """Serve until SIGTERM. Django must be set up."""
    parser = argparse.ArgumentParser(prog="python -m config.live")
    parser.add_argument("--bind", default="127.0.0.1:8001", metavar="ADDRESS:PORT")
    host, _, port = parser.parse_args().bind.rpartition(":")
    _load()
    listener = listening(host.strip("[]"), int(port))
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    app = Application()
    config = uvicorn.Config(
        app,
        lifespan="on",
        access_log=False,
        log_config=None,  # the root logger writes JSON, as in all our processes
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOPS_WITHIN_SECONDS,
    )
    Server(config, app.stop).run(sockets=[listener])


def _load() -> None:
    """Import now what the first page would wait for: the pages' own words, and their addresses."""
    for name in (settings.LIVE_ACCOUNTS, settings.LIVE_COUNTS):
        import_string(name)
    get_resolver().url_patterns  # noqa: B018


def listening(host: str, port: int) -> socket.socket:
    """Return a socket whose connections end soon after their client is gone without a word."""
    try:
        is_v6 = ipaddress.ip_address(host).version == 6
    except ValueError:  # a name
        is_v6 = False
    listener = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_USER_TIMEOUT", GONE_AFTER_MILLISECONDS),
        ("TCP_KEEPIDLE", KEEPALIVE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_SECONDS),
        ("TCP_KEEPCNT", 2),
    ):
        if (option := getattr(socket, name, None)) is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener
