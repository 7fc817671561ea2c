"""Judge accounts that a complete list does not show. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from accounts.words.status import Status
from gateways.base import Session
from reconciliation.rollcall.mass_loss import is_mass_loss, is_returning, judge_mass_loss
from reconciliation.rollcall.rows import Row
from reconciliation.rollcall.values import Circumstances, Comparison, gone, held, missing

MAINTAINED = "the gateway is under maintenance: absence is not judged"
BOOTING = "the gateway is booting: absence means nothing yet"
STARTING = "a start of ours is under way: absence means nothing yet"
DISMISSED = "an operator said that it is not lost: unknown until something shows it again"
AS_WANTED = "switched off, as wanted"


def judge_absent(
    found: Comparison,
    rows: Sequence[Row],
    listed: Mapping[str, Session],
    at: Circumstances,
    *,
    agreeing: int = 0,
) -> None:
    """Judge the absent rows. `rows`: those without newer information. `agreeing`: how many other
    accounts are connected and listed."""
    absent = [row for row in rows if row.session_id not in listed]
    if at.maintained:
        found.noted += [held(row, row.status, MAINTAINED) for row in absent if row.is_expected]
        return
    lost = [row for row in absent if row.is_wanted and row.is_expected and not row.is_dismissed]
    starting = [row for row in lost if row.session_id in at.starting]
    lost = [row for row in lost if row.session_id not in at.starting]
    found.noted += [held(row, row.status, STARTING) for row in starting]
    found.noted += [held(row, row.status, DISMISSED) for row in absent if row.is_dismissed]
    for row in absent:
        if not row.is_wanted and row.status is not Status.STOPPED:
            found.decided.append((missing(row, Status.STOPPED, AS_WANTED), gone(row, at)))
    if at.boot.in_grace:
        lost_again = [row for row in lost if _was_restored(row, at)]
        if is_mass_loss(rows, lost_again, agreeing):
            lost_again = []
        found.noted += [held(row, row.status, BOOTING) for row in lost if row not in lost_again]
        found.to_read += lost_again
        return
    found.is_mass_loss = is_mass_loss(rows, lost, agreeing)
    returning = is_returning(rows, listed, at)
    for row in lost:
        # A held row stays held for its minute, even if others come back and less than half is gone
        # then.
        if found.is_mass_loss or row.is_held:
            judge_mass_loss(found, row, at, is_returning=returning)
        else:
            found.to_read.append(row)


def _was_restored(row: Row, at: Circumstances) -> bool:
    """Return True if the last complete list, of this boot, showed it connected: it does not wait to
    be restored."""
    if row.status is not Status.CONNECTED or row.unshown_since is not None:
        return False
    listed_at, booted = at.listed_at, at.boot.seen_at
    return listed_at is not None and booted is not None and listed_at >= booted
