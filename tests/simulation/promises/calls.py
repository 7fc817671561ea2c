"""What is promised of each call to a gateway."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import Account, Repair
from accounts.operators.lifecycle import twins_of
from accounts.state.maintenance import is_under_maintenance
from accounts.words.status import Status, Wanted
from gateways.base import Reason
from simulator.state.sessions import Browser, SimulatedSession
from tests.simulation.engine.network import Calling
from tests.simulation.estate import Key, Site
from tests.simulation.kinds import CHANGES, Verb
from tests.simulation.promises.record import ROLL_CALL, Record

# A look comes between a turn and its start, so that two starts may be a little closer.
STARTS_AT_ONCE, STARTS_APART_SECONDS = 2, 50
LOOKED_BEFORE = timedelta(seconds=10)  # a page may leave between a look and a call
ONLY_A_HUMAN = frozenset({Status.QR_SCANNING, Status.LOGGED_OUT, Status.BLOCKED})


class OnCall:
    """P7."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._starts: dict[Key, tuple[datetime, int | None]] = {}

    def called(self, site: Site, calling: Calling, under_way: list[Calling]) -> None:
        """P7, at the moment we call a gateway; `under_way` are our other calls to it."""
        verb = calling.call.verb
        if verb is Verb.LIST and calling.by == ROLL_CALL:
            self._one_pass_at_a_time(site, calling, under_way)
        if verb is Verb.DELETE:
            self.record.breaks("P7 no login is deleted", None, f"{site.gateway.name}: {calling}")
        if verb in CHANGES:
            self._leaves_a_lost_page(site, calling)
        if verb is Verb.START:
            beside = [one.text for one in under_way if one.call.verb is Verb.START]
            self._started(site, calling.call.session_id, beside)

    def _one_pass_at_a_time(self, site: Site, calling: Calling, under_way: list[Calling]) -> None:
        others = {one.task for one in under_way if one.by == ROLL_CALL} - {calling.task}
        if others:
            self.record.breaks("P7 one pass at a time", None, site.gateway.name)

    def _leaves_a_lost_page(self, site: Site, calling: Calling) -> None:
        """Check that a page that left WhatsApp is not touched, if that ends the whole gateway."""
        session = site.world.sessions.get(calling.call.session_id)
        if session is None or session.browser is not Browser.AWAY:
            return
        if Reason.PAGE_GONE not in site.kind.capabilities.ladder:
            return
        since = site.facts[session.session_id].claimed_since
        if since + LOOKED_BEFORE < self.record.hub.clock.now:
            account_id = self.record.account_of.get((site.gateway.pk, session.session_id))
            self.record.breaks("P7 a lost page is left alone", account_id, calling.text)

    def _started(self, site: Site, session_id: str, under_way: list[str]) -> None:
        now = self.record.hub.clock.now
        account_id = self.record.account_of.get((site.gateway.pk, session_id))
        repair = Repair.objects.filter(account_id=account_id, state=Repair.State.RUNNING).first()
        attempt = repair.pk if repair is not None else None
        last, last_attempt = self._starts.get((site.gateway.pk, session_id), (None, None))
        if attempt is not None and attempt == last_attempt:
            return  # another step of the same
        if len(under_way) >= STARTS_AT_ONCE:
            self.record.breaks("P7 two starts at once", account_id, f"beside {under_way}")
        if last is not None and now - last < timedelta(seconds=STARTS_APART_SECONDS):
            self.record.breaks("P7 one start a minute", account_id, f"the last was at {last}")
        self._starts[site.gateway.pk, session_id] = (now, attempt)
        self.record.numbers.starts += 1
        if repair is not None and repair.asked_by == Repair.Asker.ROLLCALL:
            self.record.numbers.own_starts += 1
            self.record.numbers.started_by_us(account_id)
            self._only_what_helps(site, session_id, account_id)
            self._only_where_it_may(repair, now)

    def _only_what_helps(self, site: Site, session_id: str, account_id: int | None) -> None:
        """Check automatic repairs: never if only a human can help, nor for unwanted sessions."""
        if account_id is None:
            return
        account = Account.objects.get(pk=account_id)
        if account.status in ONLY_A_HUMAN or account.wanted == Wanted.STOPPED:
            self.record.breaks("P7 where only a human can", account_id, account.status)
        if account.status_reason == Reason.REPLACED:
            self.record.breaks("P7 no fight", account_id, "another client runs its number")
        session = site.world.sessions.get(session_id)
        if session is not None and session.status == "disconnected":
            self._leaves_its_own_retry(site, session, account_id)
        fact = site.facts.get(session_id)
        if fact is not None and fact.alive:
            self.record.numbers.started_alive += 1

    def _only_where_it_may(self, repair: Repair, now: datetime) -> None:
        """Check automatic repairs: none under maintenance, in quarantine, or beside a twin
        number."""
        account, ago = repair.account, now - timedelta(seconds=10)
        if is_under_maintenance(repair.gateway_id, now) and is_under_maintenance(
            repair.gateway_id, ago
        ):
            self.record.breaks("P7 not under maintenance", account.pk, "")
        until = account.quarantined_until
        if until is not None and until > now:
            self.record.breaks("P7 not in quarantine", account.pk, f"until {until}")
        older = twins_of(account).filter(created_at__lt=repair.asked_at - timedelta(seconds=1))
        if older.exists():
            self.record.breaks("P7 never both twins", account.pk, f"beside {older.first()}")

    def _leaves_its_own_retry(self, site: Site, session: SimulatedSession, account_id: int) -> None:
        retrying, began = site.retries.get(session.session_id, (None, self.record.hub.clock.now))
        until = began + timedelta(seconds=site.kind.capabilities.own_retry_seconds - 10)
        if retrying is session and self.record.hub.clock.now < until:
            self.record.breaks("P7 not against its own retry", account_id, f"until {until}")
