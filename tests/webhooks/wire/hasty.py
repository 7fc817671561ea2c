"""The web's own settings, with less patience: for tests of slow senders."""

from __future__ import annotations

from instance.processes import patience
from instance.web import *  # noqa: F403

patience.HEAD_SECONDS = 0.5
patience.BODY_SECONDS = 1.0
patience.KEEPALIVE_SECONDS = 0
