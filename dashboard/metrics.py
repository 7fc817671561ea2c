"""Rollcall in figures for Prometheus. They are read from the rows, so that every process of every
web server gives the same answer."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

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

from accounts.clock import database_now
from accounts.models import Account, Channel, Gateway, Incident, Notification
from accounts.status import Status
from dashboard.groups import Accounts
from dashboard.route_figures import WINDOWS, figures_of_all
from webhooks.models import Delivery, Route, RouteTally
from webhooks.passages import LIMITS_MS

# Above this many, counting further would cost and say nothing more.
COUNTED_PENDING = 100_000
OUTCOMES = ("succeeded", "failed", "refused")
KINDS = ("misrouted", "repeated", "retried", "unsigned")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For the bearer of METRICS_TOKEN, and for staff who may view the webhook monitor."""
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
    return is_bearer or request.user.has_perm("webhooks.view_route")


class _Rows(Collector):
    def collect(self) -> Iterable[Metric]:
        now = database_now()
        names = {gateway.pk: gateway.name for gateway in Gateway.objects.all()}
        yield from _webhooks(names)
        yield from _routes(names, now)
        yield from _fleet(names, now)
        yield from _queues()


# --- webhooks -----------------------------------------------------------------------------------
def _webhooks(names: dict[int, str]) -> Iterator[Metric]:
    tallies = list(RouteTally.objects.filter(span=RouteTally.Span.EVER))
    ended = CounterMetricFamily(
        "rollcall_webhooks", "Webhooks by how they ended", labels=["gateway", "outcome"]
    )
    some = CounterMetricFamily(
        "rollcall_webhooks_noted",
        "Webhooks that were noted for a reason",
        labels=["gateway", "kind"],
    )
    handling = HistogramMetricFamily(
        "rollcall_webhook_handling_seconds", "How long handling took", labels=["gateway"]
    )
    for tally in tallies:
        name = names.get(tally.gateway_id or 0, "")
        for outcome in OUTCOMES:
            ended.add_metric([name, outcome], getattr(tally, outcome))
        for kind in KINDS:
            some.add_metric([name, kind], getattr(tally, kind))
        handling.add_metric([name], _buckets(tally.handling), sum_value=None)
    yield from (ended, some, handling)


def _buckets(histogram: list[int]) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus counts them."""
    limits = [*(f"{limit / 1000:g}" for limit in LIMITS_MS), "+Inf"]
    total, buckets = 0, []
    for limit, number in zip(limits, histogram or [0] * len(limits), strict=True):
        total += number
        buckets.append((limit, float(total)))
    return buckets


def _routes(names: dict[int, str], now: datetime) -> Iterator[Metric]:
    routes = list(Route.objects.all())
    yield _by_gateway(
        "rollcall_webhook_failures_in_a_row",
        "Failures since the last success",
        ((names[route.gateway_id], route.consecutive_failures) for route in routes),
    )
    yield _by_gateway(
        "rollcall_webhook_last_success_timestamp_seconds",
        "When the last webhook succeeded",
        (
            (names[route.gateway_id], route.last_success_at.timestamp())
            for route in routes
            if route.last_success_at
        ),
    )
    figures = figures_of_all(WINDOWS["1h"], now)
    yield _by_gateway(
        "rollcall_webhook_missed_event_ratio",
        "Changes that the roll call saw first, of all in the last hour; 1: webhooks are dead",
        (
            (names[pk], one.changes_missed / one.changes)
            for pk, one in figures.items()
            if pk in names and one.changes
        ),
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
        "rollcall_notifications_pending": (
            "Notices that wait to be sent",
            Notification.objects.filter(state=Notification.State.PENDING)[:COUNTED_PENDING].count,
        ),
        "rollcall_channels_failing": (
            "Channels that could not deliver the last notice",
            Channel.objects.filter(is_active=True, failing_since__isnull=False).count,
        ),
    }
    for name, (meaning, count) in pending.items():
        yield GaugeMetricFamily(name, meaning, value=count())


def _by_gateway(name: str, meaning: str, rows: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=["gateway"])
    for gateway, value in rows:
        family.add_metric([gateway], value)
    return family
