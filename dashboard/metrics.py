"""Rollcall in figures for Prometheus. They are read from the rows, so that every process of every
web server gives the same answer."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import accumulate

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from accounts.models import Account, Channel, Gateway, Incident, Notification
from accounts.state import maintenance
from accounts.store import clock
from accounts.words.status import Status
from dashboard.account.groups import Accounts
from dashboard.monitor.figures import WINDOWS, figures_of_all
from reconciliation.models import Run
from webhooks.models import Delivery, Forward, Route, RouteTally
from webhooks.route_monitor.request_log import LIMITS_MS
from webhooks.route_monitor.wrong_path import read

# Above this many, counting further would cost and say nothing more.
COUNTED_PENDING = 100_000
OUTCOMES = ("succeeded", "failed", "refused")
# Beside how they ended; one webhook may be several of these.
NOTED = {
    "misrouted": "Webhooks that came on a wrong path",
    "repeated": "Webhooks whose id was known already",
    "retried": "Webhooks equal to the one before, shortly after it",
    "unsigned": "Webhooks that were believed without a signature",
}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the bearer of METRICS_TOKEN, and staff who may view the webhook monitor."""
    if not _may_read(request):
        reason = "send METRICS_TOKEN as Authorization: Bearer" + (
            "" if settings.METRICS_TOKEN else " (it is not set: docs/settings.md)"
        )
        return JsonResponse(
            {"success": False, "reason": reason},
            status=401,
            headers={"WWW-Authenticate": 'Bearer realm="rollcall"'},
        )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Rows())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN.encode()
    said = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    is_bearer = bool(token) and hmac.compare_digest(said, token)
    return is_bearer or (request.user.is_staff and request.user.has_perm("webhooks.view_route"))


class _Rows(Collector):
    def collect(self) -> Iterable[Metric]:
        now = clock.database_now()
        names = {gateway.pk: gateway.name for gateway in Gateway.objects.all()}
        yield from _webhooks(names)
        yield from _routes()
        yield from _changes(names, now)
        yield from _fleet(names, now)
        yield from _maintenance(names, now)
        yield from _queues()


# --- webhooks -------------------------------------------------------------------------------------
def _webhooks(names: dict[int, str]) -> Iterator[Metric]:
    """Yield counters since each gateway was registered; unknown senders have an empty name."""
    tallies = [
        (names[tally.gateway_id] if tally.gateway_id else "", tally)
        for tally in RouteTally.objects.filter(span=RouteTally.Span.EVER)
        if tally.gateway_id is None or tally.gateway_id in names
    ]
    ended = CounterMetricFamily(
        "rollcall_webhooks", "Webhooks by how they ended", labels=["gateway", "outcome"]
    )
    for name, tally in tallies:
        for outcome in OUTCOMES:
            ended.add_metric([name, outcome], getattr(tally, outcome))
    yield ended
    for field, meaning in NOTED.items():
        noted = CounterMetricFamily(f"rollcall_webhooks_{field}", meaning, labels=["gateway"])
        for name, tally in tallies:
            noted.add_metric([name], getattr(tally, field))
        yield noted
    for field, meaning in (
        ("handling", "How long handling took, of those that succeeded"),
        ("lag", "How old a webhook was when it came, by the event's own time"),
    ):
        family = HistogramMetricFamily(
            f"rollcall_webhook_{field}_seconds", meaning, labels=["gateway"]
        )
        for name, tally in tallies:
            family.add_metric([name], _buckets(getattr(tally, field)), sum_value=None)
        yield family


