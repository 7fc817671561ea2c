from __future__ import annotations

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        from dashboard.people.groups import ensure_groups

        *_, last = apps.get_app_configs()
        post_migrate.connect(ensure_groups, sender=last, dispatch_uid="rollcall_groups")
