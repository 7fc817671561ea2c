"""observe(): the only function that writes an account's status."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from accounts.state import store_rows
from accounts.state.decision import Known
from accounts.state.observations import Observation, Outcome, Verdict
from accounts.state.takeover import RowSet
from accounts.store.announce import announce
from accounts.store.database import short_waits
from accounts.store.enqueue import enqueue_task
from accounts.store.qr_codes import forget_qr
from accounts.words.status import Status
from gateways.base import Reason

CHUNK = 500  # observations a transaction: a large pass must not hold thousands of locks
ATTEMPTS = 5
_MOVED = frozenset({Verdict.TAKEN_OVER, Verdict.MERGED})


class _WorldMoved(Exception):
    """A session or a number changed hands between finding and locking: look again."""


def observe(observations: Iterable[Observation], *, others: Collection[int] = ()) -> list[Outcome]:
    """Apply observations; return one outcome each, in their order.

    Rows, transitions and superseded sessions are written together, in chunks, each in one
    transaction (a savepoint inside the caller's). A claim that changed a status is confirmed by a
    targeted read, requested after the commit. `others`: accounts that the caller writes next in the
    same transaction. They are locked together with those found here, in id order.

    Raises django.db.OperationalError if a lock cannot be had within 2 s.
    """
    outcomes: list[Outcome] = []
    remaining = iter(observations)
    while chunk := list(islice(remaining, CHUNK)):
        outcomes += _observe_chunk(chunk, others)
    return outcomes


def _observe_chunk(seen: Sequence[Observation], others: Collection[int]) -> list[Outcome]:
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic(), short_waits():
                return _observe_once(seen, others)
        except (_WorldMoved, IntegrityError) as error:
            # A unique violation is the same case: another writer took that number or session.
            cause = error
    raise OperationalError("sessions or numbers kept changing hands; try again later") from cause


def _observe_once(seen: Sequence[Observation], others: Collection[int]) -> list[Outcome]:
    row_set = _open_book([one for one in seen if one.can_be_kept], others)
    outcomes: dict[int, Outcome] = {}
    transitions: list[Mapping[str, object]] = []
    # Oldest first, in any order of arrival: newer wins.
    for index in sorted(range(len(seen)), key=lambda index: seen[index].observed_at):
        verdict, account_id = row_set.apply(seen[index])
        outcomes[index] = _outcome(seen[index], verdict, account_id, row_set)
        transitions += _transitions(seen[index], row_set)
    store_rows.save(row_set, transitions)
    store_rows.save_superseded(row_set)
    announce(accounts=[pk for pk, row in row_set.rows.items() if _looks_changed(row_set, row)])
    for outcome in outcomes.values():
        if outcome.account_id is not None:
            _ask_for_confirmation(outcome, row_set.rows[outcome.account_id])
    _forget_scanned_qrs(row_set)
    return [outcomes[index] for index in range(len(seen))]


def _open_book(seen: Sequence[Observation], others: Collection[int]) -> RowSet:
    locked = store_rows.lock(seen, others)
    around = store_rows.look_around(seen, locked)
    if around.found != {row["account_id"] for row in locked}:
        raise _WorldMoved
    return RowSet(
        around.known,
        around.superseded,
        around.serves,
        now=around.now,
        expires_after=timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS),
    )


def _outcome(
    seen: Observation, verdict: Verdict, account_id: int | None, row_set: RowSet
) -> Outcome:
    if account_id is None:
        return Outcome(observation=seen, verdict=verdict)
    now = row_set.rows[account_id]
    was = next((before for before, _ in row_set.changes if before.account_id == account_id), now)
    return Outcome(
        observation=seen, verdict=verdict, account_id=account_id, was=was.status, now=now.status
    )


def _transitions(seen: Observation, row_set: RowSet) -> list[Mapping[str, object]]:
    return [
        {
            "account_id": after.account_id,
            "from_status": before.status,
            "to_status": after.status,
            "reason": after.reason,
            "raw": after.raw,
            "source": seen.source,
            "actor": seen.actor,
            "session_id": seen.session_id,
            "evidence": seen.evidence,
            "observed_at": seen.observed_at,
            "created_at": row_set.now,
        }
        for before, after in row_set.changes
        if (before.status, before.reason) != (after.status, after.reason)
    ]


def _looks_changed(row_set: RowSet, row: Known) -> bool:
    """Return whether a page must show the row anew. A later moment of the same status is none."""
    before = row_set.before[row.account_id]
    return (before.status, before.reason, before.session, before.phone_number) != (
        *(row.status, row.reason),
        *(row.session, row.phone_number),
    )


def _ask_for_confirmation(outcome: Outcome, account: Known) -> None:
    """Request a targeted read within 2 s if a machine's report changed something: a late retry
    looks as fresh as the truth.

    Also for a session that got its account back, a report that was not believed because a probe had
    disproved it or because it seems late (a clock may have been set back), and a scan that follows
    one by another number.
    """
    is_connected = outcome.observation.status is Status.CONNECTED
    is_doubted = account.disproved_at is not None or account.reason == Reason.WRONG_NUMBER
    moved = outcome.verdict in _MOVED or outcome.was is not outcome.now
    is_late = outcome.verdict is Verdict.OLDER and outcome.observation.event_at is not None
    moved = moved or is_late or (is_connected and is_doubted)
    claimed = outcome.observation.is_claim and moved
    if account.session and (claimed or outcome.verdict is Verdict.TAKEOVER_UNDONE):
        enqueue_task("accounts.tasks.confirm_session", *account.session)


def _forget_scanned_qrs(row_set: RowSet) -> None:
    """Delete the QR code of every row that no longer waits for a scan. A merge ends the wait of a
    row that none of the outcomes names."""
    for account_id, before in row_set.before.items():
        waits = row_set.rows[account_id].status is Status.QR_SCANNING
        if before.status is Status.QR_SCANNING and not waits:
            transaction.on_commit(partial(forget_qr, account_id), robust=True)
