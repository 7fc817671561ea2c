from __future__ import annotations

from django.urls import path, re_path

from webhooks import gateway_calls as calls
from webhooks.errors import not_found
from webhooks.views import MisroutedWebjsWebhook, WebjsWebhook

urlpatterns = [
    path("webhooks/webjs", WebjsWebhook.as_view(), name="webhook-webjs"),
    # Hard-coded in shipped versions of the Node service, and the wrong value of its .env.
    path("whatsapp/webhooks/webjs", MisroutedWebjsWebhook.as_view()),
    path("webhooks/whatsapp-webjs", MisroutedWebjsWebhook.as_view()),
    # The Node service's other calls.
    path("whatsapp/accounts/active", calls.ActiveAccounts.as_view()),
    path("whatsapp/sessions/<str:session_id>/mark-disconnected", calls.MarkDisconnected.as_view()),
    path("whatsapp/accounts/<str:session_id>/mark-disconnected", calls.MarkDisconnected.as_view()),
    path("whatsapp/accounts/by-session/<str:session_id>", calls.AccountBySession.as_view()),
    path("whatsapp/accounts/<str:session_id>/status", calls.AccountStatus.as_view()),
    path("whatsapp/accounts-for-cleanup", calls.AccountsForCleanup.as_view()),
    path("whatsapp/cleanup-logs", calls.CleanupLog.as_view()),
    path("whatsapp/cleanup-stats", calls.CleanupStats.as_view()),
    re_path(r"^.*$", not_found),
]
