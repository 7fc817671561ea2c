"""What is promised of each change of a row."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from accounts.models import Incident, Transition
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.simulation.estate import Fact, Site
from tests.simulation.promises.record import Record

SEEN_AFTER_SECONDS = 40
IN_FLIGHT = timedelta(seconds=0.2)
OUR_LOOKS = frozenset({Source.LIST, Source.READ, Source.PROBE, Source.SWEEP})
VERDICTS = frozenset({Status.DISCONNECTED, Status.LOGGED_OUT, Status.BLOCKED})


# A probe sees what no word of the gateway tells.
FOUND_BY_PROBES = frozenset({Reason.BROWSER_GONE, Reason.PAGE_GONE})


def _is_dead(fact: Fact, moment: datetime) -> bool:
    """Return whether there was no live page at that moment, whatever its gateway claimed."""
    return not fact.alive or fact.alive_since >= moment - IN_FLIGHT


class OnChange:
    """P3, P5, and the one incident of P8."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._early: Counter[tuple[int, datetime]] = Counter()
        self._observed: dict[tuple[int, str], datetime] = {}

    def judge(self, change: Transition) -> None:
        self._newer_wins(change)
        if change.to_status in VERDICTS:
            self._blind_is_not_dead(change)

    def _newer_wins(self, change: Transition) -> None:
        """P5. That we cannot see moves no clock."""
        if change.to_status == Status.UNKNOWN:
            return
        key = (change.account_id, change.session_id)
        before = self._observed.get(key)
        if before is not None and change.observed_at < before:
            self.record.breaks("P5 newer wins", change.account_id, f"{before} was known")
        self._observed[key] = max(change.observed_at, before or change.observed_at)

    def _blind_is_not_dead(self, change: Transition) -> None:
        """P3: our own look says "gone" only of what its gateway did not hold, or said was gone."""
        if change.source not in OUR_LOOKS or not change.session_id:
            return
        site = self.record.estate.by_gateway[self.record.rows[change.account_id].gateway_id]
        self._half_lost_waits(site, change)
        self._booting_is_not_dead(site, change)
        fact = site.facts.get(change.session_id)
        if fact is None or not fact.claimed or fact.claimed_since >= change.observed_at - IN_FLIGHT:
            return
        if change.reason in FOUND_BY_PROBES and _is_dead(fact, change.observed_at):
            return
        self.record.breaks(
            "P3 blind is not dead", change.account_id, "its gateway held it all the time"
        )

    def _half_lost_waits(self, site: Site, change: Transition) -> None:
        """§5.6: half of a gateway's sessions at once are believed only after a minute."""
        began = site.mass_lost_at
        if began is None or change.session_id not in site.mass_lost:
            return
        if began + timedelta(seconds=55) > self.record.hub.clock.now:
            self._early[site.gateway.pk, began] += 1
            if self._early[site.gateway.pk, began] >= 3:
                why = "half of its gateway's sessions vanished, and were believed at once"
                self.record.breaks("P3 blind is not dead", change.account_id, why)

    def _booting_is_not_dead(self, site: Site, change: Transition) -> None:
        restoring = {session_id for session_id, _ in site.world.restoring}
        young = self.record.hub.clock.now - site.world.started_at < timedelta(minutes=14)
        # What was claimed, or started by us, was asked about by name: a "no" to that is definite.
        by_its_list = change.from_status == Status.UNKNOWN or (
            # Where it says nothing of its boots, the first list after one shows a loss.
            change.from_status == Status.CONNECTED and site.kind.capabilities.sees_boot
        )
        if young and by_its_list and change.session_id in restoring:
            why = "its gateway is restoring it"
            self.record.breaks("P3 booting is not dead", change.account_id, why)

    def mass_loss(self, site: Site, lost: set[str], seconds: float) -> None:
        """P8: one incident, where half of those that the rows called connected are gone for longer
        than a roll call may take to come round."""
        now, pk = self.record.hub.clock.now, site.gateway.pk
        connected = [
            row.session_id
            for row in self.record.rows.values()
            if row.gateway_id == pk and row.status == Status.CONNECTED
        ]
        gone = lost.intersection(one for one in connected if one)
        if len(gone) < 3 or 2 * len(gone) < len(connected) + 1:
            return
        site.mass_lost, site.mass_lost_at = gone, now
        calm = self.record.calm_since(pk)
        booted = now - site.world.started_at < timedelta(minutes=16)
        if calm is not None and not booted and seconds > SEEN_AFTER_SECONDS:
            self.record.hub.after(
                SEEN_AFTER_SECONDS, lambda: self._is_one_incident(site, now), "referee"
            )

    def _is_one_incident(self, site: Site, began: datetime) -> None:
        calm = self.record.calm_since(site.gateway.pk)
        if calm is None or calm > began:
            return
        about = Incident.objects.filter(kind=Incident.Kind.MASS_LOSS, gateway=site.gateway)
        recent = about.filter(last_seen_at__gte=began).count()
        if recent != 1:
            self.record.breaks(
                "P8 one incident", None, f"{site.gateway.name}: {recent} of a mass loss"
            )
