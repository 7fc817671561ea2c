"""The webhook monitor: how each gateway's webhooks reach us. Read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from dashboard.admin.base import ReadOnlyAdmin
from dashboard.pieces import moment
from dashboard.route_figures import (
    WINDOWS,
    Figures,
    WatchedRoute,
    Window,
    add_beats,
    all_beats,
    figures_of,
    watched_routes,
)
from dashboard.route_pictures import chart, heartbeat, marks
from dashboard.watch import request_now
from webhooks.models import RefusedRequest, Route

ROUTES_PER_PAGE = 50


@admin.register(Route)
class RouteAdmin(ReadOnlyAdmin):
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        window = WINDOWS.get(request.GET.get("window", ""), WINDOWS["1h"])
        context = {
            **self.admin_site.each_context(request),
            **_monitor(request, window),
            "opts": self.opts,
            "title": "Webhook monitor",
        }
        return TemplateResponse(request, "dashboard/webhook_monitor.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A route has no page of its own: it is a line of the monitor."""
        if self.get_object(request, object_id) is None:
            raise Http404
        return HttpResponseRedirect(reverse("admin:webhooks_route_changelist"))


def _monitor(request: HttpRequest, window: Window) -> dict[str, Any]:
    now = request_now(request)
    watched = watched_routes(window, now)
    page = Paginator(watched, ROUTES_PER_PAGE).get_page(request.GET.get("page"))
    add_beats(page.object_list, window, now)
    beats = all_beats(window, now)
    return {
        "now": now,
        "window": window,
        "windows": WINDOWS.values(),
        "page": page,
        "lines": [_line(one) for one in page.object_list],
        "chart": chart(beats),
        "marks": marks(beats, now),
        "incidents": [
            (incident, one.gateway) for one in watched for incident in one.open_incidents
        ],
        "total": _total([one.figures for one in watched]),
        "nobody": figures_of(window, now).get(None, Figures()),
    }


def _total(figures: list[Figures]) -> dict[str, int]:
    return {
        name: sum(getattr(one, name) for one in figures)
        for name in ("received", "succeeded", "failed", "refused", "misrouted")
    }


def _line(one: WatchedRoute) -> dict[str, Any]:
    return {
        "gateway": one.gateway,
        "route": one.route,
        "figures": one.figures,
        "tone": _tone(one),
        "success": _percent(one.figures.success_percent),
        "missed": _percent(one.figures.missed_percent),
        "p50": _milliseconds(one.figures.handled_within_ms(50)),
        "p95": _milliseconds(one.figures.handled_within_ms(95)),
        "p99": _milliseconds(one.figures.handled_within_ms(99)),
        "lag": _milliseconds(one.figures.lag_within_ms(95)),
        "beats": heartbeat(one.beats),
        "inbox": f"{reverse('admin:webhooks_delivery_changelist')}?gateway__id__exact="
        f"{one.gateway.pk}",
    }


def _tone(one: WatchedRoute) -> str:
    if one.open_incidents:
        return "bad"
    return "off" if one.route is None or one.route.last_success_at is None else "good"


def _percent(value: float | None) -> str:
    """Never 100 where something failed, never 0 where something worked."""
    if value is None:
        return "–"
    if 99 < value < 100 or 0 < value < 1:
        return f"{value:.1f} %" if 0.05 < value < 99.95 else ("99.9 %" if value > 50 else "0.1 %")
    return f"{value:.0f} %"


def _milliseconds(value: int | None) -> str:
    if value is None:
        return "–"
    return f"{value} ms" if value < 1000 else f"{value / 1000:g} s"


@admin.register(RefusedRequest)
class RefusedRequestAdmin(ReadOnlyAdmin):
    """Requests that were not trusted: the last ones, without their words."""

    list_display = ("received", "code", "why", "source", "gateway", "path")
    list_display_links = ("received",)
    list_select_related = ("gateway",)
    list_filter = ("code", "gateway")
    search_fields = ("source",)
    search_help_text = "An address, or how it begins"
    ordering = ("-id",)

    @admin.display(description="received", ordering="id")
    def received(self, row: Any) -> Any:
        return moment(row.received_at, row.seen_now)
