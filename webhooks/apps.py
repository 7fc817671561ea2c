from __future__ import annotations

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_delete, post_save


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        from accounts.operators import registration
        from webhooks.auth import keyring
        from webhooks.wire import web_process
        from webhooks.wire.web_process import send_in_background

        if _reapply_after not in registration.after_registration:
            registration.after_registration.append(_reapply_after)
        web_process.also_begun[:] = [send_in_background, keyring.keep_fresh]
        for model in ("accounts.Gateway", "accounts.GatewaySecret"):
            for signal in (post_save, post_delete):
                signal.connect(_forget_keys, sender=model, dispatch_uid="keyring")


def _reapply_after(gateway_id: int, session_id: str) -> None:
    from webhooks.inbox.retry import reapply

    reapply(gateway_id, session_id)


def _forget_keys(**_: object) -> None:
    """Drop this process's keys after the commit; other processes look at the version."""
    from webhooks.auth import keyring

    transaction.on_commit(keyring.forget)
