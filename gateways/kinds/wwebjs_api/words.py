"""wwebjs-api's words, and ours for them; and what its webhooks are known by. Recorded traffic:
tests/captures/wwebjs-api/."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.base import Kind, Reason, State
from gateways.kinds.base_webhooks import LIFE, TEST, EventMeaning, Words
from gateways.kinds.whatsapp_web_js import LIBRARY_LOSSES
from gateways.profiles import Profile

PROFILE = Profile(
    cure="set API_KEY in its .env: it sends it along as x-api-key",
    session_field="sessionId",
    key_headers=("x-api-key",),
)

LOSSES: Words = LIBRARY_LOSSES | {
    "unlaunched": (State.DISCONNECTED, Reason.SESSION_ERROR),
}

# Sent only after the first `ready`, so that UNPAIRED here is a loss; in a status it is a QR code.
CHANGES: Words = LOSSES | {
    "connected": (State.CONNECTED, Reason.NONE),
    "opening": (State.CONNECTING, Reason.NETWORK),
    "pairing": (State.CONNECTING, Reason.NONE),
    # Observed: it may come back by itself, and then says so with CONNECTED, not with `ready`.
    "timeout": (State.CONNECTING, Reason.NETWORK),
}

EVENTS: Mapping[str, EventMeaning] = (
    {
        "qr": EventMeaning(kind=Kind.STATE, state=State.QR_SCANNING),
        "code": EventMeaning(kind=Kind.STATE, state=State.QR_SCANNING),
        # May overtake or follow `ready`: they are sent at once, on connections of their own.
        "loading_screen": EventMeaning(kind=Kind.HINT, kept=("percent",)),
        "authenticated": EventMeaning(
            kind=Kind.STATE, state=State.CONNECTING, reason=Reason.AUTHENTICATED
        ),
        "ready": EventMeaning(kind=Kind.STATE, state=State.CONNECTED),
        "change_state": EventMeaning(
            kind=Kind.STATE, reads="state", words=CHANGES, kept=("state",)
        ),
        "disconnected": EventMeaning(
            kind=Kind.STATE,
            reads="reason",
            words=LOSSES,
            otherwise=State.DISCONNECTED,
            kept=("reason",),
        ),
        # This is the library's auth_failure, renamed.
        "status": EventMeaning(kind=Kind.HINT, reason=Reason.SESSION_ERROR),
    }
    | dict.fromkeys(
        (
            *("message", "message_create", "message_ack", "message_reaction", "message_edit"),
            *("message_ciphertext", "message_revoke_everyone", "message_revoke_me", "media"),
            *("media_uploaded", "vote_update", "call", "unread_count", "contact_changed"),
            *("chat_removed", "chat_archived", "group_join", "group_leave", "group_update"),
            *("group_admin_changed", "group_membership_request"),
        ),
        LIFE,
    )
    | TEST
)
# Events that WhatsApp's server may replay: no proof of the live client.
WEAK = frozenset({"unread_count", "contact_changed", "chat_removed", "chat_archived"})
