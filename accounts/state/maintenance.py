"""Maintenance windows. During one the gateway is observed, but neither judged nor repaired.

What its lists show is believed as always. What they leave out means nothing, and no alert is sent
for it. When a window ends, every clock that runs against the gateway starts again (`resumed_at`).
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, OuterRef, QuerySet, Subquery

from accounts.models import Gateway, MaintenanceWindow
from accounts.store import clock
from accounts.words.refusals import Refused

logger = logging.getLogger(__name__)
# A forgotten window must not hide problems for ever; mode "observe" is for longer times.
LONGEST = timedelta(days=7)
# SQL of `is_under_maintenance` and `resumed_at`, for a statement that already reads `gateway`.
IS_MAINTAINED_SQL = """EXISTS (
    SELECT FROM accounts_maintenancewindow pause WHERE pause.gateway_id = gateway.id
       AND pause.starts_at <= %(now)s AND pause.ends_at > %(now)s)"""
RESUMED_AT_SQL = """(
    SELECT max(pause.ends_at) FROM accounts_maintenancewindow pause
     WHERE pause.gateway_id = gateway.id AND pause.ends_at <= %(now)s)"""


def under_maintenance(now: datetime) -> set[int]:
    """Return the ids of the gateways that are under maintenance at this moment."""
    return set(_at(now).values_list("gateway_id", flat=True))


def is_under_maintenance(gateway_id: int, now: datetime) -> bool:
    return _at(now).filter(gateway_id=gateway_id).exists()


def maintained_until(now: datetime) -> dict[int, datetime]:
    """Return, by gateway id, when the maintenance that is under way ends."""
    ends = _at(now).order_by().values_list("gateway_id").annotate(Max("ends_at"))
    return dict(ends)


def maintenance_ends(now: datetime) -> Subquery:
    """Return the same as a subquery, to annotate gateways with."""
    return Subquery(_at(now).filter(gateway=OuterRef("pk")).values("ends_at")[:1])


def resumed_at(now: datetime) -> dict[int, datetime]:
    """Return, by gateway id, when its last maintenance ended. Clocks that run against a gateway
    start no earlier."""
    past = MaintenanceWindow.objects.filter(ends_at__lte=now).order_by()
    return dict(past.values_list("gateway_id").annotate(Max("ends_at")))


def begin(gateway: Gateway, *, duration: timedelta, why: str, actor: str) -> MaintenanceWindow:
    """Start maintenance now. If a window is under way, change its end instead. Raises Refused."""
    now = clock.database_now()
    with transaction.atomic():
        _hold(gateway)
        window = _at(now).filter(gateway=gateway).first()
        if window is None:
            return _plan(gateway, now, now + duration, why=why, actor=actor)
        _refuse_impossible(now, now + duration)
        _refuse_overlap(gateway, window.starts_at, now + duration, besides=window)
        window.ends_at, window.why = now + duration, why[:200] or window.why
        window.save(update_fields=["ends_at", "why"])
    logger.info("maintenance of %s now ends at %s, says %s", gateway, window.ends_at, actor)
    return window


def plan(
    gateway: Gateway, *, starts_at: datetime, duration: timedelta, why: str, actor: str
) -> MaintenanceWindow:
    """Plan a window that begins later. Raises Refused."""
    if starts_at <= clock.database_now():
        raise Refused(f"{_moment(starts_at)} is past: leave the beginning out to begin now")
    with transaction.atomic():
        _hold(gateway)
        return _plan(gateway, starts_at, starts_at + duration, why=why, actor=actor)


def end(gateway: Gateway, *, actor: str) -> MaintenanceWindow:
    """End the window that is under way; without one, cancel the next planned window. Return that
    window. Raises Refused."""
    now = clock.database_now()
    with transaction.atomic():
        _hold(gateway)
        window = _at(now).filter(gateway=gateway).first()
        if window is not None:
            window.ends_at = now
            window.save(update_fields=["ends_at"])
        else:
            window = windows_to_come(gateway, now).first()
            if window is None:
                raise Refused(f"{gateway.name} is not under maintenance, and none is planned")
            window.delete()
    logger.info("%s ended the maintenance of %s", actor, gateway)
    return window


def windows_to_come(gateway: Gateway, now: datetime) -> QuerySet[MaintenanceWindow]:
    """Return the planned windows, the next one first."""
    return gateway.maintenance_windows.filter(starts_at__gt=now).order_by("starts_at")


def words_for(window: MaintenanceWindow, now: datetime) -> str:
    """Return "under maintenance until 15:40", or what it was or will be at other times."""
    if window.ends_at <= now:
        return f"it was under maintenance until {said(window.ends_at, now)}"
    if window.starts_at > now:
        begins = said(window.starts_at, now)
        return f"maintenance is planned from {begins} to {said(window.ends_at, now)}"
    return f"under maintenance until {said(window.ends_at, now)}"


def said(moment: datetime, now: datetime) -> str:
    """Return the minute in UTC, with the date unless it is today."""
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else _moment(moment)


def _at(now: datetime) -> QuerySet[MaintenanceWindow]:
    return MaintenanceWindow.objects.filter(starts_at__lte=now, ends_at__gt=now)


def _hold(gateway: Gateway) -> None:
    """Lock the gateway: two people who plan at once take turns."""
    Gateway.objects.select_for_update(no_key=True).get(pk=gateway.pk)


def _plan(
    gateway: Gateway, starts_at: datetime, ends_at: datetime, *, why: str, actor: str
) -> MaintenanceWindow:
    _refuse_impossible(starts_at, ends_at)
    _refuse_overlap(gateway, starts_at, ends_at)
    window = MaintenanceWindow.objects.create(
        gateway=gateway, starts_at=starts_at, ends_at=ends_at, why=why[:200], actor=actor[:150]
    )
    logger.info("maintenance of %s from %s to %s, by %s", gateway, starts_at, ends_at, actor)
    return window


def _refuse_impossible(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise Refused("it must last for some time")
    if ends_at - starts_at > LONGEST:
        raise Refused(
            f"at most {LONGEST.days} days: for longer set the gateway's mode to observe, or "
            "begin anew"
        )


def _refuse_overlap(
    gateway: Gateway,
    starts_at: datetime,
    ends_at: datetime,
    *,
    besides: MaintenanceWindow | None = None,
) -> None:
    others = gateway.maintenance_windows.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)
    others = others.exclude(pk=besides.pk) if besides else others
    other = others.order_by("starts_at").first()
    if other is not None:
        raise Refused(
            f"{gateway.name} has one from {_moment(other.starts_at)} to {_moment(other.ends_at)} "
            "already: end it first"
        )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
