"""What a roll call leaves behind: its Run, each finding for as long as it is found, what can be
seen of the gateway, and its incidents."""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Account, Gateway, Incident
from accounts.state import probes, visibility
from accounts.store import clock
from accounts.store.enqueue import enqueue_task
from accounts.words.status import Status
from gateways.base import CannotBeRead, GatewayError, Reason
from gateways.wire.untrusted import printable
from reconciliation.models import Finding, Run
from reconciliation.rollcall import self_check
from reconciliation.rollcall.boot import Boot
from reconciliation.rollcall.values import Comparison, Difference, Report

# Open findings about sessions of nobody, for each gateway: it can list as many as it likes. Those
# about our own rows are as many as these at most.
STRANGERS_KEPT = 500
_OF_STRANGERS = frozenset({Finding.Kind.UNCLAIMED, Finding.Kind.DUPLICATE})
IN_SYNC_KEPT = timedelta(days=1)
PRUNE_ROWS = 5000

# The run, its new and continued findings, and the end of the others. Another sweep finds twins,
# across gateways (reconciliation.twins).
_KEEP = """
WITH run AS (
    INSERT INTO reconciliation_run
           (gateway_id, started_at, finished_at, outcome, why, sessions_listed, findings_count,
            held_count)
    VALUES (%(gateway)s, %(started)s, %(finished)s, %(outcome)s, %(why)s, %(listed)s, %(count)s,
            %(held)s)
    RETURNING id
), found AS (
    SELECT * FROM jsonb_to_recordset(%(found)s::jsonb) found(
        account_id bigint, kind text, session_id text, phone_number text, workspace_id bigint,
        was text, now text, held boolean, why text)
), kept AS (
    INSERT INTO reconciliation_finding AS known
           (gateway_id, run_id, first_seen_at, last_seen_at,
            account_id, kind, session_id, phone_number, workspace_id, was, now, held, why)
    SELECT %(gateway)s, run.id, %(finished)s, %(finished)s, found.* FROM run, found
    ON CONFLICT (gateway_id, session_id, kind) WHERE ended_at IS NULL DO UPDATE
       SET run_id = excluded.run_id, last_seen_at = excluded.last_seen_at,
           account_id = excluded.account_id, was = excluded.was, now = excluded.now,
           held = excluded.held, why = excluded.why
)
UPDATE reconciliation_finding past SET ended_at = %(finished)s
 WHERE %(is_readable)s AND past.gateway_id = %(gateway)s AND past.ended_at IS NULL
   AND past.kind <> 'twin'
   AND NOT EXISTS (SELECT FROM found
                    WHERE found.session_id = past.session_id AND found.kind = past.kind)
"""


def keep(
    gateway: Gateway,
    report: Report,
    *,
    started: datetime,
    finished: datetime,
    outcome: Run.Outcome,
) -> None:
    """Write the run and its findings in one statement. A gateway that could not be read ends no
    finding."""
    kept = bounded(report.findings)
    found = {(one.session_id, one.kind): _record(one) for one in kept}
    values: dict[str, Any] = {
        "gateway": gateway.pk,
        "started": started,
        "finished": finished,
        "outcome": outcome,
        "why": report.why[:500],
        "listed": report.sessions_listed,
        "count": len(report.findings),
        "held": sum(finding.held for finding in report.findings),
        "is_readable": report.is_readable,
        "found": json.dumps(list(found.values())),
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)


def bounded(findings: Sequence[Difference]) -> list[Difference]:
    """Return the findings to keep: of sessions of nobody the first STRANGERS_KEPT, those proposed
    to an account before others, and one that counts the rest. The same ones each time."""
    strangers = [one for one in findings if one.kind in _OF_STRANGERS]
    if len(strangers) <= STRANGERS_KEPT:
        return list(findings)
    first = heapq.nsmallest(
        STRANGERS_KEPT, strangers, key=lambda one: (one.account_id is None, one.session_id)
    )
    rest = len(strangers) - len(first)
    others = [one for one in findings if one.kind not in _OF_STRANGERS]
    why = (
        f"{rest} more sessions of nobody are on its list than the {STRANGERS_KEPT} kept one by "
        "one: look at the gateway itself"
    )
    return [*others, *first, Difference(kind=Finding.Kind.MORE, session_id="", held=True, why=why)]


