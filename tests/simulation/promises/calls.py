"""What is promised of each call to a gateway."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import Account, Repair
from accounts.status import Status, Wanted
from gateways.base import Reason
from gateways.simulator.sessions import SimulatedSession
from tests.simulation.estate import Key, Site
from tests.simulation.promises.record import Record

# How long a gateway may be at its own retry of a loss that it noticed.
RETRIES_SECONDS = 155
# A look comes between a turn and its start, so that two starts may be a little closer.
STARTS_AT_ONCE, STARTS_APART_SECONDS = 2, 50
ONLY_A_HUMAN = frozenset({Status.QR_SCANNING, Status.LOGGED_OUT, Status.BLOCKED})


class OnCall:
    """P7."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._starts: dict[Key, datetime] = {}

    def called(self, site: Site, method: str, path: str, under_way: list[str]) -> None:
        """P7, at the moment we call a gateway; `under_way` are our other calls to it."""
        if (method, path) == ("GET", "/api/sessions") and f"{method} {path}" in under_way:
            self.record.breaks("P7 one pass at a time", None, site.gateway.name)
        if method == "DELETE":
            self.record.breaks("P7 no login is deleted", None, f"{site.gateway.name}: {path}")
        if method == "POST" and path.startswith("/api/sessions"):
            self._started(site, path, [one for one in under_way if one.startswith("POST")])

    def _started(self, site: Site, path: str, under_way: list[str]) -> None:
        now, session_id = self.record.hub.clock.now, path.split("/")[3]
        account_id = self.record.account_of.get((site.gateway.pk, session_id))
        if len(under_way) >= STARTS_AT_ONCE:
            self.record.breaks("P7 two starts at once", account_id, f"beside {under_way}")
        last = self._starts.get((site.gateway.pk, session_id))
        if last is not None and now - last < timedelta(seconds=STARTS_APART_SECONDS):
            self.record.breaks("P7 one start a minute", account_id, f"the last was at {last}")
        self._starts[site.gateway.pk, session_id] = now
        self.record.numbers.starts += 1
        repair = Repair.objects.filter(account_id=account_id, state=Repair.State.RUNNING).first()
        if repair is not None and repair.asked_by == Repair.Asker.ROLLCALL:
            self.record.numbers.own_starts += 1
            self.record.numbers.started_by_us(account_id)
            self._only_what_helps(site, session_id, account_id)

    def _only_what_helps(self, site: Site, session_id: str, account_id: int | None) -> None:
        """By itself, never where only a human can, nor what nobody wants."""
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
        if session is not None and session.is_alive and session.status == "connected":
            self.record.numbers.started_alive += 1

    def _leaves_its_own_retry(self, site: Site, session: SimulatedSession, account_id: int) -> None:
        retrying, began = site.retries.get(session.session_id, (None, self.record.hub.clock.now))
        until = began + timedelta(seconds=RETRIES_SECONDS - 10)
        if retrying is session and self.record.hub.clock.now < until:
            self.record.breaks("P7 not against its own retry", account_id, f"until {until}")
