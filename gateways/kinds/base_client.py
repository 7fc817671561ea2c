"""What the clients of the smaller kinds have in common: one key, JSON answers, and a list that
names sessions without saying how they are, so that each is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from gateways.base import (
    BadAnswer,
    GatewayError,
    Health,
    KeyRejected,
    Listing,
    Probe,
    Pulse,
    Reason,
    Rejected,
    Session,
    TimedOut,
)
from gateways.wire.http import Answer, Http
from gateways.wire.json_fields import MAX_ID_CHARACTERS

READ_SECONDS = 4.0
READS_AT_ONCE = 8
# Where there is not time for all, the reading begins further on each time, once around in so many
# seconds: two roll calls, 20 s apart, begin half a list apart, and each reads what the other left.
ROUND_SECONDS = 40.0
# With less than this left, a read would only time out.
WORTH_SECONDS = 0.2
NO_ANSWER = "no answer"
NOT_ASKED = "not asked"
# The share of a probe's time in which the gateway itself is asked, should the session be silent: of
# 16 s it leaves more than the 15 s after which the Node service itself gives a page up.
KEPT_BACK = 0.05
Shape = TypeVar("Shape")


class _NestReason(msgspec.Struct):
    message: list[str] | str = ""


class _NestRefusal(msgspec.Struct):
    response: _NestReason


class Calls:
    """The half of `gateways.base.Client` that is the same for all. Thread-safe; holds no connection
    of its own. `key_header` carries the key; `refusals` are the statuses that mean it is wrong."""

    key_header = "x-api-key"
    refusals = frozenset({401, 403})

    def __init__(
        self, base_url: str, *, api_key: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._http = Http(base_url, secrets=(api_key,), transport=transport)

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to do: connections belong to the process, a given transport to its giver."""

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
        """Raises GatewayError; KeyRejected where the key is not accepted."""
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
        """The body of an answer with one of these statuses. Raises Rejected, BadAnswer."""
        if answer.status_code not in accepted:
            raise self.refusal(answer)
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            wrong = self._http.clean(_why_undecodable(answer, error))
            raise BadAnswer(f"{answer.where}: not in the gateway's dialect: {wrong}") from None

    def refusal(self, answer: Answer) -> GatewayError:
        """Its no in its own words; BadAnswer where somebody else seems to have spoken."""
        said = reason_given(answer.body)
        if said is None:
            return BadAnswer(
                f"{answer.where}: {answer.status_code}, and not in the gateway's own words: "
                "does the base URL point to it?"
            )
        return self.rejected(answer, f"{answer.status_code} {said}".rstrip())

    def rejected(self, answer: Answer, why: str) -> Rejected:
        text = f"{answer.where}: {self._http.clean(why)}"
        return Rejected(text, status_code=answer.status_code)


class Budget:
    """One deadline for several calls."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self, *, at_most: float = float("inf")) -> float:
        return min(at_most, self._ends - time.monotonic())


def segment(session_id: str) -> str:
    """One segment of a path, whatever the id holds ("." and ".." would be climbed)."""
    if not session_id:
        raise ValueError("a session id must not be empty")
    return quote(session_id, safe="").replace(".", "%2E")


def reason_given(body: bytes) -> str | None:
    """What a refusal says in one of the fields that these gateways use; "" where it is JSON without
    one, None where it is no JSON object."""
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
    """What a refusal of NestJS's shape says ({"response": {"message": [...]}}); "" in any other."""
    try:
        said = msgspec.json.decode(body, type=_NestRefusal).response.message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return said[0] if isinstance(said, list) and said else said if isinstance(said, str) else ""


def is_page(answer: Answer) -> bool:
    """No gateway answers so: something in between does, or another program."""
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
    """Whether what begins like an object or a list does not end like one."""
    text = body.strip()
    return {b"{": b"}", b"[": b"]"}.get(text[:1], text[-1:]) != text[-1:]


def probed(
    ask: Callable[[float], Probe],
    health: Callable[..., Health],
    *,
    deadline_seconds: float,
) -> Probe:
    """What `ask(seconds)` brings. Where its time passes, and the gateway itself still answers, it
    is the session that gives no answer. Raises GatewayError, Unreachable where nobody answers."""
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
    """The sessions of these names, each read within its own limit. One that hangs is listed without
    a state, and so is one in `unasked`, which is not read; what there was no time for makes the
    list incomplete, and is not the same the next time."""
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
            # One session's trouble: the others can be read all the same.
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
    """The entries of a list that can be read, and how many cannot. Raises BadAnswer where that is
    none of them: it is another program's list."""
    entries = [_entry(raw, shape) for raw in said]
    found = [entry for entry in entries if entry is not None]
    if entries and not found:
        raise BadAnswer("no entry of its list is in the gateway's dialect: is its kind right?")
    return found, len(entries) - len(found)


def without_unread(listing: Listing, unread: int) -> Listing:
    """A list that is not whole where some of its entries could not be read."""
    if not unread:
        return listing
    why = listing.why_incomplete or f"{unread} of its entries cannot be read"
    return replace(listing, complete=False, why_incomplete=why)


def in_turn(names: Sequence[str], now: float) -> list[str]:
    """From where the reading begins at `now`, in seconds: the last of a long list would otherwise
    be those for which there is never time."""
    first = int(len(names) * (now % ROUND_SECONDS) / ROUND_SECONDS)
    return [*names[first:], *names[:first]]
