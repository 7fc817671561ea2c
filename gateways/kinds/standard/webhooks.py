"""Any other sender by the Standard Webhooks specification, in Rollcall's own terms:

    {"type": "session.status", "timestamp": "2026-01-01T00:00:00Z",
     "data": {"session_id": "a", "status": "logged_out", "reason": "unlinked",
              "phone_number": "62811801641", "workspace_id": 1}}

`type` may also be `message.…` (activity), `session.hint` (a request to read it) or `ping`.
"""

from __future__ import annotations

import msgspec

from gateways.base import Event, Kind, Reason
from gateways.kinds.base_webhooks import (
    LIFE,
    NOTHING,
    envelope_of,
    kept_of,
    moment_of_text,
    name_of,
    number_of,
    parser,
    part_of,
    word_of,
)
from gateways.kinds.standard.words import EVENTS, REASONS
from gateways.wire.untrusted import Body, WrongField, id_of, whole_number_of


class _StandardData(msgspec.Struct):
    session_id: msgspec.Raw = NOTHING
    status: msgspec.Raw = NOTHING
    reason: msgspec.Raw = NOTHING
    phone_number: msgspec.Raw = NOTHING
    workspace_id: msgspec.Raw = NOTHING


class _StandardEnvelope(msgspec.Struct):
    type: msgspec.Raw = NOTHING
    timestamp: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING


_ENVELOPES = msgspec.json.Decoder(_StandardEnvelope)
_DATA = msgspec.json.Decoder(_StandardData)


@parser
def parse(raw: Body) -> Event:
    """Parse one webhook's body; the caller adds the id, which is in a header."""
    envelope = envelope_of(raw, _ENVELOPES)
    name = name_of(envelope.type, "type")
    meaning = LIFE if name.startswith("message.") else EVENTS.get(name)
    if meaning is None or meaning.kind is Kind.CANARY:
        return Event(name=name, kind=Kind.CANARY if meaning else Kind.UNRECOGNISED)
    data = part_of(envelope.data, "data", _DATA)
    session_id = id_of(data.session_id, "data.session_id")
    if session_id is None:
        raise WrongField(f"{name} names no session: data.session_id is missing")
    word = word_of(data.status, "data.status") if meaning.reads else ""
    kind, state, _ = meaning.said(word)
    reason, raw_reason = _reason(data) if state else (Reason.UNRECOGNISED, word)
    return Event(
        name=name,
        kind=kind,
        session_id=session_id,
        workspace_id=whole_number_of(data.workspace_id, "data.workspace_id"),
        state=state,
        reason=reason if meaning.reads else Reason.NONE,
        raw_reason=raw_reason,
        phone_number=number_of(data.phone_number, "data.phone_number"),
        fields=kept_of(meaning, data),
        occurred_at=moment_of_text(envelope.timestamp),
    )


def _reason(data: _StandardData) -> tuple[Reason, str]:
    word = word_of(data.reason, "data.reason")
    if not word:
        return Reason.NONE, ""
    known = word.lower() in REASONS
    return (Reason(word.lower()) if known else Reason.UNRECOGNISED), word
