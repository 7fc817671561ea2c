from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from dashboard.metrics import metrics
from dashboard.views import health
from webhooks.views import unknown_path

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health", health, name="health"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("api/", include("webhooks.urls")),
    re_path(r"^.*$", unknown_path),
]
