"""What a roll call compares: our rows as small values, and what we know of the gateway."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Account, Gateway
from accounts.status import LIVE, Status, Wanted

MOVED_SECONDS = 5  # uptime is a float, and the answer took its time
GRACE_LEAST = timedelta(seconds=90)
GRACE_PER_ACCOUNT = timedelta(seconds=6)  # observed: sessions are restored one after another
GRACE_AFTER_GROWTH = timedelta(seconds=60)
GRACE_MOST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An account as far as a roll call needs it."""

    account_id: int
    workspace_id: int
    session_id: str
    phone_number: str
    status: Status
    reason: str
    is_wanted: bool
    observed_at: datetime | None
    unshown_since: datetime | None
    connected_at: datetime | None
    qr_seen_at: datetime | None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_expected(self) -> bool:
        """Absence says something: it was seen alive, or could not be seen."""
        return self.is_live or self.status is Status.UNKNOWN


_FIELDS = (
    *("id", "workspace_id", "session_id", "phone_number", "status", "status_reason", "wanted"),
    *("archived_at", "observed_at", "unshown_since", "connected_at", "qr_seen_at"),
)


def rows_of(gateway_id: int) -> list[Row]:
    """Every account of the gateway that has a session; one query."""
    values = Account.objects.filter(gateway_id=gateway_id, session_id__isnull=False)
    return [
        Row(
            account_id=pk,
            workspace_id=workspace_id,
            session_id=session_id or "",
            phone_number=phone_number or "",
            status=Status(status),
            reason=reason,
            is_wanted=wanted == Wanted.RUNNING and archived_at is None,
            observed_at=observed_at,
            unshown_since=unshown_since,
            connected_at=connected_at,
            qr_seen_at=qr_seen_at,
        )
        for (
            pk,
            workspace_id,
            session_id,
            phone_number,
            status,
            reason,
            wanted,
            archived_at,
            observed_at,
            unshown_since,
            connected_at,
            qr_seen_at,
        ) in values.values_list(*_FIELDS).iterator(chunk_size=5000)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What is known of a gateway's last boot. `seen_at` None: no grace is under way."""

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


def follow_boot(
    known: Boot,
    *,
    started: datetime,
    uptime_seconds: float | None,
    listed: set[str],
    rows: Iterable[Row],
) -> Boot:
    """The boot as it stands after a list: noticed, growing, or over.

    The first contact is not a boot, because nothing was lost by it. Grace ends early once every
    account that is expected is listed.
    """
    booted_at = known.booted_at
    if uptime_seconds is not None:
        seen = started - timedelta(seconds=uptime_seconds)
        if booted_at is None:
            return Boot(booted_at=seen)
        if abs((seen - booted_at).total_seconds()) > MOVED_SECONDS:
            known = Boot(booted_at=seen, seen_at=started, sessions=len(listed), grown_at=started)
    if known.seen_at is None:
        return known
    if len(listed) > known.sessions:
        known = Boot(
            booted_at=known.booted_at,
            seen_at=known.seen_at,
            sessions=len(listed),
            grown_at=started,
        )
    rows = list(rows)
    if _is_over(known, started, rows) or all(
        row.session_id in listed for row in rows if row.is_expected
    ):
        return Boot(booted_at=known.booted_at)
    return known


def _is_over(boot: Boot, started: datetime, rows: list[Row]) -> bool:
    assert boot.seen_at is not None
    wanted = sum(row.is_wanted for row in rows)
    least = boot.seen_at + max(GRACE_LEAST, GRACE_PER_ACCOUNT * wanted)
    quiet = (boot.grown_at or boot.seen_at) + GRACE_AFTER_GROWTH
    return started >= min(max(least, quiet), boot.seen_at + GRACE_MOST)
