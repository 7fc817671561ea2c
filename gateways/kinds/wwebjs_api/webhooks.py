"""wwebjs-api (avoylenko): its webhooks, and the terms that it and whatsapp-web.js use in them.

Recorded traffic: tests/captures/wwebjs-api/. Its own admin key is its only credential; there is
no id, no time, no retry and no order. It reports no crash, no kill and no hang.
"""

from __future__ import annotations

import msgspec

from gateways.base import Event, Kind
from gateways.kinds.base_webhooks import (
    NOTHING,
    envelope_of,
    kept_of,
    name_of,
    parser,
    part_of,
    word_of,
)
from gateways.kinds.wwebjs_api.words import EVENTS
from gateways.wire.qr_images import MAX_CODE_CHARACTERS, address_of_code
from gateways.wire.untrusted import Body, WrongField, id_of, text_of


class _ApiData(msgspec.Struct):
    state: msgspec.Raw = NOTHING
    reason: msgspec.Raw = NOTHING
    percent: msgspec.Raw = NOTHING
    qr: msgspec.Raw = NOTHING


class _ApiEnvelope(msgspec.Struct, rename={"name": "dataType", "session_id": "sessionId"}):
    name: msgspec.Raw = NOTHING
    session_id: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING


_ENVELOPES = msgspec.json.Decoder(_ApiEnvelope)
_DATA = msgspec.json.Decoder(_ApiData)


@parser
def parse(raw: Body) -> Event:
    """Parse one webhook's body. It contains a code's text: the picture is drawn here."""
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
    """Return the picture; None for an invalid code: the need for a scan is reported all the
    same."""
    try:
        return address_of_code(text_of(raw, "qr", limit=MAX_CODE_CHARACTERS + 1))
    except WrongField:
        return None
