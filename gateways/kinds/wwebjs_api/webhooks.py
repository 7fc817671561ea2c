"""wwebjs-api (avoylenko): its webhooks, and the words that it and whatsapp-web.js use in them.

Recorded traffic: tests/captures/wwebjs-api/. Its own admin key is all that it sends to prove who it
is; there is no id, no time, no retry and no order. It reports no crash, no kill and no hang.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateways.base import Event, Kind, Reason, State
from gateways.kinds.base_webhooks import (
    NOTHING,
    envelope_of,
    kept_of,
    name_of,
    parser,
    part_of,
    word_of,
)
from gateways.kinds.meaning import LIFE, TEST, Meaning, Words
from gateways.kinds.webjs.words import LOSSES as LIBRARY_LOSSES
from gateways.profiles import Profile
from gateways.wire.json_fields import Body, WrongField, id_of, text_of
from gateways.wire.qr_images import MAX_CODE_CHARACTERS, address_of_code

KIND = "wwebjs_api"
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

EVENTS: Mapping[str, Meaning] = (
    {
        "qr": Meaning(kind=Kind.STATE, state=State.QR_SCANNING),
        "code": Meaning(kind=Kind.STATE, state=State.QR_SCANNING),
        # May overtake or follow `ready`: they are sent at once, on connections of their own.
        "loading_screen": Meaning(kind=Kind.HINT, kept=("percent",)),
        "authenticated": Meaning(
            kind=Kind.STATE, state=State.CONNECTING, reason=Reason.AUTHENTICATED
        ),
        "ready": Meaning(kind=Kind.STATE, state=State.CONNECTED),
        "change_state": Meaning(kind=Kind.STATE, reads="state", words=CHANGES, kept=("state",)),
        "disconnected": Meaning(
            kind=Kind.STATE,
            reads="reason",
            words=LOSSES,
            otherwise=State.DISCONNECTED,
            kept=("reason",),
        ),
        # This is the library's auth_failure, renamed.
        "status": Meaning(kind=Kind.HINT, reason=Reason.SESSION_ERROR),
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
# What WhatsApp's server may replay, so that it does not prove the live client.
WEAK = frozenset({"unread_count", "contact_changed", "chat_removed", "chat_archived"})


class _Data(msgspec.Struct):
    state: msgspec.Raw = NOTHING
    reason: msgspec.Raw = NOTHING
    percent: msgspec.Raw = NOTHING
    qr: msgspec.Raw = NOTHING


class _Envelope(msgspec.Struct, rename={"name": "dataType", "session_id": "sessionId"}):
    name: msgspec.Raw = NOTHING
    session_id: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING


_ENVELOPES = msgspec.json.Decoder(_Envelope)
_DATA = msgspec.json.Decoder(_Data)


@parser
def parse(raw: Body) -> Event:
    """One webhook's body as an `Event`. It sends a code's text: the picture is drawn here."""
    envelope = envelope_of(raw, _ENVELOPES)
    name = name_of(envelope.name, "dataType")
    session_id = id_of(envelope.session_id, "sessionId")
    meaning = EVENTS.get(name)
    if meaning is None:
        return Event(name=name, kind=Kind.UNRECOGNISED, session_id=session_id)
    if session_id is None:
        raise WrongField(f"{name} names no session: sessionId is missing")
    if meaning.kind is Kind.LIFE:
        return Event(name=name, kind=Kind.LIFE, session_id=session_id)
    data = part_of(envelope.data, "data", _DATA)
    word = word_of(getattr(data, meaning.reads), meaning.reads) if meaning.reads else ""
    kind, state, reason = meaning.said(word)
    return Event(
        name=name,
        kind=kind,
        session_id=session_id,
        state=state,
        reason=reason,
        raw_reason=word,
        qr_code=_drawn(data.qr) if name == "qr" else None,
        fields=kept_of(meaning, data),
    )


def _drawn(raw: msgspec.Raw) -> str | None:
    """None where it is no code: that somebody must scan is said all the same."""
    try:
        return address_of_code(text_of(raw, "qr", limit=MAX_CODE_CHARACTERS + 1))
    except WrongField:
        return None
