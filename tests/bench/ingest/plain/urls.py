from __future__ import annotations

from django.urls import path

from tests.bench.ingest.plain.views import DrfWebhook, one_statement

urlpatterns = [path("drf", DrfWebhook.as_view()), path("one-statement", one_statement)]
