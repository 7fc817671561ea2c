from __future__ import annotations

from django.urls import path, re_path, register_converter

from gateways.kind import NAME
from gateways.registry import KINDS
from webhooks import gateway_calls as calls
from webhooks.schema import schema
from webhooks.views import MisroutedWebhook, Webhook, unknown_path


class _KindName:
    """A kind of gateway that there is."""

    regex = NAME.pattern

    def to_python(self, value: str) -> str:
        if value not in KINDS:
            raise ValueError(value)
        return value

    def to_url(self, value: str) -> str:
        return value


class _OwnPath:
    """A path of one gateway's own; some senders add the event's name to it."""

    regex = r"[^/]+(?:/.*)?"

    def to_python(self, value: str) -> str:
        return value.partition("/")[0]

    def to_url(self, value: str) -> str:
        return value


register_converter(_KindName, "kind")
register_converter(_OwnPath, "own_path")

urlpatterns = [
    path("schema", schema, name="schema"),
    path("webhooks/<kind:kind>", Webhook.as_view(), name="webhook"),
    *(
        path(wrong.removeprefix("/api/"), MisroutedWebhook.as_view(), {"kind": kind.name})
        for kind in KINDS.values()
        for wrong in kind.wrong_paths
    ),
    *(
        re_path(
            rf"^webhooks/(?P<kind>{kind.name})/(?:{'|'.join(kind.event_segments)})$",
            Webhook.as_view(),
        )
        for kind in KINDS.values()
        if kind.event_segments
    ),
    path("webhooks/<kind:kind>/<own_path:token>", Webhook.as_view()),
    # The Node service's other calls.
    path("whatsapp/accounts/active", calls.ActiveAccounts.as_view()),
    path("whatsapp/sessions/<str:session_id>/mark-disconnected", calls.MarkDisconnected.as_view()),
    path("whatsapp/accounts/<str:session_id>/mark-disconnected", calls.MarkDisconnected.as_view()),
    path("whatsapp/accounts/by-session/<str:session_id>", calls.AccountBySession.as_view()),
    path("whatsapp/accounts/<str:session_id>/status", calls.AccountStatus.as_view()),
    path("whatsapp/accounts-for-cleanup", calls.AccountsForCleanup.as_view()),
    path("whatsapp/cleanup-logs", calls.CleanupLog.as_view()),
    path("whatsapp/cleanup-stats", calls.CleanupStats.as_view()),
    re_path("", unknown_path),  # any path, line breaks included
]
