"""What the Node service answers about sessions, translated. Recorded answers:
tests/captures/node-service/."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from gateways.base import Listing, Reason, Session, State, normal_phone_number
from gateways.json_fields import WrongField, id_of, text_of, value_of, whole_number_of
from gateways.webjs_words import STATES

_NOTHING = msgspec.Raw()


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


class HeldAnswer(msgspec.Struct):
    total: msgspec.Raw = _NOTHING


class HealthAnswer(msgspec.Struct):
    status: str
    uptime: float | None = None
    sessions: HeldAnswer | None = None


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
    """What in the frame of a list says that it may not be whole."""
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
    unmapped: tuple[State | None, Reason] = (None, Reason.UNRECOGNISED)
    state, reason = STATES.get(word.lower(), unmapped)
    return Session(
        session_id=session_id,
        state=state,
        reason=reason,
        raw_state=word,
        phone_number=normal_phone_number(value_of(said.phone_number, "phone_number")),
        workspace_id=whole_number_of(said.workspace_id, "workspace_id"),
        connected_at=_moment(said.connected_at),
    )


def _moment(raw: msgspec.Raw) -> datetime | None:
    """ISO with a zone (a moment without one is taken as UTC); None where it is anything else:
    when it connected is a detail, that it is there is not."""
    try:
        moment = datetime.fromisoformat(text_of(raw, "connected_at"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (WrongField, ValueError, OverflowError):
        return None


def count_of(raw: msgspec.Raw) -> int | None:
    try:
        return whole_number_of(raw, "total")
    except WrongField:
        return None
