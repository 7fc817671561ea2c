"""The Node service's words, and ours for them. Sources: its wire contract as recorded in
tests/captures/node-service/, and the reasons whatsapp-web.js itself hands on."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from gateways.base import Kind, Reason, State
from gateways.kinds.base_webhooks import LIFE, EventMeaning, Words
from gateways.kinds.whatsapp_web_js import LIBRARY_LOSSES
from gateways.profiles import Profile, Signature

SIGNATURE_HEADER = "X-HMAC-Signature"
TIMESTAMP_HEADER = "X-Timestamp"  # unix seconds, as text
KEY_HEADER = "X-API-Key"
KEY_HEADERS = (KEY_HEADER,)
INSTANCE_HEADER = "X-Instance-Url"  # not signed: a hint, never an address to call

PROFILE = Profile(
    cure="set the gateway's secret",
    session_field="session_id",
    signature=Signature(
        header=SIGNATURE_HEADER,
        algorithm="sha256",
        before_body=(TIMESTAMP_HEADER,),
        timestamp_header=TIMESTAMP_HEADER,
    ),
    key_headers=KEY_HEADERS,
    address_header=INSTANCE_HEADER,
)

# Wrong paths in use: one was hard-coded in shipped versions, the other was in a misconfigured
# environment.
WRONG_PATHS = ("/api/whatsapp/webhooks/webjs", "/api/webhooks/whatsapp-webjs")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return lower-case hex HMAC-SHA256 over the timestamp and the raw body, nothing between
    them."""
    digest = hmac.new(secret.encode(), timestamp.encode(), hashlib.sha256)
    digest.update(body)
    return digest.hexdigest()


# The values of `status` in a list, a status answer and `session_status_changed`.
STATES: Words = {
    "qr_scanning": (State.QR_SCANNING, Reason.LISTED),
    "authenticated": (State.CONNECTING, Reason.AUTHENTICATED),
    "connected": (State.CONNECTED, Reason.LISTED),
    "disconnected": (State.DISCONNECTED, Reason.LISTED),
    # Held in its memory, not working, and not retried by itself: a restart may bring it back.
    "error": (State.DISCONNECTED, Reason.SESSION_ERROR),
    # Older versions only.
    "initializing": (State.CONNECTING, Reason.LISTED),
    "failed": (State.DISCONNECTED, Reason.SESSION_ERROR),
}

# The reasons of `session_disconnected`, in lower case.
LOSSES: Words = LIBRARY_LOSSES | {
    # Sent only by a service that watches its browsers (rollcall-sender); the shipped one does not.
    "browser_crashed": (State.DISCONNECTED, Reason.BROWSER_GONE),
    "page_crashed": (State.DISCONNECTED, Reason.BROWSER_GONE),
    "page_closed": (State.DISCONNECTED, Reason.BROWSER_GONE),
    "page_left": (State.DISCONNECTED, Reason.PAGE_GONE),
    "browser_unresponsive": (State.UNRESPONSIVE, Reason.HUNG),
    "page_unresponsive": (State.UNRESPONSIVE, Reason.HUNG),
}


EVENTS: Mapping[str, EventMeaning] = {
    "qr_code_generated": EventMeaning(
        kind=Kind.STATE,
        state=State.QR_SCANNING,
        kept=("expires_in", "qr_count", "is_regeneration"),
    ),
    "session_authenticated": EventMeaning(
        kind=Kind.STATE,
        state=State.CONNECTING,
        reason=Reason.AUTHENTICATED,
        kept=("status",),
    ),
    "session_ready": EventMeaning(
        kind=Kind.STATE,
        state=State.CONNECTED,
        kept=("status", "platform", "extraction_method"),
    ),
    "session_disconnected": EventMeaning(
        kind=Kind.STATE,
        reads="reason",
        words=LOSSES,
        otherwise=State.DISCONNECTED,
        kept=("reason",),
    ),
    "session_reconnect_failed": EventMeaning(
        kind=Kind.STATE,
        state=State.DISCONNECTED,
        reason=Reason.GATEWAY_GAVE_UP,
        kept=("status", "max_retries", "timestamp"),
    ),
    "session_status_changed": EventMeaning(
        kind=Kind.STATE, reads="status", words=STATES, kept=("status",)
    ),
    # Observed on the Node service: sent 5 s after a CONFLICT although nothing had reconnected.
    "session_reconnected": EventMeaning(kind=Kind.HINT, kept=("status", "timestamp")),
    "session_error": EventMeaning(
        kind=Kind.HINT, reason=Reason.SESSION_ERROR, kept=("error", "message")
    ),
    "message_received": LIFE,
    "message_sent": LIFE,
    "message_status_updated": LIFE,
    "message_delivered": LIFE,
    "message_read": LIFE,
    "typing_indicator": LIFE,
    "chat_state_updated": LIFE,
    "mobile_activity_detected": LIFE,
    "connection_test": EventMeaning(kind=Kind.CANARY),
}

# Proof of the live client; `message_*` bodies reach 50 MB, since media is inlined.
MESSAGE_LIKE = frozenset(name for name, meaning in EVENTS.items() if meaning.kind is Kind.LIFE)

# Typing and presence can be replayed by a server; a message or its acknowledgement cannot.
WEAK = frozenset({"typing_indicator", "chat_state_updated", "mobile_activity_detected"})
