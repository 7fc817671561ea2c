"""The webhook monitor: how each gateway's webhooks reach us. Read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from dashboard.admin.base import ReadOnlyAdmin
from dashboard.monitor.figures import WINDOWS
from dashboard.monitor.pages import monitor, page_of_route, url_of
from dashboard.monitor.watched import watched_route
from dashboard.roll_call_watch import request_now
from dashboard.wording.html import moment, visible
from webhooks.models import RefusedRequest, Route

ROUTES_PER_PAGE = 50


@admin.register(Route)
class RouteAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.gateway_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_gateway"
        return [path("gateway/<int:gateway_id>/", view, name=name), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        window = WINDOWS.get(request.GET.get("window", ""), WINDOWS["1h"])
        named = request.GET.get("q", "").strip()
        shown = monitor(
            window,
            request_now(request),
            named=named,
            per_page=ROUTES_PER_PAGE,
            page_number=request.GET.get("page"),
        )
        return self._page(request, "webhook_monitor", shown | {"title": "Webhook monitor"})

    def gateway_view(self, request: HttpRequest, gateway_id: int) -> HttpResponse:
        """Show one gateway over all spans, even if no webhook ever came."""
        watched = watched_route(gateway_id)
        if watched is None:
            raise Http404
        shown = page_of_route(watched, request_now(request))
        return self._page(
            request,
            "route",
            shown | {"title": f"Webhooks of {visible(watched.gateway.name)}"},
        )

    def _page(self, request: HttpRequest, name: str, shown: dict[str, Any]) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), **shown}
        return TemplateResponse(request, f"dashboard/{name}.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        route = self.get_object(request, object_id)
        if route is None:
            raise Http404
        return HttpResponseRedirect(url_of(route.gateway_id))


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
