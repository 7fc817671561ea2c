"""Evolution API 2: its webhooks. Facts are from its source; we did not run it.

There is no signature and no id. Its header `jwt_key` makes it send a token, signed once per
event and valid for 10 minutes, although it retries for 20. Its global webhook sends no
credential: only a path of its own identifies the sender.
"""

from __future__ import annotations

import msgspec

from gateways.base import Event, Kind, State
from gateways.kinds.base_webhooks import (
    NOTHING,
    EventMeaning,
    envelope_of,
    moment_of_text,
    name_of,
    number_of,
    parser,
    part_of,
    word_of,
)
from gateways.kinds.evolution.words import CLOSED, EVENTS
from gateways.wire.qr_images import picture
from gateways.wire.untrusted import Body, WrongField, id_of


class _EvolutionCode(msgspec.Struct):
    base64: msgspec.Raw = NOTHING


class _EvolutionData(
    msgspec.Struct, rename={"status_code": "statusCode", "why_code": "statusReason"}
):
    state: msgspec.Raw = NOTHING
    status: msgspec.Raw = NOTHING
    why_code: msgspec.Raw = NOTHING
    status_code: msgspec.Raw = NOTHING
    closed_code: msgspec.Raw = msgspec.field(default=NOTHING, name="disconnectionReasonCode")
    wuid: msgspec.Raw = NOTHING
    qrcode: msgspec.Raw = NOTHING


class _EvolutionEnvelope(msgspec.Struct):
    event: msgspec.Raw = NOTHING
    instance: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING
    date_time: msgspec.Raw = NOTHING
    sender: msgspec.Raw = NOTHING


_ENVELOPES = msgspec.json.Decoder(_EvolutionEnvelope)
_DATA = msgspec.json.Decoder(_EvolutionData)
_CODES = msgspec.json.Decoder(_EvolutionCode)


@parser
def parse(raw: Body) -> Event:
    """Parse one webhook's body.

    `date_time` is the wall clock of the gateway's zone with a false `Z`: hours off by an unknown
    amount. It is kept as text, and orders the events of one session among themselves: a clock
    that is set back for the winter makes some look late, which a read then shows.
    """
    envelope = envelope_of(raw, _ENVELOPES)
    name = name_of(envelope.event, "event")
    session_id = id_of(envelope.instance, "instance")
    meaning = EVENTS.get(name.lower().replace("_", "."), EventMeaning(kind=Kind.UNRECOGNISED))
    if session_id is None and meaning.kind is not Kind.UNRECOGNISED:
        raise WrongField(f"{name} names no session: instance is missing")
    if meaning.kind in (Kind.LIFE, Kind.UNRECOGNISED):
        return Event(name=name, kind=meaning.kind, session_id=session_id)
    data = part_of(envelope.data, "data", _DATA)
    word = _word(meaning.reads, data)
    if word.lower().startswith("close"):
        kind, state, reason = CLOSED.said(word.rpartition(" ")[2])
    else:
        kind, state, reason = meaning.said(word)
    local_time = word_of(envelope.date_time, "date_time")
    return Event(
        name=name,
        kind=kind,
        session_id=session_id,
        state=state,
        reason=reason,
        raw_reason=word,
        phone_number=_number(data, envelope) if state is State.CONNECTED else None,
        qr_code=_qr_code(data) if state is State.QR_SCANNING else None,
        fields={"local_time": local_time} if local_time else {},
        orders_at=moment_of_text(envelope.date_time),
    )


def _word(reads: str, data: _EvolutionData) -> str:
    """Return a state, with the code of the reason if it is a close."""
    if reads == "state":
        state = word_of(data.state, "data.state")
        code = word_of(data.why_code, "data.statusReason") if state == "close" else ""
        return f"{state} {code}".strip()
    if reads == "status":
        code = word_of(data.closed_code, "data.disconnectionReasonCode")
        return f"{word_of(data.status, 'data.status')} {code}".strip()
    return word_of(data.status_code, "data.statusCode") if reads else ""


def _number(data: _EvolutionData, envelope: _EvolutionEnvelope) -> str | None:
    return number_of(data.wuid, "data.wuid") or number_of(envelope.sender, "sender")


def _qr_code(data: _EvolutionData) -> str | None:
    try:
        return picture(part_of(data.qrcode, "data.qrcode", _CODES).base64)
    except WrongField:
        return None
