"""What each process of the web server does beside requests: it says that it is there, and sends
what it has collected."""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

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


SENT_EVERY_SECONDS = 0.25
# More are sent at once, by whoever adds the next.
MOST = 1000
T = TypeVar("T")


class Collected(Generic[T]):
    """`send` gets all that was added since the last time, in their order, and must not raise."""

    def __init__(self, send: Callable[[Sequence[T]], None]) -> None:
        self._send = send
        self._items: list[T] = []
        self._adding, self._sending = threading.Lock(), threading.Lock()
        _all.append(self)

    def add(self, *items: T) -> None:
        """Sent at once where nobody sends in the background."""
        with self._adding:
            self._items += items
            waits = _is_in_background and len(self._items) < MOST
        if not waits:
            self.send()

    def send(self) -> None:
        with self._sending:  # one after the other, so that they arrive in their order
            with self._adding:
                items, self._items = self._items, []
            if items:
                self._send(items)


_all: list[Collected[Any]] = []
_is_in_background = False


def send_in_background() -> None:
    """Collect from now on, and send several times a second until this process ends."""
    global _is_in_background
    _is_in_background = True
    atexit.register(_send_all)
    threading.Thread(target=_go_on_sending, name="collected", daemon=True).start()


def _go_on_sending() -> None:
    while True:
        time.sleep(SENT_EVERY_SECONDS)
        _send_all()


def _send_all() -> None:
    for collected in _all:
        collected.send()
