"""The Node service's webhooks, read: a body in, an `Event` or an `UnreadableEvent` out."""

from __future__ import annotations

import re

import msgspec

from gateways.base import Event, Kind, Reason, State, UnreadableEvent, normal_phone_number
from gateways.json_fields import (
    MAX_TEXT_CHARACTERS,
    Body,
    WrongField,
    id_of,
    named_type,
    require_utf8,
    storable,
    text_of,
    value_of,
    whole_number_of,
    without_lone_surrogates,
)
from gateways.text import printable
from gateways.webjs_words import EVENTS, LOSSES, STATES, Meaning

MAX_NAME_CHARACTERS = 100
MAX_QR_BYTES = 64 * 1024
_QR_PICTURE = re.compile(rb'"(data:image/[a-z+.-]{1,20};base64,[A-Za-z0-9+/=]+)"')
_NOTHING = msgspec.Raw()


class _Fields(msgspec.Struct):
    """Every field that is ever read, as a view into the body; msgspec skips all others (media!)."""

    session_id: msgspec.Raw = _NOTHING
    workspace_id: msgspec.Raw = _NOTHING
    phone_number: msgspec.Raw = _NOTHING
    status: msgspec.Raw = _NOTHING
    reason: msgspec.Raw = _NOTHING
    qr_code: msgspec.Raw = _NOTHING
    expires_in: msgspec.Raw = _NOTHING
    qr_count: msgspec.Raw = _NOTHING
    is_regeneration: msgspec.Raw = _NOTHING
    platform: msgspec.Raw = _NOTHING
    extraction_method: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING
    message: msgspec.Raw = _NOTHING
    max_retries: msgspec.Raw = _NOTHING
    timestamp: msgspec.Raw = _NOTHING


class _Envelope(_Fields):
    """Some events carry their fields at the top, and not under `data`."""

    event: msgspec.Raw = _NOTHING
    data: msgspec.Raw = _NOTHING


_ENVELOPES = msgspec.json.Decoder(_Envelope)
_DATA = msgspec.json.Decoder(_Fields)


def parse(raw: Body) -> Event:
    """One webhook's body as an `Event`. The media in it is skipped, not copied.

    Raises UnreadableEvent where the body is not this dialect's or a field's meaning is not
    certain; never anything else.
    """
    try:
        if not raw:
            raise WrongField("the body is empty")
        require_utf8(raw)
        envelope = _envelope(raw)
        name = _name(envelope)
        meaning = EVENTS.get(name)
        if meaning is None:
            return _unrecognised(name, envelope)
        if meaning.kind is Kind.CANARY:
            return Event(name=name, kind=Kind.CANARY)
        return _event(name, meaning, envelope, _data(envelope))
    except WrongField as wrong:
        raise UnreadableEvent(str(wrong)) from None
    except RecursionError:
        raise UnreadableEvent("the body is nested too deeply") from None


def _envelope(raw: Body) -> _Envelope:
    try:
        return _ENVELOPES.decode(raw)
    except msgspec.ValidationError as error:
        raise WrongField(f"the body must be an object: {error}") from None
    except msgspec.DecodeError as error:
        mended = without_lone_surrogates(raw)
        if mended is None:
            raise WrongField(f"the body is not JSON: {error}") from None
    try:
        return _ENVELOPES.decode(mended)
    except msgspec.DecodeError as error:
        raise WrongField(f"the body is not JSON: {error}") from None


def _name(envelope: _Envelope) -> str:
    value = value_of(envelope.event, "event")
    if value is not None and not isinstance(value, str):
        raise WrongField(f"event must be a text, not {named_type(value)}")
    name = text_of(envelope.event, "event", limit=MAX_NAME_CHARACTERS)
    if not name:
        raise WrongField("event is missing")
    return name


def _data(envelope: _Envelope) -> _Fields:
    """`data`, or nothing where it is absent or null."""
    if not envelope.data or bytes(memoryview(envelope.data)[:4]) == b"null":
        return _Fields()
    try:
        return _DATA.decode(envelope.data)
    except msgspec.ValidationError as error:
        raise WrongField(f"data must be an object: {error}") from None


