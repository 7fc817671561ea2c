"""Boot of a gateway, from its uptime, and the grace after it. The gateway restores its sessions one
after another, so that for a while absence means nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.models import Gateway
from gateways.base import Session, State
from reconciliation.rollcall.rows import Row

# Uptime is read within 3 s of the request's start. Jitter below this is not a reboot; slower drift
# (two clocks) is followed.
MOVED = timedelta(seconds=5)
DRIFT = timedelta(seconds=1)
GRACE_LEAST = timedelta(seconds=90)
GRACE_PER_ACCOUNT = timedelta(seconds=6)  # observed: one after another, 3 to 6 s each
GRACE_AFTER_GROWTH = timedelta(seconds=60)
GRACE_MOST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """Last boot of a gateway. `seen_at` None: no grace is under way."""

    booted_at: datetime | None
    seen_at: datetime | None = None
    sessions: int = 0
    grown_at: datetime | None = None

    @classmethod
    def of(cls, gateway: Gateway) -> Boot:
        return cls(
            booted_at=gateway.booted_at,
            seen_at=gateway.boot_seen_at,
            sessions=gateway.boot_sessions,
            grown_at=gateway.boot_grown_at,
        )

    @property
    def in_grace(self) -> bool:
        return self.seen_at is not None


def follow_boot(
    known: Boot,
    *,
    started: datetime,
    uptime_seconds: float | None,
    listed: Mapping[str, Session],
    rows: Iterable[Row],
    came_back: bool = False,
    agreeing: int = 0,
) -> Boot:
    """Return the boot after a list that was requested at `started`: noticed, growing, or over.

    A gateway without an uptime that `came_back` after it could not be read may have booted.
    `agreeing`: how many more accounts are wanted, and listed as connected.
    """
    booted_at = _boot_moment(started, uptime_seconds)
    boot = _noticed(known, started, booted_at, len(listed))
    if booted_at is None and came_back:
        boot = replace(known, seen_at=started, sessions=len(listed), grown_at=started)
    if boot.seen_at is None:
        return boot
    if len(listed) > boot.sessions:
        boot = replace(boot, sessions=len(listed), grown_at=started)
    wanted = [row for row in rows if row.is_wanted]
    if started >= _ends_at(boot, len(wanted) + agreeing) or _is_restored(boot, wanted, listed):
        return Boot(booted_at=boot.booted_at)
    return boot


def _boot_moment(started: datetime, uptime_seconds: float | None) -> datetime | None:
    if uptime_seconds is None:
        return None
    try:
        return started - timedelta(seconds=uptime_seconds)
    except OverflowError:  # not a valid uptime
        return None


def _noticed(known: Boot, started: datetime, booted_at: datetime | None, listed: int) -> Boot:
    """Return the boot, new if the uptime shows one. The first contact is not a boot: it lost
    nothing."""
    if booted_at is None:
        return known
    if known.booted_at is None:
        return Boot(booted_at=booted_at)
    moved = abs(booted_at - known.booted_at)
    if moved > MOVED:
        return Boot(booted_at=booted_at, seen_at=started, sessions=listed, grown_at=started)
    return replace(known, booted_at=booted_at) if moved > DRIFT else known


def _ends_at(boot: Boot, wanted: int) -> datetime:
    assert boot.seen_at is not None and boot.grown_at is not None  # in grace
    least = boot.seen_at + max(GRACE_LEAST, GRACE_PER_ACCOUNT * wanted)
    quiet = boot.grown_at + GRACE_AFTER_GROWTH
    return min(max(least, quiet), boot.seen_at + GRACE_MOST)


def _is_restored(boot: Boot, wanted: Iterable[Row], listed: Mapping[str, Session]) -> bool:
    """Return True if every account that was alive is listed and none is still being restored."""
    return all(
        row.session_id in listed and not is_on_its_way(row, listed[row.session_id], boot)
        for row in wanted
        if row.is_expected
    )


def put_off(boot: Boot, started: datetime) -> Boot:
    """Start the grace again with every list under maintenance, so that all of it is left
    afterwards."""
    return replace(boot, seen_at=started, grown_at=started) if boot.in_grace else boot


def is_on_its_way(row: Row, session: Session, boot: Boot) -> bool:
    """Return True if the session is being restored: it is listed as waiting for a scan before any
    QR exists (observed on the Node service: tests/captures/node-service/)."""
    is_waiting = session.state is State.QR_SCANNING
    return boot.in_grace and is_waiting and not row.has_shown_qr(since=boot.booted_at)
