"""gunicorn's settings for `./run up`: two processes of eight threads (docs/decisions.md)."""

from __future__ import annotations

import os

from instance.children import die_with_parent

worker_class = "gthread"
workers = 2
threads = 8
preload_app = True  # loaded once, then forked; nothing is connected while loading
graceful_timeout = 3  # seconds for open requests when it stops
control_socket_disable = True


def post_fork(server: object, worker: object) -> None:
    """A worker that outlives a killed master would hold the port until it notices."""
    die_with_parent(os.getppid())
