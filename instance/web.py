"""gunicorn's settings for `./run up`: two processes of THREADS threads (docs/decisions.md)."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from config import environment
from instance.processes import patience
from instance.processes.children import die_with_parent

worker_class = patience.PatientWorker
workers = 2
threads = (
    environment.threads()
)  # most threads wait for slow bodies, without a connection to the database
preload_app = True  # loaded once, then forked; nothing is connected while loading
graceful_timeout = 3  # seconds for open requests when it stops
keepalive = patience.KEEPALIVE_SECONDS
control_socket_disable = True
forwarder_headers = ""  # a client's SCRIPT_NAME would serve every page below any prefix
# One JSON object a line, like all our logs.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "filters": {"counted": {"()": "config.logs.Counted"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "filters": ["counted"],
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"gunicorn.error": {"level": "INFO", "propagate": True, "handlers": []}},
}
patience.be_patient(threads)


def when_ready(server: object) -> None:
    """Exclude the loaded objects from garbage collection, so that workers copy less memory."""
    gc.collect()
    gc.freeze()


def post_fork(server: object, worker: object) -> None:
    """End a worker with its master: else it holds the port until it notices."""
    die_with_parent(os.getppid())
    # A small webhook takes Python's lock some dozens of times, and each time may wait this long for
    # every large body that is read at the same time. The default is 5 ms.
    sys.setswitchinterval(0.0005)


def pre_request(worker: object, request: Any) -> None:
    patience.head_is_read(request)


def post_request(worker: object, request: Any, environ: object, response: object) -> None:
    patience.request_is_over(request)
