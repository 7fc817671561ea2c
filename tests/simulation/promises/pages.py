"""What is promised of the pages behind the sessions: how often they are asked, how seldom, and how
long one that is gone or mute may be called connected."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import Account, MaintenanceWindow, Repair, Transition
from accounts.words.status import Source, Status, Wanted
from simulator.state.sessions import Truth
from tests.simulation.engine.network import Calling
from tests.simulation.estate import Fact, Key, Site
from tests.simulation.kinds import Verb
from tests.simulation.numbers import spread
from tests.simulation.promises.record import PROBING, ROLL_CALL, Record, Row

ASKED_SECONDS = 120
# Asked within two minutes, three times in vain over half a minute, each up to 16 s.
FOUND_SECONDS = 180
# Three failures take no less.
SILENCE_SECONDS = 30
FOUND = frozenset({Status.DISCONNECTED, Status.UNRESPONSIVE})
SENDS_APART = timedelta(minutes=10)
MOST_SENDS = 3  # one, and two repetitions


class OnPages:
    def __init__(self, record: Record) -> None:
        self.record = record
        # From a page's death, which its gateway did not tell, to the first word that is not
        # "connected", and to the verdict.
        self.doubted_after: defaultdict[str, list[float]] = defaultdict(list)
        self.found_after: defaultdict[str, list[float]] = defaultdict(list)
        self._asked: dict[Key, datetime] = {}
        self._sends: defaultdict[Key, deque[datetime]] = defaultdict(deque)
        self._dead: dict[int, tuple[datetime, str]] = {}

    # --- each call ------------------------------------------------------------------------------
    def called(self, site: Site, calling: Calling, under_way: list[Calling]) -> None:
        verb, key = calling.call.verb, (site.gateway.pk, calling.call.session_id)
        if verb is Verb.SEND:
            self._sent(key)
        if verb is not Verb.ASK or calling.by not in (PROBING, ROLL_CALL):
            return
        self._asked[key] = self.record.hub.clock.now
        beside = [one.by for one in under_way if one.call == calling.call]
        if PROBING in beside or ROLL_CALL in beside:
            account_id = self.record.account_of.get(key)
            self.record.breaks("proof: one probe at a time", account_id, f"beside {beside}")

    def _sent(self, key: Key) -> None:
        """Check probes by message: two repetitions after a failure, else rare."""
        now, sends = self.record.hub.clock.now, self._sends[key]
        while sends and sends[0] <= now - SENDS_APART:
            sends.popleft()
        sends.append(now)
        if len(sends) > MOST_SENDS:
            account_id = self.record.account_of.get(key)
            self.record.breaks("proof: send-probes are rare", account_id, f"{len(sends)} of them")

    # --- each change ----------------------------------------------------------------------------
    def truth_changed(self, account_id: int, row: Row, fact: Fact, site: Site) -> None:
        session = site.world.sessions.get(row.session_id or "")
        if fact.alive or session is None or not site.is_reachable:
            self._dead.pop(account_id, None)
        elif row.status == Status.CONNECTED and session.truth is Truth.CONNECTED:
            what = f"{site.kind.name}, {session.browser}"
            self._dead.setdefault(account_id, (self.record.hub.clock.now, what))
        if not fact.borne_out:
            self.look_again_at_dead(account_id)

    def changed(self, change: Transition, row: Row, fact: Fact | None) -> None:
        account_id = change.account_id
        if account_id in self._dead:
            self._measure(change, row)
        if change.to_status == Status.UNRESPONSIVE and change.source == Source.PROBE:
            self._silence_condemns_nobody(change, fact)
        if row.status == Status.CONNECTED and fact is not None and not fact.borne_out:
            self.look_again_at_dead(account_id)

    def _measure(self, change: Transition, row: Row) -> None:
        began, what = self._dead[change.account_id]
        calm = self.record.calm_since(row.gateway_id)
        seconds = (self.record.hub.clock.now - began).total_seconds()
        if calm is None or calm > began:
            self._dead.pop(change.account_id)
            return
        if change.from_status == Status.CONNECTED:
            self.doubted_after[what].append(seconds)
        if change.to_status in FOUND:
            self.found_after[what].append(seconds)
            self._dead.pop(change.account_id)

    def _silence_condemns_nobody(self, change: Transition, fact: Fact | None) -> None:
        since = change.observed_at - timedelta(seconds=SILENCE_SECONDS)
        if fact is not None and fact.alive and fact.alive_since < since:
            self.record.breaks("proof: silence condemns nobody", change.account_id, "it lives")

    def look_again_at_dead(self, account_id: int) -> None:
        """Check dead sessions if a harmless probe would tell, and the gateway can be asked."""
        row = self.record.rows[account_id]
        fact, calm = self.record.fact(row.key), self.record.calm_since(row.gateway_id)
        if row.status != Status.CONNECTED or row.wanted != Wanted.RUNNING:
            return
        if fact is None or fact.borne_out or not fact.good:
            return
        now = self.record.hub.clock.now
        due = max(row.since, fact.borne_out_since, calm or now) + timedelta(seconds=FOUND_SECONDS)
        if due > now:
            self.record.hub.at(due, lambda: self.look_again_at_dead(account_id), "referee")
            return
        if self._was_maintained(row.gateway_id, FOUND_SECONDS):
            later = now + timedelta(seconds=FOUND_SECONDS)
            self.record.hub.at(later, lambda: self.look_again_at_dead(account_id), "referee")
            return
        self.record.breaks(
            "proof: a dead page is found", account_id, f"connected for more than {FOUND_SECONDS} s"
        )

    # --- now and then ---------------------------------------------------------------------------
    def look_at_proofs(self) -> None:
        """Check that every connected account of a kind with a probe is probed in time."""
        now = self.record.hub.clock.now
        least = now - timedelta(seconds=ASKED_SECONDS)
        for account_id, row in self.record.rows.items():
            site = self.record.estate.by_gateway[row.gateway_id]
            if not site.kind.has_probe or row.status != Status.CONNECTED:
                continue
            calm, fact = self.record.calm_since(row.gateway_id), self.record.fact(row.key)
            if row.wanted != Wanted.RUNNING or fact is None or not fact.borne_out:
                continue
            since = max(calm or now, row.since, fact.borne_out_since)
            if since < least and self._asked.get(row.key, since) < least:
                self._is_overdue(account_id, row)

    def _is_overdue(self, account_id: int, row: Row) -> None:
        """Return whether the rows say overdue, unless a start or maintenance is in progress."""
        account = Account.objects.get(pk=account_id)
        if self._was_maintained(row.gateway_id, ASKED_SECONDS):
            return
        if account.repairs.filter(state=Repair.State.RUNNING).exists():
            return
        last, every = self._asked.get(row.key), settings.PROBE_EVERY_SECONDS
        self.record.breaks(
            "proof: never older than 2 min", account_id, f"last asked {last}, due each {every} s"
        )

    def _was_maintained(self, gateway_id: int, seconds: int) -> bool:
        """Within so long: meanwhile nobody probes there."""
        now = self.record.hub.clock.now
        windows = MaintenanceWindow.objects.filter(gateway_id=gateway_id, starts_at__lte=now)
        return windows.filter(ends_at__gt=now - timedelta(seconds=seconds)).exists()

    def said(self) -> list[str]:
        """Return the measurements, in lines."""
        measured = (("doubted", self.doubted_after), ("found", self.found_after))
        return [
            f"a dead page {how}, {what}: {spread(seconds)}"
            for how, after in measured
            for what, seconds in sorted(after.items())
        ]
