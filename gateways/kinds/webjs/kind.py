"""The Node service (Express with whatsapp-web.js). What we call on it stands in webjs_calls, its
webhooks are read by `parse` (see webjs_events), its words stand in webjs_words.

Where a fact there says "observed", it was seen on the real service: tests/captures/node-service/.
"""

from __future__ import annotations

from gateways.kinds.webjs.client import Client
from gateways.kinds.webjs.webhooks import parse
from gateways.kinds.webjs.words import (
    INSTANCE_HEADER,
    KEY_HEADER,
    KEY_HEADERS,
    MESSAGE_LIKE,
    PROFILE,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    WRONG_PATHS,
    signature,
)

KIND = "webjs"

__all__ = [
    "INSTANCE_HEADER",
    "KEY_HEADER",
    "KEY_HEADERS",
    "KIND",
    "MESSAGE_LIKE",
    "PROFILE",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "WRONG_PATHS",
    "Client",
    "parse",
    "signature",
]