def _record(difference: Difference) -> dict[str, object]:
    return {
        "account_id": difference.account_id,
        "kind": difference.kind,
        "session_id": difference.session_id,
        "phone_number": difference.phone_number,
        "workspace_id": difference.workspace_id,
        "was": difference.was,
        "now": printable(difference.now, limit=20),
        "held": difference.held,
        "why": difference.why[:500],
    }


def keep_boot(gateway: Gateway, boot: Boot) -> None:
    Gateway.objects.filter(pk=gateway.pk).update(
        booted_at=boot.booted_at,
        boot_seen_at=boot.seen_at,
        boot_sessions=boot.sessions,
        boot_grown_at=boot.grown_at,
    )


def prune() -> int:
    """Delete old rows and return how many. Runs in sync are kept for a day, others and ended
    findings longer."""
    now = clock.database_now()
    limit = now - timedelta(days=settings.RUNS_KEPT_DAYS)
    old = Q(started_at__lt=limit)
    agreed = Q(outcome=Run.Outcome.IN_SYNC, started_at__lt=now - IN_SYNC_KEPT)
    gone = 0
    while pks := list(Run.objects.filter(old | agreed).values_list("pk", flat=True)[:PRUNE_ROWS]):
        gone += Run.objects.filter(pk__in=pks).delete()[0]
    return gone + Finding.objects.filter(ended_at__lt=limit).delete()[0]


NUMBERS_ASKED_AT_ONCE = 5


def note_blind(
    gateway: Gateway,
    error: GatewayError,
    *,
    started: datetime,
    maintained: bool = False,
    resumed_at: datetime | None = None,
) -> None:
    """Record a failed read, and open UNREACHABLE after 45 s without one that succeeds.

    Not for push-only kinds, where nothing is broken. Not under maintenance, after which
    (`resumed_at`) this time starts again. Not while no gateway at all can be read.
    """
    why = str(error)
    since = visibility.note_blind(gateway.pk, why, started=started)
    if maintained or isinstance(error, CannotBeRead) or self_check.look_at_ourselves():
        return
    since = max(since, resumed_at or since, self_check.last_over() or since)
    if (started - since).total_seconds() >= settings.LIVE_WORD_EXPIRES_AFTER_SECONDS:
        open_incident(Incident.Kind.UNREACHABLE, gateway_id=gateway.pk, text=why)


def note_seen(
    gateway: Gateway,
    comparison: Comparison,
    *,
    started: datetime,
    is_complete: bool,
    claims: Collection[int],
    is_open: Mapping[str, datetime],
    maintained: bool = False,
) -> None:
    """Record a successful read. Under maintenance a mass loss is neither found nor over: that is
    judged afterwards.

    `claims`: see accounts.state.visibility.note_listing. `is_open`: the open incidents of the
    gateway and of Rollcall itself when its rows were read, by kind, since when. The next roll call
    sees what was opened later.
    """
    if Incident.Kind.SELF_CHECK in is_open:
        self_check.see_again()
    if Incident.Kind.UNREACHABLE in is_open:
        close_incident(Incident.Kind.UNREACHABLE, gateway_id=gateway.pk)
    if not maintained:
        probes.note_unanswered(gateway.pk, comparison.unanswered, started)
    if not is_complete:
        visibility.note_sight(gateway.pk, started=started)
        return
    visibility.note_listing(
        gateway.pk,
        started=started,
        unshown=comparison.unshown,
        shown_again=comparison.shown_again,
        claims=claims,
    )
    if maintained:
        return
    if lost := len(comparison.held_back):
        text = f"{lost} accounts vanished from its list at once; they are unknown until confirmed"
        open_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk, text=text)
    elif Incident.Kind.MASS_LOSS in is_open:
        lost = _lost_since(gateway, is_open[Incident.Kind.MASS_LOSS])
        text = "all came back; no session was lost"
        if lost:
            text = f"its lists agreed for 60 s: {lost} accounts are disconnected"
        close_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk, text=text)


def ask_for_numbers(gateway_id: int, sessions: Sequence[str]) -> None:
    """Request reads of sessions whose list names no number. A few each time, in random order: some
    may run by a LID, which a read does not change."""
    for session_id in random.sample(sessions, min(len(sessions), NUMBERS_ASKED_AT_ONCE)):
        enqueue_task("accounts.tasks.confirm_session", gateway_id, session_id)


def _lost_since(gateway: Gateway, moment: datetime) -> int:
    """Return how many were lost since, with those that earlier roll calls have read."""
    gone = {"status": Status.DISCONNECTED, "status_reason": Reason.MISSING}
    return Account.objects.filter(gateway=gateway, status_since__gte=moment, **gone).count()
