"""Times and durations as a recipient reads them: their zone, their language."""

from __future__ import annotations

import math
import zoneinfo
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notices.languages import text

_UNITS = (("s", 1, 90), ("min", 60, 90 * 60), ("h", 3600, 36 * 3600), ("d", 86400, math.inf))


def zone(name: str) -> ZoneInfo:
    """Return the zone of this name; UTC for one that is not known here."""
    try:
        return ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def moment(at: datetime, now: datetime, *, language: str, time_zone: str) -> str:
    """Return "02.10 WIB", with the day where it is another one than now."""
    here = zone(time_zone)
    local, today = at.astimezone(here), now.astimezone(here)
    clock = f"{text(language, 'time', at=local)} {_zone_name(local)}"
    if local.date() == today.date():
        return clock
    month = text(language, "months").split()[local.month - 1]
    return f"{text(language, 'date', day=local.day, month=month)} {clock}"


def lasting(length: timedelta, language: str) -> str:
    """Return a duration in one rounded unit."""
    seconds = max(0, int(length.total_seconds()))
    unit, size = next((unit, size) for unit, size, limit in _UNITS if seconds < limit)
    return text(language, f"age.{unit}", n=(seconds + size // 2) // size)


def _zone_name(local: datetime) -> str:
    name = local.tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name
