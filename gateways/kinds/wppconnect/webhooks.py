"""WPPConnect Server: its webhooks. Recorded traffic: tests/captures/wppconnect-server/.

It sends no signature, no key, no id and no time, and never retries: only a path of its own
identifies the sender. It reports that its browser was killed, and no other fault.
"""

from __future__ import annotations

import msgspec

from gateways.base import Event, Kind, Reason, State
from gateways.kinds.base_webhooks import NOTHING, envelope_of, kept_of, name_of, parser, word_of
from gateways.kinds.wppconnect.words import EVENTS, UNCERTAIN
from gateways.wire.qr_images import picture
from gateways.wire.untrusted import Body, id_of


class _WppconnectEnvelope(msgspec.Struct):
    """The envelope. An event's own fields are beside these."""

    event: msgspec.Raw = NOTHING
    session: msgspec.Raw = NOTHING
    status: msgspec.Raw = NOTHING
    qrcode: msgspec.Raw = NOTHING


_ENVELOPES = msgspec.json.Decoder(_WppconnectEnvelope)


@parser
def parse(raw: Body) -> Event:
    """Parse one webhook's body.

    Observed: the first `status-find` after a close names no session. It cannot be applied, and
    is kept as a hint without a session.
    """
    envelope = envelope_of(raw, _ENVELOPES)
    name = name_of(envelope.event, "event")
    session_id = id_of(envelope.session, "session")
    meaning = EVENTS.get(name)
    if meaning is None or meaning.kind is Kind.LIFE:
        kind = Kind.LIFE if meaning else Kind.UNRECOGNISED
        return Event(name=name, kind=kind, session_id=session_id)
    word = word_of(envelope.status, "status") if meaning.reads else ""
    kind, state, reason = meaning.said(word)
    if word.lower() in UNCERTAIN:
        reason = Reason.SESSION_ERROR
    if session_id is None:
        return Event(name=name, kind=Kind.HINT, reason=reason, raw_reason=word)
    return Event(
        name=name,
        kind=kind,
        session_id=session_id,
        state=state,
        reason=reason,
        raw_reason=word,
        qr_code=picture(envelope.qrcode) if state is State.QR_SCANNING else None,
        fields=kept_of(meaning, envelope),
    )
