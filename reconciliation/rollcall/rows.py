"""Our rows as small values, for the comparison of a roll call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.incidents.incidents import OPEN_ABOUT_SQL
from accounts.models import SupersededSession
from accounts.repair.queue import STARTING_SQL
from accounts.state.decision import is_disproved
from accounts.state.visibility import CLAIMED_SQL
from accounts.store import clock
from accounts.store.database import ask
from accounts.words.phone_numbers import canonical, same_number
from accounts.words.status import LIVE, Status, Wanted
from gateways.base import Reason, Session, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Account as far as a roll call needs it."""

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
    since: datetime
    webhook_at: datetime | None = None
    read_at: datetime | None = None
    last_connected_at: datetime | None = None
    restricted_for: str = ""
    restricted_until: datetime | None = None
    connected_at: datetime | None = None
    proven_at: datetime | None = None
    disproved_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_expected(self) -> bool:
        """True if absence means something.

        The account was seen alive, could not be seen, or is wanted again and still called stopped
        (its requested read may be lost).
        """
        is_wanted_again = self.status is Status.STOPPED and self.is_wanted
        return self.is_live or self.status is Status.UNKNOWN or is_wanted_again

    @property
    def lacks_number(self) -> bool:
        """True if the number of its session is unknown, or was another account's."""
        return not self.phone_number or self.reason == Reason.WRONG_NUMBER

    @property
    def is_dismissed(self) -> bool:
        """True if an operator said that it is not lost, whatever the lists leave out."""
        return self.status is Status.UNKNOWN and self.reason == Reason.LOSS_DISMISSED

    @property
    def is_held(self) -> bool:
        """True if it is part of a mass loss that is not confirmed yet."""
        return self.status is Status.UNKNOWN and self.reason == Reason.MASS_LOSS_UNCONFIRMED

    @property
    def was_connected(self) -> bool:
        """True if it was connected when last seen: an expired status counts in a mass loss."""
        expired = self.status is Status.UNKNOWN and self.last_known == Status.CONNECTED
        return expired or self.status is Status.CONNECTED

    def has_disproved(self, session: Session) -> bool:
        """Return True if a probe has disproved this very "connected" (accounts.state.decision)."""
        return is_disproved(
            Status(session.state) if session.state else None,
            connected_at=session.connected_at,
            disproved_at=self.disproved_at,
            claimed_at=self.connected_at,
            proven_at=self.proven_at,
        )

    def has_shown_qr(self, since: datetime | None) -> bool:
        return self.qr_seen_at is not None and (since is None or self.qr_seen_at >= since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """Accounts of a gateway, to compare with its list.

    `rows` are to be compared. For the sessions in `agreeing` rows and list agree, so nothing
    follows from them. `superseded`: listed sessions that accounts once ran on, and the account.
    `claims`: see accounts.state.visibility.note_listing. `incidents`: open incidents of the gateway
    and of Rollcall itself, by kind, since when. Set only if there are rows: `starting`, see
    accounts.repair.queue, and `read_at`, when they were read.
    """

    rows: list[Row]
    agreeing: frozenset[str]
    superseded: Mapping[str, int]
    claims: frozenset[int]
    incidents: Mapping[str, datetime]
    starting: frozenset[str] = frozenset()
    read_at: datetime | None = None


# Enough for most accounts: a full row costs ten times as much. `is_plain`: connected and nothing
# else.
_GLANCE = """
SELECT id, session_id, workspace_id, phone_number,
       status = 'connected' AND status_reason = '' AND wanted = 'running' AND archived_at IS NULL
         AND unshown_since IS NULL AND disproved_at IS NULL AND restricted_for = ''
         AND (observed_at IS NULL OR observed_at <= %(started)s) AS is_plain
  FROM whatsapp_accounts
 WHERE gateway_id = %(gateway)s AND session_id IS NOT NULL
"""
Glance = tuple[int, str, int, str | None, bool]
# In the order of the parameters of `_row`.
_WHOLE = """
SELECT id, workspace_id, session_id, phone_number, status, status_reason, last_known_status,
       wanted, archived_at, observed_at, unshown_since, qr_seen_at, status_since, webhook_at,
       read_at, last_connected_at, restricted_for, restricted_until, connected_at, proven_at,
       disproved_at
  FROM whatsapp_accounts
 WHERE id = ANY(%(accounts)s) AND gateway_id = %(gateway)s AND session_id IS NOT NULL
"""


def roll_of(
    gateway_id: int, listed: Mapping[str, Session], *, started: datetime, is_complete: bool
) -> Roll:
    """Return what a list, requested at `started`, is compared with: no model instances, and few
    queries however long the list is.

    An incomplete list is observed, so it needs every row.
    """
    glances: list[Any]  # of Glance
    glances, claims, incidents = ask(
        _GLANCE, CLAIMED_SQL, OPEN_ABOUT_SQL, gateway=gateway_id, started=started
    )
    strangers = listed.keys() - {glance[1] for glance in glances}
    superseded = _superseded(gateway_id, strangers)
    # Unclaimed sessions are compared with the accounts of their numbers, even if those agree.
    numbers = {canonical(listed[session_id].phone_number or "") for session_id in strangers} - {""}
    compared = frozenset(superseded.values())
    agreeing = frozenset(
        session_id
        for pk, session_id, workspace_id, number, is_plain in glances
        if is_plain and agrees(listed.get(session_id), workspace_id, number)
        if not (numbers and number and canonical(number) in numbers) and pk not in compared
    )
    agreeing = agreeing if is_complete else frozenset()
    others = [glance[0] for glance in glances if glance[1] not in agreeing]
    roll = Roll(
        rows=[],
        agreeing=agreeing,
        superseded=superseded,
        claims=frozenset(pk for (pk,) in claims),
        incidents=dict(incidents),
    )
    return _with_rows(roll, gateway_id, others, started) if others else roll


def _superseded(gateway_id: int, strangers: Collection[str]) -> dict[str, int]:
    if not strangers:
        return {}
    past = SupersededSession.objects.filter(gateway=gateway_id, session_id__in=strangers)
    return dict(past.values_list("session_id", "account_id"))


def agrees(session: Session | None, workspace_id: int, phone_number: str | None) -> bool:
    """Return True if the list shows a connected account of this workspace and number as just that.
    An account without a number is compared: its session may name one."""
    return (
        session is not None
        and bool(phone_number)
        and session.state is State.CONNECTED
        and not (session.restriction and session.restriction.code)
        and (session.workspace_id is None or session.workspace_id == workspace_id)
        and (session.phone_number is None or same_number(session.phone_number, phone_number))
    )


def _with_rows(
    roll: Roll, gateway_id: int, account_ids: Collection[int], started: datetime
) -> Roll:
    """Re-read the rows; a session may have changed since the first query."""
    rows, starting, [[read_at]] = ask(
        _WHOLE,
        STARTING_SQL,
        clock.now_sql(),
        gateway=gateway_id,
        accounts=list(account_ids),
        started=started,
    )
    return replace(
        roll,
        rows=[_row(*values) for values in rows],
        starting=frozenset(session_id for (session_id,) in starting),
        read_at=read_at,
    )


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
    since: datetime,
    webhook_at: datetime | None,
    read_at: datetime | None,
    last_connected_at: datetime | None,
    restricted_for: str,
    restricted_until: datetime | None,
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
        since=since,
        webhook_at=webhook_at,
        read_at=read_at,
        last_connected_at=last_connected_at,
        restricted_for=restricted_for,
        restricted_until=restricted_until,
        connected_at=connected_at,
        proven_at=proven_at,
        disproved_at=disproved_at,
    )
