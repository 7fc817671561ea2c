"""What is promised of the whole, looked at once it is over."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from accounts.incidents.alert_rules import hold
from accounts.models import Account, Incident, MaintenanceWindow, Notification, Repair
from tests.simulation.promises.record import Record
from webhooks.models import Delivery


class AtTheEnd:
    """P4, P6, P8."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def judge(self) -> None:
        own = Repair.objects.filter(asked_by=Repair.Asker.ROLLCALL)
        self.record.numbers.repairs.update(own.values_list("state", flat=True))
        self._one_number_one_row()
        self._nothing_accepted_is_lost()
        self._told_once_told_right()
        self._quiet_under_maintenance()

    def _one_number_one_row(self) -> None:
        """P4."""
        seen: set[tuple[str, int]] = set()
        pairs = Account.objects.exclude(phone_number=None).values_list("phone_number", "workspace")
        for pair in pairs:
            if pair in seen:
                self.record.breaks("P4 one number, one row", None, str(pair))
            seen.add(pair)

    def _nothing_accepted_is_lost(self) -> None:
        """P6."""
        now = self.record.hub.clock.now
        states = dict(Delivery.objects.values_list("pk", "state"))
        self.record.numbers.webhooks_taken = sum(
            len(site.post.taken) for site in self.record.estate.sites
        )
        for site in self.record.estate.sites:
            for taken in site.post.taken:
                state = states.get(taken.delivery or 0)
                if state is None:
                    self.record.breaks("P6 nothing accepted is lost", None, f"{taken} is in no row")
                if state == Delivery.State.PENDING and taken.at + timedelta(minutes=12) < now:
                    self.record.breaks("P6 nothing accepted is lost", None, f"{taken} still waits")

    def _quiet_under_maintenance(self) -> None:
        """P8: nobody is alarmed for what is being worked on."""
        kinds = (Incident.Kind.MASS_LOSS, Incident.Kind.UNREACHABLE)
        for window in MaintenanceWindow.objects.all():
            # A pass that had begun before says what it has found.
            begins = window.starts_at + timedelta(seconds=20)
            opened = Incident.objects.filter(gateway=window.gateway_id, kind__in=kinds)
            for incident in opened.filter(opened_at__gt=begins, opened_at__lt=window.ends_at):
                self.record.breaks("P8 quiet under maintenance", None, str(incident))

    def _told_once_told_right(self) -> None:
        """P8."""
        sent: defaultdict[int, dict[str, datetime]] = defaultdict(dict)
        for row in Notification.objects.filter(state=Notification.State.SENT):
            if row.sent_at is not None:
                sent[row.incident_id][row.what] = row.sent_at
        for incident in Incident.objects.all():
            told = sent[incident.pk]
            self.record.numbers.incidents[incident.kind] += 1
            self.record.numbers.notices[incident.kind] += len(told)
            ends = incident.closed_at or self.record.hub.clock.now
            if "opened" in told and ends < incident.opened_at + hold(incident.kind):
                self.record.breaks(
                    "P8 told right", None, f"{incident} healed before it was to be told"
                )
            if "recovered" in told and "opened" not in told:
                self.record.breaks("P8 told right", None, f"{incident}: only its end was told")
