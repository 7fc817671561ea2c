from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from dashboard.views import health

urlpatterns = [
    path("health", health, name="health"),
    path("admin/", admin.site.urls),
    path("api/", include("webhooks.urls")),
]
