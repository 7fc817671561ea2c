"""What a roll call compares: our rows as small values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.decision import is_disproved
from accounts.models import Account
from accounts.status import LIVE, Status, Wanted
from gateways.base import Reason, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An account as far as a roll call needs it."""

    account_id: int
    workspace_id: int
    session_id: str
    phone_number: str
    status: Status
    reason: str
    last_known: str
    is_wanted: bool
    observed_at: datetime | None
    unshown_since: datetime | None
    qr_seen_at: datetime | None
    connected_at: datetime | None = None
    proven_at: datetime | None = None
    disproved_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_expected(self) -> bool:
        """Absence says something: it was seen alive, or could not be seen, or it is wanted again
        and still called stopped (the read that was rung for then may be lost)."""
        is_wanted_again = self.status is Status.STOPPED and self.is_wanted
        return self.is_live or self.status is Status.UNKNOWN or is_wanted_again

    @property
    def is_dismissed(self) -> bool:
        """An operator said that it is not lost, whatever the lists leave out."""
        return self.status is Status.UNKNOWN and self.reason == Reason.LOSS_DISMISSED

    @property
    def was_connected(self) -> bool:
        """When it was last seen: an expired word still counts in a mass loss."""
        expired = self.status is Status.UNKNOWN and self.last_known == Status.CONNECTED
        return expired or self.status is Status.CONNECTED

    def has_disproved(self, session: Session) -> bool:
        """A probe has found nothing behind this very "connected" (accounts.decision)."""
        return is_disproved(
            Status(session.state) if session.state else None,
            connected_at=session.connected_at,
            disproved_at=self.disproved_at,
            claimed_at=self.connected_at,
            proven_at=self.proven_at,
        )

    def has_shown_qr(self, since: datetime | None) -> bool:
        return self.qr_seen_at is not None and (since is None or self.qr_seen_at >= since)


def rows_of(gateway_id: int) -> list[Row]:
    """Every account of the gateway that has a session; one query, no model instances."""
    values = Account.objects.filter(gateway_id=gateway_id, session_id__isnull=False).values_list(
        *("id", "workspace_id", "session_id", "phone_number"),
        *("status", "status_reason", "last_known_status"),
        *("wanted", "archived_at"),
        *("observed_at", "unshown_since", "qr_seen_at"),
        *("connected_at", "proven_at", "disproved_at"),
    )
    return [_row(*value) for value in values]


def _row(
    pk: int,
    workspace_id: int,
    session_id: str,
    phone_number: str | None,
    status: str,
    reason: str,
    last_known: str,
    wanted: str,
    archived_at: datetime | None,
    observed_at: datetime | None,
    unshown_since: datetime | None,
    qr_seen_at: datetime | None,
    connected_at: datetime | None,
    proven_at: datetime | None,
    disproved_at: datetime | None,
) -> Row:
    return Row(
        account_id=pk,
        workspace_id=workspace_id,
        session_id=session_id,
        phone_number=phone_number or "",
        status=Status(status),
        reason=reason,
        last_known=last_known,
        is_wanted=wanted == Wanted.RUNNING and archived_at is None,
        observed_at=observed_at,
        unshown_since=unshown_since,
        qr_seen_at=qr_seen_at,
        connected_at=connected_at,
        proven_at=proven_at,
        disproved_at=disproved_at,
    )
