"""The record of a roll call: one Run, and each finding for as long as it is found."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from accounts import clock
from accounts.models import Gateway
from gateways.text import printable
from reconciliation.boot import Boot
from reconciliation.comparison import Difference
from reconciliation.models import Finding, Run
from reconciliation.report import Report

IN_SYNC_KEPT = timedelta(days=1)
PRUNE_ROWS = 5000

_KEEP = """
INSERT INTO reconciliation_finding AS known
       (gateway_id, run_id, first_seen_at, last_seen_at,
        account_id, kind, session_id, phone_number, was, now, held, why)
SELECT %(gateway)s, %(run)s, %(now)s, %(now)s, found.*
  FROM jsonb_to_recordset(%(found)s::jsonb) found(
        account_id bigint, kind text, session_id text, phone_number text,
        was text, now text, held boolean, why text)
ON CONFLICT (gateway_id, session_id, kind) WHERE ended_at IS NULL DO UPDATE
   SET run_id = excluded.run_id, last_seen_at = excluded.last_seen_at,
       account_id = excluded.account_id, was = excluded.was, now = excluded.now,
       held = excluded.held, why = excluded.why
"""


def keep(gateway: Gateway, report: Report, *, started: datetime, outcome: Run.Outcome) -> None:
    """Write the run and its findings. A gateway that could not be read ends no finding."""
    now = clock.database_now()
    with transaction.atomic():
        run = Run.objects.create(
            gateway=gateway,
            started_at=started,
            finished_at=now,
            outcome=outcome,
            why=report.why[:500],
            sessions_listed=report.sessions_listed,
            findings_count=len(report.findings),
            held_count=sum(finding.held for finding in report.findings),
        )
        if report.is_readable:
            _keep_findings(run, report.findings, now)


def _keep_findings(run: Run, differences: Iterable[Difference], now: datetime) -> None:
    """Two statements, however many: those found are written or moved on, the others end."""
    found = {
        (difference.session_id, difference.kind): _record(difference) for difference in differences
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            {
                "gateway": run.gateway_id,
                "run": run.pk,
                "now": now,
                "found": json.dumps(list(found.values())),
            },
        )
    others = Finding.objects.filter(gateway_id=run.gateway_id, ended_at__isnull=True)
    # Twins are found by another sweep, across gateways (reconciliation.twins).
    others = others.exclude(kind=Finding.Kind.TWIN)
    others.exclude(run=run).update(ended_at=now)


def _record(difference: Difference) -> dict[str, object]:
    return {
        "account_id": difference.account_id,
        "kind": difference.kind,
        "session_id": difference.session_id,
        "phone_number": difference.phone_number,
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
    """Runs that agreed are kept for a day, others and ended findings longer; how many rows went."""
    now = clock.database_now()
    limit = now - timedelta(days=settings.RUNS_KEPT_DAYS)
    old = Q(started_at__lt=limit)
    agreed = Q(outcome=Run.Outcome.IN_SYNC, started_at__lt=now - IN_SYNC_KEPT)
    gone = 0
    while pks := list(Run.objects.filter(old | agreed).values_list("pk", flat=True)[:PRUNE_ROWS]):
        gone += Run.objects.filter(pk__in=pks).delete()[0]
    return gone + Finding.objects.filter(ended_at__lt=limit).delete()[0]