def _buckets(histogram: list[int]) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus counts them."""
    limits = [*(f"{limit / 1000:g}" for limit in LIMITS_MS), "+Inf"]
    numbers = histogram or [0] * len(limits)
    return [(limit, float(total)) for limit, total in zip(limits, accumulate(numbers), strict=True)]


def _routes() -> Iterator[Metric]:
    routes = [(route.gateway.name, route) for route in Route.objects.select_related("gateway")]
    yield _by_gateway(
        "rollcall_webhook_failures_in_a_row",
        "Failures since the last success",
        ((name, route.consecutive_failures) for name, route in routes),
    )
    yield _by_gateway(
        "rollcall_webhook_clock_skew_seconds",
        "By how much the gateway's clock was ahead when that last mattered; negative: behind",
        ((name, route.clock_skew_seconds) for name, route in routes),
    )
    for field, meaning in (
        ("last_received", "When the last webhook came"),
        ("last_success", "When the last webhook succeeded"),
        ("last_failure", "When the last webhook failed or was refused"),
        ("last_unsigned", "When the last webhook was believed without a signature"),
    ):
        moments = ((name, getattr(route, f"{field}_at")) for name, route in routes)
        yield _by_gateway(
            f"rollcall_webhook_{field}_timestamp_seconds",
            meaning,
            ((name, at and at.timestamp()) for name, at in moments),
        )
    yield _by_gateway(
        "rollcall_webhook_wrong_path_timestamp_seconds",
        "When the last webhook came on a path that is neither right nor accepted",
        ((name, _last_used(route)) for name, route in routes),
    )


def _last_used(route: Route) -> float | None:
    paths = read(route.wrong_paths, without=route.gateway.accepted_paths)
    return paths[-1].at.timestamp() if paths else None


def _changes(names: dict[int, str], now: datetime) -> Iterator[Metric]:
    figures = figures_of_all(WINDOWS["1h"], now)
    known = [(names[pk], one) for pk, one in figures.items() if pk in names]
    yield _by_gateway(
        "rollcall_status_changes_last_hour",
        "Changes of status that anybody saw in the last hour",
        ((name, one.changes) for name, one in known),
    )
    yield _by_gateway(
        "rollcall_webhook_missed_event_ratio",
        "Changes that the roll call saw first, of all in the last hour; 1: webhooks are dead",
        ((name, one.changes and one.changes_missed / one.changes) for name, one in known),
    )


# --- the fleet ------------------------------------------------------------------------------------
def _fleet(names: dict[int, str], now: datetime) -> Iterator[Metric]:
    accounts = GaugeMetricFamily(
        "rollcall_accounts",
        "Accounts by gateway and status as it is shown",
        labels=["gateway", "status"],
    )
    shown: Accounts = Account.objects.visible().with_shown_status(now).order_by()
    counted = {
        (pk, status): number
        for pk, status, number in shown.values_list("gateway", "shown").annotate(Count("pk"))
    }
    for pk, name in names.items():
        for status in Status:
            accounts.add_metric([name, status], counted.get((pk, status.value), 0))
    yield accounts
    yield _by_gateway(
        "rollcall_gateway_blind",
        "1 while the gateway cannot be read",
        (
            (name, float(blind is not None))
            for name, blind in Gateway.objects.values_list("name", "blind_since")
        ),
    )


def _maintenance(names: dict[int, str], now: datetime) -> Iterator[Metric]:
    ends = maintenance.maintained_until(now)
    yield _by_gateway(
        "rollcall_gateway_maintenance",
        "1 while the gateway is under maintenance: nothing is judged or repaired there",
        ((name, float(pk in ends)) for pk, name in names.items()),
    )
    yield _by_gateway(
        "rollcall_gateway_maintenance_ends_timestamp_seconds",
        "When the maintenance ends that is under way",
        ((names[pk], at.timestamp()) for pk, at in ends.items() if pk in names),
    )


def _queues() -> Iterator[Metric]:
    incidents = GaugeMetricFamily("rollcall_incidents_open", "Open incidents", labels=["kind"])
    is_open = Incident.objects.filter(closed_at__isnull=True).order_by()
    numbers = dict(is_open.values_list("kind").annotate(Count("pk")))
    for kind in Incident.Kind:
        incidents.add_metric([kind], numbers.get(kind.value, 0))
    yield incidents
    pending: dict[str, tuple[str, Callable[[], int]]] = {
        "rollcall_deliveries_pending": (
            "Webhooks that wait to be applied",
            Delivery.objects.filter(state=Delivery.State.PENDING)[:COUNTED_PENDING].count,
        ),
        "rollcall_forwards_pending": (
            "Webhooks that wait to be handed on to a business's own backend",
            Forward.objects.all()[:COUNTED_PENDING].count,
        ),
        "rollcall_notifications_pending": (
            "Notices that wait to be sent",
            Notification.objects.filter(state=Notification.State.PENDING)[:COUNTED_PENDING].count,
        ),
        "rollcall_channels_failing": (
            "Channels that could not deliver the last notice",
            Channel.objects.filter(is_active=True, failing_since__isnull=False).count,
        ),
    }
    last_run = Run.objects.order_by("-id").values_list("finished_at", flat=True).first()
    if last_run is not None:
        yield GaugeMetricFamily(
            "rollcall_last_roll_call_timestamp_seconds",
            "When the last roll call ended; old: worker or scheduler stand still",
            value=last_run.timestamp(),
        )
    for name, (meaning, count) in pending.items():
        yield GaugeMetricFamily(name, meaning, value=count())


def _by_gateway(
    name: str, meaning: str, rows: Iterable[tuple[str, float | None]]
) -> GaugeMetricFamily:
    """Return the values by gateway, without those that are not known."""
    family = GaugeMetricFamily(name, meaning, labels=["gateway"])
    for gateway, value in rows:
        if value is not None:
            family.add_metric([gateway], value)
    return family
