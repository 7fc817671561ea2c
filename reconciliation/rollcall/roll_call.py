"""Roll call: ask the gateway, compare, observe, read what is absent, keep records."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.models import Gateway, Incident
from accounts.models.gateways import client_of
from accounts.state import probes, visibility
from accounts.state.observations import Observation, Outcome, Verdict
from accounts.state.observe import CHUNK, observe
from accounts.store.database import release_connection
from gateways.base import Client, GatewayError, Listing
from gateways.registry import capabilities_of
from reconciliation.models import Finding, Run
from reconciliation.rollcall import records
from reconciliation.rollcall.boot import Boot, follow_boot, put_off
from reconciliation.rollcall.diff import diff
from reconciliation.rollcall.lease import (
    PASS_SECONDS,
    FoundGateway,
    Lease,
    LeaseLost,
    take_lease,
    take_lease_on_schedule,
    wait_for,
)
from reconciliation.rollcall.rows import roll_of
from reconciliation.rollcall.targeted_reads import read_absent
from reconciliation.rollcall.values import Circumstances, Comparison, Difference, Report

logger = logging.getLogger(__name__)
HEALTH_SECONDS = 3.0
LIST_SECONDS = 8.0

BUSY = "another pass is under way and does not end"
OVERTAKEN = "it took too long, and another pass has taken over"

Decided = Sequence[tuple[Difference, Observation | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Answer of the gateway, and when it was asked."""

    started: datetime
    uptime_seconds: float | None
    listing: Listing


def call_roll(gateway_id: int) -> Report:
    """Run a scheduled roll call. Skip it if another is under way or began just now."""
    return _under_lease(gateway_id, take_lease_on_schedule(gateway_id), why_not="")


def call_roll_now(gateway_id: int, *, wait_seconds: float) -> Report:
    """Run a requested roll call, after one that is under way."""
    lease = wait_for(lambda: take_lease(gateway_id), limit_seconds=wait_seconds)
    return _under_lease(gateway_id, lease, why_not=BUSY)


def _under_lease(gateway_id: int, lease: Lease | None, *, why_not: str) -> Report:
    if lease is None:
        gateway = Gateway.objects.get(pk=gateway_id)
        return Report(gateway=gateway.name, skipped=True, why=why_not)
    try:
        return Pass(lease.found, lease).run()
    except LeaseLost:
        logger.warning("the roll call of %s: %s", lease.found.gateway, OVERTAKEN)
        return Report(gateway=lease.found.gateway.name, skipped=True, why=OVERTAKEN)
    finally:
        lease.release()


