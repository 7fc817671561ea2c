"""What the webhook monitor shows: of all gateways, and of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.models import Gateway, Incident
from dashboard.monitor import wording as words
from dashboard.monitor.charts import chart, heartbeat, times_of
from dashboard.monitor.figures import (
    WINDOWS,
    PeriodFigures,
    Window,
    beats_of,
    beats_together,
    figures_of,
)
from dashboard.monitor.watched import WatchedRoute, fleet, nobodys_incidents
from dashboard.wording.gateway import card_of
from webhooks.models import Delivery
from webhooks.route_monitor.expected_path import right_url
from webhooks.route_monitor.wrong_path import read

# Above this many, counting further would cost and say nothing more.
COUNTED_PENDING = 10_000


# --- all gateways --------------------------------------------------------------------------------
def monitor(
    window: Window, now: datetime, *, named: str, page_number: str | None, per_page: int
) -> dict[str, Any]:
    """Return the page about gateways with `named` in their names, its chart and its incidents
    included."""
    found = fleet(window, now, named=named)
    page = Paginator(found.watched, per_page).get_page(page_number)
    ids = [one.gateway.pk for one in found.watched]
    return {
        "now": now,
        "window": window,
        "windows": WINDOWS.values(),
        "named": named,
        "kept": urlencode({"window": window.name} | ({"q": named} if named else {})),
        "page": page,
        "lines": list(_lines(page.object_list, window, now)),
        "chart": chart(beats_together(window, now, ids), window, now),
        "total": _total([one.figures for one in found.watched]),
        "in_trouble": sum(words.state_of(one).tone == "bad" for one in found.watched),
        "nobodys": None if named else found.nobodys,
        **_incidents(found.watched, with_nobodys=not named),
    }


def _incidents(watched: Iterable[WatchedRoute], *, with_nobodys: bool) -> dict[str, Any]:
    """Return the incidents, those that nobody acknowledged first."""
    rows: list[tuple[Incident, Gateway | None]] = [
        (incident, one.gateway) for one in watched for incident in one.open_incidents
    ]
    rows += [(incident, None) for incident in nobodys_incidents()] if with_nobodys else []
    rows.sort(key=lambda row: row[0].acknowledged_at is not None)
    return card_of(rows)


def _total(figures: list[PeriodFigures]) -> dict[str, int]:
    return {
        name: sum(getattr(one, name) for one in figures)
        for name in ("received", "succeeded", "failed", "refused", "misrouted")
    }


def _lines(
    watched: Iterable[WatchedRoute], window: Window, now: datetime
) -> Iterator[dict[str, Any]]:
    ids = [one.gateway.pk for one in watched]
    figures, beats = figures_of(window, now, ids), beats_of(window, now, ids)
    times = times_of(window, now)
    for one in watched:
        yield _line(
            one, figures[one.gateway.pk], heartbeat(beats[one.gateway.pk], times), window, now
        )


def _line(
    one: WatchedRoute, figures: PeriodFigures, beats: SafeString, window: Window, now: datetime
) -> dict[str, Any]:
    return {
        "gateway": one.gateway,
        "route": one.route,
        "figures": figures,
        "state": words.state_of(one),
        "notes": words.notes_of(one, now),
        "rate": words.rate(figures.received, window),
        "success": words.percent(figures.success_percent),
        "missed": words.percent(figures.missed_percent),
        "missed_tone": words.missed_tone(figures),
        "within": _within(figures),
        "lag": words.within((figures.lag_within_ms(95),)),
        "beats": beats,
        "links": links_of(one.gateway),
    }


def _within(figures: PeriodFigures) -> str:
    return words.within(tuple(figures.handled_within_ms(part) for part in (50, 95, 99)))


def links_of(gateway: Gateway) -> dict[str, str]:
    inbox = f"{reverse('admin:webhooks_delivery_changelist')}?gateway__id__exact={gateway.pk}"
    refused = reverse("admin:webhooks_refusedrequest_changelist")
    return {
        "page": url_of(gateway.pk),
        "inbox": inbox,
        "pending": f"{inbox}&state={Delivery.State.PENDING}",
        "dead": f"{inbox}&state={Delivery.State.DEAD}",
        "ignored": f"{inbox}&state={Delivery.State.IGNORED}",
        "refused": f"{refused}?gateway__id__exact={gateway.pk}",
    }


def url_of(gateway_id: int) -> str:
    return reverse("admin:webhooks_route_gateway", args=[gateway_id])


# --- one gateway ---------------------------------------------------------------------------------
def page_of_route(one: WatchedRoute, now: datetime) -> dict[str, Any]:
    """Return the page of one gateway over all spans; six statements for its figures."""
    gateway, spans = one.gateway, list(WINDOWS.values())
    figures = [
        figures_of(window, now, [gateway.pk]).get(gateway.pk, PeriodFigures()) for window in spans
    ]
    pending = Delivery.objects.filter(gateway=gateway, state=Delivery.State.PENDING)
    return {
        "now": now,
        "gateway": gateway,
        "route": one.route,
        "state": words.state_of(one),
        "notes": words.notes_of(one, now),
        "links": links_of(gateway),
        "right_url": right_url(gateway.kind),
        "wrong_paths": [
            (used, words.is_wrong(used, gateway, now))
            for used in (read(one.route.wrong_paths) if one.route else ())
        ],
        "skew": one.route
        and one.route.clock_skew_seconds
        and words.skew(one.route.clock_skew_seconds),
        "pending": pending[:COUNTED_PENDING].count(),
        "charts": [
            (window, chart(beats_together(window, now, [gateway.pk]), window, now))
            for window in spans
        ],
        "spans": spans,
        "rows": [
            (
                label,
                meaning,
                [say(number, window) for number, window in zip(figures, spans, strict=True)],
            )
            for label, meaning, say in _ROWS
        ],
        **_incidents([one], with_nobodys=False),
    }


_Say = Callable[[PeriodFigures, Window], str]
_ROWS: list[tuple[str, str, _Say]] = [
    ("Received", "", lambda figures, _: f"{figures.received:,}"),
    ("Rate", "", lambda figures, window: words.rate(figures.received, window) or words.NOTHING),
    (
        "Success",
        "of those handled, failed or rejected",
        lambda figures, _: words.percent(figures.success_percent),
    ),
    ("Failed", "answered with an error", lambda figures, _: f"{figures.failed:,}"),
    ("Rejected", "not authenticated", lambda figures, _: f"{figures.refused:,}"),
    ("Handled within", "50, 95 and 99 percent", lambda figures, _: _within(figures)),
    (
        "On the way",
        "95 percent, by the event's own time",
        lambda figures, _: words.within((figures.lag_within_ms(95),)),
    ),
    (
        "Missed",
        "changes seen by the roll call first",
        lambda figures, _: _missed(figures),
    ),
    ("Repeated", "known by their id", lambda figures, _: f"{figures.repeated:,}"),
    (
        "Probable retries",
        "equal to the one before",
        lambda figures, _: f"{figures.retried:,}",
    ),
    ("Wrong path", "", lambda figures, _: f"{figures.misrouted:,}"),
    ("Unsigned", "", lambda figures, _: f"{figures.unsigned:,}"),
]


def _missed(figures: PeriodFigures) -> str:
    if not figures.changes:
        return words.NOTHING
    share = words.percent(figures.missed_percent)
    return f"{share} ({figures.changes_missed:,} of {figures.changes:,})"
