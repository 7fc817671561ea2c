"""Sessions that are no account's current one: unclaimed, take-overs, duplicates. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from accounts.state.observations import Observation
from accounts.words.phone_numbers import canonical, is_other_number
from accounts.words.status import LOST, Status
from gateways.base import Reason, Session, State
from reconciliation.models import Finding
from reconciliation.rollcall.rows import Row
from reconciliation.rollcall.values import Circumstances, Comparison, Difference, seen

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def judge_unclaimed(
    found: Comparison,
    rows: Sequence[Row],
    listed: Mapping[str, Session],
    at: Circumstances,
    agreeing: Collection[str] = (),
) -> None:
    claimed = {*(row.session_id for row in rows), *agreeing}
    strangers = [session for session in listed.values() if session.session_id not in claimed]
    if not strangers:
        return
    roll = _Roll(rows, listed)
    latest = _latest_of_each_number(strangers)
    for session in strangers:
        if session.session_id in at.superseded:
            _judge_left_behind(found, session, roll, at)
        elif session.state is not State.CONNECTED or session.phone_number is None:
            found.noted.append(_unclaimed(session, roll.proposed(session)))
        elif (rival := latest[canonical(session.phone_number)]) is not session:
            why = f"{rival.session_id} has its number too, and connected later"
            found.noted.append(_duplicate(session, roll.holder(session), why=why))
        else:
            _judge_claimant(found, session, roll, at)


class _Roll:
    """Rows indexed for matching with unclaimed sessions; built once per list."""

    def __init__(self, rows: Sequence[Row], listed: Mapping[str, Session]) -> None:
        self.by_account = {row.account_id: row for row in rows}
        self._listed = listed
        self._by_number: dict[str, list[Row]] = defaultdict(list)
        self._lost: dict[int | None, list[Row]] = defaultdict(list)
        for row in rows:
            if row.phone_number:
                self._by_number[canonical(row.phone_number)].append(row)
            has_vanished = row.is_expected and row.session_id not in listed
            if row.is_wanted and (row.status in LOST or has_vanished):
                self._lost[row.workspace_id].append(row)

    def holder(self, session: Session) -> Row | None:
        """Return the one account with its number, in a workspace that its gateway may report on."""
        fitting = [
            row
            for row in self._by_number[canonical(session.phone_number or "")]
            if session.workspace_id in (None, row.workspace_id)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def proposed(self, session: Session) -> Row | None:
        """Return the account of its number. Otherwise return the only account of its workspace that
        lost its session, if its number may fit."""
        lost = self._lost[session.workspace_id]
        fitting = [
            row for row in lost if not is_other_number(session.phone_number, row.phone_number)
        ]
        return self.holder(session) or (fitting[0] if len(fitting) == 1 else None)

    def alive_session(self, row: Row) -> Session | None:
        """Return the account's own session, if the same list shows it connected."""
        current = self._listed.get(row.session_id)
        return current if current and current.state is State.CONNECTED else None


def _latest_of_each_number(strangers: Iterable[Session]) -> dict[str, Session]:
    latest: dict[str, Session] = {}
    for session in strangers:
        if session.state is not State.CONNECTED or session.phone_number is None:
            continue
        number = canonical(session.phone_number)
        other = latest.setdefault(number, session)
        if (session.connected_at or LONG_AGO) > (other.connected_at or LONG_AGO):
            latest[number] = session
    return latest


def _judge_left_behind(found: Comparison, session: Session, roll: _Roll, at: Circumstances) -> None:
    """Judge a session that an account once ran on. Only a live one matters: it may take its account
    back when the current one is lost, which `observe` decides."""
    if session.state is not State.CONNECTED:
        return
    account_id = at.superseded[session.session_id]
    row = roll.by_account.get(account_id)
    left = Difference(
        kind=Finding.Kind.DUPLICATE,
        session_id=session.session_id,
        account_id=account_id,
        phone_number=session.phone_number or "",
        was=row.status if row else "",
        now=Status.CONNECTED,
        held=True,
        why=f"account {account_id} once ran on it, and runs on another session now",
    )
    if row is not None and row.status not in LOST:
        found.noted.append(left)
    else:
        found.decided.append((left, _connected(session, at)))


def _judge_claimant(found: Comparison, session: Session, roll: _Roll, at: Circumstances) -> None:
    """Judge a connected session with a number. Of two live sessions in one list the later login
    wins; `observe` decides everything else."""
    holder = roll.holder(session)
    current = roll.alive_session(holder) if holder else None
    if holder is None or current is None:
        if holder is not None and session.workspace_id == holder.workspace_id:
            found.moved_on.add(holder.account_id)  # `observe` decides the same
        found.decided.append((_unclaimed(session, holder), _connected(session, at)))
    elif _is_later(session, current):
        why = f"it connected later than {current.session_id}, which is alive too"
        decided = replace(_duplicate(session, holder, why=why), held=False)
        found.decided.append((decided, _connected(session, at)))
    else:
        why = f"account {holder.account_id} runs on {current.session_id}, which is alive too"
        found.noted.append(_duplicate(session, holder, why=why))


def _is_later(session: Session, current: Session) -> bool:
    if session.connected_at is None or current.connected_at is None:
        return False
    return session.connected_at > current.connected_at


def _connected(session: Session, at: Circumstances) -> Observation:
    return seen(session, at, status=Status.CONNECTED, reason=Reason.NONE)


def _unclaimed(session: Session, row: Row | None) -> Difference:
    why = "no account knows it"
    if row is not None:
        why = f"it may be the one of account {row.account_id} ({row.phone_number or 'no number'})"
    return Difference(
        kind=Finding.Kind.UNCLAIMED,
        session_id=session.session_id,
        account_id=row.account_id if row else None,
        phone_number=session.phone_number or "",
        workspace_id=session.workspace_id,
        now=session.state or session.raw_state,
        held=True,
        why=why,
    )


def _duplicate(session: Session, row: Row | None, *, why: str) -> Difference:
    unclaimed = _unclaimed(session, row)
    return replace(unclaimed, kind=Finding.Kind.DUPLICATE, was=row.status if row else "", why=why)
