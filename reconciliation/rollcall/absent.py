"""Judge accounts that a complete list does not show. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from accounts.state.observations import Observation
from accounts.words.status import Source, Status
from gateways.base import Reason, Session
from reconciliation.models import Finding
from reconciliation.rollcall.rows import Row
from reconciliation.rollcall.values import Circumstances, Comparison, Difference, difference

MASS_LOSS_LEAST = 3
MASS_LOSS_AGREES_FOR = timedelta(seconds=60)

MAINTAINED = "the gateway is under maintenance: absence is not judged"
BOOTING = "the gateway is booting: absence means nothing yet"
STARTING = "a start of ours is under way: absence means nothing yet"
MASS_LOSS = "half of the gateway's sessions vanished at once: its lists must agree for 60 s first"
RETURNING = "it vanished with half of its gateway's sessions, and others of them are coming back"
SPOKEN = "it vanished with half of its gateway's sessions, but has spoken since"
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
        found.noted += [_held(row, row.status, MAINTAINED) for row in absent if row.is_expected]
        return
    lost = [row for row in absent if row.is_wanted and row.is_expected and not row.is_dismissed]
    starting = [row for row in lost if row.session_id in at.starting]
    lost = [row for row in lost if row.session_id not in at.starting]
    found.noted += [_held(row, row.status, STARTING) for row in starting]
    found.noted += [_held(row, row.status, DISMISSED) for row in absent if row.is_dismissed]
    for row in absent:
        if not row.is_wanted and row.status is not Status.STOPPED:
            found.decided.append((_missing(row, Status.STOPPED, AS_WANTED), _gone(row, at)))
    if at.boot.in_grace:
        lost_again = [row for row in lost if _was_restored(row, at)]
        if _is_mass_loss(rows, lost_again, agreeing):
            lost_again = []
        found.noted += [_held(row, row.status, BOOTING) for row in lost if row not in lost_again]
        found.to_read += lost_again
        return
    found.is_mass_loss = _is_mass_loss(rows, lost, agreeing)
    is_returning = _is_returning(rows, listed, at)
    for row in lost:
        # A held row stays held for its minute, even if others come back and less than half is gone
        # then.
        if found.is_mass_loss or row.is_held:
            _judge_mass_loss(found, row, at, is_returning=is_returning)
        else:
            found.to_read.append(row)


def _was_restored(row: Row, at: Circumstances) -> bool:
    """Return True if the last complete list, of this boot, showed it connected: it does not wait to
    be restored."""
    if row.status is not Status.CONNECTED or row.unshown_since is not None:
        return False
    listed_at, booted = at.listed_at, at.boot.seen_at
    return listed_at is not None and booted is not None and listed_at >= booted


def _is_mass_loss(rows: Sequence[Row], lost: Sequence[Row], agreeing: int) -> bool:
    connected = agreeing + sum(row.is_wanted and row.was_connected for row in rows)
    vanished = sum(row.was_connected for row in lost)
    return vanished >= MASS_LOSS_LEAST and 2 * vanished >= connected


def _is_returning(rows: Sequence[Row], listed: Mapping[str, Session], at: Circumstances) -> bool:
    """Return True if this list shows some sessions of a mass loss again. The gateway may have
    restarted, which not every kind reports, and restores them one after another."""
    again = (row for row in rows if row.unshown_since is not None and row.session_id in listed)
    return at.held_since is not None and any(
        _is_shown(row, listed[row.session_id]) for row in again
    )


def _is_shown(row: Row, session: Session) -> bool:
    """Return False for a page without an answer and for another workspace's session: those stay
    unshown."""
    is_its = session.workspace_id in (None, row.workspace_id)
    return session.state is not None and is_its


def _judge_mass_loss(found: Comparison, row: Row, at: Circumstances, *, is_returning: bool) -> None:
    """Keep the row unknown until every complete list has agreed for a minute in which the gateway
    was visible, and no other source contradicts. After that its absence is judged like any other.
    """
    agreed = _have_agreed(found, row, at)
    is_denied = any(not _is_long_ago(said, at) for said in _said_alive(row, at))
    if agreed and not is_denied and not is_returning:
        found.to_read.append(row)
        return
    # The rest of a loss is held by itself: the others, already read, no longer wait for it.
    if found.is_mass_loss or is_returning or (at.held_since is not None and not agreed):
        found.held_back.add(row.account_id)
    why = RETURNING if is_returning else SPOKEN if agreed else MASS_LOSS
    held = _held(row, Status.UNKNOWN, why)
    if row.reason == Reason.MASS_LOSS_UNCONFIRMED:
        found.noted.append(held)
    else:
        found.decided.append((held, _unconfirmed(row, at)))


def _have_agreed(found: Comparison, row: Row, at: Circumstances) -> bool:
    """Return True if all lists have agreed for a minute. `held_since` is None also when the loss is
    over already."""
    clocks = [at.sight_since, row.unshown_since]
    if found.is_mass_loss or at.held_since is not None:
        clocks.append(at.held_since)
    return all(since is not None and _is_long_ago(since, at) for since in clocks)


def _is_long_ago(moment: datetime, at: Circumstances) -> bool:
    return moment + MASS_LOSS_AGREES_FOR <= at.started


def _said_alive(row: Row, at: Circumstances) -> list[datetime]:
    """Return when a webhook or a sign of life last reported it alive. A moment in the future is
    ignored: a clock was set back since."""
    moments = (row.observed_at, row.proven_at)
    return [moment for moment in moments if moment is not None and moment <= at.now]


def _missing(row: Row, now: Status, why: str) -> Difference:
    return replace(difference(row, Finding.Kind.MISSING, now=now), why=why)


def _held(row: Row, now: Status, why: str) -> Difference:
    return replace(_missing(row, now, why), held=True)


def _gone(row: Row, at: Circumstances) -> Observation:
    return Observation(
        gateway_id=at.gateway_id,
        session_id=row.session_id,
        status=Status.DISCONNECTED,
        reason=Reason.MISSING,
        observed_at=at.started,
        source=Source.LIST,
    )


def _unconfirmed(row: Row, at: Circumstances) -> Observation:
    return replace(_gone(row, at), status=Status.UNKNOWN, reason=Reason.MASS_LOSS_UNCONFIRMED)
