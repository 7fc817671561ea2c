"""WAHA's words, and ours for them; and what its webhooks are known by. From its documentation."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.base import Kind, Reason, State
from gateways.kinds.base_webhooks import LIFE, TEST, EventMeaning, Words
from gateways.profiles import Profile, Signature

PROFILE = Profile(
    cure="set WHATSAPP_HOOK_HMAC_KEY, or hmac.key of the session's webhook; or let "
    "WHATSAPP_HOOK_CUSTOM_HEADERS send X-Api-Key",
    session_field="session",
    signature=Signature(
        header="X-Webhook-Hmac", algorithm="sha512", algorithm_header="X-Webhook-Hmac-Algorithm"
    ),
    key_headers=("X-Api-Key",),
    # Ten times the duration of its own retries.
    replay_seconds=300,
)

STATES: Words = {
    "starting": (State.CONNECTING, Reason.LISTED),
    "scan_qr_code": (State.QR_SCANNING, Reason.LISTED),
    "passkey_required": (State.QR_SCANNING, Reason.PASSKEY_REQUIRED),
    "passkey_confirmation_required": (State.QR_SCANNING, Reason.PASSKEY_REQUIRED),
    "working": (State.CONNECTED, Reason.LISTED),
    # Mostly transient: it starts the session again by itself. An unlinked session stays FAILED.
    "failed": (State.DISCONNECTED, Reason.SESSION_ERROR),
    "stopped": (State.DISCONNECTED, Reason.LISTED),
}

EVENTS: Mapping[str, EventMeaning] = (
    {
        "session.status": EventMeaning(
            kind=Kind.STATE, reads="status", words=STATES, kept=("status",)
        ),
        # The engine's raw state, deprecated.
        "state.change": EventMeaning(kind=Kind.HINT),
    }
    | dict.fromkeys(
        (
            *("message", "message.any", "message.ack", "message.ack.group", "message.reaction"),
            *("message.revoked", "message.edited", "message.waiting", "poll.vote"),
            *("poll.vote.failed", "event.response", "event.response.failed", "presence.update"),
            *("call.received", "call.accepted", "call.rejected", "chat.archive", "engine.event"),
            *("group.join", "group.leave", "group.v2.join", "group.v2.leave", "group.v2.update"),
            *("group.v2.participants", "label.upsert", "label.deleted", "label.chat.added"),
            "label.chat.deleted",
        ),
        LIFE,
    )
    | TEST
)
WEAK = frozenset({"presence.update", "chat.archive", "engine.event", "label.upsert"})
