"""Which gateways the monitor shows, and which of them need somebody first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from accounts.models import Gateway, Incident
from dashboard.monitor.figures import PeriodFigures, Window, figures_of_all
from webhooks.models import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRoute:
    """A gateway with all that the monitor shows of it. `route` None: nothing ever came."""

    gateway: Gateway
    route: Route | None
    figures: PeriodFigures = PeriodFigures()

    @property
    def open_incidents(self) -> list[Incident]:
        found: list[Incident] = self.gateway.open_incidents  # type: ignore[attr-defined]
        return found

    @property
    def failures_in_a_row(self) -> int:
        return self.route.consecutive_failures if self.route else 0

    @property
    def trouble(self) -> tuple[int, int, float, str]:
        """The sort key: those that need an operator first."""
        success = self.figures.success_percent
        return (
            -len(self.open_incidents),
            -self.failures_in_a_row,
            success if success is not None else 100.5,
            self.gateway.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The gateways, those in trouble first, and the webhooks of unknown senders."""

    watched: list[WatchedRoute]
    nobodys: PeriodFigures


def fleet(window: Window, now: datetime, *, named: str = "") -> Fleet:
    """Return the gateways with `named` in their names. Four statements, however many."""
    gateways = [one for one in _gateways() if named.casefold() in one.name.casefold()]
    routes = {route.gateway_id: route for route in Route.objects.all()}
    figures = figures_of_all(window, now)
    watched = [
        WatchedRoute(
            gateway=gateway,
            route=routes.get(gateway.pk),
            figures=figures.get(gateway.pk, PeriodFigures()),
        )
        for gateway in gateways
    ]
    return Fleet(
        watched=sorted(watched, key=lambda one: one.trouble),
        nobodys=figures.get(None, PeriodFigures()),
    )


def watched_route(gateway_id: int) -> WatchedRoute | None:
    """Return one gateway, without figures."""
    gateway = _gateways().filter(pk=gateway_id).first()
    if gateway is None:
        return None
    return WatchedRoute(gateway=gateway, route=Route.objects.filter(gateway=gateway).first())


def nobodys_incidents() -> list[Incident]:
    """About webhooks, and no gateway's."""
    return list(_open_incidents().filter(kind=Incident.Kind.UNATTRIBUTED))


def _gateways() -> QuerySet[Gateway]:
    return Gateway.objects.prefetch_related(
        Prefetch("incidents", queryset=_open_incidents(), to_attr="open_incidents")
    )


def _open_incidents() -> QuerySet[Incident]:
    return Incident.objects.filter(closed_at__isnull=True).order_by("opened_at")
