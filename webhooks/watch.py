"""Watching the routes: gather what is known of each, judge it, open and close incidents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, Sum

from accounts import clock
from accounts.incidents import close_incident, open_incident
from accounts.models import Account, Gateway, Incident
from accounts.status import Status
from webhooks.judging import Facts, Figures, Judgement, Limits, judge, judge_unattributed
from webhooks.models import Route, RouteTally
from webhooks.right_paths import right_url
from webhooks.tallies import add_up

SHORT = timedelta(minutes=5)
CHANGES = timedelta(minutes=10)
DAY = timedelta(days=1)
# A gateway's habit is known after so long.
HABIT_HOURS = 3


def limits() -> Limits:
    return Limits(
        failures_in_a_row=settings.WEBHOOK_FAILURES_IN_A_ROW,
        success_percent=settings.WEBHOOK_SUCCESS_PERCENT,
        silent_after_events=settings.WEBHOOK_SILENT_AFTER_EVENTS,
        slow_p95_ms=settings.WEBHOOK_SLOW_P95_MS,
        unattributed_refusals=settings.WEBHOOK_UNATTRIBUTED_REFUSALS,
    )


def watch_routes() -> list[Judgement]:
    """Judge every route; a fixed number of statements, and some for each incident that moves."""
    now = clock.database_now()
    judged: list[Judgement] = []
    figures, open_since = _figures(now), _open_since()
    for facts, gateway_id in _all_facts(now, figures, open_since):
        for judgement in judge(facts, limits()):
            _settle(judgement, gateway_id, facts.open_since)
            judged.append(judgement)
    nobody = judge_unattributed(figures.get(None, Figures()).refused, limits())
    _settle(nobody, None, open_since.get(None, {}))
    return [*judged, nobody]


def _settle(
    judgement: Judgement, gateway_id: int | None, open_since: Mapping[Incident.Kind, datetime]
) -> None:
    if judgement.is_open:
        open_incident(
            judgement.kind,
            gateway_id=gateway_id,
            text=judgement.text,
            cure=judgement.cure,
            count=judgement.count,
        )
    elif judgement.kind in open_since:
        close_incident(judgement.kind, gateway_id=gateway_id)


def _all_facts(
    now: datetime,
    figures: Mapping[int | None, Figures],
    open_since: Mapping[int | None, Mapping[Incident.Kind, datetime]],
) -> Iterable[tuple[Facts, int]]:
    routes = {route.gateway_id: route for route in Route.objects.all()}
    connected = dict(
        Account.objects.filter(status=Status.CONNECTED)
        .order_by()
        .values_list("gateway")
        .annotate(Count("pk"))
    )
    usual, misrouted = _usual_per_hour(now), _misrouted(routes)
    for gateway in Gateway.objects.all():
        route = routes.get(gateway.pk) or Route(gateway=gateway)
        accepted = route.wrong_path in gateway.accepted_paths
        yield (
            Facts(
                name=gateway.name,
                right_url=right_url(gateway.kind),
                right_path=gateway.webhook_path,
                now=now,
                figures=figures.get(gateway.pk, Figures()),
                wrong_path="" if accepted else route.wrong_path,
                misrouted=misrouted.get(gateway.pk, 0),
                connected_accounts=connected.get(gateway.pk, 0),
                usual_per_hour=usual.get(gateway.pk, 0.0),
                open_since=open_since.get(gateway.pk, {}),
                **_of_route(route),
            ),
            gateway.pk,
        )


def _of_route(route: Route) -> dict[str, Any]:
    names = (
        *("last_success_at", "last_received_at", "last_failure_at", "last_failure_code"),
        *("last_failure_why", "consecutive_failures", "clock_skew_seconds"),
        *("wrong_path_since", "wrong_path_at"),
    )
    since, unsigned = route.wrong_path_since, route.last_unsigned_at
    went_along = since is not None and unsigned is not None and unsigned >= since
    return {name: getattr(route, name) for name in names} | {"key_went_along": went_along}


def _figures(now: datetime) -> dict[int | None, Figures]:
    """By gateway; None: of nobody we know."""
    recent = RouteTally.objects.filter(span=RouteTally.Span.MINUTE, began_at__gt=now - CHANGES)
    rows: dict[int | None, list[RouteTally]] = defaultdict(list)
    for row in recent:
        rows[row.gateway_id].append(row)
    return {gateway_id: _sum(tallies, now) for gateway_id, tallies in rows.items()}


def _sum(tallies: Iterable[RouteTally], now: datetime) -> Figures:
    tallies = list(tallies)
    short = [row for row in tallies if row.began_at > now - SHORT - timedelta(minutes=1)]
    return Figures(
        received=sum(row.received for row in short),
        succeeded=sum(row.succeeded for row in short),
        failed=sum(row.failed for row in short),
        refused=sum(row.refused for row in short),
        handling=add_up(row.handling for row in short),
        changes=sum(row.changes for row in tallies),
        changes_missed=sum(row.changes_missed for row in tallies),
    )


def _usual_per_hour(now: datetime) -> dict[int | None, float]:
    """Of the last day's hours that have ended; 0 for a gateway whose habit is not known yet."""
    hours = RouteTally.objects.filter(
        span=RouteTally.Span.HOUR, began_at__gt=now - DAY, began_at__lte=now - timedelta(hours=1)
    )
    rows = hours.order_by().values_list("gateway").annotate(Sum("received"), Count("pk"))
    return {
        gateway_id: received / count for gateway_id, received, count in rows if count >= HABIT_HOURS
    }


def _misrouted(routes: Mapping[int, Route]) -> dict[int, int]:
    """How many events came on the wrong path since it was first used."""
    stories = {pk: route.wrong_path_since for pk, route in routes.items() if route.wrong_path_since}
    if not stories:
        return {}
    of_stories = Q()
    for pk, since in stories.items():
        of_stories |= Q(gateway_id=pk, began_at__gte=since.replace(second=0, microsecond=0))
    rows = (
        RouteTally.objects.filter(of_stories, span=RouteTally.Span.MINUTE)
        .order_by()
        .values_list("gateway")
        .annotate(Sum("misrouted"))
    )
    return {pk: number for pk, number in rows if pk is not None}


def _open_since() -> dict[int | None, dict[Incident.Kind, datetime]]:
    found: dict[int | None, dict[Incident.Kind, datetime]] = defaultdict(dict)
    rows = Incident.objects.filter(closed_at__isnull=True)
    for gateway_id, kind, opened_at in rows.values_list("gateway", "kind", "opened_at"):
        found[gateway_id][Incident.Kind(kind)] = opened_at
    return found
