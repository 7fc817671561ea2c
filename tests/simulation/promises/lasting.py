"""What must not last: a wrong word, and a right one that is not said."""

from __future__ import annotations

from datetime import timedelta

from accounts.models import Account
from accounts.words.status import Status
from gateways.base import Reason
from tests.simulation.promises.changes import VERDICTS
from tests.simulation.promises.record import Record, Row

P1_SECONDS = 60
STANDS_SECONDS = 5
CONVERGES_SECONDS = 90
WAKES_SECONDS = 125


class Lasting:
    """P1, no false verdict, level."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def look_again_at_connected(self, account_id: int) -> None:
        """P1: no row says connected for more than 60 s of what its gateway does not hold."""
        row = self.record.rows[account_id]
        fact = self.record.fact(row.key)
        if row.status != Status.CONNECTED or fact is None or fact.good:
            return
        due = max(row.since, fact.good_since) + timedelta(seconds=P1_SECONDS)
        if due > self.record.hub.clock.now:
            self.record.hub.at(due, lambda: self.look_again_at_connected(account_id), "referee")
            return
        account = Account.objects.select_related("gateway").get(pk=account_id)
        if account.shown_status(self.record.hub.clock.now) is Status.CONNECTED:
            self.record.breaks(
                "P1 truth, webhooks dead", account_id, "connected for more than 60 s"
            )

    def look_again_at_verdict(self, account_id: int) -> None:
        """A wrong verdict must not stand for more than 5 s while the gateway can be read."""
        row = self.record.rows[account_id]
        fact = self.record.fact(row.key)
        if row.status not in VERDICTS or fact is None or not fact.alive:
            return
        now, calm = self.record.hub.clock.now, self.record.calm_since(row.gateway_id)
        begins = max(row.since, fact.alive_since, calm or now)
        due = begins + timedelta(seconds=STANDS_SECONDS)
        if due > now:
            self.record.hub.at(due, lambda: self.look_again_at_verdict(account_id), "referee")
        elif fact.alive_since < min(row.since, self.record.looked.get(account_id, row.since)):
            self.record.numbers.false_verdicts += 1
            self.record.breaks("false verdict", account_id, "it stood for more than 5 s")

    def look_at_all(self) -> None:
        """Check that a session visibly alive for long enough is called so."""
        self.record.read_rows()
        now = self.record.hub.clock.now
        for account_id, row in self.record.rows.items():
            fact, calm = self.record.fact(row.key), self.record.calm_since(row.gateway_id)
            if fact is None or calm is None or not fact.alive:
                continue
            session = self.record.estate.by_gateway[row.gateway_id].world.sessions[
                row.session_id or ""
            ]
            since = max(fact.alive_since, calm, row.since)
            # What was mute is asked again only so often.
            mute = row.status == Status.UNRESPONSIVE
            within = timedelta(seconds=WAKES_SECONDS if mute else CONVERGES_SECONDS)
            if session.listed and since + within < now:
                self._says_connected(account_id, row)

    def _says_connected(self, account_id: int, row: Row) -> None:
        excused = {Status.CONNECTED, Status.STOPPED}
        if row.status not in excused and row.reason != Reason.WRONG_NUMBER:
            self.record.breaks(
                "level", account_id, "alive and in plain sight, and the row does not say so"
            )
