"""The record of a roll call: one Run, and each finding for as long as it is found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
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
        (difference.session_id, difference.kind): _finding(run, difference, now)
        for difference in differences
    }
    still_open = Finding.objects.filter(gateway_id=run.gateway_id, ended_at__isnull=True)
    known = {(row.session_id, row.kind): row for row in still_open}
    moved = []
    for key, finding in found.items():
        if (row := known.get((key[0], str(key[1])))) is not None:
            for name in ("run", "account_id", "was", "now", "held", "why", "last_seen_at"):
                setattr(row, name, getattr(finding, name))
            moved.append(row)
    Finding.objects.bulk_update(
        moved, ["run", "account_id", "was", "now", "held", "why", "last_seen_at"], batch_size=500
    )
    fresh = [one for (sid, kind), one in found.items() if (sid, str(kind)) not in known]
    Finding.objects.bulk_create(fresh, batch_size=500)
    gone = [row.pk for key, row in known.items() if (key[0], Finding.Kind(key[1])) not in found]
    Finding.objects.filter(pk__in=gone).update(ended_at=now)


def _finding(run: Run, difference: Difference, now: datetime) -> Finding:
    return Finding(
        gateway_id=run.gateway_id,
        account_id=difference.account_id,
        run=run,
        kind=difference.kind,
        session_id=difference.session_id,
        phone_number=difference.phone_number,
        was=difference.was,
        now=printable(difference.now, limit=20),
        held=difference.held,
        why=difference.why[:500],
        first_seen_at=now,
        last_seen_at=now,
    )


def keep_boot(gateway: Gateway, boot: Boot) -> None:
    """Only when something moved."""
    if boot != Boot.of(gateway):
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