class Pass:
    """Single roll call. `lease` None: a plan, which writes nothing."""

    def __init__(self, found: FoundGateway, lease: Lease | None) -> None:
        self.gateway = found.gateway
        self.lease = lease
        self.began = time.monotonic()
        self.ends = self.began + PASS_SECONDS
        self.started = found.started
        self.maintained = found.maintained
        self.resumed_at = found.resumed_at
        self.sealed_keys = found.sealed_keys
        self.claims: frozenset[int] = frozenset()
        self.incidents: Mapping[str, datetime] = {}
        self.boot = Boot.of(found.gateway)

    def run(self) -> Report:
        try:
            return self._see()
        except GatewayError as error:
            return self._be_blind(error)

    def _see(self) -> Report:
        early: list[Difference] = []
        with client_of(self.gateway, sealed_keys=self.sealed_keys) as client:
            release_connection()
            look = self._look(client)
            comparison = self._compare(look)
            decided: Decided = comparison.decided
            fresh = comparison.fresh
            if comparison.to_read:
                # Decided changes do not wait for the reads.
                early += self._settle_ahead(decided, fresh)
                decided, fresh = self._read(client, comparison), []
        if len(decided) + len(fresh) > CHUNK:
            # A large roll call must not lock thousands of rows until its end.
            early += self._settle_ahead(decided, fresh)
            decided, fresh = [], []
        with self._last_words():
            others = self.claims | comparison.unshown | comparison.shown_again
            settled = self._settle(decided, fresh, others)
            report = Report(
                gateway=self.gateway.name,
                why=look.listing.why_incomplete,
                sessions_listed=len(look.listing.sessions),
                findings=[*early, *comparison.noted, *settled],
            )
            if self._keeps:
                self._note_seen(look, comparison)
                records.ask_for_numbers(self.gateway.pk, comparison.to_name)
            return self._keep(report, _outcome(report, look))

    def _read(self, client: Client, comparison: Comparison) -> Decided:
        """Read the absent sessions. Unanswered reads keep the incident open only during a mass
        loss."""
        read = read_absent(client, self.gateway.pk, comparison, ends=self.ends)
        if comparison.is_mass_loss:
            unanswered = {difference.account_id for difference, seen in read if seen is None}
            held = {row.account_id for row in comparison.to_read if row.is_held}
            comparison.held_back |= held & unanswered
        return read

    def _note_seen(self, look: Look, comparison: Comparison) -> None:
        if self.boot != Boot.of(self.gateway):
            records.keep_boot(self.gateway, self.boot)
        records.note_seen(
            self.gateway,
            comparison,
            started=look.started,
            is_complete=look.listing.complete,
            claims=self.claims,
            is_open=self.incidents,
            maintained=self.maintained,
        )

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
        self.boot = put_off(boot, look.started) if self.maintained else boot
        self.claims, self.incidents = roll.claims, roll.incidents
        can = capabilities_of(self.gateway.kind)
        circumstances = Circumstances(
            gateway_id=self.gateway.pk,
            started=look.started,
            # If all rows agree, nothing can be newer.
            now=roll.read_at or look.started,
            boot=self.boot,
            status_is_cached=can.status_is_cached,
            starts_within=_seconds(can.starts_within_seconds),
            says_connecting_with_qr=can.says_connecting_with_qr,
            listed_at=self.gateway.listed_at,
            sight_since=self._sight_since(),
            held_since=roll.incidents.get(Incident.Kind.MASS_LOSS),
            superseded=roll.superseded,
            maintained=self.maintained,
            starting=roll.starting,
        )
        return diff(roll.rows, look.listing, circumstances, roll.agreeing)

    def _sight_since(self) -> datetime | None:
        """Return since when the gateway is visible, at the earliest since its last maintenance."""
        since = visibility.seen_since(self.gateway, self.started)
        return since and max(since, self.resumed_at or since)

    def _settle_ahead(self, decided: Decided, fresh: Sequence[Observation]) -> list[Difference]:
        """Write decided changes early, in their own transactions. Raises LeaseLost."""
        if self.lease is not None and (decided or fresh):
            self.lease.renew()
        return self._settle(decided, fresh)

    def _settle(
        self,
        decided: Decided,
        fresh: Sequence[Observation] = (),
        others: Collection[int] = (),
    ) -> list[Difference]:
        """Observe what was decided and return the results; for a plan, the expected results.
        `others`: see observe()."""
        if not (decided or fresh):
            return []
        if not self._keeps:
            return [difference for difference, _ in decided]
        told = [(difference, seen) for difference, seen in decided if seen is not None]
        outcomes = observe([*(seen for _, seen in told), *fresh], others=others)[: len(told)]
        differences = [difference for difference, seen in decided if seen is None]
        for (difference, _), outcome in zip(told, outcomes, strict=True):
            differences += _settled(difference, outcome)
        return differences

    def _be_blind(self, error: GatewayError) -> Report:
        report = Report(gateway=self.gateway.name, is_readable=False, why=str(error))
        with self._last_words():
            if self._keeps:
                records.note_blind(
                    self.gateway,
                    error,
                    started=self.started,
                    maintained=self.maintained,
                    resumed_at=self.resumed_at,
                )
            return self._keep(report, Run.Outcome.UNREADABLE)

    def _keep(self, report: Report, outcome: Run.Outcome) -> Report:
        if self._keeps:
            took = timedelta(seconds=time.monotonic() - self.began)
            finished = self.started + took
            records.keep(
                self.gateway, report, started=self.started, finished=finished, outcome=outcome
            )
        return report

    @property
    def _keeps(self) -> bool:
        """True if the results are written."""
        return self.lease is not None

    def _last_words(self) -> AbstractContextManager[None]:
        """Return the context of the final commit. There is one, because each commit waits for the
        disk. Raises LeaseLost."""
        return nullcontext() if self.lease is None else self.lease.last_words()

    def _left(self, at_most_seconds: float) -> float:
        return max(0.1, min(at_most_seconds, self.ends - time.monotonic()))


def _seconds(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


def _outcome(report: Report, look: Look) -> Run.Outcome:
    if not look.listing.complete:
        return Run.Outcome.PARTIAL
    return Run.Outcome.DRIFT if report.findings else Run.Outcome.IN_SYNC


OVERTAKEN_VERDICTS = frozenset({Verdict.OLDER, Verdict.STILL_FRESH})
_MOVED = frozenset({Verdict.TAKEN_OVER, Verdict.TAKEN_BACK, Verdict.MERGED})


def _settled(difference: Difference, outcome: Outcome) -> list[Difference]:
    """Return the differences to report; an empty list if something newer arrived meanwhile."""
    if outcome.verdict in OVERTAKEN_VERDICTS:
        return []
    if outcome.verdict is Verdict.DUPLICATE:
        why = f"account {outcome.account_id} runs on another gateway, proven lately"
        return [_duplicate(difference, outcome, why=why)]
    if outcome.verdict in _MOVED:
        if difference.kind is not Finding.Kind.DUPLICATE or difference.held:
            why = f"account {outcome.account_id} runs on this session now"
            difference = _duplicate(difference, outcome, why=why)
        return [replace(difference, held=False, now=outcome.now or difference.now)]
    if outcome.account_id is None or difference.held:
        return [difference]
    return [replace(difference, now=outcome.now or difference.now)]


def _duplicate(difference: Difference, outcome: Outcome, *, why: str) -> Difference:
    return replace(
        difference,
        kind=Finding.Kind.DUPLICATE,
        account_id=outcome.account_id,
        was=outcome.was or "",
        why=why,
    )
