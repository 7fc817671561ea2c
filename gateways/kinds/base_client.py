"""The common part of the smaller kinds' clients: one key, JSON answers, and a list of names
without states, so that each session is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import structs

from gateways.base import (
    BadAnswer,
    Capabilities,
    GatewayError,
    Health,
    KeyRejected,
    Listing,
    Probe,
    Pulse,
    Reason,
    Rejected,
    Session,
    State,
    TimedOut,
)
from gateways.kinds.base_webhooks import Words
from gateways.wire.http import Answer, Http
from gateways.wire.untrusted import MAX_ID_CHARACTERS, printable

READ_SECONDS = 4.0
READS_AT_ONCE = 8
# If there is not time for all, the start moves on each time, once around in this many seconds: two
# roll calls, 20 s apart, start half a list apart, and each reads what the other left.
ROUND_SECONDS = 40.0
# With less than this left, a read would only time out.
WORTH_SECONDS = 0.2
NO_ANSWER = "no answer"
NOT_ASKED = "not asked"
# The share of a probe's time for a call to the gateway itself, if the session gives no answer: of
# 16 s it leaves more than the 15 s after which the Node service itself gives up a page.
KEPT_BACK = 0.05
Shape = TypeVar("Shape")


class _NestReason(msgspec.Struct):
    message: list[str] | str = ""


class _NestRefusal(msgspec.Struct):
    response: _NestReason


class Calls:
    """The part of `gateways.base.Client` that is the same for all kinds. Thread-safe.

    It holds no connection of its own. `key_header` carries the key; `refusals` are the statuses
    that mean a wrong key; `refusal_reasons` the codes for the words of other refusals.
    """

    capabilities: Capabilities
    key_header = "x-api-key"
    refusals = frozenset({401, 403})
    refusal_reasons: Mapping[str, Reason] = {}

    def __init__(
        self, base_url: str, *, api_key: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._http = Http(base_url, secrets=(api_key,), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: connections belong to the process, a given transport to its giver."""

    def keeps_login(self, *, deadline_seconds: float) -> bool | None:
        """Return what holds for all gateways of the kind; a client may ask its gateway instead."""
        return self.capabilities.stop_keeps_login

    def call(
        self,
        method: str,
        path: str,
        *,
        deadline_seconds: float,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call. Raise GatewayError; KeyRejected if the key is not accepted."""
        answer = self._http.call(
            method,
            path,
            query=query,
            body=body,
            headers={self.key_header: self._api_key} if headers is None else headers,
            deadline_seconds=deadline_seconds,
        )
        if answer.status_code in self.refusals:
            raise self.refusal(answer) if is_page(answer) else key_rejected(answer)
        return answer

    def decoded(
        self, answer: Answer, shape: type[Shape], *, accepted: tuple[int, ...] = (200,)
    ) -> Shape:
        """Decode an answer with one of these statuses. Raise Rejected, BadAnswer."""
        if answer.status_code not in accepted:
            raise self.refusal(answer)
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            wrong = self._http.clean(_why_undecodable(answer, error))
            raise BadAnswer(f"{answer.where}: not in the gateway's dialect: {wrong}") from None

    def refusal(self, answer: Answer) -> GatewayError:
        """Return the error with the gateway's own text; BadAnswer if another program seems to
        have answered."""
        said = reason_given(answer.body)
        if said is None:
            return BadAnswer(
                f"{answer.where}: {answer.status_code}, and not in the gateway's own words: "
                "does the base URL point to it?"
            )
        return self.rejected(answer, f"{answer.status_code} {said}".rstrip())

    def rejected(self, answer: Answer, why: str) -> Rejected:
        text = f"{answer.where}: {self._http.clean(why)}"
        known = (reason for words, reason in self.refusal_reasons.items() if words in why)
        reason = next(known, Reason.NONE)
        return Rejected(text, status_code=answer.status_code, reason=reason)


class Budget:
    """One deadline for several calls."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self, *, at_most: float = float("inf")) -> float:
        return min(at_most, self._ends - time.monotonic())


def segment(session_id: str) -> str:
    """Return one path segment, whatever the id contains ("." and ".." would change the path)."""
    if not session_id:
        raise ValueError("a session id must not be empty")
    return quote(session_id, safe="").replace(".", "%2E")


def session_of_word(session_id: str, said: str | None, words: Words) -> Session:
    """Return the session by the one word that its gateway says of it."""
    word = printable(said or "", limit=200)
    unmapped: tuple[State | None, Reason] = (None, Reason.UNRECOGNISED)
    state, reason = words.get(word.lower(), unmapped)
    return Session(session_id=session_id, state=state, reason=reason, raw_state=word)


def with_number(session: Session | None, read_number: Callable[[], str | None]) -> Session | None:
    """Return the session with its number, if it is connected. The number is optional: without it
    the session is connected all the same."""
    if session is None or session.state is not State.CONNECTED:
        return session
    try:
        number = read_number()
    except GatewayError:
        return session
    return structs.replace(session, phone_number=number) if number else session


def reason_given(body: bytes) -> str | None:
    """Return the text of an error answer, from one of the fields that these gateways use.

    "" if it is JSON without one, None if it is not a JSON object.
    """
    try:
        said = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    inner = said.get("response")
    places = (inner.get("message") if isinstance(inner, dict) else None, said.get("message"))
    for found in (*places, said.get("error")):
        text = found[0] if isinstance(found, list) and found else found
        if isinstance(text, str) and text:
            return text
    return ""


def inner_reason(body: bytes) -> str:
    """Return the text of an error in NestJS's shape ({"response": {"message": [...]}}); "" for
    any other."""
    try:
        said = msgspec.json.decode(body, type=_NestRefusal).response.message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return said[0] if isinstance(said, list) and said else said if isinstance(said, str) else ""


def is_page(answer: Answer) -> bool:
    """Return whether it is an HTML page: from a proxy in between, or another program."""
    return answer.body.lstrip()[:1] == b"<"


def key_rejected(answer: Answer) -> KeyRejected:
    status = answer.status_code
    text = f"{answer.where}: {status}, it does not accept our key"
    return KeyRejected(text, status_code=status)


def _why_undecodable(answer: Answer, error: Exception) -> str:
    if is_page(answer):
        return (
            "a web page, where JSON belongs: does the base URL point to it, or to a proxy's page?"
        )
    if not answer.body.strip():
        return "an empty answer"
    if isinstance(error, msgspec.ValidationError):
        return f"{error}: is its kind right?"
    if _breaks_off(answer.body):
        return "the JSON breaks off"
    return str(error)


def _breaks_off(body: bytes) -> bool:
    """Return whether the body begins like an object or a list, but does not end like one."""
    text = body.strip()
    return {b"{": b"}", b"[": b"]"}.get(text[:1], text[-1:]) != text[-1:]


def probed(
    ask: Callable[[float], Probe],
    health: Callable[..., Health],
    *,
    deadline_seconds: float,
) -> Probe:
    """Return the result of `ask(seconds)`.

    If its time passes and the gateway itself still answers, the session gives no answer. Raise
    GatewayError, Unreachable if the gateway gives none either.
    """
    budget = Budget(deadline_seconds)
    kept_back = max(WORTH_SECONDS, deadline_seconds * KEPT_BACK)
    try:
        return ask(max(WORTH_SECONDS, deadline_seconds - kept_back))
    except TimedOut:
        health(deadline_seconds=max(kept_back, budget.left()))
        return Probe(pulse=Pulse.NO_ANSWER, reason=Reason.HUNG, raw=NO_ANSWER)


def read_each(
    names: Iterable[str],
    read: Callable[[str, float], Session | None],
    *,
    budget: Budget,
    unasked: Collection[str] = (),
    at_once: int = READS_AT_ONCE,
) -> Listing:
    """Read the named sessions, each within its own limit.

    One that hangs, and one in `unasked`, which is not read, is listed without a state. If the
    time is not enough for all, the list is incomplete; the next call leaves out other sessions.
    """
    wanted = [name for name in dict.fromkeys(names) if name and len(name) <= MAX_ID_CHARACTERS]

    def look(name: str) -> Session | GatewayError | None:
        if name in unasked:
            return Session(
                session_id=name, state=None, raw_state=NOT_ASKED, asked=False, answered=False
            )
        left = budget.left(at_most=READ_SECONDS)
        if left < WORTH_SECONDS:
            return GatewayError("there was no time left")
        try:
            return read(name, left)
        except KeyRejected:
            raise
        except (TimedOut, BadAnswer, Rejected) as error:
            # A fault of one session: the others can still be read.
            answered = not isinstance(error, TimedOut)
            word = "an odd answer" if answered else NO_ANSWER
            return Session(session_id=name, state=None, raw_state=word, answered=answered)

    turn = in_turn(wanted, time.time())
    with ThreadPoolExecutor(max_workers=at_once) as readers:
        found_of = dict(zip(turn, readers.map(look, turn), strict=True))
    looks = [found_of[name] for name in wanted]
    unread = sum(isinstance(found, GatewayError) for found in looks)
    return Listing(
        sessions=tuple(found for found in looks if isinstance(found, Session)),
        complete=not unread,
        why_incomplete=f"there was no time to read {unread} of {len(wanted)}" if unread else "",
    )


def _entry(raw: msgspec.Raw, shape: type[Shape]) -> Shape | None:
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_entries(said: Iterable[msgspec.Raw], shape: type[Shape]) -> tuple[list[Shape], int]:
    """Return the readable entries of a list, and the number of others. Raise BadAnswer if none
    is readable: it is another program's list."""
    entries = [_entry(raw, shape) for raw in said]
    found = [entry for entry in entries if entry is not None]
    if entries and not found:
        raise BadAnswer("no entry of its list is in the gateway's dialect: is its kind right?")
    return found, len(entries) - len(found)


def without_unread(listing: Listing, unread: int) -> Listing:
    """Return the list, marked incomplete if some of its entries could not be read."""
    if not unread:
        return listing
    why = listing.why_incomplete or f"{unread} of its entries cannot be read"
    return replace(listing, complete=False, why_incomplete=why)


def in_turn(names: Sequence[str], now: float) -> list[str]:
    """Rotate the names by the time `now` in seconds: else the last of a long list would never be
    read."""
    first = int(len(names) * (now % ROUND_SECONDS) / ROUND_SECONDS)
    return [*names[first:], *names[:first]]
