"""The version: the only place that names it. `./run --version`, `/health` and the admin read it."""

from __future__ import annotations

VERSION = "0.2.0"
