"""Web processes say that they are there. While none was, nobody could hear a gateway, and what did
not come then is no silence of the gateway's."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError

from accounts.store.redis_client import client

logger = logging.getLogger(__name__)
PRESENT = "rollcall:web:present"
NOTED_EVERY_SECONDS = 10.0
# Of several notes one may be lost.
AWAY_AFTER_SECONDS = 40.0
# What else each process of a real web server does beside requests; others enter themselves here.
also_begun: list[Callable[[], None]] = []
_begun: set[int] = set()
_beginning = threading.Lock()


class Presence:
    """The first request of each process of a real web server begins what it does beside requests; a
    command and a test are none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if os.getpid() not in _begun and "SERVER_SOFTWARE" in request.META:
            _begin_once()
        return self.get_response(request)


def note() -> None:
    """Note a heartbeat, by the clock of Redis, which all processes share. Raises RedisError."""
    at = redis_now()
    since, last = _noted() or (at, at)
    began = since if 0 <= at - last <= AWAY_AFTER_SECONDS else at
    client().set(PRESENT, json.dumps([began, at]))


def present_since(now: datetime) -> datetime | None:
    """Return since when there has been one without a break; `now` while there is none, None where
    none has ever said so. Raises RedisError."""
    noted = _noted()
    if noted is None:
        return None
    at, (since, last) = redis_now(), noted
    return now if at - last > AWAY_AFTER_SECONDS else now - timedelta(seconds=max(0.0, at - since))


def redis_now() -> float:
    seconds, microseconds = client().time()
    return float(seconds) + float(microseconds) / 1e6


def _noted() -> tuple[float, float] | None:
    value = client().get(PRESENT)
    if value is None:
        return None
    since, last = json.loads(str(value))
    return since, last


def _begin_once() -> None:
    with _beginning:
        if os.getpid() in _begun:
            return
        _begun.add(os.getpid())
    _begin()


def _begin() -> None:
    for begin in also_begun:
        begin()
    threading.Thread(target=_go_on_noting, name="presence", daemon=True).start()


def _go_on_noting() -> None:
    while True:
        try:
            note()
        except RedisError as error:
            logger.warning("that we are there was not noted: %s", type(error).__name__)
        time.sleep(NOTED_EVERY_SECONDS)
