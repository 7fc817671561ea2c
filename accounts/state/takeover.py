"""Decide whose session it is (take-over, merge, a session that comes back): the rows that a batch
of observations touches, as values, and the rules.

Pure: nothing here queries the database. `accounts.state.observe` writes the changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.state.decision import (
    Known,
    is_doubted,
    is_older,
    judge,
    number_counts,
)
from accounts.state.observations import Observation, Verdict
from accounts.words.phone_numbers import is_other_number, same_number
from accounts.words.status import LIVE, LOST, Source, Status, Wanted
from gateways.base import Reason

# A connected session of another gateway keeps its account for this long after its last proof.
PROOF_HOLDS = timedelta(minutes=10)

SessionKey = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A session that an account once ran on. `confirmed` is False while only a claim says so."""

    session: SessionKey
    account_id: int
    confirmed: bool


class RowSet:
    """Rows by session, by superseded session and by number. `apply` changes them one observation
    after the other, so that later ones of a batch see the effect of earlier ones."""

    def __init__(
        self,
        rows: Iterable[Known],
        superseded: Iterable[Superseded],
        serves: Iterable[tuple[int, int]],
        *,
        now: datetime,
        expires_after: timedelta,
    ) -> None:
        self.now = now
        self.expires_after = expires_after
        self.before = {row.account_id: row for row in rows}
        self.rows = dict(self.before)
        self._owners = {row.session: row.account_id for row in self.rows.values() if row.session}
        self.superseded_before = {entry.session: entry for entry in superseded}
        self.superseded = dict(self.superseded_before)
        self.serves = frozenset(serves)
        self.merged: dict[int, int] = {}
        # What the last `apply` changed: each row before and after.
        self.changes: list[tuple[Known, Known]] = []

    # --- looking up ---------------------------------------------------------------------------
    def owner(self, session: SessionKey) -> Known | None:
        account_id = self._owners.get(session)
        return None if account_id is None else self.rows[account_id]

    def _put(self, row: Known) -> None:
        before = self.rows[row.account_id]
        self.changes.append((before, row))
        if before.session is not None and self._owners.get(before.session) == row.account_id:
            del self._owners[before.session]
        self.rows[row.account_id] = row
        if row.session is not None:
            self._owners[row.session] = row.account_id

    def holder(self, seen: Observation) -> Known | None:
        """Return the account with the number that `seen` names, in a workspace that it may report
        on."""
        fitting = [
            row
            for row in self.rows.values()
            if same_number(row.phone_number, seen.phone_number)
            and seen.workspace_id in (None, row.workspace_id)
            and (seen.source is Source.REGISTRATION or self._may_speak_of(row, seen))
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _may_speak_of(self, row: Known, seen: Observation) -> bool:
        """Return True if the gateway serves the workspace of `row` and the account is not archived.

        Only people bring an archived account back: its sessions are offered for clean-up, and a
        login scanned just now must not be.
        """
        return row.archived_at is None and (seen.gateway_id, row.workspace_id) in self.serves

    def displaced(self, row: Known) -> Superseded | None:
        """Return the session that last lost this account to a claim not yet confirmed by a read."""
        return next((entry for entry in reversed(self._unconfirmed(row.account_id))), None)

    def _unconfirmed(self, account_id: int) -> list[Superseded]:
        """Return the superseded sessions that are not confirmed, oldest first."""
        return [
            entry
            for entry in self.superseded.values()
            if entry.account_id == account_id and not entry.confirmed
        ]

    def _settle(self, account_id: int) -> None:
        """Confirm the session that the account runs on, after a read: no older one comes back."""
        for entry in self._unconfirmed(account_id):
            self.superseded[entry.session] = replace(entry, confirmed=True)

    # --- deciding -----------------------------------------------------------------------------
    def apply(self, seen: Observation) -> tuple[Verdict, int | None]:
        """Apply `seen`. Return the verdict and the id of the account that it is about."""
        self.changes = []
        if not seen.can_be_kept:
            return Verdict.UNKNOWN_SESSION, None
        own = self.owner(seen.session)
        if own is not None:
            return self._apply_to_owner(own, seen)
        past = self.superseded.get(seen.session)
        if past is not None:
            return self._apply_to_past_owner(self.rows[past.account_id], seen, past)
        if not number_counts(seen):
            return Verdict.UNKNOWN_SESSION, None
        holder = self.holder(seen)
        if holder is None:
            return Verdict.UNKNOWN_SESSION, None
        if not self._may_take_over(holder, seen):
            return Verdict.DUPLICATE, holder.account_id
        return self._take_over(holder, seen)

    def _apply_to_owner(self, own: Known, seen: Observation) -> tuple[Verdict, int]:
        if seen.workspace_id not in (None, own.workspace_id):
            return Verdict.WORKSPACE_MISMATCH, own.account_id
        if own.phone_number is None and seen.phone_number is not None:
            twin = self._twin(own, seen)
            if twin is not None and number_counts(seen) and self._may_take_over(twin, seen):
                return self._merge(own, twin, seen)
            if twin is not None:
                seen = replace(seen, phone_number=None)
        return self._judge_owner(own, seen)

    def _judge_owner(self, own: Known, seen: Observation) -> tuple[Verdict, int]:
        displaced = self.displaced(own)
        if displaced and self._denies(own, seen):
            return self._undo_takeover(own, displaced, seen)
        verdict, after = judge(own, seen, now=self.now, expires_after=self.expires_after)
        self._put(after)
        if verdict is not Verdict.OLDER and seen.is_read and seen.status in LIVE:
            self._settle(own.account_id)
        return verdict, own.account_id

    def _denies(self, own: Known, seen: Observation) -> bool:
        """Return True if a read denies the session that claimed `own`: it does not exist, it is not
        linked, or it is linked to another number."""
        if not seen.is_read or is_older(own, seen, now=self.now):
            return False
        if seen.status in (Status.CONNECTED, Status.UNRESPONSIVE):
            return is_other_number(own.phone_number, seen.phone_number)
        return seen.reason is Reason.MISSING or seen.status in (
            Status.QR_SCANNING,
            Status.LOGGED_OUT,
        )

    def _twin(self, own: Known, seen: Observation) -> Known | None:
        return next(
            (
                row
                for row in self.rows.values()
                if row.account_id != own.account_id
                and same_number(row.phone_number, seen.phone_number)
                and row.workspace_id == own.workspace_id
            ),
            None,
        )

    def _apply_to_past_owner(
        self, row: Known, seen: Observation, past: Superseded
    ) -> tuple[Verdict, int]:
        if seen.workspace_id not in (None, row.workspace_id):
            return Verdict.WORKSPACE_MISMATCH, row.account_id
        fits = seen.phone_number is None or same_number(row.phone_number, seen.phone_number)
        alive = seen.is_read and seen.status is Status.CONNECTED
        # Compare logins by one gateway's clock.
        here = row.gateway_id == seen.gateway_id
        hearsay = is_doubted(row if here else replace(row, connected_at=None), seen)
        may = alive and fits and not hearsay and row.status in LOST
        # A gateway that its workspace has left has no say, unless only a claim led away from it.
        may = may and (here or not past.confirmed or self._may_speak_of(row, seen))
        if not may or is_older(row, seen, now=self.now):
            return Verdict.SUPERSEDED, row.account_id
        del self.superseded[seen.session]
        self._move(row, seen)
        return Verdict.TAKEN_BACK, row.account_id

    def _may_take_over(self, holder: Known, seen: Observation) -> bool:
        """Return True if the new session may take the account over.

        On the same gateway a fresh scan always may. From another gateway it may only if the old
        session is gone or has no recent proof. An operator always may.
        """
        if seen.source is Source.REGISTRATION or holder.gateway_id == seen.gateway_id:
            return True
        # An account that cannot be seen now is not necessarily gone.
        word = holder.last_known if holder.status is Status.UNKNOWN else holder.status
        if word != Status.CONNECTED or holder.last_proof_at is None:
            return True
        return holder.last_proof_at + PROOF_HOLDS <= self.now

    def _take_over(self, holder: Known, seen: Observation) -> tuple[Verdict, int]:
        if is_older(holder, seen, now=self.now):
            return Verdict.OLDER, holder.account_id
        self._move(holder, seen)
        return Verdict.TAKEN_OVER, holder.account_id

    def _merge(self, fresh: Known, holder: Known, seen: Observation) -> tuple[Verdict, int]:
        """Move the session to `holder`, because a freshly scanned account has the number of
        `holder`. `fresh` stays as a tombstone with its history."""
        if is_older(holder, seen, now=self.now) or is_older(fresh, seen, now=self.now):
            return Verdict.OLDER, fresh.account_id
        self._put(
            replace(
                fresh,
                session_id=None,
                phone_number=None,
                status=Status.STOPPED,
                reason=Reason.MERGED,
                raw="",
                since=min(seen.observed_at, self.now),
                last_known="",
                observed_at=min(seen.observed_at, self.now),
                merged_into=holder.account_id,
            )
        )
        for session, entry in self.superseded.items():
            if entry.account_id == fresh.account_id:
                self.superseded[session] = replace(entry, account_id=holder.account_id)
        self.merged[fresh.account_id] = holder.account_id
        self._move(replace(holder, wanted=fresh.wanted, archived_at=None), seen)
        return Verdict.MERGED, holder.account_id

    def _move(self, row: Known, seen: Observation) -> None:
        """Put the account on the session of `seen`. The old session is superseded; it may come back
        until a read confirms the move."""
        if row.session is not None:
            self.superseded[row.session] = Superseded(
                session=row.session, account_id=row.account_id, confirmed=False
            )
        if not seen.is_claim:
            self._settle(row.account_id)
        moved = replace(
            row,
            gateway_id=seen.gateway_id,
            session_id=seen.session_id,
            # Facts about the old session say nothing about this one.
            observed_at=None,
            read_at=min(seen.observed_at, self.now),
            event_at=None,
            unshown_since=None,
            listed_at=None,
            connected_at=None,
            proven_at=None,
            last_proof_at=None,
            lost_at=None,
            disproved_at=None,
            probe_failures=0,
            probe_failing_since=None,
        )
        _, after = judge(moved, seen, now=self.now, expires_after=self.expires_after)
        self._put(after if seen.status is not None else _unseen(after))

    def _undo_takeover(
        self, own: Known, displaced: Superseded, seen: Observation
    ) -> tuple[Verdict, int]:
        """Return the account to its previous session, unseen: the session that claimed it does not
        exist."""
        del self.superseded[displaced.session]
        gateway_id, session_id = displaced.session
        stopped = own.wanted is Wanted.STOPPED
        last_known = own.last_known if own.status is Status.UNKNOWN else own.status
        at = min(seen.observed_at, self.now)
        self._put(
            replace(
                own,
                gateway_id=gateway_id,
                session_id=session_id,
                status=Status.STOPPED if stopped else Status.UNKNOWN,
                reason=Reason.AS_WANTED if stopped else Reason.TAKEOVER_DENIED,
                raw="",
                since=at,
                last_known="" if stopped else last_known,
                observed_at=at,
                read_at=None,
                event_at=None,
                unshown_since=at,
                disproved_at=None,
                probe_failures=0,
                probe_failing_since=None,
            )
        )
        return Verdict.TAKEOVER_UNDONE, own.account_id


def _unseen(row: Known) -> Known:
    """Return the row for a session that nobody has read yet. It does not inherit the live status of
    the previous session."""
    if row.status not in LIVE:
        return row
    return replace(
        row,
        status=Status.UNKNOWN,
        reason=Reason.OVERDUE,
        raw="",
        since=row.read_at or row.since,
        last_known=row.status,
    )
