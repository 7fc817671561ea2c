"""Follow the roll call: one line for each change since the last call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Transition
from accounts.store import clock
from accounts.words.reasons import meaning
from gateways.wire.untrusted import printable
from reconciliation.rollcall.values import Report

# Ids are assigned before the commit: a query for newer ids only would miss some.
LOOKED_BACK = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedChange:
    at: datetime
    gateway: str
    about: str
    text: str

    def __str__(self) -> str:
        about = f" {self.about}" if self.about else ""
        return printable(f"{self.at:%H:%M:%S} {self.gateway}{about}: {self.text}", limit=500)

    def record(self) -> dict[str, str]:
        return {
            "at": self.at.isoformat(),
            "gateway": self.gateway,
            "about": self.about,
            "text": self.text,
        }


class Follower:
    """Reports changes, and remembers what it has reported."""

    def __init__(self) -> None:
        self._began_at = clock.database_now()
        self._said: set[int] = set()
        self._found: dict[str, dict[tuple[str, str], str]] = {}
        self._trouble: dict[str, str] = {}

    def changes(self, reports: Sequence[Report]) -> list[FollowedChange]:
        """Return what has changed since the last call, changes of status first."""
        now = clock.database_now()
        sights = [change for report in reports for change in self._sight(report, now)]
        found = [change for report in reports for change in self._findings(report, now)]
        return [*self._transitions({report.gateway for report in reports}, now), *sights, *found]

    def _transitions(self, gateways: Iterable[str], now: datetime) -> Iterator[FollowedChange]:
        since = max(self._began_at, now - LOOKED_BACK)
        recent = Transition.objects.filter(
            created_at__gte=since, account__gateway__name__in=gateways
        )
        rows = list(recent.select_related("account__gateway").order_by("created_at", "id"))
        fresh = [row for row in rows if row.pk not in self._said]
        self._said = {row.pk for row in rows}
        for row in fresh:
            why = f" ({meaning(row.reason).text})" if row.reason else ""
            yield FollowedChange(
                at=row.created_at,
                gateway=row.account.gateway.name,
                about=row.account.phone_number or row.session_id,
                text=f"{row.from_status} → {row.to_status}{why}, by {row.get_source_display()}",
            )

    def _sight(self, report: Report, now: datetime) -> Iterator[FollowedChange]:
        if report.skipped:
            return
        trouble = report.why if report.is_readable else f"cannot be read: {report.why}"
        before = self._trouble.get(report.gateway, "")
        self._trouble[report.gateway] = trouble
        if trouble != before:
            text = trouble or "can be read again, with a whole list"
            yield FollowedChange(at=now, gateway=report.gateway, about="", text=text)

    def _findings(self, report: Report, now: datetime) -> Iterator[FollowedChange]:
        """Yield findings that are only shown: a repaired one is already a change of status."""
        if not report.was_read:
            return
        before = self._found.get(report.gateway, {})
        held = {(str(one.kind), one.session_id): one.why for one in report.findings if one.held}
        self._found[report.gateway] = held
        for kind, session_id in sorted(held.keys() - before.keys()):
            why = held[kind, session_id]
            yield FollowedChange(
                at=now, gateway=report.gateway, about=session_id, text=f"{kind}: {why}"
            )
        for kind, session_id in sorted(before.keys() - held.keys()):
            yield FollowedChange(
                at=now, gateway=report.gateway, about=session_id, text=f"not {kind} any more"
            )
