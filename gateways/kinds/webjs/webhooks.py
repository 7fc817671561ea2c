"""The Node service's webhooks, read: a body in, an `Event` or an `UnreadableEvent` out."""

from __future__ import annotations

import msgspec

from gateways.base import Event, Kind, State
from gateways.kinds.base_webhooks import (
    NOTHING,
    EventMeaning,
    envelope_of,
    moment_of_text,
    name_of,
    parser,
    part_of,
    word_of,
)
from gateways.kinds.webjs.words import EVENTS
from gateways.phone_numbers import number_of_user
from gateways.wire.qr_images import picture
from gateways.wire.untrusted import (
    MAX_FIELD_BYTES,
    Body,
    WrongField,
    id_of,
    storable,
    text_of,
    value_of,
    whole_number_of,
)


class _Fields(msgspec.Struct):
    """Every field that is ever read, as a view into the body; msgspec skips all others (media!)."""

    session_id: msgspec.Raw = NOTHING
    workspace_id: msgspec.Raw = NOTHING
    phone_number: msgspec.Raw = NOTHING
    status: msgspec.Raw = NOTHING
    reason: msgspec.Raw = NOTHING
    qr_code: msgspec.Raw = NOTHING
    expires_in: msgspec.Raw = NOTHING
    qr_count: msgspec.Raw = NOTHING
    is_regeneration: msgspec.Raw = NOTHING
    platform: msgspec.Raw = NOTHING
    extraction_method: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    message: msgspec.Raw = NOTHING
    max_retries: msgspec.Raw = NOTHING
    timestamp: msgspec.Raw = NOTHING


class _WebjsEnvelope(_Fields):
    """The envelope. Some events carry their fields at the top, and not under `data`."""

    event: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING
    event_id: msgspec.Raw = NOTHING


_ENVELOPES = msgspec.json.Decoder(_WebjsEnvelope)
_DATA = msgspec.json.Decoder(_Fields)


@parser
def parse(raw: Body) -> Event:
    """Parse one webhook's body. The media in it is skipped, not copied.

    Raise UnreadableEvent, and nothing else, if the body is not in this format or a field's
    meaning is not certain.
    """
    envelope = envelope_of(raw, _ENVELOPES)
    name = name_of(envelope.event, "event")
    meaning = EVENTS.get(name)
    if meaning is None:
        return _unrecognised(name, envelope)
    if meaning.kind is Kind.CANARY:
        return Event(name=name, kind=Kind.CANARY)
    return _event(name, meaning, envelope, part_of(envelope.data, "data", _DATA))


def _unrecognised(name: str, envelope: _WebjsEnvelope) -> Event:
    """Return an event of an unmapped name with its session, as far as readable, and nothing
    else."""
    try:
        data = part_of(envelope.data, "data", _DATA)
        return Event(
            name=name,
            kind=Kind.UNRECOGNISED,
            session_id=_session_id(data, envelope),
            workspace_id=_workspace_id(data, envelope),
        )
    except WrongField:
        return Event(name=name, kind=Kind.UNRECOGNISED)


def _event(name: str, meaning: EventMeaning, envelope: _WebjsEnvelope, data: _Fields) -> Event:
    session_id = _session_id(data, envelope)
    if session_id is None:
        raise WrongField(f"{name} names no session: data.session_id is missing")
    word = _word(meaning, data, envelope)
    event_id = text_of(envelope.event_id, "event_id", limit=MAX_FIELD_BYTES) or None
    kind, state, reason = meaning.said(word)
    return Event(
        name=name,
        kind=kind,
        session_id=session_id,
        workspace_id=_workspace_id(data, envelope),
        state=state,
        reason=reason,
        raw_reason=word,
        phone_number=_phone_number(data, envelope),
        qr_code=picture(data.qr_code) if state is State.QR_SCANNING else None,
        qr_expires_in_seconds=_expires_in_seconds(data) if "expires_in" in meaning.kept else None,
        fields=_kept(meaning, data, envelope),
        # Sent by rollcall-sender, the same with every retry; the shipped service sends neither id
        # nor time. Taken whole, however long: cut, it would be another event's.
        event_id=event_id,
        occurred_at=moment_of_text(envelope.timestamp) if event_id else None,
    )


def _either(data: _Fields, envelope: _WebjsEnvelope, name: str) -> msgspec.Raw:
    """Return a field from `data`, else from the top."""
    inner: msgspec.Raw = getattr(data, name)
    outer: msgspec.Raw = getattr(envelope, name)
    return inner if len(memoryview(inner)) else outer


def _session_id(data: _Fields, envelope: _WebjsEnvelope) -> str | None:
    inner = id_of(data.session_id, "data.session_id")
    outer = id_of(envelope.session_id, "session_id")
    if inner and outer and inner != outer:
        raise WrongField("session_id and data.session_id differ")
    return inner or outer


def _workspace_id(data: _Fields, envelope: _WebjsEnvelope) -> int | None:
    return whole_number_of(_either(data, envelope, "workspace_id"), "data.workspace_id")


def _phone_number(data: _Fields, envelope: _WebjsEnvelope) -> str | None:
    try:
        value = value_of(_either(data, envelope, "phone_number"), "data.phone_number")
    except WrongField:
        return None  # no number: the event counts in any case
    return number_of_user(value)


def _word(meaning: EventMeaning, data: _Fields, envelope: _WebjsEnvelope) -> str:
    """Return the gateway's own word for it."""
    if meaning.reads == "status":
        return text_of(_either(data, envelope, "status"), "status")
    if meaning.reads:
        return word_of(_either(data, envelope, meaning.reads), meaning.reads)
    return word_of(data.error, "error") if "error" in meaning.kept else ""


def _expires_in_seconds(data: _Fields) -> int | None:
    try:
        return whole_number_of(data.expires_in, "data.expires_in")
    except WrongField:
        return None


def _kept(meaning: EventMeaning, data: _Fields, envelope: _WebjsEnvelope) -> dict[str, object]:
    values = {name: storable(_either(data, envelope, name)) for name in meaning.kept}
    return {name: value for name, value in values.items() if value is not None}
