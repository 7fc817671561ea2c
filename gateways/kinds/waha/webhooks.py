"""WAHA (devlikeapro): its webhooks. Facts are from its documentation; we did not run it.

The body is signed. The headers with the time and the request's id are not: the protection
against a replay uses the body's own `id` and `timestamp` (milliseconds). It retries 15 times,
every 2 s.
"""

from __future__ import annotations

import msgspec

from gateways.base import Event, Kind, State
from gateways.kinds.base_webhooks import (
    NOTHING,
    EventMeaning,
    envelope_of,
    kept_of,
    moment_of_milliseconds,
    name_of,
    number_of,
    parser,
    part_of,
    word_of,
)
from gateways.kinds.waha.restrictions import restriction_of
from gateways.kinds.waha.words import EVENTS
from gateways.wire.untrusted import MAX_FIELD_BYTES, Body, WrongField, id_of, text_of


class _Payload(msgspec.Struct):
    status: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING


class _WahaSender(msgspec.Struct):
    id: msgspec.Raw = NOTHING
    jid: msgspec.Raw = NOTHING


class _WahaEnvelope(msgspec.Struct):
    id: msgspec.Raw = NOTHING
    timestamp: msgspec.Raw = NOTHING
    event: msgspec.Raw = NOTHING
    session: msgspec.Raw = NOTHING
    payload: msgspec.Raw = NOTHING
    me: msgspec.Raw = NOTHING


_ENVELOPES = msgspec.json.Decoder(_WahaEnvelope)
_PAYLOADS = msgspec.json.Decoder(_Payload)
_OWNERS = msgspec.json.Decoder(_WahaSender)


@parser
def parse(raw: Body) -> Event:
    """Parse one webhook's body. Older versions send neither id nor time."""
    envelope = envelope_of(raw, _ENVELOPES)
    name = name_of(envelope.event, "event")
    session_id = id_of(envelope.session, "session")
    # Whole, however long: a cut one could be another event's.
    event_id = text_of(envelope.id, "id", limit=MAX_FIELD_BYTES) or None
    occurred_at = moment_of_milliseconds(envelope.timestamp)
    meaning = EVENTS.get(name, EventMeaning(kind=Kind.UNRECOGNISED))
    if session_id is None and meaning.kind is not Kind.UNRECOGNISED:
        raise WrongField(f"{name} names no session: session is missing")
    is_read = bool(meaning.reads)
    payload = part_of(envelope.payload, "payload", _PAYLOADS) if is_read else _Payload()
    word = word_of(payload.status, "payload.status") if is_read else ""
    kind, state, reason = meaning.said(word)
    return Event(
        name=name,
        kind=kind,
        session_id=session_id,
        state=state,
        reason=reason,
        raw_reason=word,
        phone_number=_number(envelope.me) if state is State.CONNECTED else None,
        fields=kept_of(meaning, payload),
        restriction=restriction_of((_plain(payload.data), _plain(envelope.me))),
        event_id=event_id,
        occurred_at=occurred_at,
    )


def _plain(raw: msgspec.Raw) -> object:
    """Return any value as it was decoded; None if it is absent or cannot be read."""
    try:
        return msgspec.json.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _number(me: msgspec.Raw) -> str | None:
    """Return the session's own number, if readable; the event counts in any case.

    Its id may be a LID; one of its engines has the number beside it.
    """
    try:
        owner = part_of(me, "me", _OWNERS)
    except WrongField:
        return None
    return number_of(owner.id, "me.id") or number_of(owner.jid, "me.jid")
