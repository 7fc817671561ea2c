"""Queries on the queue of starts, for those who ask, wait, or carry out."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import (
    Avg,
    Case,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)

from accounts.models import Gateway, Incident, Repair
from accounts.repair.limits import HOUR, Load, StartLimits
from accounts.store import clock
from accounts.store.database import ask
from gateways.base import Step

State = Repair.State
Asker = Repair.Asker

# How long after a mass event starts at the gateway are spread out, because many sessions need one
# at once.
MASS_EVENT_LASTS = timedelta(minutes=15)
MASS_EVENTS = (Incident.Kind.MASS_LOSS, Incident.Kind.UNREACHABLE)
# A request without an answer may take effect for this long after it began.
MAY_STILL_HAPPEN = timedelta(seconds=180)
UNKNOWN_START_SECONDS = 20.0
LAST_STARTS = 20
PRUNE_ROWS = 5000
# Sessions of the gateway whose start began and may still happen at %(started)s.
STARTING_SQL = f"""
SELECT session_id FROM account_repairs
 WHERE gateway_id = %(gateway)s AND state IN ({", ".join(f"'{one}'" for one in Repair.IN_FLIGHT)})
   AND started_at > %(started)s - interval '{MAY_STILL_HAPPEN.total_seconds()} s'
   AND steps <> '["{Step.STOP}"]'
"""

# Requests of people first, then in order of arrival.
_PRIORITY = Case(When(asked_by=Asker.ROLLCALL, then=Value(1)), default=Value(0))
IN_LINE = (_PRIORITY, F("asked_at"), F("pk"))
# One claim at a time in the whole fleet, so that the counts are right; a claim takes a few
# milliseconds.
_CLAIMS = 0x72_6F_6C_6C  # "roll"


def limits() -> StartLimits:
    return StartLimits(
        in_flight_per_gateway=settings.REPAIR_STARTS_PER_GATEWAY,
        in_flight_in_fleet=settings.REPAIR_STARTS_IN_FLEET,
        account_every=timedelta(seconds=settings.REPAIR_ACCOUNT_EVERY_SECONDS),
        customer_per_hour=settings.REPAIR_CUSTOMER_STARTS_PER_HOUR,
        gap_after_mass_event=timedelta(seconds=settings.REPAIR_GAP_AFTER_MASS_EVENT_SECONDS),
    )


def lock_claims() -> None:
    """Let nobody else begin a start until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIMS])


def load_of(gateway_id: int, now: datetime) -> Load:
    in_flight = Repair.objects.filter(state__in=Repair.IN_FLIGHT)
    started = Repair.objects.filter(gateway_id=gateway_id, started_at__isnull=False)
    return Load(
        in_flight=in_flight.filter(gateway_id=gateway_id).count(),
        in_fleet=in_flight.count(),
        last_start_at=started.order_by("-started_at").values_list("started_at", flat=True).first(),
        after_mass_event=_after_mass_event(gateway_id, now),
        typical_seconds=_typical_seconds(gateway_id),
    )


def waiting(gateway_id: int) -> QuerySet[Repair]:
    return Repair.objects.filter(gateway_id=gateway_id, state=State.WAITING)


def ready(gateway_id: int, now: datetime) -> QuerySet[Repair]:
    """Return the waiting starts whose account was not started just now, the most urgent first.

    At a gateway that does not answer only those of operators. The others would hang there for
    minutes each, and all run at once when it is back.
    """
    lately = _starts().filter(
        account_id=OuterRef("account_id"),
        started_at__gt=now - limits().account_every,
        started_at__lte=now,
    )
    rows = waiting(gateway_id).exclude(Exists(lately)).order_by(*IN_LINE)
    blind = Gateway.objects.filter(pk=gateway_id, blind_since__isnull=False)
    return rows.filter(asked_by=Asker.OPERATOR) if blind.exists() else rows


def number_before(repair: Repair) -> int:
    """Return how many starts of the same gateway's queue come before it."""
    earlier = Q(asked_at__lt=repair.asked_at) | Q(asked_at=repair.asked_at, pk__lt=repair.pk)
    people = ~Q(asked_by=Asker.ROLLCALL)
    ahead = (~people & earlier) | people if repair.asked_by == Asker.ROLLCALL else people & earlier
    return waiting(repair.gateway_id).filter(ahead).exclude(pk=repair.pk).count()


def last_start(account_id: int) -> datetime | None:
    """Return when the account was last started, by any asker."""
    of_account = _starts().filter(account_id=account_id)
    return of_account.order_by("-pk").values_list("started_at", flat=True).first()


def starting(gateway_id: int, now: datetime) -> set[str]:
    """Return the sessions of the gateway whose start began and may still happen."""
    [rows] = ask(STARTING_SQL, gateway=gateway_id, started=now)
    return {session_id for (session_id,) in rows}


def customer_starts(account_id: int, now: datetime) -> list[datetime]:
    """Return when customers had the account started within the last hour."""
    lately = _starts().filter(account_id=account_id, started_at__gt=now - HOUR)
    moments = lately.filter(asked_by=Asker.CUSTOMER).values_list("started_at", flat=True)
    return [moment for moment in moments if moment is not None]


def prune() -> int:
    """Delete attempts that ended long ago. Return how many rows."""
    limit = clock.database_now() - timedelta(days=settings.REPAIRS_KEPT_DAYS)
    old = Repair.objects.filter(finished_at__lt=limit).order_by("pk")
    gone = 0
    while pks := list(old.values_list("pk", flat=True)[:PRUNE_ROWS]):
        gone += Repair.objects.filter(pk__in=pks).delete()[0]
    return gone


def _starts() -> QuerySet[Repair]:
    """Select the attempts that were sent to a gateway. One that was cancelled after its turn came
    was never sent."""
    return Repair.objects.filter(started_at__isnull=False).exclude(state=State.CANCELLED)


def _after_mass_event(gateway_id: int, now: datetime) -> bool:
    since = now - MASS_EVENT_LASTS
    lasting = Q(closed_at__isnull=True) | Q(closed_at__gt=since)
    incidents = Incident.objects.filter(lasting, gateway_id=gateway_id, kind__in=MASS_EVENTS)
    booted = Gateway.objects.filter(pk=gateway_id, booted_at__gt=since)
    return booted.exists() or incidents.exists()


def _typical_seconds(gateway_id: int) -> float:
    done = Repair.objects.filter(
        gateway_id=gateway_id, state=State.SUCCEEDED, started_at__isnull=False
    ).order_by("-started_at")[:LAST_STARTS]
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    mean: timedelta | None = done.annotate(took=took).aggregate(mean=Avg("took"))["mean"]
    return mean.total_seconds() if mean is not None else UNKNOWN_START_SECONDS
