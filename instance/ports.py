"""Ports of our own servers: below the ephemeral range; whoever answers on one is verified."""

from __future__ import annotations

import errno
import random
import socket

from instance.state import Trouble

# Linux assigns ports from 32768 up to outgoing connections.
_OURS = range(20000, 32000)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(remembered: int | None = None, *, taken: frozenset[int] = frozenset()) -> int:
    """Return the remembered port if it is still free, else another one."""
    candidates = random.sample(_OURS, 50)
    for port in [remembered, *candidates] if remembered else candidates:
        if port not in taken and is_free(port):
            return port
    raise Trouble("no free port between 20000 and 32000 on 127.0.0.1")


def require_free(port: int, host: str) -> None:
    """Raise Trouble, with what to do, if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Trouble(
                    f"port {port} is in use: give another one with --port, or end what uses it"
                ) from None
            option = "--port" if error.errno == errno.EACCES else "--bind"
            raise Trouble(
                f"cannot listen on {host}:{port} ({error.strerror}): give another {option}"
            ) from None


def answers(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
