from __future__ import annotations

from django.urls import path, re_path

from gateways.kinds.webjs import kind
from gateways.registry import KINDS
from webhooks import gateway_calls as calls
from webhooks.schema import schema
from webhooks.views import MisroutedWebhook, Webhook, unknown_path

KNOWN = f"(?P<kind>{'|'.join(KINDS)})"

urlpatterns = [
    path("schema", schema, name="schema"),
    re_path(rf"^webhooks/{KNOWN}$", Webhook.as_view(), name="webhook"),
    # Hard-coded in shipped versions of the Node service, and the wrong value of its .env.
    path("whatsapp/webhooks/webjs", MisroutedWebhook.as_view(), {"kind": kind.KIND}),
    path("webhooks/whatsapp-webjs", MisroutedWebhook.as_view(), {"kind": kind.KIND}),
    # A path of one gateway's own; some senders add the event's name to it.
    re_path(rf"^webhooks/{KNOWN}/(?P<token>[^/]+)(?:/.*)?$", Webhook.as_view()),
    # The Node service's other calls.
    path("whatsapp/accounts/active", calls.ActiveAccounts.as_view()),
    path("whatsapp/sessions/<str:session_id>/mark-disconnected", calls.MarkDisconnected.as_view()),
    path("whatsapp/accounts/<str:session_id>/mark-disconnected", calls.MarkDisconnected.as_view()),
    path("whatsapp/accounts/by-session/<str:session_id>", calls.AccountBySession.as_view()),
    path("whatsapp/accounts/<str:session_id>/status", calls.AccountStatus.as_view()),
    path("whatsapp/accounts-for-cleanup", calls.AccountsForCleanup.as_view()),
    path("whatsapp/cleanup-logs", calls.CleanupLog.as_view()),
    path("whatsapp/cleanup-stats", calls.CleanupStats.as_view()),
    re_path("", unknown_path),  # whatever it is, line breaks included
]
