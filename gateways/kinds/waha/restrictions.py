"""WAHA's report of WhatsApp's limits for a connected number, in `me` and in `payload.data` of
session.status. From its release notes and pull requests (2026.8); we did not run it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from gateways.base import MESSAGE_CAPPING, REACHOUT_TIMELOCK, Restriction

CAPPED = "CAPPED"
# A larger number is a time in milliseconds.
_MOST_SECONDS = 100_000_000_000


class _Limits(msgspec.Struct):
    reachoutTimelock: object = msgspec.UNSET  # noqa: N815 - its name in the answer
    messageCapping: object = msgspec.UNSET  # noqa: N815 - its name in the answer


def restriction_of(places: Iterable[object]) -> Restriction | None:
    """Return the strictest limit that these objects tell of; None if none of them names one."""
    told = [limits for place in places if (limits := _limits_of(place)) is not None]
    if not told:
        return None
    for limits in told:
        lock = limits.reachoutTimelock
        if isinstance(lock, dict) and lock.get("isActive") is True:
            return Restriction(
                code=REACHOUT_TIMELOCK, until=_moment_of(lock.get("timeEnforcementEnds"))
            )
    for limits in told:
        capping = limits.messageCapping
        if isinstance(capping, dict) and capping.get("cappingStatus") == CAPPED:
            return Restriction(code=MESSAGE_CAPPING, until=_moment_of(capping.get("cycleEnd")))
    return Restriction()


def _limits_of(place: object) -> _Limits | None:
    try:
        limits = msgspec.convert(place, _Limits)
    except msgspec.ValidationError:
        return None
    said = (limits.reachoutTimelock, limits.messageCapping)
    return None if all(one is msgspec.UNSET for one in said) else limits


def _moment_of(value: object) -> datetime | None:
    """Return the time of an ISO text, or of seconds or milliseconds; None for anything else."""
    try:
        if isinstance(value, str) and not value.isdecimal():
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            return datetime.fromtimestamp(number / (1000 if number > _MOST_SECONDS else 1), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
