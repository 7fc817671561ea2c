"""Record of a roll call: one Run, and each finding for as long as it is found."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q

from accounts.models import Gateway
from accounts.store import clock
from gateways.wire.untrusted import printable
from reconciliation.models import Finding, Run
from reconciliation.rollcall.boot import Boot
from reconciliation.rollcall.report import Report
from reconciliation.rollcall.values import Difference

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
    found = {(one.session_id, one.kind): _record(one) for one in report.findings}
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
