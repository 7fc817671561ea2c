"""What the clients of the smaller kinds have in common: one key, JSON answers, and a list that
names sessions without saying how they are, so that each is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from gateways.base import BadAnswer, GatewayError, KeyRejected, Listing, Rejected, Session, TimedOut
from gateways.http import Answer, Http
from gateways.json_fields import MAX_ID_CHARACTERS

READ_SECONDS = 4.0
READS_AT_ONCE = 8
# With less than this left, a read would only time out.
WORTH_SECONDS = 0.2
NO_ANSWER = "no answer"
Shape = TypeVar("Shape")


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
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Raises GatewayError; KeyRejected where the key is not accepted."""
        answer = self._http.call(
            method,
            path,
            body=body,
            headers={self.key_header: self._api_key} if headers is None else headers,
            deadline_seconds=deadline_seconds,
        )
        if answer.status_code in self.refusals:
            status = answer.status_code
            raise KeyRejected(
                f"{answer.where}: {status}, it does not accept our key", status_code=status
            )
        return answer

    def decoded(self, answer: Answer, shape: type[Shape], *, accepted: tuple[int, ...]) -> Shape:
        """The body of an answer with one of these statuses. Raises Rejected, BadAnswer."""
        if answer.status_code not in accepted:
            raise self.rejected(answer, f"{answer.status_code}")
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            wrong = self._http.clean(str(error))
            raise BadAnswer(f"{answer.where}: not in the gateway's dialect: {wrong}") from None

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


def read_each(
    names: Iterable[str],
    read: Callable[[str, float], Session | None],
    *,
    budget: Budget,
) -> Listing:
    """The sessions of these names, each read within its own limit. One that hangs is listed without
    a state; what there was no time for makes the list incomplete."""
    wanted = [name for name in dict.fromkeys(names) if name and len(name) <= MAX_ID_CHARACTERS]

    def look(name: str) -> Session | GatewayError | None:
        left = budget.left(at_most=READ_SECONDS)
        if left < WORTH_SECONDS:
            return GatewayError("there was no time left")
        try:
            return read(name, left)
        except KeyRejected:
            raise
        except (TimedOut, BadAnswer, Rejected) as error:
            # One session's trouble: the others can be read all the same.
            word = NO_ANSWER if isinstance(error, TimedOut) else "an odd answer"
            return Session(session_id=name, state=None, raw_state=word)

    with ThreadPoolExecutor(max_workers=READS_AT_ONCE) as readers:
        looks = list(readers.map(look, wanted))
    unread = sum(isinstance(found, GatewayError) for found in looks)
    return Listing(
        sessions=tuple(found for found in looks if isinstance(found, Session)),
        complete=not unread,
        why_incomplete=f"there was no time to read {unread} of {len(wanted)}" if unread else "",
    )
