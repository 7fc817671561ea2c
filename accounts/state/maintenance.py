"""Maintenance windows: while one lasts its gateway is observed, but neither judged nor repaired.

What its lists show is believed as ever; what they leave out means nothing, and nobody is alarmed
for it. When a window ends, whatever counts time against the gateway begins anew (`resumed_at`).
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
# A forgotten one must not blind us for ever: mode "observe" is for what lasts longer.
LONGEST = timedelta(days=7)
# What `is_under_maintenance` and `resumed_at` say, for a statement that reads `gateway` anyway.
IS_MAINTAINED_SQL = """EXISTS (
    SELECT FROM accounts_maintenancewindow pause WHERE pause.gateway_id = gateway.id
       AND pause.starts_at <= %(now)s AND pause.ends_at > %(now)s)"""
RESUMED_AT_SQL = """(
    SELECT max(pause.ends_at) FROM accounts_maintenancewindow pause
     WHERE pause.gateway_id = gateway.id AND pause.ends_at <= %(now)s)"""


def under_maintenance(now: datetime) -> set[int]:
    """The ids of the gateways that are under maintenance at this moment."""
    return set(_at(now).values_list("gateway_id", flat=True))


def is_under_maintenance(gateway_id: int, now: datetime) -> bool:
    return _at(now).filter(gateway_id=gateway_id).exists()


def maintained_until(now: datetime) -> dict[int, datetime]:
    """By gateway id, of those that are under maintenance now: when that ends."""
    ends = _at(now).order_by().values_list("gateway_id").annotate(Max("ends_at"))
    return dict(ends)


def maintenance_ends(now: datetime) -> Subquery:
    """The same, to annotate gateways with."""
    return Subquery(_at(now).filter(gateway=OuterRef("pk")).values("ends_at")[:1])


def resumed_at(now: datetime) -> dict[int, datetime]:
    """By gateway id: when its last maintenance ended. Clocks that judge begin no earlier."""
    past = MaintenanceWindow.objects.filter(ends_at__lte=now).order_by()
    return dict(past.values_list("gateway_id").annotate(Max("ends_at")))


def begin(gateway: Gateway, *, duration: timedelta, why: str, actor: str) -> MaintenanceWindow:
    """From now on; one that is under way ends then instead. Raises Refused."""
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
    """One that begins later. Raises Refused."""
    if starts_at <= clock.database_now():
        raise Refused(f"{_moment(starts_at)} is past: leave the beginning out to begin now")
    with transaction.atomic():
        _hold(gateway)
        return _plan(gateway, starts_at, starts_at + duration, why=why, actor=actor)


def end(gateway: Gateway, *, actor: str) -> MaintenanceWindow:
    """End the one that is under way; where there is none, call off the next one that is planned.
    The window that ended or will not be is returned. Raises Refused."""
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
    """Those that are planned, the next one first."""
    return gateway.maintenance_windows.filter(starts_at__gt=now).order_by("starts_at")


def words_for(window: MaintenanceWindow, now: datetime) -> str:
    """ "under maintenance until 15:40", and what it was or will be at other times."""
    if window.ends_at <= now:
        return f"it was under maintenance until {said(window.ends_at, now)}"
    if window.starts_at > now:
        begins = said(window.starts_at, now)
        return f"maintenance is planned from {begins} to {said(window.ends_at, now)}"
    return f"under maintenance until {said(window.ends_at, now)}"


def said(moment: datetime, now: datetime) -> str:
    """The minute; with its day, where that is not today. UTC."""
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else _moment(moment)


def _at(now: datetime) -> QuerySet[MaintenanceWindow]:
    return MaintenanceWindow.objects.filter(starts_at__lte=now, ends_at__gt=now)


def _hold(gateway: Gateway) -> None:
    """Two people who plan at once do it one after the other."""
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
