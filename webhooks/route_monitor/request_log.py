"""Every request on a route, as it went: noted without a database write, for whoever watches."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from redis.client import Pipeline
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.store.redis_client import client
from webhooks.wire.web_process import Collected

logger = logging.getLogger(__name__)
TALLIES = "rollcall:passages:tallies"
LAST = "rollcall:passages:last"
FAILURES = "rollcall:passages:failures"
# The code of a refusal for no other reason than that nothing is at the path.
UNKNOWN_PATH = "unknown_path"

# Upper limits of the histograms, in milliseconds; what is above the last is counted in one more.
LIMITS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One request and how it ended. `gateway_id` None: nobody we know.

    `code` and `why` say what failed; `lag_ms` is how old the event was by its own time;
    `wrong_path` the path, where it was not the right one; `skew_seconds` by how much the sender's
    clock is ahead (negative: behind); `is_overtaken`: a success has come in since;
    `times`: so many alike.
    """

    gateway_id: int | None
    at: datetime
    status_code: int
    handling_ms: float = 0.0
    lag_ms: float | None = None
    code: str = ""
    why: str = ""
    wrong_path: str = ""
    skew_seconds: int | None = None
    is_repeated: bool = False
    is_retried: bool = False
    is_unsigned: bool = False
    is_overtaken: bool = False
    times: int = 1

    @property
    def is_success(self) -> bool:
        return self.status_code < 300

    @property
    def is_refused(self) -> bool:
        """Tell whether the request was not trusted."""
        return self.status_code == 401

    @property
    def is_lost(self) -> bool:
        """Tell whether it came to an unknown path without a name: then the path is the only fault
        known."""
        return self.is_refused and bool(self.wrong_path) and self.code == UNKNOWN_PATH

    @property
    def is_postponed(self) -> bool:
        """Tell whether it was asked to retry (429), which is neither a success nor a fault."""
        return self.status_code == 429

    @property
    def is_failure(self) -> bool:
        """Tell whether it counts as one of several failures in a row."""
        return not (self.is_success or self.is_postponed or self.is_overtaken or self.is_lost)


def note_passages(*passages: Passage) -> None:
    """Write the notes in the order in which the requests ended. Without Redis only the notes are
    lost."""
    if passages:
        _passages.add(*passages)


def _send(passages: Sequence[Passage]) -> None:
    """Send the sums of these notes to Redis in one round trip."""
    tallies: Counter[tuple[int | None, int, str]] = Counter()
    last: dict[Any, Any] = {}
    in_a_row: dict[int, _InARow] = defaultdict(_InARow)
    for passage in passages:
        minute = int(passage.at.timestamp()) // 60 * 60
        for name in _counts(passage):
            tallies[passage.gateway_id, minute, name] += passage.times
        if passage.gateway_id is not None:
            last |= _last(passage.gateway_id, passage)
            in_a_row[passage.gateway_id].add(passage)
    try:
        with client().pipeline(transaction=False) as pipe:
            for field, times in tallies.items():
                pipe.hincrby(TALLIES, json.dumps(field), times)
            if last:
                pipe.hset(LAST, mapping=last)
            for gateway_id, failures in in_a_row.items():
                failures.write(pipe, str(gateway_id))
            pipe.execute()
    except RedisError as error:
        logger.warning("passages were not noted: %s", type(error).__name__)


_passages = Collected(_send)


@dataclass(slots=True)
class _InARow:
    """A gateway's failures since its last success, or since what is written already."""

    number: int = 0
    has_succeeded: bool = False

    def add(self, passage: Passage) -> None:
        if passage.is_success:
            self.number, self.has_succeeded = 0, True
        elif passage.is_failure:
            self.number += 1

    def write(self, pipe: Pipeline, field: str) -> None:
        if self.has_succeeded:
            pipe.hset(FAILURES, field, str(self.number))
        elif self.number:
            pipe.hincrby(FAILURES, field, self.number)


def _counts(passage: Passage) -> list[str]:
    failed = not (passage.is_success or passage.is_refused or passage.is_postponed)
    flags = {
        "received": True,
        "succeeded": passage.is_success,
        "failed": failed,
        "refused": passage.is_refused and not (passage.gateway_id and passage.is_lost),
        "repeated": passage.is_repeated,
        "retried": passage.is_retried,
        "misrouted": bool(passage.wrong_path),
        "unsigned": passage.is_unsigned,
        f"handling:{bucket(passage.handling_ms)}": passage.is_success,
    }
    names = [name for name, is_so in flags.items() if is_so]
    return names + ([f"lag:{bucket(passage.lag_ms)}"] if passage.lag_ms is not None else [])


def bucket(milliseconds: float) -> int:
    """The place in a histogram."""
    return next(
        (place for place, limit in enumerate(LIMITS_MS) if milliseconds <= limit), len(LIMITS_MS)
    )


def _last(gateway_id: int, passage: Passage) -> dict[str, str]:
    at = passage.at.timestamp()
    said: dict[tuple[str, ...], object] = {("received",): at}
    if passage.is_success:
        said["success",] = at
    elif passage.is_failure:
        said["failure",] = [at, passage.code, passage.why]
    if passage.is_unsigned:
        said["unsigned",] = at
    if passage.wrong_path:
        key_went_along = passage.is_unsigned or passage.code == "unknown_key"
        said["wrong_path", passage.wrong_path] = [at, passage.is_success, key_went_along]
    if passage.skew_seconds is not None:
        said["skew",] = passage.skew_seconds
    return {json.dumps([gateway_id, *name]): json.dumps(value) for name, value in said.items()}


# --- the answers of a view ------------------------------------------------------------------------
# The text for an answer's status if there is no other.
_CODES = {
    400: "unreadable",
    408: "too_slow",
    413: "too_large",
    415: "compressed",
    429: "postponed",
    503: "unavailable",
}


@dataclass(slots=True)
class Came:
    """The facts of one request once its gateway is known. Times by time.monotonic().

    `read_at`: the body was read; the time for that is the sender's. `handled_at`: our own
    processing was done (`is_heard`); the rest of the time, and the answer, are the backend's.
    """

    gateway_id: int | None = None
    read_at: float = 0.0
    handled_at: float | None = None
    lag_ms: float | None = None
    wrong_path: str = ""
    is_repeated: bool = False
    is_retried: bool = False
    is_unsigned: bool = False
    is_heard: bool = False


class NotesPassage(APIView):
    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        self.came = Came()
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self.came.gateway_id is not None:
            note_passages(_passage(self.came, answer))
        return answer


def _passage(came: Came, answer: Response) -> Passage:
    status = 200 if came.is_heard else answer.status_code
    data = getattr(answer, "data", None)
    return Passage(
        gateway_id=came.gateway_id,
        at=timezone.now(),
        status_code=status,
        handling_ms=((came.handled_at or time.monotonic()) - came.read_at) * 1000,
        lag_ms=came.lag_ms,
        code="" if status < 300 else _CODES.get(status, f"answered_{status}"),
        why=str(data.get("reason", "")) if isinstance(data, dict) else "",
        wrong_path=came.wrong_path,
        is_repeated=came.is_repeated,
        is_retried=came.is_retried,
        is_unsigned=came.is_unsigned,
    )
