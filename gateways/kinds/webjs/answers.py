"""The Node service's answers about sessions, translated. Recorded answers:
tests/captures/node-service/."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from gateways.base import Listing, Reason, Session, State
from gateways.kinds.webjs.words import STATES
from gateways.phone_numbers import number_of_user
from gateways.wire.untrusted import (
    MAX_TEXT_CHARACTERS,
    MAX_WHOLE_NUMBER,
    WrongField,
    id_of,
    text_of,
    value_of,
    whole_number_of,
)

_NOTHING = msgspec.Raw()
_UNMAPPED: tuple[State | None, Reason] = (None, Reason.UNRECOGNISED)


class SessionAnswer(msgspec.Struct):
    session_id: msgspec.Raw = _NOTHING
    workspace_id: msgspec.Raw = _NOTHING
    status: msgspec.Raw = _NOTHING
    phone_number: msgspec.Raw = _NOTHING
    connected_at: msgspec.Raw = _NOTHING


class ListAnswer(msgspec.Struct):
    sessions: list[msgspec.Raw]
    success: bool | None = None
    total: msgspec.Raw = _NOTHING


_PlainText = Annotated[str, msgspec.Meta(max_length=MAX_TEXT_CHARACTERS)]
_PlainWord = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT_CHARACTERS)]


class _PlainSession(msgspec.Struct, gc=False):
    session_id: _PlainWord
    status: _PlainWord
    workspace_id: Annotated[int, msgspec.Meta(ge=0, le=MAX_WHOLE_NUMBER)] | None = None
    phone_number: _PlainText | None = None
    connected_at: _PlainText | None = None


class _PlainList(msgspec.Struct):
    sessions: list[_PlainSession]
    total: int
    success: bool | None = None


_PLAIN = msgspec.json.Decoder(_PlainList)


class HeldAnswer(msgspec.Struct):
    total: msgspec.Raw = _NOTHING


class HealthAnswer(msgspec.Struct):
    status: str
    uptime: float | None = None
    sessions: HeldAnswer | None = None


def plain_listing(body: bytes) -> Listing | None:
    """Decode a list without odd entries at once; None if `listing_of` must look at each entry."""
    try:
        said = _PLAIN.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if said.success is False or said.total != len(said.sessions):
        return None
    if not (_is_plain(body) or all(map(_is_plain_entry, said.sessions))):
        return None
    if len({entry.session_id for entry in said.sessions}) != len(said.sessions):
        return None
    return Listing(sessions=tuple(map(_plain_session, said.sessions)), complete=True)


def _is_plain(body: bytes) -> bool:
    """Return whether all text in it is unchanged by the cleaning of untrusted text.

    (JSON has no control characters in texts except by a backslash.)
    """
    return body.isascii() and not any(odd in body for odd in (b"\\", b" ", b"\x7f"))


def _is_plain_entry(said: _PlainSession) -> bool:
    """Return the same for the fields that are read of an entry, if other parts of the list are
    odd."""
    text = f"{said.session_id}{said.status}{said.phone_number}{said.connected_at}"
    return text.isascii() and text.isprintable() and " " not in text


def _plain_session(said: _PlainSession) -> Session:
    word = said.status
    state, reason = STATES.get(word.lower(), _UNMAPPED)
    connected_at = _moment(said.connected_at) if said.connected_at else None
    return Session(
        session_id=said.session_id,
        state=state,
        reason=_why(state, reason, connected_at),
        raw_state=word,
        phone_number=number_of_user(said.phone_number),
        workspace_id=said.workspace_id,
        connected_at=connected_at,
    )


def _why(state: State | None, reason: Reason, connected_at: datetime | None) -> Reason:
    """Return the reason of an entry.

    Observed: an entry that waits for a scan and has once connected was unlinked on the phone; a
    start or restart makes a new entry.
    """
    unlinked = state is State.QR_SCANNING and connected_at is not None
    return Reason.UNLINKED if unlinked else reason


def listing_of(said: ListAnswer) -> Listing:
    sessions: dict[str, Session] = {}
    doubts = list(_doubts(said))
    for position, entry in enumerate(said.sessions):
        try:
            session = session_of(msgspec.json.decode(entry, type=SessionAnswer))
        except (WrongField, msgspec.DecodeError) as error:
            doubts.append(f"entry {position} cannot be read: {error}")
            continue
        if session.session_id in sessions:
            doubts.append(f"{session.session_id} is listed twice")
        sessions.setdefault(session.session_id, session)
    return Listing(
        sessions=tuple(sessions.values()),
        complete=not doubts,
        why_incomplete=doubts[0] if doubts else "",
    )


def _doubts(said: ListAnswer) -> Iterable[str]:
    """Yield the signs in the frame of a list that it may be incomplete."""
    if said.success is False:
        yield "it says that it did not succeed"
    total = count_of(said.total)
    if total is None:
        yield "it does not say how many there are (no total)"
    elif total != len(said.sessions):
        yield f"it says {total}, but lists {len(said.sessions)}"


def session_of(said: SessionAnswer) -> Session:
    session_id = id_of(said.session_id, "session_id")
    if session_id is None:
        raise WrongField("session_id is missing")
    word = text_of(said.status, "status")
    if not word:
        raise WrongField("status is missing")
    state, reason = STATES.get(word.lower(), _UNMAPPED)
    connected_at = _moment_in(said.connected_at)
    return Session(
        session_id=session_id,
        state=state,
        reason=_why(state, reason, connected_at),
        raw_state=word,
        phone_number=number_of_user(value_of(said.phone_number, "phone_number")),
        workspace_id=whole_number_of(said.workspace_id, "workspace_id"),
        connected_at=connected_at,
    )


def _moment_in(raw: msgspec.Raw) -> datetime | None:
    """Return the time, None if invalid: the time of connection is optional, the entry is not."""
    try:
        return _moment(text_of(raw, "connected_at"))
    except WrongField:
        return None


def _moment(text: str) -> datetime | None:
    """Return the time of an ISO text (without a zone: UTC); None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is UTC:  # true of nearly all
            return moment
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def count_of(raw: msgspec.Raw) -> int | None:
    try:
        return whole_number_of(raw, "total")
    except WrongField:
        return None
