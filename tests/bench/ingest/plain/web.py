"""gunicorn's settings for the plain application: the usual two processes of eight threads."""

from __future__ import annotations

worker_class = "gthread"
workers = 2
threads = 8
preload_app = True
control_socket_disable = True
loglevel = "warning"
