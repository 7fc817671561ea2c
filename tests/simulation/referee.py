"""Compares the rows with the truth after each step. Every promise is a small check of its own, in
tests/simulation/promises."""

from __future__ import annotations

from datetime import timedelta

from accounts.models import Transition
from accounts.state.maintenance import is_under_maintenance
from accounts.words.status import Source, Status
from reconciliation.repair import policy
from tests.simulation.engine.database import Watcher
from tests.simulation.engine.hub import Hub
from tests.simulation.engine.network import Calling
from tests.simulation.engine.worker import Worker
from tests.simulation.estate import Estate, Site
from tests.simulation.promises.calls import OnCall
from tests.simulation.promises.changes import VERDICTS, OnChange
from tests.simulation.promises.ends import AtTheEnd
from tests.simulation.promises.lasting import Lasting
from tests.simulation.promises.pages import OnPages
from tests.simulation.promises.record import Record, Row

# On its way: the Node service lists what it starts as waiting for a scan.
PASSING = frozenset({Status.CONNECTING, Status.UNKNOWN, Status.QR_SCANNING})
AFTER_BOOT = timedelta(minutes=15)
_NEW = "SELECT * FROM account_transitions WHERE id > %s ORDER BY id"


class Referee:
    def __init__(
        self, hub: Hub, estate: Estate, worker: Worker, watcher: Watcher, *, seed: int
    ) -> None:
        self.hub, self.estate, self.worker, self.watcher = hub, estate, worker, watcher
        self.record = Record(hub, estate, seed=seed)
        self.on_change, self.on_call = OnChange(self.record), OnCall(self.record)
        self.on_pages = OnPages(self.record)
        self.lasting, self.at_the_end = Lasting(self.record), AtTheEnd(self.record)
        self._last_transition = 0
        watcher.watch("history", ["account_transitions"])
        self._last_read = hub.clock.now
        hub.every(10, self.on_pages.look_at_proofs, first=10)

    def called(self, site: Site, calling: Calling, under_way: list[Calling]) -> None:
        self.on_call.called(site, calling, under_way)
        self.on_pages.called(site, calling, under_way)

    # --- after each step ------------------------------------------------------------------------
    def look(self, name: str) -> None:
        if not self.worker.is_well:
            self.record.own_well_since = None
        elif self.record.own_well_since is None:
            self.record.own_well_since = self.hub.clock.now
        for site in self.estate.sites:
            if site.touched:
                for session_id in site.look(self.hub.clock.now):
                    self._truth_changed(site, session_id)
        if self.watcher.is_news("history"):
            self._read_history()

    def _truth_changed(self, site: Site, session_id: str) -> None:
        record, fact, key = self.record, site.facts[session_id], (site.gateway.pk, session_id)
        record.truths[key].append(
            f"{record.clock()} good={fact.good} claimed={fact.claimed} alive={fact.alive} "
            f"borne_out={fact.borne_out}"
        )
        account_id = record.account_of.get(key)
        if account_id is None:
            return
        row = record.rows[account_id]
        if row.status == Status.CONNECTED and not fact.good:
            self.lasting.look_again_at_connected(account_id)
        self.on_pages.truth_changed(account_id, row, fact, site)
        record.numbers.truth(account_id, row.status, fact, site, self.hub.clock.now)

    def _read_history(self) -> None:
        new = list(Transition.objects.raw(_NEW, [self._last_transition]))
        self.record.read_rows(written_since=self._last_read)
        self._last_read = self.hub.clock.now
        for transition in new:
            self._last_transition = transition.pk
            self.record.rows[transition.account_id].since = self.hub.clock.now
            self.record.looked[transition.account_id] = transition.observed_at
            self._judge(transition)

    def _judge(self, change: Transition) -> None:
        row = self.record.rows[change.account_id]
        fact = self.record.fact(row.key)
        self.on_change.judge(change)
        self.on_pages.changed(change, row, fact)
        self._count(change, row)
        is_ours = change.source != Source.OPERATOR
        if change.to_status in VERDICTS and is_ours and fact is not None and fact.alive:
            self.lasting.look_again_at_verdict(change.account_id)
        if row.status == Status.CONNECTED and (fact is None or not fact.good):
            self.lasting.look_again_at_connected(change.account_id)

    # --- what is measured -----------------------------------------------------------------------
    def _count(self, change: Transition, row: Row) -> None:
        booted = self.estate.by_gateway[row.gateway_id].world.started_at
        self.record.numbers.changed(
            change,
            self.hub.clock.now,
            self.record.calm_since(row.gateway_id),
            after_boot=self.hub.clock.now - booted < AFTER_BOOT,
            maintained=is_under_maintenance(row.gateway_id, self.hub.clock.now),
        )
        self._count_mending(change, row)

    def _count_mending(self, change: Transition, row: Row) -> None:
        now, account_id, numbers = self.hub.clock.now, change.account_id, self.record.numbers
        if change.to_status in (Status.DISCONNECTED, Status.UNRESPONSIVE):
            retries = change.reason in policy.NOTICED
            own = self.estate.by_gateway[row.gateway_id].kind.capabilities.own_retry_seconds
            since = now + timedelta(seconds=own if retries else 0)
            numbers.is_ours(account_id, since, now)
        elif change.to_status == Status.CONNECTED:
            if numbers.healed(account_id, now, lambda lost: self.record.in_the_way(row, lost)):
                self.record.was_late(account_id)
        elif change.to_status not in PASSING:
            numbers.no_longer_ours(account_id)
