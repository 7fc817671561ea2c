from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path

from dashboard.metrics import metrics
from dashboard.people.second_factor import second_factor
from dashboard.views import health, start
from webhooks.views import unknown_path

urlpatterns = [
    path("", start),
    path("health", health, name="health"),
    path("metrics", metrics, name="metrics"),
    path("admin/second-factor/", second_factor, name="second-factor"),
    path("admin/", admin.site.urls),
    path("api/", include("webhooks.urls")),
    path("notices/", include("notices.urls")),
    re_path("", unknown_path),  # any path, line breaks included
]
