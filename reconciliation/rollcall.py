"""One roll call: ask the gateway, compare, observe, look closer at what is absent, keep records."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from accounts import clock, maintenance, probes, sight
from accounts.models import Gateway, Incident
from accounts.observations import Observation
from accounts.reach import client_of
from accounts.transitions import observe
from gateways.base import Client, GatewayError, Listing
from gateways.registry import capabilities_of
from reconciliation import records, seeing
from reconciliation.boot import Boot, follow_boot, put_off
from reconciliation.comparison import Circumstances, Comparison, Difference
from reconciliation.diff import diff
from reconciliation.lease import (
    PASS_SECONDS,
    Lease,
    LeaseLost,
    release_connection,
    take_lease,
    take_lease_on_schedule,
    wait_for,
)
from reconciliation.models import Run
from reconciliation.reads import read_absent
from reconciliation.report import Report
from reconciliation.roll import roll_of
from reconciliation.settling import settled

logger = logging.getLogger(__name__)
HEALTH_SECONDS = 3.0
LIST_SECONDS = 8.0

BUSY = "another pass is under way and does not end"
OVERTAKEN = "it took too long, and another pass has taken over"

Decided = Sequence[tuple[Difference, Observation | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the gateway answered, and when it was asked."""

    started: datetime
    uptime_seconds: float | None
    listing: Listing


def call_roll(gateway_id: int) -> Report:
    """A pass of the schedule: skipped where another is under way, or began just now."""
    return _under_lease(gateway_id, take_lease_on_schedule(gateway_id), why_not="")


def call_roll_now(gateway_id: int, *, wait_seconds: float) -> Report:
    """A pass that somebody asked for: one that is under way is waited for."""
    lease = wait_for(lambda: take_lease(gateway_id), limit_seconds=wait_seconds)
    return _under_lease(gateway_id, lease, why_not=BUSY)


def _under_lease(gateway_id: int, lease: Lease | None, *, why_not: str) -> Report:
    gateway = Gateway.objects.get(pk=gateway_id)
    if lease is None:
        return Report(gateway=gateway.name, skipped=True, why=why_not)
    try:
        return Pass(gateway, lease).run()
    except LeaseLost:
        logger.warning("the roll call of %s: %s", gateway, OVERTAKEN)
        return Report(gateway=gateway.name, skipped=True, why=OVERTAKEN)
    finally:
        lease.release()


class Pass:
    """`lease` None: a plan, which writes nothing."""

    def __init__(self, gateway: Gateway, lease: Lease | None) -> None:
        self.gateway = gateway
        self.lease = lease
        self.ends = time.monotonic() + PASS_SECONDS
        self.started = clock.database_now()
        self.maintained = maintenance.is_under_maintenance(gateway.pk, self.started)
        self.resumed_at = maintenance.resumed_at(self.started).get(gateway.pk)

    def run(self) -> Report:
        try:
            return self._see()
        except GatewayError as error:
            return self._be_blind(error)

    def _see(self) -> Report:
        with client_of(self.gateway) as client:
            release_connection()
            look = self._look(client)
            comparison = self._compare(look)
            findings = self._settle(comparison.decided, comparison.fresh)
            reads = read_absent(client, self.gateway.pk, comparison.to_read, ends=self.ends)
        report = Report(
            gateway=self.gateway.name,
            why=look.listing.why_incomplete,
            sessions_listed=len(look.listing.sessions),
            findings=[*findings, *comparison.noted, *self._settle(reads)],
        )
        # One commit: each waits for the disk.
        with transaction.atomic():
            if self._may_write():
                seeing.note_seen(
                    self.gateway,
                    comparison,
                    started=look.started,
                    is_complete=look.listing.complete,
                    maintained=self.maintained,
                )
            return self._keep(report, _outcome(report, look))

    def _look(self, client: Client) -> Look:
        health = client.health(deadline_seconds=self._left(HEALTH_SECONDS))
        is_probe = client.capabilities.list_is_probe
        unasked = probes.unasked(self.gateway.pk, self.started) if is_probe else ()
        release_connection()
        listing = client.list_sessions(deadline_seconds=self._left(LIST_SECONDS), unasked=unasked)
        held = health.sessions_held
        if listing.complete and held is not None and len(listing.sessions) < held:
            why = f"it holds {held} sessions by its health, and lists {len(listing.sessions)}"
            listing = replace(listing, complete=False, why_incomplete=why)
        return Look(started=self.started, uptime_seconds=health.uptime_seconds, listing=listing)

    def _compare(self, look: Look) -> Comparison:
        listed = {session.session_id: session for session in look.listing.sessions}
        roll = roll_of(
            self.gateway.pk, listed, started=look.started, is_complete=look.listing.complete
        )
        boot = follow_boot(
            Boot.of(self.gateway),
            started=look.started,
            uptime_seconds=look.uptime_seconds,
            listed=listed,
            rows=roll.rows,
            agreeing=len(roll.agreeing),
            came_back=self.gateway.blind_since is not None,
        )
        boot = put_off(boot, look.started) if self.maintained else boot
        if boot != Boot.of(self.gateway) and self._may_write():
            records.keep_boot(self.gateway, boot)
        held = Incident.objects.filter(
            kind=Incident.Kind.MASS_LOSS, gateway=self.gateway, closed_at__isnull=True
        )
        circumstances = Circumstances(
            gateway_id=self.gateway.pk,
            started=look.started,
            now=clock.database_now(),
            boot=boot,
            status_is_cached=capabilities_of(self.gateway.kind).status_is_cached,
            sight_since=self._sight_since(),
            held_since=held.values_list("opened_at", flat=True).first(),
            superseded=roll.superseded,
            maintained=self.maintained,
        )
        return diff(roll.rows, look.listing, circumstances, roll.agreeing)

    def _sight_since(self) -> datetime | None:
        """What was seen under maintenance does not count against it."""
        since = sight.seen_since(self.gateway, self.started)
        return since and max(since, self.resumed_at or since)

    def _settle(self, decided: Decided, fresh: Sequence[Observation] = ()) -> list[Difference]:
        """Observe what was decided. In a plan, it is what would be."""
        if not (decided or fresh):
            return []
        if not self._may_write():
            return [difference for difference, _ in decided]
        told = [(difference, seen) for difference, seen in decided if seen is not None]
        outcomes = observe([*(seen for _, seen in told), *fresh])[: len(told)]
        differences = [difference for difference, seen in decided if seen is None]
        for (difference, _), outcome in zip(told, outcomes, strict=True):
            differences += settled(difference, outcome)
        return differences

    def _be_blind(self, error: GatewayError) -> Report:
        if self._may_write():
            seeing.note_blind(
                self.gateway,
                error,
                started=self.started,
                maintained=self.maintained,
                resumed_at=self.resumed_at,
            )
        report = Report(gateway=self.gateway.name, is_readable=False, why=str(error))
        return self._keep(report, Run.Outcome.UNREADABLE)

    def _keep(self, report: Report, outcome: Run.Outcome) -> Report:
        if self._may_write():
            records.keep(self.gateway, report, started=self.started, outcome=outcome)
        return report

    def _may_write(self) -> bool:
        """Asked before each write. Raises LeaseLost."""
        if self.lease is None:
            return False
        self.lease.renew()
        return True

    def _left(self, at_most_seconds: float) -> float:
        return max(0.1, min(at_most_seconds, self.ends - time.monotonic()))


def _outcome(report: Report, look: Look) -> Run.Outcome:
    if not look.listing.complete:
        return Run.Outcome.PARTIAL
    return Run.Outcome.DRIFT if report.findings else Run.Outcome.IN_SYNC
