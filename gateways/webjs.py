"""The Node service (Express with whatsapp-web.js): what we call on it. Its webhooks are read by
`parse` (see webjs_events), its words stand in webjs_words.

Where a fact below says "observed", it was seen on the real service: tests/captures/node-service/.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from gateways.base import (
    BadAnswer,
    Capabilities,
    Health,
    KeyRejected,
    Listing,
    ProbeKind,
    Reason,
    Rejected,
    Session,
    State,
    Step,
    normal_phone_number,
)
from gateways.http import Answer, Http
from gateways.json_fields import WrongField, id_of, text_of, value_of, whole_number_of
from gateways.webjs_events import parse
from gateways.webjs_words import (
    INSTANCE_HEADER,
    KEY_HEADER,
    KEY_HEADERS,
    MESSAGE_LIKE,
    PROFILE,
    SIGNATURE_HEADER,
    STATES,
    TIMESTAMP_HEADER,
    WRONG_PATHS,
    signature,
)

KIND = "webjs"

__all__ = [
    "INSTANCE_HEADER",
    "KEY_HEADER",
    "KEY_HEADERS",
    "KIND",
    "MESSAGE_LIKE",
    "PROFILE",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "WRONG_PATHS",
    "Client",
    "parse",
    "signature",
]

# Observed: the one answer that means "I hold no such session". Any other 404 comes from something
# in between, or from a base URL that points elsewhere.
NO_SUCH_SESSION = "Session not found"
_NOTHING = msgspec.Raw()
Shape = TypeVar("Shape")


class _SessionAnswer(msgspec.Struct):
    session_id: msgspec.Raw = _NOTHING
    workspace_id: msgspec.Raw = _NOTHING
    status: msgspec.Raw = _NOTHING
    phone_number: msgspec.Raw = _NOTHING
    connected_at: msgspec.Raw = _NOTHING


class _ListAnswer(msgspec.Struct):
    sessions: list[msgspec.Raw]
    success: bool | None = None
    total: msgspec.Raw = _NOTHING


class _HeldAnswer(msgspec.Struct):
    total: msgspec.Raw = _NOTHING


class _HealthAnswer(msgspec.Struct):
    status: str
    uptime: float | None = None
    sessions: _HeldAnswer | None = None


class _OutcomeAnswer(msgspec.Struct):
    success: bool


class _ErrorAnswer(msgspec.Struct):
    error: str


class Client:
    """Implements `gateways.base.Client`. Thread-safe; holds no connection of its own."""

    capabilities = Capabilities(
        # Observed: it goes on saying "connected" after its browser was killed.
        status_is_cached=True,
        list_is_probe=False,
        # The one call that touches the page; see tests/captures/node-service/.
        probe=ProbeKind.SEND,
        # Observed: DELETE removes the login files, even those of an id it does not hold.
        stop_keeps_login=False,
        can_stop=True,
        can_log_out=True,
        can_show_qr=False,
        sees_boot=True,
        # It tries five times, 5 s doubling, after a technical loss that it noticed.
        own_retry_seconds=155,
        # Never a create for what may exist: its list then loses the live session (observed).
        ladder={Reason.NONE: (Step.RESTART,)},
    )

    def __init__(
        self, base_url: str, *, api_key: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._api_key = api_key
        self._http = Http(base_url, secrets=(api_key,), transport=transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to do: connections belong to the process, a given transport to its giver."""

    def health(self, *, deadline_seconds: float) -> Health:
        """What it says of itself; it asks for no key here."""
        answer = self._http.call("GET", "/health", deadline_seconds=deadline_seconds)
        said = self._decoded(self._accepted(answer), answer, _HealthAnswer)
        return Health(
            uptime_seconds=said.uptime if said.uptime is not None and said.uptime >= 0 else None,
            sessions_held=_count(said.sessions.total) if said.sessions else None,
        )

    def list_sessions(self, *, deadline_seconds: float) -> Listing:
        """All it holds in memory. Complete only if it says how many, and they can all be read."""
        answer = self._get("/api/sessions", deadline_seconds=deadline_seconds)
        return _listing(self._decoded(self._accepted(answer), answer, _ListAnswer))

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """One session, or None where it definitely holds no such session."""
        path = f"/api/sessions/{_quoted(session_id)}/status"
        answer = self._get(path, deadline_seconds=deadline_seconds)
        if answer.status_code == 404 and _error_of(answer) == NO_SUCH_SESSION:
            return None
        said = self._decoded(self._accepted(answer), answer, _SessionAnswer)
        try:
            session = _session(said)
        except WrongField as wrong:
            raise BadAnswer(f"{answer.where}: {wrong}") from None
        if session.session_id != session_id:
            raise BadAnswer(f"{answer.where}: answered about another session")
        return session

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Destroys and creates it again, the login kept. Answers once the browser is up, which
        takes 2 to 60 s. `restore` is never used: shipped versions always answer it with 500."""
        fields = {
            "session_id": session_id,
            "workspace_id": workspace_id,
            "account_id": account_id,
        }
        path = f"/api/sessions/{_quoted(session_id)}/reconnect"
        self._tell("POST", path, fields, deadline_seconds=deadline_seconds)

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """Ends it and deletes its login; succeeds for an id it does not hold, too."""
        path = f"/api/sessions/{_quoted(session_id)}"
        self._tell(
            "DELETE", path, {"workspace_id": workspace_id}, deadline_seconds=deadline_seconds
        )

    def _get(self, path: str, *, deadline_seconds: float) -> Answer:
        return self._http.call(
            "GET",
            path,
            # Shipped versions read the key from the query, others from the header.
            query={"api_key": self._api_key},
            headers={KEY_HEADER: self._api_key},
            deadline_seconds=deadline_seconds,
        )

    def _tell(
        self, method: str, path: str, fields: dict[str, object], *, deadline_seconds: float
    ) -> None:
        answer = self._http.call(
            method,
            path,
            body={**fields, "api_key": self._api_key},
            headers={KEY_HEADER: self._api_key},
            deadline_seconds=deadline_seconds,
        )
        if not self._decoded(self._accepted(answer), answer, _OutcomeAnswer).success:
            raise Rejected(
                f"{answer.where}: it says it did not succeed", status_code=answer.status_code
            )

    def _accepted(self, answer: Answer) -> bytes:
        """The body of a 200. Raises KeyRejected, Rejected, or BadAnswer where the no is not in
        the gateway's own words."""
        if answer.status_code == 200:
            return answer.body
        error = _error_of(answer)
        if answer.status_code == 401:
            raise KeyRejected(f"{answer.where}: 401, it does not accept our key", status_code=401)
        if error is None:
            raise BadAnswer(
                f"{answer.where}: {answer.status_code}, and not in the gateway's own words: "
                "does the base URL point to it?"
            )
        said = self._http.clean(error)
        raise Rejected(
            f"{answer.where}: {answer.status_code} {said}", status_code=answer.status_code
        )

    def _decoded(self, body: bytes, answer: Answer, shape: type[Shape]) -> Shape:
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            wrong = self._http.clean(str(error))
            raise BadAnswer(f"{answer.where}: not in the gateway's dialect: {wrong}") from None


def _quoted(session_id: str) -> str:
    """One segment of a path, whatever the id holds ("." and ".." would be climbed)."""
    if not session_id:
        raise ValueError("a session id must not be empty")
    return quote(session_id, safe="").replace(".", "%2E")


def _error_of(answer: Answer) -> str | None:
    try:
        return msgspec.json.decode(answer.body, type=_ErrorAnswer).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _listing(said: _ListAnswer) -> Listing:
    sessions: dict[str, Session] = {}
    doubts = list(_doubts(said))
    for position, entry in enumerate(said.sessions):
        try:
            session = _session(msgspec.json.decode(entry, type=_SessionAnswer))
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


def _doubts(said: _ListAnswer) -> Iterable[str]:
    """What in the frame of a list says that it may not be whole."""
    if said.success is False:
        yield "it says that it did not succeed"
    total = _count(said.total)
    if total is None:
        yield "it does not say how many there are (no total)"
    elif total != len(said.sessions):
        yield f"it says {total}, but lists {len(said.sessions)}"


def _session(said: _SessionAnswer) -> Session:
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


def _count(raw: msgspec.Raw) -> int | None:
    try:
        return whole_number_of(raw, "total")
    except WrongField:
        return None
