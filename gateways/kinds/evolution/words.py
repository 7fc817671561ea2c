"""Evolution's words, and ours for them; and what its webhooks are known by. From its source."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.base import Kind, Reason, State
from gateways.kinds.base_webhooks import LIFE, TEST, EventMeaning, Words
from gateways.profiles import Profile, Token

PROFILE = Profile(
    cure="set headers of the instance's webhook: jwt_key, or apikey; its global webhook sends "
    "neither and needs a path of its own (gateway_add --path-token)",
    session_field="instance",
    token=Token(
        claims={"app": "evolution", "action": "webhook"},
        # Signed once per event, for 10 minutes; the event is retried for 20, and a refusal ends
        # that.
        late_seconds=15 * 60,
    ),
    key_headers=("apikey", "x-api-key"),
)

# `close` carries a code. It is sent for the first four only; the others reconnect silently.
CLOSES: Words = {
    "401": (State.LOGGED_OUT, Reason.UNLINKED),
    "402": (State.BLOCKED, Reason.TEMPORARY_BAN),
    "403": (State.BLOCKED, Reason.LOGIN_REFUSED),
    "405": (State.DISCONNECTED, Reason.CLIENT_OUTDATED),
    "406": (State.BLOCKED, Reason.TERMS_OF_SERVICE),
    "408": (State.DISCONNECTED, Reason.NETWORK),
    "409": (State.DISCONNECTED, Reason.CLIENT_OUTDATED),  # its user agent is not accepted
    "411": (State.LOGGED_OUT, Reason.UNLINKED),  # the login is no longer valid for the phone
    **dict.fromkeys(
        ("413", "414", "415", "416", "417"), (State.DISCONNECTED, Reason.LOGIN_REFUSED)
    ),
    "418": (State.DISCONNECTED, Reason.CLIENT_OUTDATED),
    "428": (State.DISCONNECTED, Reason.NETWORK),
    "440": (State.DISCONNECTED, Reason.REPLACED),
    "463": (State.DISCONNECTED, Reason.TEMPORARY_BAN),  # no messages to new contacts for a time
    "500": (State.DISCONNECTED, Reason.SESSION_ERROR),
    "501": (State.DISCONNECTED, Reason.CLIENT_OUTDATED),
    "503": (State.DISCONNECTED, Reason.NETWORK),
    "515": (State.CONNECTING, Reason.RECONNECTING),
}
STATES: Words = {
    "open": (State.CONNECTED, Reason.LISTED),
    "connecting": (State.CONNECTING, Reason.LISTED),
    "refused": (State.DISCONNECTED, Reason.QR_EXPIRED),
}
CLOSED = EventMeaning(
    kind=Kind.STATE,
    words=CLOSES | dict.fromkeys(("close", "closed"), (State.DISCONNECTED, Reason.LISTED)),
    otherwise=State.DISCONNECTED,
)
_QR_CODES: Words = {
    "": (State.QR_SCANNING, Reason.NONE),
    "500": (State.DISCONNECTED, Reason.QR_EXPIRED),
}

EVENTS: Mapping[str, EventMeaning] = (
    {
        "connection.update": EventMeaning(kind=Kind.STATE, reads="state", words=STATES),
        "qrcode.updated": EventMeaning(kind=Kind.STATE, reads="code", words=_QR_CODES),
        "status.instance": EventMeaning(kind=Kind.STATE, reads="status", words=STATES),
        "logout.instance": EventMeaning(
            kind=Kind.STATE, state=State.LOGGED_OUT, reason=Reason.UNLINKED
        ),
        "remove.instance": EventMeaning(kind=Kind.HINT),
        "instance.create": EventMeaning(kind=Kind.HINT),
        "instance.delete": EventMeaning(kind=Kind.HINT),
    }
    | dict.fromkeys(
        (
            *("messages.set", "messages.upsert", "messages.update", "messages.edited"),
            *("messages.delete", "messages.reaction", "send.message", "send.message.update"),
            *("presence.update", "call", "contacts.set", "contacts.upsert", "contacts.update"),
            *("chats.set", "chats.upsert", "chats.update", "chats.delete", "groups.upsert"),
            *("groups.update", "group.update", "group.participants.update", "labels.edit"),
            *("labels.association", "typebot.start", "typebot.change.status"),
        ),
        LIFE,
    )
    | TEST
)
# "By events" it sends to a path for each: `connection-update` for `connection.update`.
EVENT_SEGMENTS = tuple(sorted(name.replace(".", "-") for name in EVENTS if name not in TEST))
WEAK = frozenset(
    {
        *("presence.update", "contacts.set", "contacts.upsert", "contacts.update", "chats.set"),
        *("chats.upsert", "chats.update", "chats.delete", "messages.set", "labels.edit"),
        *("labels.association", "typebot.start", "typebot.change.status"),
    }
)
