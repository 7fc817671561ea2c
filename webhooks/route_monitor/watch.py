"""The route monitor: collect the facts of each route, judge them, open and close incidents."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Q, Sum
from redis.exceptions import RedisError

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Account, Gateway, Incident
from accounts.state import maintenance
from accounts.store import clock
from accounts.store.redis_client import client
from accounts.words.status import Status
from webhooks.forwarding.rows import stuck_forwards
from webhooks.models import Route, RouteTally
from webhooks.route_monitor import wrong_path
from webhooks.route_monitor.expected_path import right_url
from webhooks.route_monitor.rules import (
    Facts,
    Judgement,
    RecentFigures,
    RouteLimits,
    judge,
    judge_unattributed,
    judge_unwritten,
)
from webhooks.route_monitor.tallies import add_up
from webhooks.route_monitor.usual_rate import usual_per_hour
from webhooks.wire import web_process

logger = logging.getLogger(__name__)
MINUTE = timedelta(minutes=1)
SHORT = timedelta(minutes=5)
CHANGES = timedelta(minutes=10)
# An incident is noticed with the next flush: its first events may be in the minute before.
NOTICED_WITHIN = timedelta(seconds=10)
# An incident that opens again within this time is flapping.
CAME_BACK_WITHIN = timedelta(minutes=15)
LOOKED_BACK = timedelta(hours=2)
WATCHED = "rollcall:routes:watched"
# Beat calls every 10 s. After a longer gap, or without a record of the last call, we were away.
AWAY_AFTER = timedelta(seconds=40)


@dataclass(slots=True)
class Lasting:
    """The open incidents of one gateway, with their start, those that had been closed only
    briefly before, and the end of the last closed ones."""

    since: dict[Incident.Kind, datetime] = field(default_factory=dict)
    came_back: set[Incident.Kind] = field(default_factory=set)
    ended: dict[Incident.Kind, datetime] = field(default_factory=dict)


def limits() -> RouteLimits:
    return RouteLimits(
        failures_in_a_row=settings.WEBHOOK_FAILURES_IN_A_ROW,
        success_percent=settings.WEBHOOK_SUCCESS_PERCENT,
        silent_after_events=settings.WEBHOOK_SILENT_AFTER_EVENTS,
        slow_p95_ms=settings.WEBHOOK_SLOW_P95_MS,
        unattributed_refusals=settings.WEBHOOK_UNATTRIBUTED_REFUSALS,
    )


def watch_routes() -> list[Judgement]:
    """Judge every route, with a fixed number of statements, and some for each incident that
    changes."""
    now = clock.database_now()
    judged: list[Judgement] = []
    watched, lasting = watched_since(now), _lasting(now)
    ours_over = lasting[None].ended.get(Incident.Kind.SELF_CHECK, watched)
    since = _watched_each(now, max(watched, ours_over))
    figures = _figures(now, since)
    routes = list(_all_facts(now, since, figures, lasting))
    for facts, gateway_id in routes:
        for judgement in judge(facts, limits()):
            _settle(judgement, gateway_id, facts.open_since)
            judged.append(judgement)
    open_since = lasting[None].since
    unwritten = judge_unwritten(
        [facts for facts, _ in routes],
        limits(),
        is_open=Incident.Kind.UNWRITTEN in open_since,
    )
    _settle(unwritten, None, open_since)
    nobody = judge_unattributed(
        figures.get(None, RecentFigures()).refused,
        limits(),
        is_open=Incident.Kind.UNATTRIBUTED in open_since,
    )
    _settle(nobody, None, open_since)
    return [*judged, unwritten, nobody]


def watched_since(now: datetime) -> datetime:
    """Return since when the monitor ran without a break, and a web process could receive.

    Webhooks that came during a gap, or while Redis was away, may be unknown to us: our own
    outage is not a silence of a gateway.
    """
    try:
        since, last = json.loads(str(client().get(WATCHED) or "[0, 0]"))
        is_new = not timedelta() <= now - datetime.fromtimestamp(last, UTC) <= AWAY_AFTER
        began_at = now if is_new else datetime.fromtimestamp(since, UTC)
        client().set(WATCHED, json.dumps([began_at.timestamp(), now.timestamp()]))
        present = web_process.present_since(now)
    except RedisError as error:
        logger.warning("the start of the route monitor is not known: %s", type(error).__name__)
        return now
    return max(began_at, present or began_at)


def _watched_each(now: datetime, watched: datetime) -> defaultdict[int | None, datetime]:
    """Return, by gateway, since when its silence counts. Its maintenance does not count, nor a
    time in which we could reach no gateway."""
    resumed = maintenance.resumed_at(now)
    return defaultdict(lambda: watched, {pk: max(watched, at) for pk, at in resumed.items()})


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
    since: Mapping[int | None, datetime],
    figures: Mapping[int | None, RecentFigures],
    lasting: Mapping[int | None, Lasting],
) -> Iterable[tuple[Facts, int]]:
    routes = {route.gateway_id: route for route in Route.objects.all()}
    connected = dict(
        Account.objects.filter(status=Status.CONNECTED)
        .order_by()
        .values_list("gateway")
        .annotate(Count("pk"))
    )
    usual, misrouted, failed = usual_per_hour(now), _misrouted(routes), _failed(lasting)
    stuck = stuck_forwards(now)
    maintained = maintenance.under_maintenance(now)
    are_all_excused = Incident.Kind.SELF_CHECK in lasting[None].since
    for gateway in Gateway.objects.all():
        route, lasts = routes.get(gateway.pk) or Route(gateway=gateway), lasting[gateway.pk]
        wrong = wrong_path.read(route.wrong_paths, without=gateway.accepted_paths)
        yield (
            Facts(
                name=gateway.name,
                kind=gateway.kind,
                right_url=right_url(gateway.kind),
                now=now,
                watched_since=since[gateway.pk],
                is_excused=are_all_excused or gateway.pk in maintained,
                figures=figures.get(gateway.pk, RecentFigures()),
                wrong_paths=wrong,
                are_accepted=bool(route.wrong_paths) and not wrong,
                misrouted=misrouted.get(gateway.pk, 0),
                failed_since_open=failed.get(gateway.pk, 0),
                connected_accounts=connected.get(gateway.pk, 0),
                usual_per_hour=usual.get(gateway.pk, 0.0),
                stuck=stuck.get(gateway.pk),
                open_since=lasts.since,
                came_back=frozenset(lasts.came_back),
                **_of_route(route),
            ),
            gateway.pk,
        )


def _of_route(route: Route) -> dict[str, Any]:
    names = (
        *("last_success_at", "last_received_at", "last_failure_at", "last_failure_code"),
        *("last_failure_why", "consecutive_failures", "clock_skew_seconds"),
    )
    return {name: getattr(route, name) for name in names}


def _figures(
    now: datetime, since: Mapping[int | None, datetime]
) -> dict[int | None, RecentFigures]:
    """Return the figures by gateway; None: unknown senders."""
    recent = RouteTally.objects.filter(span=RouteTally.Span.MINUTE, began_at__gt=now - CHANGES)
    rows: dict[int | None, list[RouteTally]] = defaultdict(list)
    for row in recent:
        rows[row.gateway_id].append(row)
    return {pk: _sum(tallies, now, since[pk]) for pk, tallies in rows.items()}


def _sum(tallies: Iterable[RouteTally], now: datetime, watched: datetime) -> RecentFigures:
    """Sum the tallies, without the changes during our absence and those found after it."""
    tallies = list(tallies)
    short = [row for row in tallies if row.began_at > now - SHORT - MINUTE]
    seen = [row for row in tallies if row.began_at > watched]
    return RecentFigures(
        received=sum(row.received for row in short),
        succeeded=sum(row.succeeded for row in short),
        failed=sum(row.failed for row in short),
        refused=sum(row.refused for row in short),
        handling=add_up(row.handling for row in short),
        changes=sum(row.changes for row in seen),
        changes_missed=sum(row.changes_missed for row in seen),
        has_trouble=any(row.received > row.succeeded for row in tallies),
    )


def _misrouted(routes: Mapping[int, Route]) -> dict[int, int]:
    """Return how many events came on wrong paths since the first of them was used."""
    stories = {pk: wrong_path.read(route.wrong_paths) for pk, route in routes.items()}
    began = {pk: min(one.since for one in used) for pk, used in stories.items() if used}
    return _counted(Sum("misrouted"), began)


def _failed(lasting: Mapping[int | None, Lasting]) -> dict[int, int]:
    """Return how many requests failed in the minutes since that incident opened."""
    kind = Incident.Kind.FAILING
    began = {pk: lasts.since[kind] for pk, lasts in lasting.items() if pk and kind in lasts.since}
    return _counted(Sum(F("failed") + F("refused")), began)


def _counted(what: Sum, began: Mapping[int, datetime]) -> dict[int, int]:
    """Return the counts by gateway, from the minute in which each incident began."""
    if not began:
        return {}
    of_stories = Q()
    for pk, at in began.items():
        first = at - NOTICED_WITHIN
        of_stories |= Q(gateway_id=pk, began_at__gte=first.replace(second=0, microsecond=0))
    rows = RouteTally.objects.filter(of_stories, span=RouteTally.Span.MINUTE).order_by()
    return dict(rows.values_list("gateway").annotate(number=what))


def _lasting(now: datetime) -> defaultdict[int | None, Lasting]:
    found: defaultdict[int | None, Lasting] = defaultdict(Lasting)
    recent = Q(closed_at__isnull=True) | Q(closed_at__gt=now - LOOKED_BACK)
    rows = list(
        Incident.objects.filter(recent).values_list("gateway", "kind", "opened_at", "closed_at")
    )
    for gateway_id, name, opened_at, closed_at in rows:
        kind = Incident.Kind(name)
        if closed_at is None:
            found[gateway_id].since[kind] = opened_at
        elif closed_at > found[gateway_id].ended.get(kind, now - LOOKED_BACK):
            found[gateway_id].ended[kind] = closed_at
    for lasting in found.values():
        for kind, since in lasting.since.items():
            if (ended := lasting.ended.get(kind)) and ended > since - CAME_BACK_WITHIN:
                lasting.came_back.add(kind)
    return found
