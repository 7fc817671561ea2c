"""Every request on a route, as it went: noted without a database write, for whoever watches."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime

from redis.client import Pipeline
from redis.exceptions import RedisError

from accounts.store.redis_client import client

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
        """Not trusted."""
        return self.status_code == 401

    @property
    def is_lost(self) -> bool:
        """On a path that is nobody's, and without a name: that the path is wrong says it all."""
        return self.is_refused and bool(self.wrong_path) and self.code == UNKNOWN_PATH

    @property
    def is_postponed(self) -> bool:
        """It was asked to retry (429): neither a success nor anybody's fault."""
        return self.status_code == 429


def note_passages(*passages: Passage) -> None:
    if not passages:
        return
    try:
        with client().pipeline(transaction=False) as pipe:
            for passage in passages:
                _count(pipe, passage)
                _remember(pipe, passage)
            pipe.execute()
    except RedisError as error:
        logger.warning("a passage was not noted: %s", type(error).__name__)


def _count(pipe: Pipeline, passage: Passage) -> None:
    minute = int(passage.at.timestamp()) // 60 * 60
    for name in _counts(passage):
        field = json.dumps([passage.gateway_id, minute, name])
        pipe.hincrby(TALLIES, field, passage.times)


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


def _remember(pipe: Pipeline, passage: Passage) -> None:
    if passage.gateway_id is None:
        return
    at = passage.at.timestamp()
    said: dict[str, object] = {"received": at}
    if passage.is_success:
        said["success"] = at
        pipe.hset(FAILURES, str(passage.gateway_id), 0)
    elif not (passage.is_postponed or passage.is_overtaken or passage.is_lost):
        said["failure"] = [at, passage.code, passage.why]
        pipe.hincrby(FAILURES, str(passage.gateway_id), 1)
    if passage.is_unsigned:
        said["unsigned"] = at
    if passage.wrong_path:
        field = json.dumps([passage.gateway_id, "wrong_path", passage.wrong_path])
        key_went_along = passage.is_unsigned or passage.code == "unknown_key"
        pipe.hset(LAST, field, json.dumps([at, passage.is_success, key_went_along]))
    if passage.skew_seconds is not None:
        said["skew"] = passage.skew_seconds
    for name, value in said.items():
        pipe.hset(LAST, json.dumps([passage.gateway_id, name]), json.dumps(value))
