from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        from accounts.store import hooks

        if _reapply_after not in hooks.after_registration:
            hooks.after_registration.append(_reapply_after)


def _reapply_after(gateway_id: int, session_id: str) -> None:
    from webhooks.inbox.retry import reapply

    reapply(gateway_id, session_id)
