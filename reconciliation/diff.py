"""What a gateway's list says against our rows. Pure and set-based: one pass over each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from accounts.observations import Observation
from accounts.status import LOST, STICKY, Source, Status
from gateways.base import Listing, Reason, Session
from reconciliation.models import Finding
from reconciliation.roll import Row

MASS_LOSS_LEAST = 3
MASS_LOSS_AGREES_FOR = timedelta(seconds=60)

BOOTING = "the gateway is booting: absence means nothing yet"
MASS_LOSS = (
    "half of the gateway's sessions vanished at once: waiting until its lists agree for 60 s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing on which list and rows do not agree. `held`: seen, but not acted on, and why."""

    kind: Finding.Kind
    session_id: str
    account_id: int | None = None
    phone_number: str = ""
    was: str = ""
    now: str = ""
    held: bool = False
    why: str = ""


@dataclass(slots=True)
class Comparison:
    """What follows from one list.

    `decided` pairs a difference with the observation that mends it; `fresh` are observations of
    agreement, made only where the list is not complete; `to_read` are the rows that must be read
    one by one; `unshown` and `shown_again` keep the watermark honest.
    """

    decided: list[tuple[Difference, Observation]] = field(default_factory=list)
    noted: list[Difference] = field(default_factory=list)
    fresh: list[Observation] = field(default_factory=list)
    to_read: list[Row] = field(default_factory=list)
    unshown: set[int] = field(default_factory=set)
    shown_again: set[int] = field(default_factory=set)
    is_mass_loss: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Of the gateway, when it was asked for its list."""

    gateway_id: int
    started: datetime
    booted_at: datetime | None = None
    in_grace: bool = False
    sight_since: datetime | None = None
    # Sessions of this gateway that accounts once ran on → the account.
    superseded: Mapping[str, int] = field(default_factory=dict)


def diff(rows: Sequence[Row], listing: Listing, at: Circumstances) -> Comparison:
    """Compare. Rows that were observed after the list was asked for are left alone."""
    found = Comparison()
    listed = {session.session_id: session for session in listing.sessions}
    judged = [row for row in rows if row.observed_at is None or row.observed_at <= at.started]
    for row in judged:
        session = listed.get(row.session_id)
        if session is not None:
            _compare(found, row, session, at, is_complete=listing.complete)
    if listing.complete:
        _judge_absent(found, judged, listed, at)
    claimed = {row.session_id for row in rows}
    for session in listing.sessions:
        if session.session_id not in claimed:
            _judge_unclaimed(found, session, rows, listed, at)
    return found


def seen(
    session: Session, at: Circumstances, *, status: Status | None, reason: Reason
) -> Observation:
    return Observation(
        gateway_id=at.gateway_id,
        session_id=session.session_id,
        status=status,
        reason=reason,
        raw=session.raw_state if reason is Reason.UNRECOGNISED else "",
        phone_number=session.phone_number,
        workspace_id=session.workspace_id,
        connected_at=session.connected_at,
        observed_at=at.started,
        source=Source.LIST,
    )


# --- what is listed ---------------------------------------------------------------------------
def _compare(
    found: Comparison, row: Row, session: Session, at: Circumstances, *, is_complete: bool
) -> None:
    difference = _difference(row, Finding.Kind.DIFFERS, now=session.state or session.raw_state)
    if session.workspace_id not in (None, row.workspace_id):
        why = f"the gateway lists it for workspace {session.workspace_id}"
        found.noted.append(replace(difference, held=True, why=why))
        found.unshown.add(row.account_id)
        return
    if session.state is None:
        why = f"its word {session.raw_state!r} is not in our table"
        found.noted.append(replace(difference, held=True, why=why))
        found.unshown.add(row.account_id)
        return
    status, reason = _word(row, session, at)
    if not row.is_wanted and status not in LOST:
        unwanted = _difference(row, Finding.Kind.UNWANTED, now=status)
        found.noted.append(replace(unwanted, held=True, why="it is wanted stopped"))
    observation = seen(session, at, status=status, reason=reason)
    if not _agrees(row, session, status):
        found.decided.append((replace(difference, now=status), observation))
    elif row.phone_number == "" and session.phone_number and status is Status.CONNECTED:
        why = "its number is known now"
        found.decided.append((replace(difference, now=status, why=why), observation))
    elif not is_complete and row.is_live:
        found.fresh.append(observation)
    if is_complete and row.unshown_since is not None:
        found.shown_again.add(row.account_id)


def _word(row: Row, session: Session, at: Circumstances) -> tuple[Status, Reason]:
    """A session that is being restored is listed as waiting for a scan before any QR exists
    (observed on the Node service): without a QR since the boot it is only connecting."""
    status = Status(session.state) if session.state else Status.UNKNOWN
    scanned_for = row.qr_seen_at is not None and (
        at.booted_at is None or row.qr_seen_at >= at.booted_at
    )
    if at.in_grace and status is Status.QR_SCANNING and not scanned_for:
        return Status.CONNECTING, Reason.BOOTING
    return status, session.reason


def _agrees(row: Row, session: Session, status: Status) -> bool:
    """Whether `observe` would leave the status as it is (accounts.decision.conclude)."""
    other_number = None not in (session.phone_number, row.phone_number or None) and (
        session.phone_number != row.phone_number
    )
    if status is Status.CONNECTED:
        if row.reason == Reason.WRONG_NUMBER:
            return other_number or session.phone_number is None
        return row.status is Status.CONNECTED and not other_number
    if status is Status.DISCONNECTED:
        settled = {Status.DISCONNECTED, *STICKY}
        return row.status in settled or (row.status is Status.STOPPED and not row.is_wanted)
    return status is row.status


# --- what is absent ---------------------------------------------------------------------------
def _judge_absent(
    found: Comparison, rows: Iterable[Row], listed: Mapping[str, Session], at: Circumstances
) -> None:
    expected = [row for row in rows if row.is_expected and row.is_wanted]
    absent = [row for row in expected if row.session_id not in listed]
    found.is_mass_loss = not at.in_grace and _is_mass_loss(expected, absent)
    for row in rows:
        if row.session_id in listed or not row.is_expected:
            continue
        found.unshown.add(row.account_id)
        difference = _difference(row, Finding.Kind.MISSING, now=Status.DISCONNECTED)
        if not row.is_wanted:
            gone = replace(difference, now=Status.STOPPED, why="switched off, as wanted")
            found.decided.append((gone, _gone(row, at)))
        elif at.in_grace:
            found.noted.append(replace(difference, now=row.status, held=True, why=BOOTING))
        elif found.is_mass_loss:
            _hold_mass_loss(found, row, difference, at)
        else:
            found.to_read.append(row)


def _is_mass_loss(expected: Sequence[Row], absent: Sequence[Row]) -> bool:
    """Three and half of those that are, or were when we last saw them, connected."""

    def counts(row: Row) -> bool:
        return row.status in (Status.CONNECTED, Status.UNKNOWN)

    lost = sum(map(counts, absent))
    return lost >= MASS_LOSS_LEAST and 2 * lost >= sum(map(counts, expected))


def _hold_mass_loss(found: Comparison, row: Row, difference: Difference, at: Circumstances) -> None:
    """Unknown, until every complete list has agreed for a minute in which we could see."""
    since = [row.unshown_since, at.sight_since]
    if all(moment and moment + MASS_LOSS_AGREES_FOR <= at.started for moment in since):
        why = "every list of the last 60 s agrees"
        found.decided.append((replace(difference, why=why), _gone(row, at)))
        return
    held = replace(difference, now=Status.UNKNOWN, held=True, why=MASS_LOSS)
    if row.reason == Reason.MASS_LOSS_UNCONFIRMED:
        found.noted.append(held)
        return
    unknown = replace(_gone(row, at), status=Status.UNKNOWN, reason=Reason.MASS_LOSS_UNCONFIRMED)
    found.decided.append((held, unknown))


def _gone(row: Row, at: Circumstances) -> Observation:
    return Observation(
        gateway_id=at.gateway_id,
        session_id=row.session_id,
        status=Status.DISCONNECTED,
        reason=Reason.MISSING,
        observed_at=at.started,
        source=Source.LIST,
    )


# --- what nobody claims ------------------------------------------------------------------------
def _judge_unclaimed(
    found: Comparison,
    session: Session,
    rows: Sequence[Row],
    listed: Mapping[str, Session],
    at: Circumstances,
) -> None:
    past = at.superseded.get(session.session_id)
    holder = _holder(session, rows, past)
    is_connected = session.state is not None and Status(session.state) is Status.CONNECTED
    if past is not None and not is_connected:
        return  # a session that was left behind, and is not alive
    observation = seen(session, at, status=Status.CONNECTED, reason=Reason.NONE)
    difference = Difference(
        kind=Finding.Kind.UNCLAIMED,
        session_id=session.session_id,
        account_id=holder.account_id if holder else None,
        phone_number=session.phone_number or "",
        now=session.state or session.raw_state,
        held=True,
        why=_proposal(holder),
    )
    if not is_connected or (session.phone_number is None and past is None):
        proposed = holder or _proposed(session, rows, listed)
        account_id = proposed.account_id if proposed else None
        found.noted.append(replace(difference, account_id=account_id, why=_proposal(proposed)))
        return
    current = listed.get(holder.session_id) if holder else None
    if holder is None or current is None or current.state != session.state:
        found.decided.append((difference, observation))
        return
    duplicate = replace(difference, kind=Finding.Kind.DUPLICATE, was=holder.status)
    if past is None and _is_later(session, current):
        why = f"connected later than {current.session_id}: the account runs on it now"
        found.decided.append((replace(duplicate, held=False, why=why), observation))
    else:
        why = f"account {holder.account_id} runs on {current.session_id}, which is alive too"
        found.noted.append(replace(duplicate, why=why))


def _holder(session: Session, rows: Iterable[Row], past: int | None) -> Row | None:
    """The account that has its number, or that it once belonged to."""
    for row in rows:
        same_number = bool(row.phone_number) and row.phone_number == session.phone_number
        fits = session.workspace_id in (None, row.workspace_id)
        if row.account_id == past or (same_number and fits):
            return row
    return None


def _proposed(session: Session, rows: Iterable[Row], listed: Mapping[str, Session]) -> Row | None:
    """The one account of its workspace that has lost its session, if there is just one."""
    lost = [
        row
        for row in rows
        if row.workspace_id == session.workspace_id
        and row.is_wanted
        and (row.status in LOST or (row.is_expected and row.session_id not in listed))
    ]
    return lost[0] if len(lost) == 1 else None


def _proposal(row: Row | None) -> str:
    if row is None:
        return "no account knows it: adopt it, or stop it at the gateway"
    return f"proposed for account {row.account_id} ({row.phone_number or 'no number yet'})"


def _is_later(session: Session, current: Session) -> bool:
    if session.connected_at is None or current.connected_at is None:
        return False
    return session.connected_at > current.connected_at


def _difference(row: Row, kind: Finding.Kind, *, now: str) -> Difference:
    return Difference(
        kind=kind,
        session_id=row.session_id,
        account_id=row.account_id,
        phone_number=row.phone_number,
        was=row.status,
        now=now,
    )
