"""Read the absent sessions: one targeted read each, as many as there is time for."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.state import probes
from accounts.state.observations import Observation, observation_of_read
from accounts.store.database import release_connection
from accounts.words.status import LIVE, Status
from gateways.base import Client, GatewayError, Reason, Session
from reconciliation.models import Finding
from reconciliation.rollcall.rows import Row
from reconciliation.rollcall.values import Comparison, Difference, difference

READ_SECONDS = 5.0
READS_AT_ONCE = 8
# A session with a sign of life within this time is alive, even if two answers of its gateway
# differ.
SPEAKS_FOR = timedelta(seconds=60)
# With less time left a read would only time out.
WORTH_SECONDS = 0.5

NOT_READ = "not read yet, there was no time left: the next pass will"
NO_SUCH_SESSION = "absent from the list, and by a read there is no such session"
PROBED = "absent from the list, and a probe of it is under way: the next pass reads it"
NOT_LISTED = "alive by its own status, but absent from the list"
LIST_IS_WRONG = "alive by its own status, and absent from the list with half of its gateway's"
LISTED_NOT = "absent from the list; by a read it is there, but not alive"


@dataclass(frozen=True, slots=True)
class _ReadAnswer:
    """Result of one read, and the moment before the request."""

    row: Row
    asked_at: datetime
    session: Session | GatewayError | None


def read_absent(
    client: Client, gateway_id: int, comparison: Comparison, *, ends: float
) -> list[tuple[Difference, Observation | None]]:
    """Read the absent sessions: absence alone proves no loss. A session with a probe under way is
    not asked a second time.

    `ends` by time.monotonic(). Holds no database connection.
    """
    rows = comparison.to_read
    began_at, probed = probes.under_way(gateway_id)
    began = time.monotonic()
    release_connection()

    def read(row: Row) -> _ReadAnswer:
        if row.session_id in probed:
            return _ReadAnswer(row, began_at, GatewayError(PROBED))
        asked_at = began_at + timedelta(seconds=time.monotonic() - began)
        return _ReadAnswer(row, asked_at, _read(client, row.session_id, ends))

    # In random order: if time is short, reads that hang must not always starve the same others.
    mixed = random.sample(rows, len(rows))
    with ThreadPoolExecutor(max_workers=min(READS_AT_ONCE, len(rows))) as readers:
        answers = {answer.row.account_id: answer for answer in readers.map(read, mixed)}
    is_cached = client.capabilities.status_is_cached
    return [
        _judge(gateway_id, answers[row.account_id], comparison, is_cached=is_cached) for row in rows
    ]


def _read(client: Client, session_id: str, ends: float) -> Session | GatewayError | None:
    left = ends - time.monotonic()
    if left < WORTH_SECONDS:
        return GatewayError(NOT_READ)
    try:
        return client.read_session(session_id, deadline_seconds=min(READ_SECONDS, left))
    except GatewayError as error:
        return error


def _judge(
    gateway_id: int, answer: _ReadAnswer, comparison: Comparison, *, is_cached: bool
) -> tuple[Difference, Observation | None]:
    row, session = answer.row, answer.session
    missing = difference(row, Finding.Kind.MISSING, now=Status.DISCONNECTED)
    if isinstance(session, GatewayError):
        return replace(missing, now=row.status, held=True, why=str(session)), None
    observation = observation_of_read(
        gateway_id, row.session_id, session, answer.asked_at, is_cached=is_cached
    )
    if session is None:
        return replace(missing, why=NO_SUCH_SESSION), observation
    if observation.is_cached and observation.status is Status.CONNECTED:
        if comparison.is_mass_loss and row.is_held:
            # The list is more likely wrong: to restart half a working gateway would be the worst.
            return replace(missing, now=row.status, held=True, why=LIST_IS_WRONG), None
        if not _has_spoken(row, answer.asked_at):
            # Two answers of one gateway contradict each other, and neither asked the browser.
            observation = replace(observation, status=Status.UNRESPONSIVE, reason=Reason.NOT_LISTED)
    now = observation.status or session.raw_state
    if observation.status in LIVE or observation.status is None:
        lied = replace(missing, kind=Finding.Kind.LIST_LIED, now=now, why=NOT_LISTED)
        return replace(lied, held=observation.status is row.status), observation
    return replace(missing, now=now, why=LISTED_NOT), observation


def _has_spoken(row: Row, asked_at: datetime) -> bool:
    """Return True if its live client gave a sign of life just now, and after any disproof."""
    at = row.proven_at
    if at is None or (row.disproved_at is not None and row.disproved_at >= at):
        return False
    return asked_at - SPEAKS_FOR < at <= asked_at
