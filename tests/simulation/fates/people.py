"""People who click."""

from __future__ import annotations

from contextlib import suppress

from django.db import OperationalError

from accounts.models import Account
from accounts.operators import lifecycle
from accounts.repair.repairs import lift_quarantine
from accounts.words.refusals import Refused
from accounts.words.status import Wanted
from gateways.base import GatewayError
from simulator.state.sessions import SimulatedSession
from tests.simulation.estate import Site
from tests.simulation.fates.stage import Fates
from tests.simulation.troubles import A_PERSONS

# How often for one account a day.
RATES = {"click": 0.3, "lift": 0.1}


class ByPeople(Fates):
    def click(self, site: Site, session: SimulatedSession) -> None:
        what = self.random.choice(
            ["restart", "restart", "want_stopped", "pause", "mark_disconnected"]
        )
        account = Account.objects.filter(
            gateway=site.gateway, session_id=session.session_id
        ).select_related("gateway")
        found = account.first()
        if found is not None:
            self.stage.note(f"{session.session_id}: somebody clicks {what}")
            if what != "restart":
                lasts = 1300 if what == "want_stopped" else 60
                self.stage.on_trouble(session.session_id, A_PERSONS, lasts)
            self.hub.spawn(lambda: self._click(found, what), "click")

    def _click(self, account: Account, what: str) -> None:
        try:
            if what == "restart":
                lifecycle.restart(account, actor="olga")
            elif what == "pause":
                lifecycle.pause(account, actor="olga")
            elif what == "mark_disconnected":
                lifecycle.mark_disconnected(account, why="so it is said", actor="olga")
            else:
                lifecycle.want(account, Wanted.STOPPED, actor="olga")
                self.hub.sleep(self.random.uniform(20, 1200))
                account = Account.objects.select_related("gateway").get(pk=account.pk)
                lifecycle.want(account, Wanted.RUNNING, actor="olga")
        except (Refused, GatewayError, OperationalError):
            pass  # what they are told is not what is tested here

    def lift(self, site: Site, session: SimulatedSession) -> None:
        """Release an account that was given up."""
        for account in Account.objects.filter(quarantined_until__isnull=False)[:1]:
            self.stage.note(f"{account.session_id}: its quarantine is lifted")
            with suppress(Refused):
                lift_quarantine(account, actor="olga")
