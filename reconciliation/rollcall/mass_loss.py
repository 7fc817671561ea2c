"""Judge a mass loss: many sessions that vanish from one list at once. Pure.

An operator may confirm or dismiss one: accounts.operators.confirm_loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from accounts.state.observations import Observation
from accounts.words.status import Status
from gateways.base import Reason, Session
from reconciliation.rollcall.rows import Row
from reconciliation.rollcall.values import Circumstances, Comparison, gone, held

# At least so many, and at least half of the gateway's connected sessions.
LEAST = 3
AGREES_FOR = timedelta(seconds=60)

MASS_LOSS = "half of the gateway's sessions vanished at once: its lists must agree for 60 s first"
RETURNING = "it vanished with half of its gateway's sessions, and others of them are coming back"
SPOKEN = "it vanished with half of its gateway's sessions, but has spoken since"


def is_mass_loss(rows: Sequence[Row], lost: Sequence[Row], agreeing: int) -> bool:
    connected = agreeing + sum(row.is_wanted and row.was_connected for row in rows)
    vanished = sum(row.was_connected for row in lost)
    return vanished >= LEAST and 2 * vanished >= connected


def is_returning(rows: Sequence[Row], listed: Mapping[str, Session], at: Circumstances) -> bool:
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


def judge_mass_loss(found: Comparison, row: Row, at: Circumstances, *, is_returning: bool) -> None:
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
    unknown = held(row, Status.UNKNOWN, why)
    if row.reason == Reason.MASS_LOSS_UNCONFIRMED:
        found.noted.append(unknown)
    else:
        found.decided.append((unknown, _unconfirmed(row, at)))


def _have_agreed(found: Comparison, row: Row, at: Circumstances) -> bool:
    """Return True if all lists have agreed for a minute. `held_since` is None also when the loss is
    over already."""
    clocks = [at.sight_since, row.unshown_since]
    if found.is_mass_loss or at.held_since is not None:
        clocks.append(at.held_since)
    return all(since is not None and _is_long_ago(since, at) for since in clocks)


def _is_long_ago(moment: datetime, at: Circumstances) -> bool:
    return moment + AGREES_FOR <= at.started


def _said_alive(row: Row, at: Circumstances) -> list[datetime]:
    """Return when a webhook or a sign of life last reported it alive. A moment in the future is
    ignored: a clock was set back since."""
    moments = (row.observed_at, row.proven_at)
    return [moment for moment in moments if moment is not None and moment <= at.now]


def _unconfirmed(row: Row, at: Circumstances) -> Observation:
    return replace(gone(row, at), status=Status.UNKNOWN, reason=Reason.MASS_LOSS_UNCONFIRMED)
