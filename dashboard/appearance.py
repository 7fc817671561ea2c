"""How the admin looks: names, colours, the side bar. Read by config.settings; imports no models."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def stylesheet(request: HttpRequest) -> str:
    return static("dashboard/rollcall.css")


def monitor_stylesheet(request: HttpRequest) -> str:
    return static("dashboard/monitor.css")


def favicon(request: HttpRequest) -> str:
    return static("dashboard/rollcall.svg")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Rollcall",
    "SITE_HEADER": "Rollcall",
    "SITE_SUBHEADER": "What is really connected",
    "SITE_SYMBOL": "fact_check",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": favicon}],
    "SITE_URL": reverse_lazy("admin:index"),
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [stylesheet, monitor_stylesheet],
    "GLOBAL_CALLBACK": "dashboard.roll_call_watch.context",
    "DASHBOARD_CALLBACK": "dashboard.overview.context",
    # Teal: red, amber, green and violet are taken by what the statuses mean.
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 195)",
            "100": "oklch(95.3% .04 195)",
            "200": "oklch(91% .07 195)",
            "300": "oklch(85.5% .1 195)",
            "400": "oklch(77.7% .11 196)",
            "500": "oklch(66% .105 198)",
            "600": "oklch(53% .088 200)",
            "700": "oklch(46% .076 201)",
            "800": "oklch(39.5% .064 203)",
            "900": "oklch(34.5% .054 205)",
            "950": "oklch(26% .045 207)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "dashboard.appearance.navigation",
    },
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar; models are only known once Django is up."""
    from dashboard.roll_call_watch import badges

    numbers = badges(request)
    return [
        {"title": title, "separator": bool(number), "items": [_item(*row, numbers) for row in rows]}
        for number, (title, rows) in enumerate(_GROUPS.items())
    ]


def _item(title: str, icon: str, model: str, numbers: dict[str, int]) -> dict[str, Any]:
    app, name = model.split(".")
    item: dict[str, Any] = {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
    }
    return item | ({"badge": numbers[model]} if numbers.get(model) else {})


# Title, icon, model.
_GROUPS: dict[str, list[tuple[str, str, str]]] = {
    "Overview": [
        ("Accounts", "contact_phone", "accounts.account"),
        ("Gateways", "dns", "accounts.gateway"),
        ("Incidents", "warning", "accounts.incident"),
        ("Notices", "notifications", "notices.notice"),
        ("Webhook monitor", "monitor_heart", "webhooks.route"),
    ],
    "Evidence": [
        ("Transitions", "timeline", "accounts.transition"),
        ("Repairs", "build", "accounts.repair"),
        ("Deliveries", "inbox", "webhooks.delivery"),
        ("Rejected webhooks", "block", "webhooks.refusedrequest"),
        ("Roll calls", "fact_check", "reconciliation.run"),
        ("Drift", "difference", "reconciliation.finding"),
        ("Replaced sessions", "swap_horiz", "accounts.supersededsession"),
    ],
    "Alerts": [
        ("Alert channels", "campaign", "accounts.channel"),
        ("Recipients of notices", "contact_mail", "notices.subscription"),
        ("Deliveries of notices", "outgoing_mail", "notices.delivery"),
    ],
    "People": [
        ("Workspaces", "domain", "accounts.workspace"),
        ("Memberships", "badge", "accounts.membership"),
        ("Users", "person", "auth.user"),
        ("Groups", "group", "auth.group"),
    ],
}