def _unrecognised(name: str, envelope: _Envelope) -> Event:
    """A name nobody has mapped: who it is about, as far as that can be read, and nothing else."""
    try:
        data = _data(envelope)
        return Event(
            name=name,
            kind=Kind.UNRECOGNISED,
            session_id=_session_id(data, envelope),
            workspace_id=_workspace_id(data, envelope),
        )
    except WrongField:
        return Event(name=name, kind=Kind.UNRECOGNISED)


def _event(name: str, meaning: Meaning, envelope: _Envelope, data: _Fields) -> Event:
    session_id = _session_id(data, envelope)
    if session_id is None:
        raise WrongField(f"{name} names no session: data.session_id is missing")
    kind, state, reason, raw_reason = _said(meaning, data, envelope)
    return Event(
        name=name,
        kind=kind,
        session_id=session_id,
        workspace_id=_workspace_id(data, envelope),
        state=state,
        reason=reason,
        raw_reason=raw_reason,
        phone_number=_phone_number(data, envelope),
        qr_code=_qr_code(data) if state is State.QR_SCANNING else None,
        qr_expires_in_seconds=_expires_in_seconds(data) if "expires_in" in meaning.kept else None,
        fields=_kept(meaning, data, envelope),
    )


def _either(data: _Fields, envelope: _Envelope, name: str) -> msgspec.Raw:
    """A field from `data`, else from the top."""
    inner: msgspec.Raw = getattr(data, name)
    outer: msgspec.Raw = getattr(envelope, name)
    return inner if len(memoryview(inner)) else outer


def _session_id(data: _Fields, envelope: _Envelope) -> str | None:
    inner = id_of(data.session_id, "data.session_id")
    outer = id_of(envelope.session_id, "session_id")
    if inner and outer and inner != outer:
        raise WrongField("session_id and data.session_id differ")
    return inner or outer


def _workspace_id(data: _Fields, envelope: _Envelope) -> int | None:
    return whole_number_of(_either(data, envelope, "workspace_id"), "data.workspace_id")


def _phone_number(data: _Fields, envelope: _Envelope) -> str | None:
    try:
        value = value_of(_either(data, envelope, "phone_number"), "data.phone_number")
    except WrongField:
        return None  # no number: the event counts all the same
    return normal_phone_number(value)


def _said(
    meaning: Meaning, data: _Fields, envelope: _Envelope
) -> tuple[Kind, State | None, Reason, str]:
    """Kind, state, reason and the gateway's own word for it."""
    if meaning.reads_reason:
        word = _word(_either(data, envelope, "reason"))
        if not word:
            return meaning.kind, State.DISCONNECTED, Reason.NONE, ""
        unmapped = (State.DISCONNECTED, Reason.UNRECOGNISED)
        return meaning.kind, *LOSSES.get(word.lower(), unmapped), word
    if meaning.reads_status:
        word = text_of(_either(data, envelope, "status"), "status")
        if word.lower() in STATES:
            return meaning.kind, *STATES[word.lower()], word
        # A word nobody has mapped proves nothing, but something moved.
        return Kind.HINT, None, Reason.UNRECOGNISED, word
    word = _word(data.error) if "error" in meaning.kept else ""
    return meaning.kind, meaning.state, meaning.reason, word


def _word(raw: msgspec.Raw) -> str:
    """A reason as text, whatever was sent: a loss with an odd reason is still a loss."""
    try:
        return text_of(raw, "reason")
    except WrongField as wrong:
        return printable(f"({wrong})", limit=MAX_TEXT_CHARACTERS)


def _qr_code(data: _Fields) -> str | None:
    """The picture to scan, as a data address; None where it is anything else."""
    view = memoryview(data.qr_code)
    match = _QR_PICTURE.fullmatch(view) if len(view) <= MAX_QR_BYTES else None
    return match.group(1).decode("ascii") if match else None


def _expires_in_seconds(data: _Fields) -> int | None:
    try:
        return whole_number_of(data.expires_in, "data.expires_in")
    except WrongField:
        return None


def _kept(meaning: Meaning, data: _Fields, envelope: _Envelope) -> dict[str, object]:
    values = {name: storable(_either(data, envelope, name)) for name in meaning.kept}
    return {name: value for name, value in values.items() if value is not None}
