"""Compare a gateway's list with our rows. Pure and set-based: one pass over each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from accounts.state.decision import UNLIKE_DISPROVED
from accounts.state.leftover_words import is_stuck, shows_code, status_after_scan
from accounts.words.phone_numbers import is_other_number
from accounts.words.status import LOST, STICKY, Status
from gateways.base import Listing, Reason, Session
from reconciliation.models import Finding
from reconciliation.rollcall.absent import judge_absent
from reconciliation.rollcall.boot import is_on_its_way
from reconciliation.rollcall.rows import Row
from reconciliation.rollcall.unclaimed import judge_unclaimed
from reconciliation.rollcall.values import Circumstances, Comparison, difference, seen


def diff(
    rows: Sequence[Row], listing: Listing, at: Circumstances, agreeing: Collection[str] = ()
) -> Comparison:
    """Compare. Rows that were observed after the list was requested are left alone.

    `agreeing`: sessions of other accounts, for which row and list agree (see
    reconciliation.rollcall.rows).
    """
    found = Comparison()
    listed = {session.session_id: session for session in listing.sessions}
    judged = [row for row in rows if not _is_newer(row, at)]
    for row in judged:
        if row.session_id in listed:
            _compare(found, row, listed[row.session_id], at, is_complete=listing.complete)
    judge_unclaimed(found, rows, listed, at, agreeing)
    if listing.complete:
        absent = [row for row in rows if row.session_id not in listed]
        found.unshown |= {row.account_id for row in absent if row.is_expected} - found.moved_on
        left = [row for row in judged if row.account_id not in found.moved_on]
        judge_absent(found, left, listed, at, agreeing=len(agreeing))
    return found


def _is_newer(row: Row, at: Circumstances) -> bool:
    """Return True if something arrived after the list was requested. A moment in the future does
    not count: a clock was set back since."""
    return row.observed_at is not None and at.started < row.observed_at <= at.now


def _compare(
    found: Comparison, row: Row, session: Session, at: Circumstances, *, is_complete: bool
) -> None:
    if is_mute(session) and row.status is Status.UNRESPONSIVE and row.disproved_at is not None:
        _agree(found, row, at, is_complete=is_complete)
        return
    why = _why_meaningless(row, session)
    if session.asked and not session.answered and row.is_live:
        found.unanswered.add(row.account_id)
    if not why and session.state is None:
        _note_unknown_word(found, row, session, at)
        return
    if why or session.state is None:
        differs = difference(row, Finding.Kind.DIFFERS, now=session.state or session.raw_state)
        found.noted.append(replace(differs, held=True, why=why))
        found.unshown |= {row.account_id} if row.is_expected else set()
        return
    on_its_way = is_on_its_way(row, session, at.boot)
    status = Status.CONNECTING if on_its_way else Status(session.state)
    reason = Reason.BOOTING if on_its_way else session.reason
    if not row.is_wanted and status not in LOST:
        unwanted = difference(row, Finding.Kind.UNWANTED, now=status)
        found.noted.append(replace(unwanted, held=True, why="it should be stopped"))
    if not on_its_way and _is_stuck_start(row, session, status, at):
        status, reason = Status.DISCONNECTED, Reason.START_STUCK
    observation = seen(session, at, status=status, reason=reason)
    status = _as_told(row, session, status, at) or status
    if status is Status.CONNECTED and session.phone_number is None and row.lacks_number:
        found.to_name.append(row.session_id)
    is_disproved = at.status_is_cached and not on_its_way and row.has_disproved(session)
    why = _why_still_differs(row) if is_disproved else _why_differs(row, session, status)
    if why:
        differs = difference(row, Finding.Kind.DIFFERS, now=status)
        found.decided.append((replace(differs, why=why), observation))
    elif not is_complete and row.is_live:
        found.fresh.append(observation)
    elif is_complete and row.unshown_since is not None:
        found.shown_again.add(row.account_id)


def _as_told(row: Row, session: Session, status: Status, at: Circumstances) -> Status | None:
    """Return the status that is known better, if the list lags behind it; None if not."""
    if status is Status.CONNECTING and is_stuck(row.status, row.reason):
        return row.status
    if session.may_be_over and status is Status.QR_SCANNING:
        return status_after_scan(row)
    is_late = at.says_connecting_with_qr and status is Status.CONNECTING
    return row.status if is_late and shows_code(row, at.started) else None


# One odd answer may pass. The second list in a row comes at least this long after the first.
_AGAIN = timedelta(seconds=10)


def _note_unknown_word(found: Comparison, row: Row, session: Session, at: Circumstances) -> None:
    """Record a state that nobody knows. A live status is not believed beside it for long."""
    why = f"the gateway says {session.raw_state!r}, which Rollcall does not know"
    differs = replace(difference(row, Finding.Kind.DIFFERS, now=session.raw_state), why=why)
    found.unshown |= {row.account_id} if row.is_expected else set()
    again = row.unshown_since is not None and at.started - row.unshown_since >= _AGAIN
    is_news = row.status is Status.UNKNOWN and row.reason != Reason.UNKNOWN_WORD
    if is_news or (row.is_live and again):
        observation = seen(session, at, status=Status.UNKNOWN, reason=Reason.UNKNOWN_WORD)
        found.decided.append((differs, observation))
    else:
        found.noted.append(replace(differs, held=True))


# A session that has lost its network is no start.
_STARTS = frozenset({Reason.NONE, Reason.LISTED, Reason.AUTHENTICATED})


def _is_stuck_start(row: Row, session: Session, status: Status, at: Circumstances) -> bool:
    """Return True if row and list have said for too long that it is starting."""
    if at.starts_within is None or session.reason not in _STARTS:
        return False
    both = status is Status.CONNECTING and row.status is Status.CONNECTING
    return both and row.is_wanted and at.started - row.since > at.starts_within


def is_mute(session: Session) -> bool:
    """Return True if the gateway holds the session, but its page gave no answer, or was not asked
    for that reason."""
    return session.state is None and not session.answered


def _agree(found: Comparison, row: Row, at: Circumstances, *, is_complete: bool) -> None:
    """Record that the session exists, and is as unresponsive as its row says."""
    if is_complete and row.unshown_since is not None:
        found.shown_again.add(row.account_id)
    elif not is_complete:
        mute = Session(session_id=row.session_id, state=None, answered=False)
        reason = Reason(row.reason)
        found.fresh.append(seen(mute, at, status=Status.UNRESPONSIVE, reason=reason))


def _why_meaningless(row: Row, session: Session) -> str:
    """Return why a listed session says nothing about the account; "" if it does."""
    if session.workspace_id not in (None, row.workspace_id):
        return (
            f"the gateway lists it for workspace {session.workspace_id}, the account belongs to "
            f"{row.workspace_id}"
        )
    if is_mute(session):
        return "its page gives no answer: it is probed, and decided by that"
    if session.state is None and session.reason is not Reason.UNRECOGNISED:
        return session.raw_state  # its answer could not be read, or its page contradicts it
    return ""


def _why_still_differs(row: Row) -> str:
    """Return that a probe has disproved this claim and nothing has changed since; "" otherwise."""
    goes_on = "its list goes on claiming a connection that a probe has disproved"
    return goes_on if row.status in UNLIKE_DISPROVED else ""


def _why_differs(row: Row, session: Session, status: Status) -> str:
    """Return why `observe` must get it (see accounts.state.decision.conclude); "" if list and row
    agree."""
    number = session.phone_number
    is_other = is_other_number(number, row.phone_number)
    if status is Status.CONNECTED and row.reason == Reason.WRONG_NUMBER:
        return f"it runs with {number}" if number and not is_other else ""
    if status is Status.CONNECTED and is_other:
        return f"another number was scanned: {number}"
    if status is Status.CONNECTED and number and not row.phone_number:
        return f"it names a number that the account does not have yet: {number}"
    limit = session.restriction
    known = (row.restricted_for, row.restricted_until)
    if status is Status.CONNECTED and limit and (limit.code, limit.until) != known:
        return "its list says that WhatsApp limits it, or no longer does"
    if status is Status.DISCONNECTED:
        settled = {Status.DISCONNECTED, *STICKY} if row.is_wanted else {Status.STOPPED}
        return "" if row.status in settled else "its list says so"
    is_asked, was_asked = (one == Reason.PASSKEY_REQUIRED for one in (session.reason, row.reason))
    if status is Status.QR_SCANNING and is_asked != was_asked:
        return "its list says that a passkey is asked for" if is_asked else "its list says so"
    return "" if status is row.status else "its list says so"
