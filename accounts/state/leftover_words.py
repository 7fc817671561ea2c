"""Words of a read that are known to lag behind what an event has told. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from accounts.words.status import Status
from gateways.base import Reason

# The first code lives for a minute, the next ones for less; each is reported.
CODE_LIVES = timedelta(seconds=75)


class Told(Protocol):
    """The parts of a row that tell an event's word from a read's."""

    @property
    def status(self) -> Status: ...
    @property
    def last_known(self) -> str: ...
    @property
    def since(self) -> datetime: ...
    @property
    def webhook_at(self) -> datetime | None: ...
    @property
    def read_at(self) -> datetime | None: ...
    @property
    def qr_seen_at(self) -> datetime | None: ...
    @property
    def last_connected_at(self) -> datetime | None: ...


def is_stuck(status: Status, reason: str) -> bool:
    """Return True if "connecting" is no news: its start has failed, or repair has given it up. Only
    an event, a start of ours or the connection itself is."""
    if status is Status.FAILED:
        return reason == Reason.REPAIR_GAVE_UP
    return status is Status.DISCONNECTED and reason == Reason.START_STUCK


def shows_code(row: Told, at: datetime) -> bool:
    """Return True if a code that was reported is still on screen: a scan is reported as well."""
    if row.status is not Status.QR_SCANNING or row.qr_seen_at is None:
        return False
    return row.qr_seen_at <= at <= row.qr_seen_at + CODE_LIVES


def status_after_scan(row: Told) -> Status | None:
    """Return the status that an event has told since the last code, and that no read has shown
    since; None if there is none.

    Once a read has shown the session connected, its gateway does not lag behind: a code is news.
    """
    if row.status is Status.CONNECTING:
        return row.status if _is_newest(row, row.since) else None
    blind = row.status is Status.UNKNOWN and row.last_known == Status.CONNECTED
    if row.status is not Status.CONNECTED and not blind:
        return None
    return Status.CONNECTED if _is_newest(row, row.last_connected_at) else None


def _is_newest(row: Told, told_at: datetime | None) -> bool:
    """Return True if a webhook told it at that moment, with neither a code nor a read since."""
    if told_at is None or row.webhook_at is None or row.webhook_at < told_at:
        return False
    return all(other is None or other < told_at for other in (row.read_at, row.qr_seen_at))
